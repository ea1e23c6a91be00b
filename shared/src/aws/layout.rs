//! Names of objects in the bucket (design section 5). Pure.
//!
//! - `raw/{source}/account=A/day=D/{tick}-{hash}.json.zst`: what was asked and answered, once, without secrets
//! - `normalized/{leg}/account=A/day=D/{source}-{tick}-{hash}.ndjson`: canonical rows by the day of their arrival
//! - `normalized/looks/account=A/day=D/…`: every CIP that a search asked for, found or not
//! - `runs/{account}/{run}/…`: the inputs and outputs of a run
//! - `config/cuadre.toml`: the policy, where there is one
//!
//! The hash in a name is over the content: repeated work writes the same name, other content another one.

use crate::calendar::Instant;
use crate::formats::Leg;
use crate::ids::hash_parts;

/// The policy of the deployment; absent, the default policy holds.
pub const POLICY_KEY: &str = "config/cuadre.toml";

/// The source whose rows come from the provider's search; also the first part of the names of its objects.
pub const SEARCH: &str = "search";

/// A time as part of a name: UTC, without colons.
#[must_use]
pub fn stamp(time: Instant) -> String {
    time.to_utc().format("%Y%m%dT%H%M%S%.fZ").to_string()
}

/// Where the canonical rows of one leg and account lie.
#[must_use]
pub fn rows_prefix(leg: Leg, account: &str) -> String {
    format!("normalized/{}/account={account}/", leg.word())
}

/// Where it is written down which CIPs were asked for.
#[must_use]
pub fn looks_prefix(account: &str) -> String {
    format!("normalized/looks/account={account}/")
}

/// The name of rows that a search brought at `tick`.
#[must_use]
pub fn search_rows_key(account: &str, tick: Instant, content: &[u8]) -> String {
    arrived(&rows_prefix(Leg::Reports, account), tick, content, "ndjson")
}

/// The name of the looks of a search at `tick`.
#[must_use]
pub fn looks_key(account: &str, tick: Instant, content: &[u8]) -> String {
    arrived(&looks_prefix(account), tick, content, "ndjson")
}

fn arrived(prefix: &str, tick: Instant, content: &[u8], extension: &str) -> String {
    format!(
        "{prefix}day={}/{SEARCH}-{}-{}.{extension}",
        tick.business_day(),
        stamp(tick),
        short_hash(content)
    )
}

/// The name of one request of a search and its answer.
#[must_use]
pub fn raw_search_key(account: &str, tick: Instant, content: &[u8]) -> String {
    let (day, hash) = (tick.business_day(), short_hash(content));
    format!("raw/{SEARCH}/account={account}/day={day}/{}-{hash}.json.zst", stamp(tick))
}

/// Where the inputs and outputs of a run lie.
#[must_use]
pub fn run_prefix(account: &str, as_of: Instant) -> String {
    format!("runs/{account}/{}/", stamp(as_of))
}

/// The source that an object's name tells: the part of the file's name before its first `-` or `.`.
#[must_use]
pub fn source_of(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.split(['-', '.']).next().unwrap_or(name)
}

fn short_hash(content: &[u8]) -> String {
    hex::encode(hash_parts([content]).first_chunk::<6>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_account_day_and_source_and_repeat_with_their_content() {
        let tick = Instant::parse("2026-03-02T23:30:00-05:00").unwrap();
        let key = search_rows_key("tienda", tick, b"row\n");
        let prefix = "normalized/reports/account=tienda/day=2026-03-02/search-20260303T043000Z-";
        assert!(key.starts_with(prefix) && key.ends_with(".ndjson"), "{key}");
        assert_eq!(key, search_rows_key("tienda", tick, b"row\n"));
        assert_ne!(key, search_rows_key("tienda", tick, b"other\n"));
        assert_eq!(source_of(&key), SEARCH);
        assert_eq!(source_of("normalized/reports/account=a/day=2026-03-02/portal.csv"), "portal");
    }

    #[test]
    fn a_stamp_is_utc_without_colons() {
        let stamp = |text: &str| stamp(Instant::parse(text).unwrap());
        assert_eq!(stamp("2026-03-02T07:00:00-05:00"), "20260302T120000Z");
        assert_eq!(stamp("2026-03-02T12:00:00.25Z"), "20260302T120000.250Z");
    }
}
