//! What is said of one code to programs and people: state, label, whether the order may ship, and every payment. Pure.

use serde::{Deserialize, Serialize};

use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::Cip;
use crate::lifecycle::label::Label;
use crate::lifecycle::operations::Standing;
use crate::lifecycle::shipping::{Hold, holds};
use crate::lifecycle::story::{self, Evidence, Payment, Story};
use crate::money::{Currency, Money, format_minor};

/// What is said of a code, whenever and how often it is said (docs/events.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReport {
    /// The PagoEfectivo service.
    pub account: String,
    /// The code.
    pub cip: Cip,
    /// The order's number, where exactly one order lists the code.
    pub reference_id: Option<String>,
    /// The word of its state; absent where no fact tells of it.
    pub state: Option<String>,
    /// The word of its label.
    pub label: String,
    /// Whether the order may ship.
    pub may_ship: bool,
    /// Every reason against it.
    pub holds: Vec<String>,
    /// Until when it may be paid, RFC 3339.
    pub expires_at: Option<String>,
    /// Each time that cash was taken, earliest first.
    pub payments: Vec<PaymentReport>,
}

/// One payment of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// The collector's number.
    pub operation_number: Option<String>,
    /// With two decimals.
    pub amount: String,
    /// ISO code.
    pub currency: String,
    /// RFC 3339.
    pub paid_at: Option<String>,
    /// `live`, `refunded` or `reversed`.
    pub standing: String,
    /// Given back so far while it stays live.
    pub refunded_amount: Option<String>,
    /// Whether it came after the expiry in force.
    pub late: bool,
    /// The settlement that carries it.
    pub settlement_id: Option<String>,
    /// The bank's day of the deposit.
    pub deposited_on: Option<String>,
}

/// A code with all that follows from its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is said of it.
    pub report: CodeReport,
    /// What the facts add up to.
    pub story: Story,
    /// Every reason not to ship.
    pub holds: Vec<Hold>,
    /// What customer service calls it.
    pub label: Label,
}

/// Counts the facts of a code and says what is to be said of it.
#[must_use]
pub fn judge(account: &str, cip: Cip, evidence: &Evidence<'_>, policy: &Policy, as_of: Instant) -> Judged {
    let story = story::fold(cip, evidence, &policy.meanings, as_of);
    let holds = holds(&story, |order| policy.tolerance_minor(account, order));
    let label = Label::of(&story, &holds);
    let reference_id = match story.orders.as_slice() {
        [order] => Some(order.reference_id.clone()),
        _ => None,
    };
    let report = CodeReport {
        account: account.to_owned(),
        cip,
        reference_id,
        state: story.state.map(|state| state.word().to_owned()),
        label: label.word().to_owned(),
        may_ship: holds.is_empty(),
        holds: holds.iter().map(|hold| hold.word().to_owned()).collect(),
        expires_at: story.expires_at.map(|time| time.to_string()),
        payments: story.payments.iter().map(payment).collect(),
    };
    Judged { report, story, holds, label }
}

impl CodeReport {
    /// What was paid first, whatever became of it.
    #[must_use]
    pub fn first_paid(&self) -> Option<Money> {
        let first = self.payments.first()?;
        Money::parse(&first.amount, Currency::from_code(&first.currency)?).ok()
    }
}

fn payment(payment: &Payment) -> PaymentReport {
    let standing = match payment.standing {
        Standing::Live => "live",
        Standing::Refunded => "refunded",
        Standing::Reversed => "reversed",
    };
    PaymentReport {
        operation_number: payment.number.clone(),
        amount: format_minor(i128::from(payment.money.minor)),
        currency: payment.money.currency.code().to_owned(),
        paid_at: payment.paid_at.map(|time| time.to_string()),
        standing: standing.to_owned(),
        refunded_amount: payment.refunded_part.map(|minor| format_minor(i128::from(minor))),
        late: payment.late,
        settlement_id: payment.settlement_id.clone(),
        deposited_on: payment.deposited_on.map(|day| day.to_string()),
    }
}
