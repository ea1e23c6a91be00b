//! What there is to report: payments, evenly spread over time, and what was changed about single ones.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

/// Payments that follow from their number: a million of them take no memory.
#[derive(Clone, Debug)]
pub struct Book {
    first: DateTime<Utc>,
    every: TimeDelta,
    count: u64,
    /// Words that stand in place of `paid`.
    statuses: BTreeMap<u64, String>,
    /// Cents that stand in place of what follows from the number.
    cents: BTreeMap<u64, u64>,
}

impl Book {
    /// So many payments, the first at `first` and each of the others so much later than the one before.
    #[must_use]
    pub fn new(first: DateTime<Utc>, every: TimeDelta, count: u64) -> Book {
        Book { first, every, count, statuses: BTreeMap::new(), cents: BTreeMap::new() }
    }

    /// Adds payments at the end.
    pub fn add(&mut self, more: u64) {
        self.count = self.count.saturating_add(more);
    }

    /// Takes payments away at the end.
    pub fn remove(&mut self, fewer: u64) {
        self.count = self.count.saturating_sub(fewer);
    }

    /// Lets a row have another status word.
    pub fn set_status(&mut self, row: u64, word: &str) {
        self.statuses.insert(row, word.to_owned());
    }

    /// Lets a row have another amount.
    pub fn set_cents(&mut self, row: u64, cents: u64) {
        self.cents.insert(row, cents);
    }

    /// The rows of a window of time.
    pub(super) fn window(&self, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Range<u64> {
        let before = |time: DateTime<Utc>| {
            let every = self.every.num_milliseconds().max(1);
            let since = time.signed_duration_since(self.first).num_milliseconds();
            // The first row at or after the time.
            let rows = since.div_euclid(every) + i64::from(since.rem_euclid(every) > 0);
            u64::try_from(rows).unwrap_or(0).min(self.count)
        };
        from.map_or(0, before)..to.map_or(self.count, before)
    }

    fn fields(&self, row: u64) -> [(&'static str, String); 6] {
        let time = i32::try_from(row).map_or(self.first, |row| self.first + self.every * row);
        let lima = FixedOffset::west_opt(5 * 3600)
            .map_or_else(|| time.fixed_offset(), |zone| time.with_timezone(&zone));
        let cents = self.cents.get(&row).copied().unwrap_or(1000 + row * 37 % 9000);
        let status = self.statuses.get(&row).cloned().unwrap_or_else(|| "Cancelado".to_owned());
        [
            ("cip", (500_000_000 + row).to_string()),
            ("orden", format!("R-{row}")),
            ("operacion", (70_000_000 + row).to_string()),
            ("monto", format!("{}.{:02}", cents / 100, cents % 100)),
            ("estado", status),
            ("fecha", lima.format("%Y-%m-%dT%H:%M:%S%:z").to_string()),
        ]
    }

    fn page(rows: &Range<u64>, page: u64, size: u64) -> Range<u64> {
        let start = rows.start.saturating_add(page.saturating_sub(1).saturating_mul(size)).min(rows.end);
        start..start.saturating_add(size).min(rows.end)
    }

    fn json_rows(&self, rows: Range<u64>) -> String {
        let mut text = String::from("[");
        for row in rows {
            if text.len() > 1 {
                text.push(',');
            }
            let fields = self.fields(row).map(|(name, value)| match name {
                "cip" | "monto" => format!(r#""{name}":{value}"#),
                _ => format!(r#""{name}":"{value}""#),
            });
            text.push_str(&format!("{{{},\"moneda\":\"PEN\"}}", fields.join(",")));
        }
        text.push(']');
        text
    }

    pub(super) fn json_page(&self, rows: &Range<u64>, page: u64, size: u64) -> String {
        let total = rows.end.saturating_sub(rows.start);
        let (pages, shown) = (total.div_ceil(size).max(1), self.json_rows(Book::page(rows, page, size)));
        format!(r#"{{"meta":{{"page":{page},"pages":{pages},"total":{total}}},"rows":{shown}}}"#)
    }

    pub(super) fn json_cursor(&self, rows: &Range<u64>, page: u64, size: u64) -> String {
        let shown = Book::page(rows, page, size);
        let total = rows.end.saturating_sub(rows.start);
        let next = if shown.end < rows.end { format!(r#""next":"{}","#, page + 1) } else { String::new() };
        format!(r#"{{{next}"total":{total},"rows":{}}}"#, self.json_rows(shown))
    }

    pub(super) fn xml_page(&self, rows: &Range<u64>, page: u64, size: u64) -> String {
        let total = rows.end.saturating_sub(rows.start);
        let pages = total.div_ceil(size).max(1);
        let mut text = format!(
            "<?xml version=\"1.0\"?><report><meta><page>{page}</page><pages>{pages}</pages><total>{total}</total></meta><rows>"
        );
        for row in Book::page(rows, page, size) {
            text.push_str("<row>");
            for (name, value) in self.fields(row) {
                // Writing to a text does not fail.
                if write!(text, "<{name}>{value}</{name}>").is_err() {
                    break;
                }
            }
            text.push_str("<moneda>PEN</moneda></row>");
        }
        text.push_str("</rows></report>");
        text
    }

    pub(super) fn csv(&self, rows: &Range<u64>) -> String {
        let mut text = String::from("cip,orden,operacion,monto,estado,fecha,moneda\n");
        for row in rows.clone() {
            let fields = self.fields(row).map(|(_, value)| value);
            text.push_str(&format!("{},PEN\n", fields.join(",")));
        }
        text
    }
}
