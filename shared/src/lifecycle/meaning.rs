//! What the provider's event types mean.

use std::collections::BTreeMap;

/// What an event says has happened to a CIP or to a payment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Cash was taken.
    Paid,
    /// The merchant gave money back.
    Refunded,
    /// The collector took a payment back (extorno).
    Reversed,
    /// The time to pay ran out.
    Expired,
    /// The merchant deleted the CIP.
    Removed,
    /// Nothing that changes a state.
    Nothing,
}

impl Meaning {
    /// Every meaning, in the order in which the documentation lists them.
    pub const ALL: [Meaning; 6] = [
        Meaning::Paid,
        Meaning::Refunded,
        Meaning::Reversed,
        Meaning::Expired,
        Meaning::Removed,
        Meaning::Nothing,
    ];

    /// The word of the policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Meaning::Paid => "paid",
            Meaning::Refunded => "refunded",
            Meaning::Reversed => "reversed",
            Meaning::Expired => "expired",
            Meaning::Removed => "removed",
            Meaning::Nothing => "nothing",
        }
    }

    /// Reads the word of the policy.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Meaning> {
        Meaning::ALL.into_iter().find(|meaning| meaning.word() == word)
    }
}

/// The event types that are understood; any other is kept, changes nothing, and waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meanings(BTreeMap<String, Meaning>);

impl Default for Meanings {
    /// `cip.paid` by the vendor doc v1.1; `cip.expired` and `cip.refunded` are read by one integrator's code.
    fn default() -> Self {
        let known = [
            ("cip.paid", Meaning::Paid),
            ("cip.expired", Meaning::Expired),
            ("cip.refunded", Meaning::Refunded),
        ];
        Meanings(known.into_iter().map(|(event, meaning)| (event.to_owned(), meaning)).collect())
    }
}

impl Meanings {
    /// Says what an event type means from now on.
    pub fn set(&mut self, event_type: &str, meaning: Meaning) {
        self.0.insert(event_type.to_owned(), meaning);
    }

    /// What an event type means, as far as it is known.
    #[must_use]
    pub fn of(&self, event_type: &str) -> Option<Meaning> {
        self.0.get(event_type).copied()
    }
}
