//! What is sent to get a report, and how its pages follow each other.

use std::fmt;

use chrono::format::{Item, StrftimeItems};
use serde::Deserialize;

/// Rows of a page, at most: a page is held in memory.
const PAGE_ROWS_MAX: u32 = 10_000;

/// What is sent to get one page. Where it says `{from}`, `{to}` (the moment that the window ends before), `{last_day}`
/// (the Lima day of the window's last moment), `{page}`, `{offset}`, `{size}` or `{cursor}`, that stands there.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The address.
    pub url: String,
    /// What is posted; absent, it is a GET.
    pub body: Option<String>,
    /// What the body is.
    pub content_type: String,
    /// What is wanted.
    pub accept: String,
    /// How the request proves whose it is.
    pub authorization: Authorization,
    /// How `{from}` and `{to}` are written, in Lima's time: the letters of chrono's `strftime`.
    pub time_format: String,
    /// How pages follow each other.
    pub paging: Paging,
}

/// The address stays hidden: people put keys into addresses.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("paging", &self.paging).finish_non_exhaustive()
    }
}

/// How a request proves whose it is. The value stands in the account's secret, under `sources` and the source's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// It does not.
    None,
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Basic …` over the value, which is a user name, or user and password with a colon between.
    Basic,
    /// A header of this name with the value.
    Header(String),
}

/// How the pages of a report follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// One answer holds all.
    None,
    /// By number.
    Page {
        /// The number of the first page.
        first: u64,
        /// Rows of a full page; a page with fewer is the last one.
        size: u32,
        /// Where a page states its own number.
        number: Option<Place>,
        /// Where a page states how many pages there are.
        pages: Option<Place>,
        /// Where a page states how many rows all pages have together.
        total: Option<Place>,
    },
    /// By the number of rows before the page.
    Offset {
        /// Rows of a full page; a page with fewer is the last one.
        size: u32,
        /// Where a page states how many rows all pages have together.
        total: Option<Place>,
    },
    /// Each page names the next one.
    Cursor {
        /// Where it does; a page without is the last one.
        next: Place,
        /// Where a page states how many rows all pages have together.
        total: Option<Place>,
    },
}

/// A place in a JSON or XML document: names from the outermost to the innermost, with `.` or `/` between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub Vec<String>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// What is wrong with one key.
#[derive(Debug)]
pub(super) struct RequestFault {
    pub(super) key: &'static str,
    pub(super) reason: String,
}

impl RequestFault {
    fn new(key: &'static str, reason: impl Into<String>) -> RequestFault {
        RequestFault { key, reason: reason.into() }
    }
}

/// `paging` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct PagingTable {
    by: Option<String>,
    first: Option<u64>,
    size: Option<u32>,
    number: Option<String>,
    pages: Option<String>,
    total: Option<String>,
    next: Option<String>,
}

impl PagingTable {
    pub(super) fn read(self) -> Result<Paging, RequestFault> {
        let fault = |reason: &str| RequestFault::new("paging", reason);
        let place = |text: Option<String>| text.map(|text| place(&text)).transpose();
        let size = match self.size {
            Some(size) if !(1..=PAGE_ROWS_MAX).contains(&size) => {
                return Err(fault("size is not a number from 1 to 10000"));
            }
            size => size.ok_or_else(|| fault("write size, the rows of a full page")),
        };
        let by = self.by.as_deref();
        if !matches!(by, None | Some("page" | "offset" | "cursor")) {
            return Err(fault("write by = \"page\", \"offset\" or \"cursor\", or leave paging out"));
        }
        if (self.first.is_some() || self.number.is_some() || self.pages.is_some()) && by != Some("page") {
            return Err(fault("first, number and pages are for by = \"page\""));
        }
        if self.next.is_some() != (by == Some("cursor")) {
            return Err(fault(
                "next names where the cursor of the next page stands, for by = \"cursor\" and only there",
            ));
        }
        match by {
            None if self.size.is_none() && self.total.is_none() => Ok(Paging::None),
            Some("page") => Ok(Paging::Page {
                first: self.first.unwrap_or(1),
                size: size?,
                number: place(self.number)?,
                pages: place(self.pages)?,
                total: place(self.total)?,
            }),
            Some("offset") => Ok(Paging::Offset { size: size?, total: place(self.total)? }),
            Some("cursor") => {
                let next = place(self.next)?.ok_or_else(|| fault("write next"))?;
                Ok(Paging::Cursor { next, total: place(self.total)? })
            }
            _ => Err(fault("size and total are for pages that follow each other: write by")),
        }
    }
}

fn place(text: &str) -> Result<Place, RequestFault> {
    let names: Vec<String> = text.split(['.', '/']).map(str::to_owned).collect();
    if names.iter().any(String::is_empty) || names.len() > 16 {
        let reason = format!("{text:?} is no place such as meta.next");
        return Err(RequestFault::new("paging", reason));
    }
    Ok(Place(names))
}

impl Authorization {
    pub(super) fn read(text: Option<&str>) -> Result<Authorization, RequestFault> {
        let is_header = |name: &str| {
            name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match text {
            None | Some("none") => Ok(Authorization::None),
            Some("bearer") => Ok(Authorization::Bearer),
            Some("basic") => Ok(Authorization::Basic),
            Some(text) => match text.strip_prefix("header ").filter(|name| is_header(name)) {
                Some(name) => Ok(Authorization::Header(name.to_ascii_lowercase())),
                None => {
                    let reason = "write none, bearer, basic or \"header X-Api-Key\"";
                    Err(RequestFault::new("authorization", reason))
                }
            },
        }
    }
}

impl Request {
    /// Whether every placeholder is one, and those that the paging needs are there.
    pub(super) fn check(&self) -> Result<(), RequestFault> {
        let known = ["from", "to", "last_day", "page", "offset", "size", "cursor"];
        let mut used = Vec::new();
        for (key, text) in [("url", Some(&self.url)), ("body", self.body.as_ref())] {
            for name in placeholders(text.map_or("", String::as_str)) {
                // In a body, a brace with something else behind it is JSON.
                if known.contains(&name) {
                    used.push(name);
                } else if key == "url" {
                    let reason = format!("{{{name}}} is none of {{{}}}", known.join("}, {"));
                    return Err(RequestFault::new(key, reason));
                }
            }
        }
        let needed: &[&str] = match self.paging {
            Paging::None => &[],
            Paging::Page { .. } => &["page"],
            Paging::Offset { .. } => &["offset"],
            Paging::Cursor { .. } => &["cursor"],
        };
        if let Some(missing) = needed.iter().find(|name| !used.contains(name)) {
            return Err(RequestFault::new("paging", format!("neither url nor body says {{{missing}}}")));
        }
        let is_bad = |item: Item<'_>| matches!(item, Item::Error);
        if StrftimeItems::new(&self.time_format).any(is_bad) {
            return Err(RequestFault::new("time_format", "is not a format such as %Y-%m-%dT%H:%M:%S%:z"));
        }
        Ok(())
    }
}

/// The words in braces of a text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let words = text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word));
    words.filter(is_word).filter(|word| !word.is_empty())
}
