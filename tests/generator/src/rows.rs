//! What the rows of the files say, before they are written.

use std::fmt::Write as _;

use crate::time::Zone;

/// A currency of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Currency {
    Pen,
    Usd,
}

impl Currency {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Currency::Pen => "PEN",
            Currency::Usd => "USD",
        }
    }

    pub(crate) const fn other(self) -> Currency {
        match self {
            Currency::Pen => Currency::Usd,
            Currency::Usd => Currency::Pen,
        }
    }
}

/// A text that means the same as the clean one, once it is cleansed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dirt {
    /// Blanks and an ideographic space around the reference.
    Ends,
    /// A no-break space inside the reference.
    NoBreakSpace,
    /// A line break inside the quoted reference.
    LineBreak,
    /// A zero-width space inside the reference.
    ZeroWidth,
    /// The amount in full-width digits.
    FullWidth,
    /// `S/` or `US$` in place of the code.
    CurrencyWord,
    /// `N/A` and `-` where nothing is known.
    MissingWord,
    /// The status in capitals.
    LetterCase,
    /// A refunded amount of zero.
    ZeroRefund,
    /// The provider's date that means "no date".
    NoDate,
}

/// One row of the orders file. Times are unix seconds, amounts minor units.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) account: &'static str,
    pub(crate) store: &'static str,
    pub(crate) reference: String,
    pub(crate) cips: Vec<u64>,
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
    pub(crate) status: &'static str,
    pub(crate) created: i64,
    pub(crate) expires: Option<i64>,
    pub(crate) paid: Option<i64>,
    pub(crate) fulfilled: Option<i64>,
    pub(crate) refunded: Option<i64>,
    pub(crate) updated: Option<i64>,
    /// Numbers of the shopper and of the network address, of which the pseudonym and the address are made.
    pub(crate) payer: u64,
    pub(crate) address: u64,
    /// Whom a refund went to, where that is another than the shopper.
    pub(crate) payee: Option<u64>,
    pub(crate) channel: &'static str,
    pub(crate) zone: Zone,
    /// Leaves trailing zeros of the amount away: another text, the same value.
    pub(crate) short_amount: bool,
    pub(crate) dirt: Option<Dirt>,
}

impl Order {
    /// The CIPs as the outputs list them.
    pub(crate) fn cip_list(&self) -> String {
        let mut cips = self.cips.clone();
        cips.sort_unstable();
        let texts: Vec<String> = cips.iter().map(u64::to_string).collect();
        texts.join(";")
    }

    /// The same order as a shop tells it that has been paid at the time.
    pub(crate) fn paid_at(mut self, status: &'static str, paid: i64) -> Order {
        self.status = status;
        self.paid = Some(paid);
        self.fulfilled = (status == "fulfilled").then_some(paid + 600);
        self
    }
}

/// One row of a report. Times are unix seconds, amounts minor units.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) account: &'static str,
    pub(crate) store: &'static str,
    pub(crate) cip: Option<u64>,
    pub(crate) reference: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
    pub(crate) status: &'static str,
    pub(crate) created: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) paid: Option<i64>,
    pub(crate) refunded: Option<i64>,
    /// Whether commission, IGV and net are told.
    pub(crate) fees: bool,
    /// The provider's own number of the payment.
    pub(crate) provider_id: Option<String>,
    pub(crate) observed: Option<i64>,
    pub(crate) zone: Zone,
    pub(crate) short_amount: bool,
    pub(crate) dirt: Option<Dirt>,
}

impl Report {
    /// The CIP as the outputs show it.
    pub(crate) fn cip_text(&self) -> String {
        self.cip.map(|cip| cip.to_string()).unwrap_or_default()
    }
}

/// One row of the notices file.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) account: &'static str,
    pub(crate) cip: u64,
    pub(crate) event_type: &'static str,
    pub(crate) operation: Option<String>,
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
    pub(crate) paid: Option<i64>,
    pub(crate) received: i64,
    pub(crate) zone: Zone,
}

/// Writes minor units with two decimals.
pub(crate) fn write_minor(out: &mut String, minor: i64) {
    // Writing to a String cannot fail.
    let written = write!(out, "{}.{:02}", minor.div_euclid(100), minor.rem_euclid(100));
    debug_assert!(written.is_ok());
}

/// Writes minor units without trailing zeros: `10.5`, `7`.
pub(crate) fn write_minor_short(out: &mut String, minor: i64) {
    write_minor(out, minor);
    while out.ends_with('0') {
        out.pop();
    }
    if out.ends_with('.') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_long_and_short() {
        let check = |minor, long: &str, short: &str| {
            let (mut a, mut b) = (String::new(), String::new());
            write_minor(&mut a, minor);
            write_minor_short(&mut b, minor);
            assert_eq!((a.as_str(), b.as_str()), (long, short));
        };
        check(1_050, "10.50", "10.5");
        check(700, "7.00", "7");
        check(5, "0.05", "0.05");
        check(10_000, "100.00", "100");
    }
}
