//! What will happen in a demo: three days of a shop, decided by the seed before anything happens. Pure.
//!
//! Each story writes its deeds and, at the same moment, what a right reconciliation must say of it. Nothing here looks
//! at what the system then does.

use chrono::{DateTime, Utc};
use cuadre::money::Currency;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::stories::{self, Story};

/// Seconds since the demo's first midnight in Lima.
pub(super) type Second = i64;

pub(super) const MINUTE: Second = 60;
pub(super) const HOUR: Second = 60 * MINUTE;
pub(super) const DAY: Second = 24 * HOUR;

/// Monday, 2 March 2026, 00:00 in Lima.
const FIRST_MIDNIGHT_UNIX: i64 = 1_772_427_600;

/// Thursday, 07:00: the run whose alert is read in the morning.
pub(super) const LAST_RUN: Second = 3 * DAY + 7 * HOUR;

/// Hours at which the shop hands over the orders that changed; half an hour later the provider is asked.
const EXPORT_HOURS: [Second; 3] = [6, 12, 20];

/// The point in time that a second of the demo stands for.
pub(super) fn at(second: Second) -> DateTime<Utc> {
    DateTime::from_timestamp(FIRST_MIDNIGHT_UNIX + second, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Which of an order's payment codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    /// The one that came with the order.
    First,
    /// The one that the shopper asked for later.
    Second,
}

/// One thing that somebody does about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// The shop takes the order and gets a CIP from the provider.
    Place,
    /// The shopper asks for another CIP.
    SecondCode,
    /// The shop writes down a CIP that the provider does not know: a digit is lost.
    LoseDigit,
    /// The shop gives the CIP a later expiry at the provider, and forgets to in its own book.
    Extend { until: Second },
    /// The shopper brings cash, of another amount if given.
    Pay { code: Code, amount_minor: Option<i64>, after_expiry: bool },
    /// The collector takes the cash back.
    TakeBack,
    /// The provider's notice of the payment arrives, so many times at once.
    Notify { code: Code, deliveries: u32, heeded: bool },
    /// Somebody without the key sends a notice.
    Forge,
    /// The shop marks the order as paid on somebody's word, or after asking the provider itself.
    Claim,
    /// The goods leave.
    Fulfil,
    /// The shop gives the order up, and removes the CIP at the provider or forgets to.
    Cancel { removed: bool },
    /// The time to pay is over and the shop sees it.
    Expire,
}

/// What the system itself does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The shop's orders that changed arrive in the bucket.
    Export,
    /// The function report-pull.
    Pull,
    /// The function reconcile.
    Reconcile,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// To the order with this index.
    Order(usize, Deed),
    /// To all of them.
    Work(Work),
}

/// An order as the shop and the provider will know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) reference: String,
    pub(super) store: &'static str,
    /// What the shop expects.
    pub(super) amount_minor: i64,
    pub(super) currency: Currency,
    /// What the CIP is made over; differs where the shop's program slipped.
    pub(super) cip_amount_minor: i64,
    pub(super) cip_currency: Currency,
    pub(super) placed_at: Second,
    pub(super) expires_at: Second,
}

/// What a right run says of an order, or of a payment or notice of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planted {
    pub(super) order: usize,
    pub(super) class: &'static str,
    pub(super) reason: &'static str,
    /// The CIP that the line shows.
    pub(super) code: Code,
}

/// How many notices of each kind the callback function must have met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PlantedNotices {
    /// Payments whose notice arrives at least once: as many facts must stand in the table.
    pub(super) announced: u64,
    /// Deliveries beyond the first.
    pub(super) repeated: u64,
    /// Payments whose notice never arrives.
    pub(super) lost: u64,
    /// Notices signed with another key.
    pub(super) forged: u64,
}

/// Three days, decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) orders: Vec<Order>,
    /// In the order in which they happen.
    pub(super) events: Vec<(Second, Event)>,
    pub(super) planted: Vec<Planted>,
    pub(super) notices: PlantedNotices,
}

/// Decides three days with so many orders.
pub(super) fn plan(orders: u32, seed: u64) -> Plan {
    let mut plan = Plan {
        orders: Vec::new(),
        events: Vec::new(),
        planted: Vec::new(),
        notices: PlantedNotices::default(),
    };
    let mut chance = Chance::new(seed);
    for story in cast(orders, &mut chance) {
        let order = Order {
            reference: format!("PED-{:05}", plan.orders.len() + 1),
            store: if chance.below(3) == 0 { "arequipa" } else { "lima" },
            amount_minor: 0,
            currency: Currency::Pen,
            cip_amount_minor: 0,
            cip_currency: Currency::Pen,
            placed_at: 0,
            expires_at: 0,
        };
        let index = plan.orders.len();
        let mut telling = Telling { index, order, chance: &mut chance, plan: &mut plan };
        telling.price();
        (story.tell)(&mut telling);
        let order = telling.order;
        plan.orders.push(order);
    }
    plan.events.extend(works());
    plan.events.retain(|(second, _)| *second <= LAST_RUN);
    // A stable sort: what was written first happens first within one second, and the system's work last.
    plan.events.sort_by_key(|(second, _)| *second);
    plan
}

/// Chooses a story for each order: every story once as far as the orders reach, then by weight, in a mixed order.
fn cast(orders: u32, chance: &mut Chance) -> Vec<&'static Story> {
    let wanted = usize::try_from(orders).unwrap_or(usize::MAX);
    let mut cast: Vec<&'static Story> = stories::STORIES.iter().take(wanted).collect();
    let weights: u64 = stories::STORIES.iter().map(|story| story.weight).sum();
    while cast.len() < wanted {
        let mut drawn = chance.below(weights);
        let story = stories::STORIES.iter().find(|story| match drawn.checked_sub(story.weight) {
            Some(rest) => {
                drawn = rest;
                false
            }
            None => true,
        });
        cast.extend(story);
    }
    for left in (1..cast.len()).rev() {
        let bound = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
        cast.swap(left, usize::try_from(chance.below(bound)).unwrap_or(left));
    }
    cast
}

fn works() -> Vec<(Second, Event)> {
    let mut works = Vec::new();
    for day in 0..=3 {
        for hour in EXPORT_HOURS {
            let export = day * DAY + hour * HOUR;
            works.push((export, Event::Work(Work::Export)));
            works.push((export + 30 * MINUTE, Event::Work(Work::Pull)));
        }
    }
    works.push((LAST_RUN, Event::Work(Work::Reconcile)));
    works
}

/// The seed's numbers.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below a bound greater than zero; the slight bias of the remainder does not matter here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A second from the first up to, not including, the last.
    pub(super) fn between(&mut self, first: Second, last: Second) -> Second {
        let span = u64::try_from(last - first).unwrap_or(0);
        first + i64::try_from(self.below(span)).unwrap_or(0)
    }
}

/// One order's story while it is written.
pub(super) struct Telling<'p> {
    index: usize,
    pub(super) order: Order,
    pub(super) chance: &'p mut Chance,
    plan: &'p mut Plan,
}

impl Telling<'_> {
    /// Soles mostly, S/5 to S/900 with more small amounts than large ones; sometimes dollars.
    fn price(&mut self) {
        let dollars = self.chance.below(16) == 0;
        self.order.currency = if dollars { Currency::Usd } else { Currency::Pen };
        let ceiling = if dollars { 20_000 } else { 90_000 };
        let ceiling = 1_000 + self.chance.below(ceiling);
        let minor = 500 + self.chance.below(ceiling);
        // Prices end in .90 or .00 in shops, and in anything where freight is added.
        let minor = if self.chance.below(3) == 0 { minor } else { minor - minor % 100 + 90 };
        self.order.amount_minor = i64::try_from(minor).unwrap_or(500);
        self.order.cip_amount_minor = self.order.amount_minor;
        self.order.cip_currency = self.order.currency;
    }

    /// Writes down that something happens.
    pub(super) fn then(&mut self, second: Second, deed: Deed) {
        self.plan.events.push((second, Event::Order(self.index, deed)));
    }

    /// The order is placed at this second and may be paid for so many seconds.
    pub(super) fn place(&mut self, second: Second, payable: Second) {
        self.order.placed_at = second;
        self.order.expires_at = second + payable;
        self.then(second, Deed::Place);
    }

    /// Cash of the right amount is brought in time.
    pub(super) fn pay(&mut self, second: Second, code: Code) {
        self.then(second, Deed::Pay { code, amount_minor: None, after_expiry: false });
    }

    /// The notice arrives once, a minute or more after the payment, and the shop heeds it.
    pub(super) fn notify(&mut self, paid_at: Second, code: Code) {
        let delay = self.chance.between(MINUTE, 5 * MINUTE);
        self.notify_times(paid_at + delay, code, 1, true);
    }

    /// The notice arrives so many times at once.
    pub(super) fn notify_times(&mut self, second: Second, code: Code, deliveries: u32, heeded: bool) {
        self.plan.notices.announced += 1;
        self.plan.notices.repeated += u64::from(deliveries.saturating_sub(1));
        self.then(second, Deed::Notify { code, deliveries, heeded });
    }

    /// The notice never arrives.
    pub(super) fn lose_notice(&mut self) {
        self.plan.notices.lost += 1;
    }

    /// Somebody without the key sends a notice of a payment that never was.
    pub(super) fn forge(&mut self, second: Second) {
        self.plan.notices.forged += 1;
        self.then(second, Deed::Forge);
    }

    /// Writes down what a right run says.
    pub(super) fn expect(&mut self, class: &'static str, reason: &'static str) {
        self.expect_of(class, reason, Code::First);
    }

    /// The same, of a line that shows another CIP.
    pub(super) fn expect_of(&mut self, class: &'static str, reason: &'static str, code: Code) {
        self.plan.planted.push(Planted { order: self.index, class, reason, code });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_midnight_is_lima_s() {
        assert_eq!(at(0).to_rfc3339(), "2026-03-02T05:00:00+00:00");
    }

    #[test]
    fn a_seed_decides_everything() {
        assert_eq!(plan(60, 7), plan(60, 7));
        assert_ne!(plan(60, 7), plan(60, 8));
    }

    #[test]
    fn every_story_is_told_once_there_are_enough_orders() {
        let stories = u32::try_from(stories::STORIES.len()).unwrap();
        let classes = |plan: &Plan| {
            let mut classes: Vec<_> =
                plan.planted.iter().map(|planted| (planted.class, planted.reason)).collect();
            classes.sort_unstable();
            classes.dedup();
            classes
        };
        assert_eq!(classes(&plan(stories, 1)), classes(&plan(1_000, 2)));
        assert_eq!(plan(stories, 1).orders.len(), stories::STORIES.len());
    }

    #[test]
    fn events_come_in_order_and_every_order_is_placed_first() {
        let plan = plan(500, 3);
        assert!(plan.events.is_sorted_by_key(|(second, _)| *second));
        assert_eq!(plan.events.last().map(|(_, event)| event), Some(&Event::Work(Work::Reconcile)));
        for index in 0..plan.orders.len() {
            let first = plan
                .events
                .iter()
                .find(|(_, event)| matches!(event, Event::Order(order, _) if *order == index));
            assert_eq!(first.map(|(_, event)| event), Some(&Event::Order(index, Deed::Place)));
        }
    }

    #[test]
    fn every_order_is_judged_once_beside_its_payments_and_notices() {
        let plan = plan(500, 4);
        for index in 0..plan.orders.len() {
            let of_order = plan.planted.iter().filter(|planted| planted.order == index);
            let pairs = of_order.filter(|planted| {
                !matches!(planted.class, "missing_notice" | "unconfirmed_notice" | "duplicate_payment")
            });
            assert_eq!(pairs.count(), 1, "{}", plan.orders[index].reference);
        }
    }

    #[test]
    fn amounts_are_what_the_provider_takes() {
        for order in plan(2_000, 5).orders {
            assert!((500..=372_400).contains(&order.amount_minor), "{}", order.amount_minor);
        }
    }
}
