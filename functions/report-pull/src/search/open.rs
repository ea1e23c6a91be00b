//! Which CIPs the provider is asked for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use cuadre::calendar::Instant;
use cuadre::ids::Cip;
use cuadre::lifecycle::evidence::{NoticeRow, OrderRow, ReportRow, ReportStatus};

/// Nothing is known to live longer: aggregators name less than six months between creation and expiry. It bounds the
/// asking for CIPs that never get an expiry or an answer.
const AGE_MAX: TimeDelta = TimeDelta::days(190);

/// The newest row of each CIP; of equally old ones the last.
pub(crate) fn newest<'a, 'r>(rows: &'r [ReportRow<'a>]) -> BTreeMap<Cip, &'r ReportRow<'a>> {
    let mut newest: BTreeMap<Cip, &ReportRow<'a>> = BTreeMap::new();
    for row in rows {
        let Some(cip) = row.cip else { continue };
        match newest.get(&cip) {
            Some(known) if known.observed_at > row.observed_at => {}
            _ => {
                newest.insert(cip, row);
            }
        }
    }
    newest
}

/// The CIPs to ask for: those of the orders whose story may still go on, and, whoever knows them, those that a notice
/// told of within `recheck` before `now`: only a look after the notice confirms it or leaves it unconfirmed. Those whose
/// last answer nobody understood are asked for until one is understood, for as long as a CIP can live.
pub(crate) fn open_cips(
    orders: &[OrderRow<'_>],
    notices: &[NoticeRow<'_>],
    newest: &BTreeMap<Cip, &ReportRow<'_>>,
    doubted: &BTreeSet<Cip>,
    recheck: TimeDelta,
    now: Instant,
) -> BTreeSet<Cip> {
    let since = |time: Instant| now.to_utc().signed_duration_since(time.to_utc());
    let goes_on = |order: &OrderRow<'_>, cip: Cip| {
        let Some(row) = newest.get(&cip) else { return true };
        let ended_at = match row.status {
            // Past its expiry perhaps, and the provider has not said so yet: its last word is still to come.
            ReportStatus::Pending => return true,
            ReportStatus::Removed | ReportStatus::Refunded | ReportStatus::Reversed => return false,
            // It may be extended, or show a payment late.
            ReportStatus::Expired => row.expires_at.or(order.expires_at),
            // The collector may take it back (extorno); the CIP is pending again then.
            ReportStatus::Paid => row.paid_at.or(row.observed_at),
        };
        ended_at.is_none_or(|end| since(end) <= recheck)
    };
    let ordered = orders
        .iter()
        .filter(|order| since(order.created_at) <= AGE_MAX)
        .flat_map(|order| order.cips.iter().map(move |cip| (order, *cip)))
        .filter(|(order, cip)| doubted.contains(cip) || goes_on(order, *cip))
        .map(|(_, cip)| cip);
    let announced = notices.iter().filter(|notice| {
        let age_max = if doubted.contains(&notice.cip) { AGE_MAX } else { recheck };
        since(notice.received_at) <= age_max
    });
    ordered.chain(announced.map(|notice| notice.cip)).collect()
}

/// Whether a row tells something that the known one does not: the time of looking is no news.
pub(crate) fn is_news(row: &ReportRow<'_>, known: Option<&&ReportRow<'_>>) -> bool {
    known.is_none_or(|known| {
        let mut same_time = (*known).clone();
        same_time.observed_at = row.observed_at;
        same_time.source = row.source;
        same_time.extras.clone_from(&row.extras);
        same_time != *row
    })
}

#[cfg(test)]
mod tests {
    use cuadre::formats::{self, Format, Mapping, Source};

    use super::*;

    const NOW: &str = "2026-03-10T12:00:00-05:00";

    fn check(order: &str, rows: &str, expected: &[u64]) {
        check_with_notices(order, rows, "", expected);
    }

    fn check_with_notices(order: &str, rows: &str, notices: &str, expected: &[u64]) {
        check_with_doubts(order, rows, notices, &[], expected);
    }

    fn check_with_doubts(order: &str, rows: &str, notices: &str, doubted: &[u64], expected: &[u64]) {
        let header = "account,cip,event_type,operation_number,amount,currency,paid_at,received_at";
        let notices = format!("{header}\n{notices}\n");
        let orders =
            format!("account,reference_id,cip,amount,currency,status,created_at,expires_at\n{order}\n");
        let reports = format!("account,cip,amount,currency,status,expires_at,observed_at\n{rows}\n");
        let source = |name, bytes| Source { name, bytes, format: Format::Csv, account: None };
        let mapping = Mapping::default();
        let orders = formats::read_orders(&source("o", orders.as_bytes()), &mapping.orders).unwrap().rows;
        let reports =
            formats::read_reports(&source("r", reports.as_bytes()), 0, &mapping.reports).unwrap().rows;
        let notices = formats::read_notices(&source("n", notices.as_bytes()), &mapping.notices).unwrap().rows;
        let now = Instant::parse(NOW).unwrap();
        let doubted = doubted.iter().filter_map(|cip| Cip::parse(&cip.to_string())).collect();
        let open = open_cips(&orders, &notices, &newest(&reports), &doubted, TimeDelta::days(3), now);
        let open: Vec<u64> = open.into_iter().map(Cip::number).collect();
        assert_eq!(open, expected, "{order} | {rows} | {notices:?} | {doubted:?}");
    }

    const ORDER: &str = "a,R,7,10.00,PEN,pending,2026-03-01T10:00:00-05:00,2026-03-12T10:00:00-05:00";

    #[test]
    fn a_cip_is_asked_for_until_its_story_ends() {
        check(ORDER, "", &[7]);
        check(ORDER, "a,7,10.00,PEN,pending,,2026-03-09T10:00:00-05:00", &[7]);
        check(ORDER, "a,7,10.00,PEN,removed,,2026-03-09T10:00:00-05:00", &[]);
        check(&ORDER.replace(",7,", ",7;8,"), "a,7,10.00,PEN,removed,,2026-03-09T10:00:00-05:00", &[8]);
        check(&ORDER.replace(",7,", ",,"), "", &[]);
    }

    #[test]
    fn the_newest_row_speaks_wherever_it_stands() {
        let paid = "a,7,10.00,PEN,removed,,2026-03-08T10:00:00-05:00";
        let pending = "a,7,10.00,PEN,pending,,2026-03-09T10:00:00-05:00";
        check(ORDER, &format!("{paid}\n{pending}"), &[7]);
        check(ORDER, &format!("{pending}\n{paid}"), &[7]);
    }

    #[test]
    fn an_expired_cip_is_asked_for_three_more_days() {
        let expired = |at: &str| format!("a,7,10.00,PEN,expired,{at},2026-03-09T10:00:00-05:00");
        check(ORDER, &expired("2026-03-07T12:00:00-05:00"), &[7]);
        check(ORDER, &expired("2026-03-07T11:59:59-05:00"), &[]);
        // The order's own expiry counts where the row has none.
        check(ORDER, &expired(""), &[7]);
    }

    #[test]
    fn a_paid_cip_is_asked_for_three_more_days() {
        let paid = |at: &str, seen: &str| {
            let source = |bytes| Source { name: "r", bytes, format: Format::Csv, account: None };
            let mapping = Mapping::default();
            let order = format!("account,reference_id,cip,amount,currency,status,created_at\n{ORDER}\n");
            let order = order.replace("created_at\n", "created_at,expires_at\n");
            let row = format!(
                "account,cip,amount,currency,status,paid_at,observed_at\na,7,10.00,PEN,paid,{at},{seen}\n"
            );
            let orders = formats::read_orders(&source(order.as_bytes()), &mapping.orders).unwrap().rows;
            let rows = formats::read_reports(&source(row.as_bytes()), 0, &mapping.reports).unwrap().rows;
            let now = Instant::parse(NOW).unwrap();
            let doubted = BTreeSet::new();
            !open_cips(&orders, &[], &newest(&rows), &doubted, TimeDelta::days(3), now).is_empty()
        };
        assert!(paid("2026-03-07T12:00:00-05:00", "2026-03-07T13:00:00-05:00"));
        assert!(!paid("2026-03-07T11:59:59-05:00", "2026-03-07T13:00:00-05:00"));
        // Without the time of the payment, the time at which it was first seen.
        assert!(paid("", "2026-03-07T12:00:00-05:00"));
        assert!(!paid("", "2026-03-07T11:59:59-05:00"));
    }

    #[test]
    fn a_cip_of_a_notice_is_asked_for_three_days_whoever_knows_it() {
        let notice = |cip: u64, at: &str| format!("a,{cip},cip.paid,1,10.00,PEN,,{at}");
        let removed = "a,7,10.00,PEN,removed,,2026-03-05T10:00:00-05:00";
        check_with_notices(ORDER, removed, &notice(9, "2026-03-07T12:00:00-05:00"), &[9]);
        check_with_notices(ORDER, removed, &notice(9, "2026-03-07T11:59:59-05:00"), &[]);
        check_with_notices(ORDER, removed, &notice(7, "2026-03-09T12:00:00-05:00"), &[7]);
        let old = ORDER.replace("2026-03-01", "2025-08-01");
        check_with_notices(&old, "", &notice(7, "2026-03-09T12:00:00-05:00"), &[7]);
    }

    #[test]
    fn a_cip_that_was_not_understood_is_asked_for_whatever_it_was_before() {
        let removed = "a,7,10.00,PEN,removed,,2026-03-05T10:00:00-05:00";
        let old_notice = "a,9,cip.paid,1,10.00,PEN,,2026-02-01T12:00:00-05:00";
        check_with_doubts(ORDER, removed, old_notice, &[], &[]);
        check_with_doubts(ORDER, removed, old_notice, &[7], &[7]);
        check_with_doubts(ORDER, removed, old_notice, &[7, 9], &[7, 9]);
        // Longer than a CIP can live, nobody is asked: the doubt waits for a person.
        let old = ORDER.replace("2026-03-01", "2025-08-01");
        check_with_doubts(&old, removed, &old_notice.replace("2026-02", "2025-08"), &[7, 9], &[]);
    }

    #[test]
    fn a_pending_cip_past_its_expiry_still_owes_its_last_word() {
        let order = ORDER.replace("2026-03-12", "2026-03-02");
        check(&order, "a,7,10.00,PEN,pending,,2026-03-01T10:00:00-05:00", &[7]);
    }

    #[test]
    fn nothing_is_asked_for_longer_than_a_cip_can_live() {
        check(&ORDER.replace("2026-03-01", "2025-08-01"), "", &[]);
    }
}
