//! From a judged subject to its line: identity, both values, and every field that differs.

use super::advice;
use super::class::Class;
use super::judge::{Judgement, Stand};
use super::line::{LegRows, Line};
use super::notices::Announcement;
use super::orders::OrderView;
use crate::calendar::Instant;
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::{CipKey, CipView, ProviderState};
use crate::lifecycle::evidence::{OrderRow, ReportRow, Text};
use crate::lifecycle::operations::{Operation, Standing};
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

/// The line of an order, with what stands for it at the provider.
pub(super) fn order_line(
    order: &OrderView<'_, '_>,
    stand: Option<&Stand<'_, '_, '_>>,
    (class, reason): Judgement,
) -> Line {
    let row = order.row();
    let created_at = row.created_at.to_utc().to_rfc3339();
    let state = stand.map_or(ProviderState::Absent, |stand| stand.state);
    let found = stand.map(|stand| &stand.cip.key);
    let provider_row = stand.and_then(speaking_row);
    let report = stand.and_then(Stand::money);
    let difference_minor = report
        .filter(|report| report.currency == row.amount.currency)
        .map(|report| report.minor.saturating_sub(row.amount.minor));
    let day = stand.and_then(Stand::paid_at).or(row.paid_at).unwrap_or(row.created_at).business_day();
    let shown = found.and_then(CipKey::cip);
    Line {
        break_id: BreakId::new(&row.account, ORDER_REPORT, &["order", &row.reference_id, &created_at]),
        class,
        reason,
        severity: advice::severity(class, reason, Some(row.status), state),
        account: row.account.to_string(),
        store: text(row.store.as_ref().or_else(|| provider_row.and_then(|row| row.store.as_ref()))),
        cip: shown.map_or_else(|| listed(&row.cips), |cip| cip.to_string()),
        reference_id: row.reference_id.to_string(),
        operation_number: number(stand.and_then(|stand| stand.operation)),
        currency: row.amount.currency,
        order_minor: Some(row.amount.minor),
        report_minor: report.map(|money| money.minor),
        report_currency: report.map_or(row.amount.currency, |money| money.currency),
        difference_minor,
        exchange: None,
        order_status: row.status.word(),
        report_status: state.word(),
        differences: stand.map_or_else(String::new, |stand| differences(row, stand, class)),
        business_day: Some(day),
        opened_at: None,
        value_minor: row.amount.minor,
        value_currency: row.amount.currency,
        sort_cip: shown.or_else(|| row.cips.first().copied()).map(Cip::number),
        rows: LegRows::default(),
    }
}

/// The line of a CIP that no order expects.
pub(super) fn cip_line(account: &str, stand: &Stand<'_, '_, '_>, (class, reason): Judgement) -> Line {
    let key = key_text(&stand.cip.key);
    let id = BreakId::new(account, ORDER_REPORT, &["cip", &key]);
    provider_line(
        account,
        id,
        stand.cip,
        stand.operation,
        speaking_row(stand),
        (class, reason),
        stand.state.word(),
    )
}

/// The line of a further payment, beside the pair's.
pub(super) fn payment_line(
    account: &str,
    order: Option<&OrderRow<'_>>,
    cip: &CipView<'_, '_>,
    operation: &Operation<'_, '_>,
    class: Class,
) -> Line {
    let key = key_text(&cip.key);
    let relation = if class == Class::MissingNotice { NOTICE_REPORT } else { PAYMENT };
    let id = BreakId::new(account, relation, &["cip", &key, &operation_key(operation)]);
    let row = operation.speaker().map(|settled| settled.row.as_ref());
    let state = match operation.standing {
        Standing::Live => "paid",
        Standing::Refunded => "refunded",
        Standing::Reversed => "reversed",
    };
    let mut line = provider_line(account, id, cip, Some(operation), row, (class, None), state);
    show_order(&mut line, order);
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
fn operation_key(operation: &Operation<'_, '_>) -> String {
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

fn number(operation: Option<&Operation<'_, '_>>) -> String {
    operation.and_then(Operation::number).map(str::to_owned).unwrap_or_default()
}

fn provider_line(
    account: &str,
    break_id: BreakId,
    cip: &CipView<'_, '_>,
    operation: Option<&Operation<'_, '_>>,
    row: Option<&ReportRow<'_>>,
    (class, reason): Judgement,
    report_status: &'static str,
) -> Line {
    let money = row.map_or(Money { minor: 0, currency: Currency::Pen }, |row| row.amount);
    let moment = operation.and_then(Operation::paid_at).or_else(|| row.and_then(|row| row.created_at));
    Line {
        break_id,
        class,
        reason,
        severity: advice::severity(class, reason, None, ProviderState::Absent),
        account: account.to_owned(),
        store: text(row.and_then(|row| row.store.as_ref())),
        cip: cip.key.cip().map(|cip| cip.to_string()).unwrap_or_default(),
        reference_id: text(row.and_then(|row| row.reference_id.as_ref())),
        operation_number: number(operation),
        currency: money.currency,
        order_minor: None,
        report_minor: row.map(|row| row.amount.minor),
        report_currency: money.currency,
        difference_minor: None,
        exchange: None,
        order_status: "",
        report_status,
        differences: String::new(),
        business_day: moment.map(Instant::business_day),
        opened_at: None,
        value_minor: money.minor,
        value_currency: money.currency,
        sort_cip: cip.key.cip().map(Cip::number),
        rows: LegRows::default(),
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
        order_status: "",
        report_status: "",
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

fn speaking_row<'s>(stand: &'s Stand<'_, '_, '_>) -> Option<&'s ReportRow<'s>> {
    let by_payment = stand.operation.and_then(Operation::speaker).map(|settled| settled.row.as_ref());
    by_payment.or_else(|| stand.cip.snapshot())
}

/// Every field that both sides have and that differs, with both values.
fn differences(order: &OrderRow<'_>, stand: &Stand<'_, '_, '_>, class: Class) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut note =
        |field: &str, order: String, report: String| found.push(format!("{field}={order}|{report}"));
    let row = speaking_row(stand);
    if let Some(reference) = row.and_then(|row| row.reference_id.as_ref())
        && *reference != order.reference_id
    {
        note("reference_id", order.reference_id.to_string(), reference.to_string());
    }
    if let Some(cip) = stand.cip.key.cip()
        && !order.cips.is_empty()
        && !order.cips.contains(&cip)
    {
        note("cip", listed(&order.cips), cip.to_string());
    }
    if let Some(money) = stand.money() {
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
    let times = [
        ("expires_at", order.expires_at, stand.cip.expires_at()),
        ("paid_at", order.paid_at, stand.paid_at()),
    ];
    for (field, order, report) in times {
        if let (Some(order), Some(report)) = (order, report)
            && order != report
        {
            note(field, order.to_string(), report.to_string());
        }
    }
    if let (Some(order), Some(report)) =
        (order.refunded_minor, stand.operation.and_then(Operation::refunded_stated))
        && order != report
    {
        note("refunded_amount", format_minor(i128::from(order)), format_minor(i128::from(report)));
    }
    found.join("; ")
}

/// Whether the table calls the two states a mismatch, whatever class came first.
fn states_contradict(order: &OrderRow<'_>, stand: &Stand<'_, '_, '_>, class: Class) -> bool {
    use super::table::{Cell, cell};
    let by_table = matches!(cell(Some(order.status), stand.state), Cell::Mismatch(_));
    let parts_agree = matches!(class, Class::Matched | Class::MatchedWithinTolerance);
    by_table && !parts_agree
}
