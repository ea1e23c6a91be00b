//! Under what a run is made, and what it is held against: all of its manifest but the rows. No I/O.

use std::collections::BTreeMap;

use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::config::changes::changed_tables;
use cuadre::formats::Mapping;
use cuadre::ids::{BreakId, Cip};
use cuadre::reconcile::RefusedCallbacks;
use cuadre::report::difference::{Difference, Terms, Told, changed_terms, difference};
use cuadre::report::meanwhile::Meanwhile;
use cuadre::run::{Look, Settings};
use serde::Deserialize;

use crate::judge::{JudgeError, Objects, known, taken};
use crate::manifest::Manifest;

/// Under what a run is made, and what it is held against.
pub(crate) struct Context {
    pub(crate) as_of: Instant,
    pub(crate) policy: Policy,
    account: String,
    /// What runs said of which nobody was told.
    pub(crate) meanwhile: Meanwhile,
    before: Option<Told>,
    /// The tables of the policy that are others than in the run before.
    tables: Vec<String>,
    mapping: Mapping,
    looks: Vec<Look>,
    opened: BTreeMap<BreakId, Instant>,
    refused: Vec<RefusedCallbacks>,
    needs_person: Vec<String>,
    notes: Vec<String>,
}

impl Context {
    /// Takes out of the objects what it is made of.
    pub(crate) fn of(manifest: &Manifest, objects: &mut Objects) -> Result<Context, JudgeError> {
        let as_of = manifest.moment().ok_or(JudgeError::Part("as_of"))?;
        let policy = Policy::parse(manifest.policy.as_deref().unwrap_or_default())?;
        let mut meanwhile = Meanwhile::default();
        for version in &manifest.untold {
            meanwhile.add(known(objects, version)?)?;
        }
        let (before, policy_before) = previous(manifest, objects)?;
        let terms = Terms {
            as_of: Some(as_of.to_string()),
            engine_version: manifest.engine_version.clone(),
            policy_sha256: policy.hash_hex(),
        };
        let tables = match &before {
            Some(_) => changed_tables(&policy_before, manifest.policy.as_deref().unwrap_or_default()),
            None => Vec::new(),
        };
        let mut notes = changed_terms(before.as_ref().map(|told| &told.terms), &terms, &tables);
        notes.extend(manifest.notes.iter().cloned());
        let account = manifest.account.clone();
        let mut needs_person: Vec<String> = manifest.quarantine.note(&account).into_iter().collect();
        let left_out = manifest.left_out.iter();
        needs_person.extend(left_out.map(|object| format!("{} was left out: {}", object.key, object.reason)));
        let opened =
            manifest.opened.iter().map(|(id, time)| Some((BreakId::parse(id)?, Instant::parse(time)?)));
        let opened = opened.collect::<Option<_>>().ok_or(JudgeError::Part("opened"))?;
        let (looks, refused, mapping) = (looks(manifest, objects)?, refused(manifest)?, Mapping::default());
        Ok(Context {
            as_of,
            policy,
            account,
            meanwhile,
            before,
            tables,
            mapping,
            looks,
            opened,
            refused,
            needs_person,
            notes,
        })
    }

    pub(crate) fn settings(&self) -> Settings<'_> {
        Settings {
            account: Some(&self.account),
            mapping: &self.mapping,
            policy: &self.policy,
            as_of: Some(self.as_of),
            looks: &self.looks,
            opened: &self.opened,
            only_account: Some(&self.account),
            refused: Some(&self.refused),
            settlement_layouts: &[],
            needs_person: &self.needs_person,
            notes: &self.notes,
        }
    }

    /// What the run says otherwise than the one before.
    pub(crate) fn difference(&self, summary: &[u8], breaks: &[u8]) -> Result<Difference, JudgeError> {
        let after = Told::read(summary, breaks)?;
        Ok(difference(self.before.as_ref(), &after, self.tables.clone()))
    }
}

/// What the run before said, and under which policy.
fn previous(manifest: &Manifest, objects: &mut Objects) -> Result<(Option<Told>, String), JudgeError> {
    let Some(previous) = &manifest.previous else { return Ok((None, String::new())) };
    let summary = taken(objects, &previous.summary)?;
    let told = Told::read(&summary, &taken(objects, &previous.breaks)?)?;
    let inputs = Manifest::read(&taken(objects, &previous.inputs)?)?;
    Ok((Some(told), inputs.policy.unwrap_or_default()))
}

/// Callbacks refused for their signature, as the rule for them takes them.
fn refused(manifest: &Manifest) -> Result<Vec<RefusedCallbacks>, JudgeError> {
    let hours = manifest.refused.iter();
    let read = hours.map(|(hour, count)| {
        let hour = Instant::parse(hour)?;
        Some(RefusedCallbacks { account: manifest.account.clone(), hour, count: *count })
    });
    read.collect::<Option<_>>().ok_or(JudgeError::Part("refused"))
}

/// One line of `normalized/looks`.
#[derive(Deserialize)]
struct LookLine {
    account: String,
    cip: String,
    looked_at: String,
}

/// The newest look at each CIP.
fn looks(manifest: &Manifest, objects: &mut Objects) -> Result<Vec<Look>, JudgeError> {
    let mut newest: BTreeMap<(String, Cip), Instant> = BTreeMap::new();
    for version in &manifest.looks {
        let bytes = taken(objects, version)?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let look = serde_json::from_slice::<LookLine>(line).ok().and_then(|line| {
                Some((line.account, Cip::parse(&line.cip)?, Instant::parse(&line.looked_at)?))
            });
            let unreadable = || JudgeError::Unreadable { key: version.key.clone(), what: "look" };
            let (account, cip, looked_at) = look.ok_or_else(unreadable)?;
            let known = newest.entry((account, cip)).or_insert(looked_at);
            *known = looked_at.max(*known);
        }
    }
    Ok(newest.into_iter().map(|((account, cip), looked_at)| Look { account, cip, looked_at }).collect())
}
