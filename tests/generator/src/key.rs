//! The answer key: what a right reconciliation must say, noted at the moment when a case is planted.

use crate::rows::{Currency, write_minor};

/// What was planted: the name of the plan and which of its variants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) variant: u64,
}

impl Case {
    fn text(self) -> String {
        format!("{}/{}", self.name, self.variant)
    }
}

/// One expected line, or one row that must be rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) class: &'static str,
    pub(crate) account: &'static str,
    pub(crate) reference: String,
    pub(crate) cip: String,
    pub(crate) operation: String,
    pub(crate) reason: &'static str,
    pub(crate) currency: Option<Currency>,
    pub(crate) order_minor: Option<i64>,
    pub(crate) report_minor: Option<i64>,
    pub(crate) file: &'static str,
    pub(crate) line: Option<u64>,
    pub(crate) field: &'static str,
    /// The batch, or the provider's invoice.
    pub(crate) settlement: String,
    /// The bank's own number of the movement.
    pub(crate) movement: String,
    /// What was planted.
    pub(crate) case: Case,
    /// Nothing in the files tells which rows belong together: a person has to.
    pub(crate) unresolvable: bool,
}

const HEADER: &str = "class,reason,account,cip,reference_id,operation_number,currency,order_amount,report_amount,\
                      file,line,field,settlement_id,movement,case,resolvable\n";

/// The rows noted so far, as the lines of the file.
#[derive(Debug, Default)]
pub(crate) struct Key {
    text: String,
    begins: Vec<usize>,
}

impl Key {
    /// Notes a row. What stands in it needs no quotes.
    pub(crate) fn push(&mut self, row: &KeyRow) {
        self.begins.push(self.text.len());
        for text in [row.class, row.reason, row.account, &row.cip, &row.reference, &row.operation] {
            self.text.push_str(text);
            self.text.push(',');
        }
        self.text.push_str(row.currency.map_or("", Currency::code));
        for minor in [row.order_minor, row.report_minor] {
            self.text.push(',');
            if let Some(minor) = minor {
                write_minor(&mut self.text, minor);
            }
        }
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        let resolvable = match (row.class, row.unresolvable) {
            ("rejected", _) => "",
            (_, true) => "no",
            (_, false) => "yes",
        };
        for text in [row.file, &line, row.field, &row.settlement, &row.movement, &row.case.text(), resolvable]
        {
            self.text.push(',');
            self.text.push_str(text);
        }
        self.text.push('\n');
    }

    /// The file: its lines in the order of their bytes, hence by class, reason, account and CIP.
    pub(crate) fn write(self) -> Vec<u8> {
        let mut lines: Vec<&str> = Vec::with_capacity(self.begins.len());
        let ends = self.begins.iter().skip(1).copied().chain([self.text.len()]);
        lines.extend(
            self.begins.iter().copied().zip(ends).filter_map(|(begin, end)| self.text.get(begin..end)),
        );
        lines.sort_unstable();
        let mut out = Vec::with_capacity(self.text.len().saturating_add(HEADER.len()));
        out.extend_from_slice(HEADER.as_bytes());
        for line in lines {
            out.extend_from_slice(line.as_bytes());
        }
        out
    }
}

/// A payment and what it truly belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) account: &'static str,
    /// Empty where no order was placed for it.
    pub(crate) reference: String,
    pub(crate) cip: String,
    pub(crate) operation: String,
    pub(crate) currency: Currency,
    pub(crate) minor: i64,
    pub(crate) case: Case,
    /// The steps that nothing in the files tells.
    pub(crate) untold: Untold,
}

/// Which steps of a payment's way cannot be told from the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Untold {
    /// Which order it pays.
    pub(crate) order: bool,
    /// Which line of a settlement pays it out.
    pub(crate) settlement: bool,
    /// Which line of the bank's statement its batch came with.
    pub(crate) deposit: bool,
}

pub(crate) const PAIRS_HEADER: &str =
    "account,reference_id,cip,operation_number,currency,amount,settlement_id,movement,unresolvable,case";

/// A row of the pairs as CSV.
pub(crate) fn pair_csv(pair: &Pair, settlement: &str, movement: &str) -> String {
    let mut out = String::with_capacity(120);
    for text in [pair.account, &pair.reference, &pair.cip, &pair.operation, pair.currency.code()] {
        out.push_str(text);
        out.push(',');
    }
    write_minor(&mut out, pair.minor);
    let Untold { order, settlement: settled, deposit } = pair.untold;
    let steps = [(order, "order"), (settled, "settlement"), (deposit, "deposit")];
    let untold: Vec<&str> = steps.into_iter().filter_map(|(untold, name)| untold.then_some(name)).collect();
    for text in [settlement, movement, &untold.join(";"), &pair.case.text()] {
        out.push(',');
        out.push_str(text);
    }
    out
}
