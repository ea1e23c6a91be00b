//! From a manifest and its objects to the outputs of a run: the same ones give the same bytes. No I/O.

use std::collections::BTreeMap;

use cuadre::aws::rows::{RowFile, RowFiles};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::carry::{Carried, CarriedFile};
use cuadre::config::changes::changed_tables;
use cuadre::config::{Policy, PolicyError};
use cuadre::formats::{Format, Leg, Mapping};
use cuadre::ids::{BreakId, Cip};
use cuadre::reconcile::RefusedCallbacks;
use cuadre::report::difference::{Difference, Terms, Told, ToldError, changed_terms, difference};
use cuadre::report::meanwhile::Meanwhile;
use cuadre::run::{self, FileCoverage, InputFile, Look, Run, RunError, Settings};
use serde::Deserialize;

use crate::manifest::{Manifest, Version};

/// The legs whose rows a run reads from `normalized/`.
pub(crate) const LEGS: [Leg; 5] = [Leg::Orders, Leg::Reports, Leg::Notices, Leg::Settlements, Leg::Bank];

/// All files of one leg together, decompressed.
pub(crate) const LEG_BYTES_MAX: usize = 256 * 1024 * 1024;

/// All files of all legs together, in the three gigabytes that the template gives: rows take two to three times as much as
/// the text that they point into.
pub(crate) const RUN_BYTES_MAX: usize = 2 * LEG_BYTES_MAX;

/// A file of a leg without rows: what it says is up to when there are no others.
const fn no_rows(leg: Leg) -> &'static [u8] {
    match leg {
        Leg::Orders => b"account,reference_id,amount,currency,status,created_at\n",
        Leg::Reports => b"account,cip,amount,currency,status\n",
        Leg::Notices => b"account,cip,event_type,amount,currency,received_at\n",
        Leg::Settlements => b"account,settlement_id,currency,kind,gross,net\n",
        Leg::Bank => b"bank_account,value_date,amount,currency,description\n",
    }
}

/// Why fixed inputs give no run.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// `inputs.json` itself.
    #[error("inputs.json is not as this version writes it: {0}")]
    Manifest(#[from] serde_json::Error),
    /// A part of `inputs.json`.
    #[error("inputs.json holds something else than it should in {0}")]
    Part(&'static str),
    /// An object that the run read is away.
    #[error("{0} is not there any longer: bring its version back")]
    Gone(String),
    /// An object is not what the run read.
    #[error("{0} is not what the run read: its SHA-256 is another one")]
    Other(String),
    /// An object of ours holds something else.
    #[error("{key} holds no {what}")]
    Unreadable {
        /// The object.
        key: String,
        /// What was expected there.
        what: &'static str,
    },
    /// More than fits into memory.
    #[error(transparent)]
    TooLarge(#[from] StoreError),
    /// The policy has to be mended.
    #[error("config/cuadre.toml: {0}")]
    Policy(#[from] PolicyError),
    /// The engine gave nothing.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The outputs of this run, or of the one before, cannot be compared.
    #[error(transparent)]
    Told(#[from] ToldError),
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Without its outputs, which are the next field.
    pub(crate) run: Run,
    /// The files: name and bytes.
    pub(crate) outputs: Vec<(String, Vec<u8>)>,
    /// What it says otherwise than the run before.
    pub(crate) difference: Difference,
    /// What has been found to agree by runs of which nobody was told.
    pub(crate) meanwhile: Meanwhile,
}

/// The objects of a run by name.
pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

/// Makes the run.
pub(crate) fn judge(manifest: &Manifest, mut objects: Objects) -> Result<Judged, JudgeError> {
    let as_of = manifest.moment().ok_or(JudgeError::Part("as_of"))?;
    let policy = Policy::parse(manifest.policy.as_deref().unwrap_or_default())?;
    let mut meanwhile = Meanwhile::default();
    for version in &manifest.untold {
        meanwhile.add(known(&objects, version)?)?;
    }
    let (before, policy_before) = previous(manifest, &mut objects)?;
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
    let mut run = execute(manifest, as_of, &policy, &notes, &mut objects)?;
    let outputs = std::mem::take(&mut run.outputs).into_iter();
    let mut outputs: Vec<(String, Vec<u8>)> = outputs.map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    let output = |name: &str| {
        outputs.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, bytes)| bytes.as_slice())
    };
    let after = Told::read(output("summary.json"), output("breaks.csv"))?;
    let difference = difference(before.as_ref(), &after, tables);
    outputs.push(("difference.json".to_owned(), difference.to_json()?));
    Ok(Judged { run, outputs, difference, meanwhile })
}

/// What the run before said, and under which policy.
fn previous(manifest: &Manifest, objects: &mut Objects) -> Result<(Option<Told>, String), JudgeError> {
    let Some(previous) = &manifest.previous else { return Ok((None, String::new())) };
    let summary = taken(objects, &previous.summary)?;
    let told = Told::read(&summary, &taken(objects, &previous.breaks)?)?;
    let inputs = Manifest::read(&taken(objects, &previous.inputs)?)?;
    Ok((Some(told), inputs.policy.unwrap_or_default()))
}

fn execute(
    manifest: &Manifest,
    as_of: Instant,
    policy: &Policy,
    notes: &[String],
    objects: &mut Objects,
) -> Result<Run, JudgeError> {
    let account = manifest.account.as_str();
    let mapping = Mapping::default();
    let mut needs_person: Vec<String> = manifest.quarantine.note(account).into_iter().collect();
    let left_out = manifest.left_out.iter();
    needs_person.extend(left_out.map(|object| format!("{} was left out: {}", object.key, object.reason)));
    let rows = rows(manifest, objects)?;
    let carried = Left::taken(manifest, objects)?;
    let looks = looks(manifest, objects)?;
    let heard = manifest.heard.iter().map(|heard| {
        let leg = LEGS.into_iter().find(|leg| leg.word() == heard.leg)?;
        Some((leg, format!("{}, heard until then", heard.source), Instant::parse(&heard.until)?, heard))
    });
    let heard: Vec<_> = heard.collect::<Option<_>>().ok_or(JudgeError::Part("heard"))?;
    let mut files: Vec<InputFile<'_>> = rows.iter().map(|file| input(file, as_of)).collect();
    files.extend(heard.iter().map(|(leg, name, until, heard)| InputFile {
        leg: *leg,
        name,
        source: &heard.source,
        bytes: no_rows(*leg),
        format: Format::Csv,
        coverage: FileCoverage::UpTo(*until),
    }));
    // A deployment with a callback hears notices, also when there are none.
    files.push(InputFile {
        leg: Leg::Notices,
        name: "notices, heard until the cut",
        source: layout::CALLBACK,
        bytes: no_rows(Leg::Notices),
        format: Format::Csv,
        coverage: FileCoverage::UpTo(as_of),
    });
    let opened = manifest.opened.iter().map(|(id, time)| Some((BreakId::parse(id)?, Instant::parse(time)?)));
    let opened = opened.collect::<Option<_>>().ok_or(JudgeError::Part("opened"))?;
    let settings = Settings {
        account: Some(account),
        mapping: &mapping,
        policy,
        as_of: Some(as_of),
        looks: &looks,
        opened: &opened,
        only_account: Some(account),
        refused: Some(&refused(manifest)?),
        settlement_layouts: &[],
        needs_person: &needs_person,
        notes,
    };
    let (open, closed) = (files_of(&carried.open), files_of(&carried.closed));
    let carried = Carried { open: &open, closed: &closed, keep_closed: true };
    Ok(run::execute_generally(&carried, &files, &settings)?)
}

/// The files of every leg; what cannot be read was left out when the inputs were fixed.
fn rows(manifest: &Manifest, objects: &mut Objects) -> Result<Vec<RowFile>, JudgeError> {
    let (mut rows, mut bytes_left) = (Vec::new(), RUN_BYTES_MAX);
    for leg in LEGS {
        let of_leg = manifest.of_leg(leg).iter();
        let of_leg = of_leg.map(|version| Ok((version.key.clone(), taken(objects, version)?)));
        let of_leg = of_leg.collect::<Result<_, JudgeError>>()?;
        let read = RowFiles::unpacked(leg, of_leg, bytes_left.min(LEG_BYTES_MAX))?;
        let bytes = read.files.iter().map(|file| file.bytes.len()).fold(0, usize::saturating_add);
        bytes_left = bytes_left.saturating_sub(bytes);
        if let Some((key, _)) = read.left_out.into_iter().next() {
            return Err(JudgeError::Unreadable { key, what: "rows" });
        }
        rows.extend(read.files);
    }
    Ok(rows)
}

/// What the runs before have left: name and bytes of each file.
#[derive(Default)]
struct Left {
    open: Vec<(String, Vec<u8>)>,
    closed: Vec<(String, Vec<u8>)>,
}

impl Left {
    fn taken(manifest: &Manifest, objects: &mut Objects) -> Result<Left, JudgeError> {
        let Some(carried) = &manifest.carried else { return Ok(Left::default()) };
        let mut file = |version: &Version| Ok((version.key.clone(), taken(objects, version)?));
        let open = vec![file(&carried.open)?];
        let closed = carried.closed.iter().map(|closed| file(&closed.object));
        Ok(Left { open, closed: closed.collect::<Result<_, JudgeError>>()? })
    }
}

fn files_of(files: &[(String, Vec<u8>)]) -> Vec<CarriedFile<'_>> {
    files.iter().map(|(name, bytes)| CarriedFile { name, bytes }).collect()
}

/// An object; it has to be the one that the run read.
fn known<'o>(objects: &'o Objects, version: &Version) -> Result<&'o [u8], JudgeError> {
    let bytes = objects.get(&version.key).ok_or_else(|| JudgeError::Gone(version.key.clone()))?;
    if version.is(bytes) { Ok(bytes) } else { Err(JudgeError::Other(version.key.clone())) }
}

/// Takes it out.
fn taken(objects: &mut Objects, version: &Version) -> Result<Vec<u8>, JudgeError> {
    known(objects, version)?;
    Ok(objects.remove(&version.key).unwrap_or_default())
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

fn input(file: &RowFile, as_of: Instant) -> InputFile<'_> {
    let source = layout::source_of(&file.key);
    let coverage = match file.leg {
        Leg::Reports if source == layout::SEARCH => FileCoverage::Search,
        Leg::Notices => FileCoverage::UpTo(as_of),
        _ => FileCoverage::Plain,
    };
    InputFile { leg: file.leg, name: &file.key, source, bytes: &file.bytes, format: file.format, coverage }
}
