//! What stages leave each other.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::RunError;
use super::super::heard::{FileFacts, FileName, Heard};
use super::super::link::Ready;
use super::super::parts::Part;
use super::super::pile::Pile;
use super::super::sort::Group;
use super::super::write::Books;
use crate::calendar::Instant;
use crate::carry::Balance;
use crate::formats::Leg;
use crate::ids::Cip;
use crate::lifecycle::evidence::{NoticeRow, SettlementRow};
use crate::reconcile::{Coverage, Line, ReadRows, Seen};
use crate::report::Tables;
use crate::run::{FileCoverage, Look};

pub(super) fn packed(thing: &impl Serialize) -> Result<Vec<u8>, RunError> {
    Ok(postcard::to_stdvec(thing)?)
}

pub(super) fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RunError> {
    Ok(postcard::from_bytes(bytes)?)
}

/// The packed rows of a pile, one behind the other.
#[derive(Serialize, Deserialize)]
pub(super) struct Packed<'p>(#[serde(borrow, with = "serde_bytes")] Cow<'p, [u8]>);

impl Packed<'_> {
    pub(super) fn of(pile: &Pile) -> Packed<'static> {
        Packed(Cow::Owned(pile.to_bytes()))
    }

    pub(super) fn put_to(&self, pile: &mut Pile) -> Result<(), RunError> {
        if pile.push_all(&self.0) { Ok(()) } else { Err(RunError::Packing) }
    }
}

/// Packed rows of orders and reports.
#[derive(Serialize, Deserialize)]
pub(super) struct Pairs<'p> {
    #[serde(borrow)]
    orders: Packed<'p>,
    #[serde(borrow)]
    reports: Packed<'p>,
}

impl Pairs<'_> {
    pub(super) fn of(part: &Part) -> Pairs<'static> {
        Pairs { orders: Packed::of(&part.orders), reports: Packed::of(&part.reports) }
    }

    pub(super) fn put_to(&self, part: &mut Part) -> Result<(), RunError> {
        self.orders.put_to(&mut part.orders)?;
        self.reports.put_to(&mut part.reports)
    }
}

/// What a cut leaves of one part.
#[derive(Serialize, Deserialize)]
pub(super) struct Piece<'p> {
    #[serde(borrow)]
    pub pairs: Pairs<'p>,
    /// Notices about CIPs of the part.
    pub notices: Vec<NoticeRow<'static>>,
}

impl Piece<'_> {
    pub(super) fn read(bytes: &[u8]) -> Result<Piece<'_>, RunError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

/// What a cut leaves beside the rows of the parts.
#[derive(Serialize, Deserialize)]
pub(super) struct Gist<'g> {
    pub files: Vec<FileGist>,
    /// Rows that no single CIP places.
    #[serde(borrow)]
    pub loose: Pairs<'g>,
    /// The CIPs of orders that list several.
    pub listed: Vec<Cip>,
    /// What rows may share with those of other CIPs: its hash and their group.
    pub links: Vec<(u64, Group)>,
    pub seen: Seen,
    pub looks: Vec<Look>,
    pub orders_read: ReadRows,
    pub reports_read: ReadRows,
    /// What has arrived, orders and reports apart.
    pub balance: Balance,
    pub has_notices: bool,
}

impl Gist<'_> {
    pub(super) fn read(bytes: &[u8]) -> Result<Gist<'_>, RunError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

/// What a file gave beside its rows.
#[derive(Serialize, Deserialize)]
pub(super) struct FileGist {
    pub place: usize,
    leg: Leg,
    name: String,
    source: String,
    coverage: FileCoverage,
    pub facts: FileFacts,
    /// What a person must know of it.
    pub needs_person: Vec<String>,
}

impl FileGist {
    pub(super) fn new(
        place: usize,
        file: FileName<'_>,
        facts: FileFacts,
        needs_person: Vec<String>,
    ) -> FileGist {
        let FileName { leg, name, source, coverage } = file;
        let (name, source) = (name.to_owned(), source.to_owned());
        FileGist { place, leg, name, source, coverage, facts, needs_person }
    }

    pub(super) fn file(&self) -> FileName<'_> {
        FileName { leg: self.leg, name: &self.name, source: &self.source, coverage: self.coverage }
    }
}

/// Under what the parts are judged.
#[derive(Serialize, Deserialize)]
pub(super) struct Terms {
    pub coverage: Coverage,
    pub as_of: Option<Instant>,
    pub keep_closed: bool,
    pub shortcut: bool,
    pub has_notices: bool,
    /// Whether the bank is a part of the run, and stubs say by what it may name a payment.
    pub has_bank: bool,
}

/// What belongs into one part of what was judged over all.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Elsewhere<'e> {
    /// Groups that hang together with others, ascending.
    pub linked: Vec<Group>,
    /// What was made of them.
    pub lines: Vec<Ready>,
    /// Lines of settlements that are told here; absent where settlements are no part of the run.
    pub settlements: Option<Vec<SettlementRow<'e>>>,
}

/// What was judged over all, for the end.
#[derive(Serialize, Deserialize)]
pub(super) struct Judged {
    pub terms: Terms,
    pub heard: Heard,
    pub books: Books,
    /// What stands before all lines.
    pub begun: Tables,
    /// Lines of `closed.ndjson` for settlements.
    pub closed_payouts: Vec<u8>,
    pub orders_read: ReadRows,
    pub reports_read: ReadRows,
}

/// What a part gave beside its lines.
#[derive(Serialize, Deserialize)]
pub(super) struct Done {
    pub books: Books,
    pub kept: Vec<Line>,
}
