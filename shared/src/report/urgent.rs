//! The messages that do not wait for the morning: a payment that must not be shipped against, a notice that a person has to
//! read, a record that nobody could. Pure; no payer's data goes into them.

use super::alert::{Alert, Attribute, subject_line};
use crate::calendar::{Day, Instant};
use crate::formats::Leg;
use crate::ids::Cip;
use crate::lifecycle::shipping::Hold;
use crate::money::{Money, format_minor};
use crate::reconcile::class::Severity;

/// Why somebody is told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A reason not to ship what is paid.
    Held(Hold),
    /// What might have been shipped against is no longer paid.
    TakenBack,
}

impl Urgency {
    /// The word in attributes and in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Urgency::Held(hold) => hold.word(),
            Urgency::TakenBack => "taken_back",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Urgency> {
        if word == Urgency::TakenBack.word() {
            return Some(Urgency::TakenBack);
        }
        Hold::from_word(word).map(Urgency::Held)
    }

    const fn severity(self) -> Severity {
        match self {
            Urgency::TakenBack | Urgency::Held(Hold::Conflict) => Severity::Critical,
            Urgency::Held(Hold::CurrencyDiffers | Hold::AmountDiffers | Hold::OrderClosed) => Severity::High,
            Urgency::Held(_) => Severity::Medium,
        }
    }

    /// What happened and what to do first.
    const fn advice(self) -> &'static str {
        match self {
            Urgency::TakenBack => {
                "The payment was taken back after the order was cleared for shipping. Stop the parcel if it has not left; else claim the money."
            }
            Urgency::Held(Hold::Conflict) => {
                "What was told of this payment contradicts itself. Do not ship; ask the provider which record holds."
            }
            Urgency::Held(Hold::Review) => {
                "Something was told of this code that Cuadre does not understand. Do not ship; read the fact, and say in the policy what its event means."
            }
            Urgency::Held(Hold::OrderUnknown) => {
                "Money came for a code that no order lists. If the order is on its way this settles itself; else look for a code made outside the shop, or a key in strange hands."
            }
            Urgency::Held(Hold::OrderAmbiguous) => {
                "Several orders list this code. Do not ship; decide by the shopper's voucher which one was paid."
            }
            Urgency::Held(Hold::CurrencyDiffers) => {
                "The payment is in another currency than the order. Do not ship; compare the order with the code as it was made."
            }
            Urgency::Held(Hold::AmountDiffers) => {
                "The payment differs from the order. Do not ship; claim the rest or give the surplus back."
            }
            Urgency::Held(Hold::OrderClosed) => {
                "Money came for an order that the shop has given up. Give it back, or open the order again."
            }
            Urgency::Held(Hold::Unpaid | Hold::PaidLate | Hold::RefundedInPart) => {
                "See the report of the day."
            }
        }
    }
}

/// What a message about one code names.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The PagoEfectivo service.
    pub account: &'a str,
    /// The code.
    pub cip: Cip,
    /// The order's number, where it is known.
    pub reference_id: Option<&'a str>,
    /// What was paid, as far as anything was.
    pub paid: Option<Money>,
}

/// The message about a payment; none without a reason. `event_id` is the same in every repetition.
#[must_use]
pub fn payment(subject: &Subject<'_>, reasons: &[Urgency], event_id: &str) -> Option<Alert> {
    let worst = reasons.iter().map(|reason| reason.severity()).max()?;
    let words: Vec<&str> = reasons.iter().map(|reason| reason.word()).collect();
    let order = subject.reference_id.map_or_else(|| "no known order".to_owned(), |id| format!("order {id}"));
    let paid = subject
        .paid
        .map(|money| format!(", {} {}", money.currency, format_minor(i128::from(money.minor))))
        .unwrap_or_default();
    let mut body =
        format!("PagoEfectivo account {}, CIP {}, {order}{paid}.\n\n", subject.account, subject.cip);
    for reason in reasons {
        body.push_str(&format!("! {}: {}\n", reason.word(), reason.advice()));
    }
    body.push_str(&format!(
        "\nIts whole story: cuadre status {} --account {}\nEvent   {event_id}\n",
        subject.cip, subject.account
    ));
    Some(Alert {
        subject: subject_line(&format!(
            "Cuadre {}: CIP {} {}",
            subject.account,
            subject.cip,
            words.join(", ")
        )),
        body,
        attributes: attributes(subject.account, "payment", worst, event_id, &words),
    })
}

/// The message about a signed notice that was set aside.
#[must_use]
pub fn quarantined(account: &str, cip: Option<Cip>, reason: &str, id: &str) -> Alert {
    let whose = cip.map_or_else(|| "an unknown CIP".to_owned(), |cip| format!("CIP {cip}"));
    let body = format!(
        "PagoEfectivo account {account}: a signed notice of {whose} was set aside.\n\n! {reason}\n\n\
         Money may stand behind it. Read the item QUARANTINE#{account} / {id} of the table; what it says is settled by \
         deleting the item, and until then nothing of this CIP is cleared for shipping.\n"
    );
    Alert {
        subject: subject_line(&format!("Cuadre {account}: signed notice of {whose} set aside")),
        body,
        attributes: attributes(account, "quarantine", Severity::High, id, &["quarantined"]),
    }
}

/// The message about a file that should have come on `day` by `deadline` and has not.
#[must_use]
pub fn file_missing(account: &str, leg: Leg, day: Day, deadline: Instant) -> Alert {
    let (leg, id) = (leg.word(), format!("{account}/{}/{day}", leg.word()));
    let body = format!(
        "PagoEfectivo account {account}: no file of {leg} has come on {day}, and it was expected by {deadline}.\n\n\
         ! file_missing: Look whether whoever sends it has sent it; put it below inbox/{leg}/{account}/. If it came and was \
         rejected as a whole, the reason lies below rejected/{leg}/account={account}/.\n\n\
         Until it comes, what rests on it waits. This is told once a day.\n"
    );
    Alert {
        subject: subject_line(&format!("Cuadre {account}: no file of {leg} on {day}")),
        body,
        attributes: attributes(account, "file", Severity::Medium, &id, &["file_missing"]),
    }
}

/// The message about a change of the table that could not be dealt with and waits in the queue of failures.
#[must_use]
pub fn set_aside(account: &str, what: &str, reason: &str) -> Alert {
    let body = format!(
        "Cuadre could not deal with {what} and has put it aside, so that everything behind it goes on.\n\n! {reason}\n\n\
         Mend the cause, then invoke the function publish with the message from the queue of failures.\n"
    );
    Alert {
        subject: subject_line(&format!("Cuadre {account}: a change was set aside")),
        body,
        attributes: attributes(account, "failure", Severity::High, what, &["set_aside"]),
    }
}

fn attributes(
    account: &str,
    kind: &str,
    severity: Severity,
    event_id: &str,
    reasons: &[&str],
) -> Vec<(&'static str, Attribute)> {
    let list = reasons.iter().map(|reason| format!("\"{reason}\"")).collect::<Vec<_>>().join(",");
    vec![
        ("account", Attribute::Text(account.to_owned())),
        ("kind", Attribute::Text(kind.to_owned())),
        ("severity", Attribute::Text(severity.word().to_owned())),
        ("event_id", Attribute::Text(event_id.to_owned())),
        ("reason", Attribute::List(format!("[{list}]"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn subject(reference_id: Option<&str>) -> Subject<'_> {
        let paid = Some(Money { minor: 2_250, currency: Currency::Pen });
        Subject { account: "tienda", cip: Cip::parse("3154722").unwrap(), reference_id, paid }
    }

    #[test]
    fn a_message_says_whose_money_it_is_and_what_to_do() {
        let reasons = [Urgency::Held(Hold::AmountDiffers), Urgency::TakenBack];
        let alert = payment(&subject(Some("A-1001")), &reasons, "77").unwrap();
        assert_eq!(alert.subject, "Cuadre tienda: CIP 3154722 amount_differs, taken_back");
        assert!(
            alert.body.starts_with("PagoEfectivo account tienda, CIP 3154722, order A-1001, PEN 22.50.\n")
        );
        assert!(alert.body.contains("! amount_differs: ") && alert.body.contains("! taken_back: "));
        assert!(alert.attributes.contains(&("severity", Attribute::Text("critical".to_owned()))));
        assert!(
            alert
                .attributes
                .contains(&("reason", Attribute::List("[\"amount_differs\",\"taken_back\"]".to_owned())))
        );
        assert_eq!(payment(&subject(None), &[], "77"), None);
    }

    #[test]
    fn a_missing_file_is_told_with_its_folder() {
        let deadline = Instant::parse("2026-03-02T09:00:00-05:00").unwrap();
        let alert = file_missing("tienda", Leg::Bank, deadline.business_day(), deadline);
        assert_eq!(alert.subject, "Cuadre tienda: no file of bank on 2026-03-02");
        assert!(
            alert.body.contains("inbox/bank/tienda/") && alert.body.contains("by 2026-03-02T09:00:00-05:00")
        );
        assert!(
            alert.attributes.contains(&("event_id", Attribute::Text("tienda/bank/2026-03-02".to_owned())))
        );
        assert!(alert.attributes.contains(&("reason", Attribute::List("[\"file_missing\"]".to_owned()))));
    }

    #[test]
    fn a_subject_fits_whatever_the_names() {
        let account = "a".repeat(64);
        let all: Vec<Urgency> =
            Hold::ALL.into_iter().map(Urgency::Held).chain([Urgency::TakenBack]).collect();
        let alert = payment(&Subject { account: &account, ..subject(None) }, &all, "77").unwrap();
        assert!(alert.subject.len() <= 100);
        for reason in all {
            assert_eq!(Urgency::from_word(reason.word()), Some(reason));
        }
    }
}
