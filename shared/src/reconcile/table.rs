//! The order × provider table: what it means that the shop says one thing and the provider another.

use super::class::Reason;
use crate::lifecycle::cip::ProviderState;
use crate::lifecycle::evidence::OrderStatus;

/// What a cell of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nobody claims money.
    Unpaid,
    /// The sides agree.
    Matched,
    /// The order claims money and the provider has no row at all.
    MissingAtProvider,
    /// The provider took money that no order expects.
    MissingOrder,
    /// The sides tell different states.
    Mismatch(Reason),
}

/// Which side's silence or lag a cell rests on, and so must have spoken before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestsOn {
    /// The shop may not have recorded it yet.
    Orders,
    /// The provider may not have reported it yet.
    Reports,
}

/// The cell for an order's status, if there is an order, and the provider's state.
#[must_use]
pub const fn cell(order: Option<OrderStatus>, provider: ProviderState) -> Cell {
    use OrderStatus as Order;
    use ProviderState as Provider;
    match (order, provider) {
        (None, Provider::Paid | Provider::Reversed | Provider::Refunded) => Cell::MissingOrder,
        (None, Provider::Absent | Provider::Pending | Provider::Expired | Provider::Removed) => Cell::Unpaid,

        (Some(Order::Pending), Provider::Paid) => Cell::Mismatch(Reason::PaidNotRecorded),
        (Some(Order::Pending), Provider::Refunded) => Cell::Mismatch(Reason::RefundNotRecorded),
        (Some(Order::Pending), _) => Cell::Unpaid,

        (Some(Order::Paid | Order::Fulfilled), Provider::Absent) => Cell::MissingAtProvider,
        (Some(Order::Paid | Order::Fulfilled), Provider::Paid) => Cell::Matched,
        (Some(Order::Paid | Order::Fulfilled), Provider::Reversed) => {
            Cell::Mismatch(Reason::ReversedNotRecorded)
        }
        (Some(Order::Paid | Order::Fulfilled), Provider::Refunded) => {
            Cell::Mismatch(Reason::RefundNotRecorded)
        }
        (Some(Order::Paid | Order::Fulfilled), Provider::Pending | Provider::Expired | Provider::Removed) => {
            Cell::Mismatch(Reason::ClaimedUnpaid)
        }

        (Some(Order::Cancelled | Order::Expired), Provider::Pending) => Cell::Mismatch(Reason::StillPayable),
        (Some(Order::Cancelled | Order::Expired), Provider::Paid) => Cell::Mismatch(Reason::PaidNotRecorded),
        (Some(Order::Cancelled | Order::Expired), Provider::Refunded) => Cell::Matched,
        (Some(Order::Cancelled | Order::Expired), _) => Cell::Unpaid,

        (Some(Order::Refunded), Provider::Absent) => Cell::MissingAtProvider,
        (Some(Order::Refunded), Provider::Paid) => Cell::Mismatch(Reason::RefundNotDone),
        (Some(Order::Refunded), Provider::Reversed | Provider::Refunded) => Cell::Matched,
        (Some(Order::Refunded), Provider::Pending | Provider::Expired | Provider::Removed) => {
            Cell::Mismatch(Reason::ClaimedUnpaid)
        }
    }
}

impl Cell {
    /// The side whose silence or lag this rests on, if it rests on one.
    #[must_use]
    pub const fn rests_on(self) -> Option<RestsOn> {
        match self {
            Cell::MissingAtProvider => Some(RestsOn::Reports),
            Cell::Mismatch(reason) => match reason {
                Reason::PaidNotRecorded | Reason::RefundNotRecorded | Reason::ReversedNotRecorded => {
                    Some(RestsOn::Orders)
                }
                Reason::ClaimedUnpaid | Reason::RefundNotDone => Some(RestsOn::Reports),
                _ => None,
            },
            // A CIP without order waits by its own rule (`Judge::without_order`).
            Cell::Unpaid | Cell::Matched | Cell::MissingOrder => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_as_the_design_prints_it() {
        use ProviderState::{Absent, Expired, Paid, Pending, Refunded, Removed, Reversed};
        let columns = [Absent, Pending, Paid, Expired, Removed, Reversed, Refunded];
        let check = |orders: &[Option<OrderStatus>], expected: &str| {
            for order in orders {
                let row: Vec<&str> = columns.iter().map(|column| word(cell(*order, *column))).collect();
                assert_eq!(row.join(" "), expected, "{order:?}");
            }
        };
        check(
            &[Some(OrderStatus::Pending)],
            "unpaid unpaid paid_not_recorded unpaid unpaid unpaid refund_not_recorded",
        );
        check(
            &[Some(OrderStatus::Paid), Some(OrderStatus::Fulfilled)],
            "missing_at_provider claimed_unpaid matched claimed_unpaid claimed_unpaid reversed_not_recorded refund_not_recorded",
        );
        check(
            &[Some(OrderStatus::Cancelled), Some(OrderStatus::Expired)],
            "unpaid still_payable paid_not_recorded unpaid unpaid unpaid matched",
        );
        check(
            &[Some(OrderStatus::Refunded)],
            "missing_at_provider claimed_unpaid refund_not_done claimed_unpaid claimed_unpaid matched matched",
        );
        check(&[None], "unpaid unpaid missing_order unpaid unpaid missing_order missing_order");
    }

    fn word(cell: Cell) -> &'static str {
        match cell {
            Cell::Unpaid => "unpaid",
            Cell::Matched => "matched",
            Cell::MissingAtProvider => "missing_at_provider",
            Cell::MissingOrder => "missing_order",
            Cell::Mismatch(reason) => reason.word(),
        }
    }
}
