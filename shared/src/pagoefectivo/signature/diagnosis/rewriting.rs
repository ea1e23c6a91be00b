//! The body as another program would write it after reading it as JSON.

use serde::de::IgnoredAny;

use super::writing::{self, Escapes, Layout, Numbers};

/// What a program changes when it reads JSON and writes it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rewriting {
    layout: Layout,
    is_sorted: bool,
    escapes: Escapes,
    numbers: Numbers,
}

impl Rewriting {
    /// Whether a text can be written otherwise: it is JSON.
    pub(super) fn suits(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    /// All that are tried, those with the fewest changes first.
    pub(super) fn all() -> Vec<Rewriting> {
        let indented = |blanks, line_break| Layout::Indented { blanks, line_break };
        let layouts = [
            Layout::AsSent,
            Layout::Compact,
            Layout::Blanks,
            indented(2, "\n"),
            indented(4, "\n"),
            indented(0, "\n"),
            indented(2, "\r\n"),
            indented(4, "\r\n"),
        ];
        let escapes =
            [Escapes::AsSent, Escapes::Fewest, Escapes::Ascii, Escapes::Slashes, Escapes::AsciiAndSlashes];
        let numbers = [
            Numbers::AsSent,
            Numbers::Shortest,
            Numbers::OneDecimal,
            Numbers::PaddedAmounts,
            Numbers::FloatAmounts,
            Numbers::Padded,
        ];
        let mut all = Vec::new();
        for layout in layouts {
            for is_sorted in [false, true] {
                for escapes in escapes {
                    all.extend(numbers.map(|numbers| Rewriting { layout, is_sorted, escapes, numbers }));
                }
            }
        }
        // Sorting leaves no layout as it was sent.
        all.retain(|rewriting| {
            rewriting.cost() > 0 && !(rewriting.is_sorted && rewriting.layout == Layout::AsSent)
        });
        all.sort_by_key(|rewriting| rewriting.cost());
        all
    }

    /// How many things it changes.
    pub(super) fn cost(&self) -> usize {
        let changed = [
            self.layout != Layout::AsSent && !(self.is_sorted && self.layout == Layout::Compact),
            self.is_sorted,
            self.escapes != Escapes::AsSent,
            self.numbers != Numbers::AsSent,
        ];
        changed.into_iter().filter(|is_changed| *is_changed).count()
    }

    pub(super) fn words(&self) -> String {
        let layout = match self.layout {
            Layout::AsSent => None,
            Layout::Compact => Some("without white space".to_owned()),
            Layout::Blanks => Some("with a blank behind , and : (as Python's json.dumps)".to_owned()),
            Layout::Indented { blanks, line_break } => {
                let by = if blanks == 0 { "a tab".to_owned() } else { format!("{blanks} blanks") };
                let end = if line_break == "\n" { "LF" } else { "CRLF" };
                Some(format!("indented by {by} with {end}"))
            }
        };
        let sorted = self.is_sorted.then(|| "with sorted keys".to_owned());
        let escapes = match self.escapes {
            Escapes::AsSent => None,
            Escapes::Fewest => Some("with escapes such as \\u00f1 and \\/ undone"),
            Escapes::Ascii => Some("with letters beyond ASCII escaped as \\u00f1"),
            Escapes::Slashes => Some("with slashes escaped as \\/ (as PHP's json_encode)"),
            Escapes::AsciiAndSlashes => {
                Some("with letters beyond ASCII escaped as \\u00f1 and slashes as \\/ (as PHP's json_encode)")
            }
        };
        let numbers = match self.numbers {
            Numbers::AsSent => None,
            Numbers::Shortest => Some("with numbers normalised (22.50 to 22.5, 100.00 to 100)"),
            Numbers::OneDecimal => Some("with numbers normalised (22.50 to 22.5, 100.00 to 100.0)"),
            Numbers::FloatAmounts => Some("with amounts as floating point (22.50 to 22.5, 100 to 100.0)"),
            Numbers::PaddedAmounts => Some("with amounts padded to two decimals"),
            Numbers::Padded => Some("with all numbers padded to two decimals"),
        };
        let parts = [layout, sorted, escapes.map(str::to_owned), numbers.map(str::to_owned)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!(
            "the body was re-serialised before signing, or since: {}; sign and verify its bytes as sent",
            parts.join(", ")
        )
    }

    /// The text written otherwise, from its copy with sorted keys where they are sorted; `None` where that is not possible.
    pub(super) fn of(&self, text: &str, sorted: Option<&str>) -> Option<Vec<u8>> {
        let text = if self.is_sorted { sorted? } else { text };
        writing::write(text, self.layout, self.escapes, self.numbers).map(String::into_bytes)
    }
}
