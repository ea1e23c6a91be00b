//! What a run says otherwise than the run before, or than the same run under another policy. Pure.
//!
//! Both sides are read from their outputs, `summary.json` and `breaks.csv`, so that any two runs can be compared, whichever
//! version wrote them and wherever they lie.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a run said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Under what it was made.
    pub terms: Terms,
    /// What each class amounts to.
    pub classes: BTreeMap<String, Total>,
    /// What somebody must look at beside breaks and rejected rows.
    pub needs_person: BTreeSet<String>,
    /// Rows of all legs that could not be read.
    pub rejected: u64,
    /// The breaks by their lasting identity.
    pub breaks: BTreeMap<String, Break>,
}

/// Under what a run was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// The moment of judgement; absent where no row bore a time.
    pub as_of: Option<String>,
    /// The version of the engine.
    pub engine_version: String,
    /// SHA-256 of the policy's text.
    pub policy_sha256: String,
}

/// What a class amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Orders, CIPs without order, further payments, notices and so on.
    pub count: u64,
    /// Their value in minor units over all currencies: a control total.
    pub minor: i128,
    /// Count and value of each currency.
    #[serde(default)]
    pub by_currency: BTreeMap<String, CurrencyTotal>,
}

/// What a class amounts to in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyTotal {
    /// How many.
    pub count: u64,
    /// Their value in minor units.
    pub minor: i128,
}

/// A line of `breaks.csv`: what it is about, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Break {
    break_id: String,
    account: String,
    store: String,
    cip: String,
    reference_id: String,
    operation_number: String,
    currency: String,
    class: String,
    reason: String,
    severity: String,
    order_amount: String,
    report_amount: String,
    difference: String,
}

/// Outputs that are none of a run.
#[derive(Debug, thiserror::Error)]
pub enum ToldError {
    /// Not a summary.
    #[error("summary.json is no summary of a run: {0}")]
    Summary(#[from] serde_json::Error),
    /// Not a list of breaks.
    #[error("breaks.csv is no list of breaks: {0}")]
    Breaks(#[from] csv::Error),
}

#[derive(Deserialize)]
struct SummaryFile {
    #[serde(default)]
    engine_version: String,
    as_of: Option<String>,
    policy_sha256: String,
    classes: BTreeMap<String, Total>,
    #[serde(default)]
    needs_person: BTreeSet<String>,
    #[serde(default)]
    conservation: BTreeMap<String, LegFile>,
}

#[derive(Deserialize)]
struct LegFile {
    #[serde(default)]
    rejected: u64,
}

impl Told {
    /// Reads what a run said.
    ///
    /// # Errors
    /// [`ToldError`] where one of them is no output of a run.
    pub fn read(summary: &[u8], breaks: &[u8]) -> Result<Told, ToldError> {
        let SummaryFile { engine_version, as_of, policy_sha256, classes, needs_person, conservation } =
            serde_json::from_slice(summary)?;
        let mut lines = BTreeMap::new();
        for line in csv::Reader::from_reader(breaks).deserialize() {
            let line: Break = line?;
            lines.insert(line.break_id.clone(), line);
        }
        let rejected = conservation.values().fold(0_u64, |sum, leg| sum.saturating_add(leg.rejected));
        let terms = Terms { as_of, engine_version, policy_sha256 };
        Ok(Told { terms, classes, needs_person, rejected, breaks: lines })
    }
}

/// What was found about a break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The class.
    pub class: String,
    /// The reason, where the class alone does not say it.
    pub reason: String,
    /// How soon somebody must look.
    pub severity: String,
    /// ISO code of the amounts.
    pub currency: String,
    /// What the order expects; empty where it expects nothing.
    pub order_amount: String,
    /// What the provider says; empty where it says nothing.
    pub report_amount: String,
    /// Report − order.
    pub difference: String,
}

/// A break that one side has and the other has not, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The lasting identity.
    pub break_id: String,
    /// The account.
    pub account: String,
    /// The shop inside the account.
    pub store: String,
    /// The CIP, or several.
    pub cip: String,
    /// The order's reference.
    pub reference_id: String,
    /// The operation number.
    pub operation_number: String,
    /// What was found before; absent where it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Finding>,
    /// What is found now; absent where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Finding>,
}

/// A class on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassChange {
    /// What it amounted to.
    pub before: Total,
    /// What it amounts to.
    pub after: Total,
}

/// How many breaks are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Not there before.
    pub new: usize,
    /// No longer there.
    pub gone: usize,
    /// There with another class, reason, severity or amount.
    pub changed: usize,
    /// As they were.
    pub same: usize,
}

/// What the later of two runs says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Under what the earlier one was made; absent where there is none.
    pub before: Option<Terms>,
    /// Under what the later one was made.
    pub after: Terms,
    /// The tables in which the two policies differ, as far as both texts are known.
    pub policy_tables_changed: Vec<String>,
    /// How many breaks are new, gone, changed and as they were.
    pub breaks: Counts,
    /// Every class that either side has.
    pub classes: BTreeMap<String, ClassChange>,
    /// Breaks that were not there, by identity.
    pub new: Vec<Change>,
    /// Breaks that are there no longer.
    pub gone: Vec<Change>,
    /// Breaks of which something else is said.
    pub changed: Vec<Change>,
    /// What somebody must look at beside the breaks and needed not before.
    pub needs_person_new: BTreeSet<String>,
    /// Rows that cannot be read, before and after.
    pub rejected: [u64; 2],
}

/// Holds a run against the one before; without one, all of it is new.
#[must_use]
pub fn difference(before: Option<&Told>, after: &Told, policy_tables_changed: Vec<String>) -> Difference {
    let nothing = Told::default();
    let (terms, before) = (before.map(|told| told.terms.clone()), before.unwrap_or(&nothing));
    let mut counts = Counts::default();
    let (mut new, mut gone, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let ids: BTreeSet<&String> = before.breaks.keys().chain(after.breaks.keys()).collect();
    for id in ids {
        match (before.breaks.get(id), after.breaks.get(id)) {
            (Some(was), Some(is)) if finding(was) == finding(is) => {
                counts.same = counts.same.saturating_add(1);
            }
            (Some(was), Some(is)) => changed.push(change(is, Some(was), Some(is))),
            (None, Some(is)) => new.push(change(is, None, Some(is))),
            (Some(was), None) => gone.push(change(was, Some(was), None)),
            (None, None) => {}
        }
    }
    (counts.new, counts.gone, counts.changed) = (new.len(), gone.len(), changed.len());
    Difference {
        before: terms,
        after: after.terms.clone(),
        policy_tables_changed,
        breaks: counts,
        classes: classes(before, after),
        new,
        gone,
        changed,
        needs_person_new: after.needs_person.difference(&before.needs_person).cloned().collect(),
        rejected: [before.rejected, after.rejected],
    }
}

fn classes(before: &Told, after: &Told) -> BTreeMap<String, ClassChange> {
    let words: BTreeSet<&String> = before.classes.keys().chain(after.classes.keys()).collect();
    let total = |told: &Told, word: &str| told.classes.get(word).cloned().unwrap_or_default();
    words
        .into_iter()
        .map(|word| (word.clone(), ClassChange { before: total(before, word), after: total(after, word) }))
        .collect()
}

fn change(about: &Break, before: Option<&Break>, after: Option<&Break>) -> Change {
    Change {
        break_id: about.break_id.clone(),
        account: about.account.clone(),
        store: about.store.clone(),
        cip: about.cip.clone(),
        reference_id: about.reference_id.clone(),
        operation_number: about.operation_number.clone(),
        before: before.map(finding),
        after: after.map(finding),
    }
}

fn finding(line: &Break) -> Finding {
    Finding {
        class: line.class.clone(),
        reason: line.reason.clone(),
        severity: line.severity.clone(),
        currency: line.currency.clone(),
        order_amount: line.order_amount.clone(),
        report_amount: line.report_amount.clone(),
        difference: line.difference.clone(),
    }
}

impl Difference {
    /// The file of a run, indented, with a line end.
    ///
    /// # Errors
    /// None in practice: every key is text.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Whether a person who knows the earlier run learns of anything to look at: a break that is new or has changed, more rows that
    /// cannot be read, something beside the breaks, or other terms. A break that is gone needs nobody.
    #[must_use]
    pub fn needs_telling(&self) -> bool {
        let [rejected_before, rejected] = self.rejected;
        self.breaks.new > 0
            || self.breaks.changed > 0
            || !self.needs_person_new.is_empty()
            || rejected > rejected_before
            || !changed_terms(self.before.as_ref(), &self.after, &self.policy_tables_changed).is_empty()
    }

    /// One line for people: `Since the run of …: 2 new, 1 gone, 0 changed, 14 as they were.` Absent for a first run.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let Counts { new, gone, changed, same } = self.breaks;
        let since = when(self.before.as_ref()?);
        Some(format!(
            "Breaks since the run of {since}: {new} new, {changed} changed, {gone} gone, {same} as they were."
        ))
    }
}

/// What is to be said where a run is made under other terms than the one before: another policy, another engine.
#[must_use]
pub fn changed_terms(before: Option<&Terms>, after: &Terms, tables: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(before) = before else { return notes };
    let since = when(before);
    if before.policy_sha256 != after.policy_sha256 {
        let what = if tables.is_empty() { String::new() } else { format!(" ({})", tables.join(", ")) };
        let (was, is) = (short(&before.policy_sha256), short(&after.policy_sha256));
        notes.push(format!("the policy has changed since the run of {since}: {was} -> {is}{what}"));
    }
    if before.engine_version != after.engine_version {
        let (was, is) = (&before.engine_version, &after.engine_version);
        notes.push(format!("the engine has changed since the run of {since}: {was} -> {is}"));
    }
    notes
}

/// As much of a hash as a person compares.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// `2026-03-02 07:00`.
fn when(terms: &Terms) -> String {
    let time = terms.as_of.as_deref().unwrap_or("no time");
    time.replacen('T', " ", 1).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "break_id,class,reason,severity,account,store,cip,reference_id,operation_number,currency,order_amount,report_amount,difference,differences";

    /// A run at seven in the morning of the day, with the lines `id class order_amount report_amount`.
    fn told(day: u32, policy: &str, lines: &[&str]) -> Told {
        let mut breaks = format!("{HEADER}\n");
        let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
        for line in lines {
            let [id, class, order, report] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            *classes.entry(class).or_default() += 1;
            breaks.push_str(&format!("{id},{class},,high,tienda,,7,\"A, 7\",,PEN,{order},{report},,\n"));
        }
        let classes: BTreeMap<_, _> = classes
            .into_iter()
            .map(|(class, count)| {
                (class, serde_json::json!({"count": count, "minor": 100, "by_currency": {}}))
            })
            .collect();
        let summary = serde_json::json!({
            "engine_version": "0.1.0", "as_of": format!("2026-03-0{day}T07:00:00-05:00"),
            "policy_sha256": policy, "classes": classes, "inputs": [], "needs_person": [],
            "conservation": {"orders": {"rejected": 1}, "reports": {"rejected": 2}},
        });
        Told::read(summary.to_string().as_bytes(), breaks.as_bytes()).unwrap()
    }

    #[test]
    fn breaks_are_new_gone_changed_or_as_they_were_by_their_identity() {
        let before = told(4, "p", &["a unpaid 1.00 2.00", "b late 1.00 1.00", "c late 3.00 3.00"]);
        let after = told(5, "p", &["b late 1.00 1.00", "c late 3.00 4.00", "d unpaid 1.00 2.00"]);
        let found = difference(Some(&before), &after, Vec::new());
        assert_eq!(found.breaks, Counts { new: 1, gone: 1, changed: 1, same: 1 });
        let ids = |changes: &[Change]| changes.iter().map(|c| c.break_id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&found.new), ids(&found.gone), ids(&found.changed)),
            (vec!["d".to_owned()], vec!["a".to_owned()], vec!["c".to_owned()])
        );
        let amount = |finding: &Option<Finding>| finding.as_ref().unwrap().report_amount.clone();
        assert_eq!(
            (amount(&found.changed[0].before), amount(&found.changed[0].after)),
            ("3.00".into(), "4.00".into())
        );
        assert_eq!(found.changed[0].reference_id, "A, 7");
        let late = &found.classes["late"];
        assert_eq!((late.before.count, late.after.count), (2, 2));
        assert_eq!(found.rejected, [3, 3]);
        assert_eq!(
            found.sentence().unwrap(),
            "Breaks since the run of 2026-03-04 07:00: 1 new, 1 changed, 1 gone, 1 as they were."
        );
    }

    #[test]
    fn a_first_run_is_new_as_a_whole() {
        let found = difference(None, &told(5, "p", &["a unpaid 1.00 2.00"]), Vec::new());
        assert_eq!((found.breaks.new, found.before.is_none(), found.sentence()), (1, true, None));
        assert_eq!(found.classes["unpaid"].before, Total::default());
    }

    #[test]
    fn a_person_is_told_of_what_is_new_and_not_of_what_is_gone() {
        let check = |before: &Told, after: &Told, expected: bool| {
            assert_eq!(difference(Some(before), after, Vec::new()).needs_telling(), expected);
        };
        let before = told(4, "p", &["a late 1.00 1.00"]);
        check(&before, &told(5, "p", &["a late 1.00 1.00"]), false);
        check(&before, &told(5, "p", &[]), false);
        check(&before, &told(5, "p", &["a late 1.00 2.00"]), true);
        check(&before, &told(5, "p", &["a late 1.00 1.00", "b late 1.00 1.00"]), true);
        check(&before, &told(5, "q", &["a late 1.00 1.00"]), true);
        let with = |change: fn(&mut Told)| {
            let mut after = told(5, "p", &["a late 1.00 1.00"]);
            change(&mut after);
            after
        };
        check(&before, &with(|told| told.rejected = 4), true);
        check(&before, &with(|told| told.rejected = 2), false);
        check(&before, &with(|told| told.needs_person.extend(["a file was left out".to_owned()])), true);
        check(&before, &with(|told| told.terms.engine_version = "0.2.0".to_owned()), true);
    }

    #[test]
    fn other_terms_are_said_in_one_line_each() {
        let terms = |policy: &str, engine: &str| Terms {
            as_of: Some("2026-03-04T07:00:00-05:00".to_owned()),
            engine_version: engine.to_owned(),
            policy_sha256: policy.repeat(64),
        };
        let before = terms("a", "0.1.0");
        let check = |after: &Terms, tables: &[&str], expected: &[&str]| {
            let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
            assert_eq!(changed_terms(Some(&before), after, &tables), expected);
        };
        check(&before, &[], &[]);
        check(
            &terms("b", "0.1.0"),
            &["grace", "tolerance"],
            &[
                "the policy has changed since the run of 2026-03-04 07:00: aaaaaaaaaaaa -> bbbbbbbbbbbb (grace, tolerance)",
            ],
        );
        check(
            &terms("a", "0.2.0"),
            &[],
            &["the engine has changed since the run of 2026-03-04 07:00: 0.1.0 -> 0.2.0"],
        );
        assert!(changed_terms(None, &before, &[]).is_empty());
    }

    #[test]
    fn what_is_no_output_of_a_run_is_refused() {
        let check = |summary: &str, breaks: &str, part: &str| {
            let error = Told::read(summary.as_bytes(), breaks.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check("{}", HEADER, "summary.json");
        check(r#"{"as_of":null,"policy_sha256":"","classes":{}}"#, "break_id,class\na\n", "breaks.csv");
    }
}
