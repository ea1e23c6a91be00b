//! The little language of `docs/histories.md`: one fact in words a customer service agent reads.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::SplitWhitespace;

use cuadre::calendar::{Day, Instant};
use cuadre::ids::Cip;
use cuadre::lifecycle::evidence::{
    Deposit, Doubt, NoticeRow, OrderRow, OrderStatus, ReportRow, ReportStatus, SettledPayment,
};
use cuadre::lifecycle::story::Evidence;
use cuadre::money::{Currency, Money, parse_minor};

/// The sources of report rows, as the words that begin them.
const SOURCES: [&str; 3] = ["look", "report", "portal"];

/// Words that stand for an event type of the provider's.
const EVENTS: [&str; 5] = ["paid", "expired", "refunded", "removed", "reversed"];

/// One fact of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Order(OrderRow<'static>),
    Notice(NoticeRow<'static>),
    Report(ReportRow<'static>),
    Settled(SettledPayment<'static>),
    Deposit(Deposit<'static>),
    Doubt(Doubt),
}

/// The account of all histories.
pub(super) const ACCOUNT: &str = "tienda";

/// The code that all histories are of.
pub(super) fn cip() -> Cip {
    Cip::parse("100").unwrap()
}

/// Reads `09:00`, or `3d 09:00` for another day of March 2026.
pub(super) fn read_time(text: &str) -> Result<Instant, String> {
    let mut words = Words::new(text);
    let time = words.time()?;
    words.end().map(|()| time)
}

/// Reads facts separated by `;`.
pub(super) fn read_facts(text: &str) -> Result<Vec<Fact>, String> {
    if text == "nothing" {
        return Ok(Vec::new());
    }
    text.split(';')
        .map(|words| read_fact(words).map_err(|fault| format!("{:?}: {fault}", words.trim())))
        .collect()
}

/// The facts as they arrived: callbacks bear the time of their receipt, which is another for each place in the order.
pub(super) fn evidence<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Evidence<'static> {
    let mut evidence = Evidence::default();
    for (place, fact) in (0_u32..).zip(facts) {
        match fact.clone() {
            Fact::Order(row) => evidence.orders.push(row),
            Fact::Notice(row) => {
                let received_at = Instant::UNIX_EPOCH.plus_hours(place);
                evidence.notices.push(NoticeRow { received_at, ..row });
            }
            Fact::Report(row) => evidence.reports.push(row),
            Fact::Settled(line) => evidence.settled.push(line),
            Fact::Deposit(line) => evidence.deposits.push(line),
            Fact::Doubt(doubt) => evidence.doubts.push(doubt),
        }
    }
    evidence
}

fn read_fact(text: &str) -> Result<Fact, String> {
    let mut words = Words::new(text);
    let fact = match words.next()? {
        "order" => order(&mut words).map(Fact::Order),
        "notice" => notice(&mut words).map(Fact::Notice),
        "settled" => settled(&mut words).map(Fact::Settled),
        "deposit" => deposit(&mut words).map(Fact::Deposit),
        "doubt" => doubt(&mut words).map(Fact::Doubt),
        word => match (0_u16..).zip(SOURCES).find(|(_, known)| *known == word) {
            Some((source, _)) => report(source, &mut words).map(Fact::Report),
            None => Err(format!("no fact begins with {word}")),
        },
    }?;
    words.end().map(|()| fact)
}

fn order(words: &mut Words<'_>) -> Result<OrderRow<'static>, String> {
    let reference_id = if words.peek().starts_with("R-") { words.next()? } else { "R-1" };
    let reference_id = Cow::Owned(reference_id.to_owned());
    let amount = words.money()?;
    let status = words.one_of(OrderStatus::ALL, OrderStatus::word)?;
    let mut row = OrderRow {
        account: Cow::Borrowed(ACCOUNT),
        reference_id,
        cips: vec![cip()],
        amount,
        status,
        created_at: read_time("07:00")?,
        expires_at: None,
        paid_at: None,
        fulfilled_at: None,
        refunded_minor: None,
        refund_payee_id: None,
        store: None,
        payer_id: None,
        ip: None,
        updated_at: None,
        extras: Vec::new(),
    };
    while !words.peek().is_empty() {
        match words.next()? {
            "created" => row.created_at = words.time()?,
            "updated" => row.updated_at = Some(words.time()?),
            "expires" => row.expires_at = Some(words.time()?),
            word => return Err(format!("an order has no {word}")),
        }
    }
    Ok(row)
}

fn notice(words: &mut Words<'_>) -> Result<NoticeRow<'static>, String> {
    let event_type = match words.next()? {
        event if EVENTS.contains(&event) => format!("cip.{event}"),
        event if event.contains('.') => event.to_owned(),
        event => return Err(format!("{event} is no event")),
    };
    let operation_number = words.number().map(Cow::Owned);
    let amount = words.money()?;
    let paid_at =
        if words.peek() == "at" { words.next().and_then(|_| words.time()).map(Some)? } else { None };
    Ok(NoticeRow {
        account: Cow::Borrowed(ACCOUNT),
        cip: cip(),
        event_type: Cow::Owned(event_type),
        operation_number,
        amount,
        paid_at,
        received_at: Instant::UNIX_EPOCH,
        extras: Vec::new(),
    })
}

fn report(source: u16, words: &mut Words<'_>) -> Result<ReportRow<'static>, String> {
    let status = words.one_of(ReportStatus::ALL, ReportStatus::word)?;
    let operation_number = words.number().map(Cow::Owned);
    let amount = words.money()?;
    let mut row = ReportRow {
        operation_number,
        ..ReportRow::new(source, Cow::Borrowed(ACCOUNT), cip(), status, amount)
    };
    while !words.peek().is_empty() {
        match words.next()? {
            "at" => row.paid_at = Some(words.time()?),
            "seen" => row.observed_at = Some(words.time()?),
            "expires" => row.expires_at = Some(words.time()?),
            "back" => row.refunded_minor = Some(words.amount()?),
            "settled" => row.settlement_id = Some(Cow::Owned(words.next()?.to_owned())),
            word => return Err(format!("a {} has no {word}", SOURCES[usize::from(source)])),
        }
    }
    let is_look = SOURCES[usize::from(source)] == "look";
    if is_look && (row.observed_at.is_none() || row.operation_number.is_some()) {
        return Err("a look has the time at which it saw, and no number".to_owned());
    }
    Ok(row)
}

fn settled(words: &mut Words<'_>) -> Result<SettledPayment<'static>, String> {
    let settlement_id = Cow::Owned(words.next()?.to_owned());
    let gross = words.money()?;
    let bank_reference = match words.peek() {
        "" => None,
        _ => Some(Cow::Owned(words.after("bank")?.to_owned())),
    };
    Ok(SettledPayment { settlement_id, cip: cip(), gross, bank_reference })
}

fn deposit(words: &mut Words<'_>) -> Result<Deposit<'static>, String> {
    let bank_reference = Cow::Owned(words.next()?.to_owned());
    let day = words.after("on")?;
    let value_date = Day::parse(day).ok_or_else(|| format!("{day} is no day"))?;
    Ok(Deposit { bank_reference, value_date })
}

fn doubt(words: &mut Words<'_>) -> Result<Doubt, String> {
    let mut reason = Vec::new();
    while !["", "seen"].contains(&words.peek()) {
        reason.push(words.next()?);
    }
    let observed_at =
        if words.peek() == "seen" { words.next().and_then(|_| words.time()).map(Some)? } else { None };
    Ok(Doubt { source: "search".to_owned(), reason: reason.join(" "), observed_at })
}

struct Words<'w>(Peekable<SplitWhitespace<'w>>);

impl<'w> Words<'w> {
    fn new(text: &'w str) -> Self {
        Words(text.split_whitespace().peekable())
    }

    fn peek(&mut self) -> &'w str {
        self.0.peek().copied().unwrap_or_default()
    }

    fn next(&mut self) -> Result<&'w str, String> {
        self.0.next().ok_or_else(|| "a word is missing at the end".to_owned())
    }

    fn after(&mut self, word: &str) -> Result<&'w str, String> {
        match self.next()? {
            found if found == word => self.next(),
            found => Err(format!("{found} stands where {word} belongs")),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        match self.peek() {
            "" => Ok(()),
            word => Err(format!("{word} is one word too many")),
        }
    }

    fn number(&mut self) -> Option<String> {
        let number = self.peek().strip_prefix('#')?.to_owned();
        self.0.next();
        Some(number)
    }

    /// An amount, 10.00 where none stands, in soles unless `USD` follows.
    fn money(&mut self) -> Result<Money, String> {
        let given = self.peek().starts_with(|c: char| c.is_ascii_digit());
        let minor = if given { self.amount()? } else { 1000 };
        let in_dollars = self.peek() == "USD";
        let currency = if in_dollars { self.next().map(|_| Currency::Usd)? } else { Currency::Pen };
        Ok(Money { minor, currency })
    }

    fn amount(&mut self) -> Result<i64, String> {
        let word = self.next()?;
        parse_minor(word).map_err(|fault| format!("{word} {fault}"))
    }

    fn time(&mut self) -> Result<Instant, String> {
        let (day, clock) = match self.next()? {
            word if word.ends_with('d') => (word.trim_end_matches('d'), self.next()?),
            clock => ("2", clock),
        };
        let time = format!("2026-03-{day:0>2}T{clock}:00-05:00");
        Instant::parse(&time).ok_or_else(|| format!("{clock} on day {day} is no time"))
    }

    fn one_of<T: Copy>(
        &mut self,
        known: impl IntoIterator<Item = T>,
        word_of: impl Fn(T) -> &'static str,
    ) -> Result<T, String> {
        let word = self.next()?;
        known.into_iter().find(|value| word_of(*value) == word).ok_or_else(|| format!("{word} is no status"))
    }
}

#[test]
fn what_is_not_of_the_language_is_refused() {
    let check = |words: &str, fault: &str| {
        let refused = read_facts(words).unwrap_err();
        assert!(refused.contains(fault), "{words}: {refused}");
    };
    check("order 10.00", "a word is missing");
    check("order 10.00 payed", "payed is no status");
    check("order 10.00 paid seen 09:00", "an order has no seen");
    check("order 10.00 paid; ", "a word is missing");
    check("notice misterio", "misterio is no event");
    check("notice paid #1 10.00 at 25:00", "25:00 on day 2 is no time");
    check("notice paid #1 10.00 seen 09:00", "seen is one word too many");
    check("look paid #1 10.00 seen 09:00", "no number");
    check("look pending", "the time at which it saw");
    check("report refunded back 4.001", "4.001 has more than 2 decimals");
    check("settled L-1 10.00 at 09:00", "at stands where bank belongs");
    check("deposit B-9 on 2026-02-30", "2026-02-30 is no day");
    check("rumour paid", "no fact begins with rumour");
    assert!(read_time("32d 09:00").is_err() && read_time("09:00 3d").is_err());
}
