//! Writes JSON as other programs do, from its tokens: whatever is not to be changed keeps its literal text.

use std::iter::Peekable;

use super::super::compact::{Text, is_space};
use super::super::json::{Json, unescaped};

/// Objects and arrays inside one another beyond which nothing is sorted.
const DEPTH_MAX: usize = 128;

/// Members that are taken for amounts.
const AMOUNT_NAMES: [&str; 4] = ["amount", "total", "monto", "importe"];

/// Where white space stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    AsSent,
    Compact,
    /// A blank behind each comma and colon.
    Blanks,
    /// One member a line, so many blanks deeper each time; 0 stands for a tab.
    Indented {
        blanks: usize,
        line_break: &'static str,
    },
}

/// What of a string is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    AsSent,
    /// Only what JSON demands.
    Fewest,
    /// What is not ASCII as `\u00f1`.
    Ascii,
    /// Slashes as `\/`.
    Slashes,
    /// Both.
    AsciiAndSlashes,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    AsSent,
    /// 22.50 as 22.5, 100.00 as 100.
    Shortest,
    /// 22.50 as 22.5, 100.00 as 100.0.
    OneDecimal,
    /// Amounts with at least one decimal, 100 as 100.0 too.
    FloatAmounts,
    /// Amounts with two decimals.
    PaddedAmounts,
    /// All numbers with two decimals.
    Padded,
}

/// Indentation of what lies deep makes a text grow with the square of its length; no notice grows this much.
const GROWTH_MAX: usize = 20;

/// Writes a JSON text otherwise; `None` where it would grow out of bounds.
pub(super) fn write(text: &str, layout: Layout, escapes: Escapes, numbers: Numbers) -> Option<String> {
    let length_max = text.len().saturating_mul(GROWTH_MAX);
    let mut page = Page { text: String::with_capacity(text.len()), layout, depth: 0 };
    let mut tokens = Tokens(text).peekable();
    // The name of the member whose value comes next.
    let (mut last_text, mut name) = ("", None);
    while let Some(token) = tokens.next() {
        if page.text.len() > length_max {
            return None;
        }
        match token {
            Token::Space(space) if layout == Layout::AsSent => page.text.push_str(space),
            Token::Space(_) => {}
            Token::Mark(mark) => {
                page.mark(mark, &mut tokens);
                name = (mark == ':').then_some(last_text);
            }
            Token::Text(literal) => {
                last_text = literal;
                escapes.write(literal, &mut page.text);
            }
            Token::Word(literal) => {
                let is_amount = name.and_then(unescaped).is_some_and(|name| is_amount(&name));
                page.text.push_str(&numbers.of(literal, is_amount));
            }
        }
    }
    Some(page.text)
}

fn is_amount(name: &str) -> bool {
    AMOUNT_NAMES.iter().any(|amount| name.eq_ignore_ascii_case(amount))
}

/// Writes a value without white space and with sorted keys; `None` for what is no JSON or too deep.
pub(super) fn sorted(text: &str) -> Option<String> {
    let mut sorted = String::with_capacity(text.len());
    sort(Json::read(text)?, 0, &mut sorted)?;
    Some(sorted)
}

fn sort(json: Json<'_>, depth: usize, sorted: &mut String) -> Option<()> {
    match json {
        Json::Object(_) | Json::Array(_) if depth == DEPTH_MAX => return None,
        Json::Object(mut members) => {
            members.sort_by_cached_key(|(name, _)| unescaped(name).unwrap_or_default());
            sorted.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                sorted.push_str(if index == 0 { "" } else { "," });
                sorted.push_str(name);
                sorted.push(':');
                sort(Json::of_part(value)?, depth + 1, sorted)?;
            }
            sorted.push('}');
        }
        Json::Array(values) => {
            sorted.push('[');
            for (index, value) in values.into_iter().enumerate() {
                sorted.push_str(if index == 0 { "" } else { "," });
                sort(Json::of_part(value)?, depth + 1, sorted)?;
            }
            sorted.push(']');
        }
        Json::Text(literal) | Json::Word(literal) => sorted.push_str(literal),
    }
    Some(())
}

/// A piece of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Space(&'a str),
    /// A bracket, brace, colon or comma.
    Mark(char),
    /// A string with its quotes.
    Text(&'a str),
    Word(&'a str),
}

/// The tokens of a text that is known to be JSON.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let is_mark = |byte: u8| b"{}[]:,".contains(&byte);
        let first = *self.0.as_bytes().first()?;
        let length = if first == b'"' {
            let mut place = Text::Outside;
            let closed = self.0.bytes().position(|byte| {
                place = place.after(byte);
                place == Text::Outside
            });
            closed.map_or(self.0.len(), |position| position + 1)
        } else if is_mark(first) {
            1
        } else {
            let ends = |byte: u8| is_space(byte) != is_space(first) || is_mark(byte) || byte == b'"';
            self.0.bytes().position(ends).unwrap_or(self.0.len())
        };
        let (token, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(match first {
            b'"' => Token::Text(token),
            _ if is_mark(first) => Token::Mark(char::from(first)),
            _ if is_space(first) => Token::Space(token),
            _ => Token::Word(token),
        })
    }
}

/// A text as it is being written.
struct Page {
    text: String,
    layout: Layout,
    depth: usize,
}

impl Page {
    /// Writes a bracket, brace, colon or comma with the white space that belongs to it.
    fn mark(&mut self, mark: char, rest: &mut Peekable<Tokens<'_>>) {
        if matches!(mark, '}' | ']') {
            self.depth = self.depth.saturating_sub(1);
            // Nothing stands between the two of an empty pair.
            if !self.text.ends_with(['{', '[']) {
                self.break_line();
            }
        }
        self.text.push(mark);
        match (mark, self.layout) {
            ('{' | '[', _) => {
                self.depth += 1;
                if !closes(rest, self.layout) {
                    self.break_line();
                }
            }
            (':' | ',', Layout::Blanks) | (':', Layout::Indented { .. }) => self.text.push(' '),
            (',', Layout::Indented { .. }) => self.break_line(),
            _ => {}
        }
    }

    fn break_line(&mut self) {
        if let Layout::Indented { blanks, line_break } = self.layout {
            self.text.push_str(line_break);
            let step = if blanks == 0 { "\t".to_owned() } else { " ".repeat(blanks) };
            self.text.push_str(&step.repeat(self.depth));
        }
    }
}

/// Whether a pair that was opened is empty. Takes the white space in it out, unless that is kept.
fn closes(rest: &mut Peekable<Tokens<'_>>, layout: Layout) -> bool {
    if layout != Layout::AsSent {
        while rest.next_if(|token| matches!(token, Token::Space(_))).is_some() {}
    }
    matches!(rest.peek(), Some(Token::Mark('}' | ']')))
}

impl Escapes {
    fn write(self, literal: &str, text: &mut String) {
        // Half a surrogate pair stands for no character, and can only stay as it is.
        let plain = if self == Escapes::AsSent { None } else { unescaped(literal) };
        let Some(plain) = plain else {
            text.push_str(literal);
            return;
        };
        let (ascii, slashes) = match self {
            Escapes::AsSent | Escapes::Fewest => (false, false),
            Escapes::Ascii => (true, false),
            Escapes::Slashes => (false, true),
            Escapes::AsciiAndSlashes => (true, true),
        };
        text.push('"');
        for character in plain.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '/' if slashes => text.push_str("\\/"),
                _ if character < ' ' || (ascii && !character.is_ascii()) => escape(character, text),
                _ => text.push(character),
            }
        }
        text.push('"');
    }
}

/// Writes a character as one or two `\u` escapes.
fn escape(character: char, text: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
}

impl Numbers {
    /// A literal that is no plain decimal stays as it is.
    fn of(self, literal: &str, is_amount: bool) -> String {
        let digits = literal.strip_prefix('-').unwrap_or(literal);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = !whole.is_empty() && [whole, decimals].concat().bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return literal.to_owned();
        }
        let has_decimals = !decimals.is_empty();
        let whole = literal.split('.').next().unwrap_or(literal);
        let short = decimals.trim_end_matches('0');
        match self {
            Numbers::Shortest if has_decimals && short.is_empty() => whole.to_owned(),
            Numbers::Shortest if has_decimals => format!("{whole}.{short}"),
            Numbers::OneDecimal if has_decimals => format!("{whole}.{short:0<1}"),
            Numbers::FloatAmounts if has_decimals || is_amount => format!("{whole}.{short:0<1}"),
            Numbers::PaddedAmounts if is_amount => format!("{whole}.{decimals:0<2}"),
            Numbers::Padded => format!("{whole}.{decimals:0<2}"),
            _ => literal.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_is_what_its_program_writes() {
        let text = " { \"a\" : [ 1 , { } , [ ] ], \"b\":\t{\"c\" :null} }\n";
        let check = |layout: Layout, expected: &str| {
            assert_eq!(
                write(text, layout, Escapes::AsSent, Numbers::AsSent).as_deref(),
                Some(expected),
                "{layout:?}"
            );
        };
        let indented = |blanks, line_break| Layout::Indented { blanks, line_break };
        check(Layout::AsSent, text);
        check(Layout::Compact, r#"{"a":[1,{},[]],"b":{"c":null}}"#);
        check(Layout::Blanks, r#"{"a": [1, {}, []], "b": {"c": null}}"#);
        check(
            indented(2, "\n"),
            "{\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}",
        );
        check(
            indented(0, "\r\n"),
            "{\r\n\t\"a\": [\r\n\t\t1,\r\n\t\t{},\r\n\t\t[]\r\n\t],\r\n\t\"b\": {\r\n\t\t\"c\": null\r\n\t}\r\n}",
        );
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        check(indented(2, "\n"), &serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn what_would_grow_out_of_bounds_is_not_written() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let layout = Layout::Indented { blanks: 4, line_break: "\n" };
        assert_eq!(write(&deep, layout, Escapes::AsSent, Numbers::AsSent), None);
        assert!(write(&deep, Layout::Blanks, Escapes::AsSent, Numbers::AsSent).is_some());
    }

    #[test]
    fn strings_are_escaped_as_asked() {
        let check = |escapes: Escapes, expected: &str| {
            let literal = r#""\u00f1 ñ \/ / \" \\ \n \u0001 \ud83d\ude00""#;
            assert_eq!(
                write(literal, Layout::Compact, escapes, Numbers::AsSent).as_deref(),
                Some(expected),
                "{escapes:?}"
            );
        };
        check(Escapes::AsSent, r#""\u00f1 ñ \/ / \" \\ \n \u0001 \ud83d\ude00""#);
        check(Escapes::Fewest, r#""ñ ñ / / \" \\ \n \u0001 😀""#);
        check(Escapes::Ascii, r#""\u00f1 \u00f1 / / \" \\ \n \u0001 \ud83d\ude00""#);
        check(Escapes::Slashes, r#""ñ ñ \/ \/ \" \\ \n \u0001 😀""#);
        check(Escapes::AsciiAndSlashes, r#""\u00f1 \u00f1 \/ \/ \" \\ \n \u0001 \ud83d\ude00""#);
        let half = r#""\ud83d/""#;
        assert_eq!(write(half, Layout::Compact, Escapes::Slashes, Numbers::AsSent).as_deref(), Some(half));
    }

    #[test]
    fn numbers_are_written_as_asked() {
        let text =
            r#"{"amount":100,"n":[22.50,100.00,7,-1.20,1e3,true],"data":{"Amount":22.5},"total":1.239}"#;
        let check = |numbers: Numbers, expected: &str| {
            assert_eq!(
                write(text, Layout::Compact, Escapes::AsSent, numbers).as_deref(),
                Some(expected),
                "{numbers:?}"
            );
        };
        check(Numbers::AsSent, text);
        check(
            Numbers::Shortest,
            r#"{"amount":100,"n":[22.5,100,7,-1.2,1e3,true],"data":{"Amount":22.5},"total":1.239}"#,
        );
        check(
            Numbers::OneDecimal,
            r#"{"amount":100,"n":[22.5,100.0,7,-1.2,1e3,true],"data":{"Amount":22.5},"total":1.239}"#,
        );
        check(
            Numbers::FloatAmounts,
            r#"{"amount":100.0,"n":[22.5,100.0,7,-1.2,1e3,true],"data":{"Amount":22.5},"total":1.239}"#,
        );
        check(
            Numbers::PaddedAmounts,
            r#"{"amount":100.00,"n":[22.50,100.00,7,-1.20,1e3,true],"data":{"Amount":22.50},"total":1.239}"#,
        );
        check(
            Numbers::Padded,
            r#"{"amount":100.00,"n":[22.50,100.00,7.00,-1.20,1e3,true],"data":{"Amount":22.50},"total":1.239}"#,
        );
    }

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(sorted(text).as_deref(), expected, "{text}");
        check(
            r#"{ "b": [ {"d":1.50, "c": {}} ], "\u0061": "x y" }"#,
            Some(r#"{"\u0061":"x y","b":[{"c":{},"d":1.50}]}"#),
        );
        check(r#"{"a":1,"B":2,"ñ":3,"z":4}"#, Some(r#"{"B":2,"a":1,"z":4,"ñ":3}"#));
        check("[]", Some("[]"));
        check(&format!("{}1{}", "[".repeat(200), "]".repeat(200)), None);
    }
}
