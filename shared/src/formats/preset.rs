//! Mappings that ship with Cuadre, by name.

use super::mapping::Mapping;

/// Name and text of each; the files are documentation as well.
const PRESETS: [(&str, &str); 1] = [("peers", include_str!("../../../docs/mappings/peers.toml"))];

/// The mapping that ships under a name: that of its file below `docs/mappings/`, without `.toml`.
#[must_use]
pub fn preset(name: &str) -> Option<Mapping> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Mapping::parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_good_mapping() {
        for (name, _) in PRESETS {
            assert!(preset(name).is_some(), "{name}");
        }
        assert_eq!(preset("other"), None);
    }
}
