//! Amounts of a pair in one currency: their own, or that of a rate which the policy supplies for the day.

use serde::{Deserialize, Serialize};

use crate::config::FxRate;
use crate::money::{Currency, Money, Rate, format_minor};

/// In which currency the amounts of a pair are compared.
#[derive(Clone, Copy)]
pub(super) enum Common {
    /// Both sides are in it.
    Same,
    /// One side is exchanged.
    By(FxRate),
}

impl Common {
    /// An amount of either side in that currency; `None` where it is larger than any amount.
    pub fn bring(self, money: Money) -> Option<Money> {
        match self {
            Common::Same => Some(money),
            Common::By(rate) => rate.bring(money),
        }
    }
}

/// What came of putting two amounts side by side.
#[derive(Clone, Copy)]
pub(super) enum Compared {
    /// There is no money to compare.
    Nothing,
    /// They are in two currencies.
    Apart,
    /// They are in one.
    Alike {
        /// The order's amount.
        owed: Money,
        /// The provider's, in the same currency.
        told_minor: i64,
        /// How one of them was brought into it, if it was.
        exchange: Option<Exchange>,
    },
}

impl Compared {
    pub fn of(common: Option<Common>, order: Money, told: Money) -> Compared {
        let brought = common.and_then(|common| Some((common, common.bring(order)?, common.bring(told)?)));
        let Some((common, owed, told)) = brought else { return Compared::Apart };
        let exchange = match common {
            Common::Same => None,
            Common::By(rate) => Some(Exchange {
                rate: rate.rate,
                currency: rate.to,
                order_minor: owed.minor,
                report_minor: told.minor,
            }),
        };
        Compared::Alike { owed, told_minor: told.minor, exchange }
    }
}

/// How the amounts of a pair in two currencies were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The policy's rate.
    pub rate: Rate,
    /// The currency of comparison.
    pub currency: Currency,
    /// What the order expects, in minor units of that currency.
    pub order_minor: i64,
    /// What the provider says, in minor units of that currency.
    pub report_minor: i64,
}

impl Exchange {
    /// Report − order, in minor units of the currency of comparison.
    #[must_use]
    pub fn difference_minor(&self) -> i64 {
        self.report_minor.saturating_sub(self.order_minor)
    }

    /// What a line shows of it beside the amounts as they are: `amount_PEN=37.50|37.52; fx=3.75`.
    #[must_use]
    pub fn shown(&self) -> String {
        let amount = |minor: i64| format_minor(i128::from(minor));
        let (order, report) = (amount(self.order_minor), amount(self.report_minor));
        format!("amount_{}={order}|{report}; fx={}", self.currency, self.rate.plain())
    }
}
