//! What may have been signed in place of the body as received, the simplest first.

use std::collections::HashSet;
use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::canonical::Canonical;
use super::super::{Scheme, Tag, compact};
use super::Case;
use super::header::from_base64;
use super::rewriting::Rewriting;
use super::writing;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A larger body is not written in hundreds of ways: that would take minutes in a debug build, and no callback
/// accepts it.
const REWRITTEN_BYTES_MAX: usize = 256 * 1024;

/// One message that may have been signed.
pub(super) struct Candidate<'c> {
    pub(super) message: &'c [u8],
    /// How many mistakes it takes.
    pub(super) cost: usize,
    /// What was done to the body; `None` for what the scheme says.
    pub(super) words: &'c dyn Fn() -> Option<String>,
}

/// Visits each candidate once, the cheapest first, until the visitor breaks off.
pub(super) fn each(
    case: &Case<'_>,
    mut visit: impl FnMut(Candidate<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut seen: HashSet<Tag> = HashSet::new();
    let mut offer = |message: Option<Vec<u8>>, cost: usize, words: &dyn Fn() -> Option<String>| {
        let Some(message) = message else { return ControlFlow::Continue(()) };
        // Of two mistakes that come to the same, the first has the simpler words.
        if seen.insert(Sha256::digest(&message).into()) {
            visit(Candidate { message: &message, cost, words })
        } else {
            ControlFlow::Continue(())
        }
    };
    match case.scheme {
        Scheme::Canonical(canonical) => each_canonical(canonical, case, &mut offer),
        Scheme::PagoEfectivo { .. } | Scheme::Paysafe { .. } => each_raw(case.body, &mut offer),
    }
}

type Offer<'o> = dyn FnMut(Option<Vec<u8>>, usize, &dyn Fn() -> Option<String>) -> ControlFlow<()> + 'o;

fn each_raw(body: &[u8], offer: &mut Offer<'_>) -> ControlFlow<()> {
    offer(Some(body.to_vec()), 0, &|| None)?;
    for change in Change::ALL {
        offer(change.of(body), 1, &|| Some(change.words().to_owned()))?;
    }
    if body.len() > REWRITTEN_BYTES_MAX {
        return ControlFlow::Continue(());
    }
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let Some(text) = std::str::from_utf8(text).ok().filter(|text| Rewriting::suits(text)) else {
        return ControlFlow::Continue(());
    };
    let sorted = writing::sorted(text);
    for rewriting in Rewriting::all() {
        offer(rewriting.of(text, sorted.as_deref()), rewriting.cost(), &|| Some(rewriting.words()))?;
    }
    ControlFlow::Continue(())
}

fn each_canonical(canonical: &Canonical, case: &Case<'_>, offer: &mut Offer<'_>) -> ControlFlow<()> {
    let message = |scheme: &Canonical| {
        let message = scheme.message(case.body, case.now).ok()?;
        Some(message.text.into_bytes())
    };
    offer(message(canonical), 0, &|| None)?;
    let itself = "the body itself was signed, and not its parameters: the account needs another scheme";
    for message in [Some(case.body.to_vec()), compact::compact(case.body)] {
        offer(message, 1, &|| Some(itself.to_owned()))?;
    }
    let joined = message(canonical);
    for change in Change::OF_TEXT {
        let changed = joined.as_deref().and_then(|text| change.of(text));
        offer(changed, 1, &|| Some(change.words().to_owned()))?;
    }
    let neighbours = canonical.neighbours();
    for (option, neighbour) in &neighbours {
        offer(message(neighbour), 1, &|| Some(format!("the scheme needs {option}")))?;
    }
    for (first, neighbour) in &neighbours {
        for (second, neighbour) in neighbour.neighbours() {
            let words = || Some(format!("the scheme needs {first} and {second}"));
            offer(message(&neighbour), 2, &words)?;
        }
    }
    ControlFlow::Continue(())
}

/// What happens to a body without anybody reading it as JSON.
#[derive(Clone, Copy)]
enum Change {
    Compact,
    LineFeedAdded,
    CarriageReturnAdded,
    LineBreakTaken,
    Trimmed,
    MarkAdded,
    MarkTaken,
    ToCarriageReturns,
    ToLineFeeds,
    Stripped,
    UpperCase,
    LowerCase,
    Empty,
    FromBase64,
    ToBase64,
    ToLatin1,
    FromLatin1,
    Quoted,
}

impl Change {
    const ALL: [Change; 18] = [
        Change::Compact,
        Change::LineFeedAdded,
        Change::CarriageReturnAdded,
        Change::LineBreakTaken,
        Change::Trimmed,
        Change::MarkAdded,
        Change::MarkTaken,
        Change::ToCarriageReturns,
        Change::ToLineFeeds,
        Change::Stripped,
        Change::UpperCase,
        Change::LowerCase,
        Change::Empty,
        Change::FromBase64,
        Change::ToBase64,
        Change::ToLatin1,
        Change::FromLatin1,
        Change::Quoted,
    ];

    /// Those that happen to a text that is no JSON as well.
    const OF_TEXT: [Change; 6] = [
        Change::LineFeedAdded,
        Change::CarriageReturnAdded,
        Change::Stripped,
        Change::UpperCase,
        Change::LowerCase,
        Change::ToLatin1,
    ];

    fn words(self) -> &'static str {
        match self {
            Change::Compact => "the white space between JSON's tokens was not signed",
            Change::LineFeedAdded => "a line break (LF) at the end was signed, and this body has none",
            Change::CarriageReturnAdded => {
                "a line break (CRLF) at the end was signed, and this body has none"
            }
            Change::LineBreakTaken => "the line break at the end of this body was not signed",
            Change::Trimmed => "the white space around this body was not signed",
            Change::MarkAdded => "a byte order mark (BOM) was signed, and this body has none",
            Change::MarkTaken => "the byte order mark (BOM) of this body was not signed",
            Change::ToCarriageReturns => "line breaks were signed as CRLF, and are LF in this body",
            Change::ToLineFeeds => "line breaks were signed as LF, and are CRLF in this body",
            Change::Stripped => "all white space was stripped before signing, inside of strings too",
            Change::UpperCase => "the body was signed in upper case",
            Change::LowerCase => "the body was signed in lower case",
            Change::Empty => "an empty body was signed: somebody had read the body before",
            Change::FromBase64 => "this body is still base64, as API Gateway hands it over: decode it first",
            Change::ToBase64 => "the base64 of the body was signed",
            Change::ToLatin1 => "the body was signed in Latin-1, and this one is UTF-8",
            Change::FromLatin1 => "the body was signed in UTF-8, and this one is Latin-1",
            Change::Quoted => "the body was serialised twice, as one JSON string",
        }
    }

    /// The changed body; `None` where there is nothing to change.
    fn of(self, body: &[u8]) -> Option<Vec<u8>> {
        let with = |end: &[u8]| Some([body, end].concat());
        let text = || std::str::from_utf8(body).ok();
        match self {
            Change::Compact => compact::compact(body),
            Change::LineFeedAdded => with(b"\n"),
            Change::CarriageReturnAdded => with(b"\r\n"),
            Change::LineBreakTaken => {
                let body = body.strip_suffix(b"\n")?;
                Some(body.strip_suffix(b"\r").unwrap_or(body).to_vec())
            }
            Change::Trimmed => Some(body.trim_ascii().to_vec()),
            Change::MarkAdded => Some([BYTE_ORDER_MARK, body].concat()),
            Change::MarkTaken => body.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec),
            Change::ToCarriageReturns => {
                Some(text()?.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes())
            }
            Change::ToLineFeeds => Some(text()?.replace("\r\n", "\n").into_bytes()),
            Change::Stripped => {
                Some(body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect())
            }
            Change::UpperCase => Some(text()?.to_uppercase().into_bytes()),
            Change::LowerCase => Some(text()?.to_lowercase().into_bytes()),
            Change::Empty => Some(Vec::new()),
            Change::FromBase64 => from_base64(text()?.trim_ascii()),
            Change::ToBase64 => Some(STANDARD.encode(body).into_bytes()),
            Change::ToLatin1 => text()?.chars().map(|character| u8::try_from(character).ok()).collect(),
            Change::FromLatin1 if text().is_some() => None,
            Change::FromLatin1 => Some(body.iter().copied().map(char::from).collect::<String>().into_bytes()),
            Change::Quoted => serde_json::to_vec(text()?).ok(),
        }
    }
}
