//! What the contract lets the provider keep of a payment, recounted exactly.

use super::statement::{ROUNDING_PER_ROW, fees_of};
use crate::config::settlements::FeeTerms;
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::lifecycle::settle::RowIndex;
use crate::money::Micros;

/// Amounts times 10^8: a percentage in millionths of a percent leaves nothing to round.
const SCALE: i128 = 100_000_000;

/// A line whose fees are not those of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct FeeError {
    /// The line; none where the fees of the whole settlement are meant.
    pub row: Option<RowIndex>,
    /// Commission and tax by contract, in millionths, rounded down.
    pub expected: i128,
    /// Commission and tax as stated.
    pub stated: i128,
}

/// The lines whose fees differ by more than rounding. Where lines state no commission, the sum is compared with that of
/// the lines that are fees.
///
/// A line that states no tax in a settlement that states none at all may have it in its commission; either way agrees.
pub(in super::super) fn errors(lines: &[(RowIndex, &SettlementRow<'_>)], terms: &FeeTerms) -> Vec<FeeError> {
    let payments = || lines.iter().filter(|(_, line)| line.kind == SettlementKind::Payment);
    let no_tax = lines.iter().all(|(_, line)| fees_of(line).1 == 0);
    if payments().all(|(_, line)| line.commission.is_some()) {
        return payments().filter_map(|(row, line)| error_of_line(*row, line, terms, no_tax)).collect();
    }
    let rows = i128::try_from(payments().count()).unwrap_or(i128::MAX);
    let mut due = Due::default();
    payments().for_each(|(_, line)| due.add(terms, line.gross));
    let (mut commission, mut igv) = (0_i128, 0_i128);
    for (_, line) in lines.iter().filter(|(_, line)| is_about_fees(line.kind)) {
        let (part, tax) = fees_of(line);
        commission = commission.saturating_add(part);
        igv = igv.saturating_add(tax);
    }
    compare(None, &due, commission, igv, no_tax, rows).into_iter().collect()
}

const fn is_about_fees(kind: SettlementKind) -> bool {
    matches!(kind, SettlementKind::Payment | SettlementKind::Fee | SettlementKind::Igv)
}

fn error_of_line(
    row: RowIndex,
    line: &SettlementRow<'_>,
    terms: &FeeTerms,
    no_tax: bool,
) -> Option<FeeError> {
    let mut due = Due::default();
    due.add(terms, line.gross);
    let (commission, igv) = fees_of(line);
    // A line that leaves the tax to a line of its own is held to its commission alone.
    let elsewhere = line.igv.is_none() && !no_tax;
    if elsewhere {
        due.igv = None;
    }
    compare(Some(row), &due, commission, igv, no_tax, 1)
}

/// Commission and tax by contract, times [`SCALE`] and its square.
#[derive(Default)]
struct Due {
    commission: i128,
    igv: Option<i128>,
}

impl Due {
    fn add(&mut self, terms: &FeeTerms, gross: Micros) {
        let scaled = |amount: Micros| i128::from(amount.0).saturating_mul(SCALE);
        let by_percent = i128::from(gross.0).saturating_mul(terms.percent.0.into());
        let plain = by_percent.saturating_add(scaled(terms.fixed));
        let commission = plain.max(terms.minimum.map_or(plain, scaled));
        self.commission = self.commission.saturating_add(commission);
        if let Some(percent) = terms.igv_percent {
            let tax = commission.saturating_mul(percent.0.into());
            self.igv = Some(self.igv.unwrap_or(0).saturating_add(tax));
        }
    }
}

fn compare(
    row: Option<RowIndex>,
    due: &Due,
    commission: i128,
    igv: i128,
    no_tax: bool,
    rows: i128,
) -> Option<FeeError> {
    let allowed = ROUNDING_PER_ROW.saturating_mul(rows);
    let commission_due = due.commission.div_euclid(SCALE);
    let igv_due = due.igv.map_or(0, |igv| igv.div_euclid(SCALE.saturating_mul(SCALE)));
    let near = |stated: i128, due: i128, scale: i128, allowed: i128| {
        let (stated, allowed) = (stated.saturating_mul(scale), allowed.saturating_mul(scale));
        stated.saturating_sub(due).saturating_abs() <= allowed
    };
    let square = SCALE.saturating_mul(SCALE);
    let agrees = match due.igv {
        None => near(commission, due.commission, SCALE, allowed),
        Some(tax) => {
            let commission_agrees = near(commission, due.commission, SCALE, allowed);
            // The provider may count the tax from its rounded commission.
            let slack = allowed.saturating_mul(2);
            let with_tax = due.commission.saturating_mul(SCALE).saturating_add(tax);
            (commission_agrees && near(igv, tax, square, slack))
                || (no_tax && near(commission, with_tax, square, slack))
        }
    };
    (!agrees).then(|| FeeError {
        row,
        expected: commission_due.saturating_add(igv_due),
        stated: commission.saturating_add(igv),
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::money::Currency;

    fn line(kind: SettlementKind, gross: &str, commission: &str, igv: &str) -> SettlementRow<'static> {
        let micros = |text: &str| Micros::parse(text).ok();
        SettlementRow {
            account: Cow::Borrowed("1"),
            settlement_id: Cow::Borrowed("L-1"),
            currency: Currency::Pen,
            kind,
            provider_id: None,
            cip: None,
            gross: micros(gross).unwrap(),
            commission: micros(commission),
            igv: micros(igv),
            net: Micros(0),
            fx_rate: None,
            paid_on: None,
            bank_reference: None,
            ordinal: 1,
            extras: Vec::new(),
        }
    }

    fn terms(percent: &str, fixed: &str, minimum: &str, igv: &str) -> FeeTerms {
        let micros = |text: &str| Micros::parse(text).ok();
        FeeTerms {
            percent: micros(percent).unwrap(),
            fixed: micros(fixed).unwrap(),
            minimum: micros(minimum),
            igv_percent: micros(igv),
        }
    }

    fn found(lines: &[SettlementRow<'_>], terms: &FeeTerms) -> Vec<(Option<usize>, i128, i128)> {
        let lines: Vec<_> = lines.iter().enumerate().collect();
        errors(&lines, terms).into_iter().map(|error| (error.row, error.expected, error.stated)).collect()
    }

    #[test]
    fn a_commission_is_that_of_the_contract_or_rounded_from_it() {
        let terms = terms("3.49", "0.10", "1.00", "");
        let check = |gross: &str, commission: &str, agrees: bool| {
            let line = line(SettlementKind::Payment, gross, commission, "");
            assert_eq!(found(&[line], &terms).is_empty(), agrees, "{gross} {commission}");
        };
        // 3.59 of 100.00; 1.8547 of 50.27; the minimum of 10.00.
        check("100.00", "3.59", true);
        check("100.00", "3.60", false);
        check("100.00", "3.585", true);
        check("100.00", "3.584999", false);
        check("50.27", "1.85", true);
        check("50.27", "1.854423", true);
        check("50.27", "1.86", false);
        check("10.00", "1.00", true);
        check("10.00", "0.449", false);
    }

    #[test]
    fn the_tax_is_apart_or_inside() {
        let terms = terms("3", "0", "", "18");
        let check = |lines: &[(&str, &str)], agrees: bool| {
            let lines: Vec<_> = lines
                .iter()
                .map(|(commission, igv)| line(SettlementKind::Payment, "100.00", commission, igv))
                .collect();
            assert_eq!(found(&lines, &terms).is_empty(), agrees, "{lines:?}");
        };
        check(&[("3.00", "0.54")], true);
        check(&[("3.00", "0.60")], false);
        check(&[("3.54", "")], true);
        check(&[("3.00", "")], false);
        check(&[("3.30", "")], false);
        // A settlement that states the tax of one line does not hide that of another in its commission.
        check(&[("3.00", "0.54"), ("3.54", "")], false);
    }

    #[test]
    fn fees_on_lines_of_their_own_are_compared_in_sum() {
        let terms = terms("3", "0", "", "18");
        let payment = || line(SettlementKind::Payment, "100.00", "", "");
        let fee = |gross: &str| line(SettlementKind::Fee, gross, "", "");
        let igv = |gross: &str| line(SettlementKind::Igv, gross, "", "");
        assert_eq!(found(&[payment(), payment(), fee("-6.00"), igv("-1.08")], &terms), []);
        let wrong = [payment(), payment(), fee("-7.00"), igv("-1.08")];
        assert_eq!(found(&wrong, &terms), [(None, 7_080_000, 8_080_000)]);
        assert_eq!(found(&[payment()], &terms), [(None, 3_540_000, 0)]);
    }
}
