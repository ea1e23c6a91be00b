//! From a judged subject to its line: identity, both values, and every field that differs.

use std::borrow::Cow;

use super::advice;
use super::class::Class;
use super::judge::{Judgement, Stand};
use super::line::{CipText, LegRows, Line, Shown};
use super::notices::Announcement;
use crate::calendar::Instant;
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::{CipKey, CipView, ProviderState};
use crate::lifecycle::evidence::{OrderRow, ReportRow, Text};
use crate::lifecycle::operations::Operation;
use crate::money::{Currency, Money, format_minor};

/// Relations of the break identity.
const ORDER_REPORT: &str = "order-report";
const PAYMENT: &str = "payment";
const NOTICE_REPORT: &str = "notice-report";

/// What the provider knows a code by, in words.
pub(super) fn key_text(key: &CipKey<'_>) -> String {
    match key {
        CipKey::Cip(cip) => cip.to_string(),
        CipKey::Provider(text) => format!("provider_id {text}"),
        CipKey::Reference(text) => format!("reference_id {text}"),
    }
}

fn text(text: Option<&Text<'_>>) -> String {
    text.map(Text::to_string).unwrap_or_default()
}

pub(super) fn listed(cips: &[Cip]) -> String {
    cips.iter().map(Cip::to_string).collect::<Vec<_>>().join(";")
}

/// The line of an order, with what stands for it at the provider; `buffer` is where its name is put together.
pub(super) fn order_line<'s>(
    row: &'s OrderRow<'_>,
    stand: Option<&Stand<'s>>,
    (class, reason): Judgement,
    buffer: &mut Vec<u8>,
) -> Shown<'s> {
    let mut digits = itoa::Buffer::new();
    let created_at = name_of(row.created_at, &mut digits);
    let state = stand.map_or(ProviderState::Absent, |stand| stand.state);
    let report = stand.and_then(|stand| stand.money);
    let difference_minor = report
        .filter(|report| report.currency == row.amount.currency)
        .map(|report| report.minor.saturating_sub(row.amount.minor));
    let moment = stand.and_then(|stand| stand.paid_at).or(row.paid_at).unwrap_or(row.created_at);
    let shown = stand.and_then(|stand| stand.cip);
    let subject = ["order", row.reference_id.as_ref(), created_at.as_ref()];
    Shown {
        break_id: BreakId::with_buffer(&row.account, ORDER_REPORT, &subject, buffer),
        class,
        reason,
        severity: advice::severity(class, reason, Some(row.status), state),
        account: &row.account,
        store: row.store.as_deref().or_else(|| stand.and_then(|stand| stand.store)).unwrap_or_default(),
        cip: shown.map_or(CipText::Listed(&row.cips), CipText::One),
        reference_id: &row.reference_id,
        operation_number: stand.and_then(|stand| stand.operation_number).unwrap_or_default(),
        currency: row.amount.currency,
        order_minor: Some(row.amount.minor),
        report_minor: report.map(|money| money.minor),
        report_currency: report.map_or(row.amount.currency, |money| money.currency),
        difference_minor,
        order_status: row.status.word(),
        report_status: state.word(),
        differences: stand.map_or(Cow::Borrowed(""), |stand| Cow::Owned(differences(row, stand, class))),
        day: None,
        moment: Some(moment),
        opened_at: None,
        value_minor: row.amount.minor,
        value_currency: row.amount.currency,
        sort_cip: shown.or_else(|| row.cips.first().copied()).map(Cip::number),
    }
}

/// A time inside a name: seconds since 1970, for the name is hashed and nobody reads it.
fn name_of(time: Instant, digits: &mut itoa::Buffer) -> Cow<'_, str> {
    const NANOS_PER_SECOND: i64 = 1_000_000_000;
    let nanos = time.unix_nanos();
    let seconds = nanos.div_euclid(NANOS_PER_SECOND);
    match nanos.rem_euclid(NANOS_PER_SECOND) {
        0 => Cow::Borrowed(digits.format(seconds)),
        rest => Cow::Owned(format!("{seconds}.{rest:09}")),
    }
}

/// The line of a CIP that no order expects; `key` is its name.
pub(super) fn cip_line<'s>(
    account: &'s str,
    key: &str,
    stand: &Stand<'s>,
    judgement: Judgement,
) -> Shown<'s> {
    provider_line(account, BreakId::new(account, ORDER_REPORT, &["cip", key]), stand, judgement)
}

/// The line of one payment of a CIP, beside the pair's; `names` are those of the CIP and of the payment inside it.
pub(super) fn payment_line<'s>(
    account: &'s str,
    order: Option<&'s OrderRow<'_>>,
    names: (&str, &str),
    stand: &Stand<'s>,
    class: Class,
) -> Shown<'s> {
    let relation = if class == Class::MissingNotice { NOTICE_REPORT } else { PAYMENT };
    let id = BreakId::new(account, relation, &["cip", names.0, names.1]);
    let mut line = provider_line(account, id, stand, (class, None));
    if let Some(order) = order {
        line.reference_id = &order.reference_id;
        line.store = order.store.as_deref().unwrap_or(line.store);
    }
    line
}

/// A line beside the pair shows the order's reference and store, where there is one order.
fn show_order(line: &mut Line, order: Option<&OrderRow<'_>>) {
    let Some(order) = order else { return };
    line.reference_id = order.reference_id.to_string();
    if let Some(store) = &order.store {
        line.store = store.to_string();
    }
}

/// A payment's name inside its CIP. Without number it is that of the row that speaks: a payment and a return whose
/// payment is unknown may bear one time.
pub(super) fn operation_key(operation: &Operation<'_, '_>) -> String {
    let status = operation.speaker().map_or("", |settled| settled.row.status.word());
    operation_key_of(operation.number(), operation.paid_at(), status)
}

/// The same from what it is made of.
pub(super) fn operation_key_of(number: Option<&str>, paid_at: Option<Instant>, status: &str) -> String {
    match (number, paid_at) {
        (Some(number), _) => format!("operation {number}"),
        (None, Some(time)) => format!("{status} at {}", time.to_utc().to_rfc3339()),
        (None, None) => format!("{status} undated"),
    }
}

fn provider_line<'s>(
    account: &'s str,
    break_id: BreakId,
    stand: &Stand<'s>,
    (class, reason): Judgement,
) -> Shown<'s> {
    let money = stand.money.unwrap_or(Money { minor: 0, currency: Currency::Pen });
    Shown {
        break_id,
        class,
        reason,
        severity: advice::severity(class, reason, None, ProviderState::Absent),
        account,
        store: stand.store.unwrap_or_default(),
        cip: stand.cip.map_or(CipText::Listed(&[]), CipText::One),
        reference_id: stand.reference_id.unwrap_or_default(),
        operation_number: stand.operation_number.unwrap_or_default(),
        currency: money.currency,
        order_minor: None,
        report_minor: stand.money.map(|money| money.minor),
        report_currency: money.currency,
        difference_minor: None,
        order_status: "",
        report_status: stand.state.word(),
        differences: Cow::Borrowed(""),
        day: None,
        moment: stand.paid_at.or(stand.created_at),
        opened_at: None,
        value_minor: money.minor,
        value_currency: money.currency,
        sort_cip: stand.cip.map(Cip::number),
    }
}

/// The line of an announced payment that nobody confirms, or of notices that contradict each other.
pub(super) fn notice_line(
    announcement: &Announcement<'_, '_>,
    order: Option<&OrderRow<'_>>,
    reported: Option<&CipView<'_, '_>>,
    (class, reason): Judgement,
) -> Line {
    let notice = announcement.notice;
    let cip = notice.cip.to_string();
    let event = match (notice.operation_number.as_deref(), notice.paid_at) {
        (Some(number), _) => format!("operation {number}"),
        (None, Some(time)) => format!("paid at {}", time.to_utc().to_rfc3339()),
        (None, None) => "undated".to_owned(),
    };
    let day = notice.paid_at.unwrap_or(notice.received_at).business_day();
    let row = reported.and_then(any_row);
    let mut line = Line {
        break_id: BreakId::new(&notice.account, NOTICE_REPORT, &["notice", &cip, &notice.event_type, &event]),
        class,
        reason,
        severity: advice::severity(class, reason, None, ProviderState::Absent),
        account: notice.account.to_string(),
        store: text(row.and_then(|row| row.store.as_ref())),
        cip,
        reference_id: text(row.and_then(|row| row.reference_id.as_ref())),
        operation_number: text(notice.operation_number.as_ref()),
        currency: notice.amount.currency,
        order_minor: None,
        report_minor: None,
        report_currency: notice.amount.currency,
        difference_minor: None,
        exchange: None,
        order_status: "".into(),
        report_status: "".into(),
        differences: String::new(),
        business_day: Some(day),
        opened_at: None,
        value_minor: notice.amount.minor,
        value_currency: notice.amount.currency,
        sort_cip: Some(notice.cip.number()),
        rows: LegRows::default(),
    };
    show_order(&mut line, order);
    line
}

fn any_row<'v>(cip: &'v CipView<'_, '_>) -> Option<&'v ReportRow<'v>> {
    let by_payment = cip.operations.first().and_then(Operation::speaker).map(|settled| settled.row.as_ref());
    by_payment.or_else(|| cip.snapshot())
}

/// Every field that both sides have and that differs, with both values.
fn differences(order: &OrderRow<'_>, stand: &Stand<'_>, class: Class) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut note =
        |field: &str, order: String, report: String| found.push(format!("{field}={order}|{report}"));
    if let Some(reference) = stand.reference_id
        && reference != order.reference_id
    {
        note("reference_id", order.reference_id.to_string(), reference.to_string());
    }
    if let Some(cip) = stand.cip
        && !order.cips.is_empty()
        && !order.cips.contains(&cip)
    {
        note("cip", listed(&order.cips), cip.to_string());
    }
    if let Some(money) = stand.money {
        if money.minor != order.amount.minor {
            note(
                "amount",
                format_minor(i128::from(order.amount.minor)),
                format_minor(i128::from(money.minor)),
            );
        }
        if money.currency != order.amount.currency {
            note("currency", order.amount.currency.to_string(), money.currency.to_string());
        }
    }
    if states_contradict(order, stand, class) {
        note("status", order.status.word().to_owned(), stand.state.word().to_owned());
    }
    let times =
        [("expires_at", order.expires_at, stand.expires_at), ("paid_at", order.paid_at, stand.paid_at)];
    for (field, order, report) in times {
        if let (Some(order), Some(report)) = (order, report)
            && order != report
        {
            note(field, order.to_string(), report.to_string());
        }
    }
    if let (Some(order), Some(report)) = (order.refunded_minor, stand.refunded_stated)
        && order != report
    {
        note("refunded_amount", format_minor(i128::from(order)), format_minor(i128::from(report)));
    }
    found.join("; ")
}

/// Whether the table calls the two states a mismatch, whatever class came first.
fn states_contradict(order: &OrderRow<'_>, stand: &Stand<'_>, class: Class) -> bool {
    use super::table::{Cell, cell};
    let by_table = matches!(cell(Some(order.status), stand.state), Cell::Mismatch(_));
    let parts_agree = matches!(class, Class::Matched | Class::MatchedWithinTolerance);
    by_table && !parts_agree
}
