//! The book in which a data set grows: counters, files, and the key beside them.

use crate::banking_days::Day;
use crate::chance::Chance;
use crate::key::{Case, Key, KeyRow, PAIRS_HEADER};
use crate::ledger::{BANK_HEADER, BatchHead, SETTLEMENTS_HEADER, to_minor};
use crate::payouts::{Batch, Payouts};
use crate::rows::{Currency, Dirt, Notice, Order, Report};
use crate::sheet::{Place, Sheet};
use crate::time::{DAY, END, HOUR, MINUTE, Zone, zone};
use crate::writing::{
    NOTICES_HEADER, ORDERS_HEADER, REPORTS_HEADER, notice_csv, order_csv, report_csv, report_ndjson,
};

/// The merchant's PagoEfectivo services, each with its stores.
const ACCOUNTS: [(&str, &str, &str); 2] =
    [("1101", "miraflores", "arequipa-web"), ("2202", "tienda-cn", "outlet")];

/// Everything that has been written so far, and the time at which the present case begins.
pub(crate) struct Book {
    pub(crate) chance: Chance,
    pub(crate) start: i64,
    /// The name of the present case.
    pub(crate) case: Case,
    pub(crate) orders: Sheet,
    pub(crate) reports: Sheet,
    pub(crate) portal: Sheet,
    pub(crate) notices: Sheet,
    pub(crate) settlements: Sheet,
    pub(crate) settlements_again: Sheet,
    pub(crate) bank: Sheet,
    pub(crate) bank_overlap: Sheet,
    /// The statement of one bank account in another form.
    pub(crate) mt940: String,
    pub(crate) pairs: Sheet,
    pub(crate) key: Key,
    pub(crate) payouts: Payouts,
    orders_begun: u64,
    last_cip: u64,
    last_operation: u64,
}

impl Book {
    pub(crate) fn new(seed: u64, place: &Place) -> Book {
        let leg = |name, header| Sheet::new(place, name, header);
        Book {
            chance: Chance::new(seed),
            start: END,
            case: Case { name: "closing", variant: 0 },
            orders: leg("orders.csv", Some(ORDERS_HEADER)),
            reports: leg("reports.csv", Some(REPORTS_HEADER)),
            portal: leg("portal.ndjson", None),
            notices: leg("notices.csv", Some(NOTICES_HEADER)),
            settlements: leg("settlements.csv", Some(SETTLEMENTS_HEADER)),
            settlements_again: leg("settlements-again.csv", Some(SETTLEMENTS_HEADER)),
            bank: leg("bank.csv", Some(BANK_HEADER)),
            bank_overlap: leg("bank-overlap.csv", Some(BANK_HEADER)),
            mt940: String::new(),
            pairs: Sheet::new(&Place { by_day: false, ..place.clone() }, "pairs.csv", Some(PAIRS_HEADER)),
            key: Key::default(),
            payouts: Payouts::default(),
            orders_begun: 0,
            last_cip: 21_480_000,
            last_operation: 98_700,
        }
    }

    /// A CIP that nothing else bears.
    pub(crate) fn cip(&mut self) -> u64 {
        self.last_cip = self.last_cip.saturating_add(1).saturating_add(self.chance.below(9));
        self.last_cip
    }

    /// An operation number that nothing else bears.
    pub(crate) fn operation(&mut self) -> String {
        self.last_operation = self.last_operation.saturating_add(1).saturating_add(self.chance.below(4));
        self.last_operation.to_string()
    }

    fn amount(&mut self, currency: Currency) -> i64 {
        let (low, high) = match currency {
            Currency::Usd => (200, 99_900),
            // S/2 to S/3,724, the provider's limits (Paysafe's overview page); most orders are small.
            Currency::Pen => {
                self.chance.pick((200, 5_000), &[(3_000, 15_000), (5_000, 30_000), (15_000, 372_400)])
            }
        };
        let minor = self.chance.between(low, high);
        if self.chance.percent(60) { (minor - minor.rem_euclid(100) + 90).min(high) } else { minor }
    }

    /// A pending order of now with one CIP of its own, to be paid within one to three days. Nothing is written yet.
    pub(crate) fn order(&mut self) -> Order {
        self.orders_begun = self.orders_begun.saturating_add(1);
        let (account, store, other_store) = if self.chance.percent(70) { ACCOUNTS[0] } else { ACCOUNTS[1] };
        let number = self.orders_begun;
        let reference =
            if account == ACCOUNTS[0].0 { format!("ORD 2026 {number:07}") } else { format!("W-{number:06}") };
        let currency = if self.chance.percent(88) { Currency::Pen } else { Currency::Usd };
        let life = self.chance.pick(DAY, &[DAY, 2 * DAY]);
        Order {
            account,
            store: self.chance.pick(store, &[other_store]),
            reference,
            cips: vec![self.cip()],
            minor: self.amount(currency),
            currency,
            status: "pending",
            created: self.start,
            expires: Some(self.start + life),
            paid: None,
            fulfilled: None,
            refunded: None,
            updated: None,
            payer: self.chance.below(1 << 32),
            address: self.chance.below(1 << 32),
            payee: None,
            channel: self.chance.pick("web", &["app", "web", "phone, \"Ana\"", "shop\nwindow"]),
            zone: zone(&mut self.chance),
            short_amount: false,
            dirt: None,
        }
    }

    /// An order of at least ten of its currency, so that parts of it can be told apart from the whole.
    pub(crate) fn large_order(&mut self) -> Order {
        let mut order = self.order();
        order.minor = self.chance.between(5_000, 90_000);
        order
    }

    /// A time at which the shopper may pay the order: within its life, within two days, and before the end.
    pub(crate) fn pay_time(&mut self, order: &Order) -> i64 {
        let life = order.expires.map_or(DAY, |expires| expires - order.created).min(2 * DAY);
        let quick = if self.chance.percent(70) { 3 * HOUR } else { life };
        let last = (order.created + quick.min(life)).min(END - HOUR);
        self.chance.between(order.created + 2 * MINUTE, last)
    }

    /// The provider's row of a payment of the order's first CIP, of its amount, with a number of its own.
    pub(crate) fn payment(&mut self, order: &Order, paid: i64) -> Report {
        let operation = self.operation();
        Report {
            account: order.account,
            store: order.store,
            cip: order.cips.first().copied(),
            reference: Some(order.reference.clone()),
            provider_id: self.provider_id(&operation),
            operation: Some(operation),
            minor: order.minor,
            currency: order.currency,
            status: "paid",
            created: Some(order.created),
            expires: order.expires,
            paid: Some(paid),
            refunded: None,
            fees: true,
            observed: None,
            zone: zone(&mut self.chance),
            short_amount: false,
            dirt: None,
        }
    }

    /// One payment in six bears a number of the provider's own beside that of its operation.
    fn provider_id(&mut self, operation: &str) -> Option<String> {
        (self.chance.below(6) == 0).then(|| format!("PE{operation}"))
    }

    /// The provider's row of what the order's first CIP is when it is looked at.
    pub(crate) fn snapshot(&mut self, order: &Order, status: &'static str, observed: i64) -> Report {
        let row =
            Report { status, operation: None, paid: None, fees: false, ..self.payment(order, observed) };
        Report { observed: Some(observed), provider_id: None, ..row }
    }

    /// The row that takes the payment back some hours later, under its number.
    pub(crate) fn taken_back(&mut self, payment: &Report, status: &'static str) -> Report {
        let taken = payment.paid.map(|paid| paid + self.chance.between(10 * MINUTE, 4 * HOUR));
        Report { status, paid: taken, fees: false, ..payment.clone() }
    }

    /// The same CIP paid once more, under another number.
    pub(crate) fn paid_again(&mut self, payment: &Report, later: i64) -> Report {
        let operation = self.operation();
        let provider_id = self.provider_id(&operation);
        let paid = payment.paid.map(|paid| paid + later);
        Report { operation: Some(operation), provider_id, paid, ..payment.clone() }
    }

    pub(crate) fn tell_order(&mut self, row: &Order) {
        let times = [row.paid, row.fulfilled, row.updated];
        let arrived = self.arrival(times.into_iter().flatten().fold(row.created, i64::max));
        self.orders.push(order_csv(row).as_bytes(), arrived);
    }

    pub(crate) fn tell_report(&mut self, row: &Report) {
        let arrived = self.arrival_of(row);
        self.reports.push(report_csv(row).as_bytes(), arrived);
    }

    pub(crate) fn tell_portal(&mut self, row: &Report) {
        let arrived = self.arrival_of(row);
        self.portal.push(report_ndjson(row).as_bytes(), arrived);
    }

    pub(crate) fn tell_notice(&mut self, row: &Notice) {
        self.notices.push(notice_csv(row).as_bytes(), Day::of(row.received.min(END)));
    }

    fn arrival_of(&mut self, row: &Report) -> Day {
        let latest = [row.paid, row.observed].into_iter().flatten().max();
        self.arrival(latest.or(row.created).unwrap_or(self.start))
    }

    /// The day on which a row arrives that is known from a time on: at once, and one in fifty some days late.
    fn arrival(&mut self, known: i64) -> Day {
        let late = if self.chance.percent(2) { self.chance.between(1, 3) } else { 0 };
        Day::of((known + late * DAY).min(END))
    }

    /// The signed notice of a payment, received soon after it.
    pub(crate) fn notice(&mut self, payment: &Report, cip: u64) -> Notice {
        let delay = self.chance.between(2, 5 * MINUTE);
        Notice {
            account: payment.account,
            cip,
            event_type: "cip.paid",
            operation: payment.operation.clone(),
            minor: payment.minor,
            currency: payment.currency,
            paid: payment.paid,
            received: (payment.paid.unwrap_or(self.start) + delay).min(END),
            zone: zone(&mut self.chance),
        }
    }

    /// Writes the payment's notice; without a CIP there is none.
    pub(crate) fn announce(&mut self, payment: &Report) {
        if let Some(cip) = payment.cip {
            let notice = self.notice(payment, cip);
            self.tell_notice(&notice);
        }
    }

    /// Writes the payment into the operations report and its notice into the notices.
    pub(crate) fn tell_payment(&mut self, payment: &Report) {
        self.tell_report(payment);
        self.announce(payment);
    }

    /// Expects a line, as part of the present case.
    pub(crate) fn note(&mut self, row: KeyRow) {
        self.key.push(&KeyRow { case: self.case, ..row });
    }

    /// Expects a line of the pair of this order and what the provider says of it.
    pub(crate) fn expect(
        &mut self,
        class: &'static str,
        reason: &'static str,
        order: &Order,
        report: Option<&Report>,
    ) {
        let cip =
            report.map(Report::cip_text).filter(|text| !text.is_empty()).unwrap_or_else(|| order.cip_list());
        self.note(KeyRow {
            class,
            account: order.account,
            reference: order.reference.clone(),
            cip,
            operation: report.and_then(|report| report.operation.clone()).unwrap_or_default(),
            reason,
            currency: Some(order.currency),
            order_minor: Some(order.minor),
            report_minor: report.map(|report| report.minor),
            ..KeyRow::default()
        });
    }

    /// Expects that an order waits for a person, who has to say which of several it is.
    pub(crate) fn expect_ambiguous(&mut self, order: &Order) {
        self.note(KeyRow {
            class: "ambiguous_reference",
            account: order.account,
            reference: order.reference.clone(),
            cip: order.cip_list(),
            currency: Some(order.currency),
            order_minor: Some(order.minor),
            unresolvable: true,
            ..KeyRow::default()
        });
    }

    /// Expects that a settlement is in question. What it ought to pay out stands against what it says.
    pub(crate) fn expect_batch(&mut self, reason: &'static str, batch: &Batch, head: &BatchHead) {
        self.note(KeyRow {
            class: "settlement_variance",
            reason,
            account: head.account,
            reference: head.id.clone(),
            currency: Some(head.currency),
            order_minor: Some(to_minor(batch.computed())),
            report_minor: Some(to_minor(batch.net())),
            settlement: head.id.clone(),
            ..KeyRow::default()
        });
    }

    /// The line of a payment beside its pair: it bears the payment's amount.
    pub(crate) fn of_payment(class: &'static str, order: Option<&Order>, payment: &Report) -> KeyRow {
        let reference = order.map(|order| order.reference.clone()).or_else(|| payment.reference.clone());
        KeyRow {
            class,
            account: payment.account,
            reference: reference.unwrap_or_default(),
            cip: payment.cip_text(),
            operation: payment.operation.clone().unwrap_or_default(),
            currency: Some(payment.currency),
            report_minor: Some(payment.minor),
            ..KeyRow::default()
        }
    }

    /// Expects a line of a CIP that no order expects.
    pub(crate) fn expect_alone(&mut self, class: &'static str, report: &Report) {
        self.note(KeyRow {
            class,
            account: report.account,
            reference: report.reference.clone().unwrap_or_default(),
            cip: report.cip_text(),
            operation: report.operation.clone().unwrap_or_default(),
            currency: Some(report.currency),
            report_minor: Some(report.minor),
            ..KeyRow::default()
        });
    }

    /// Expects a further payment as a break of its own: it bears its own amount and stands against no order amount.
    pub(crate) fn expect_further(&mut self, order: Option<&Order>, payment: &Report) {
        let reference = order.map(|order| order.reference.clone()).or_else(|| payment.reference.clone());
        self.note(KeyRow {
            class: "duplicate_payment",
            account: payment.account,
            reference: reference.unwrap_or_default(),
            cip: payment.cip_text(),
            operation: payment.operation.clone().unwrap_or_default(),
            currency: Some(order.map_or(payment.currency, |order| order.currency)),
            report_minor: Some(payment.minor),
            ..KeyRow::default()
        });
    }

    /// Adds a record that cannot be read, and expects its rejection.
    pub(crate) fn tell_unreadable(&mut self, file: File, record: &[u8], field: &'static str) {
        let sheet = match file {
            File::Orders => &mut self.orders,
            File::Reports => &mut self.reports,
            File::Portal => &mut self.portal,
            File::Notices => &mut self.notices,
            File::Settlements => &mut self.settlements,
            File::Bank => &mut self.bank,
        };
        let line = sheet.push(record, Day::of(self.start.min(END)));
        let file = sheet.name;
        self.note(KeyRow { class: "rejected", file, line: Some(line), field, ..KeyRow::default() });
    }

    /// Gives a row its times in another zone and its amount without trailing zeros: another text, the same content.
    pub(crate) fn respelled(row: &Order) -> Order {
        let zone = if row.zone == Zone::Utc { Zone::China } else { Zone::Utc };
        Order { zone, short_amount: true, ..row.clone() }
    }

    /// Dirt that leaves the meaning of any row as it is.
    pub(crate) fn harmless_dirt(&mut self) -> Option<Dirt> {
        let kinds = [Dirt::FullWidth, Dirt::CurrencyWord, Dirt::MissingWord, Dirt::ZeroRefund, Dirt::NoDate];
        self.chance.percent(3).then(|| self.chance.pick(Dirt::LetterCase, &kinds))
    }
}

/// The files that a row can be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Orders,
    Reports,
    Portal,
    Notices,
    Settlements,
    Bank,
}
