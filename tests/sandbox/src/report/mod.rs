//! A service that gives reports over HTTP, page by page, and can be made to fail at any page. No such service of the
//! provider is public; this one stands for what a portal or a provider's kit may offer.
//!
//! | address | what it gives |
//! | --- | --- |
//! | `/pages?from&to&page&size` | `{"meta": {"page", "pages", "total"}, "rows": […]}` |
//! | `/pages.xml?from&to&page&size` | the same as `<report><meta>…</meta><rows><row>…</row></rows></report>` |
//! | `/cursor?from&to&cursor&size` | `{"next", "total", "rows": […]}`; `next` is absent on the last page |
//! | `/whole.csv?from&to` | all rows at once |
//!
//! `from` and `to` are RFC 3339; the window begins with the one and ends before the other.

mod book;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use book::Book;
use wire::{Answer, Query};

/// What goes wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFault {
    /// A status instead of the page; of 429 and 503 with `Retry-After: 0`.
    Status(u16),
    /// The connection ends before the body does.
    Cut,
    /// No answer at all.
    Silence,
    /// A page for people, under 200.
    Html,
    /// The right body, which is called something else.
    WrongContentType,
    /// The page before it once more.
    Repeated,
    /// The page behind it, under its own number.
    OutOfOrder,
    /// `{}`.
    EmptyStructure,
    /// JSON that ends in the middle, whole by its length.
    BrokenJson,
}

/// A fault that is to come.
#[derive(Clone, Copy, Debug)]
struct Planned {
    page: u64,
    fault: PageFault,
    /// How often; none is always.
    left: Option<u32>,
}

#[derive(Debug)]
struct State {
    book: Mutex<Book>,
    planned: Mutex<Vec<Planned>>,
    /// How often each page was asked for, by its number from 1.
    asked: Mutex<HashMap<u64, u64>>,
    token: String,
}

/// The running service; dropping it ends it.
#[derive(Debug)]
pub struct ReportService {
    url: String,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Drop for ReportService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl ReportService {
    /// Starts the service on a free port of this machine. It takes `Authorization: Bearer` with this token alone.
    ///
    /// # Errors
    /// The listener's, where no port is free.
    pub async fn start(book: Book, token: &str) -> std::io::Result<ReportService> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State {
            book: Mutex::new(book),
            planned: Mutex::default(),
            asked: Mutex::default(),
            token: token.to_owned(),
        });
        let serving = tokio::spawn(wire::serve(listener, Arc::clone(&state)));
        Ok(ReportService { url, state, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets a page go wrong, so often or always; pages count from 1.
    pub fn fail(&self, page: u64, fault: PageFault, times: Option<u32>) {
        lock(&self.state.planned).push(Planned { page, fault, left: times });
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        lock(&self.state.planned).clear();
    }

    /// Changes what there is to report.
    pub fn write(&self, change: impl FnOnce(&mut Book)) {
        change(&mut lock(&self.state.book));
    }

    /// How often a page was asked for.
    #[must_use]
    pub fn asked(&self, page: u64) -> u64 {
        lock(&self.state.asked).get(&page).copied().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The answer to one request; none where the connection is to end without any.
    fn answer(&self, path: &str, query: &Query, token: Option<&str>) -> Option<Answer> {
        if token != Some(&format!("Bearer {}", self.token)) {
            return Some(Answer::json(401, r#"{"error":"unauthorized"}"#.to_owned()));
        }
        let book = lock(&self.book);
        let rows = book.window(query.time("from"), query.time("to"));
        let size = query
            .number("size")
            .filter(|size| *size > 0)
            .unwrap_or(rows.end.saturating_sub(rows.start).max(1));
        let page = match path {
            "/cursor" => query.number("cursor").unwrap_or(1),
            _ => query.number("page").unwrap_or(1),
        };
        *lock(&self.asked).entry(page).or_default() += 1;
        let fault = self.due_fault(page);
        let shown = match fault {
            Some(PageFault::Repeated) => page.saturating_sub(1).max(1),
            Some(PageFault::OutOfOrder) => page.saturating_add(1),
            _ => page,
        };
        let answer = match path {
            "/pages" => Answer::json(200, book.json_page(&rows, shown, size)),
            "/pages.xml" => Answer::of(200, "application/xml", book.xml_page(&rows, shown, size)),
            "/cursor" => Answer::json(200, book.json_cursor(&rows, shown, size)),
            "/whole.csv" => Answer::of(200, "text/csv", book.csv(&rows)),
            _ => Answer::json(404, r#"{"error":"not found"}"#.to_owned()),
        };
        match fault {
            Some(PageFault::Status(status)) => Some(Answer {
                retry_after: matches!(status, 429 | 503),
                ..Answer::json(status, "{}".to_owned())
            }),
            Some(PageFault::Cut) => Some(Answer { cut: true, ..answer }),
            Some(PageFault::Silence) => None,
            Some(PageFault::Html) => Some(Answer::of(
                200,
                "text/html",
                "<!doctype html><html><body>Log in</body></html>".to_owned(),
            )),
            Some(PageFault::WrongContentType) => Some(Answer { content_type: "text/plain", ..answer }),
            Some(PageFault::EmptyStructure) => Some(Answer::json(200, "{}".to_owned())),
            Some(PageFault::BrokenJson) => {
                let mut answer = answer;
                answer.body.truncate(answer.body.len() / 2);
                Some(answer)
            }
            Some(PageFault::Repeated | PageFault::OutOfOrder) | None => Some(answer),
        }
    }

    /// The fault of a page, which is used up by that.
    fn due_fault(&self, page: u64) -> Option<PageFault> {
        let mut planned = lock(&self.planned);
        let due = planned.iter_mut().find(|planned| planned.page == page && planned.left != Some(0))?;
        due.left = due.left.map(|left| left.saturating_sub(1));
        Some(due.fault)
    }
}
