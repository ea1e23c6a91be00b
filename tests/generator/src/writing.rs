//! Rows to text: CSV for the shop's and the provider's files, NDJSON for the portal.

use crate::ledger::{fees, full_width, micros};
use crate::rows::{Currency, Dirt, Notice, Order, Report, write_minor, write_minor_short};
use crate::time::{Zone, write_time};

pub(crate) const ORDERS_HEADER: &str = "account,reference_id,cip,amount,currency,status,created_at,expires_at,paid_at,\
                                        fulfilled_at,refunded_amount,refund_payee_id,store,payer_id,ip,updated_at,channel";
pub(crate) const REPORTS_HEADER: &str = "account,cip,reference_id,operation_number,amount,currency,status,created_at,\
                                         expires_at,paid_at,refunded_amount,commission,igv,net,provider_id,store,observed_at";
pub(crate) const NOTICES_HEADER: &str =
    "account,cip,event_type,operation_number,amount,currency,paid_at,received_at";

const NO_DATE: &str = "1900-01-01T00:00:00-05:00";

/// A record under construction: fields with commas between them.
pub(crate) struct Record(String);

impl Record {
    pub(crate) fn new() -> Record {
        Record(String::with_capacity(256))
    }

    pub(crate) fn raw(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.0);
        self.0.push(',');
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.raw(|out| push_csv(out, text));
    }

    pub(crate) fn maybe(&mut self, text: Option<&str>, missing: &str) {
        self.raw(|out| push_csv(out, text.unwrap_or(missing)));
    }

    fn time(&mut self, time: Option<i64>, zone: Zone, missing: &str) {
        self.raw(|out| match time {
            Some(time) => write_time(out, time, zone),
            None => out.push_str(missing),
        });
    }

    fn minor(&mut self, minor: Option<i64>, missing: &str) {
        self.raw(|out| match minor {
            Some(minor) => write_minor(out, minor),
            None => out.push_str(missing),
        });
    }

    pub(crate) fn done(mut self) -> String {
        self.0.pop();
        self.0
    }
}

/// Writes a CSV field, in quotes where it needs them.
fn push_csv(out: &mut String, text: &str) {
    if text.contains(['"', ',', '\n', '\r']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

/// A reference as a careless system hands it on.
fn reference(clean: &str, dirt: Option<Dirt>) -> String {
    match dirt {
        Some(Dirt::Ends) => format!("  {clean}\u{3000}"),
        Some(Dirt::NoBreakSpace) => clean.replace(' ', "\u{a0}"),
        Some(Dirt::LineBreak) => clean.replace(' ', "\n"),
        Some(Dirt::ZeroWidth) => clean.replace(' ', " \u{200b}"),
        _ => clean.to_owned(),
    }
}

fn amount(minor: i64, short: bool, dirt: Option<Dirt>) -> String {
    let mut plain = String::new();
    if short {
        write_minor_short(&mut plain, minor)
    } else {
        write_minor(&mut plain, minor)
    }
    if dirt != Some(Dirt::FullWidth) {
        return plain;
    }
    full_width(&plain)
}

fn currency(currency: Currency, dirt: Option<Dirt>) -> &'static str {
    match (currency, dirt) {
        (Currency::Pen, Some(Dirt::CurrencyWord)) => "S/",
        (Currency::Usd, Some(Dirt::CurrencyWord)) => "US$",
        (currency, _) => currency.code(),
    }
}

fn status(word: &str, dirt: Option<Dirt>) -> String {
    if dirt == Some(Dirt::LetterCase) { word.to_uppercase() } else { word.to_owned() }
}

/// What stands where an optional text, time and refund are missing.
fn missing(dirt: Option<Dirt>) -> (&'static str, &'static str, &'static str) {
    match dirt {
        Some(Dirt::MissingWord) => ("N/A", "-", "null"),
        Some(Dirt::NoDate) => ("", NO_DATE, ""),
        Some(Dirt::ZeroRefund) => ("", "", "0.00"),
        _ => ("", "", ""),
    }
}

/// An orders row as CSV.
pub(crate) fn order_csv(row: &Order) -> String {
    let (no_text, no_time, no_refund) = missing(row.dirt);
    let mut out = Record::new();
    out.text(row.account);
    out.text(&reference(&row.reference, row.dirt));
    // The list keeps the order in which the shop asked for the CIPs.
    let cips: Vec<String> = row.cips.iter().map(u64::to_string).collect();
    out.text(&cips.join(";"));
    out.text(&amount(row.minor, row.short_amount, row.dirt));
    out.text(currency(row.currency, row.dirt));
    out.text(&status(row.status, row.dirt));
    out.time(Some(row.created), row.zone, "");
    out.time(row.expires, row.zone, no_time);
    out.time(row.paid, row.zone, no_time);
    out.time(row.fulfilled, row.zone, no_time);
    out.minor(row.refunded, no_refund);
    let payee = row.payee.or(row.refunded.map(|_| row.payer)).map(|payee| format!("payer-{payee:08x}"));
    out.maybe(payee.as_deref(), no_text);
    out.text(row.store);
    out.text(&format!("payer-{:08x}", row.payer));
    // 2001:db8::/32 is reserved for documentation (RFC 3849).
    let (high, low) = (row.address.div_euclid(1 << 16), row.address.rem_euclid(1 << 16));
    out.text(&format!("2001:db8:{high:x}:{low:x}::1"));
    out.time(row.updated, row.zone, no_time);
    out.text(row.channel);
    out.done()
}

/// A report row as CSV.
pub(crate) fn report_csv(row: &Report) -> String {
    let (no_text, no_time, no_refund) = missing(row.dirt);
    let mut out = Record::new();
    out.text(row.account);
    out.text(&row.cip_text());
    out.maybe(row.reference.as_deref().map(|clean| reference(clean, row.dirt)).as_deref(), no_text);
    out.maybe(row.operation.as_deref(), no_text);
    out.text(&amount(row.minor, row.short_amount, row.dirt));
    out.text(currency(row.currency, row.dirt));
    out.text(&status(row.status, row.dirt));
    out.time(row.created, row.zone, no_time);
    out.time(row.expires, row.zone, no_time);
    out.time(row.paid, row.zone, no_time);
    out.minor(row.refunded, no_refund);
    let (commission, igv, net) = fees(row.minor);
    for fee in [commission, igv, net] {
        out.maybe(row.fees.then(|| micros(fee)).as_deref(), no_text);
    }
    out.maybe(row.provider_id.as_deref(), no_text);
    out.text(row.store);
    out.time(row.observed, row.zone, no_time);
    out.done()
}

/// A report row as the portal writes it: one JSON object, numbers bare, absent fields left out.
pub(crate) fn report_ndjson(row: &Report) -> String {
    let mut out = format!("{{\"account\":\"{}\"", row.account);
    if let Some(cip) = row.cip {
        out.push_str(&format!(",\"cip\":{cip}"));
    }
    let texts = [
        ("reference_id", row.reference.as_deref()),
        ("operation_number", row.operation.as_deref()),
        ("provider_id", row.provider_id.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            out.push_str(&format!(",\"{name}\":\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }
    out.push_str(",\"amount\":");
    write_minor_short(&mut out, row.minor);
    out.push_str(&format!(",\"currency\":\"{}\",\"status\":\"{}\"", row.currency.code(), row.status));
    let times = [
        ("created_at", row.created),
        ("expires_at", row.expires),
        ("paid_at", row.paid),
        ("observed_at", row.observed),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            out.push_str(&format!(",\"{name}\":\""));
            write_time(&mut out, time, row.zone);
            out.push('"');
        }
    }
    if let Some(refunded) = row.refunded {
        out.push_str(",\"refunded_amount\":");
        write_minor_short(&mut out, refunded);
    }
    out.push_str(&format!(",\"store\":\"{}\"}}", row.store));
    out
}

/// A notices row as CSV.
pub(crate) fn notice_csv(row: &Notice) -> String {
    let mut out = Record::new();
    out.text(row.account);
    out.text(&row.cip.to_string());
    out.text(row.event_type);
    out.maybe(row.operation.as_deref(), "");
    out.minor(Some(row.minor), "");
    out.text(row.currency.code());
    out.time(row.paid, row.zone, "");
    out.time(Some(row.received), row.zone, "");
    out.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            push_csv(&mut out, text);
            assert_eq!(out, expected);
        };
        check("web", "web");
        check("web, \"app\"", "\"web, \"\"app\"\"\"");
        check("two\nlines", "\"two\nlines\"");
    }
}
