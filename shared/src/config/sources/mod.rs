//! Where an account's reports come from: the tables `[accounts.A.sources.NAME]` of the policy.

mod request;
mod schedule;

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::env;
use crate::formats::Leg;
pub use request::{Authorization, Paging, Place, Request};
use request::{PagingTable, RequestFault};
pub use schedule::{Mode, Schedule, Window};
use schedule::{ScheduleTable, Usual};

/// The name that the search has among an account's sources, in the names of its objects and in its facts.
pub const SEARCH: &str = "search";

/// Names of sources that Cuadre gives to what no pull brings.
const TAKEN: [&str; 4] = ["callback", "import", "portal", "quarantine"];

/// The longest name of a source.
const NAME_CHARS_MAX: usize = 32;

/// CIPs in one question of a search, at most.
const BATCH_CIPS_MAX: usize = 500;

/// A notice counts as unconfirmed by a look that comes a day after it (the usual grace); fewer days would never bring one.
const RECHECK_DAYS_MIN: u32 = 2;
const RECHECK_DAYS_MAX: u32 = 60;

/// Where the group's Settlement Report is asked for (description of the API, 2023). That the version is a part of the path
/// is our assumption: the document shows version 3 there and describes up to 7.
const SETTLEMENT_REPORT_URL: &str = "https://api.paysafecard.com/v{version}/reports/settlement";

/// The versions whose columns are known.
const SETTLEMENT_REPORT_VERSIONS: std::ops::RangeInclusive<u32> = 5..=7;

/// One source of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name: lower-case letters, digits and `_`.
    pub name: String,
    /// What is asked, and how.
    pub kind: SourceKind,
}

/// The kinds of sources that are pulled; files that people drop are the business of import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The provider's search by CIP.
    CipSearch(CipSearch),
    /// A report over HTTP that comes in pages, read by a mapping.
    TransactionReport(Report),
    /// The Paysafe group's Settlement Report.
    SettlementReport(Report),
}

impl SourceKind {
    /// The word of the policy.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            SourceKind::CipSearch(_) => "cip_search",
            SourceKind::TransactionReport(_) => "transaction_report",
            SourceKind::SettlementReport(_) => "settlement_report",
        }
    }
}

/// How CIPs are searched for; what is absent is the deployment's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CipSearch {
    /// CIPs in one question.
    pub batch_cips: Option<usize>,
    /// Days after its expiry, its payment or a notice of it during which a CIP is asked for.
    pub recheck_days: Option<u32>,
}

/// A report over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose rows it holds.
    pub leg: Leg,
    /// What is sent.
    pub request: Request,
    /// Which windows of time are asked for, and when.
    pub schedule: Schedule,
    /// The mapping that reads it: `config/mappings/{name}.toml` in the bucket; absent, the canonical format.
    pub mapping: Option<String>,
}

/// Why a source cannot be used.
#[derive(Debug, Error)]
#[error("policy key accounts.{account}.sources.{name}{key}: {reason}")]
pub struct SourceError {
    account: String,
    name: String,
    /// With its dot, or empty where the source itself is wrong.
    key: String,
    reason: String,
}

/// One table as it is written; the kind decides which keys may be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum SourceTable {
    /// See [`CipSearch`].
    CipSearch(CipSearch),
    /// See [`Report`].
    TransactionReport(Box<TransactionTable>),
    /// See [`Report`].
    SettlementReport(SettlementTable),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransactionTable {
    url: String,
    body: Option<String>,
    content_type: Option<String>,
    accept: Option<String>,
    authorization: Option<String>,
    time_format: Option<String>,
    #[serde(default)]
    paging: PagingTable,
    leg: Option<String>,
    mapping: Option<String>,
    since: Option<String>,
    window_hours: Option<u32>,
    overlap_hours: Option<u32>,
    lag_minutes: Option<u32>,
    every_minutes: Option<u32>,
    mode: Option<Mode>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettlementTable {
    version: u32,
    url: Option<String>,
    #[serde(default)]
    mids: Vec<String>,
    transaction_types: Option<Vec<String>>,
    since: Option<String>,
    window_days: Option<u32>,
    overlap_days: Option<u32>,
}

/// The sources of an account of which nothing is said.
pub(super) fn usual() -> Vec<Source> {
    vec![Source { name: SEARCH.to_owned(), kind: SourceKind::CipSearch(CipSearch::default()) }]
}

/// Reads the sources of one account, in the order of their names. An account that names none has the search.
///
/// # Errors
/// [`SourceError`] names the key and what to write.
pub(super) fn read(account: &str, tables: BTreeMap<String, SourceTable>) -> Result<Vec<Source>, SourceError> {
    if tables.is_empty() {
        return Ok(usual());
    }
    let mut sources = Vec::new();
    for (name, table) in tables {
        let fault = |fault: Fault| SourceError {
            account: account.to_owned(),
            name: name.clone(),
            key: if fault.key.is_empty() { String::new() } else { format!(".{}", fault.key) },
            reason: fault.reason,
        };
        check_name(&name).map_err(fault)?;
        let kind = read_kind(&name, table).map_err(fault)?;
        sources.push(Source { name, kind });
    }
    Ok(sources)
}

/// What is wrong with one key of a source.
#[derive(Debug)]
struct Fault {
    key: &'static str,
    reason: String,
}

impl Fault {
    fn new(key: &'static str, reason: impl Into<String>) -> Fault {
        Fault { key, reason: reason.into() }
    }
}

impl From<RequestFault> for Fault {
    fn from(fault: RequestFault) -> Fault {
        Fault::new(fault.key, fault.reason)
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(plain) {
        return Err(Fault::new("", "the name is not lower-case letters, digits and _ (up to 32): rename it"));
    }
    if TAKEN.contains(&name) {
        return Err(Fault::new("", format!("{name} is Cuadre's own name for another source: rename it")));
    }
    Ok(())
}

fn read_kind(name: &str, table: SourceTable) -> Result<SourceKind, Fault> {
    let is_search = matches!(table, SourceTable::CipSearch(_));
    if is_search != (name == SEARCH) {
        return Err(Fault::new("", "a cip_search, and nothing else, is named search: rename it"));
    }
    match table {
        SourceTable::CipSearch(search) => {
            within("batch_cips", search.batch_cips, 1..=BATCH_CIPS_MAX)?;
            within("recheck_days", search.recheck_days, RECHECK_DAYS_MIN..=RECHECK_DAYS_MAX)?;
            Ok(SourceKind::CipSearch(search))
        }
        SourceTable::TransactionReport(table) => table.read().map(SourceKind::TransactionReport),
        SourceTable::SettlementReport(table) => table.read().map(SourceKind::SettlementReport),
    }
}

impl TransactionTable {
    fn read(self) -> Result<Report, Fault> {
        let leg = match self.leg.as_deref() {
            None | Some("reports") => Leg::Reports,
            Some("settlements") => Leg::Settlements,
            Some(_) => return Err(Fault::new("leg", "write reports or settlements")),
        };
        if let Some(mapping) = &self.mapping {
            check_mapping(mapping)?;
        }
        let json = || "application/json".to_owned();
        let request = Request {
            url: checked_url("url", self.url)?,
            body: self.body,
            content_type: self.content_type.unwrap_or_else(json),
            accept: self.accept.unwrap_or_else(json),
            authorization: Authorization::read(self.authorization.as_deref())?,
            time_format: self.time_format.unwrap_or_else(|| "%Y-%m-%dT%H:%M:%S%:z".to_owned()),
            paging: self.paging.read()?,
        };
        request.check()?;
        let table = ScheduleTable {
            since: self.since,
            window_hours: self.window_hours,
            overlap_hours: self.overlap_hours,
            lag_minutes: self.lag_minutes,
            every_minutes: self.every_minutes,
            mode: self.mode,
        };
        let schedule = table.read(Usual::HOURS).map_err(|(key, reason)| Fault::new(key, reason))?;
        Ok(Report { leg, request, schedule, mapping: self.mapping })
    }
}

impl SettlementTable {
    fn read(self) -> Result<Report, Fault> {
        if !SETTLEMENT_REPORT_VERSIONS.contains(&self.version) {
            return Err(Fault::new("version", "write 5, 6 or 7"));
        }
        let version = self.version.to_string();
        let url = self.url.unwrap_or_else(|| SETTLEMENT_REPORT_URL.replace("{version}", &version));
        let request = Request {
            url: settlement_url(checked_url("url", url)?, &self.mids, self.transaction_types)?,
            body: None,
            content_type: String::new(),
            accept: "text/csv".to_owned(),
            authorization: Authorization::Basic,
            time_format: "%Y-%m-%d".to_owned(),
            paging: Paging::None,
        };
        let hours = |days: Option<u32>| days.map(|days| days.saturating_mul(24));
        let table = ScheduleTable {
            since: self.since,
            window_hours: hours(self.window_days),
            overlap_hours: hours(self.overlap_days),
            ..ScheduleTable::default()
        };
        let schedule = table.read(Usual::DAYS).map_err(|(key, reason)| {
            // The keys of this kind count days.
            let key = match key {
                "window_hours" => "window_days",
                "overlap_hours" => "overlap_days",
                other => other,
            };
            Fault::new(key, reason)
        })?;
        Ok(Report { leg: Leg::Settlements, request, schedule, mapping: None })
    }
}

fn within<N: PartialOrd + std::fmt::Display>(
    key: &'static str,
    number: Option<N>,
    range: std::ops::RangeInclusive<N>,
) -> Result<(), Fault> {
    if number.is_none_or(|number| range.contains(&number)) {
        return Ok(());
    }
    Err(Fault::new(key, format!("write a number from {} to {}", range.start(), range.end())))
}

fn checked_url(key: &'static str, url: String) -> Result<String, Fault> {
    let reason = "is not an https:// address (plain http:// is for 127.0.0.1, localhost and [::1])";
    if !env::keeps_secrets(&url) {
        return Err(Fault::new(key, reason));
    }
    let rest = url.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let reason =
            "holds a user name: write authorization = \"basic\" and put it into the account's secret";
        return Err(Fault::new(key, reason));
    }
    Ok(url)
}

/// A mapping's name becomes a part of an object's.
fn check_mapping(name: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Fault::new(
        "mapping",
        "write the name of a mapping without folder and .toml: letters, digits, - and _",
    ))
}

/// The address with what the report is narrowed by; `to` names the last whole day.
fn settlement_url(
    url: String,
    mids: &[String],
    transaction_types: Option<Vec<String>>,
) -> Result<String, Fault> {
    let types =
        transaction_types.unwrap_or_else(|| ["PAYMENT", "REFUND", "PAYOUT"].map(str::to_owned).to_vec());
    if let Some(wrong) = types.iter().find(|kind| !["PAYMENT", "REFUND", "PAYOUT"].contains(&kind.as_str())) {
        let reason = format!("{wrong:?} is none of PAYMENT, REFUND and PAYOUT");
        return Err(Fault::new("transaction_types", reason));
    }
    if mids.iter().any(|mid| mid.is_empty() || !mid.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(Fault::new("mids", "a MID is letters and digits"));
    }
    let more = mids.iter().map(|mid| format!("&mid={mid}"));
    let more = more.chain(types.iter().map(|kind| format!("&transaction_type={kind}")));
    let more: String = more.collect();
    Ok(format!(
        "{url}?from={{from}}&to={{last_day}}&include_header=true&payment_instrument=PAGOEFECTIVO{more}"
    ))
}

#[cfg(test)]
mod tests;
