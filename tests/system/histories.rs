//! The histories of `docs/histories.md`, each run in the order written, in reverse, from every other fact on and with
//! every fact told twice.

mod arrivals;
mod language;

use std::collections::BTreeSet;

use cuadre::config::Policy;
use cuadre::lang::Lang;
use cuadre::lifecycle::cip::CodeState;
use cuadre::lifecycle::label::Label;
use cuadre::lifecycle::operations::Standing;
use cuadre::lifecycle::shipping::{Hold, holds};
use cuadre::lifecycle::story::{Payment, Story, fold};
use cuadre::money::{Currency, format_minor};

use language::{ACCOUNT, Fact, cip, evidence, read_facts, read_time};

const PAGE: &str = include_str!("../../docs/histories.md");

/// The columns of a table of histories.
const COLUMNS: [&str; 7] = ["name", "facts", "at", "state", "payments", "ships", "label"];

const HISTORIES_MIN: usize = 60;

/// What is told of a history: state, payments, ships, label.
type Told = [String; 4];

/// One line of the tables.
struct History {
    name: &'static str,
    facts: &'static str,
    at: &'static str,
    told: Told,
}

/// The tables of the page: under which heading each stands, and its rows, of which the first names the columns.
fn tables() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    let mut tables: Vec<(&str, Vec<Vec<&str>>)> = Vec::new();
    let (mut heading, mut in_table) = ("", false);
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix('#') {
            heading = title.trim_start_matches('#').trim();
        }
        match line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) {
            Some(line) => {
                if !in_table {
                    tables.push((heading, Vec::new()));
                }
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let rule = cells.iter().all(|cell| *cell == "---");
                tables.last_mut().unwrap().1.extend((!rule).then_some(cells));
                in_table = true;
            }
            None => in_table = false,
        }
    }
    tables
}

fn histories() -> Vec<History> {
    let of_histories = tables().into_iter().filter(|(_, rows)| rows[0] == COLUMNS);
    let rows = of_histories.flat_map(|(_, rows)| rows.into_iter().skip(1));
    rows.map(|row| match row.as_slice() {
        [name, facts, at, told @ ..] => {
            let told = told.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
            let told = told.try_into().unwrap_or_else(|cells| panic!("{name}: {cells:?} are not four cells"));
            History { name, facts, at, told }
        }
        _ => panic!("{row:?} is no history"),
    })
    .collect()
}

/// The policy that the page shows.
fn policy() -> Policy {
    let toml = PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    Policy::parse(toml.unwrap()).unwrap()
}

fn told(facts: &[&Fact], at: &str, policy: &Policy) -> Told {
    let story = fold(cip(), &evidence(facts.iter().copied()), &policy.meanings, read_time(at).unwrap());
    let holds = holds(&story, |order| policy.tolerance_minor(ACCOUNT, order));
    let reasons: Vec<_> = holds.iter().map(|hold| hold.word()).collect();
    [
        story.state.map_or("not known", CodeState::word).to_owned(),
        or_word("none", &payments(&story), "; "),
        or_word("yes", &reasons, ", "),
        Label::of(&story, &holds).word().to_owned(),
    ]
}

/// The words joined, or the one that says that there are none.
fn or_word<T: AsRef<str>>(nothing: &str, words: &[T], between: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() { nothing.to_owned() } else { words.join(between) }
}

fn payments(story: &Story) -> Vec<String> {
    story.payments.iter().map(payment).collect()
}

/// `#1 10.00 late less 4.00 settled L-1 deposited 2026-03-05`.
fn payment(payment: &Payment) -> String {
    let amount = |minor: i64| format_minor(i128::from(minor));
    let standing = match payment.standing {
        Standing::Live => None,
        Standing::Refunded => Some("refunded".to_owned()),
        Standing::Reversed => Some("reversed".to_owned()),
    };
    let words = [
        payment.number.as_ref().map(|number| format!("#{number}")),
        Some(amount(payment.money.minor)),
        (payment.money.currency == Currency::Usd).then(|| "USD".to_owned()),
        payment.late.then(|| "late".to_owned()),
        standing,
        payment.refunded_part.map(|part| format!("less {}", amount(part))),
        payment.settlement_id.as_ref().map(|settlement| format!("settled {settlement}")),
        payment.deposited_on.map(|day| format!("deposited {day}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The ways in which a history is told.
fn ways<'f>(facts: &'f [Fact]) -> Vec<(String, Vec<&'f Fact>)> {
    let written: Vec<&Fact> = facts.iter().collect();
    let mut ways: Vec<(String, Vec<&'f Fact>)> = (0..facts.len().max(1))
        .map(|start| {
            let mut turned = written.clone();
            turned.rotate_left(start);
            (format!("from fact {} on", start + 1), turned)
        })
        .collect();
    ways.push(("in reverse".to_owned(), written.iter().rev().copied().collect()));
    ways.push(("each fact twice".to_owned(), written.iter().flat_map(|fact| [*fact, *fact]).collect()));
    ways.push(("all of it twice".to_owned(), [written.clone(), written].concat()));
    ways
}

#[test]
fn every_history_comes_out_as_it_is_written() {
    let policy = policy();
    let mut otherwise = Vec::new();
    for history in histories() {
        let facts = read_facts(history.facts).unwrap_or_else(|fault| panic!("{}: {fault}", history.name));
        read_time(history.at).unwrap_or_else(|fault| panic!("{}: {fault}", history.name));
        for (way, facts) in ways(&facts) {
            let told = told(&facts, history.at, &policy);
            if told != history.told {
                otherwise.push(format!(
                    "{}, {way}:\n  written {:?}\n  told    {told:?}",
                    history.name, history.told
                ));
            }
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

#[test]
fn the_histories_are_many_and_each_has_a_name_of_its_own() {
    let histories = histories();
    assert!(histories.len() >= HISTORIES_MIN, "{} histories", histories.len());
    let names: BTreeSet<&str> = histories.iter().map(|history| history.name).collect();
    assert_eq!(names.len(), histories.len());
    let facts: BTreeSet<(&str, &str)> = histories.iter().map(|history| (history.facts, history.at)).collect();
    assert_eq!(facts.len(), histories.len(), "a history is told under two names");
}

/// Every state, standing, reason not to ship and label is the outcome of some history.
#[test]
fn every_outcome_occurs() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for history in histories() {
        let [state, payments, ships, label] = &history.told;
        seen.insert(format!("state {state}"));
        seen.insert(format!("label {label}"));
        seen.extend(ships.split(", ").map(|word| format!("ships {word}")));
        for payment in payments.split("; ") {
            let back = ["refunded", "reversed"].into_iter().find(|word| payment.contains(word));
            seen.insert(format!(
                "payment {}",
                back.unwrap_or(if payment == "none" { "none" } else { "live" })
            ));
            let more = ["late", "less", "settled", "deposited", "USD"];
            seen.extend(
                more.into_iter().filter(|word| payment.contains(word)).map(|word| format!("payment {word}")),
            );
        }
    }
    let states = [CodeState::Pending, CodeState::Paid, CodeState::Expired, CodeState::Removed];
    let mut wanted = vec!["state not known".to_owned(), "ships yes".to_owned()];
    wanted.extend(states.map(|state| format!("state {}", state.word())));
    wanted.extend(Hold::ALL.map(|hold| format!("ships {}", hold.word())));
    wanted.extend(Label::ALL.map(|label| format!("label {}", label.word())));
    let of_payments = ["none", "live", "refunded", "reversed", "late", "less", "settled", "deposited", "USD"];
    wanted.extend(of_payments.map(|word| format!("payment {word}")));
    assert_eq!(seen, wanted.into_iter().collect());
}

#[test]
fn the_page_lists_what_people_are_told() {
    for lang in Lang::ALL {
        let code = format!("({})", lang.code());
        let (_, rows) = tables().into_iter().find(|(heading, _)| heading.ends_with(&code)).unwrap();
        let listed: Vec<Vec<&str>> = rows.into_iter().skip(1).collect();
        let spoken = Label::ALL.map(|label| vec![label.word(), label.says(lang), label.customer_does(lang)]);
        assert_eq!(listed, spoken, "{lang:?}");
    }
}

#[test]
fn the_page_lists_every_reason_not_to_ship() {
    let (_, rows) = tables().into_iter().find(|(heading, _)| *heading == "May it ship").unwrap();
    let listed: Vec<&str> = rows.iter().skip(1).map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(listed, Hold::ALL.map(Hold::word));
}

/// The examples in the table of words are words of the language, with and without what is in brackets.
#[test]
fn the_page_s_words_are_understood() {
    let (_, rows) = tables().into_iter().find(|(heading, _)| *heading == "How to read a history").unwrap();
    for row in rows.iter().skip(1) {
        let example = row[0].trim_matches('`').replace('…', "paid");
        let full = example.replace(['[', ']'], "");
        let bare: String =
            example.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
        for words in [full, bare] {
            assert!(read_facts(&words).is_ok(), "{words}: {:?}", read_facts(&words));
        }
    }
}
