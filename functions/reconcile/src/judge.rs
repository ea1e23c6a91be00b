//! From fixed inputs to a run: the same inputs give the same bytes. No I/O.

use cuadre::aws::layout;
use cuadre::aws::rows::RowFile;
use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::formats::{self, FileError, Format, Leg, Mapping, Source};
use cuadre::run::{self, FileCoverage, InputFile, Run, Settings};

use crate::ReconcileError;
use crate::inputs::Inputs;

/// A file of reports without rows: what it says is up to when there are no others.
const NO_REPORTS: &[u8] = b"account,cip,amount,currency,status\n";

/// Makes the run, and says by which policy.
pub(crate) fn judge(account: &str, as_of: Instant, inputs: &Inputs) -> Result<(Run, String), ReconcileError> {
    let policy = match &inputs.policy {
        Some(text) => Policy::parse(text)?,
        None => Policy::default(),
    };
    let mapping = Mapping::default();
    let mut needs_person = Vec::new();
    needs_person.extend(inputs.quarantine.note(account));
    for (key, reason) in inputs.orders.left_out.iter().chain(&inputs.reports.left_out) {
        needs_person.push(format!("{key} was left out: it {reason}"));
    }
    let mut files = Vec::new();
    for file in inputs.orders.files.iter().chain(&inputs.reports.files) {
        // A file that cannot be read at all must not keep the rest from being reconciled; a person has to mend it.
        match readable(file, account, &mapping) {
            Ok(()) => files.push(input(file)),
            Err(error) => needs_person.push(format!("{} was left out: {error}", file.key)),
        }
    }
    let heard: Vec<(String, &str, Instant)> = inputs
        .heard_until
        .iter()
        .map(|(source, until)| (format!("{source}, heard until then"), source.as_str(), *until))
        .collect();
    files.extend(heard.iter().map(|(name, source, until)| InputFile {
        leg: Leg::Reports,
        name,
        source,
        bytes: NO_REPORTS,
        format: Format::Csv,
        coverage: FileCoverage::UpTo(*until),
    }));
    files.push(InputFile {
        leg: Leg::Notices,
        name: "notices",
        source: "callback",
        bytes: &inputs.notices,
        format: Format::sniff(&inputs.notices),
        coverage: FileCoverage::UpTo(as_of),
    });
    let settings = Settings {
        account: Some(account),
        mapping: &mapping,
        policy: &policy,
        as_of: Some(as_of),
        looks: &inputs.looks,
        opened: &inputs.opened,
        only_account: Some(account),
        needs_person: &needs_person,
    };
    Ok((run::execute(&files, &settings)?, policy.hash_hex()))
}

fn input(file: &RowFile) -> InputFile<'_> {
    let source = layout::source_of(&file.key);
    let searched = file.leg == Leg::Reports && source == layout::SEARCH;
    let coverage = if searched { FileCoverage::Search } else { FileCoverage::Plain };
    InputFile { leg: file.leg, name: &file.key, source, bytes: &file.bytes, format: file.format, coverage }
}

fn readable(file: &RowFile, account: &str, mapping: &Mapping) -> Result<(), FileError> {
    let source = Source { name: &file.key, bytes: &file.bytes, format: file.format, account: Some(account) };
    match file.leg {
        Leg::Orders => formats::read_orders(&source, &mapping.orders).map(drop),
        Leg::Reports => formats::read_reports(&source, 0, &mapping.reports).map(drop),
        Leg::Notices => formats::read_notices(&source, &mapping.notices).map(drop),
        Leg::Settlements => formats::read_settlements(&source, &mapping.settlements).map(drop),
        Leg::Bank => formats::read_bank(&source, &mapping.bank).map(drop),
    }
}
