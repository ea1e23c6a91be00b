//! May this order ship? The answer to the shop, and every reason against it.

use super::evidence::OrderStatus;
use super::story::{Expected, Story};
use crate::money::Money;

/// A reason not to ship. Several may hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// No payment is live.
    Unpaid,
    /// Facts contradict each other.
    Conflict,
    /// Something was told that is not understood.
    Review,
    /// No order is known that lists the code.
    OrderUnknown,
    /// Several orders list the code.
    OrderAmbiguous,
    /// The payment is in another currency than the order.
    CurrencyDiffers,
    /// The payment differs from the order by more than the tolerance, over or under.
    AmountDiffers,
    /// Paid after the expiry: somebody decides whether to honour it.
    PaidLate,
    /// A part of the payment went back.
    RefundedInPart,
    /// The shop has given the order up, or says that it was refunded.
    OrderClosed,
}

impl Hold {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Hold; 10] = [
        Hold::Unpaid,
        Hold::Conflict,
        Hold::Review,
        Hold::OrderUnknown,
        Hold::OrderAmbiguous,
        Hold::CurrencyDiffers,
        Hold::AmountDiffers,
        Hold::PaidLate,
        Hold::RefundedInPart,
        Hold::OrderClosed,
    ];

    /// The word in answers and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Hold::Unpaid => "unpaid",
            Hold::Conflict => "conflict",
            Hold::Review => "review",
            Hold::OrderUnknown => "order_unknown",
            Hold::OrderAmbiguous => "order_ambiguous",
            Hold::CurrencyDiffers => "currency_differs",
            Hold::AmountDiffers => "amount_differs",
            Hold::PaidLate => "paid_late",
            Hold::RefundedInPart => "refunded_in_part",
            Hold::OrderClosed => "order_closed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Hold> {
        Hold::ALL.into_iter().find(|hold| hold.word() == word)
    }
}

/// Every reason not to ship, in order; none means that the order may ship. `tolerance_minor` is the policy's: the
/// difference from an order over this money, over or under, that still agrees.
#[must_use]
pub fn holds(story: &Story, tolerance_minor: impl Fn(Money) -> i64) -> Vec<Hold> {
    let mut holds = Vec::new();
    if story.conflict {
        holds.push(Hold::Conflict);
    }
    if !story.doubts.is_empty() {
        holds.push(Hold::Review);
    }
    let standing = story.live().next();
    match story.orders.as_slice() {
        [] => holds.push(Hold::OrderUnknown),
        [order] => {
            holds.extend(closed(order));
            if let Some(payment) = standing {
                let difference = payment.money.minor.abs_diff(order.amount.minor);
                let tolerated = u64::try_from(tolerance_minor(order.amount)).unwrap_or(0);
                if payment.money.currency != order.amount.currency {
                    holds.push(Hold::CurrencyDiffers);
                } else if difference > tolerated {
                    holds.push(Hold::AmountDiffers);
                }
            }
        }
        _ => holds.push(Hold::OrderAmbiguous),
    }
    match standing {
        None => holds.push(Hold::Unpaid),
        Some(payment) => {
            holds.extend(payment.late.then_some(Hold::PaidLate));
            holds.extend(payment.refunded_part.map(|_| Hold::RefundedInPart));
        }
    }
    holds.sort_unstable();
    holds
}

fn closed(order: &Expected) -> Option<Hold> {
    let given_up =
        matches!(order.status, OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Refunded);
    given_up.then_some(Hold::OrderClosed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::cip::CodeState;
    use crate::lifecycle::operations::Standing;
    use crate::lifecycle::story::Payment;
    use crate::money::Currency;

    /// The default tolerance in soles, a smaller one in dollars.
    fn tolerance_minor(order: Money) -> i64 {
        match order.currency {
            Currency::Pen => 5,
            Currency::Usd => 2,
        }
    }

    fn story(owed: Money, status: OrderStatus, paid: &[Money]) -> Story {
        let payment = |money: &Money| Payment {
            number: None,
            money: *money,
            paid_at: None,
            standing: Standing::Live,
            refunded_part: None,
            late: false,
            settlement_id: None,
            deposited_on: None,
        };
        Story {
            state: Some(CodeState::Paid),
            expires_at: None,
            payments: paid.iter().map(payment).collect(),
            orders: vec![Expected { reference_id: "R-1".to_owned(), amount: owed, status }],
            conflict: false,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn the_tolerance_is_met_exactly_over_and_under_in_each_currency() {
        let check = |currency: Currency, owed: i64, paid: i64, expected: &[Hold]| {
            let money = |minor: i64| Money { minor, currency };
            let story = story(money(owed), OrderStatus::Pending, &[money(paid)]);
            assert_eq!(holds(&story, tolerance_minor), expected, "{owed} {paid} {currency}");
        };
        let differs = [Hold::AmountDiffers];
        check(Currency::Pen, 1000, 1000, &[]);
        check(Currency::Pen, 1000, 995, &[]);
        check(Currency::Pen, 1000, 1005, &[]);
        check(Currency::Pen, 1000, 994, &differs);
        check(Currency::Pen, 1000, 1006, &differs);
        check(Currency::Usd, 1000, 998, &[]);
        check(Currency::Usd, 1000, 1002, &[]);
        check(Currency::Usd, 1000, 997, &differs);
        check(Currency::Usd, 1000, 1003, &differs);
        check(Currency::Pen, 1, i64::MAX, &differs);
    }

    #[test]
    fn a_negative_tolerance_is_none() {
        let soles = |minor: i64| Money { minor, currency: Currency::Pen };
        let holds_of = |paid: i64| holds(&story(soles(1000), OrderStatus::Pending, &[soles(paid)]), |_| -5);
        assert_eq!((holds_of(1000), holds_of(1001)), (vec![], vec![Hold::AmountDiffers]));
    }

    #[test]
    fn equal_numbers_of_two_currencies_are_no_equal_money() {
        let (soles, dollars) =
            (Money { minor: 1000, currency: Currency::Pen }, Money { minor: 1000, currency: Currency::Usd });
        let check = |owed: Money, paid: &[Money], expected: &[Hold]| {
            assert_eq!(holds(&story(owed, OrderStatus::Paid, paid), tolerance_minor), expected);
        };
        check(soles, &[dollars], &[Hold::CurrencyDiffers]);
        check(dollars, &[soles], &[Hold::CurrencyDiffers]);
        check(dollars, &[dollars, soles], &[]);
        check(soles, &[], &[Hold::Unpaid]);
    }

    #[test]
    fn only_an_order_that_stands_may_ship() {
        let soles = Money { minor: 1000, currency: Currency::Pen };
        for status in OrderStatus::ALL {
            let given_up =
                [OrderStatus::Cancelled, OrderStatus::Expired, OrderStatus::Refunded].contains(&status);
            let expected: &[Hold] = if given_up { &[Hold::OrderClosed] } else { &[] };
            assert_eq!(holds(&story(soles, status, &[soles]), tolerance_minor), expected, "{status:?}");
        }
    }

    #[test]
    fn every_reason_has_a_word_of_its_own_and_is_told_in_order() {
        for hold in Hold::ALL {
            assert_eq!(Hold::from_word(hold.word()), Some(hold));
        }
        assert_eq!(Hold::from_word("yes"), None);
        assert!(Hold::ALL.is_sorted());
    }
}
