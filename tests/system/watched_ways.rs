//! The two ways where rules look for fraud over many pairs, each of which is plain by itself.

use std::fmt::Write as _;

use cuadre::calendar::Instant;
use cuadre::formats::Leg;
use cuadre::reconcile::RefusedCallbacks;
use cuadre_generator::generate;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ways::{File, RULES, SUSPICIOUS, Terms, check};

const WORLDS: u64 = 8;
const PAIRS: u32 = 500;

/// What a shop and the provider say of orders with CIPs and references of their own.
struct Pairs {
    random: ChaCha8Rng,
    orders: String,
    reports: String,
    told: u32,
}

/// An order, as far as a rule cares.
#[derive(Default)]
struct Order<'o> {
    account: &'o str,
    payer: String,
    payee: String,
    ip: String,
    amount: &'o str,
    number: String,
    /// Minutes after the first of March.
    created: u32,
    paid: Option<u32>,
    fulfilled: Option<u32>,
}

fn time(minutes: u32) -> String {
    let (day, hour) = (1 + minutes / 1440, minutes / 60 % 24);
    format!("2026-03-{day:02}T{hour:02}:{:02}:00-05:00", minutes % 60)
}

impl Pairs {
    fn new(seed: u64) -> Pairs {
        Pairs {
            random: ChaCha8Rng::seed_from_u64(seed),
            orders: "account,reference_id,cip,amount,currency,status,created_at,expires_at,payer_id,ip,refund_payee_id,fulfilled_at\n".to_owned(),
            reports: "account,cip,reference_id,amount,currency,status,paid_at,operation_number\n".to_owned(),
            told: 0,
        }
    }

    fn tell(&mut self, order: &Order<'_>) {
        let Order { account, payer, payee, ip, amount, number, created, paid, fulfilled } = order;
        self.told += 1;
        // Far apart from each other, so that CIPs of one pattern lie in many parts.
        let cip = 10_000_000 + u64::from(self.told) * 7_919 % 1_000_003;
        let refunded = !payee.is_empty();
        let (of_order, of_report) = match (paid, refunded) {
            (Some(_), true) => ("refunded", "refunded"),
            (Some(_), false) => (*["paid", "fulfilled"].choose(&mut self.random).unwrap(), "paid"),
            (None, _) => (*["pending", "expired", "cancelled"].choose(&mut self.random).unwrap(), "expired"),
        };
        let (ends, fulfilled) = (time(created + 600), fulfilled.map(time).unwrap_or_default());
        writeln!(
            self.orders,
            "{account},R{cip},{cip},{amount},PEN,{of_order},{},{ends},{payer},{ip},{payee},{fulfilled}",
            time(*created)
        )
        .unwrap();
        // Of one in five that ran out the provider says nothing.
        if paid.is_some() || self.random.random_ratio(4, 5) {
            let paid = paid.map(time).unwrap_or_default();
            writeln!(self.reports, "{account},{cip},R{cip},{amount},PEN,{of_report},{paid},{number}")
                .unwrap();
        }
    }

    /// An order whose reference comes twice is judged together with others.
    fn tell_twice(&mut self, order: &Order<'_>) {
        self.tell(order);
        let again = self.orders.lines().last().unwrap().to_owned();
        writeln!(self.orders, "{again}").unwrap();
    }

    /// Orders without a pattern; the few values that there are meet now and then.
    fn noise(&mut self) {
        for _ in 0..PAIRS {
            let unique = self.told;
            let mut some = |of: u32, name: &str| match self.random.random_range(0..5) {
                0 => String::new(),
                1 => format!("{name}{}", self.random.random_range(0..of)),
                _ => format!("{name}-{unique}"),
            };
            let (payer, ip, number) = (some(20, "p"), some(5, "10.0.0."), some(60, "9"));
            let payee = if unique.is_multiple_of(40) { some(3, "p") } else { String::new() };
            let created = self.random.random_range(0..10 * 1440);
            let paid = self.random.random_ratio(2, 3).then(|| created + self.random.random_range(1..300));
            let fulfilled = paid.filter(|_| self.random.random_ratio(1, 9)).map(|paid| paid + 3);
            let order = Order {
                account: ["a", "b", "c"].choose(&mut self.random).unwrap(),
                amount: ["10.00", "20.00", "49.90", "77.00", "31.50"].choose(&mut self.random).unwrap(),
                payer,
                payee,
                ip,
                number,
                created,
                paid,
                fulfilled: fulfilled.map(|at| at - self.random.random_range(0..9)),
            };
            self.tell(&order);
        }
    }

    /// One case of each rule, at its default threshold.
    fn cases(&mut self) {
        let usual = || Order { account: "b", amount: "10.00", ..Order::default() };
        for number in 0..10 {
            self.tell(&Order { payer: "hoarder".to_owned(), created: number * 144, ..usual() });
        }
        for number in 0..33 {
            let paid = (number > 30).then_some(2_000);
            self.tell(&Order { ip: "203.0.113.9".to_owned(), created: number * 44, paid, ..usual() });
        }
        for number in 0..20 {
            self.tell(&Order { amount: "123.45", paid: Some(5_000 + number / 2), created: 4_999, ..usual() });
        }
        for number in 0..2 {
            let same = "4711".to_owned();
            self.tell(&Order { number: same, paid: Some(600 + number * 4320), created: 500, ..usual() });
        }
        self.tell(&Order { paid: Some(700), fulfilled: Some(694), created: 600, ..usual() });
        for payer in ["ana", "luz"] {
            let (payer, payee) = (payer.to_owned(), "eva".to_owned());
            self.tell(&Order { payer, payee, paid: Some(700), created: 600, ..usual() });
        }
    }

    fn files(self) -> [File; 2] {
        [
            File { leg: Leg::Orders, name: "orders.csv", text: self.orders },
            File { leg: Leg::Reports, name: "reports.csv", text: self.reports },
        ]
    }
}

const COMPLETE: &str = "[coverage]\norders = \"complete\"\nreports = \"complete\"\n";

fn terms(fraud: &str) -> Terms {
    let hour = Instant::parse("2026-03-03T10:00:00-05:00").unwrap();
    let refused = RefusedCallbacks { account: "bb".to_owned(), hour, count: 100 };
    let mut terms = Terms::of(&format!("{COMPLETE}{fraud}"));
    terms.refused = Some(vec![refused]);
    terms
}

#[test]
fn every_rule_finds_among_plain_pairs_what_the_general_way_finds() {
    for seed in 0..WORLDS {
        let mut pairs = Pairs::new(seed);
        pairs.noise();
        pairs.cases();
        let files = pairs.files();
        for fraud in ["", SUSPICIOUS] {
            let (written, ..) = check(&files, &terms(fraud), &format!("seed {seed} {fraud}")).unwrap();
            let found = RULES.map(|rule| (rule, written.findings(rule)));
            assert!(found.iter().all(|(_, count)| *count > 0), "seed {seed}: {found:?}");
        }
    }
}

/// A threshold that is missed for what is plain everywhere is not reached by the rows that are not.
#[test]
fn what_keeps_a_pattern_from_being_one_counts_wherever_it_lies() {
    let mut pairs = Pairs::new(1);
    let usual = || Order { account: "b", amount: "10.00", ..Order::default() };
    // Fifty at once are ten times what is usual, and twenty at once are not, be it beside the fifty or without.
    (0..50).for_each(|_| pairs.tell(&Order { paid: Some(3_000), created: 2_999, ..usual() }));
    (0..20).for_each(|_| pairs.tell_twice(&Order { paid: Some(3_050), created: 2_999, ..usual() }));
    (0..20).for_each(|_| {
        pairs.tell_twice(&Order { amount: "12.00", paid: Some(3_000), created: 2_999, ..usual() });
    });
    for at in 0..1_500 {
        let paid = Some(4_000 + at * 2);
        pairs.tell(&Order { paid, created: 3_999, ..usual() });
        pairs.tell(&Order { amount: "12.00", paid, created: 3_999, ..usual() });
    }
    // Ten unpaid orders beside ten that were paid, and ten of the same hand days before.
    for number in 0..20 {
        let (payer, paid) = ("once".to_owned(), (number % 2 == 0).then_some(3_700 + number));
        let order = Order { payer, amount: "33.00", created: 3_600 + number, paid, ..usual() };
        if paid.is_some() {
            pairs.tell(&order)
        } else {
            pairs.tell_twice(&order)
        }
        if paid.is_none() {
            pairs.tell(&Order { created: 1_000 + number, ..order });
        }
    }
    let (written, ..) = check(&pairs.files(), &terms(""), "nearly").unwrap();
    let found = RULES.map(|rule| written.findings(rule));
    assert_eq!(found, [0, 1, 0, 1, 0, 0, 1], "{RULES:?}");
    let breaks = written.text("breaks.csv");
    assert!(
        breaks.contains("cips=10007919;") && breaks.contains("from=2026-03-01T16:41:00-05:00"),
        "{breaks}"
    );
}

/// Generated rows of orders and reports, with every case of every rule that reads files and a near miss of each.
#[test]
fn generated_data_is_judged_alike() {
    let data = generate(1_200, 11);
    let text = |name: &str| String::from_utf8_lossy(data.file(name).unwrap()).into_owned();
    let file = |leg, name| File { leg, name, text: text(name) };
    let files = [
        file(Leg::Orders, "orders.csv"),
        file(Leg::Reports, "reports.csv"),
        file(Leg::Reports, "portal.ndjson"),
    ];
    let (written, ..) = check(&files, &Terms::of(&text("cuadre.toml")), "generated").unwrap();
    let found = RULES.map(|rule| (rule, written.findings(rule)));
    let of_files = found.iter().filter(|(rule, _)| *rule != "bad_signatures");
    assert!(of_files.clone().all(|(_, count)| *count > 0), "{found:?}");
}
