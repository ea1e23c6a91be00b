//! How bad a finding is and what to do about it, in one place.

use super::class::{Class, Reason, Severity};
use crate::lifecycle::evidence::OrderStatus;

/// How soon somebody must look. Goods that left without money behind them come first.
pub(super) fn severity(class: Class, reason: Option<Reason>, order: Option<OrderStatus>) -> Severity {
    let shipped = order == Some(OrderStatus::Fulfilled);
    match class {
        Class::Matched | Class::MatchedWithinTolerance | Class::Unpaid | Class::Open => Severity::Info,
        Class::UnconfirmedNotice => Severity::Critical,
        Class::MissingAtProvider => {
            if shipped {
                Severity::Critical
            } else {
                Severity::High
            }
        }
        Class::StatusMismatch => match reason {
            Some(Reason::ClaimedUnpaid | Reason::ReversedNotRecorded) if shipped => Severity::Critical,
            Some(Reason::PaidNotRecorded | Reason::ClaimedUnpaid | Reason::ReversedNotRecorded) => {
                Severity::High
            }
            _ => Severity::Medium,
        },
        Class::ConflictingRecord
        | Class::MissingOrder
        | Class::CurrencyMismatch
        | Class::DuplicatePayment => Severity::High,
        Class::AmountMismatch => {
            if reason == Some(Reason::Underpaid) {
                Severity::High
            } else {
                Severity::Medium
            }
        }
        Class::AmbiguousReference | Class::LatePayment => Severity::Medium,
        Class::MissingNotice => Severity::Low,
    }
}

/// What to do, in one sentence.
pub(super) fn suggestion(class: Class, reason: Option<Reason>) -> &'static str {
    match class {
        Class::Matched | Class::MatchedWithinTolerance | Class::Unpaid => "",
        Class::Open => "Wait: the other side may still speak.",
        Class::ConflictingRecord => {
            "Ask the side that contradicts itself which record holds, and correct the other."
        }
        Class::AmbiguousReference => "Decide by the shopper's voucher which order the payment belongs to.",
        Class::MissingOrder => {
            "Find the order by reference or shopper; if there is none, give the money back."
        }
        Class::MissingAtProvider => {
            "Do not ship. Ask the provider for this CIP; set the order back if it was not paid."
        }
        Class::CurrencyMismatch => {
            "Compare the order with the CIP as it was created; settle the difference with the shopper."
        }
        Class::AmountMismatch => match reason {
            Some(Reason::Overpaid) => "Give the difference back or credit it.",
            _ => "Hold the goods and collect the difference, or accept it by a decision.",
        },
        Class::LatePayment => "Honour the order if it can still be served, else give the money back.",
        Class::StatusMismatch => mismatch_suggestion(reason),
        Class::DuplicatePayment => "Give the further payment back to the shopper.",
        Class::MissingNotice => {
            "Nothing is lost, the report has it; look at the callback's errors and the provider's delivery."
        }
        Class::UnconfirmedNotice => {
            "Do not ship. Ask the provider; if it knows no such payment, rotate the key."
        }
    }
}

fn mismatch_suggestion(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::PaidNotRecorded) => {
            "Record the payment in the shop; serve the order or give the money back."
        }
        Some(Reason::ClaimedUnpaid) => "Do not ship. The provider has no money for this order; set it back.",
        Some(Reason::ReversedNotRecorded) => {
            "The collector took the money back: stop the order or collect again."
        }
        Some(Reason::RefundNotRecorded) => "Record the refund in the shop.",
        Some(Reason::RefundNotDone) => "Order the refund at the provider; the shopper has not got the money.",
        Some(Reason::RefundAmountDiffers) => {
            "Find out which refunded amount holds and correct the other side."
        }
        Some(Reason::StillPayable) => "Delete the CIP at the provider, so that nobody pays it.",
        _ => "Compare both sides and correct the one that is wrong.",
    }
}
