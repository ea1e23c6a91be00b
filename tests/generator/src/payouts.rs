//! How the provider pays out: payments are gathered into batches, and the bank books a deposit for each.

use std::collections::BTreeMap;

use crate::banking_days::Day;
use crate::book::Book;
use crate::key::{Pair, Untold, pair_csv};
use crate::ledger::{
    BankLine, BatchHead, SettlementLine, bank_csv, fees, micros_of, settlement_csv, to_minor,
};
use crate::mt940::statement;
use crate::rows::{Currency, Order, Report};
use crate::time::{DAY, END};

/// Where the batches of an account are paid to.
pub(crate) const BANK_ACCOUNTS: [(&str, Currency, &str); 4] = [
    ("1101", Currency::Pen, "191-1101101-0-11"),
    ("1101", Currency::Usd, "191-1101102-1-12"),
    ("2202", Currency::Pen, "0011-0220-0100022021"),
    ("2202", Currency::Usd, "0011-0220-0100022022"),
];

/// The account of which the bank takes the ITF out of the deposit; of the other it books a line of its own.
const ITF_NETTED: &str = "2202";

/// A batch holds at most so many lines of payments: the provider makes several a day where there are more.
const LINES_MAX: usize = 250;

/// What has been paid and not yet paid out, and the bank's statement so far.
#[derive(Default)]
pub(crate) struct Payouts {
    open: BTreeMap<(Day, &'static str, Currency), Batch>,
    batches: u64,
    references: u64,
    movements: u64,
    statement: Vec<BankLine>,
    /// Commission and IGV of each account, currency and month of payout, in millionths.
    pub(crate) fees: BTreeMap<(&'static str, Currency, u32), (i64, i64)>,
}

/// A batch before it has a number.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) account: &'static str,
    pub(crate) currency: Currency,
    pub(crate) paid_on: Day,
    pub(crate) lines: Vec<SettlementLine>,
    pub(crate) pairs: Vec<Pair>,
}

impl Batch {
    pub(crate) const fn new(account: &'static str, currency: Currency, paid_on: Day) -> Batch {
        Batch { account, currency, paid_on, lines: Vec::new(), pairs: Vec::new() }
    }

    /// What the batch pays out, in millionths.
    pub(crate) fn net(&self) -> i64 {
        self.lines.iter().map(|line| line.net).sum()
    }

    /// What it ought to pay out by its own lines, in millionths.
    pub(crate) fn computed(&self) -> i64 {
        self.lines.iter().map(SettlementLine::computed).sum()
    }

    /// Notes that nothing tells which deposit it came with.
    pub(crate) fn without_key(&mut self) {
        self.pairs.iter_mut().for_each(|pair| pair.untold.deposit = true);
    }
}

/// The bank account that an account's batches in a currency go to.
pub(crate) fn bank_account(account: &str, currency: Currency) -> &'static str {
    let known = BANK_ACCOUNTS.iter().find(|(owner, money, _)| *owner == account && *money == currency);
    known.map_or("", |(_, _, number)| number)
}

/// Tax on movements of money (ITF), 0.005 % of what came in, rounded down to five céntimos.
pub(crate) const fn itf(minor: i64) -> i64 {
    minor.div_euclid(100_000).saturating_mul(5)
}

/// What reaches the account of so much that is paid out.
pub(crate) fn came(account: &str, minor: i64) -> i64 {
    if account == ITF_NETTED { minor - itf(minor) } else { minor }
}

impl Book {
    /// The day on which a payment is paid out: one or two business days after it was made.
    pub(crate) fn payout_day(&mut self, payment: &Report) -> Day {
        // Of a payment without time, the provider knows it all the same.
        let paid = payment.paid.unwrap_or(self.start + 2 * DAY);
        Day::of(paid).plus_business(self.chance.pick(1, &[1, 2]))
    }

    /// The line that pays out a payment, by CIP, by the provider's own number, or both.
    pub(crate) fn payment_line(&mut self, payment: &Report) -> SettlementLine {
        let (commission, igv, net) = fees(payment.minor);
        let by_number_alone = payment.provider_id.is_some() && self.chance.percent(50);
        SettlementLine {
            kind: "payment",
            provider_id: payment.provider_id.clone(),
            cip: payment.cip.filter(|_| !by_number_alone),
            gross: micros_of(payment.minor),
            commission: Some(commission),
            igv: Some(igv),
            net,
            wide: self.chance.percent(1),
            ..SettlementLine::default()
        }
    }

    /// What a payment belongs to, as far as it is known before it is paid out.
    pub(crate) fn pair(&self, order: Option<&Order>, payment: &Report) -> Pair {
        Pair {
            account: payment.account,
            reference: order.map(|order| order.reference.clone()).unwrap_or_default(),
            cip: payment.cip_text(),
            operation: payment.operation.clone().unwrap_or_default(),
            currency: payment.currency,
            minor: payment.minor,
            case: self.case,
            untold: Untold::default(),
        }
    }

    /// The payment is paid out with others of its day, and agrees.
    pub(crate) fn settle(&mut self, order: Option<&Order>, payment: &Report) -> Day {
        let pair = self.pair(order, payment);
        self.settle_pair(pair, payment)
    }

    /// The same, where what the payment belongs to is not told by the files.
    pub(crate) fn settle_pair(&mut self, pair: Pair, payment: &Report) -> Day {
        let paid_on = self.payout_day(payment);
        let line = self.payment_line(payment);
        self.gather(payment.account, payment.currency, paid_on, line, Some(pair));
        paid_on
    }

    /// The payment is never paid out.
    pub(crate) fn never_settle(&mut self, order: Option<&Order>, payment: &Report) {
        let pair = self.pair(order, payment);
        self.tell_pair(&pair, "", "");
    }

    /// What was given back is taken from a batch of some day after.
    pub(crate) fn take_from_batch(
        &mut self,
        payment: &Report,
        kind: &'static str,
        minor: i64,
        not_before: Day,
    ) {
        let line = SettlementLine { cip: payment.cip, ..SettlementLine::plain(kind, -micros_of(minor)) };
        let paid_on = not_before.plus_business(self.chance.pick(0, &[1, 2]));
        self.gather(payment.account, payment.currency, paid_on, line, None);
    }

    fn gather(
        &mut self,
        account: &'static str,
        currency: Currency,
        paid_on: Day,
        line: SettlementLine,
        pair: Option<Pair>,
    ) {
        let key = (paid_on, account, currency);
        let batch = self.payouts.open.entry(key).or_insert_with(|| Batch::new(account, currency, paid_on));
        batch.lines.push(line);
        batch.pairs.extend(pair);
        // What is paid out after the end stays untold, however much it is.
        if batch.lines.len() >= LINES_MAX
            && paid_on <= Day::of(END)
            && let Some(full) = self.payouts.open.remove(&key)
        {
            self.pay_out(&full);
        }
    }

    /// Pays out what is due before a day; nothing may be gathered for such a day any more.
    pub(crate) fn pay_out_before(&mut self, day: Day) {
        while let Some(entry) = self.payouts.open.first_entry().filter(|entry| entry.key().0 < day) {
            let batch = entry.remove();
            self.pay_out(&batch);
        }
    }

    /// Pays out all that falls into the time of the data set; the rest is still to come.
    pub(crate) fn pay_out_rest(&mut self) {
        self.pay_out_before(Day::of(END).plus(1));
        for batch in std::mem::take(&mut self.payouts.open).into_values() {
            for pair in &batch.pairs {
                self.tell_pair(pair, "", "");
            }
        }
    }

    /// A batch with a deposit that can be found, one way or another. Returns what the batch is called.
    pub(crate) fn pay_out(&mut self, batch: &Batch) -> BatchHead {
        let reference = self.bank_reference(batch.account);
        let net = to_minor(batch.net());
        let (told, seen, by_number) = match self.chance.below(20) {
            0..=12 => (Some(reference.clone()), Some(reference), false),
            // The bank writes the batch's number, as its reference or somewhere in the text.
            13 | 14 => (None, None, true),
            15..=17 => (None, Some(String::new()), true),
            // What cleansing heals.
            _ => self.careless(&reference),
        };
        let head = self.head(batch, told);
        self.tell_batch(&head, &batch.lines);
        let text = if by_number && seen.is_none() {
            format!("PAGOEFECTIVO LIQ {}", head.id)
        } else {
            "ABONO PAGOEFECTIVO".to_owned()
        };
        let seen = if by_number { seen.map(|_| head.id.clone()) } else { seen };
        let value_date = batch.paid_on.plus_business(self.chance.pick(0, &[0, 1]));
        let movement = if net > 0 { self.deposit(&head, value_date, net, seen, text) } else { String::new() };
        self.tell_pairs(batch, &head, &movement);
        self.other_movements(value_date);
        head
    }

    /// A reference as one of both sides writes it carelessly.
    fn careless(&mut self, clean: &str) -> (Option<String>, Option<String>, bool) {
        let dirty = self.chance.pick(0, &[1, 2, 3]);
        let dirty = match dirty {
            0 => format!(" {clean}\u{3000}"),
            1 => clean.replace(' ', "\u{a0}"),
            2 => clean.replace('0', "\u{200b}0"),
            _ => clean.replace(' ', "\n"),
        };
        let clean = clean.to_owned();
        if self.chance.percent(50) {
            (Some(dirty), Some(clean), false)
        } else {
            (Some(clean), Some(dirty), false)
        }
    }

    /// A reference that the bank gives to no other movement.
    pub(crate) fn bank_reference(&mut self, account: &str) -> String {
        self.payouts.references = self.payouts.references.saturating_add(1 + self.chance.below(3));
        let number = self.payouts.references;
        if account == ITF_NETTED { format!("TRF-{number:07}") } else { format!("OP 2026 {number:07}") }
    }

    /// Gives the batch its number.
    pub(crate) fn head(&mut self, batch: &Batch, bank_reference: Option<String>) -> BatchHead {
        self.payouts.batches = self.payouts.batches.saturating_add(1);
        BatchHead {
            account: batch.account,
            id: format!("LQ{}{:07}", batch.account, self.payouts.batches),
            currency: batch.currency,
            paid_on: batch.paid_on,
            bank_reference,
        }
    }

    /// Writes the lines of a batch; one batch in twelve is told again, in another file and on another day.
    pub(crate) fn tell_batch(&mut self, head: &BatchHead, lines: &[SettlementLine]) {
        let again = self.chance.below(12) == 0;
        for line in lines {
            let (commission, igv) = line.fees();
            let fees =
                self.payouts.fees.entry((head.account, head.currency, head.paid_on.month())).or_default();
            *fees = (fees.0 + commission, fees.1 + igv);
            let record = settlement_csv(head, line);
            self.settlements.push(record.as_bytes(), head.paid_on);
            if again {
                let later = head.paid_on.plus_business(2).min(Day::of(END));
                self.settlements_again.push(record.as_bytes(), later);
            }
        }
    }

    /// Writes what the payments of the batch belong to.
    pub(crate) fn tell_pairs(&mut self, batch: &Batch, head: &BatchHead, movement: &str) {
        for pair in &batch.pairs {
            self.tell_pair(pair, &head.id, movement);
        }
        // A batch that pays out no payment of its own has a deposit all the same.
        if batch.pairs.is_empty() && !movement.is_empty() {
            let pair = Pair {
                account: head.account,
                reference: String::new(),
                cip: String::new(),
                operation: String::new(),
                currency: head.currency,
                minor: to_minor(batch.net()),
                case: self.case,
                untold: Untold::default(),
            };
            self.tell_pair(&pair, &head.id, movement);
        }
    }

    fn tell_pair(&mut self, pair: &Pair, settlement: &str, movement: &str) {
        self.pairs.push(pair_csv(pair, settlement, movement).as_bytes(), Day::of(END));
    }

    /// The bank books what a batch pays out, with its tax. Returns the movement's number; nothing where it falls after the
    /// end.
    pub(crate) fn deposit(
        &mut self,
        head: &BatchHead,
        value_date: Day,
        minor: i64,
        bank_reference: Option<String>,
        description: String,
    ) -> String {
        let tax = itf(minor);
        let came = came(head.account, minor);
        let number = bank_account(head.account, head.currency);
        let line = self.movement(number, head.currency, value_date, came, bank_reference, description);
        if came == minor && tax > 0 {
            let reference = line.bank_reference.clone().filter(|_| self.chance.percent(50));
            let text = "ITF".to_owned();
            let tax = self.movement(number, head.currency, value_date, -tax, reference, text);
            self.book_movement(tax);
        }
        self.book_movement(line)
    }

    /// A line of the statement, with a number of its own.
    pub(crate) fn movement(
        &mut self,
        bank_account: &'static str,
        currency: Currency,
        value_date: Day,
        minor: i64,
        bank_reference: Option<String>,
        description: String,
    ) -> BankLine {
        self.payouts.movements = self.payouts.movements.saturating_add(1);
        let movement = format!("M{:08}", self.payouts.movements);
        BankLine { bank_account, bank_reference, value_date, minor, currency, description, movement }
    }

    /// Puts a line into the statement and returns its number, or nothing where the statement has ended before.
    pub(crate) fn book_movement(&mut self, line: BankLine) -> String {
        if line.value_date > Day::of(END) {
            return String::new();
        }
        let movement = line.movement.clone();
        self.payouts.statement.push(line);
        movement
    }

    /// What else happens on the merchant's account: nothing of it is PagoEfectivo's.
    fn other_movements(&mut self, value_date: Day) {
        let (owner, currency, number) = self.chance.pick(BANK_ACCOUNTS[0], &BANK_ACCOUNTS);
        let (text, sign) = self.chance.pick(
            ("NIUBIZ LIQUIDACION TARJETAS", 1),
            &[("TRANSFERENCIA DE TERCEROS", 1), ("PAGO PROVEEDORES", -1), ("COMISION MANTENIMIENTO", -1)],
        );
        let minor = sign * self.chance.between(500, 900_000);
        let reference = self.chance.percent(60).then(|| self.bank_reference(owner));
        let line = self.movement(number, currency, value_date, minor, reference, text.to_owned());
        self.book_movement(line);
    }

    /// The statement, by account and day as banks write it; the last weeks of it once more, and one account in another
    /// form besides.
    pub(crate) fn write_statement(&mut self) {
        let end = Day::of(END);
        let mut lines = std::mem::take(&mut self.payouts.statement);
        lines.sort_by(|a, b| {
            (a.bank_account, a.value_date, &a.movement).cmp(&(b.bank_account, b.value_date, &b.movement))
        });
        for line in &lines {
            let record = bank_csv(line);
            self.bank.push(record.as_bytes(), line.value_date);
            if line.value_date >= end.plus(-14) {
                self.bank_overlap.push(record.as_bytes(), end);
            }
        }
        let [.., (_, currency, number)] = BANK_ACCOUNTS;
        let of_account: Vec<&BankLine> = lines.iter().filter(|line| line.bank_account == number).collect();
        self.mt940 = statement(number, currency, &of_account, end);
    }
}
