//! The cases of a data set. Each writes its rows and, in the same breath, what must be said of them.

mod amounts;
mod cells;
mod deposits;
mod fraud;
mod notices;
mod payments;
mod plain;
mod records;
mod references;
mod refunds;
mod settlements;
mod texts;
mod times;
mod waiting;

use crate::book::Book;
use crate::time::When;

pub(crate) use plain::closing;

/// One kind of case.
pub(crate) struct Plan {
    /// What the key calls it.
    pub(crate) name: &'static str,
    /// How many orders each case adds to the shop's book.
    pub(crate) orders: u64,
    /// How often it comes, against the other plans.
    pub(crate) weight: u64,
    /// When it may begin.
    pub(crate) when: When,
    /// How many variants there are.
    pub(crate) variants: u64,
    /// Writes one case of the variant.
    pub(crate) plant: fn(&mut Book, u64),
}

impl Plan {
    const fn new(
        name: &'static str,
        orders: u64,
        weight: u64,
        when: When,
        variants: u64,
        plant: fn(&mut Book, u64),
    ) -> Plan {
        Plan { name, orders, weight, when, variants, plant }
    }
}

/// Every plan: some 83 of 100 orders were paid and agree, some 11 were not paid, the rest are the faults.
pub(crate) const PLANS: [Plan; 51] = [
    Plan::new("paid", 1, 8_200, When::Any, 1, plain::paid),
    Plan::new("unpaid", 1, 1_100, When::Any, 5, plain::unpaid),
    Plan::new("last hours", 1, 120, When::Recent, 2, waiting::recent),
    Plan::new("waiting", 1, 60, When::Recent, waiting::WAITING, waiting::waiting),
    Plan::new("waiting", 0, 4, When::Recent, 1, |book, _| waiting::waiting(book, waiting::WAITING)),
    Plan::new("edge of grace", 1, 1, When::Recent, waiting::BOUNDARIES, waiting::boundary),
    Plan::new("table cell", 1, 110, When::Settled, cells::CELLS - 7, cells::cell),
    Plan::new("table cell", 0, 16, When::Settled, 6, |book, variant| {
        cells::cell(book, cells::CELLS - 6 + variant)
    }),
    Plan::new("tolerance", 1, 60, When::Settled, amounts::TOLERANCES, amounts::tolerance),
    Plan::new("another amount or currency", 1, 40, When::Settled, amounts::MISMATCHES, amounts::mismatch),
    Plan::new("dead CIP", 1, 10, When::Settled, 2, amounts::dead_cip),
    Plan::new("expiry", 1, 40, When::Settled, times::EXPIRIES, times::expiry),
    Plan::new("paid twice", 1, 20, When::Settled, payments::TWICE, payments::twice),
    Plan::new("paid twice without order", 0, 2, When::Settled, 1, payments::twice_without_order),
    Plan::new("two CIPs", 1, 15, When::Settled, payments::TWO_CIPS, payments::two_cips),
    Plan::new("further CIP by reference", 1, 4, When::Settled, 1, payments::further_cip_by_reference),
    Plan::new("come and gone", 1, 12, When::Settled, payments::COME_AND_GONE, payments::come_and_gone),
    Plan::new("refund in part", 1, 15, When::Settled, refunds::PARTS, refunds::part),
    Plan::new("told again", 1, 20, When::Settled, records::REPEATED, records::repeated),
    Plan::new("restated", 1, 15, When::Settled, records::SUPERSEDED, records::superseded),
    Plan::new("order conflict", 1, 6, When::Settled, records::ORDER_CONFLICTS, records::order_conflict),
    Plan::new(
        "report conflict",
        1,
        6,
        When::Settled,
        records::REPORT_CONFLICTS - 1,
        records::report_conflict,
    ),
    Plan::new("report conflict", 0, 1, When::Settled, 1, |book, _| records::report_conflict(book, 5)),
    Plan::new("contradicting looks", 1, 3, When::Settled, records::LOOKS, records::contradicting_looks),
    Plan::new("by reference", 1, 30, When::Settled, references::BY_REFERENCE, references::by_reference),
    Plan::new("same but apart", 2, 6, When::Settled, references::SAME_TWICE, references::same_but_apart),
    Plan::new("ambiguous", 2, 4, When::Settled, references::AMBIGUOUS, references::ambiguous),
    Plan::new("notice lost", 1, 20, When::Settled, notices::LOST, notices::lost),
    Plan::new("notice forged", 1, 8, When::Settled, notices::FORGED, notices::forged),
    Plan::new("notice forged for nobody", 0, 3, When::Settled, 1, |book, _| notices::forged_for_nobody(book)),
    Plan::new("harmless notice", 1, 12, When::Settled, notices::HARMLESS, notices::harmless),
    Plan::new("dirty text", 1, 20, When::Settled, texts::KINDS_OF_DIRT, texts::dirty),
    Plan::new("portal alone", 0, 6, When::Settled, 2, texts::portal_alone),
    Plan::new("unreadable", 0, 20, When::Settled, texts::UNREADABLE, texts::unreadable),
    Plan::new("unsettled", 1, 12, When::Settled, settlements::UNSETTLED, settlements::unsettled),
    Plan::new(
        "wrong settlement",
        settlements::WRONG_ORDERS,
        10,
        When::Settled,
        settlements::WRONG,
        settlements::wrong,
    ),
    Plan::new("settled twice", 1, 4, When::Settled, settlements::TWICE, settlements::settled_twice),
    Plan::new("sound settlement", 1, 12, When::Settled, settlements::SOUND, settlements::sound),
    Plan::new("refund unpaid", 1, 10, When::Settled, refunds::UNPAID, refunds::unpaid),
    Plan::new("deposit missing", 1, 5, When::Settled, deposits::MISSING, deposits::missing),
    Plan::new("deposit differs", 1, 8, When::Settled, deposits::DIFFERING, deposits::differing),
    Plan::new("deposit unknown", 0, 4, When::Settled, deposits::UNKNOWN, deposits::unknown),
    Plan::new("deposit without key", 1, 6, When::Settled, deposits::UNTOLD, deposits::untold),
    Plan::new("lump", 2, 4, When::Settled, deposits::LUMPS, deposits::lump),
    Plan::new("deposit by another key", 1, 8, When::Settled, deposits::NAMED, deposits::named),
    Plan::new("shared number", 2, 2, When::Settled, fraud::NUMBERS, fraud::shared_number),
    Plan::new("shared payer", fraud::PAYER_ORDERS, 1, When::Settled, fraud::HOARDS, fraud::shared_payer),
    Plan::new(
        "shared address",
        fraud::ADDRESS_ORDERS,
        1,
        When::Settled,
        fraud::HOARDS,
        fraud::shared_address,
    ),
    Plan::new("burst", fraud::BURST_ORDERS, 1, When::Settled, fraud::BURSTS, fraud::burst),
    Plan::new("shipped early", 1, 4, When::Settled, fraud::SHIPPED, fraud::shipped_early),
    Plan::new("refund to another", 1, 4, When::Settled, fraud::PAYEES, fraud::other_payee),
];
