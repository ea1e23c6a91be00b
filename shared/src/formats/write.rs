//! Writes rows as canonical NDJSON, fields in the order of the format, absent ones left out.
//!
//! Amounts are written as strings: a reader that takes JSON numbers for floats would round them.

use std::fmt::Display;

use super::plan::Layout;
use super::{bank, notices, orders, reports, settlements};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{BankRow, Extras, NoticeRow, OrderRow, ReportRow, SettlementRow, Text};
use crate::money::{write_digits, write_minor};

/// What goes before the name of an extra that a field already bears, so that no key stands twice.
const EXTRA_PREFIX: &str = "source.";

/// Writes one order as a line, line feed included.
pub fn write_order_ndjson(row: &OrderRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.text("reference_id", &row.reference_id);
    if !row.cips.is_empty() {
        line.plain("cip", |out| write_cips(&row.cips, out));
    }
    line.minor("amount", row.amount.minor);
    line.text("currency", row.amount.currency.code());
    line.text("status", row.status.word());
    line.time("created_at", Some(row.created_at));
    line.time("expires_at", row.expires_at);
    line.time("paid_at", row.paid_at);
    line.time("fulfilled_at", row.fulfilled_at);
    line.option_minor("refunded_amount", row.refunded_minor);
    line.option_text("refund_payee_id", row.refund_payee_id.as_ref());
    line.option_text("store", row.store.as_ref());
    line.option_text("payer_id", row.payer_id.as_ref());
    line.option_text("ip", row.ip.as_ref());
    line.time("updated_at", row.updated_at);
    line.finish(&row.extras, &orders::LAYOUT);
}

/// Appends CIPs separated by `;`.
pub(crate) fn write_cips(cips: &[Cip], out: &mut Vec<u8>) {
    for (place, cip) in cips.iter().enumerate() {
        if place > 0 {
            out.push(b';');
        }
        write_digits(cip.number(), out);
    }
}

/// Writes one report row as a line, line feed included; `source` is the run's own number and is not written.
pub fn write_report_ndjson(row: &ReportRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.cip("cip", row.cip);
    line.option_text("reference_id", row.reference_id.as_ref());
    line.option_text("provider_id", row.provider_id.as_ref());
    line.option_text("operation_number", row.operation_number.as_ref());
    line.minor("amount", row.amount.minor);
    line.text("currency", row.amount.currency.code());
    line.text("status", row.status.word());
    line.time("created_at", row.created_at);
    line.time("expires_at", row.expires_at);
    line.time("paid_at", row.paid_at);
    line.option_minor("refunded_amount", row.refunded_minor);
    line.option("commission", row.commission);
    line.option("igv", row.igv);
    line.option("net", row.net);
    line.option_text("settlement_id", row.settlement_id.as_ref());
    line.option_text("store", row.store.as_ref());
    line.time("observed_at", row.observed_at);
    line.finish(&row.extras, &reports::LAYOUT);
}

/// Writes one notice as a line, line feed included.
pub fn write_notice_ndjson(row: &NoticeRow<'_>, out: &mut Vec<u8>) {
    let mut line = Line::begin(out);
    line.text("account", &row.account);
    line.cip("cip", Some(row.cip));
    line.text("event_type", &row.event_type);
    line.option_text("operation_number", row.operation_number.as_ref());
    line.minor("amount", row.amount.minor);
    line.text("currency", row.amount.currency.code());
    line.time("paid_at", row.paid_at);
    line.time("received_at", Some(row.received_at));
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
    line.cip("cip", row.cip);
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
    line.minor("amount", row.amount.minor);
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

    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        // Names of the format need no escapes.
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn extra(&mut self, name: &str, value: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        write_json_text(name, self.out);
        self.out.push(b':');
        write_json_text(value, self.out);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_json_text(value, self.out);
    }

    /// A value that writes itself and needs no escapes.
    fn plain(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(name);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn minor(&mut self, name: &str, minor: i64) {
        self.plain(name, |out| write_minor(minor, out));
    }

    fn cip(&mut self, name: &str, cip: Option<Cip>) {
        if let Some(cip) = cip {
            self.plain(name, |out| write_digits(cip.number(), out));
        }
    }

    fn time(&mut self, name: &str, time: Option<Instant>) {
        if let Some(time) = time {
            self.plain(name, |out| time.write_to(out));
        }
    }

    fn value(&mut self, name: &str, value: impl Display) {
        self.text(name, &value.to_string());
    }

    fn option(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    fn option_minor(&mut self, name: &str, minor: Option<i64>) {
        if let Some(minor) = minor {
            self.minor(name, minor);
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
            self.extra(&key, value);
        }
        self.out.extend_from_slice(b"}\n");
    }
}

/// Appends a JSON string; all but quote, backslash and controls stands for itself.
pub(crate) fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let plain =
        text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\'));
    if plain {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.bytes().for_each(|byte| write_escaped(byte, out));
    }
    out.push(b'"');
}

fn write_escaped(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        _ => out.push(byte),
    }
}
