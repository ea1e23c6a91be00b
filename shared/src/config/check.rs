//! Every fault of a policy at once, each with its line, key and remedy.
//!
//! Reading a policy stops at its first fault; here that line is taken away and the rest is read again.

use toml::Table;

use super::{Policy, PolicyError};

/// Faults that are told; whoever has more begins with these.
const FAULTS_MAX: usize = 50;

/// Two names that differ in no more than this may be the same word misspelt.
const DISTANCE_MAX: usize = 2;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// Line of the text, 1 for the first, where it can be told.
    pub line: Option<usize>,
    /// The key, as far as it can be told.
    pub key: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// Every fault of a policy's text; none where it is good. A line with several faults is told of with its first.
#[must_use]
pub fn faults(text: &str) -> Vec<PolicyFault> {
    let (original, mut text, mut faults) = (text, text.to_owned(), Vec::new());
    let mut taken_away: Vec<String> = Vec::new();
    while faults.len() < FAULTS_MAX {
        let Err(error) = Policy::parse(&text) else { break };
        let fault = renumbered(original, fault(&text, &error));
        let line = fault.line;
        // What is missing only because it was at fault has been told of; its table goes with it.
        if missing(&fault.message).is_none_or(|name| !taken_away.iter().any(|taken| taken == name)) {
            faults.push(fault);
        }
        taken_away.extend(line.and_then(|line| name_on(&text, line)));
        // Past a fault of the syntax nothing can be told, nor past one whose place is not known.
        let rest = line.filter(|_| is_toml(&text)).and_then(|line| without(&text, line));
        match rest {
            Some(rest) => text = rest,
            None => break,
        }
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

fn is_toml(text: &str) -> bool {
    toml::from_str::<Table>(text).is_ok()
}

fn fault(text: &str, error: &PolicyError) -> PolicyFault {
    match error {
        PolicyError::Toml { line, key, message } => {
            let meant = meant(message).map(|name| format!("; is {name} meant?")).unwrap_or_default();
            let message = format!("{message}{meant}; correct it, or leave it out for the default");
            PolicyFault { line: Some(*line), key: key.clone(), message }
        }
        other => {
            let message = other.to_string();
            let (key, reason) = named(&message).unwrap_or(("", &message));
            let line = line_of(text, &segments(key));
            PolicyFault { line, key: key.to_owned(), message: reason.to_owned() }
        }
    }
}

/// The fault with the number that its table has in the whole text: those before it may have been taken away.
fn renumbered(original: &str, mut fault: PolicyFault) -> PolicyFault {
    if let (Some(line), Some((before, numbered))) = (fault.line, fault.key.split_once('['))
        && let Some((_, after)) = numbered.split_once(']')
    {
        let table = segments(before);
        let headers = original.lines().take(line).filter(|line| line.trim().starts_with("[["));
        let number = headers.filter_map(header).filter(|name| segments(name) == table).count();
        if number > 0 {
            fault.key = format!("{before}[{number}]{after}");
        }
    }
    fault
}

/// Key and reason of a message such as `policy key tolerance.absolute: … `.
fn named(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("policy key ")?;
    let end = [": ", " is "].iter().filter_map(|end| rest.find(end)).min()?;
    let (key, reason) = rest.split_at_checked(end)?;
    Some((key, reason.trim_start_matches(':').trim_start()))
}

/// The parts of a dotted key; points within quotation marks belong to a part.
fn segments(key: &str) -> Vec<String> {
    let (mut parts, mut quote) = (vec![String::new()], None);
    for character in key.trim().chars() {
        match (quote, character) {
            (None, '.') => parts.push(String::new()),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, blank) if blank.is_whitespace() => {}
            _ => parts.last_mut().into_iter().for_each(|part| part.push(character)),
        }
    }
    parts
}

/// The line on which a key stands, or the table in which it is, whichever is nearest. A part such as `rates[2]` is the second
/// table of that name.
fn line_of(text: &str, key: &[String]) -> Option<usize> {
    let (mut table, mut repeated) = (Vec::new(), Vec::new());
    let mut nearest: Option<(usize, usize)> = None;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let path = match (header(line), line.split_once('=')) {
            (Some(name), _) => {
                table = segments(name);
                if line.starts_with("[[") {
                    repeated.push(table.clone());
                    let so_many = repeated.iter().filter(|known| **known == table).count();
                    table.last_mut().into_iter().for_each(|last| last.push_str(&format!("[{so_many}]")));
                }
                table.clone()
            }
            (None, Some((name, _))) if !line.starts_with('#') => [table.clone(), segments(name)].concat(),
            _ => continue,
        };
        if leads_to(&path, key) && nearest.is_none_or(|(length, _)| path.len() > length) {
            nearest = Some((path.len(), number));
        }
    }
    nearest.map(|(_, number)| number)
}

/// Whether a key lies at or below a path. Tables that are written in one line have no number there.
fn leads_to(path: &[String], key: &[String]) -> bool {
    let same = |(part, of_key): (&String, &String)| {
        part == of_key || of_key.split_once('[').is_some_and(|(name, _)| name == part)
    };
    path.len() <= key.len() && path.iter().zip(key).all(same)
}

fn header(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?;
    Some(name.trim_start_matches('[').split(']').next().unwrap_or_default())
}

/// The text without what begins on a line: a table with all that stands in it, or a value, which may go on over further
/// lines. Lines keep their numbers. `None` where nothing is left to take away.
fn without(text: &str, line: usize) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let first = line.checked_sub(1)?;
    let mut is_header = false;
    for (number, place) in lines.iter_mut().enumerate().skip(first) {
        if number == first {
            is_header = header(place).is_some();
            if place.is_empty() {
                return None;
            }
        } else if header(place).is_some() {
            break;
        }
        *place = "";
        if !is_header {
            break;
        }
    }
    for number in first.saturating_add(1)..lines.len() {
        let rest = lines.join("\n");
        if is_toml(&rest) {
            return Some(rest);
        }
        if let Some(place) = lines.get_mut(number) {
            *place = "";
        }
    }
    let rest = lines.join("\n");
    is_toml(&rest).then_some(rest)
}

/// The name of what has to be there and is not, by a message such as ``missing field `url` ``.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// The name of the value that begins on a line.
fn name_on(text: &str, line: usize) -> Option<String> {
    let (key, _) = text.lines().nth(line.checked_sub(1)?)?.split_once('=')?;
    segments(key).pop()
}

/// The known name that an unknown one resembles, by a message such as ``unknown field `x`, expected `a` or `b` ``.
fn meant(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown ").then(|| names.next())??;
    let near = names.map(|name| (distance(unknown, name), name)).min()?;
    let (distance, name) = near;
    (distance <= DISTANCE_MAX && distance < unknown.chars().count()).then_some(name)
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (number, left) in (1..).zip(a.chars()) {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), number);
        let mut before = number;
        for (right, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(left != *right));
            diagonal = *cell;
            *cell = changed.min(before.saturating_add(1)).min(cell.saturating_add(1));
            before = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Option<usize>, &str, &str)]) {
        let found = faults(text);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (fault, (line, key, part)) in found.iter().zip(expected) {
            assert!((fault.line, fault.key.as_str()) == (*line, *key), "{fault:?}");
            assert!(fault.message.contains(part), "{fault:?}");
        }
    }

    #[test]
    fn a_good_policy_has_none() {
        check("", &[]);
        check("[grace]\norders_hours = 3\n", &[]);
        let text = include_str!("../../../docs/policy.md");
        let (_, example) = text.split_once("```toml\n").unwrap();
        check(example.split_once("```").unwrap().0, &[]);
    }

    #[test]
    fn every_fault_is_told_with_its_line_key_and_remedy() {
        check(
            "[tolerance]\nabsolute = \"0.055\"\n\n[grace]\norder_hours = 3\nreports_hours = \"a day\"\n\n\
             [covrage]\norders = \"latest\"\n\n[coverage]\norders = \"all\"\n\n[events]\n\"cip.x\" = \"payed\"\n\
             \"cip.reversed\" = \"reversed\"\n\n[accounts.a]\nforward_url = \"http://shop.example\"\n",
            &[
                (Some(2), "tolerance.absolute", "write an amount such as \"0.05\""),
                (Some(5), "order_hours", "is orders_hours meant?"),
                (Some(6), "reports_hours", "expected u32"),
                (Some(8), "[covrage]", "is coverage meant?; correct it, or leave it out"),
                (Some(12), "orders", "unknown variant `all`"),
                (Some(15), "events.\"cip.x\"", "write paid, refunded, reversed"),
                (Some(19), "accounts.a.forward_url", "not an https:// address"),
            ],
        );
    }

    #[test]
    fn values_over_several_lines_and_in_one_line_are_found() {
        let inline = "[tolerance]\nby_currency = { EUR = \"1\" }\n[grace]\nhours = [\n 1,\n 2,\n]\n";
        check(
            inline,
            &[
                (Some(2), "tolerance.by_currency.EUR", "neither PEN nor USD"),
                (Some(4), "hours", "unknown field `hours`"),
            ],
        );
        check("tolerance.absolute = \"x\"", &[(Some(1), "tolerance.absolute", "plain decimal")]);
    }

    #[test]
    fn what_was_at_fault_is_not_missed() {
        let source = "[accounts.a.sources.portal_api]\nkind = \"transaction_report\"\n";
        check(
            &format!("{source}url = \"http://x.example\"\n[covrage]\n"),
            &[
                (Some(3), "accounts.a.sources.portal_api.url", "https://"),
                (Some(4), "[covrage]", "is coverage meant?"),
            ],
        );
        check(source, &[(Some(1), "[accounts.a.sources.portal_api]", "missing field `url`")]);
    }

    #[test]
    fn tables_of_one_name_are_told_apart() {
        let rate = |to: &str, rate: &str| {
            format!(
                "[[fx.rates]]\nfrom = \"USD\"\nto = \"{to}\"\nrate = \"{rate}\"\nto_day = \"2026-03-01\"\n"
            )
        };
        check(
            &format!("{}{}", rate("PEN", "3.75"), rate("EUR", "3.75")),
            &[(Some(8), "fx.rates[2].to", "neither PEN nor USD")],
        );
        check(
            &format!("{}{}", rate("PEN", "3.75"), rate("PEN", "3.75")),
            &[(Some(6), "fx.rates[2]", "end one before the other begins")],
        );
        check(
            &format!(
                "{}{}",
                rate("PEN", "x"),
                rate("PEN", "y").replace("to_day", "from_day").replace("01", "02")
            ),
            &[(Some(4), "fx.rates[1].rate", "plain decimal"), (Some(9), "fx.rates[2].rate", "plain decimal")],
        );
        let inline = "[fx]\nrates = [{ from = \"USD\", to = \"PEN\", rate = \"0\" }]\n";
        check(inline, &[(Some(2), "fx.rates[1].rate", "greater than zero")]);
    }

    #[test]
    fn past_a_fault_of_the_syntax_nothing_is_told() {
        check("[grace\norder_hours = 3", &[(Some(1), "[grace", "")]);
        check("[grace]\norders_hours = = 3\n[covrage]", &[(Some(2), "orders_hours", "")]);
    }

    #[test]
    fn a_misspelt_name_is_known_by_its_letters() {
        let near = |a: &str, b: &str, expected: usize| assert_eq!(distance(a, b), expected, "{a} {b}");
        near("grace", "grace", 0);
        near("grce", "grace", 1);
        near("covrage", "coverage", 1);
        near("", "abc", 3);
        near("kitten", "sitting", 3);
        let meant_by =
            |message: &str, expected: Option<&str>| assert_eq!(meant(message), expected, "{message}");
        meant_by("unknown field `gracee`, expected one of `tolerance`, `grace`", Some("grace"));
        meant_by("unknown field `x`, expected one of `tolerance`, `grace`", None);
        meant_by("unknown field `x`, there are no fields", None);
        meant_by("invalid type: string \"`a`\", expected u32", None);
    }

    #[test]
    fn a_flood_of_faults_is_bounded() {
        let events: String = (0..200).map(|number| format!("\"cip.{number}\" = \"x\"\n")).collect();
        assert_eq!(faults(&format!("[events]\n{events}")).len(), FAULTS_MAX);
    }
}
