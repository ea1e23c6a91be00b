//! The one message per run that a finance analyst reads in the morning. Pure; no payer's data goes into it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::calendar::Instant;
use crate::money::{Currency, format_minor};
use crate::reconcile::class::{Class, Severity};
use crate::reconcile::{ClassTotals, Line, NoticeHealth};
use crate::report::difference::Difference;
use crate::report::meanwhile::Meanwhile;
use crate::run::Run;

/// SNS allows a subject of at most 100 printable ASCII characters.
const SUBJECT_CHARS_MAX: usize = 100;
/// How many breaks are told one by one; the rest is in `breaks.csv`.
const BREAKS_SHOWN_MAX: usize = 10;
/// How many things beside the breaks are told one by one.
const NOTES_SHOWN_MAX: usize = 10;
/// How many warnings are repeated.
const WARNINGS_SHOWN_MAX: usize = 5;

/// A message with what subscribers filter by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// At most 100 printable ASCII characters.
    pub subject: String,
    /// Several lines of text.
    pub body: String,
    /// Of a run: `account`, `severity` (of the worst break, `info` without any), `breaks` (their number), `class` (theirs, a
    /// list). Of an urgent message: `account`, `kind`, `severity`, `event_id`, `reason` (a list).
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// The value of a message attribute, as SNS types it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `String`.
    Text(String),
    /// `Number`.
    Number(String),
    /// `String.Array`: a JSON array of texts.
    List(String),
}

/// What an alert says of a run beside its results.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The PagoEfectivo service.
    pub account: &'a str,
    /// Names the run.
    pub run_id: &'a str,
    /// Where its outputs lie.
    pub report_location: &'a str,
    /// What it says otherwise than the run before; absent where that is not known.
    pub since: Option<&'a Difference>,
    /// What has been found to agree since the last alert by runs of which nobody was told.
    pub meanwhile: Option<&'a Meanwhile>,
}

/// Writes the alert of a run over one account.
#[must_use]
pub fn alert(run: &Run, about: About<'_>) -> Alert {
    let account = about.account;
    let set_aside = (!run.needs_person.is_empty()).then_some(Severity::High);
    let worst = run.breaks.iter().map(|line| line.severity).max().max(set_aside);
    let mut classes: Vec<&str> = run.breaks.iter().map(|line| line.class.word()).collect();
    classes.sort_unstable();
    classes.dedup();
    let list = classes.iter().map(|class| format!("\"{class}\"")).collect::<Vec<_>>().join(",");
    Alert {
        subject: subject(run, account, worst),
        body: body(run, about),
        attributes: vec![
            ("account", Attribute::Text(account.to_owned())),
            ("severity", Attribute::Text(worst.unwrap_or(Severity::Info).word().to_owned())),
            ("breaks", Attribute::Number(run.breaks.len().to_string())),
            ("class", Attribute::List(format!("[{list}]"))),
        ],
    }
}

fn subject(run: &Run, account: &str, worst: Option<Severity>) -> String {
    let day = run.as_of.map(|time| format!(" {}", time.business_day())).unwrap_or_default();
    let set_aside = u64_of(run.needs_person.len());
    let found = match (run.breaks.len(), worst) {
        (0, _) if set_aside > 0 => format!("no breaks, and {} to look at", counted(set_aside, "other thing")),
        (0, _) if run.rejected > 0 => format!("no breaks, {} unreadable", counted(run.rejected, "row")),
        (0, _) => "all agrees".to_owned(),
        (breaks, worst) => {
            let word = worst.unwrap_or(Severity::Info).word();
            let sum = in_question(run);
            let sum = if sum.is_empty() { String::new() } else { format!(", {}", money(&sum)) };
            format!("{}, worst {word}{sum}", counted(u64_of(breaks), "break"))
        }
    };
    subject_line(&format!("Cuadre {account}{day}: {found}"))
}

/// A text as SNS takes it for a subject.
pub(super) fn subject_line(text: &str) -> String {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().map(printable).take(SUBJECT_CHARS_MAX).collect()
}

fn body(run: &Run, about: About<'_>) -> String {
    let About { account, run_id, report_location, .. } = about;
    let mut text = String::new();
    // Writing to a String cannot fail; the results are gathered so that none is dropped in silence.
    let written = [
        write_heading(&mut text, run, about),
        write_classes(&mut text, run),
        write_notices(&mut text, run.notice_health.get(account)),
        write_worst(&mut text, &run.breaks),
        write_warnings(&mut text, &run.warnings),
        writeln!(text, "Run     {run_id}\nReport  {report_location}"),
    ];
    debug_assert!(written.iter().all(Result::is_ok));
    text
}

fn write_heading(text: &mut String, run: &Run, about: About<'_>) -> std::fmt::Result {
    let About { account, since, meanwhile, .. } = about;
    let as_of = run.as_of.map_or_else(|| "no time".to_owned(), clock);
    writeln!(text, "PagoEfectivo account {account}, reconciled as of {as_of} (Lima).\n")?;
    match run.breaks.len() {
        0 if !run.needs_person.is_empty() => writeln!(text, "No breaks in what could be compared.")?,
        0 => writeln!(text, "All agrees: no difference needs a person.")?,
        breaks => {
            let sum = in_question(run);
            let sum = if sum.is_empty() { String::new() } else { format!(", {} in question", money(&sum)) };
            let (breaks, by_severity) = (counted(u64_of(breaks), "break"), by_severity(&run.breaks));
            writeln!(text, "{breaks} to look at ({by_severity}){sum}.")?;
        }
    }
    let sentences = [since.and_then(Difference::sentence), meanwhile.and_then(Meanwhile::sentence)];
    for sentence in sentences.into_iter().flatten() {
        writeln!(text, "{sentence}")?;
    }
    if run.rejected > 0 {
        writeln!(text, "{} could not be read: see rejected.csv.", counted(run.rejected, "row"))?;
    }
    for note in run.needs_person.iter().take(NOTES_SHOWN_MAX) {
        writeln!(text, "! {note}")?;
    }
    if let Some(more) = run.needs_person.len().checked_sub(NOTES_SHOWN_MAX).filter(|more| *more > 0) {
        writeln!(text, "! and {more} more in summary.json")?;
    }
    writeln!(text)
}

/// One line per class that has any, breaks first.
fn write_classes(text: &mut String, run: &Run) -> std::fmt::Result {
    let width = run.totals.keys().map(|class| class.word().len()).max().unwrap_or_default();
    let mut classes: Vec<(&Class, &ClassTotals)> =
        run.totals.iter().filter(|(_, totals)| totals.count > 0).collect();
    classes.sort_by_key(|(class, _)| (!class.is_break(), **class));
    for (class, totals) in classes {
        let sums: BTreeMap<Currency, i128> =
            totals.by_currency.iter().map(|(currency, held)| (*currency, held.minor)).collect();
        let mark = if class.is_break() { '!' } else { ' ' };
        writeln!(text, "{mark} {:<width$} {:>6}  {}", class.word(), totals.count, money(&sums))?;
    }
    writeln!(text)
}

/// One line on how well the account is told of its payments.
fn write_notices(text: &mut String, health: Option<&NoticeHealth>) -> std::fmt::Result {
    let Some(health) = health.filter(|health| health.reported > 0) else { return Ok(()) };
    let payments = counted(health.reported, "payment");
    write!(text, "Notices announced {} of {payments}", health.announced)?;
    if health.lost > 0 {
        write!(text, ", {} lost ({}, healed by the report)", health.lost, money(&health.lost_minor))?;
    }
    if health.waiting > 0 {
        write!(text, ", {} may still come", health.waiting)?;
    }
    if let Some(delay) = &health.delay {
        let [half, most, all] = [delay.p50_seconds, delay.p99_seconds, delay.max_seconds].map(duration);
        write!(text, "; half of them within {half}, 99 % within {most}, all within {all}")?;
    }
    writeln!(text, ".\n")
}

/// `90 s`, `15 min`, `30 h`: at least as long as it was.
fn duration(seconds: u32) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

fn write_worst(text: &mut String, breaks: &[Line]) -> std::fmt::Result {
    if breaks.is_empty() {
        return Ok(());
    }
    let mut worst: Vec<&Line> = breaks.iter().collect();
    // A stable sort: equal ones stay in the order of breaks.csv.
    worst.sort_by_key(|line| Reverse((line.severity, line.value_minor)));
    writeln!(text, "Worst first")?;
    for line in worst.iter().take(BREAKS_SHOWN_MAX) {
        write_break(text, line)?;
    }
    match breaks.len().saturating_sub(BREAKS_SHOWN_MAX) {
        0 => writeln!(text),
        more => writeln!(text, "- and {more} more in breaks.csv\n"),
    }
}

fn write_break(text: &mut String, line: &Line) -> std::fmt::Result {
    let reason = line.reason.map(|reason| reason.word()).filter(|reason| *reason != line.class.word());
    let class = match reason {
        Some(reason) => format!("{} ({reason})", line.class.word()),
        None => line.class.word().to_owned(),
    };
    let mut subject = Vec::new();
    let reference = Words::of(line.class).reference;
    for (name, value) in
        [(reference, &line.reference_id), ("CIP", &line.cip), ("operation", &line.operation_number)]
    {
        if !value.is_empty() {
            subject.push(format!("{name} {value}"));
        }
    }
    if subject.is_empty() {
        subject.extend(line.business_day.map(|day| format!("of {day}")));
    }
    writeln!(text, "- {}: {class}, {}", line.severity.word(), subject.join(", "))?;
    writeln!(text, "  {}", both_sides(line))?;
    let suggestion = line.suggestion();
    if suggestion.is_empty() { Ok(()) } else { writeln!(text, "  {suggestion}") }
}

/// What each side says: amount and state; of a notice alone, what it announced; of a finding, what it is about.
fn both_sides(line: &Line) -> String {
    let amount = |minor: i64, currency: Currency| format!("{currency} {}", format_minor(i128::from(minor)));
    if line.class == Class::Finding {
        let about = format!("{}, {}", amount(line.value_minor, line.value_currency), line.differences);
        return if line.value_minor == 0 { line.differences.clone() } else { about };
    }
    if line.order_minor.is_none() && line.report_minor.is_none() {
        return format!("announced {}", amount(line.value_minor, line.value_currency));
    }
    let side = |minor: Option<i64>, currency: Currency, status: &str| match minor {
        Some(minor) => format!("{} {status}", amount(minor, currency)).trim_end().to_owned(),
        None => "nothing".to_owned(),
    };
    let order = side(line.order_minor, line.currency, &line.order_status);
    let report = side(line.report_minor, line.report_currency, &line.report_status);
    let Words { expected, found, .. } = Words::of(line.class);
    format!("{expected} {order}, {found} {report}")
}

/// What the columns of a line are about.
struct Words {
    reference: &'static str,
    expected: &'static str,
    found: &'static str,
}

impl Words {
    const fn of(class: Class) -> Words {
        let (reference, expected, found) = match class {
            Class::Unsettled => ("order", "settled", "provider"),
            Class::RefundUnpaid => ("order", "paid back", "provider"),
            Class::SettlementVariance => ("settlement", "its lines make", "it states"),
            Class::FeeInvoiceVariance => ("invoice", "kept back", "invoiced"),
            Class::MissingDeposit | Class::DepositVariance => ("settlement", "paid out", "bank"),
            Class::UnknownDeposit => ("bank reference", "paid out", "bank"),
            _ => ("order", "order", "provider"),
        };
        Words { reference, expected, found }
    }
}

fn write_warnings(text: &mut String, warnings: &[String]) -> std::fmt::Result {
    for warning in warnings.iter().take(WARNINGS_SHOWN_MAX) {
        writeln!(text, "Note: {warning}")?;
    }
    if warnings.is_empty() { Ok(()) } else { writeln!(text) }
}

/// `1 critical, 2 high`, the worst first.
fn by_severity(breaks: &[Line]) -> String {
    let mut counts: BTreeMap<Reverse<Severity>, u64> = BTreeMap::new();
    for line in breaks {
        let count = counts.entry(Reverse(line.severity)).or_default();
        *count = count.saturating_add(1);
    }
    counts
        .iter()
        .map(|(severity, count)| format!("{count} {}", severity.0.word()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The value of all breaks, by currency. A finding stands beside the pairs whose money it names, and adds none.
fn in_question(run: &Run) -> BTreeMap<Currency, i128> {
    let mut sums = BTreeMap::new();
    for line in run.breaks.iter().filter(|line| line.class != Class::Finding) {
        let sum: &mut i128 = sums.entry(line.value_currency).or_default();
        *sum = sum.saturating_add(i128::from(line.value_minor));
    }
    sums
}

/// `PEN 1234.50 + USD 20.00`.
fn money(sums: &BTreeMap<Currency, i128>) -> String {
    let amounts = sums.iter().map(|(currency, minor)| format!("{currency} {}", format_minor(*minor)));
    amounts.collect::<Vec<_>>().join(" + ")
}

fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `2026-03-02 07:00`, in Lima.
fn clock(time: Instant) -> String {
    time.to_string().replacen('T', " ", 1).chars().take(16).collect()
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;
    use crate::formats::{Format, Leg, Mapping};
    use crate::run::{FileCoverage, InputFile, Settings, execute};

    fn alert_of(orders: &str, account: &str) -> Alert {
        alert_with(orders, account, &[])
    }

    const HEADER: &str = "account,reference_id,cip,amount,currency,status,created_at\n";

    fn alert_with(orders: &str, account: &str, needs_person: &[String]) -> Alert {
        alert_of_file(&format!("{HEADER}{orders}"), account, needs_person)
    }

    fn alert_of_file(orders: &str, account: &str, needs_person: &[String]) -> Alert {
        let policy = Policy::parse("[coverage]\norders = \"complete\"\nreports = \"complete\"\n").unwrap();
        let file = |leg, name, bytes| InputFile {
            leg,
            name,
            source: name,
            bytes,
            format: Format::Csv,
            coverage: FileCoverage::Plain,
        };
        let files = [
            file(Leg::Orders, "orders", orders.as_bytes()),
            file(Leg::Reports, "reports", b"account,cip,amount,currency,status\n"),
        ];
        let settings = Settings {
            account: None,
            mapping: &Mapping::default(),
            policy: &policy,
            as_of: Instant::parse("2026-03-05T07:00:00-05:00"),
            looks: &[],
            opened: &BTreeMap::new(),
            only_account: None,
            refused: None,
            settlement_layouts: &[],
            needs_person,
            notes: &["the policy has changed".to_owned()],
        };
        let about = About {
            account,
            run_id: "run-1",
            report_location: "s3://bucket/runs/",
            since: None,
            meanwhile: None,
        };
        alert(&execute(&files, &settings).unwrap(), about)
    }

    fn order(number: u64, amount: &str, status: &str) -> String {
        format!("a,R-{number},{number},{amount},PEN,{status},2026-03-01T10:00:00-05:00\n")
    }

    #[test]
    fn a_morning_without_breaks_is_said_in_its_first_words() {
        let alert = alert_of(&order(1, "10.00", "pending"), "tienda");
        assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: all agrees");
        assert!(alert.body.contains("All agrees: no difference needs a person."), "{}", alert.body);
        assert!(alert.attributes.contains(&("severity", Attribute::Text("info".to_owned()))));
        assert!(alert.attributes.contains(&("class", Attribute::List("[]".to_owned()))));
    }

    #[test]
    fn the_worst_come_first_and_the_rest_is_counted() {
        let mut orders: String =
            (1..=12).map(|number| order(number, &format!("{number}.00"), "paid")).collect();
        orders.push_str(&order(99, "0.50", "fulfilled"));
        let alert = alert_of(&orders, "tienda");
        assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: 13 breaks, worst critical, PEN 78.50");
        let at = |text: &str| {
            alert.body.find(text).unwrap_or_else(|| panic!("{text} is missing in\n{}", alert.body))
        };
        assert!(at("13 breaks to look at (1 critical, 12 high), PEN 78.50 in question") < at("order R-99"));
        assert!(at("order R-99") < at("order R-12,") && at("order R-12,") < at("order R-11,"));
        assert!(at("order R-4,") < at("- and 3 more in breaks.csv"));
        assert!(at("  order PEN 12.00 paid, provider nothing") < at("Report  s3://bucket/runs/"));
        assert!(!alert.body.contains("order R-3,"));
    }

    #[test]
    fn rows_that_cannot_be_read_are_told_of() {
        let alert = alert_of(&order(1, "1,0x", "pending"), "tienda");
        assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: no breaks, 1 row unreadable");
        assert!(alert.body.contains("1 row could not be read: see rejected.csv."), "{}", alert.body);
    }

    #[test]
    fn what_was_left_out_is_never_called_agreement() {
        let alert =
            alert_with(&order(1, "10.00", "pending"), "tienda", &["orders.csv was left out".to_owned()]);
        assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: no breaks, and 1 other thing to look at");
        assert!(alert.body.contains("! orders.csv was left out"), "{}", alert.body);
        assert!(!alert.body.contains("All agrees"), "{}", alert.body);
        assert!(alert.attributes.contains(&("severity", Attribute::Text("high".to_owned()))));
    }

    /// The CIPs of a finding stand for money that the pairs count already, or that nobody claims.
    #[test]
    fn a_finding_is_told_with_its_evidence_and_adds_no_money() {
        let header = HEADER.trim_end();
        let row = |number: u64| {
            let order = order(number, "10.00", "cancelled");
            format!("{},persona-1\n", order.trim_end())
        };
        let rows: String = (101..=110).map(row).collect();
        let alert = alert_of_file(&format!("{header},payer_id\n{rows}"), "tienda", &[]);
        assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: 1 break, worst low");
        let told = "1 break to look at (1 low).";
        assert!(alert.body.contains(told), "{}", alert.body);
        let line = "- low: finding (shared_payer), of 2026-03-01\n  PEN 100.00, cips=101;102;";
        assert!(alert.body.contains(line), "{}", alert.body);
        assert!(!alert.body.contains("persona"), "{}", alert.body);
    }

    #[test]
    fn one_line_tells_how_notices_fare() {
        use crate::money::Currency;
        use crate::reconcile::NoticeDelay;
        let check = |health: &NoticeHealth, expected: &str| {
            let mut text = String::new();
            write_notices(&mut text, Some(health)).unwrap();
            assert_eq!(text, expected);
        };
        let delay = NoticeDelay {
            count: 117,
            p50_seconds: 3,
            p90_seconds: 9,
            p99_seconds: 121,
            max_seconds: 7201,
            over_one_hour: 1,
        };
        let health = NoticeHealth {
            reported: 120,
            announced: 117,
            waiting: 1,
            lost: 2,
            lost_minor: [(Currency::Pen, 4_000), (Currency::Usd, 150)].into(),
            delay: Some(delay),
            before_payment: 0,
        };
        check(
            &health,
            "Notices announced 117 of 120 payments, 2 lost (PEN 40.00 + USD 1.50, healed by the report), 1 may still come; \
             half of them within 3 s, 99 % within 3 min, all within 3 h.\n\n",
        );
        let well = NoticeHealth { reported: 1, announced: 1, ..NoticeHealth::default() };
        check(&well, "Notices announced 1 of 1 payment.\n\n");
        check(&NoticeHealth::default(), "");
    }

    #[test]
    fn a_subject_is_short_and_plain() {
        let alert = alert_of(&order(1, "10.00", "paid"), &format!("ñandú-{}", "x".repeat(100)));
        assert_eq!(alert.subject.chars().count(), 100);
        assert!(alert.subject.is_ascii());
    }
}
