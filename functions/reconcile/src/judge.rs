//! From a manifest and its objects to the outputs of a run: the same ones give the same bytes. No I/O.

use std::collections::BTreeMap;

use cuadre::aws::rows::{RowFile, RowFiles};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::carry::{Carried, CarriedFile};
use cuadre::config::PolicyError;
use cuadre::formats::{Format, Leg};
use cuadre::report::difference::{Difference, ToldError};
use cuadre::report::meanwhile::Meanwhile;
use cuadre::run::{self, FileCoverage, InputFile, Run, RunError};

use crate::context::Context;
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

/// Makes the run, in the memory that the function has.
pub(crate) fn judge(manifest: &Manifest, objects: Objects) -> Result<Judged, JudgeError> {
    judge_within(manifest, objects, (LEG_BYTES_MAX, RUN_BYTES_MAX))
}

/// Makes the run; `bytes_max` is how much of each leg, and of all, is taken into memory.
pub(crate) fn judge_within(
    manifest: &Manifest,
    mut objects: Objects,
    bytes_max: (usize, usize),
) -> Result<Judged, JudgeError> {
    let context = Context::of(manifest, &mut objects)?;
    let mut run = execute(manifest, &context, &mut objects, bytes_max)?;
    let outputs = std::mem::take(&mut run.outputs).into_iter();
    let mut outputs: Vec<(String, Vec<u8>)> = outputs.map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    let output = |name: &str| {
        outputs.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, bytes)| bytes.as_slice())
    };
    let difference = context.difference(output("summary.json"), output("breaks.csv"))?;
    outputs.push(("difference.json".to_owned(), difference.to_json()?));
    Ok(Judged { run, outputs, difference, meanwhile: context.meanwhile })
}

fn execute(
    manifest: &Manifest,
    context: &Context,
    objects: &mut Objects,
    bytes_max: (usize, usize),
) -> Result<Run, JudgeError> {
    let rows = rows(manifest, objects, bytes_max)?;
    let carried = Left::taken(manifest, objects)?;
    let mut files: Vec<InputFile<'_>> = rows.iter().map(|file| input(file, context.as_of)).collect();
    let heard = HeardFile::all(manifest, context.as_of)?;
    files.extend(heard.iter().map(HeardFile::input));
    let (open, closed) = (files_of(&carried.open), files_of(&carried.closed));
    let carried = Carried { open: &open, closed: &closed, keep_closed: true };
    Ok(run::execute_after(&carried, &files, &context.settings())?)
}

/// A file without rows: up to when a source was heard, though it told of nothing.
pub(crate) struct HeardFile {
    pub(crate) leg: Leg,
    name: String,
    source: String,
    until: Instant,
}

impl HeardFile {
    /// Those of a run, in the order in which they stand behind the files of rows.
    pub(crate) fn all(manifest: &Manifest, as_of: Instant) -> Result<Vec<HeardFile>, JudgeError> {
        let heard = manifest.heard.iter().map(|heard| {
            let leg = LEGS.into_iter().find(|leg| leg.word() == heard.leg)?;
            let (name, source) = (format!("{}, heard until then", heard.source), heard.source.clone());
            Some(HeardFile { leg, name, source, until: Instant::parse(&heard.until)? })
        });
        let mut heard: Vec<HeardFile> = heard.collect::<Option<_>>().ok_or(JudgeError::Part("heard"))?;
        // A deployment with a callback hears notices, also when there are none.
        heard.push(HeardFile {
            leg: Leg::Notices,
            name: "notices, heard until the cut".to_owned(),
            source: layout::CALLBACK.to_owned(),
            until: as_of,
        });
        Ok(heard)
    }

    pub(crate) fn input(&self) -> InputFile<'_> {
        InputFile {
            leg: self.leg,
            name: &self.name,
            source: &self.source,
            bytes: no_rows(self.leg),
            format: Format::Csv,
            coverage: FileCoverage::UpTo(self.until),
        }
    }
}

/// The files of every leg; what cannot be read was left out when the inputs were fixed.
fn rows(
    manifest: &Manifest,
    objects: &mut Objects,
    (leg_max, run_max): (usize, usize),
) -> Result<Vec<RowFile>, JudgeError> {
    let (mut rows, mut bytes_left) = (Vec::new(), run_max);
    for leg in LEGS {
        let of_leg = manifest.of_leg(leg).iter();
        let of_leg = of_leg.map(|version| Ok((version.key.clone(), taken(objects, version)?)));
        let of_leg = of_leg.collect::<Result<_, JudgeError>>()?;
        let read = RowFiles::unpacked(leg, of_leg, bytes_left.min(leg_max))?;
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
pub(crate) fn known<'o>(objects: &'o Objects, version: &Version) -> Result<&'o [u8], JudgeError> {
    let bytes = objects.get(&version.key).ok_or_else(|| JudgeError::Gone(version.key.clone()))?;
    if version.is(bytes) { Ok(bytes) } else { Err(JudgeError::Other(version.key.clone())) }
}

/// Takes it out.
pub(crate) fn taken(objects: &mut Objects, version: &Version) -> Result<Vec<u8>, JudgeError> {
    known(objects, version)?;
    Ok(objects.remove(&version.key).unwrap_or_default())
}

pub(crate) fn input(file: &RowFile, as_of: Instant) -> InputFile<'_> {
    let source = layout::source_of(&file.key);
    let coverage = match file.leg {
        Leg::Reports if source == layout::SEARCH => FileCoverage::Search,
        Leg::Notices => FileCoverage::UpTo(as_of),
        _ => FileCoverage::Plain,
    };
    InputFile { leg: file.leg, name: &file.key, source, bytes: &file.bytes, format: file.format, coverage }
}
