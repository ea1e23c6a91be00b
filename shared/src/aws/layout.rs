//! Names of objects in the bucket (design section 5). Pure.
//!
//! - `raw/{source}/account=A/day=D/{tick}-{hash}.json.zst`: what was asked and answered, once, without secrets
//! - `normalized/{leg}/account=A/day=D/{source}-{tick}-{hash}.ndjson`: canonical rows by the day of their arrival
//! - `normalized/looks/account=A/day=D/…`: every CIP that a search asked for, found or not
//! - `raw/{source}/account=A/window={from}_{to}/page-{n}-{hash}.zst`: each request and answer of a report that comes in pages
//! - `pulls/{source}/account=A/window={from}_{to}/{tick}/…`: `manifest.json` of a pull of that window, and which rows it brought
//! - `pulls/search/account=A/day=D/{tick}/manifest.json`: what a search came to
//! - `inbox/{leg}/{account}/…`: files as a shop, a bank or the provider's portal gives them
//! - `rejected/{leg}/account=A/day=D/import-{time}-{hash}.csv`: rows of such a file that cannot be read
//! - `rejected/{leg}/account=A/{name}-{hash}.json`, `rejected/unknown/…`: that a whole file was rejected, and why
//! - `runs/{account}/{run}/…`: the inputs and outputs of a run
//! - `runs/{account}/dry/{time}-{policy}/…`: those of a dry run
//! - `work/{account}/{run}/…`: what the stages of a run leave each other; kept for a week
//! - `config/cuadre.toml`: the policy, where there is one
//! - `config/mappings/{name}.toml`: mappings that the policy names
//!
//! The hash in a name is over the content: repeated work writes the same name, other content another one.

use crate::calendar::Instant;
use crate::config::sources::Window;
use crate::formats::Leg;
use crate::ids::hash_parts;

/// The policy of the deployment; absent, the default policy holds.
pub const POLICY_KEY: &str = "config/cuadre.toml";

/// The source whose rows come from the provider's search; also the first part of the names of its objects.
pub use crate::config::sources::SEARCH;

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
    arrived(&rows_prefix(Leg::Reports, account), SEARCH, tick, content, "ndjson")
}

/// The name of the looks of a search at `tick`.
#[must_use]
pub fn looks_key(account: &str, tick: Instant, content: &[u8]) -> String {
    arrived(&looks_prefix(account), SEARCH, tick, content, "ndjson")
}

/// The name of the manifest of a search at `tick`.
#[must_use]
pub fn search_manifest_key(account: &str, tick: Instant) -> String {
    format!("pulls/{SEARCH}/account={account}/day={}/{}/{MANIFEST}", tick.business_day(), stamp(tick))
}

/// The source whose rows come from files that are dropped.
pub const IMPORT: &str = "import";

/// Where files are dropped, one folder a leg and in it one an account.
pub const INBOX: &str = "inbox/";

/// A mapping of the deployment's own, by its name in the policy.
#[must_use]
pub fn mapping_key(name: &str) -> String {
    format!("config/mappings/{name}.toml")
}

/// The name of rows from a file that arrived at `arrived_at`.
#[must_use]
pub fn imported_rows_key(leg: Leg, account: &str, arrived_at: Instant, content: &[u8]) -> String {
    arrived(&rows_prefix(leg, account), IMPORT, arrived_at, content, "ndjson")
}

/// Whether an object has the name of imported rows with this content, whenever they arrived.
#[must_use]
pub fn is_imported_content(key: &str, content: &[u8]) -> bool {
    source_of(key) == IMPORT && key.ends_with(&format!("-{}.ndjson", short_hash(content)))
}

/// The name of what could not be read of a file that arrived at `arrived_at`.
#[must_use]
pub fn rejected_rows_key(leg: Leg, account: &str, arrived_at: Instant, content: &[u8]) -> String {
    let prefix = format!("rejected/{}/account={account}/", leg.word());
    arrived(&prefix, IMPORT, arrived_at, content, "csv")
}

/// The name of the note that a file was rejected whole; without leg and account where its folders name none that are known.
#[must_use]
pub fn rejected_file_key(place: Option<(Leg, &str)>, key: &str, version_id: Option<&str>) -> String {
    let folder = match place {
        Some((leg, account)) => format!("rejected/{}/account={account}/", leg.word()),
        None => "rejected/unknown/".to_owned(),
    };
    let name = key.rsplit('/').next().unwrap_or(key);
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().take(NAME_CHARS_MAX).map(harmless).collect();
    let hash = short(&hash_parts([key.as_bytes(), version_id.unwrap_or_default().as_bytes()]));
    format!("{folder}{name}-{hash}.json")
}

/// As much of a file's own name as goes into the name of a note about it; the hash tells files apart.
const NAME_CHARS_MAX: usize = 100;

fn arrived(prefix: &str, source: &str, tick: Instant, content: &[u8], extension: &str) -> String {
    format!(
        "{prefix}day={}/{source}-{}-{}.{extension}",
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

/// One pull of one window of a report; the names of what it reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct PullNames<'a> {
    /// The PagoEfectivo service.
    pub account: &'a str,
    /// The source.
    pub source: &'a str,
    /// The window.
    pub window: Window,
    /// The time for which the pull is done.
    pub tick: Instant,
}

impl PullNames<'_> {
    /// The name of a page as it was asked for and answered.
    #[must_use]
    pub fn page(&self, number: u64, content: &[u8]) -> String {
        let (source, account, window) = (self.source, self.account, self.window_name());
        format!("raw/{source}/account={account}/{window}/page-{number:05}-{}.zst", short_hash(content))
    }

    /// The name of canonical rows.
    #[must_use]
    pub fn rows(&self, leg: Leg, content: &[u8]) -> String {
        arrived(&rows_prefix(leg, self.account), self.source, self.tick, content, "ndjson.zst")
    }

    /// The name of rows that could not be read.
    #[must_use]
    pub fn rejected(&self, leg: Leg, content: &[u8]) -> String {
        let prefix = format!("rejected/{}/account={}/", leg.word(), self.account);
        arrived(&prefix, self.source, self.tick, content, "csv")
    }

    /// Where the manifests of every pull of this window lie.
    #[must_use]
    pub fn window_prefix(&self) -> String {
        format!("{}{}/", self.pulls_prefix(), self.window_name())
    }

    /// The name of this pull's manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        format!("{}{}/{MANIFEST}", self.window_prefix(), stamp(self.tick))
    }

    /// The name of the list of new rows that one page of this pull brought.
    #[must_use]
    pub fn part(&self, number: u64) -> String {
        format!("{}{}/rows-{number:05}.zst", self.window_prefix(), stamp(self.tick))
    }

    /// The name of the list of all lines of one page, where a pull that goes on has to know them.
    #[must_use]
    pub fn lines(&self, number: u64) -> String {
        format!("{}{}/lines-{number:05}.zst", self.window_prefix(), stamp(self.tick))
    }

    /// Where the pulls of the source lie, whatever their windows.
    #[must_use]
    pub fn pulls_prefix(&self) -> String {
        format!("pulls/{}/account={}/", self.source, self.account)
    }

    fn window_name(&self) -> String {
        format!("window={}_{}", stamp(self.window.from), stamp(self.window.to))
    }
}

/// The last part of a manifest's name.
pub const MANIFEST: &str = "manifest.json";

/// Whether an object below `pulls/` is a list of new rows.
#[must_use]
pub fn is_part(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with("rows-"))
}

/// The window that the name of an object below `pulls/` tells, as two stamps, which sort by time.
#[must_use]
pub fn window_of(key: &str) -> Option<(&str, &str)> {
    key.split('/').find_map(|part| part.strip_prefix("window="))?.split_once('_')
}

/// The source whose rows come from signed notices.
pub const CALLBACK: &str = "callback";

/// The name of notices that arrived from `first` on, as rows.
#[must_use]
pub fn notice_rows_key(account: &str, first: Instant, content: &[u8]) -> String {
    let (day, hash) = (first.business_day(), short_hash(content));
    format!("{}day={day}/{CALLBACK}-{}-{hash}.ndjson", rows_prefix(Leg::Notices, account), stamp(first))
}

/// The name of notices that arrived from `first` on, as they were received.
#[must_use]
pub fn raw_notices_key(account: &str, first: Instant, content: &[u8]) -> String {
    let (day, hash) = (first.business_day(), short_hash(content));
    format!("raw/{CALLBACK}/account={account}/day={day}/{}-{hash}.ndjson.zst", stamp(first))
}

/// Where the inputs and outputs of a run lie.
#[must_use]
pub fn run_prefix(account: &str, as_of: Instant) -> String {
    format!("runs/{account}/{}/", stamp(as_of))
}

/// Where the stages of a run leave what only the next ones need.
#[must_use]
pub fn stages_prefix(account: &str, as_of: Instant) -> String {
    format!("work/{account}/{}/", stamp(as_of))
}

/// Where those of a dry run lie that was asked for at `time`, under a policy with this hash.
#[must_use]
pub fn dry_run_prefix(account: &str, time: Instant, policy_sha256: &str) -> String {
    let policy = policy_sha256.get(..12).unwrap_or(policy_sha256);
    format!("runs/{account}/dry/{}-{policy}/", stamp(time))
}

/// The source that an object's name tells: the part of the file's name before its first `-` or `.`.
#[must_use]
pub fn source_of(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.split(['-', '.']).next().unwrap_or(name)
}

/// The hash over a content as names of objects have it.
#[must_use]
pub fn short_hash(content: &[u8]) -> String {
    short(&hash_parts([content]))
}

fn short(hash: &[u8; 32]) -> String {
    hex::encode(hash.first_chunk::<6>().copied().unwrap_or_default())
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
    fn imported_rows_are_known_by_their_content_whenever_they_came() {
        let first = Instant::parse("2026-03-02T23:30:00-05:00").unwrap();
        let key = imported_rows_key(Leg::Orders, "tienda", first, b"row\n");
        let prefix = "normalized/orders/account=tienda/day=2026-03-02/import-20260303T043000Z-";
        assert!(key.starts_with(prefix) && key.ends_with(".ndjson"), "{key}");
        let second = imported_rows_key(Leg::Orders, "tienda", first.plus_hours(24), b"row\n");
        assert_ne!(key, second);
        assert!(is_imported_content(&key, b"row\n") && is_imported_content(&second, b"row\n"));
        assert!(!is_imported_content(&key, b"other\n"));
        assert!(!is_imported_content(&key.replace("/import-", "/shop-"), b"row\n"));
        let rejected = rejected_rows_key(Leg::Orders, "tienda", first, b"row\n");
        let prefix = "rejected/orders/account=tienda/day=2026-03-02/import-20260303T043000Z-";
        assert!(rejected.starts_with(prefix) && rejected.ends_with(".csv"), "{rejected}");
    }

    #[test]
    fn a_note_about_a_file_is_told_apart_by_its_whole_name_and_version() {
        let note = |key: &str, version| rejected_file_key(Some((Leg::Orders, "tienda")), key, version);
        let key = note("inbox/orders/tienda/a ñ/día 1.xlsx", Some("v1"));
        assert!(
            key.starts_with("rejected/orders/account=tienda/d_a_1.xlsx-") && key.ends_with(".json"),
            "{key}"
        );
        assert_eq!(key, note("inbox/orders/tienda/a ñ/día 1.xlsx", Some("v1")));
        assert_ne!(key, note("inbox/orders/tienda/a ñ/día 1.xlsx", Some("v2")));
        assert_ne!(key, note("inbox/orders/tienda/b/día 1.xlsx", Some("v1")));
        assert!(note(&"x".repeat(1_024), None).len() < 200);
        assert!(rejected_file_key(None, "inbox/other/a#b/c", None).starts_with("rejected/unknown/c-"));
    }

    #[test]
    fn a_stamp_is_utc_without_colons() {
        let stamp = |text: &str| stamp(Instant::parse(text).unwrap());
        assert_eq!(stamp("2026-03-02T07:00:00-05:00"), "20260302T120000Z");
        assert_eq!(stamp("2026-03-02T12:00:00.25Z"), "20260302T120000.250Z");
    }
}
