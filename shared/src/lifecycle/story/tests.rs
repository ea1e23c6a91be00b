//! What `docs/histories.md` cannot show: times, texts, and how much may come in.

use super::*;
use crate::lifecycle::evidence::{NoticeRow, ReportRow, ReportStatus, Text};
use crate::money::Currency;

fn time(clock: &str) -> Instant {
    Instant::parse(&format!("2026-03-02T{clock}:00-05:00")).unwrap()
}

fn soles(minor: i64) -> Money {
    Money { minor, currency: Currency::Pen }
}

fn cip() -> Cip {
    Cip::parse("100").unwrap()
}

fn notice(event_type: &'static str, number: Option<&'static str>, minor: i64) -> NoticeRow<'static> {
    NoticeRow {
        account: Text::Borrowed("tienda"),
        cip: cip(),
        event_type: Text::Borrowed(event_type),
        operation_number: number.map(Text::Borrowed),
        amount: soles(minor),
        paid_at: None,
        received_at: Instant::UNIX_EPOCH,
        extras: Vec::new(),
    }
}

fn look(status: ReportStatus, observed_at: &str) -> ReportRow<'static> {
    ReportRow {
        observed_at: Some(time(observed_at)),
        ..ReportRow::new(0, Text::Borrowed("tienda"), cip(), status, soles(1000))
    }
}

fn paid_look(at: &str, observed_at: &str) -> ReportRow<'static> {
    ReportRow { paid_at: Some(time(at)), ..look(ReportStatus::Paid, observed_at) }
}

fn story(evidence: &Evidence<'_>) -> Story {
    fold(cip(), evidence, &Meanings::default(), time("13:00"))
}

#[test]
fn without_facts_there_is_no_story() {
    let told = story(&Evidence::default());
    assert_eq!((told.state, told.expires_at, told.conflict), (None, None, false));
    assert_eq!((told.payments.len(), told.orders.len(), told.doubts.len()), (0, 0, 0));
}

#[test]
fn the_newest_look_names_expiry_and_worth() {
    let older = ReportRow { expires_at: Some(time("12:00")), ..look(ReportStatus::Pending, "08:00") };
    let newer = ReportRow { expires_at: Some(time("15:00")), ..look(ReportStatus::Pending, "09:00") };
    let newer = ReportRow { amount: soles(1200), ..newer };
    let told = story(&Evidence { reports: vec![newer, older], ..Evidence::default() });
    assert_eq!(told.expires_at, Some(time("15:00")));
    assert_eq!(told.state, Some(CodeState::Pending));
}

#[test]
fn a_payment_has_the_time_that_any_source_gives() {
    let evidence = Evidence {
        notices: vec![notice("cip.paid", Some("1"), 1000)],
        reports: vec![paid_look("09:00", "10:00")],
        ..Evidence::default()
    };
    let payments = story(&evidence).payments;
    let told: Vec<_> = payments.iter().map(|payment| (payment.number.as_deref(), payment.paid_at)).collect();
    assert_eq!(told, [(Some("1"), Some(time("09:00")))]);
}

/// The search gives no operation number: there a payment is named by its time.
#[test]
fn two_refunds_of_two_payments_without_number_take_back_both() {
    let evidence = Evidence {
        notices: vec![notice("cip.refunded", Some("8"), 1000), notice("cip.refunded", Some("9"), 1000)],
        reports: vec![paid_look("09:00", "09:30"), paid_look("11:00", "11:30")],
        ..Evidence::default()
    };
    let told: Vec<_> = story(&evidence).payments.iter().map(|p| (p.paid_at, p.standing)).collect();
    assert_eq!(told, [(Some(time("09:00")), Standing::Refunded), (Some(time("11:00")), Standing::Refunded)]);
}

#[test]
fn a_refund_without_number_is_measured_against_the_payment() {
    let evidence = Evidence {
        notices: vec![notice("cip.paid", Some("1"), 1000), notice("cip.refunded", None, 400)],
        reports: vec![ReportRow { refunded_minor: Some(400), ..look(ReportStatus::Refunded, "10:00") }],
        ..Evidence::default()
    };
    let told = story(&evidence);
    let payments: Vec<_> = told.payments.iter().map(|p| (p.money, p.standing, p.refunded_part)).collect();
    assert_eq!((payments, told.conflict), (vec![(soles(1000), Standing::Live, Some(400))], false));
}

#[test]
fn doubts_are_told_once_and_in_order() {
    let doubt = |observed_at: Option<&str>| Doubt {
        source: "search".to_owned(),
        reason: "status 25".to_owned(),
        observed_at: observed_at.map(time),
    };
    let evidence = Evidence {
        notices: vec![notice("cip.misterio", Some("2"), 1000), notice("cip.misterio", Some("1"), 1000)],
        reports: vec![look(ReportStatus::Pending, "10:00")],
        settled: vec![SettledPayment {
            settlement_id: Text::Borrowed("L-1"),
            cip: cip(),
            gross: soles(1000),
            bank_reference: None,
        }],
        doubts: vec![doubt(Some("10:00")), doubt(Some("09:59")), doubt(None), doubt(None)],
        ..Evidence::default()
    };
    let told = story(&evidence).doubts;
    let told: Vec<_> = told.iter().map(|doubt| (doubt.reason.as_str(), doubt.observed_at)).collect();
    assert_eq!(
        told,
        [
            ("the event type cip.misterio is not known", None),
            ("status 25", None),
            ("status 25", Some(time("10:00"))),
            ("the settlement L-1 carries a payment that nothing else tells of", None),
        ]
    );
}

#[test]
fn a_meaning_given_later_settles_what_was_not_understood() {
    let evidence = Evidence { notices: vec![notice("cip.extornado", None, 1000)], ..Evidence::default() };
    assert_eq!(story(&evidence).doubts.len(), 1);
    let mut meanings = Meanings::default();
    meanings.set("cip.extornado", Meaning::Reversed);
    let told = fold(cip(), &evidence, &meanings, time("13:00"));
    assert_eq!((told.doubts.len(), told.payments.first().unwrap().standing), (0, Standing::Reversed));
}

#[test]
fn many_repetitions_take_no_more_than_their_time() {
    let paid = (0..10_000).map(|_| notice("cip.paid", Some("1"), 1000));
    let refunded = (0..10_000).map(|_| notice("cip.refunded", Some("9"), 400));
    let told = story(&Evidence { notices: paid.chain(refunded).collect(), ..Evidence::default() });
    assert_eq!(told.payments.iter().map(|payment| payment.refunded_part).collect::<Vec<_>>(), [Some(400)]);
}
