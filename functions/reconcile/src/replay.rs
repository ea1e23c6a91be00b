//! An archived run made again from the very objects that it read, and held against what it wrote. Pure.

use std::collections::BTreeMap;

use crate::judge::{JudgeError, judge_within};
use crate::manifest::Manifest;

/// Makes the run of a manifest again from its objects, by name; gives its files: name and bytes.
///
/// # Errors
/// [`JudgeError`], also where an object is missing or is not the one that the run read.
pub fn again(
    manifest: &Manifest,
    objects: BTreeMap<String, Vec<u8>>,
) -> Result<Vec<(String, Vec<u8>)>, JudgeError> {
    // Whoever makes a run again, one in stages among them, knows what memory there is.
    Ok(judge_within(manifest, objects, (usize::MAX, usize::MAX))?.outputs)
}

/// Where two versions of one file part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Line, 1 for the first.
    pub line: usize,
    /// Byte in the line, 1 for the first.
    pub column: usize,
    /// The line as it was archived, if there is one.
    pub archived: Option<String>,
    /// The line as it is now, if there is one.
    pub now: Option<String>,
}

/// The first place at which two files differ; `None` where they are the same, byte for byte.
#[must_use]
pub fn first_mismatch(archived: &[u8], now: &[u8]) -> Option<Mismatch> {
    if archived == now {
        return None;
    }
    let same = archived.iter().zip(now).take_while(|(a, b)| a == b).count();
    let before = archived.get(..same).unwrap_or_default();
    let line_begins = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
    Some(Mismatch {
        line,
        column: same.saturating_sub(line_begins).saturating_add(1),
        archived: line_from(archived, line_begins),
        now: line_from(now, line_begins),
    })
}

fn line_from(bytes: &[u8], begins: usize) -> Option<String> {
    let rest = bytes.get(begins..).filter(|rest| !rest.is_empty())?;
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Some(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_line_and_column() {
        let check =
            |archived: &str, now: &str, expected: Option<(usize, usize, Option<&str>, Option<&str>)>| {
                let found = first_mismatch(archived.as_bytes(), now.as_bytes());
                let found = found.as_ref().map(|mismatch| {
                    let Mismatch { line, column, archived, now } = mismatch;
                    (*line, *column, archived.as_deref(), now.as_deref())
                });
                assert_eq!(found, expected, "{archived:?} {now:?}");
            };
        check("", "", None);
        check("a\nb\n", "a\nb\n", None);
        check("a\nbcd\n", "a\nbxd\n", Some((2, 2, Some("bcd"), Some("bxd"))));
        check("a\n", "a\nb\n", Some((2, 1, None, Some("b"))));
        check("a\nb", "a\n", Some((2, 1, Some("b"), None)));
        check("ab", "a", Some((1, 2, Some("ab"), Some("a"))));
        check("", "x", Some((1, 1, None, Some("x"))));
    }
}
