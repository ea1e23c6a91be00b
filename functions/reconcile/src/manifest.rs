//! `inputs.json`: everything that a run depends on, each object by name, version and hash. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::calendar::Instant;
use cuadre::formats::Leg;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the engine, which every run names: another one may judge otherwise.
pub(crate) const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// `inputs.json` of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The PagoEfectivo service.
    pub account: String,
    /// The moment of judgement.
    pub as_of: String,
    /// Which engine made it.
    pub engine_version: String,
    /// The objects of each leg, by its word.
    pub(crate) rows: BTreeMap<String, Vec<Version>>,
    /// Which CIPs were asked for, and when.
    pub(crate) looks: Vec<Version>,
    /// Objects of a leg that nobody reads.
    pub(crate) left_out: Vec<LeftOut>,
    /// When each break that was open was first seen.
    pub(crate) opened: BTreeMap<String, String>,
    /// Up to when each source has been heard whose silence counts.
    pub(crate) heard: Vec<Heard>,
    /// Signed notices that wait for a person.
    pub(crate) quarantine: Quarantine,
    /// Callbacks refused for their signature, by the hour in which they came.
    pub(crate) refused: BTreeMap<String, u64>,
    /// The policy's text; absent, the default policy holds.
    pub(crate) policy: Option<String>,
    /// SHA-256 of it, or of the empty text.
    pub(crate) policy_sha256: String,
    /// The run before.
    pub(crate) previous: Option<Previous>,
    /// What runs before said of which nobody was told, the newest last.
    pub(crate) untold: Vec<Version>,
    /// What the runs before have left; absent in a run that has read everything anew.
    pub(crate) carried: Option<Left>,
    /// Every object that this run or one before it has read, of the days that the next run lists again: a hash over name and `ETag`.
    pub(crate) seen: BTreeSet<String>,
    /// What the person who reads the run should know of its inputs.
    pub(crate) notes: Vec<String>,
}

/// What the runs before have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The `open.ndjson` of the run before.
    pub(crate) open: Version,
    /// What was closed, the oldest first.
    pub(crate) closed: Vec<Closed>,
}

/// Stubs of one run, or of several that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) object: Version,
    pub(crate) bytes: u64,
    /// How often stubs have been put together to make it.
    pub(crate) level: u8,
    /// The moment of the newest run in it.
    pub(crate) until: String,
}

/// One object as it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Its name.
    pub key: String,
    /// Which version; absent where the name is written once, and in a bucket without versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// SHA-256 of its bytes as they are stored, in hexadecimal.
    pub sha256: String,
}

/// An object that is left out of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) key: String,
    /// Reads on after "was left out: ".
    pub(crate) reason: String,
}

/// Up to when a source has been heard that is pulled by windows of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// The leg's word.
    pub(crate) leg: String,
    pub(crate) source: String,
    pub(crate) until: String,
}

/// The run that this one is held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    /// What it said.
    pub(crate) summary: Version,
    pub(crate) breaks: Version,
    /// Under which policy.
    pub(crate) inputs: Version,
}

/// Signed notices that wait for a person: how many, and why the newest are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quarantine {
    pub(crate) notices: usize,
    pub(crate) newest_reasons: Vec<String>,
}

impl Quarantine {
    /// The line for the person, if there is anything to look at.
    pub(crate) fn note(&self, account: &str) -> Option<String> {
        let lie = match self.notices {
            0 => return None,
            1 => "1 signed notice lies".to_owned(),
            notices => format!("{notices} signed notices lie"),
        };
        let reasons = self.newest_reasons.join("; ");
        Some(format!(
            "{lie} in quarantine (newest: {reasons}): read the items QUARANTINE#{account} of the table, and delete each one that is settled"
        ))
    }
}

impl Version {
    /// Names an object by what was read of it.
    pub(crate) fn of(key: &str, version_id: Option<String>, bytes: &[u8]) -> Version {
        Version { key: key.to_owned(), version_id, sha256: sha256(bytes) }
    }

    /// Whether these are the bytes that were read.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.sha256 == sha256(bytes)
    }
}

impl Manifest {
    /// Reads `inputs.json`.
    ///
    /// # Errors
    /// What is not as this version writes it.
    pub fn read(json: &[u8]) -> Result<Manifest, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Every object that the run reads.
    pub fn objects(&self) -> impl Iterator<Item = &Version> {
        let previous = self.previous.iter().flat_map(|run| [&run.summary, &run.breaks, &run.inputs]);
        let closed = self.carried.iter().flat_map(|left| left.closed.iter().map(|closed| &closed.object));
        let left = self.carried.iter().map(|left| &left.open).chain(closed);
        self.rows.values().flatten().chain(&self.looks).chain(&self.untold).chain(previous).chain(left)
    }

    /// The objects of a leg.
    pub(crate) fn of_leg(&self, leg: Leg) -> &[Version] {
        self.rows.get(leg.word()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same inputs under another policy and by this engine.
    pub(crate) fn under(self, policy: Option<String>) -> Manifest {
        let policy_sha256 = sha256(policy.as_deref().unwrap_or_default().as_bytes());
        Manifest { policy, policy_sha256, engine_version: ENGINE_VERSION.to_owned(), ..self }
    }

    /// The same without what is in other objects beside the rows.
    pub(crate) fn bare(&self) -> Manifest {
        Manifest { previous: None, untold: Vec::new(), looks: Vec::new(), ..self.clone() }
    }

    pub(crate) fn moment(&self) -> Option<Instant> {
        Instant::parse(&self.as_of)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
