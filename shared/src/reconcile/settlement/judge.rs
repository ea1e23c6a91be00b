//! What of a settlement does not fit, and which payments no settlement carries.

use super::super::beside::{REPORT_SETTLEMENT, payment_line, rounded_minor, settlement_line, value_minor};
use super::super::class::{Bucket, Class, Reason, Severity};
use super::super::line::Line;
use super::super::payment::{Payment, Payments};
use super::super::under::{Awaited, Under};
use super::batch::Batch;
use super::binding::{About, Binding, MICROS_PER_MINOR, name};
use super::statement::{ROUNDING_PER_ROW, Statement, error_of};
use super::{amount_text, fees};
use crate::calendar::Day;
use crate::lifecycle::evidence::SettlementRow;
use crate::lifecycle::operations::Standing;
use crate::lifecycle::settle::RowIndex;

/// How many lines of a settlement are named for one reason; a whole batch that is wrong in one way is named once.
const LINES_NAMED_MAX: usize = 20;

/// Something that does not fit.
struct Finding {
    reason: Reason,
    /// The lines in question.
    rows: Vec<RowIndex>,
    /// `field=expected|stated` of each.
    notes: Vec<String>,
    /// How much money is in question, in millionths.
    micros: i128,
}

impl Finding {
    const fn new(reason: Reason) -> Finding {
        Finding { reason, rows: Vec::new(), notes: Vec::new(), micros: 0 }
    }

    fn add(&mut self, row: RowIndex, note: String, micros: i128) {
        self.rows.push(row);
        self.notes.push(note);
        self.micros = self.micros.saturating_add(micros.saturating_abs());
    }

    fn told(&self) -> String {
        let mut told: Vec<String> = self.notes.iter().take(LINES_NAMED_MAX).cloned().collect();
        if let Some(more) = self.notes.len().checked_sub(LINES_NAMED_MAX).filter(|more| *more > 0) {
            told.push(format!("and {more} more {}", self.reason.word()));
        }
        told.join("; ")
    }
}

/// What became of one batch.
pub(in super::super) struct Verdict {
    /// `matched`, `open` where a line is about a payment that reports may still tell of, or `settlement_variance`.
    pub class: Class,
    pub reason: Option<Reason>,
    /// Lines whose payment reports may still tell of.
    pub waiting: Vec<RowIndex>,
    pub line: Option<Line>,
}

/// What the lines of a batch are held against.
pub(in super::super) struct Bench<'b, 'r, 'a> {
    pub rows: &'r [SettlementRow<'a>],
    pub payments: &'b Payments<'b>,
    pub binding: &'b Binding,
    pub under: Under<'b>,
}

impl<'r, 'a> Bench<'_, 'r, 'a> {
    /// Judges one batch by its statement and its lines.
    pub fn batch(&self, batch: &Batch<'r>, statement: &Statement) -> Verdict {
        let lines: Vec<(RowIndex, &SettlementRow<'a>)> =
            batch.rows.iter().filter_map(|row| Some((*row, self.rows.get(*row)?))).collect();
        let mut waiting = Vec::new();
        let mut findings = Vec::new();
        findings.extend(unexplained(statement));
        let gross = self.gross_differs(&lines);
        if statement.unexplained == 0 {
            findings.extend(offsetting(&lines, &gross));
        }
        findings.extend(gross.finding());
        let [unknown_payment, unknown_refund] = self.unknown(batch, &lines, &mut waiting);
        findings.extend(unknown_payment);
        findings.extend(self.twice(&lines));
        findings.extend(unknown_refund);
        findings.extend(self.fees(batch, &lines));
        let Some(first) = findings.first() else {
            let class = if waiting.is_empty() { Class::Matched } else { Class::Open };
            return Verdict { class, reason: None, waiting, line: None };
        };
        let (class, reason) = (Class::SettlementVariance, Some(first.reason));
        let minor = value_minor(first.micros);
        let subject = (batch.id, batch.currency);
        let mut line =
            settlement_line(batch.account, subject, REPORT_SETTLEMENT, (class, reason), minor, batch.paid_on);
        let (expected, stated) = (rounded_minor(statement.computed()), rounded_minor(statement.net));
        line.order_minor = Some(expected);
        line.report_minor = Some(stated);
        line.difference_minor = Some(stated.saturating_sub(expected));
        line.differences = findings.iter().map(Finding::told).collect::<Vec<_>>().join("; ");
        line.rows.settlements = in_question_first(batch, &findings);
        Verdict { class, reason, waiting: Vec::new(), line: Some(line) }
    }

    /// Lines that state another amount than was paid.
    fn gross_differs(&self, lines: &[(RowIndex, &SettlementRow<'a>)]) -> GrossErrors {
        let mut errors = GrossErrors { finding: Finding::new(Reason::GrossDiffers), sum: 0 };
        for (row, line) in lines {
            let (About::Payment(index), true) = (self.about(*row), is_payment(line)) else { continue };
            let Some(payment) = self.payments.list.get(index) else { continue };
            let paid = i128::from(payment.money.minor).saturating_mul(MICROS_PER_MINOR.into());
            let error = i128::from(line.gross.0).saturating_sub(paid);
            if error != 0 {
                let note = format!(
                    "gross {}={}|{}",
                    name(line),
                    amount_text(paid),
                    amount_text(line.gross.0.into())
                );
                errors.finding.add(*row, note, error);
                errors.sum = errors.sum.saturating_add(error);
            }
        }
        errors
    }

    /// Lines about payments that no report knows, and refunds that nobody knows, once reports have been heard.
    fn unknown(
        &self,
        batch: &Batch<'r>,
        lines: &[(RowIndex, &SettlementRow<'a>)],
        waiting: &mut Vec<RowIndex>,
    ) -> [Option<Finding>; 2] {
        let mut payment = Finding::new(Reason::UnknownPayment);
        let mut refund = Finding::new(Reason::UnknownRefund);
        for (row, line) in lines {
            let finding = match self.about(*row) {
                About::Unknown => &mut payment,
                About::NotGivenBack(_) => &mut refund,
                About::NoPayment | About::Payment(_) | About::Again(_) => continue,
            };
            if self.reports_may_tell(line, batch.paid_on) {
                waiting.push(*row);
                continue;
            }
            let note =
                format!("{}=|{} {}", finding.reason.word(), name(line), amount_text(line.gross.0.into()));
            finding.add(*row, note, line.gross.0.into());
        }
        [payment, refund].map(|finding| (!finding.rows.is_empty()).then_some(finding))
    }

    fn reports_may_tell(&self, line: &SettlementRow<'_>, paid_on: Option<Day>) -> bool {
        let covered = self.under.coverage.of_cips(&line.account, line.cip);
        match line.paid_on.or(paid_on).and_then(Day::start) {
            Some(paid_on) => covered.is_none_or(|covered| covered < paid_on),
            None => covered.is_none(),
        }
    }

    /// Lines about payments that other lines have settled.
    fn twice(&self, lines: &[(RowIndex, &SettlementRow<'a>)]) -> Option<Finding> {
        let mut finding = Finding::new(Reason::SettledTwice);
        for (row, line) in lines {
            if let About::Again(_) = self.about(*row) {
                let note = format!("settled_twice=|{} {}", name(line), amount_text(line.gross.0.into()));
                finding.add(*row, note, line.gross.0.into());
            }
        }
        (!finding.rows.is_empty()).then_some(finding)
    }

    /// Lines whose fees are not those of the contract, where the policy states one.
    fn fees(&self, batch: &Batch<'r>, lines: &[(RowIndex, &SettlementRow<'a>)]) -> Option<Finding> {
        let terms = self.under.policy.settlement_rules(batch.account).fee_terms.as_ref()?;
        let mut finding = Finding::new(Reason::FeeDiffers);
        for error in fees::errors(lines, terms) {
            let named = error.row.and_then(|row| self.rows.get(row)).map(name);
            let note = format!(
                "fees {}={}|{}",
                named.as_deref().unwrap_or("in sum"),
                amount_text(error.expected),
                amount_text(error.stated)
            );
            finding.notes.push(note);
            finding.rows.extend(error.row);
            let difference = error.stated.saturating_sub(error.expected).saturating_abs();
            finding.micros = finding.micros.saturating_add(difference);
        }
        (!finding.notes.is_empty()).then_some(finding)
    }

    fn about(&self, row: RowIndex) -> About {
        self.binding.about.get(row).copied().unwrap_or(About::NoPayment)
    }

    /// What became of a payment, and its line where no settlement carries it.
    pub fn payment(&self, index: usize, payment: &Payment<'_>) -> (Bucket, Option<Line>) {
        if self.binding.settled.get(index).is_some_and(|count| *count > 0) {
            return (Bucket::Matched, None);
        }
        // What went back before it was settled is nothing to settle.
        if payment.standing != Standing::Live {
            return (Bucket::Unpaid, None);
        }
        let covered = self.under.coverage.settlements;
        if self.under.may_come(payment.account, Awaited::Settlement, payment.paid_at, covered) {
            return (Bucket::Open, None);
        }
        let class = Class::Unsettled;
        let mut line = payment_line(payment, REPORT_SETTLEMENT, "payment", class, payment.money.minor);
        if self.under.is_overdue(payment.account, payment.paid_at) {
            line.severity = Severity::High;
        }
        (Bucket::Break, Some(line))
    }
}

fn is_payment(line: &SettlementRow<'_>) -> bool {
    line.kind == crate::lifecycle::evidence::SettlementKind::Payment
}

/// Lines of another amount than was paid, and by how much all together.
struct GrossErrors {
    finding: Finding,
    sum: i128,
}

impl GrossErrors {
    fn finding(self) -> Option<Finding> {
        (!self.finding.rows.is_empty()).then_some(self.finding)
    }
}

fn unexplained(statement: &Statement) -> Option<Finding> {
    if statement.unexplained == 0 {
        return None;
    }
    let mut finding = Finding::new(Reason::Unexplained);
    finding.notes.push(format!(
        "net={}|{}; unexplained=|{}",
        amount_text(statement.computed()),
        amount_text(statement.net),
        amount_text(statement.unexplained)
    ));
    finding.micros = statement.unexplained.saturating_abs();
    Some(finding)
}

/// In a settlement that adds up: lines that are wrong in themselves, and amounts that differ from the payments by
/// nothing in sum.
fn offsetting(lines: &[(RowIndex, &SettlementRow<'_>)], gross: &GrossErrors) -> Option<Finding> {
    let mut finding = Finding::new(Reason::OffsettingErrors);
    for (row, line) in lines {
        let error = error_of(line);
        if error.saturating_abs() > ROUNDING_PER_ROW {
            let net = i128::from(line.net.0);
            let note =
                format!("net {}={}|{}", name(line), amount_text(net.saturating_sub(error)), amount_text(net));
            finding.add(*row, note, error);
        }
    }
    if gross.sum == 0 && !gross.finding.rows.is_empty() {
        // Their notes follow under the reason of their own.
        finding.rows.extend(&gross.finding.rows);
        finding.micros = finding.micros.saturating_add(gross.finding.micros);
    }
    (!finding.rows.is_empty()).then_some(finding)
}

/// The lines of a batch, those in question first, each once.
fn in_question_first(batch: &Batch<'_>, findings: &[Finding]) -> Vec<RowIndex> {
    let named: std::collections::HashSet<RowIndex> =
        findings.iter().flat_map(|finding| finding.rows.iter().copied()).collect();
    let (first, rest): (Vec<RowIndex>, Vec<RowIndex>) =
        batch.rows.iter().partition(|row| named.contains(row));
    [first, rest].concat()
}
