//! Writes rows as canonical NDJSON, fields in the order of the format, absent ones left out.
//!
//! Amounts are written as strings: a reader that takes JSON numbers for floats would round them.

use std::fmt::Display;

use super::plan::Layout;
use super::{bank, notices, orders, reports, settlements};
use crate::lifecycle::evidence::{BankRow, Extras, NoticeRow, OrderRow, ReportRow, SettlementRow, Text};
use crate::money::format_minor;

/// What goes before the name of an extra that a field already bears, so that no key stands twice.
const EXTRA_PREFIX: &str = "source.";

/// Writes one order as a line, line feed included.
pub fn write_order_ndjson(row: &OrderRow<'_>, out: &mut Vec<u8>) {
    let cips = row.cips.iter().map(ToString::to_string).collect::<Vec<_>>().join(";");
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.text("reference_id", &row.reference_id);
    line.option("cip", (!cips.is_empty()).then_some(&cips));
    line.value("amount", format_minor(row.amount.minor.into()));
    line.text("currency", row.amount.currency.code());
    line.text("status", row.status.word());
    line.value("created_at", row.created_at);
    line.option("expires_at", row.expires_at);
    line.option("paid_at", row.paid_at);
    line.option("fulfilled_at", row.fulfilled_at);
    line.option("refunded_amount", row.refunded_minor.map(|minor| format_minor(minor.into())));
    line.option_text("refund_payee_id", row.refund_payee_id.as_ref());
    line.option_text("store", row.store.as_ref());
    line.option_text("payer_id", row.payer_id.as_ref());
    line.option_text("ip", row.ip.as_ref());
    line.option("updated_at", row.updated_at);
    line.finish(&row.extras, &orders::LAYOUT);
}

/// Writes one report row as a line, line feed included; `source` is the run's own number and is not written.
pub fn write_report_ndjson(row: &ReportRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.option("cip", row.cip);
    line.option_text("reference_id", row.reference_id.as_ref());
    line.option_text("provider_id", row.provider_id.as_ref());
    line.option_text("operation_number", row.operation_number.as_ref());
    line.value("amount", format_minor(row.amount.minor.into()));
    line.text("currency", row.amount.currency.code());
    line.text("status", row.status.word());
    line.option("created_at", row.created_at);
    line.option("expires_at", row.expires_at);
    line.option("paid_at", row.paid_at);
    line.option("refunded_amount", row.refunded_minor.map(|minor| format_minor(minor.into())));
    line.option("commission", row.commission);
    line.option("igv", row.igv);
    line.option("net", row.net);
    line.option_text("settlement_id", row.settlement_id.as_ref());
    line.option_text("store", row.store.as_ref());
    line.option("observed_at", row.observed_at);
    line.finish(&row.extras, &reports::LAYOUT);
}

/// Writes one notice as a line, line feed included.
pub fn write_notice_ndjson(row: &NoticeRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.value("cip", row.cip);
    line.text("event_type", &row.event_type);
    line.option_text("operation_number", row.operation_number.as_ref());
    line.value("amount", format_minor(row.amount.minor.into()));
    line.text("currency", row.amount.currency.code());
    line.option("paid_at", row.paid_at);
    line.value("received_at", row.received_at);
    line.finish(&row.extras, &notices::LAYOUT);
}

/// Writes one settlement line as a line, line feed included.
pub fn write_settlement_ndjson(row: &SettlementRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.text("settlement_id", &row.settlement_id);
    line.text("currency", row.currency.code());
    line.text("kind", row.kind.word());
    line.option_text("provider_id", row.provider_id.as_ref());
    line.option("cip", row.cip);
    line.value("gross", row.gross);
    line.option("commission", row.commission);
    line.option("igv", row.igv);
    line.value("net", row.net);
    line.option("fx_rate", row.fx_rate);
    line.option("paid_on", row.paid_on);
    line.option_text("bank_reference", row.bank_reference.as_ref());
    line.finish(&row.extras, &settlements::LAYOUT);
}

/// Writes one bank line as a line, line feed included. The ordinal is not written: whoever reads the lines of a
/// statement counts them again, to the same numbers.
pub fn write_bank_ndjson(row: &BankRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("bank_account", &row.bank_account);
    line.option_text("bank_reference", row.bank_reference.as_ref());
    line.value("value_date", row.value_date);
    line.value("amount", format_minor(row.amount.minor.into()));
    line.text("currency", row.amount.currency.code());
    line.option("description", (!row.description.is_empty()).then_some(&row.description));
    line.finish(&row.extras, &bank::LAYOUT);
}

/// One object under construction.
struct Line<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Line<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Line<'o> {
        out.push(b'{');
        Line { out, first: true }
    }

    fn text(&mut self, name: &str, value: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.string(name);
        self.out.push(b':');
        self.string(value);
    }

    fn value(&mut self, name: &str, value: impl Display) {
        self.text(name, &value.to_string());
    }

    fn option(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    fn option_text(&mut self, name: &str, value: Option<&Text<'_>>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn finish(mut self, extras: &Extras<'_>, layout: &Layout) {
        for (name, value) in extras {
            let mut key = name.clone().into_owned();
            while layout.field(&key).is_some()
                || (key != **name && extras.iter().any(|(other, _)| *other == key))
            {
                key.insert_str(0, EXTRA_PREFIX);
            }
            self.text(&key, value);
        }
        self.out.extend_from_slice(b"}\n");
    }

    /// A JSON string; all but quote, backslash and controls stands for itself.
    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0..0x20 => self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }
}
