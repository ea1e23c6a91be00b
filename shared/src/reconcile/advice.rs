//! How bad a finding is and what to do about it, in one place.

use super::class::{Class, Reason, Severity};
use crate::lifecycle::cip::ProviderState;
use crate::lifecycle::evidence::OrderStatus;

/// How soon somebody must look. Goods that left without money behind them come first.
pub(super) fn severity(
    class: Class,
    reason: Option<Reason>,
    order: Option<OrderStatus>,
    provider: ProviderState,
) -> Severity {
    // What is contradictory or ambiguous does not say whether money is there.
    let decided = !matches!(class, Class::ConflictingRecord | Class::AmbiguousReference);
    let has_money = matches!(provider, ProviderState::Paid | ProviderState::Refunded);
    if order == Some(OrderStatus::Fulfilled) && class.is_break() && decided && !has_money {
        return Severity::Critical;
    }
    match (class, reason) {
        (Class::Matched | Class::MatchedWithinTolerance | Class::Unpaid | Class::Open, _) => Severity::Info,
        (Class::UnconfirmedNotice, _) => Severity::Critical,
        (
            Class::StatusMismatch,
            Some(Reason::PaidNotRecorded | Reason::ClaimedUnpaid | Reason::ReversedNotRecorded),
        )
        | (Class::AmountMismatch, Some(Reason::Underpaid))
        | (
            Class::ConflictingRecord
            | Class::MissingOrder
            | Class::MissingAtProvider
            | Class::CurrencyMismatch
            | Class::DuplicatePayment
            | Class::MissingDeposit
            | Class::RefundUnpaid,
            _,
        )
        | (
            Class::SettlementVariance,
            Some(
                Reason::Unexplained | Reason::OffsettingErrors | Reason::GrossDiffers | Reason::UnknownRefund,
            ),
        )
        | (Class::DepositVariance, Some(Reason::Underpaid)) => Severity::High,
        (
            Class::StatusMismatch
            | Class::AmountMismatch
            | Class::AmbiguousReference
            | Class::LatePayment
            | Class::Unsettled
            | Class::SettlementVariance
            | Class::FeeInvoiceVariance
            | Class::UnknownDeposit
            | Class::DepositVariance,
            _,
        ) => Severity::Medium,
        (Class::MissingNotice, _) => Severity::Low,
        (Class::Finding, rule) => finding_severity(rule),
    }
}

const fn finding_severity(rule: Option<Reason>) -> Severity {
    match rule {
        Some(Reason::SharedOperationNumber | Reason::RefundToOtherPayee | Reason::BadSignatures) => {
            Severity::High
        }
        Some(Reason::SharedPayer | Reason::SharedIp) => Severity::Low,
        _ => Severity::Medium,
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
            _ => "Hold what has not been shipped; collect the difference, or accept it by a decision.",
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
        Class::Finding => finding_suggestion(reason),
        Class::Unsettled => "Ask the provider with which settlement it pays this payment out.",
        Class::SettlementVariance => settlement_suggestion(reason),
        Class::FeeInvoiceVariance => {
            "Do not book the invoice yet; ask the provider to explain the difference."
        }
        Class::UnknownDeposit => unknown_deposit_suggestion(reason),
        Class::MissingDeposit => {
            "Ask the provider for the bank's reference of the payout, and the bank where the money is."
        }
        Class::DepositVariance => match reason {
            Some(Reason::Overpaid) => "Find out what the surplus is for; the provider may ask for it back.",
            _ => "Claim the rest at the provider, or have the bank say what it kept.",
        },
        Class::RefundUnpaid => "Pay the shopper, or have the provider prove that it did.",
    }
}

fn finding_suggestion(rule: Option<Reason>) -> &'static str {
    match rule {
        Some(Reason::SharedOperationNumber) => {
            "Ask the provider which CIP this operation paid, and hold what rests on the others."
        }
        Some(Reason::SharedPayer) => "Look at what this payer orders; limit open orders of one payer.",
        Some(Reason::SharedIp) => {
            "Look at the orders of this address; slow it down if it is no shared network."
        }
        Some(Reason::EqualAmountBurst) => {
            "If no sale explains it, look at payers and goods of these payments before they leave."
        }
        Some(Reason::FulfilledBeforePaid) => "Find out who released the goods before the money was there.",
        Some(Reason::RefundToOtherPayee) => {
            "Ask for the reason of this refund and who approved it; the payer may not have the money."
        }
        Some(Reason::BadSignatures) => {
            "Compare the key with the provider's panel; if it is the same, somebody forges notices: limit the senders."
        }
        _ => "Look at what it names.",
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

fn settlement_suggestion(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::OffsettingErrors) => {
            "Have the provider correct the lines: the sum is right only because their errors cancel out."
        }
        Some(Reason::GrossDiffers) => "Have the provider settle what was paid; claim what is missing.",
        Some(Reason::UnknownPayment) => {
            "Find the payment in the provider's portal; if it is not yours, the provider will want it back."
        }
        Some(Reason::SettledTwice) => "Keep the surplus apart: the provider will take it back.",
        Some(Reason::UnknownRefund) => "Ask the provider who gave this money back, and on whose order.",
        Some(Reason::FeeDiffers) => {
            "Compare with the contract; claim the difference, or correct the terms in the policy."
        }
        _ => "Ask the provider what the difference is; do not book the settlement as it stands.",
    }
}

fn unknown_deposit_suggestion(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::SeveralSplits) => "Ask the provider which of the named settlements the deposit pays.",
        Some(Reason::SearchStopped) => {
            "Ask the provider which settlements the deposit pays: too many are open to try them all."
        }
        _ => "Find out who paid it in, by the bank's voucher; ask the provider for the settlement.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goods_that_left_without_money_are_critical() {
        let check = |class: Class, reason: Option<Reason>, provider: ProviderState, expected: Severity| {
            assert_eq!(
                severity(class, reason, Some(OrderStatus::Fulfilled), provider),
                expected,
                "{class:?}"
            );
        };
        check(Class::MissingAtProvider, None, ProviderState::Absent, Severity::Critical);
        check(Class::StatusMismatch, Some(Reason::ClaimedUnpaid), ProviderState::Pending, Severity::Critical);
        check(
            Class::StatusMismatch,
            Some(Reason::ReversedNotRecorded),
            ProviderState::Reversed,
            Severity::Critical,
        );
        check(Class::AmountMismatch, Some(Reason::Overpaid), ProviderState::Pending, Severity::Critical);
        check(Class::AmountMismatch, Some(Reason::Overpaid), ProviderState::Paid, Severity::Medium);
        check(
            Class::StatusMismatch,
            Some(Reason::RefundNotRecorded),
            ProviderState::Refunded,
            Severity::Medium,
        );
        check(Class::Open, Some(Reason::ClaimedUnpaid), ProviderState::Pending, Severity::Info);
        check(Class::ConflictingRecord, None, ProviderState::Absent, Severity::High);
    }
}
