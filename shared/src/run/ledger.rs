//! Notices, settlements and lines of the bank: files that are read at once, whichever way a run goes.

use super::general::leave_out_others;
use super::heard::{FileFacts, FileName, Heard};
use super::{RunError, Settings};
use crate::formats::{self, FileError, Leg, LegMapping, Source, StatementFormat, Table};
use crate::lifecycle::evidence::{BankRow, NoticeRow, SettlementRow};
use crate::reconcile::Inputs;

/// The rows of one file.
#[derive(Debug)]
pub(super) enum Ledger<'a> {
    Notices(Table<NoticeRow<'a>>),
    Settlements(Table<SettlementRow<'a>>),
    Bank(Table<BankRow<'a>>),
}

/// Reads a file of one of these legs.
pub(super) fn read<'a>(
    source: &Source<'a>,
    leg: Leg,
    settings: &Settings<'a>,
) -> Result<Ledger<'a>, RunError> {
    Ok(match leg {
        Leg::Notices => Ledger::Notices(formats::read_notices(source, &settings.mapping.notices)?),
        Leg::Bank => Ledger::Bank(read_bank(source, &settings.mapping.bank)?),
        _ => Ledger::Settlements(read_settlements(source, settings)?),
    })
}

impl<'a> Ledger<'a> {
    /// Takes the rows over into those of the run.
    pub(super) fn take(
        self,
        file: FileName<'_>,
        sha256: String,
        settings: &Settings<'_>,
        inputs: &mut Inputs<'a>,
        heard: &mut Heard,
    ) -> FileFacts {
        match self {
            Ledger::Notices(mut table) => {
                leave_out_others(heard, file.name, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, sha256, inputs.notices.get_or_insert_default())
            }
            Ledger::Settlements(mut table) => {
                leave_out_others(heard, file.name, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, sha256, inputs.settlements.get_or_insert_default())
            }
            Ledger::Bank(mut table) => {
                heard.bank.hear(&table, file.coverage);
                if let Some(own) = settings.only_account {
                    // A statement may be of several accounts at the bank, and the policy says whose they are.
                    table.rows.retain(|row| settings.policy.may_take_deposits(own, &row.bank_account));
                }
                FileFacts::take(table, sha256, inputs.bank.get_or_insert_default())
            }
        }
    }
}

/// Reads a file of settlements: by the mapping where there is one, since a mapping speaks of columns whatever a file looks
/// like, else by how it begins.
fn read_settlements<'a>(
    source: &Source<'a>,
    settings: &Settings<'a>,
) -> Result<Table<SettlementRow<'a>>, FileError> {
    let mapping = &settings.mapping.settlements;
    let own = settings.settlement_layouts.iter().find(|layout| (layout.is_one)(source.bytes));
    match own.filter(|_| *mapping == LegMapping::default()) {
        Some(layout) => {
            let account = source.account.ok_or_else(|| FileError::NoAccount {
                file: source.name.to_owned(),
                remedy: "give the account whose settlements these are".to_owned(),
            })?;
            (layout.read)(source, account)
        }
        None => formats::read_settlements(source, mapping),
    }
}

/// Reads a file of the bank in the same way.
fn read_bank<'a>(source: &Source<'a>, mapping: &LegMapping) -> Result<Table<BankRow<'a>>, FileError> {
    let statement = StatementFormat::sniff(source.bytes).filter(|_| *mapping == LegMapping::default());
    match statement {
        Some(format) => formats::read_statement(source, format),
        None => formats::read_bank(source, mapping),
    }
}
