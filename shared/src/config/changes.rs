//! What differs between two policies, by the names of their tables. Pure.

use std::collections::BTreeSet;

use toml::{Table, Value};

/// The tables in which two policies' texts differ, in the order of their names: `tolerance`, `accounts.tienda.sources`. None where they
/// differ in comments and blanks alone. A text that is no TOML differs in `policy`.
#[must_use]
pub fn changed_tables(before: &str, after: &str) -> Vec<String> {
    let (Ok(before), Ok(after)) = (before.parse::<Table>(), after.parse::<Table>()) else {
        return if before == after { Vec::new() } else { vec!["policy".to_owned()] };
    };
    let mut changed = Vec::new();
    for name in differing(&before, &after) {
        match (name, table(&before, name), table(&after, name)) {
            ("accounts", before, after) => of_accounts(before, after, &mut changed),
            _ => changed.push(name.to_owned()),
        }
    }
    changed
}

/// An account's tables are named one by one: "accounts" alone would say nothing where there are twenty of them.
fn of_accounts(before: Option<&Table>, after: Option<&Table>, changed: &mut Vec<String>) {
    let nothing = Table::new();
    let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
    for account in differing(before, after) {
        let (Some(before), Some(after)) = (table(before, account), table(after, account)) else {
            changed.push(format!("accounts.{account}"));
            continue;
        };
        changed.extend(differing(before, after).into_iter().map(|key| format!("accounts.{account}.{key}")));
    }
}

/// The keys under which two tables hold something else.
fn differing<'t>(before: &'t Table, after: &'t Table) -> BTreeSet<&'t str> {
    let keys = before.keys().chain(after.keys()).map(String::as_str);
    keys.filter(|key| before.get(*key) != after.get(*key)).collect()
}

fn table<'t>(table: &'t Table, key: &str) -> Option<&'t Table> {
    table.get(key).and_then(Value::as_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_by_its_table() {
        let check = |before: &str, after: &str, expected: &[&str]| {
            assert_eq!(changed_tables(before, after), expected, "{before} -> {after}");
        };
        check("", "", &[]);
        check("[tolerance]\nabsolute = \"0.05\"", "# ours\n[tolerance]\n  absolute = \"0.05\"", &[]);
        check("[tolerance]\nabsolute = \"0.05\"", "[tolerance]\nabsolute = \"0.10\"", &["tolerance"]);
        check("", "[grace]\norders_hours = 1\n[coverage]\norders = \"complete\"", &["coverage", "grace"]);
        check("[accounts.a]\n", "[accounts.a]\n[accounts.b]\n", &["accounts.b"]);
        check(
            "[accounts.a.files]\nx = 1\n[accounts.a.sources]\ny = 1",
            "[accounts.a.files]\nx = 2\n[accounts.a.sources]\ny = 1",
            &["accounts.a.files"],
        );
        check("[accounts.a]\nforward_url = \"x\"", "", &["accounts.a"]);
        check("[tolerance", "", &["policy"]);
    }
}
