//! Proposes a mapping for a file that nobody has described: its first rows are looked at by the names of their columns
//! and by what stands in them, and then read with what was found.

mod assign;
mod preview;
mod sample;
mod settle;
mod style;
mod vocabulary;
mod words;
mod written;

#[cfg(test)]
mod tests;

use thiserror::Error;

use super::bank::BALANCE;
use super::error::FileError;
use super::mapping::{Mapping, MappingError};
use super::plan::Layout;
use super::preset::preset_of;
use super::values::Encoding;
use super::{Leg, Source, StatementFormat, bank, orders, reports, settlements};
use assign::{Assignment, assign};
use sample::{Column, Sample};
use style::DateStyle;

pub use preview::Preview;

/// The legs for whose files there are mappings; notices come signed and by no file of another program.
const LAYOUTS: [&Layout; 4] = [&orders::LAYOUT, &reports::LAYOUT, &settlements::LAYOUT, &bank::LAYOUT];

/// A mapping as it might be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Whose words the file seems to hold.
    pub leg: Leg,
    /// The mapping, with the doubts as comments; [`Mapping::parse`] reads it.
    pub toml: String,
    /// What is unsure and why, or has to be done to the file; without an order.
    pub doubts: Vec<String>,
    /// The first rows as they are read with the mapping.
    pub preview: Preview,
}

/// Why nothing can be proposed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProposalError {
    /// No mapping would help.
    #[error(transparent)]
    File(#[from] FileError),
    /// A format of its own, which is read without a mapping.
    #[error("{file} is a statement in {what}, which is read without a mapping")]
    Statement {
        /// Name of the file.
        file: String,
        /// The format.
        what: &'static str,
    },
    /// Names, and nothing below them to tell what they mean.
    #[error("{file} has no rows: give a file with some")]
    NoRows {
        /// Name of the file.
        file: String,
    },
    /// A mapping that is none: a fault of Cuadre.
    #[error("the proposed mapping is not understood: {0}")]
    Unusable(#[from] MappingError),
}

/// Looks at the first rows of a file and proposes how to read it, as `leg` where one is given.
///
/// # Errors
/// [`ProposalError`] where the file is not one that a mapping describes.
pub fn propose(source: &Source<'_>, leg: Option<Leg>) -> Result<Proposal, ProposalError> {
    let file = || source.name.to_owned();
    if let Some(format) = StatementFormat::sniff(source.bytes) {
        let what = match format {
            StatementFormat::Mt940 => "MT940",
            StatementFormat::Camt053 => "CAMT.053",
        };
        return Err(ProposalError::Statement { file: file(), what });
    }
    let sample = sample::take(source)?;
    if sample.columns.iter().all(|column| column.filled().next().is_none()) {
        return Err(ProposalError::NoRows { file: file() });
    }
    if let Some(proposal) = from_preset(source.name, &sample, leg)? {
        return Ok(proposal);
    }
    let styles = style::date_styles();
    let (mut found, mut doubts) = best_leg(leg, &sample.columns, &styles);
    doubts.extend(doubts_of_file(&sample));
    let dates = settle::dates(&mut found, &sample.columns, &styles);
    let marks = settle::marks(&mut found, &sample.columns);
    let statuses = settle::statuses(&mut found, &sample.columns);
    doubts.append(&mut found.doubts);
    let leg = found.layout.leg;
    let write = |found: &Assignment, doubts: &[String]| -> Result<(String, Preview), MappingError> {
        let parts = written::Parts {
            file: source.name,
            sample: &sample,
            found,
            dates: dates.as_ref(),
            marks: &marks,
            statuses: &statuses,
            doubts,
        };
        let toml = written::mapping(&parts);
        let preview = preview::read(source.name, &sample, leg, &Mapping::parse(&toml)?);
        Ok((toml, preview))
    };
    let (mut toml, mut preview) = write(&found, &doubts)?;
    // A file whose balances do not add up is refused whole; that they are balances is only a guess of their name.
    let name = found.columns_of(BALANCE.name).and_then(|columns| sample.columns.get(*columns.first()?));
    if let Some(column) = name.filter(|_| matches!(preview.refused, Some(FileError::BalanceBroken { .. }))) {
        doubts.push(format!(
            "{} would be {:?}, but these rows do not lead from one to the next: it is left out",
            BALANCE.name, column.name
        ));
        found.fed.retain(|fed| fed.field != BALANCE);
        (toml, preview) = write(&found, &doubts)?;
    }
    Ok(Proposal { leg, toml, doubts, preview })
}

/// The preset whose columns the file has, if it is written as that shop writes it: whoever made the preset knew the shop.
fn from_preset(file: &str, sample: &Sample<'_>, leg: Option<Leg>) -> Result<Option<Proposal>, MappingError> {
    let as_exported = sample.delimiter == b','
        && sample.encoding == Encoding::Utf8
        && !sample.is_utf16
        && sample.header_row.is_none()
        && leg.is_none_or(|leg| leg == Leg::Orders);
    let has = |name: &str| sample.columns.iter().any(|column| column.name == name);
    let Some((name, text)) = preset_of(has).filter(|_| as_exported) else { return Ok(None) };
    let mapping = Mapping::parse(text)?;
    let preview = preview::read(file, sample, Leg::Orders, &mapping);
    let mut doubts = vec![
        format!("the columns are those of the preset {name:?}: the policy may name it, and this is its text"),
        "no column names the account: --account or the folder has to".to_owned(),
    ];
    if !preview.fields.contains(&"cip") {
        doubts.push(
            "no row has a CIP where the preset looks for it: correct cip under [orders.columns]".to_owned(),
        );
    }
    let toml = format!("{}\n{text}", written::heading(file, &doubts));
    Ok(Some(Proposal { leg: Leg::Orders, toml, doubts, preview }))
}

/// The leg that suits the file best, and which other one might.
fn best_leg(leg: Option<Leg>, columns: &[Column], styles: &[DateStyle]) -> (Assignment, Vec<String>) {
    let wanted = LAYOUTS.into_iter().filter(|layout| leg.is_none_or(|leg| layout.leg == leg));
    let mut found: Vec<Assignment> = wanted.map(|layout| assign(layout, columns, styles)).collect();
    found.sort_by_key(|found| -found.merit);
    let mut found = found.into_iter();
    let best = found.next().unwrap_or_else(|| assign(&orders::LAYOUT, columns, styles));
    let close = found.next().filter(|second| second.merit.saturating_mul(10) > best.merit.saturating_mul(8));
    let doubt = close.map(|second| {
        let (best, second) = (best.layout.leg.word(), second.layout.leg.word());
        format!("the file is taken for {best} and may hold {second}: if so, say --leg {second}")
    });
    (best, doubt.into_iter().collect())
}

fn doubts_of_file(sample: &Sample<'_>) -> Vec<String> {
    let mut doubts = Vec::new();
    if sample.is_utf16 {
        doubts.push("the file is UTF-16, which Cuadre does not read: save it as UTF-8 (it was looked at as if it were)".to_owned());
    }
    if sample.encoding == Encoding::Latin1 {
        doubts.push(
            "the file is not UTF-8 and is taken for windows-1252: look at its accents below".to_owned(),
        );
    }
    if let Some(row) = sample.header_row {
        doubts
            .push(format!("the names of the columns are taken from line {row}: those above it are left out"));
    }
    doubts
}
