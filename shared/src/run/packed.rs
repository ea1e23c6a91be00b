//! Rows in few bytes: a run that holds millions of them holds them so, and reads out the few that need a closer look.
//!
//! A packed row is a head of fixed length, then the numbers that the row has, then its texts, each behind its length, and
//! zeros up to a full step. It loses nothing: what is read out equals what was put in.

use std::borrow::Cow;

use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{Extras, OrderRow, OrderStatus, ReportRow, ReportStatus, Text};
use crate::money::{Currency, Micros, Money};

/// The part of a packed row that is the same in every leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Length of the row in bytes, this head included.
    pub size: u32,
    /// Which optional fields are there, with status and currency in the lowest bits.
    flags: u32,
    /// The number of the account.
    pub account: u32,
    /// How many CIPs an order lists, which is one field of a few hundred bytes, or the source of a report row.
    count_or_source: u16,
    /// A short hash of account and reference; 0 where there is no reference.
    pub tag: u32,
    /// The only or first CIP; 0 where there is none.
    pub cip: u64,
    pub minor: i64,
}

const WORD_BYTES: usize = 4;
const HEAD_WORDS: usize = 8;
/// Bytes of a head.
const HEAD_BYTES: usize = HEAD_WORDS * WORD_BYTES;

/// What the texts of a row take is a multiple of so many bytes, and with it every row begins where a number may begin:
/// whether texts are sound is found out sixteen bytes at a time, and one by one for those that are left over.
const TEXT_STEP_BYTES: usize = 16;

const STATUS_BITS: u32 = 3;
const STATUS_MASK: u32 = (1 << STATUS_BITS) - 1;
const CURRENCY_BIT: u32 = 1 << STATUS_BITS;
/// The first optional field's flag.
const FIRST_FIELD: u32 = STATUS_BITS + 1;

impl Head {
    pub(super) fn read(bytes: &[u8]) -> Option<Head> {
        let (words, _) = bytes.as_chunks::<WORD_BYTES>();
        let [size, flags, account, tag, cip, count_and_cip, minor, minor_high] =
            words.first_chunk::<HEAD_WORDS>()?.map(u32::from_le_bytes);
        let long = |low: u32, high: u32| u64::from(high) << u32::BITS | u64::from(low);
        let [cip_low, cip_high, count_low, count_high] = count_and_cip.to_le_bytes();
        Some(Head {
            size,
            flags,
            account,
            count_or_source: u16::from_le_bytes([count_low, count_high]),
            tag,
            cip: long(cip, u16::from_le_bytes([cip_low, cip_high]).into()),
            minor: long(minor, minor_high).cast_signed(),
        })
    }

    /// Appends all but size and flags, which are known last.
    fn begin(self, out: &mut Vec<u8>) {
        let [a, b, c, d, e, f, ..] = self.cip.to_le_bytes();
        let [count_low, count_high] = self.count_or_source.to_le_bytes();
        let head: [[u8; 2 * WORD_BYTES]; HEAD_WORDS / 2] = [
            [0; 2 * WORD_BYTES],
            (u64::from(self.tag) << u32::BITS | u64::from(self.account)).to_le_bytes(),
            [a, b, c, d, e, f, count_low, count_high],
            self.minor.to_le_bytes(),
        ];
        out.extend_from_slice(head.as_flattened());
    }

    /// Of a report row: whether it states a refunded amount, which its status alone does not tell.
    pub(super) const fn states_refund(self) -> bool {
        const REFUNDED_FIELD: u32 = 3;
        self.flags & (1 << (FIRST_FIELD + REFUNDED_FIELD)) != 0
    }

    /// Of a report row: whether it bears an id of the provider's.
    pub(super) const fn has_provider_id(self) -> bool {
        const PROVIDER_FIELD: u32 = 9;
        self.flags & (1 << (FIRST_FIELD + PROVIDER_FIELD)) != 0
    }

    fn money(self) -> Money {
        let currency = if self.flags & CURRENCY_BIT == 0 { Currency::Pen } else { Currency::Usd };
        Money { minor: self.minor, currency }
    }

    fn status<S: Copy>(self, all: &[S]) -> Option<S> {
        all.get(usize::try_from(self.flags & STATUS_MASK).ok()?).copied()
    }
}

/// Before a length that takes more than a byte.
const LONG: u8 = 0x7F;

/// Digits of such a length: enough for any field and any number of them.
const LENGTH_DIGITS: usize = 5;

/// Status and currency as the lowest flags.
fn first_flags<S: PartialEq>(status: S, all: &[S], currency: Currency) -> u32 {
    let place = all.iter().position(|known| *known == status).unwrap_or_default();
    let currency = match currency {
        Currency::Pen => 0,
        Currency::Usd => CURRENCY_BIT,
    };
    u32::try_from(place).unwrap_or_default() | currency
}

/// Packs an order into `out`, which held something else before.
pub(super) fn pack_order(row: &OrderRow<'_>, account: u32, tag: u32, out: &mut Vec<u8>) {
    let (first, others) =
        row.cips.split_first().map_or((0, &[][..]), |(first, others)| (first.number(), others));
    let head = Head {
        size: 0,
        flags: first_flags(row.status, &OrderStatus::ALL, row.amount.currency),
        account,
        count_or_source: u16::try_from(row.cips.len()).unwrap_or(u16::MAX),
        tag,
        cip: first,
        minor: row.amount.minor,
    };
    let mut writer = Writer::begin(out, head);
    writer.out.extend_from_slice(&row.created_at.unix_nanos().to_le_bytes());
    for cip in others {
        writer.out.extend_from_slice(&cip.number().to_le_bytes());
    }
    writer.number(row.expires_at.map(Instant::unix_nanos));
    writer.number(row.paid_at.map(Instant::unix_nanos));
    writer.number(row.fulfilled_at.map(Instant::unix_nanos));
    writer.number(row.refunded_minor);
    writer.number(row.updated_at.map(Instant::unix_nanos));
    writer.begin_texts();
    writer.text(&row.reference_id);
    writer.option(row.refund_payee_id.as_ref());
    writer.option(row.store.as_ref());
    writer.option(row.payer_id.as_ref());
    writer.option(row.ip.as_ref());
    writer.extras(&row.extras);
    writer.finish();
}

/// Packs a row of a report into `out`, which held something else before.
pub(super) fn pack_report(row: &ReportRow<'_>, account: u32, tag: u32, out: &mut Vec<u8>) {
    let head = Head {
        size: 0,
        flags: first_flags(row.status, &ReportStatus::ALL, row.amount.currency),
        account,
        count_or_source: row.source,
        tag,
        cip: row.cip.map_or(0, Cip::number),
        minor: row.amount.minor,
    };
    let mut writer = Writer::begin(out, head);
    writer.number(row.created_at.map(Instant::unix_nanos));
    writer.number(row.expires_at.map(Instant::unix_nanos));
    writer.number(row.paid_at.map(Instant::unix_nanos));
    writer.number(row.refunded_minor);
    writer.number(row.commission.map(|fee| fee.0));
    writer.number(row.igv.map(|fee| fee.0));
    writer.number(row.net.map(|fee| fee.0));
    writer.number(row.observed_at.map(Instant::unix_nanos));
    writer.begin_texts();
    writer.option(row.reference_id.as_ref());
    writer.option(row.provider_id.as_ref());
    writer.option(row.operation_number.as_ref());
    writer.option(row.settlement_id.as_ref());
    writer.option(row.store.as_ref());
    writer.extras(&row.extras);
    writer.finish();
}

/// Reads the next field if the row has it. A function that gave a field or nothing or a defect would write all three to memory, and
/// whoever asks would wait for it.
macro_rules! optional {
    ($flags:ident, $read:expr) => {
        if $flags.next() { Some($read?) } else { None }
    };
}

/// Reads an order out into a row that held another; `accounts` are the names by number. `None` is a defect of the packing.
pub(super) fn unpack_order<'p>(
    bytes: &'p [u8],
    accounts: &'p [String],
    row: &mut OrderRow<'p>,
) -> Option<()> {
    let head = Head::read(bytes)?;
    let mut numbers = Reader { rest: bytes.get(HEAD_BYTES..usize::try_from(head.size).ok()?)? };
    let mut fields = Flags { rest: head.flags >> FIRST_FIELD };
    row.account = Cow::Borrowed(accounts.get(usize::try_from(head.account).ok()?)?);
    row.amount = head.money();
    row.status = head.status(&OrderStatus::ALL)?;
    row.created_at = numbers.time()?;
    row.cips.clear();
    if head.count_or_source > 0 {
        row.cips.push(Cip::from_number(head.cip)?);
        for _ in 1..head.count_or_source {
            row.cips.push(Cip::from_number(numbers.number()?)?);
        }
    }
    row.expires_at = optional!(fields, numbers.time());
    row.paid_at = optional!(fields, numbers.time());
    row.fulfilled_at = optional!(fields, numbers.time());
    row.refunded_minor = optional!(fields, numbers.signed());
    row.updated_at = optional!(fields, numbers.time());
    let mut texts = Texts { rest: std::str::from_utf8(numbers.rest).ok()? };
    row.reference_id = texts.text()?;
    row.refund_payee_id = optional!(fields, texts.text());
    row.store = optional!(fields, texts.text());
    row.payer_id = optional!(fields, texts.text());
    row.ip = optional!(fields, texts.text());
    row.extras = optional!(fields, texts.extras()).unwrap_or_default();
    Some(())
}

/// Reads a row of a report out, as [`unpack_order`] does an order.
pub(super) fn unpack_report<'p>(
    bytes: &'p [u8],
    accounts: &'p [String],
    row: &mut ReportRow<'p>,
) -> Option<()> {
    let head = Head::read(bytes)?;
    let mut numbers = Reader { rest: bytes.get(HEAD_BYTES..usize::try_from(head.size).ok()?)? };
    let mut fields = Flags { rest: head.flags >> FIRST_FIELD };
    row.source = head.count_or_source;
    row.account = Cow::Borrowed(accounts.get(usize::try_from(head.account).ok()?)?);
    row.cip = Cip::from_number(head.cip);
    row.amount = head.money();
    row.status = head.status(&ReportStatus::ALL)?;
    row.created_at = optional!(fields, numbers.time());
    row.expires_at = optional!(fields, numbers.time());
    row.paid_at = optional!(fields, numbers.time());
    row.refunded_minor = optional!(fields, numbers.signed());
    row.commission = optional!(fields, numbers.signed().map(Micros));
    row.igv = optional!(fields, numbers.signed().map(Micros));
    row.net = optional!(fields, numbers.signed().map(Micros));
    row.observed_at = optional!(fields, numbers.time());
    let mut texts = Texts { rest: std::str::from_utf8(numbers.rest).ok()? };
    row.reference_id = optional!(fields, texts.text());
    row.provider_id = optional!(fields, texts.text());
    row.operation_number = optional!(fields, texts.text());
    row.settlement_id = optional!(fields, texts.text());
    row.store = optional!(fields, texts.text());
    row.extras = optional!(fields, texts.extras()).unwrap_or_default();
    Some(())
}

/// The order as a row of its own.
pub(super) fn order_of<'p>(bytes: &'p [u8], accounts: &'p [String]) -> Option<OrderRow<'p>> {
    let mut row = OrderRow::blank();
    unpack_order(bytes, accounts, &mut row)?;
    Some(row)
}

/// The report's row as a row of its own.
pub(super) fn report_of<'p>(bytes: &'p [u8], accounts: &'p [String]) -> Option<ReportRow<'p>> {
    let mut row = ReportRow::blank();
    unpack_report(bytes, accounts, &mut row)?;
    Some(row)
}

/// Puts a row together; its size and flags are written last, when they are known.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    flags: u32,
    next: u32,
    /// Where the texts begin.
    texts: usize,
}

impl<'o> Writer<'o> {
    fn begin(out: &'o mut Vec<u8>, head: Head) -> Writer<'o> {
        out.clear();
        head.begin(out);
        Writer { out, flags: head.flags, next: 1 << FIRST_FIELD, texts: 0 }
    }

    fn flag(&mut self, set: bool) {
        self.flags |= if set { self.next } else { 0 };
        self.next <<= 1;
    }

    fn number(&mut self, number: Option<i64>) {
        self.flag(number.is_some());
        if let Some(number) = number {
            self.out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn option(&mut self, text: Option<&Text<'_>>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A length in bytes that are ASCII, so that texts with their lengths are one text: one where it is short, else a mark
    /// and five digits of seven bits, the highest first.
    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(short) if short < LONG => self.out.push(short),
            _ => {
                self.out.push(LONG);
                let digit = |place: usize| u8::try_from(length >> (7 * place) & 0x7F).unwrap_or_default();
                self.out.extend([4, 3, 2, 1, 0].map(digit));
            }
        }
    }

    fn extras(&mut self, extras: &Extras<'_>) {
        self.flag(!extras.is_empty());
        if !extras.is_empty() {
            self.length(extras.len());
            for (name, value) in extras {
                self.text(name);
                self.text(value);
            }
        }
    }

    /// Ends the numbers.
    fn begin_texts(&mut self) {
        self.texts = self.out.len();
    }

    fn finish(self) {
        let texts = self.out.len().saturating_sub(self.texts).next_multiple_of(TEXT_STEP_BYTES);
        self.out.resize(self.texts.saturating_add(texts), 0);
        let size = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        if let Some(first) = self.out.first_chunk_mut::<8>() {
            *first = (u64::from(self.flags) << 32 | u64::from(size)).to_le_bytes();
        }
    }
}

/// The flags of optional fields that have not been read yet.
struct Flags {
    rest: u32,
}

impl Flags {
    /// Whether the row has the next field.
    const fn next(&mut self) -> bool {
        let is_there = self.rest & 1 == 1;
        self.rest >>= 1;
        is_there
    }
}

struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn signed(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn time(&mut self) -> Option<Instant> {
        self.signed().map(Instant::from_unix_nanos)
    }
}

/// Texts behind their lengths.
struct Texts<'p> {
    rest: &'p str,
}

impl<'p> Texts<'p> {
    fn length(&mut self) -> Option<usize> {
        let (first, rest) = self.rest.as_bytes().split_first()?;
        if *first < LONG {
            self.rest = self.rest.get(1..)?;
            return Some(usize::from(*first));
        }
        let digits = rest.first_chunk::<LENGTH_DIGITS>()?;
        self.rest = self.rest.get(LENGTH_DIGITS.checked_add(1)?..)?;
        Some(digits.iter().fold(0, |length, digit| length << 7 | usize::from(*digit)))
    }

    fn text(&mut self) -> Option<Text<'p>> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Cow::Borrowed(text))
    }

    fn extras(&mut self) -> Option<Extras<'p>> {
        let count = self.length()?;
        (0..count).map(|_| Some((self.text()?, self.text()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cip(number: u64) -> Cip {
        Cip::from_number(number).unwrap()
    }

    #[test]
    fn an_order_comes_out_as_it_went_in() {
        let accounts = ["otra".to_owned(), "tienda".to_owned()];
        let time = |seconds: i64| Some(Instant::from_unix_nanos(seconds * 1_000_000_000 + 5));
        let bare = OrderRow { account: "tienda".into(), reference_id: "PED-1".into(), ..OrderRow::blank() };
        let full = OrderRow {
            account: "otra".into(),
            reference_id: "ñ".repeat(200).into(),
            cips: vec![cip(1), cip(99_999_999_999_999)],
            amount: Money { minor: i64::MAX, currency: Currency::Usd },
            status: OrderStatus::Refunded,
            created_at: Instant::from_unix_nanos(-1),
            expires_at: time(1),
            paid_at: time(2),
            fulfilled_at: time(3),
            refunded_minor: Some(4),
            refund_payee_id: Some("payee".into()),
            store: Some("Miraflores".into()),
            payer_id: Some("payer".into()),
            ip: Some("10.0.0.1".into()),
            updated_at: time(5),
            extras: vec![("nota".into(), "x".repeat(70_000).into()), ("".into(), "y".into())],
        };
        let check = |row: &OrderRow<'_>, account: u32| {
            let mut packed = vec![1, 2, 3];
            pack_order(row, account, 7, &mut packed);
            assert_eq!(Head::read(&packed).unwrap().tag, 7);
            packed.extend_from_slice(b"the next row");
            assert_eq!(order_of(&packed, &accounts).as_ref(), Some(row));
            // A row that held another keeps nothing of it.
            let mut other = full.clone();
            unpack_order(&packed, &accounts, &mut other).unwrap();
            assert_eq!(&other, row);
        };
        check(&bare, 1);
        check(&full, 0);
        check(&OrderRow { cips: vec![cip(5)], store: None, extras: Vec::new(), ..full.clone() }, 0);
    }

    #[test]
    fn a_report_row_comes_out_as_it_went_in() {
        let accounts = ["tienda".to_owned()];
        let time = |seconds: i64| Some(Instant::from_unix_nanos(seconds));
        let bare =
            ReportRow { account: "tienda".into(), provider_id: Some("p".into()), ..ReportRow::blank() };
        let full = ReportRow {
            source: u16::MAX,
            cip: Some(cip(5_000_000)),
            reference_id: Some("R".repeat(127).into()),
            operation_number: Some("7".into()),
            amount: Money { minor: 1, currency: Currency::Usd },
            status: ReportStatus::Reversed,
            created_at: time(1),
            expires_at: time(2),
            paid_at: time(3),
            refunded_minor: Some(4),
            commission: Some(Micros(-5)),
            igv: Some(Micros(6)),
            net: Some(Micros(7)),
            settlement_id: Some("L1".into()),
            store: Some("s".into()),
            observed_at: time(8),
            extras: vec![("a".into(), "b".into())],
            ..bare.clone()
        };
        let check = |row: &ReportRow<'_>| {
            let mut packed = Vec::new();
            pack_report(row, 0, 0, &mut packed);
            assert_eq!(Head::read(&packed).unwrap().states_refund(), row.refunded_minor.is_some());
            let mut other = full.clone();
            unpack_report(&packed, &accounts, &mut other).unwrap();
            assert_eq!(&other, row);
        };
        check(&bare);
        check(&full);
        check(&ReportRow { refunded_minor: None, cip: None, ..full.clone() });
    }
}
