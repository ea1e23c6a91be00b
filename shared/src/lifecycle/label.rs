//! What people are told of a payment: a label, what customer service says, and what the customer should do.

use super::cip::CodeState;
use super::evidence::OrderStatus;
use super::operations::Standing;
use super::shipping::Hold;
use super::story::Story;
use crate::lang::Lang;

/// What customer service calls the state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The code was issued and nobody has paid yet.
    WaitingForCash,
    /// Paid, and nothing speaks against it.
    Paid,
    /// Paid more than once: the order holds, the surplus goes back.
    PaidTwice,
    /// Paid after the code had run out; somebody decides.
    PaidLate,
    /// Something about it has to be looked at by a person first.
    BeingChecked,
    /// The time to pay ran out.
    Expired,
    /// The shop has withdrawn the code, or given up the order that it is for.
    Withdrawn,
    /// The collector took the payment back (extorno).
    TakenBack,
    /// A part of the money went back.
    RefundedInPart,
    /// The money went back.
    Refunded,
    /// Nothing is known of such a code.
    NotKnown,
}

impl Label {
    /// Every label, in the order in which the documentation lists them.
    pub const ALL: [Label; 11] = [
        Label::WaitingForCash,
        Label::Paid,
        Label::PaidTwice,
        Label::PaidLate,
        Label::BeingChecked,
        Label::Expired,
        Label::Withdrawn,
        Label::TakenBack,
        Label::RefundedInPart,
        Label::Refunded,
        Label::NotKnown,
    ];

    /// The label of a story with these reasons not to ship.
    #[must_use]
    pub fn of(story: &Story, holds: &[Hold]) -> Label {
        let holds = |hold: Hold| holds.contains(&hold);
        if holds(Hold::Conflict) || holds(Hold::Review) {
            return Label::BeingChecked;
        }
        match story.state {
            None => Label::NotKnown,
            Some(CodeState::Paid) => {
                let to_check =
                    [Hold::OrderUnknown, Hold::OrderAmbiguous, Hold::CurrencyDiffers, Hold::AmountDiffers];
                match () {
                    () if to_check.into_iter().any(holds) => Label::BeingChecked,
                    // The shop has often given a late payer's order up, which is what somebody decides on.
                    () if holds(Hold::PaidLate) => Label::PaidLate,
                    () if holds(Hold::OrderClosed) => Label::BeingChecked,
                    () if holds(Hold::RefundedInPart) => Label::RefundedInPart,
                    () if story.live().nth(1).is_some() => Label::PaidTwice,
                    () => Label::Paid,
                }
            }
            Some(state) => match (story.payments.last().map(|payment| payment.standing), state) {
                (Some(Standing::Refunded), _) => Label::Refunded,
                (Some(Standing::Reversed), _) => Label::TakenBack,
                (Some(Standing::Live) | None, _) if claims_payment(story) => Label::BeingChecked,
                (_, CodeState::Removed) => Label::Withdrawn,
                (_, CodeState::Expired) => Label::Expired,
                (_, CodeState::Pending | CodeState::Paid) => waiting(story),
            },
        }
    }

    /// The word in answers and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Label::WaitingForCash => "waiting_for_cash",
            Label::Paid => "paid",
            Label::PaidTwice => "paid_twice",
            Label::PaidLate => "paid_late",
            Label::BeingChecked => "being_checked",
            Label::Expired => "expired",
            Label::Withdrawn => "withdrawn",
            Label::TakenBack => "taken_back",
            Label::RefundedInPart => "refunded_in_part",
            Label::Refunded => "refunded",
            Label::NotKnown => "not_known",
        }
    }

    /// What customer service says, in one sentence.
    #[must_use]
    pub const fn says(self, lang: Lang) -> &'static str {
        self.texts(lang).0
    }

    /// What the customer should do, in one sentence.
    #[must_use]
    pub const fn customer_does(self, lang: Lang) -> &'static str {
        self.texts(lang).1
    }

    const fn texts(self, lang: Lang) -> (&'static str, &'static str) {
        match lang {
            Lang::Es => self.spanish(),
            Lang::En => self.english(),
            Lang::Zh => self.chinese(),
        }
    }

    const fn spanish(self) -> (&'static str, &'static str) {
        match self {
            Label::WaitingForCash => (
                "Esperamos su pago en efectivo.",
                "Pague el código CIP en un agente, banco o banca móvil antes de que venza.",
            ),
            Label::Paid => ("Recibimos su pago.", "No tiene que hacer nada: su pedido sigue su curso."),
            Label::PaidTwice => (
                "Recibimos su pago más de una vez; le devolveremos lo que pagó de más.",
                "No vuelva a pagar y guarde sus comprobantes.",
            ),
            Label::PaidLate => (
                "Recibimos su pago después del vencimiento del código; estamos viendo si aún podemos atender el pedido.",
                "No vuelva a pagar y guarde su comprobante; le avisaremos.",
            ),
            Label::BeingChecked => (
                "Estamos revisando su pago.",
                "No vuelva a pagar y tenga a la mano su comprobante; le avisaremos.",
            ),
            Label::Expired => (
                "El código venció y no recibimos ningún pago.",
                "Si aún desea el pedido, pida un código nuevo; si pagó, envíenos el comprobante.",
            ),
            Label::Withdrawn => (
                "El código fue anulado y no recibimos ningún pago.",
                "No pague con este código; si aún desea el pedido, pida uno nuevo.",
            ),
            Label::TakenBack => (
                "El agente o banco anuló el pago (extorno).",
                "Si le devolvieron el dinero y aún desea el pedido, pague de nuevo; si no, envíenos el comprobante.",
            ),
            Label::RefundedInPart => (
                "Recibimos su pago y devolvimos una parte.",
                "No tiene que hacer nada; si esperaba otra devolución, escríbanos.",
            ),
            Label::Refunded => (
                "Devolvimos su dinero.",
                "Revise su cuenta o el medio que indicó; si no lo ve, envíenos su comprobante.",
            ),
            Label::NotKnown => {
                ("No conocemos este código.", "Revise el número; si pagó, envíenos el comprobante.")
            }
        }
    }

    const fn english(self) -> (&'static str, &'static str) {
        match self {
            Label::WaitingForCash => (
                "We are waiting for your cash payment.",
                "Pay the CIP code at an agent, a bank or in your banking app before it expires.",
            ),
            Label::Paid => {
                ("We have received your payment.", "Nothing to do: your order is on its way through.")
            }
            Label::PaidTwice => (
                "We have received your payment more than once and will return what was paid too much.",
                "Do not pay again, and keep your vouchers.",
            ),
            Label::PaidLate => (
                "Your payment reached us after the code had expired; we are deciding whether the order can still be served.",
                "Do not pay again, and keep your voucher; we will tell you.",
            ),
            Label::BeingChecked => (
                "We are checking your payment.",
                "Do not pay again, and have your voucher ready; we will tell you.",
            ),
            Label::Expired => (
                "The code has expired and we have received no payment.",
                "Ask for a new code if you still want the order; if you have paid, send us the voucher.",
            ),
            Label::Withdrawn => (
                "The code was withdrawn and we have received no payment.",
                "Do not pay with this code; ask for a new one if you still want the order.",
            ),
            Label::TakenBack => (
                "The agent or bank has cancelled the payment.",
                "If you got your money back and still want the order, pay again; if not, send us the voucher.",
            ),
            Label::RefundedInPart => (
                "We have received your payment and returned a part of it.",
                "Nothing to do; write to us if you expected another amount back.",
            ),
            Label::Refunded => (
                "We have returned your money.",
                "Look at the account or means that you named; if it is not there, send us your voucher.",
            ),
            Label::NotKnown => {
                ("We do not know this code.", "Check the number; if you have paid, send us the voucher.")
            }
        }
    }

    const fn chinese(self) -> (&'static str, &'static str) {
        match self {
            Label::WaitingForCash => {
                ("我们正在等待您的现金付款。", "请在付款码（CIP）到期前，到代理点、银行或用手机银行付款。")
            }
            Label::Paid => ("我们已收到您的付款。", "您无需操作，订单正在处理中。"),
            Label::PaidTwice => {
                ("我们收到了您的重复付款，多付的部分将退还给您。", "请勿再次付款，并保留好所有付款凭证。")
            }
            Label::PaidLate => (
                "您的付款在付款码到期后才到账，我们正在确认订单是否仍可处理。",
                "请勿再次付款，并保留好付款凭证，我们会通知您。",
            ),
            Label::BeingChecked => {
                ("我们正在核实您的付款。", "请勿再次付款，并准备好付款凭证，我们会通知您。")
            }
            Label::Expired => (
                "付款码已过期，我们没有收到付款。",
                "如仍需要该订单，请索取新的付款码；如已付款，请把付款凭证发给我们。",
            ),
            Label::Withdrawn => (
                "付款码已作废，我们没有收到付款。",
                "请勿使用此付款码付款；如仍需要该订单，请索取新的付款码。",
            ),
            Label::TakenBack => (
                "代理点或银行已撤销这笔付款。",
                "如已拿回现金且仍需要该订单，请重新付款；否则请把付款凭证发给我们。",
            ),
            Label::RefundedInPart => {
                ("我们已收到您的付款，并退还了其中一部分。", "您无需操作；如对退款金额有疑问，请联系我们。")
            }
            Label::Refunded => {
                ("我们已退还您的款项。", "请查看您指定的账户或收款方式；如未到账，请把付款凭证发给我们。")
            }
            Label::NotKnown => ("我们查不到此付款码。", "请核对号码；如已付款，请把付款凭证发给我们。"),
        }
    }
}

/// Whether the shop believes in a payment: nobody who may have paid is asked for cash.
fn claims_payment(story: &Story) -> bool {
    let claims =
        |status| matches!(status, OrderStatus::Paid | OrderStatus::Fulfilled | OrderStatus::Refunded);
    story.orders.iter().any(|order| claims(order.status))
}

/// What a code that waits for cash is called: nobody is asked to pay for an order that the shop has given up.
fn waiting(story: &Story) -> Label {
    let all = |given_up: &[OrderStatus]| {
        !story.orders.is_empty() && story.orders.iter().all(|order| given_up.contains(&order.status))
    };
    if all(&[OrderStatus::Expired]) {
        Label::Expired
    } else if all(&[OrderStatus::Expired, OrderStatus::Cancelled]) {
        Label::Withdrawn
    } else {
        Label::WaitingForCash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_label_says_something_of_its_own_in_every_language() {
        for lang in Lang::ALL {
            let said: BTreeSet<_> = Label::ALL.into_iter().map(|label| label.says(lang)).collect();
            assert_eq!(said.len(), Label::ALL.len(), "{lang:?}");
            for label in Label::ALL {
                let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                for text in [label.says(lang), label.customer_does(lang)] {
                    assert!(text.ends_with(['.', '。']), "{text}");
                    assert_eq!(chinese(text), lang == Lang::Zh, "{text}");
                }
            }
        }
        let words: BTreeSet<_> = Label::ALL.into_iter().map(Label::word).collect();
        assert_eq!(words.len(), Label::ALL.len());
    }

    #[test]
    fn whoever_may_have_paid_is_told_not_to_pay_again() {
        for label in [Label::PaidTwice, Label::PaidLate, Label::BeingChecked] {
            for (lang, words) in
                [(Lang::Es, "No vuelva a pagar"), (Lang::En, "Do not pay again"), (Lang::Zh, "请勿再次付款")]
            {
                assert!(label.customer_does(lang).contains(words), "{label:?} {lang:?}");
            }
        }
    }
}
