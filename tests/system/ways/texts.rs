//! Rows as the files of a world, with its dirt.

use std::fmt::Write as _;

use rand::RngExt;

use super::{Chance, Row};

/// Rows as CSV, with the line ends and the dirt of the world.
pub fn csv(columns: &[&str], rows: &[Row], chance: &mut Chance) -> String {
    let end = chance.one(&["\n", "\n", "\r\n"]).to_owned();
    let mut text = columns.join(",") + &end;
    for row in rows {
        let fields: Vec<&str> = row.iter().map(|(_, value)| value.as_str()).collect();
        text.push_str(&fields.join(","));
        if chance.dirt && chance.odds(30) {
            text.push_str(",too,many");
        }
        text.push_str(&end);
        if chance.dirt && chance.odds(30) {
            text.push_str(&end);
        }
    }
    if chance.odds(4) {
        text.truncate(text.trim_end().len());
    }
    text
}

/// Rows as objects, mostly written as any export writes them.
pub fn ndjson(rows: &[Row], chance: &mut Chance) -> String {
    let mut text = String::new();
    for row in rows {
        let mut members: Vec<String> = row
            .iter()
            .filter(|(_, value)| !value.is_empty() || chance.random.random_ratio(1, 9))
            .map(|(name, value)| format!("{}:{}", serde_json::json!(name), serde_json::json!(value)))
            .collect();
        match chance.random.random_range(0..24) {
            0 => members.reverse(),
            1 => members.extend(members.first().cloned()),
            2 => members.push("\"nota \\u0041\":\"x\"".to_owned()),
            3 => members.iter_mut().for_each(|member| *member = member.replace("\":\"", "\" : \"")),
            4 => members.iter_mut().for_each(|member| *member = member.replace("\"50.00\"", "50.00")),
            5 => members.push("\"x\":null".to_owned()),
            6 => members.iter_mut().for_each(|member| *member = member.replace("PED", "\\u0050ED")),
            7 => members.clear(),
            _ => {}
        }
        let end = if chance.odds(40) { " \r\n" } else { "\n" };
        write!(text, "{{{}}}{end}", members.join(",")).unwrap();
    }
    if chance.odds(4) {
        text.truncate(text.trim_end().len());
    }
    text
}
