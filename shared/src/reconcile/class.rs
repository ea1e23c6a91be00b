//! What a run may find: classes, reasons, how bad each is, and what to do about it.

use serde::{Deserialize, Serialize};

/// What became of a pair, a further payment or a notice. The order is that of the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// One side contradicts itself.
    ConflictingRecord,
    /// Several orders may own the payment.
    AmbiguousReference,
    /// The provider took money that no order expects.
    MissingOrder,
    /// The order says paid and the provider knows nothing.
    MissingAtProvider,
    /// The currencies differ.
    CurrencyMismatch,
    /// The amounts differ by more than the tolerance.
    AmountMismatch,
    /// One side may still speak; not a break.
    Open,
    /// Paid after the expiry in force.
    LatePayment,
    /// The two sides tell different states; the reason names which.
    StatusMismatch,
    /// Agreed, with a variance that is booked on its own line.
    MatchedWithinTolerance,
    /// Agreed to the céntimo.
    Matched,
    /// Nobody claims money; not a break.
    Unpaid,
    /// A further live payment beside the one that stands.
    DuplicatePayment,
    /// A payment that no notice announced.
    MissingNotice,
    /// An announced payment that no report confirms.
    UnconfirmedNotice,
    /// A pattern over several orders or payments that a fraud rule speaks of; the reason names the rule.
    Finding,
    /// A payment that no settlement carries.
    Unsettled,
    /// A settlement that does not add up, or whose lines differ from the payments.
    SettlementVariance,
    /// An invoice of the provider that differs from the fees of its month.
    FeeInvoiceVariance,
    /// A credit of the bank that no settlement explains.
    UnknownDeposit,
    /// A settlement that the bank has not paid in.
    MissingDeposit,
    /// A deposit over more or less than its settlements.
    DepositVariance,
    /// Money that was to go back to the shopper and did not.
    RefundUnpaid,
}

impl Class {
    /// The classes of orders, payments and reports; every run counts them all.
    pub const ALWAYS: [Class; 13] = [
        Class::ConflictingRecord,
        Class::AmbiguousReference,
        Class::MissingOrder,
        Class::MissingAtProvider,
        Class::CurrencyMismatch,
        Class::AmountMismatch,
        Class::Open,
        Class::LatePayment,
        Class::StatusMismatch,
        Class::MatchedWithinTolerance,
        Class::Matched,
        Class::Unpaid,
        Class::DuplicatePayment,
    ];

    /// The classes that exist only where notices are among the inputs.
    pub const WITH_NOTICES: [Class; 2] = [Class::MissingNotice, Class::UnconfirmedNotice];

    /// The classes that exist only where settlements are among the inputs.
    pub const WITH_SETTLEMENTS: [Class; 3] =
        [Class::Unsettled, Class::SettlementVariance, Class::FeeInvoiceVariance];

    /// The classes that exist only where lines of the bank are among the inputs.
    pub const WITH_BANK: [Class; 3] = [Class::UnknownDeposit, Class::MissingDeposit, Class::DepositVariance];

    /// The class that exists where either of them is.
    pub const WITH_EITHER: [Class; 1] = [Class::RefundUnpaid];

    /// The word of the outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Class::ConflictingRecord => "conflicting_record",
            Class::AmbiguousReference => "ambiguous_reference",
            Class::MissingOrder => "missing_order",
            Class::MissingAtProvider => "missing_at_provider",
            Class::CurrencyMismatch => "currency_mismatch",
            Class::AmountMismatch => "amount_mismatch",
            Class::Open => "open",
            Class::LatePayment => "late_payment",
            Class::StatusMismatch => "status_mismatch",
            Class::MatchedWithinTolerance => "matched_within_tolerance",
            Class::Matched => "matched",
            Class::Unpaid => "unpaid",
            Class::DuplicatePayment => "duplicate_payment",
            Class::MissingNotice => "missing_notice",
            Class::UnconfirmedNotice => "unconfirmed_notice",
            Class::Finding => "finding",
            Class::Unsettled => "unsettled",
            Class::SettlementVariance => "settlement_variance",
            Class::FeeInvoiceVariance => "fee_invoice_variance",
            Class::UnknownDeposit => "unknown_deposit",
            Class::MissingDeposit => "missing_deposit",
            Class::DepositVariance => "deposit_variance",
            Class::RefundUnpaid => "refund_unpaid",
        }
    }

    /// Where the rows and lines of this class are counted.
    #[must_use]
    pub const fn bucket(self) -> Bucket {
        match self {
            Class::Matched | Class::MatchedWithinTolerance => Bucket::Matched,
            Class::Unpaid => Bucket::Unpaid,
            Class::Open => Bucket::Open,
            Class::ConflictingRecord
            | Class::AmbiguousReference
            | Class::MissingOrder
            | Class::MissingAtProvider
            | Class::CurrencyMismatch
            | Class::AmountMismatch
            | Class::LatePayment
            | Class::StatusMismatch
            | Class::DuplicatePayment
            | Class::MissingNotice
            | Class::UnconfirmedNotice
            | Class::Finding
            | Class::Unsettled
            | Class::SettlementVariance
            | Class::FeeInvoiceVariance
            | Class::UnknownDeposit
            | Class::MissingDeposit
            | Class::DepositVariance
            | Class::RefundUnpaid => Bucket::Break,
        }
    }

    /// Whether somebody must look at it.
    #[must_use]
    pub fn is_break(self) -> bool {
        self.bucket() == Bucket::Break
    }
}

/// Where a row is counted. Every row of an input is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bucket {
    /// Its pair agrees.
    Matched,
    /// Nobody claims money.
    Unpaid,
    /// One side may still speak.
    Open,
    /// Somebody must look at it.
    Break,
    /// A newer row overtook it.
    Superseded,
    /// It repeats another row.
    DuplicateRow,
}

impl Bucket {
    /// Every bucket, in the order of the outputs.
    pub const ALL: [Bucket; 6] = [
        Bucket::Matched,
        Bucket::Unpaid,
        Bucket::Open,
        Bucket::Break,
        Bucket::Superseded,
        Bucket::DuplicateRow,
    ];

    /// Its place in [`Bucket::ALL`].
    pub(crate) const fn place(self) -> usize {
        match self {
            Bucket::Matched => 0,
            Bucket::Unpaid => 1,
            Bucket::Open => 2,
            Bucket::Break => 3,
            Bucket::Superseded => 4,
            Bucket::DuplicateRow => 5,
        }
    }

    /// The word of the outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Bucket::Matched => "matched",
            Bucket::Unpaid => "unpaid",
            Bucket::Open => "open",
            Bucket::Break => "break",
            Bucket::Superseded => "superseded",
            Bucket::DuplicateRow => "duplicate_row",
        }
    }
}

/// Why a class was given, as far as the class alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The provider has the money, the order does not know.
    PaidNotRecorded,
    /// The order counts on money that the provider does not have.
    ClaimedUnpaid,
    /// The collector took the money back, the order does not know.
    ReversedNotRecorded,
    /// Money went back to the shopper, the order does not know.
    RefundNotRecorded,
    /// The order says refunded, the provider still has the money.
    RefundNotDone,
    /// Both state a refunded amount, and not the same.
    RefundAmountDiffers,
    /// The order is given up, and the CIP can still be paid.
    StillPayable,
    /// More was paid than was owed.
    Overpaid,
    /// Less was paid than was owed.
    Underpaid,
    /// The order names another CIP than the one found by its reference.
    OtherCip,
    /// Several orders bear the reference of the payment.
    ReferenceOnSeveralOrders,
    /// Several orders carry one CIP.
    CipOnSeveralOrders,
    /// Rows of the order contradict each other.
    OrderRowsContradict,
    /// Rows of the report contradict each other.
    ReportRowsContradict,
    /// The order's amount or currency was changed after the payment.
    OrderChangedAfterPayment,
    /// Notices of one event contradict each other.
    NoticesContradict,
    /// The provider has no row.
    NothingAtProvider,
    /// No order is known.
    NoOrder,
    /// Rule: one operation number, within one source, on several CIPs.
    SharedOperationNumber,
    /// Rule: one payer behind many CIPs that nobody paid.
    SharedPayer,
    /// Rule: one network address behind many CIPs that nobody paid.
    SharedIp,
    /// Rule: many CIPs paid with one amount within minutes.
    EqualAmountBurst,
    /// Rule: goods left before their payment.
    FulfilledBeforePaid,
    /// Rule: a refund went to somebody else than the payer.
    RefundToOtherPayee,
    /// Rule: many callbacks were refused for their signature.
    BadSignatures,
    /// The settlement states another sum than its lines give, by more than rounding explains.
    Unexplained,
    /// Lines of the settlement are wrong in themselves, and their errors cancel out in the sum.
    OffsettingErrors,
    /// A line of the settlement states another amount than was paid.
    GrossDiffers,
    /// A line of the settlement is about a payment that no report knows.
    UnknownPayment,
    /// A payment is settled more often than it was made.
    SettledTwice,
    /// A line takes money back of a payment that nobody says went back.
    UnknownRefund,
    /// The commission or its tax is not that of the contract.
    FeeDiffers,
    /// Exactly one set of open settlements adds up to the deposit.
    ProvedBySearch,
    /// Several sets of open settlements add up to the deposit.
    SeveralSplits,
    /// No set of open settlements adds up to the deposit.
    NoSplit,
    /// The search for the settlements of the deposit ended at its bound.
    SearchStopped,
}

impl Reason {
    /// The word of the outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Reason::PaidNotRecorded => "paid_not_recorded",
            Reason::ClaimedUnpaid => "claimed_unpaid",
            Reason::ReversedNotRecorded => "reversed_not_recorded",
            Reason::RefundNotRecorded => "refund_not_recorded",
            Reason::RefundNotDone => "refund_not_done",
            Reason::RefundAmountDiffers => "refund_amount_differs",
            Reason::StillPayable => "still_payable",
            Reason::Overpaid => "overpaid",
            Reason::Underpaid => "underpaid",
            Reason::OtherCip => "other_cip",
            Reason::ReferenceOnSeveralOrders => "reference_on_several_orders",
            Reason::CipOnSeveralOrders => "cip_on_several_orders",
            Reason::OrderRowsContradict => "order_rows_contradict",
            Reason::ReportRowsContradict => "report_rows_contradict",
            Reason::OrderChangedAfterPayment => "order_changed_after_payment",
            Reason::NoticesContradict => "notices_contradict",
            Reason::NothingAtProvider => "missing_at_provider",
            Reason::NoOrder => "missing_order",
            Reason::SharedOperationNumber => "shared_operation_number",
            Reason::SharedPayer => "shared_payer",
            Reason::SharedIp => "shared_ip",
            Reason::EqualAmountBurst => "equal_amount_burst",
            Reason::FulfilledBeforePaid => "fulfilled_before_paid",
            Reason::RefundToOtherPayee => "refund_to_other_payee",
            Reason::BadSignatures => "bad_signatures",
            Reason::Unexplained => "unexplained",
            Reason::OffsettingErrors => "offsetting_errors",
            Reason::GrossDiffers => "gross_differs",
            Reason::UnknownPayment => "unknown_payment",
            Reason::SettledTwice => "settled_twice",
            Reason::UnknownRefund => "unknown_refund",
            Reason::FeeDiffers => "fee_differs",
            Reason::ProvedBySearch => "proved_by_search",
            Reason::SeveralSplits => "several_splits",
            Reason::NoSplit => "no_split",
            Reason::SearchStopped => "search_stopped",
        }
    }
}

/// How soon somebody must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// For the record.
    Info,
    /// Within the week.
    Low,
    /// Within two business days.
    Medium,
    /// Today.
    High,
    /// Now: goods may leave without money.
    Critical,
}

impl Severity {
    /// The word of the outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}
