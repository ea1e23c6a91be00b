//! Money that goes back: out of a batch, before it was paid out, or from the merchant's own account.

use crate::banking_days::Day;
use crate::book::Book;
use crate::payouts::bank_account;
use crate::rows::{Order, Report};

impl Book {
    /// The payment was paid out, and what was given back of it is taken from a batch of its day or after.
    pub(crate) fn settle_and_take(
        &mut self,
        order: Option<&Order>,
        payment: &Report,
        kind: &'static str,
        minor: i64,
    ) {
        let paid_on = self.settle(order, payment);
        self.take_from_batch(payment, kind, minor, paid_on);
    }

    /// The collector took the payment back: mostly before it was paid out, so that no batch tells of it.
    pub(crate) fn reverse(&mut self, order: Option<&Order>, payment: &Report) {
        if self.chance.percent(70) {
            self.never_settle(order, payment);
        } else {
            self.settle_and_take(order, payment, "reversal", payment.minor);
        }
    }

    /// The payment was paid out, and the merchant gave back so much of it: through the provider, or by a transfer.
    pub(crate) fn settle_and_refund(&mut self, order: Option<&Order>, payment: &Report, minor: i64) {
        match order {
            Some(order) if self.chance.percent(40) => {
                self.settle(Some(order), payment);
                let paid = payment.paid.unwrap_or(order.created);
                self.give_back_by_bank(order, minor, paid);
            }
            _ => self.settle_and_take(order, payment, "refund", minor),
        }
    }

    /// A transfer to the shopper which names the CIP.
    pub(crate) fn give_back_by_bank(&mut self, order: &Order, minor: i64, decided: i64) {
        let value_date = Day::of(decided).plus_business(self.chance.pick(1, &[2, 4]));
        let cip = order.cips.first().copied().unwrap_or_default();
        let (reference, text) = if self.chance.percent(50) {
            (Some(format!("DEV {cip}")), "TRANSFERENCIA A TERCEROS".to_owned())
        } else {
            (None, format!("DEVOLUCION CLIENTE CIP {cip}"))
        };
        let number = bank_account(order.account, order.currency);
        let line = self.movement(number, order.currency, value_date, -minor, reference, text);
        self.book_movement(line);
    }

    /// A transfer to the shopper which names the order alone.
    pub(crate) fn give_back_by_reference(&mut self, order: &Order, minor: i64, decided: i64) {
        let value_date = Day::of(decided).plus_business(self.chance.pick(1, &[2, 4]));
        let number = bank_account(order.account, order.currency);
        let text = format!("DEVOLUCION PEDIDO {}", order.reference);
        let line = self.movement(number, order.currency, value_date, -minor, None, text);
        self.book_movement(line);
    }
}
