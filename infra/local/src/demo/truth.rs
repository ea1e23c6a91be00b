//! Compares what the system said with what was planted, line by line. Pure.

use std::collections::BTreeMap;

use cuadre::money::{Currency, parse_minor};

use super::acts::Aftermath;
use super::plan::{Code, Plan};
use crate::failure::Failure;

/// A class with its reason; an empty reason where the class says it all.
pub(super) type Finding = (String, String);

/// One line of the outputs, as far as it is planted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) finding: Finding,
    pub(super) reference: String,
    pub(super) cip: String,
}

/// One line of the outputs with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) told: Told,
    /// The order's amount, else the provider's, in minor units; nothing where neither is there.
    value: Option<(Currency, i64)>,
}

/// How often something was planted and told, and what the told lines are worth, in minor units of each currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) planted: u64,
    pub(super) told: u64,
    pub(super) minor: BTreeMap<Currency, i128>,
}

/// Planted and told, side by side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Each finding that was planted or told.
    pub(super) tallies: BTreeMap<Finding, Tally>,
    /// Planted and not told.
    pub(super) missed: Vec<Told>,
    /// Told and not planted.
    pub(super) invented: Vec<Told>,
}

impl Comparison {
    /// Whether the system said what it had to say and nothing else.
    pub(super) fn is_equal(&self) -> bool {
        self.missed.is_empty() && self.invented.is_empty()
    }
}

/// What a right run says of this plan, once the shop has its CIPs.
pub(super) fn planted(plan: &Plan, cips: &BTreeMap<(usize, Code), u64>) -> Vec<Told> {
    let told = |planted: &super::plan::Planted| Told {
        finding: (planted.class.to_owned(), planted.reason.to_owned()),
        reference: plan.orders.get(planted.order).map(|order| order.reference.clone()).unwrap_or_default(),
        cip: cips.get(&(planted.order, planted.code)).map(u64::to_string).unwrap_or_default(),
    };
    plan.planted.iter().map(told).collect()
}

/// What the outputs say: every line of `breaks.csv`, `matched.csv` and `rejected.csv`, and the open ones of
/// `open.ndjson`.
pub(super) fn told(plan: &Plan, aftermath: &Aftermath) -> Result<Vec<Line>, Failure> {
    let owners: BTreeMap<String, &str> = aftermath
        .cips
        .iter()
        .filter_map(|((order, _), cip)| Some((cip.to_string(), plan.orders.get(*order)?.reference.as_str())))
        .collect();
    let mut lines = Vec::new();
    for name in ["breaks.csv", "matched.csv"] {
        lines.extend(read_csv(output(aftermath, name)?).map_err(|error| Failure::defect(name, &error))?);
    }
    let open = output(aftermath, "open.ndjson")?;
    lines.extend(read_open(open).map_err(|error| Failure::defect("open.ndjson", &error))?);
    let rejected = output(aftermath, "rejected.csv")?;
    lines.extend(read_rejected(rejected).map_err(|error| Failure::defect("rejected.csv", &error))?);
    for Line { told, .. } in &mut lines {
        // A notice bears no order's reference; its CIP tells whose it is.
        if let Some(owner) = owners.get(&told.cip).filter(|_| told.reference.is_empty()) {
            told.reference = (*owner).to_owned();
        }
    }
    Ok(lines)
}

/// One output of the run.
pub(super) fn output<'a>(aftermath: &'a Aftermath, name: &str) -> Result<&'a [u8], Failure> {
    let found = aftermath.outputs.iter().find(|(output, _)| output == name);
    found
        .map(|(_, bytes)| bytes.as_slice())
        .ok_or_else(|| Failure::Defect(format!("the run wrote no {name}")))
}

fn read_csv(bytes: &[u8]) -> Result<Vec<Line>, csv::Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader.deserialize::<BTreeMap<String, String>>().map(|row| row.map(|row| line_of(&row))).collect()
}

/// A row that could not be read counts under the field that is to blame; a demo plants none.
fn read_rejected(bytes: &[u8]) -> Result<Vec<Line>, csv::Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| {
        let row = row?;
        let field = |name: &str| row.get(name).cloned().unwrap_or_default();
        let finding = ("rejected".to_owned(), field("field"));
        Ok(Line { told: Told { finding, reference: field("file"), cip: field("line") }, value: None })
    })
    .collect()
}

fn read_open(bytes: &[u8]) -> Result<Vec<Line>, serde_json::Error> {
    let mut open = Vec::new();
    for line in
        serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Map<String, serde_json::Value>>()
    {
        let texts =
            line?.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        open.push(line_of(&texts));
    }
    // Unpaid orders live on as well, and stand in matched.csv.
    open.retain(|line| line.told.finding.0 == "open");
    Ok(open)
}

fn line_of(row: &BTreeMap<String, String>) -> Line {
    let field = |name: &str| row.get(name).cloned().unwrap_or_default();
    let told = Told {
        finding: (field("class"), field("reason")),
        reference: field("reference_id"),
        cip: field("cip"),
    };
    let minor = parse_minor(&field("order_amount")).or_else(|_| parse_minor(&field("report_amount"))).ok();
    Line { told, value: Currency::from_code(&field("currency")).zip(minor) }
}

/// Holds the two against each other.
pub(super) fn compare(mut planted: Vec<Told>, lines: Vec<Line>) -> Comparison {
    let mut comparison = Comparison::default();
    for told in &planted {
        comparison.tallies.entry(told.finding.clone()).or_default().planted += 1;
    }
    for Line { told, value } in &lines {
        let tally = comparison.tallies.entry(told.finding.clone()).or_default();
        tally.told += 1;
        if let Some((currency, minor)) = value {
            *tally.minor.entry(*currency).or_default() += i128::from(*minor);
        }
    }
    let mut told: Vec<Told> = lines.into_iter().map(|line| line.told).collect();
    planted.sort();
    told.sort();
    comparison.missed = surplus(&planted, &told);
    comparison.invented = surplus(&told, &planted);
    comparison
}

/// What the first list has more often than the second.
fn surplus(of: &[Told], over: &[Told]) -> Vec<Told> {
    let mut left: BTreeMap<&Told, u64> = BTreeMap::new();
    for line in over {
        *left.entry(line).or_default() += 1;
    }
    let mut surplus = Vec::new();
    for line in of {
        match left.get_mut(line).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => surplus.push(line.clone()),
        }
    }
    surplus
}

/// Whether the callback function took exactly the notices that it had to take, and the shop heard of each once.
pub(super) fn notices_as_planted(plan: &Plan, aftermath: &Aftermath) -> bool {
    let planted = plan.notices;
    aftermath.answers.accepted == planted.announced + planted.repeated
        && aftermath.answers.refused == planted.forged
        && aftermath.notices_stored == planted.announced
        && u64::try_from(aftermath.forwarded) == Ok(planted.announced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(class: &str, reason: &str, reference: &str) -> Told {
        Told {
            finding: (class.to_owned(), reason.to_owned()),
            reference: reference.to_owned(),
            cip: "1".to_owned(),
        }
    }

    fn lines(told: &[Told]) -> Vec<Line> {
        told.iter().map(|told| Line { told: told.clone(), value: Some((Currency::Pen, 100)) }).collect()
    }

    #[test]
    fn equal_lists_in_any_order_are_equal() {
        let planted = [told("matched", "", "A"), told("unpaid", "", "B"), told("matched", "", "C")];
        let reversed: Vec<_> = planted.iter().rev().cloned().collect();
        let comparison = compare(planted.to_vec(), lines(&reversed));
        assert!(comparison.is_equal());
        let expected = Tally { planted: 2, told: 2, minor: BTreeMap::from([(Currency::Pen, 200)]) };
        assert_eq!(comparison.tallies[&("matched".to_owned(), String::new())], expected);
    }

    #[test]
    fn what_was_missed_and_what_was_invented_are_named() {
        let planted = vec![told("matched", "", "A"), told("matched", "", "A"), told("open", "x", "B")];
        let comparison = compare(planted, lines(&[told("matched", "", "A"), told("open", "y", "B")]));
        assert_eq!(comparison.missed, [told("matched", "", "A"), told("open", "x", "B")]);
        assert_eq!(comparison.invented, [told("open", "y", "B")]);
    }

    #[test]
    fn counts_alone_do_not_make_it_equal() {
        let comparison = compare(vec![told("matched", "", "A")], lines(&[told("matched", "", "B")]));
        assert!(!comparison.is_equal());
    }

    #[test]
    fn lines_are_read_by_their_column_names() {
        let csv = b"class,extra,reason,cip,reference_id,currency,order_amount,report_amount\n\
            status_mismatch,\"a,b\",claimed_unpaid,5,PED-1,PEN,22.50,20.00\n\
            missing_order,,,6,,USD,,20.00\n";
        let mismatch = Told {
            finding: ("status_mismatch".to_owned(), "claimed_unpaid".to_owned()),
            reference: "PED-1".to_owned(),
            cip: "5".to_owned(),
        };
        let missing = Told {
            finding: ("missing_order".to_owned(), String::new()),
            reference: String::new(),
            cip: "6".to_owned(),
        };
        let expected = [
            Line { told: mismatch.clone(), value: Some((Currency::Pen, 2_250)) },
            Line { told: missing, value: Some((Currency::Usd, 2_000)) },
        ];
        assert_eq!(read_csv(csv).unwrap(), expected);
        let rejected =
            read_rejected(b"file,line,field,reason,value\na.ndjson,3,amount,\"is, bad\",x\n").unwrap();
        assert_eq!(rejected[0].told.finding, ("rejected".to_owned(), "amount".to_owned()));
        let open = br#"{"class":"unpaid","cip":"9"}
{"class":"open","reason":"claimed_unpaid","cip":"5","reference_id":"PED-1","facts":[]}"#;
        let told = Told { finding: ("open".to_owned(), "claimed_unpaid".to_owned()), ..mismatch };
        assert_eq!(read_open(open).unwrap(), [Line { told, value: None }]);
    }
}
