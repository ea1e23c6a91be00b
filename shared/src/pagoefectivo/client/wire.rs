//! Questions over HTTP: bounded tries, waits, sizes and times, whatever is asked.
//!
//! Nothing of a question but its name is ever told: its address may hold a key, its headers do, and its body may name a
//! shopper.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::time::{self, Instant};

use super::envelope::{Complaint, complaint};
use super::error::ClientError;
use super::record::{self, Record, Records, safe_headers};
use super::wait::{Turns, http_date, part_of, retry_after, varied};
use crate::pagoefectivo::Secret;
use crate::pagoefectivo::contract::Shape;
use crate::telemetry;

pub use reqwest::Method;
pub use reqwest::header::HeaderName;

/// Requests that a process sends in any minute, all its questions and attempts together. The provider's limit is not
/// public: five a second, our assumption.
pub const REQUESTS_PER_MINUTE_DEFAULT: NonZeroU32 = match NonZeroU32::new(300) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};

/// Of an answer that is an error no more than this is read, for its code.
const ERROR_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("cuadre/", env!("CARGO_PKG_VERSION"));

/// How a question deals with a provider that is slow or in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Until the connection stands.
    pub connect: Duration,
    /// For one request with its answer.
    pub request: Duration,
    /// Requests for one question, the first one included.
    pub attempts: u32,
    /// The first wait between two of them; each further one is twice as long, and each is varied by up to half.
    pub first_wait: Duration,
    /// The longest wait that a `Retry-After` may ask for; one that asks for more ends the attempts.
    pub longest_wait: Duration,
    /// For one question with all its requests and waits.
    pub total: Duration,
}

impl Default for Persistence {
    fn default() -> Self {
        Persistence {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(10),
            attempts: 3,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            total: Duration::from_secs(45),
        }
    }
}

/// Whether a question may be asked again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads, or doing it twice is the same as doing it once.
    Safe,
    /// An answer that was lost may have taken effect: asked again only where nothing was sent, or where it was turned away
    /// with 429.
    Never,
}

/// One request.
#[derive(Clone)]
pub struct Question {
    /// Names it in errors and in the log, such as `/v1/cips/search`.
    pub what: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// None of the values is ever shown.
    pub headers: Vec<(HeaderName, Secret)>,
    /// What is sent.
    pub body: Option<String>,
    /// Bytes of an answer; a longer one is not understood.
    pub body_max: usize,
    /// Whether it may be repeated.
    pub repeat: Repeat,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { what, method, body_max, repeat, .. } = self;
        f.debug_struct("Question")
            .field("what", what)
            .field("method", method)
            .field("body_max", body_max)
            .field("repeat", repeat)
            .finish_non_exhaustive()
    }
}

/// An answer of success (2xx), whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Content-Type` as it stands there.
    pub content_type: Option<String>,
    /// The body as received.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reply { status, content_type, body } = self;
        f.debug_struct("Reply")
            .field("status", status)
            .field("content_type", content_type)
            .field("body_bytes", &body.len())
            .finish()
    }
}

/// The way to the provider, shared by all who ask: its connections, and the budget of requests.
#[derive(Debug)]
pub struct Wire {
    http: reqwest::Client,
    persistence: Persistence,
    turns: Turns,
    records: Option<Records>,
}

/// An attempt that came to nothing.
struct Failed {
    error: ClientError,
    /// What `Retry-After` asks for.
    asked_wait: Option<Duration>,
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Failed {
        Failed { error, asked_wait: None }
    }
}

impl Wire {
    /// Makes the HTTP client; nothing is asked yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(persistence: Persistence, requests_per_minute: NonZeroU32) -> Result<Wire, ClientError> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(persistence.connect)
            // A redirect could carry keys to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Wire { http, persistence, turns: Turns::new(requests_per_minute), records: None })
    }

    /// Keeps what may be shown of each request from now on, for the provider's support.
    #[must_use]
    pub fn recording(self) -> Wire {
        Wire { records: Some(Records::default()), ..self }
    }

    /// The latest requests, oldest first; none where they are not kept.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records.as_ref().map(Records::all).unwrap_or_default()
    }

    /// Asks until there is an answer, a refusal, or no attempt left.
    ///
    /// # Errors
    /// [`ClientError`]: any status but 2xx is one, and so is an answer that is longer than the question allows, or
    /// compressed although nobody asked for that.
    pub async fn ask(&self, question: &Question) -> Result<Reply, ClientError> {
        self.ask_until(question, self.deadline()).await
    }

    /// Until when a question that begins now may take.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.persistence.total
    }

    /// Asks within the time of a larger question, of which this one is a part.
    pub(super) async fn ask_until(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Reply, ClientError> {
        let mut attempt = 1;
        loop {
            let failed = match self.attempt(question, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            let Some(wait) = self.wait(&failed, question.repeat, attempt) else { return Err(failed.error) };
            if Instant::now() + wait >= deadline {
                return Err(failed.error);
            }
            let what = question.what;
            tracing::warn!(attempt, path = what, reason = %failed.error, "provider is asked again");
            time::sleep(wait).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// How long to wait before another attempt; `None` where there shall be none.
    fn wait(&self, failed: &Failed, repeat: Repeat, attempt: u32) -> Option<Duration> {
        let persistence = &self.persistence;
        let may_help = match &failed.error {
            ClientError::Unreachable { .. } => true,
            ClientError::Trouble { status: 429, .. } => true,
            ClientError::TimedOut { .. } | ClientError::Cut { .. } | ClientError::Trouble { .. } => {
                repeat == Repeat::Safe
            }
            _ => false,
        };
        if !may_help || attempt >= persistence.attempts {
            return None;
        }
        match failed.asked_wait {
            Some(wait) if wait > persistence.longest_wait => None,
            // A little more than asked for, never less: others were given the same time.
            Some(wait) => Some(wait.saturating_add(part_of(persistence.first_wait))),
            None => Some(varied(persistence.first_wait, attempt)),
        }
    }

    /// One request, when its turn comes.
    async fn attempt(&self, question: &Question, deadline: Instant) -> Result<Reply, Failed> {
        let what = question.what;
        let turn = self.turns.take(Instant::now(), deadline).ok_or(ClientError::NoTurn { what })?;
        time::sleep_until(turn).await;
        let left = deadline.saturating_duration_since(Instant::now());
        let (sent_at, began) = (DateTime::<Utc>::from(SystemTime::now()), Instant::now());
        let mut seen = Seen::default();
        let outcome = self.send(question, self.persistence.request.min(left), &mut seen).await;
        if let Some(records) = &self.records {
            let error = outcome.as_ref().err().map(|failed| &failed.error);
            let reply_body = outcome.as_ref().ok().map(|reply| &reply.body);
            records.keep(Record {
                what,
                method: question.method.to_string(),
                sent_at,
                duration: began.elapsed(),
                status: seen.status,
                code: error.and_then(record::code),
                fault: error.map(|error| telemetry::chain(error)),
                body_bytes: seen.body.as_ref().or(reply_body).map(Vec::len),
                shape: seen.body.as_ref().or(reply_body).and_then(|body| Shape::of(body)),
                headers: seen.headers,
            });
        }
        outcome
    }

    async fn send(&self, question: &Question, timeout: Duration, seen: &mut Seen) -> Result<Reply, Failed> {
        let what = question.what;
        let request = self.http.request(question.method.clone(), &question.url);
        let mut request = request.headers(headers(question)?).timeout(timeout);
        if let Some(body) = &question.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.map_err(|error| broken(what, error))?;
        let status = response.status();
        if self.records.is_some() {
            *seen = Seen {
                status: Some(status.as_u16()),
                headers: safe_headers(response.headers(), question),
                body: None,
            };
        }
        if status.is_success() {
            return Ok(reply(question, response).await?);
        }
        let asked_wait = asked_wait(response.headers());
        let is_trouble = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let status = status.as_u16();
        let body = error_body(response).await;
        let Complaint { code, fields } = complaint(&body, question.body.as_deref());
        seen.body = Some(body);
        let error = if is_trouble {
            let retry_after_seconds = asked_wait.map(|wait| wait.as_secs());
            ClientError::Trouble { what, status, code, retry_after_seconds }
        } else {
            ClientError::Refused { what, status, code, fields }
        };
        Err(Failed { error, asked_wait })
    }
}

/// What was seen of an answer before it was read.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// Of an error.
    body: Option<Vec<u8>>,
}

fn headers(question: &Question) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &question.headers {
        let unsendable =
            ClientError::Unsendable { what: question.what, why: "a header holds what HTTP does not take" };
        let Ok(mut value) = HeaderValue::from_str(value.expose()) else { return Err(unsendable) };
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// What became of a request that brought no answer.
fn broken(what: &'static str, error: reqwest::Error) -> ClientError {
    // The address may hold a key.
    let source = error.without_url();
    if source.is_builder() {
        ClientError::Unsendable { what, why: "its address is not well formed" }
    } else if source.is_connect() {
        ClientError::Unreachable { what, source }
    } else if source.is_timeout() {
        ClientError::TimedOut { what }
    } else {
        ClientError::Cut { what, source }
    }
}

/// The whole answer, within its bound.
async fn reply(question: &Question, mut response: Response) -> Result<Reply, ClientError> {
    let what = question.what;
    let not_understood = |why| ClientError::NotUnderstood { what, why };
    let too_long = || not_understood("is longer than any that is known");
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(not_understood("is compressed, which nobody asked for"));
    }
    let bound = u64::try_from(question.body_max).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > bound) {
        return Err(too_long());
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(what, error))? {
        if body.len().saturating_add(chunk.len()) > question.body_max {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status().as_u16(), content_type, body })
}

/// As much of an error's body as is needed for its code; the status counts without it.
async fn error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    body
}

fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let now = text(header::DATE).and_then(http_date);
    retry_after(text(header::RETRY_AFTER)?, now.unwrap_or_else(|| DateTime::<Utc>::from(SystemTime::now())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pagoefectivo::client::stub::{Stub, answer};

    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbody";

    fn persistence() -> Persistence {
        Persistence {
            request: Duration::from_millis(300),
            first_wait: Duration::from_millis(1),
            ..Persistence::default()
        }
    }

    fn question(url: String, repeat: Repeat) -> Question {
        let secret = Secret::new("canary-key".to_owned());
        Question {
            what: "the report",
            method: Method::GET,
            url: format!("{url}/report?key=canary-query"),
            headers: vec![(header::AUTHORIZATION, secret)],
            body: Some("canary-body".to_owned()),
            body_max: 16,
            repeat,
        }
    }

    /// What comes of a question whose attempts meet these bytes, one after the other, and how often it was asked.
    async fn ask(answers: &[&str], repeat: Repeat) -> (Result<Reply, ClientError>, usize) {
        let stub = Stub::start(answers.iter().map(|answer| answer.as_bytes().to_vec()).collect());
        let wire = Wire::new(persistence(), REQUESTS_PER_MINUTE_DEFAULT).unwrap();
        let question = question(stub.url(), repeat);
        let result = wire.ask(&question).await;
        for told in [format!("{question:?}"), format!("{result:?}"), format!("{wire:?}")] {
            assert!(!told.contains("canary"), "{told}");
        }
        (result, stub.requests())
    }

    /// The outcome by the name of its variant.
    fn word(result: &Result<Reply, ClientError>) -> String {
        let told = match result {
            Ok(_) => "Reply".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        told.split([' ', '(']).next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn each_kind_of_answer_has_its_outcome_and_its_number_of_requests() {
        let check = async |bytes: &str, safe: (&str, usize), never: (&str, usize)| {
            for (repeat, (expected, requests)) in [(Repeat::Safe, safe), (Repeat::Never, never)] {
                let (result, asked) = ask(&[bytes, bytes, bytes, bytes], repeat).await;
                assert_eq!((word(&result).as_str(), asked), (expected, requests), "{repeat:?} {bytes:?}");
            }
        };
        let once = |word| ((word, 1), (word, 1));
        for (bytes, (safe, never)) in [
            (GOOD.to_owned(), once("Reply")),
            (answer("204 No Content", ""), once("Reply")),
            (answer("302 Found\r\nlocation: http://127.0.0.1:1/", ""), once("Refused")),
            (answer("400 Bad Request", r#"{"code":"111","data":[]}"#), once("Refused")),
            (answer("403 Forbidden", "<html>"), once("Refused")),
            (answer("200 OK\r\ncontent-encoding: gzip", "x"), once("NotUnderstood")),
            (answer("200 OK", "seventeen bytes.."), once("NotUnderstood")),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nsixteen bytes...\r\n1\r\n.\r\n0\r\n\r\n".to_owned(),
                once("NotUnderstood"),
            ),
            (answer("408 Request Timeout", ""), (("Trouble", 3), ("Trouble", 1))),
            (answer("429 Too Many Requests", ""), (("Trouble", 3), ("Trouble", 3))),
            (answer("500 Internal Server Error", ""), (("Trouble", 3), ("Trouble", 1))),
            (answer("502 Bad Gateway", "<html>"), (("Trouble", 3), ("Trouble", 1))),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut".to_owned(), (("Cut", 3), ("Cut", 1))),
            (String::new(), (("Cut", 3), ("Cut", 1))),
            ("nonsense\r\n\r\n".to_owned(), (("Cut", 3), ("Cut", 1))),
            (Stub::SILENCE.to_owned(), (("TimedOut", 3), ("TimedOut", 1))),
        ] {
            check(&bytes, safe, never).await;
        }
    }

    #[tokio::test]
    async fn what_passes_is_no_trouble() {
        let trouble = answer("503 Service Unavailable\r\nretry-after: 0", "");
        let (result, asked) = ask(&[&trouble, "", GOOD], Repeat::Safe).await;
        assert_eq!((result.unwrap().body, asked), (b"body".to_vec(), 3));
    }

    #[tokio::test]
    async fn who_asks_for_more_patience_than_there_is_is_not_asked_again() {
        let date = "date: Mon, 02 Mar 2026 14:30:00 GMT\r\n";
        for (head, seconds) in [
            ("429 Too Many Requests\r\nretry-after: 600".to_owned(), 600),
            (format!("503 Unavailable\r\n{date}retry-after: Mon, 02 Mar 2026 14:40:00 GMT"), 600),
        ] {
            let (result, asked) = ask(&[&answer(&head, ""), GOOD], Repeat::Safe).await;
            let error = result.unwrap_err();
            let ClientError::Trouble { retry_after_seconds, .. } = &error else { panic!("{error}") };
            assert_eq!((*retry_after_seconds, asked), (Some(seconds), 1));
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_sent() {
        let wire = Wire::new(persistence(), REQUESTS_PER_MINUTE_DEFAULT).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = wire.ask(&question(url, Repeat::Never)).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }) && error.left_no_trace(), "{error}");
        let error = wire.ask(&question("no address".to_owned(), Repeat::Safe)).await.unwrap_err();
        assert!(matches!(error, ClientError::Unsendable { .. }), "{error}");
    }

    #[tokio::test]
    async fn the_time_for_a_question_bounds_its_attempts() {
        let stub = Stub::start(vec![Stub::SILENCE.as_bytes().to_vec(); 3]);
        let persistence = Persistence { total: Duration::from_millis(350), ..persistence() };
        let wire = Wire::new(persistence, REQUESTS_PER_MINUTE_DEFAULT).unwrap();
        let began = Instant::now();
        let error = wire.ask(&question(stub.url(), Repeat::Safe)).await.unwrap_err();
        assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_millis(600) && stub.requests() <= 2);
    }

    #[tokio::test]
    async fn the_budget_counts_every_request_of_all_who_ask() {
        let trouble = answer("500 Internal Server Error", "");
        let stub = Stub::start(vec![trouble.into_bytes(), GOOD.into(), GOOD.into()]);
        let wire = Wire::new(persistence(), NonZeroU32::new(2).unwrap()).unwrap();
        let question = question(stub.url(), Repeat::Safe);
        assert!(wire.ask(&question).await.is_ok(), "the second attempt is within the budget");
        let error = wire.ask(&question).await.unwrap_err();
        assert!(matches!(error, ClientError::NoTurn { .. }), "{error}");
        assert_eq!(stub.requests(), 2);
    }
}
