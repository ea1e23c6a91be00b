//! What the provider's settlements and the bank's statement say, before and after it is written.

use crate::banking_days::Day;
use crate::rows::{Currency, write_minor};
use crate::writing::Record;

pub(crate) const SETTLEMENTS_HEADER: &str = "account,settlement_id,currency,kind,provider_id,cip,gross,commission,igv,net,fx_rate,paid_on,bank_reference";
pub(crate) const BANK_HEADER: &str =
    "bank_account,bank_reference,value_date,amount,currency,description,movement";

/// One line of a batch. Amounts are millionths, since the provider's fees have up to six decimals.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettlementLine {
    pub(crate) kind: &'static str,
    pub(crate) provider_id: Option<String>,
    pub(crate) cip: Option<u64>,
    pub(crate) gross: i64,
    pub(crate) commission: Option<i64>,
    pub(crate) igv: Option<i64>,
    pub(crate) net: i64,
    pub(crate) fx_rate: Option<&'static str>,
    /// Writes the CIP in full-width digits.
    pub(crate) wide: bool,
}

impl SettlementLine {
    /// A line that moves an amount and bears no fee: negative where it takes from the batch.
    pub(crate) fn plain(kind: &'static str, micros: i64) -> SettlementLine {
        SettlementLine { kind, gross: micros, net: micros, ..SettlementLine::default() }
    }

    /// Commission and IGV of the line. One that is a fee or a tax on it may state it as what it takes from the batch.
    pub(crate) fn fees(&self) -> (i64, i64) {
        match self.kind {
            "fee" if self.commission.is_none() => (-self.gross, 0),
            "igv" if self.igv.is_none() => (0, -self.gross),
            _ => (self.commission.unwrap_or(0), self.igv.unwrap_or(0)),
        }
    }

    /// What the line adds to the payout by its own amounts.
    pub(crate) fn computed(&self) -> i64 {
        let (commission, igv) = self.fees();
        let moved = if matches!(self.kind, "fee" | "igv") { 0 } else { self.gross };
        moved - commission - igv
    }
}

/// What one batch has in common.
#[derive(Clone, Debug)]
pub(crate) struct BatchHead {
    pub(crate) account: &'static str,
    pub(crate) id: String,
    pub(crate) currency: Currency,
    pub(crate) paid_on: Day,
    /// As the settlement writes it, dirt included.
    pub(crate) bank_reference: Option<String>,
}

/// A settlements row as CSV.
pub(crate) fn settlement_csv(batch: &BatchHead, line: &SettlementLine) -> String {
    let mut out = Record::new();
    out.text(batch.account);
    out.text(&batch.id);
    out.text(batch.currency.code());
    out.text(line.kind);
    out.maybe(line.provider_id.as_deref(), "");
    let cip = line.cip.map(|cip| cip.to_string());
    out.maybe(cip.map(|text| if line.wide { full_width(&text) } else { text }).as_deref(), "");
    out.text(&micros(line.gross));
    out.maybe(line.commission.map(micros).as_deref(), "");
    out.maybe(line.igv.map(micros).as_deref(), "");
    out.text(&micros(line.net));
    out.maybe(line.fx_rate, "");
    out.raw(|text| batch.paid_on.write(text));
    out.maybe(batch.bank_reference.as_deref(), "");
    out.done()
}

/// One line of the bank's statement.
#[derive(Clone, Debug)]
pub(crate) struct BankLine {
    pub(crate) bank_account: &'static str,
    pub(crate) bank_reference: Option<String>,
    pub(crate) value_date: Day,
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
    pub(crate) description: String,
    /// The bank's own number of the movement, which nobody else knows: a column that Cuadre does not.
    pub(crate) movement: String,
}

/// A bank line as CSV.
pub(crate) fn bank_csv(line: &BankLine) -> String {
    let mut out = Record::new();
    out.text(line.bank_account);
    out.maybe(line.bank_reference.as_deref(), "");
    out.raw(|text| line.value_date.write(text));
    out.raw(|text| write_signed(text, line.minor));
    out.text(line.currency.code());
    out.text(&line.description);
    out.text(&line.movement);
    out.done()
}

/// Writes minor units with their sign and two decimals.
pub(crate) fn write_signed(out: &mut String, minor: i64) {
    if minor < 0 {
        out.push('-');
    }
    write_minor(out, minor.saturating_abs());
}

/// Millionths with their sign: two decimals where they are enough, six elsewhere.
pub(crate) fn micros(value: i64) -> String {
    let mut out = String::new();
    if value.rem_euclid(10_000) == 0 {
        write_signed(&mut out, value.div_euclid(10_000));
        return out;
    }
    let magnitude = value.saturating_abs();
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", magnitude.div_euclid(1_000_000), magnitude.rem_euclid(1_000_000))
}

/// The text with its digits in full width.
pub(crate) fn full_width(text: &str) -> String {
    let wide = |c: char| char::from_u32(u32::from(c).saturating_add(0xFEE0)).unwrap_or(c);
    text.chars().map(|c| if c.is_ascii_digit() { wide(c) } else { c }).collect()
}

/// Minor units to millionths.
pub(crate) const fn micros_of(minor: i64) -> i64 {
    minor.saturating_mul(10_000)
}

/// Millionths to minor units, halves up.
pub(crate) const fn to_minor(micros: i64) -> i64 {
    micros.saturating_add(5_000).div_euclid(10_000)
}

/// Commission of 3.5 % and 18 % IGV on it, and what is left, in millionths: figures of ours, exact to the sixth decimal;
/// the provider's are not public.
pub(crate) const fn fees(minor: i64) -> (i64, i64, i64) {
    let commission = minor.saturating_mul(350);
    let igv = minor.saturating_mul(63);
    (commission, igv, micros_of(minor).saturating_sub(commission).saturating_sub(igv))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_add_up_to_the_amount() {
        let (commission, igv, net) = fees(12_345);
        assert_eq!(commission + igv + net, 123_450_000);
        assert_eq!(micros(commission), "4.320750");
    }

    #[test]
    fn amounts_keep_their_sign_and_six_decimals_only_where_needed() {
        let check = |value, expected: &str| assert_eq!(micros(value), expected);
        check(1_500_000, "1.50");
        check(-1_500_000, "-1.50");
        check(-1, "-0.000001");
        check(-20_500_001, "-20.500001");
        check(0, "0.00");
    }

    #[test]
    fn a_payout_is_rounded_to_the_nearest_cent() {
        let check = |micros, minor| assert_eq!(to_minor(micros), minor);
        check(1_004_999, 100);
        check(1_005_000, 101);
        check(-1_005_000, -100);
        check(-1_005_001, -101);
    }
}
