//! Lines of a settlement that nothing but their number tells apart.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::ids::Cip;
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::money::{Currency, Micros};

/// What two lines have to share to be identical. Unknown columns and the ordinal do not belong to it, nor do the day of
/// the payout and its reference: an export that was made before the payout knows them not, and tells of the same lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettlementIdentity<'r> {
    /// The PagoEfectivo service.
    pub account: &'r str,
    /// The batch.
    pub settlement_id: &'r str,
    /// The currency of the amounts.
    pub currency: Currency,
    /// What the line is about.
    pub kind: SettlementKind,
    cip: Option<Cip>,
    provider_id: Option<&'r str>,
    amounts: (Micros, Option<Micros>, Option<Micros>, Micros),
}

impl<'r> SettlementIdentity<'r> {
    /// The identity of a line.
    #[must_use]
    pub fn of(row: &'r SettlementRow<'_>) -> SettlementIdentity<'r> {
        SettlementIdentity {
            account: &row.account,
            settlement_id: &row.settlement_id,
            currency: row.currency,
            kind: row.kind,
            cip: row.cip,
            provider_id: row.provider_id.as_deref(),
            amounts: (row.gross, row.commission, row.igv, row.net),
        }
    }
}

/// Numbers the identical lines of one file from 1, in its order.
pub(crate) fn number(rows: &mut [SettlementRow<'_>]) {
    let found = ordinals(rows);
    for (index, ordinal) in found {
        if let Some(row) = rows.get_mut(index) {
            row.ordinal = ordinal;
        }
    }
}

/// The lines that are not the first of their kind, with their number.
fn ordinals(rows: &[SettlementRow<'_>]) -> Vec<(usize, u32)> {
    let mut met: HashMap<SettlementIdentity<'_>, u32> = HashMap::new();
    let mut found = Vec::new();
    for index in repeated(rows, SettlementIdentity::of) {
        let Some(row) = rows.get(index) else { continue };
        let ordinal = met.entry(SettlementIdentity::of(row)).or_default();
        *ordinal = ordinal.saturating_add(1);
        found.push((index, *ordinal));
    }
    found
}

/// The rows, ascending, whose key may be shared with another row: all that share one, and hardly any other. Nearly every
/// row of a large file is alone; only those that may not be need to be compared.
pub fn repeated<'r, R, K: Hash>(rows: &'r [R], key: impl Fn(&'r R) -> K) -> Vec<usize> {
    // The state of the hasher differs from run to run, and what comes of it does not: it only saves comparisons.
    let hasher = RandomState::new();
    let mut hashes: Vec<(u64, usize)> =
        rows.iter().enumerate().map(|(index, row)| (hasher.hash_one(key(row)), index)).collect();
    hashes.sort_unstable();
    let mut found: Vec<usize> = hashes
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|chunk| chunk.len() > 1)
        .flatten()
        .map(|(_, index)| *index)
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn line(cip: &str, net: i64) -> SettlementRow<'static> {
        SettlementRow {
            account: Cow::Borrowed("1"),
            settlement_id: Cow::Borrowed("L-1"),
            currency: Currency::Pen,
            kind: SettlementKind::Payment,
            provider_id: None,
            cip: Cip::parse(cip),
            gross: Micros(net),
            commission: None,
            igv: None,
            net: Micros(net),
            fx_rate: None,
            paid_on: None,
            bank_reference: None,
            ordinal: 1,
            extras: Vec::new(),
        }
    }

    #[test]
    fn identical_lines_are_numbered_in_the_order_of_the_file() {
        let check = |lines: &[(&str, i64)], expected: &[u32]| {
            let mut rows: Vec<_> = lines.iter().map(|(cip, net)| line(cip, *net)).collect();
            number(&mut rows);
            let found: Vec<u32> = rows.iter().map(|row| row.ordinal).collect();
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&[], &[]);
        check(&[("1", 5)], &[1]);
        check(&[("1", 5), ("2", 5), ("1", 6)], &[1, 1, 1]);
        check(&[("1", 5), ("2", 5), ("1", 5), ("1", 5), ("2", 5)], &[1, 1, 2, 3, 2]);
    }
}
