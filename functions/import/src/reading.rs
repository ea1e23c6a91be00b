//! How a file is read: by the policy, else by its name, else by how it begins.

use cuadre::aws::bucket::Bucket;
use cuadre::aws::policy::PolicyUnavailable;
use cuadre::aws::{StoreError, layout};
use cuadre::config::files::{FileFormat, FileRule};
use cuadre::formats::{self, Format, Leg, Mapping, MappingError, StatementFormat};
use cuadre::pagoefectivo::settlement_report;

/// Why a file cannot be taken in for now. Its message comes again; nothing is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    #[error(
        "the policy names the mapping {0}, which neither ships with Cuadre nor lies at config/mappings/{0}.toml"
    )]
    NoMapping(String),
    #[error("config/mappings/{0}.toml is not UTF-8: write it again")]
    MappingNotText(String),
    #[error("config/mappings/{name}.toml: {error}")]
    Mapping { name: String, error: MappingError },
}

impl ImportError {
    /// Whether it may settle itself.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            ImportError::Store(error) | ImportError::Policy(PolicyUnavailable::Store(error)) => {
                error.is_passing()
            }
            _ => false,
        }
    }
}

/// How the bytes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Columns, by mapping or as in the canonical format.
    Table(Format),
    /// A bank's statement with its balances.
    Statement(StatementFormat),
    /// The Settlement Report of the Paysafe group.
    SettlementReport,
}

const NOT_NAMED: &str = "is not named .csv, .ndjson, .jsonl, .json, .xml, .xlsx or one of these with .zst";

/// Refuses a name of which no content could make a good file.
///
/// # Errors
/// What is wrong with the name; reads on after it.
pub(crate) fn check_name(leg: Leg, rule: &FileRule, key: &str) -> Result<(), &'static str> {
    let by_content = matches!(leg, Leg::Bank | Leg::Settlements);
    if by_content || rule.format.is_some() { Ok(()) } else { by_name(key).map(drop) }
}

/// How to read a file.
///
/// # Errors
/// What is wrong with the name; reads on after it.
pub(crate) fn of(leg: Leg, rule: &FileRule, key: &str, bytes: &[u8]) -> Result<Reading, &'static str> {
    match rule.format {
        Some(FileFormat::Statement(format)) => return Ok(Reading::Statement(format)),
        Some(FileFormat::SettlementReport) => return Ok(Reading::SettlementReport),
        None => {}
    }
    // A mapping speaks of columns, whatever a file looks like.
    let begins = match leg {
        _ if rule.mapping.is_some() => None,
        Leg::Bank => StatementFormat::sniff(bytes).map(Reading::Statement),
        Leg::Settlements => settlement_report::is_one(bytes).then_some(Reading::SettlementReport),
        Leg::Orders | Leg::Reports | Leg::Notices => None,
    };
    match begins {
        Some(reading) => Ok(reading),
        None => by_name(key).map(Reading::Table),
    }
}

fn by_name(key: &str) -> Result<Format, &'static str> {
    Format::from_name(key).filter(|_| !key.ends_with(".gz")).ok_or(NOT_NAMED)
}

/// The mapping that a rule names: one of the bucket, else one that ships with Cuadre. A deployment's own wins, for only its
/// merchant knows where the shop keeps the CIP.
pub(crate) async fn mapping(rule: &FileRule, bucket: &Bucket) -> Result<Mapping, ImportError> {
    let Some(name) = rule.mapping.as_deref() else { return Ok(Mapping::default()) };
    let Some(object) = bucket.get(&layout::mapping_key(name), None).await? else {
        return formats::preset(name).ok_or_else(|| ImportError::NoMapping(name.to_owned()));
    };
    let text = str::from_utf8(&object.bytes).map_err(|_| ImportError::MappingNotText(name.to_owned()))?;
    Mapping::parse(text).map_err(|error| ImportError::Mapping { name: name.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_policy_then_by_content_then_by_name() {
        let plain = FileRule::default();
        let mapped = FileRule { mapping: Some("x".to_owned()), ..FileRule::default() };
        let mt940 = FileFormat::Statement(StatementFormat::Mt940);
        let told = FileRule { format: Some(mt940), ..FileRule::default() };
        let statement: &[u8] = b":20:A\n:25:1\n";
        let report: &[u8] = b"\"MID\",\"TransactionID\",\"BusinessType\"\n";
        let check = |leg, rule: &FileRule, key: &str, bytes: &[u8], expected: Option<Reading>| {
            assert_eq!(of(leg, rule, key, bytes).ok(), expected, "{leg:?} {key}");
        };
        let table = |format| Some(Reading::Table(format));
        let as_statement = Some(Reading::Statement(StatementFormat::Mt940));
        check(Leg::Bank, &plain, "a.txt", statement, as_statement);
        check(Leg::Bank, &plain, "a.csv", statement, as_statement);
        check(Leg::Bank, &told, "a", b"", as_statement);
        check(Leg::Bank, &mapped, "a.csv", statement, table(Format::Csv));
        check(Leg::Bank, &plain, "a.csv", b"bank_account\n", table(Format::Csv));
        check(Leg::Bank, &plain, "a.txt", b"bank_account\n", None);
        check(
            Leg::Bank,
            &plain,
            "a.xml",
            b"<Document><BkToCstmrStmt>",
            Some(Reading::Statement(StatementFormat::Camt053)),
        );
        check(Leg::Settlements, &plain, "a.csv", report, Some(Reading::SettlementReport));
        check(Leg::Settlements, &plain, "a.csv", b"settlement_id\n", table(Format::Csv));
        check(Leg::Orders, &plain, "a.csv", statement, table(Format::Csv));
        check(Leg::Orders, &plain, "a.xlsx", b"", table(Format::Xlsx));
        check(Leg::Orders, &plain, "a.json.zst", b"", table(Format::Json));
        check(Leg::Orders, &plain, "a.csv.gz", b"", None);
        check(Leg::Orders, &plain, "a.xls", b"", None);
    }

    #[test]
    fn a_name_is_refused_before_the_file_is_fetched_where_no_content_could_help() {
        let check = |leg, key: &str, good| {
            assert_eq!(check_name(leg, &FileRule::default(), key).is_ok(), good, "{leg:?} {key}");
        };
        check(Leg::Orders, "a.txt", false);
        check(Leg::Reports, "a.pdf", false);
        check(Leg::Orders, "a.xml", true);
        check(Leg::Bank, "a.sta", true);
        check(Leg::Settlements, "report", true);
    }
}
