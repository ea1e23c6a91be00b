//! What several commands take on the command line, checked before anything is read.

use std::path::Path;

use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::formats::{self, Mapping};

use crate::failure::Failure;
use crate::input;

/// A mapping from its file, or where there is none, the preset of that name.
pub(crate) fn mapping(path: Option<&Path>) -> Result<Mapping, Failure> {
    let Some(path) = path else { return Ok(Mapping::default()) };
    if !path.exists()
        && let Some(preset) = path.to_str().and_then(formats::preset)
    {
        return Ok(preset);
    }
    let text = input::read_text(path)?;
    Mapping::parse(&text).map_err(|error| in_settings(path, &error.to_string()))
}

pub(crate) fn policy(path: Option<&Path>) -> Result<Policy, Failure> {
    let Some(path) = path else { return Ok(Policy::default()) };
    let text = input::read_text(path)?;
    Policy::parse(&text).map_err(|error| in_settings(path, &error.to_string()))
}

fn in_settings(path: &Path, error: &str) -> Failure {
    Failure::Input(format!("{}: {}", path.display(), error.trim_end()))
}

/// An account that no reader takes would reject every row of the files that it is given for.
pub(crate) fn check_account(account: Option<&str>) -> Result<(), Failure> {
    match account {
        Some(account) if !formats::is_account(account) => Err(Failure::Input(
            "--account is empty, stands for nothing or is too long: give the service's number, at most 256 bytes".to_owned(),
        )),
        _ => Ok(()),
    }
}

pub(crate) fn as_of(text: Option<&str>) -> Result<Option<Instant>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let time = Instant::parse(text);
    let refused =
        || Failure::Input(format!("--as-of {text:?} is not a time: write it as 2026-03-02T23:59:59-05:00"));
    time.map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_a_file_or_a_preset() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mapping.toml");
        std::fs::write(&file, "[orders]\ndelimiter = \";\"\n").unwrap();
        assert_eq!(mapping(None), Ok(Mapping::default()));
        assert_eq!(mapping(Some(Path::new("magento"))).ok(), formats::preset("magento"));
        assert!(mapping(Some(&file)).is_ok_and(|mapping| mapping != Mapping::default()));
        let absent = mapping(Some(&folder.path().join("magento")));
        assert!(matches!(absent, Err(Failure::Input(sentence)) if sentence.contains("check the path")));
    }
}
