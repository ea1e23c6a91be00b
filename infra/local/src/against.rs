//! `cuadre reconcile --against`: what a run says otherwise than an earlier one.

use std::path::Path;

use cuadre::report::difference::{Told, changed_terms, difference};

use crate::failure::Failure;
use crate::{input, outputs};

/// What the run in a folder said. Read before the outputs of the new one are written: both may have the same folder.
pub(crate) fn told(folder: &Path) -> Result<Told, Failure> {
    let file = |name: &str| input::read(&folder.join(name));
    Told::read(&file("summary.json")?, &file("breaks.csv")?)
        .map_err(|error| Failure::Input(format!("{}: {error}", folder.display())))
}

/// Writes `difference.json` beside the new outputs; gives the lines that say how much it tells.
pub(crate) fn write(before: &Told, out: &Path) -> Result<String, Failure> {
    let after = told(out)?;
    let difference = difference(Some(before), &after, Vec::new());
    let json = difference.to_json().map_err(|error| Failure::defect("difference.json", &error))?;
    outputs::write(out, [("difference.json", json.as_slice())])?;
    let mut lines = changed_terms(Some(&before.terms), &after.terms, &[]);
    lines.extend(difference.sentence());
    Ok(lines.join("\n"))
}
