//! Evidence: one immutable fact from one leg, as it stands after cleansing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Instant};
use crate::ids::Cip;
use crate::money::{Currency, Micros, Money, Rate};

/// A text of an input: borrowed from the file where cleansing left it alone.
pub type Text<'a> = Cow<'a, str>;

/// Columns that the format does not know, kept with their names in the order of the file.
pub type Extras<'a> = Vec<(Text<'a>, Text<'a>)>;

/// What the shop says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderStatus {
    /// Waits for the shopper's cash.
    Pending,
    /// The shop believes that it was paid.
    Paid,
    /// The goods have left.
    Fulfilled,
    /// Given up by the shop or the shopper.
    Cancelled,
    /// Given up because the time to pay ran out.
    Expired,
    /// The money went back to the shopper.
    Refunded,
}

impl OrderStatus {
    /// Every status, in the order in which the format lists them.
    pub const ALL: [OrderStatus; 6] = [
        OrderStatus::Pending,
        OrderStatus::Paid,
        OrderStatus::Fulfilled,
        OrderStatus::Cancelled,
        OrderStatus::Expired,
        OrderStatus::Refunded,
    ];

    /// The word of the canonical format.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            OrderStatus::Pending => "pending",
            OrderStatus::Paid => "paid",
            OrderStatus::Fulfilled => "fulfilled",
            OrderStatus::Cancelled => "cancelled",
            OrderStatus::Expired => "expired",
            OrderStatus::Refunded => "refunded",
        }
    }
}

/// What the provider says of a CIP or of one payment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportStatus {
    /// Waits for cash. "Generado" at the provider.
    Pending,
    /// Cash was taken. "Cancelado" at the provider, which means paid off.
    Paid,
    /// The time to pay ran out.
    Expired,
    /// Deleted by the merchant.
    Removed,
    /// The merchant gave the money back.
    Refunded,
    /// The collector took the payment back (extorno).
    Reversed,
}

impl ReportStatus {
    /// Every status, in the order in which the format lists them.
    pub const ALL: [ReportStatus; 6] = [
        ReportStatus::Pending,
        ReportStatus::Paid,
        ReportStatus::Expired,
        ReportStatus::Removed,
        ReportStatus::Refunded,
        ReportStatus::Reversed,
    ];

    /// The word of the canonical format.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ReportStatus::Pending => "pending",
            ReportStatus::Paid => "paid",
            ReportStatus::Expired => "expired",
            ReportStatus::Removed => "removed",
            ReportStatus::Refunded => "refunded",
            ReportStatus::Reversed => "reversed",
        }
    }

    /// Whether a row with this status tells of a payment (an event) rather than of a CIP's state (a snapshot).
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(self, ReportStatus::Paid | ReportStatus::Refunded | ReportStatus::Reversed)
    }
}

/// What the merchant expects: one row of an orders file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow<'a> {
    /// The PagoEfectivo service that the order is to be paid through.
    pub account: Text<'a>,
    /// The merchant's own number of the order; not proven unique.
    pub reference_id: Text<'a>,
    /// The CIPs issued for the order, ascending and without repetition; often one, sometimes none yet.
    pub cips: Vec<Cip>,
    /// What the shopper owes.
    pub amount: Money,
    /// What the shop says of the order.
    pub status: OrderStatus,
    /// When the order was placed.
    pub created_at: Instant,
    /// Until when it may be paid.
    pub expires_at: Option<Instant>,
    /// When it was paid, as far as the shop knows.
    pub paid_at: Option<Instant>,
    /// When the goods left.
    pub fulfilled_at: Option<Instant>,
    /// Given back so far, in minor units of the order's currency.
    pub refunded_minor: Option<i64>,
    /// Pseudonym of whom the refund went to.
    pub refund_payee_id: Option<Text<'a>>,
    /// The shop or sub-merchant inside the account.
    pub store: Option<Text<'a>>,
    /// Pseudonym of the shopper.
    pub payer_id: Option<Text<'a>>,
    /// The shopper's network address, for the fraud rules alone.
    pub ip: Option<Text<'a>>,
    /// When this row was last changed; a later one supersedes.
    pub updated_at: Option<Instant>,
    /// Unknown columns.
    pub extras: Extras<'a>,
}

impl OrderRow<'_> {
    /// A row to be filled.
    pub(crate) const fn blank() -> Self {
        OrderRow {
            account: Text::Borrowed(""),
            reference_id: Text::Borrowed(""),
            cips: Vec::new(),
            amount: Money { minor: 0, currency: Currency::Pen },
            status: OrderStatus::Pending,
            created_at: Instant::UNIX_EPOCH,
            expires_at: None,
            paid_at: None,
            fulfilled_at: None,
            refunded_minor: None,
            refund_payee_id: None,
            store: None,
            payer_id: None,
            ip: None,
            updated_at: None,
            extras: Vec::new(),
        }
    }
}

/// What the provider says otherwise than by notice: one row of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow<'a> {
    /// Which of the run's report sources told this; operation numbers are compared only within one.
    pub source: u16,
    /// The PagoEfectivo service.
    pub account: Text<'a>,
    /// The payment code.
    pub cip: Option<Cip>,
    /// The merchant's number as the provider knows it (`transactionCode`).
    pub reference_id: Option<Text<'a>>,
    /// The provider's own id where a report names no CIP.
    pub provider_id: Option<Text<'a>>,
    /// Number of the operation at the collector; one payment, one number.
    pub operation_number: Option<Text<'a>>,
    /// The amount of the CIP or of the payment.
    pub amount: Money,
    /// What the provider says.
    pub status: ReportStatus,
    /// When the CIP was made.
    pub created_at: Option<Instant>,
    /// Until when the CIP may be paid.
    pub expires_at: Option<Instant>,
    /// When cash was taken; for a refund or reversal, when it was taken back.
    pub paid_at: Option<Instant>,
    /// Given back so far, in minor units of the row's currency.
    pub refunded_minor: Option<i64>,
    /// The provider's commission (comisión).
    pub commission: Option<Micros>,
    /// Value added tax on the commission.
    pub igv: Option<Micros>,
    /// What is left for the merchant.
    pub net: Option<Micros>,
    /// The settlement batch (liquidación) that carries the payment.
    pub settlement_id: Option<Text<'a>>,
    /// The shop or sub-merchant inside the account.
    pub store: Option<Text<'a>>,
    /// When the provider's system was looked at.
    pub observed_at: Option<Instant>,
    /// Unknown columns.
    pub extras: Extras<'a>,
}

impl<'a> ReportRow<'a> {
    /// A row to be filled.
    pub(crate) fn blank() -> ReportRow<'a> {
        let nothing = Money { minor: 0, currency: Currency::Pen };
        let mut row = ReportRow::new(0, Text::Borrowed(""), Cip::SMALLEST, ReportStatus::Pending, nothing);
        row.cip = None;
        row
    }

    /// The least that a source can say of a CIP; what else it knows is filled in.
    #[must_use]
    pub const fn new(
        source: u16,
        account: Text<'a>,
        cip: Cip,
        status: ReportStatus,
        amount: Money,
    ) -> ReportRow<'a> {
        ReportRow {
            source,
            account,
            cip: Some(cip),
            reference_id: None,
            provider_id: None,
            operation_number: None,
            amount,
            status,
            created_at: None,
            expires_at: None,
            paid_at: None,
            refunded_minor: None,
            commission: None,
            igv: None,
            net: None,
            settlement_id: None,
            store: None,
            observed_at: None,
            extras: Vec::new(),
        }
    }
}

/// A signed callback as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRow<'a> {
    /// The PagoEfectivo service whose key signed it.
    pub account: Text<'a>,
    /// The payment code.
    pub cip: Cip,
    /// The provider's word, such as `cip.paid`; unknown words are kept.
    pub event_type: Text<'a>,
    /// Number of the operation that caused the event; may be empty at the provider.
    pub operation_number: Option<Text<'a>>,
    /// The amount of the event.
    pub amount: Money,
    /// When cash was taken.
    pub paid_at: Option<Instant>,
    /// When the callback reached Cuadre; takes no part in any identity.
    pub received_at: Instant,
    /// Unknown columns.
    pub extras: Extras<'a>,
}

impl NoticeRow<'_> {
    /// The same with its texts for itself.
    pub(crate) fn into_owned(self) -> NoticeRow<'static> {
        let own = |text: Text<'_>| Cow::Owned(text.into_owned());
        NoticeRow {
            account: own(self.account),
            cip: self.cip,
            event_type: own(self.event_type),
            operation_number: self.operation_number.map(own),
            amount: self.amount,
            paid_at: self.paid_at,
            received_at: self.received_at,
            extras: self.extras.into_iter().map(|(name, value)| (own(name), own(value))).collect(),
        }
    }
}

/// What a line of a settlement (liquidación) is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SettlementKind {
    /// Cash that a shopper paid.
    Payment,
    /// Money that the merchant gave back.
    Refund,
    /// A payment that the collector took back (extorno).
    Reversal,
    /// The provider's commission (comisión) as a line of its own.
    Fee,
    /// Value added tax on the commission as a line of its own.
    Igv,
    /// A correction, in either direction.
    Adjustment,
    /// A tax other than IGV, such as ITF or a withholding.
    Tax,
    /// What changing the currency cost or brought.
    Fx,
}

impl SettlementKind {
    /// Every kind, in the order in which the format lists them.
    pub const ALL: [SettlementKind; 8] = [
        SettlementKind::Payment,
        SettlementKind::Refund,
        SettlementKind::Reversal,
        SettlementKind::Fee,
        SettlementKind::Igv,
        SettlementKind::Adjustment,
        SettlementKind::Tax,
        SettlementKind::Fx,
    ];

    /// The word of the canonical format.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            SettlementKind::Payment => "payment",
            SettlementKind::Refund => "refund",
            SettlementKind::Reversal => "reversal",
            SettlementKind::Fee => "fee",
            SettlementKind::Igv => "igv",
            SettlementKind::Adjustment => "adjustment",
            SettlementKind::Tax => "tax",
            SettlementKind::Fx => "fx",
        }
    }
}

/// One line of the provider's settlement: what it adds to a batch, or takes from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementRow<'a> {
    /// The PagoEfectivo service.
    pub account: Text<'a>,
    /// The batch (liquidación) to which the line belongs.
    pub settlement_id: Text<'a>,
    /// The currency of all amounts of the line.
    pub currency: Currency,
    /// What the line is about.
    pub kind: SettlementKind,
    /// The provider's own id where a statement names no CIP.
    pub provider_id: Option<Text<'a>>,
    /// The payment code.
    pub cip: Option<Cip>,
    /// What was moved before commission and tax; negative where it takes from the batch.
    pub gross: Micros,
    /// The provider's commission (comisión) on the line; positive where it was kept back.
    pub commission: Option<Micros>,
    /// Value added tax on the commission; positive where it was kept back.
    pub igv: Option<Micros>,
    /// What the line adds to the payout; negative where it takes from it.
    pub net: Micros,
    /// The rate at which the provider changed currencies, as it states it.
    pub fx_rate: Option<Rate>,
    /// The day on which the provider paid the batch out.
    pub paid_on: Option<Day>,
    /// What the bank calls the payout, where the statement says so.
    pub bank_reference: Option<Text<'a>>,
    /// Which of the identical lines of its file this is, 1 for the first.
    pub ordinal: u32,
    /// Unknown columns; they take no part in what makes two lines identical.
    pub extras: Extras<'a>,
}

/// One line of a bank's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankRow<'a> {
    /// The account at the bank, as its statement writes it.
    pub bank_account: Text<'a>,
    /// The reference that the line bears.
    pub bank_reference: Option<Text<'a>>,
    /// The day on which the money counts.
    pub value_date: Day,
    /// What the line moved: positive came in (credit), negative went out (debit).
    pub amount: Money,
    /// What the bank or the payer wrote; may be empty.
    pub description: Text<'a>,
    /// Which of the identical lines of its statement this is, 1 for the first.
    pub ordinal: u32,
    /// Unknown columns; they take no part in what makes two lines identical.
    pub extras: Extras<'a>,
}

/// A line of a settlement statement (liquidación) that carries a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledPayment<'a> {
    /// The batch.
    pub settlement_id: Text<'a>,
    /// The payment code.
    pub cip: Cip,
    /// What the shopper paid, before commission and tax.
    pub gross: Money,
    /// What the bank calls the batch, where the statement says so.
    pub bank_reference: Option<Text<'a>>,
}

/// A line of the bank's statement (abono) that bears the reference of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit<'a> {
    /// The bank's reference, or the id of the settlement.
    pub bank_reference: Text<'a>,
    /// The day on which the money counts.
    pub value_date: Day,
}

/// Something that was told of a CIP and is not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// Who told it: a source's name.
    pub source: String,
    /// What about it is not understood; no body and no name of a person.
    pub reason: String,
    /// When it was seen; a later look at the code that is understood settles it. Absent, a person has to.
    pub observed_at: Option<Instant>,
}
