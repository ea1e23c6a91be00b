//! Days join by arrival: what of a run lives on into the next one, what is closed and kept as a stub, and how both are
//! taken in again. Pure.
//!
//! Everything that shares a CIP, a reference or a provider's id stands or falls together, so that what the next run is
//! given of a payment is either all that is known of it or nothing. `docs/days.md` tells it for users.
#![deny(clippy::arithmetic_side_effects)]

mod balance;
mod fact;
mod living;
mod reading;
mod repeats;
mod touched;

pub use balance::{Balance, BalanceError, Moved, Share};
pub use living::{Living, Stays, stays};
pub use reading::{CarryError, Told};

pub(crate) use balance::Ends;
pub(crate) use fact::{Fact, Key, payment_keys};
pub(crate) use living::{Legs, marked, rows_stay, settled_by_several};
pub(crate) use reading::FactText;
pub(crate) use repeats::without_known;
pub(crate) use touched::{Arrived, Touched, touch};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::Instant;
use crate::formats::Leg;
use crate::reconcile::ClosedFees;

/// A file that a run before this one wrote: `open.ndjson` or `closed.ndjson`.
#[derive(Clone, Copy, Debug)]
pub struct CarriedFile<'a> {
    /// Its name in errors and the summary.
    pub name: &'a str,
    /// Its bytes, decompressed.
    pub bytes: &'a [u8],
}

/// What a run takes over from the runs before it, and what it leaves behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried<'a> {
    /// What lived on: the `open.ndjson` of the newest run, or of several accounts' newest ones.
    pub open: &'a [CarriedFile<'a>],
    /// What was closed: the `closed.ndjson` of all runs that are still remembered, in any order.
    pub closed: &'a [CarriedFile<'a>],
    /// Whether this run writes `closed.ndjson`.
    pub keep_closed: bool,
}

/// How far the run before this one had heard: the first line of `open.ndjson`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The version of the file's form.
    pub version: u32,
    /// The moment of its judgement.
    #[serde(with = "time", skip_serializing_if = "Option::is_none", default)]
    pub as_of: Option<Instant>,
    /// Up to when each leg had spoken of everything. A leg that is named was a part of the run.
    pub covered_until: BTreeMap<String, CoveredUntil>,
    /// The accounts that the runs were about: a line of the bank may be theirs, and an invoice is, on a day that tells nothing else
    /// of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<String>,
    /// Up to when the bank had spoken of each of its accounts; `*` stands for all, and the empty name for statements
    /// without a line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bank: BTreeMap<String, CoveredUntil>,
    /// The accounts at the bank with lines in a currency: a deposit is missing once all are heard on which it may come in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bank_accounts: BTreeMap<String, BTreeSet<String>>,
    /// What settlements kept back that are closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<ClosedFees>,
}

/// Up to when one leg has spoken; absent where it was a part of the run and covered nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CoveredUntil(#[serde(with = "time")] pub Option<Instant>);

impl Heard {
    /// The form that this version writes, and the only one that it reads.
    pub const VERSION: u32 = 1;

    /// Up to when a leg had spoken.
    #[must_use]
    pub fn until(&self, leg: Leg) -> Option<Instant> {
        self.covered_until.get(leg.word()).and_then(|until| until.0)
    }

    /// Whether a leg was a part of the run.
    #[must_use]
    pub fn has(&self, leg: Leg) -> bool {
        self.covered_until.contains_key(leg.word())
    }

    /// Makes a leg a part of the run.
    pub(crate) fn set(&mut self, leg: Leg, until: Option<Instant>) {
        self.covered_until.insert(leg.word().to_owned(), CoveredUntil(until));
    }

    /// Takes what another run had heard beside this.
    pub(crate) fn join(&mut self, other: &Heard) {
        self.as_of = self.as_of.max(other.as_of);
        let maps = [(&mut self.covered_until, &other.covered_until), (&mut self.bank, &other.bank)];
        for (known, other) in maps {
            for (name, until) in other {
                let known = known.entry(name.clone()).or_default();
                known.0 = known.0.max(until.0);
            }
        }
        self.accounts.extend(other.accounts.iter().cloned());
        for (currency, names) in &other.bank_accounts {
            self.bank_accounts.entry(currency.clone()).or_default().extend(names.iter().cloned());
        }
        self.fees.extend(other.fees.iter().cloned());
    }
}

/// An instant as the outputs write it.
mod time {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::calendar::Instant;

    // The form of these two is serde's.
    pub(super) fn serialize<S: Serializer>(time: &Option<Instant>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Instant>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let time = Instant::parse(&text);
        time.map(Some).ok_or_else(|| D::Error::custom(format_args!("{text:?} is no RFC 3339 time")))
    }
}
