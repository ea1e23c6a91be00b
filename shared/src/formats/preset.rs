//! Mappings that ship with Cuadre, by name.

use super::mapping::Mapping;
use super::orders;
use super::plan::ACCOUNT;

/// Name and text of each; the files are documentation as well.
const PRESETS: [(&str, &str); 5] = [
    ("magento", include_str!("../../../docs/mappings/magento.toml")),
    ("peers", include_str!("../../../docs/mappings/peers.toml")),
    ("shopify", include_str!("../../../docs/mappings/shopify.toml")),
    ("shopify-api", include_str!("../../../docs/mappings/shopify-api.toml")),
    ("woocommerce", include_str!("../../../docs/mappings/woocommerce.toml")),
];

/// The mapping that ships under a name: that of its file below `docs/mappings/`, without `.toml`.
#[must_use]
pub fn preset(name: &str) -> Option<Mapping> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Mapping::parse(text).ok()
}

/// Name and text of the preset whose required columns a file of orders has.
pub(super) fn preset_of(has: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    let required = || orders::LAYOUT.fields.iter().filter(|field| field.required && field.name != ACCOUNT);
    let fits = |mapping: &Mapping| {
        let mut sources = required().flat_map(|field| mapping.orders.sources(field));
        required().all(|field| mapping.orders.maps(field.name)) && sources.all(&has)
    };
    PRESETS.into_iter().find(|(_, text)| Mapping::parse(text).is_ok_and(|mapping| fits(&mapping)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Format, Source, read_orders, write_order_ndjson};

    #[test]
    fn every_preset_is_a_good_mapping() {
        for (name, _) in PRESETS {
            assert!(preset(name).is_some(), "{name}");
        }
        assert_eq!(preset("other"), None);
    }

    /// Rows without what their mapping leaves unknown.
    fn check(name: &str, format: Format, bytes: &[u8], expected: &[&str]) {
        let mapping = preset(name).unwrap();
        let source = Source { name, bytes, format, account: Some("1234") };
        let table = read_orders(&source, &mapping.orders).unwrap();
        assert_eq!(table.rejected, [], "{name}");
        let mut lines = Vec::new();
        for mut row in table.rows {
            row.extras.clear();
            write_order_ndjson(&row, &mut lines);
        }
        assert_eq!(String::from_utf8(lines).unwrap().lines().collect::<Vec<_>>(), expected, "{name}");
    }

    #[test]
    fn the_sample_of_each_shop_is_read_with_its_preset() {
        check(
            "shopify",
            Format::Csv,
            include_bytes!("../../../docs/mappings/samples/shopify.csv"),
            &[
                r##"{"account":"1234","reference_id":"#1001","cip":"2405617","amount":"100.00","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00","paid_at":"2026-03-02T11:00:00-05:00","fulfilled_at":"2026-03-03T10:00:00-05:00"}"##,
                r##"{"account":"1234","reference_id":"#1002","amount":"25.50","currency":"USD","status":"cancelled","created_at":"2026-03-02T11:00:00-05:00"}"##,
            ],
        );
        check(
            "shopify-api",
            Format::Json,
            include_bytes!("../../../docs/mappings/samples/shopify-api.json"),
            &[
                r##"{"account":"1234","reference_id":"#1001","cip":"2405617","amount":"100.00","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00","fulfilled_at":"2026-03-03T10:00:00-05:00","payer_id":"71","ip":"203.0.113.7","updated_at":"2026-03-03T10:00:00-05:00"}"##,
                r##"{"account":"1234","reference_id":"#1002","amount":"25.50","currency":"USD","status":"cancelled","created_at":"2026-03-02T11:00:00-05:00","updated_at":"2026-03-02T12:00:00-05:00"}"##,
            ],
        );
        check(
            "woocommerce",
            Format::Json,
            include_bytes!("../../../docs/mappings/samples/woocommerce.json"),
            &[
                r#"{"account":"1234","reference_id":"727","cip":"2405617","amount":"100.00","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00","paid_at":"2026-03-02T11:00:00-05:00","ip":"203.0.113.7","updated_at":"2026-03-02T11:00:05-05:00"}"#,
                r#"{"account":"1234","reference_id":"728","amount":"25.50","currency":"USD","status":"pending","created_at":"2026-03-02T11:00:00-05:00","updated_at":"2026-03-02T11:00:00-05:00"}"#,
            ],
        );
        check(
            "magento",
            Format::Json,
            include_bytes!("../../../docs/mappings/samples/magento.json"),
            &[
                r#"{"account":"1234","reference_id":"000000001","cip":"2405617","amount":"100.00","currency":"PEN","status":"fulfilled","created_at":"2026-03-02T09:30:00-05:00","refunded_amount":"10.50","payer_id":"26","ip":"203.0.113.7","updated_at":"2026-03-03T10:00:00-05:00"}"#,
                r#"{"account":"1234","reference_id":"000000002","amount":"25.50","currency":"USD","status":"cancelled","created_at":"2026-03-02T11:00:00-05:00","updated_at":"2026-03-02T11:00:00-05:00"}"#,
            ],
        );
    }

    fn csv(text: &str) -> Source<'_> {
        Source { name: "orders.csv", bytes: text.as_bytes(), format: Format::Csv, account: Some("1") }
    }

    #[test]
    fn shopify_s_further_rows_of_an_order_are_passed_over() {
        let rows = |toml: &str, text: &str| {
            let mapping = Mapping::parse(toml).unwrap();
            let text = format!("reference_id,amount,currency,status,created_at,item\n{text}");
            let table = read_orders(&csv(&text), &mapping.orders).unwrap();
            let lines: Vec<u64> = table.rejected.iter().map(|row| row.line).collect();
            (table.rows.len(), lines, table.cleansed.get("further_row").copied().unwrap_or_default())
        };
        const REPEATS: &str = "[orders]\nrepeats = \"reference_id\"";
        let check = |text: &str, expected: (usize, Vec<u64>, u64)| {
            assert_eq!(rows(REPEATS, text), expected, "{text}");
        };
        const FIRST: &str = "#1,10.00,PEN,paid,2026-03-02T09:30:00-05:00,Polo\n";
        check(&format!("{FIRST}#1,,,,,Gorra\n#1,, ,,,\n{FIRST}"), (2, vec![], 2));
        // Another order, or an order that lost a field, is no further row.
        check(&format!("{FIRST}#2,,,,,Gorra\n"), (1, vec![3], 0));
        check(&format!("{FIRST}#1,,PEN,,,Gorra\n"), (1, vec![3], 0));
        check(&format!("{FIRST},,,,,Gorra\n"), (1, vec![3], 0));
        check("#1,,,,,Gorra\n", (0, vec![2], 0));
        assert_eq!(rows("", &format!("{FIRST}#1,,,,,Gorra\n")), (1, vec![3], 0));
    }

    #[test]
    fn shopify_s_note_attributes_are_read_by_the_name_before_the_colon() {
        let check = |cell: &str, expected: Result<&str, &str>| {
            let text = format!(
                "reference_id,amount,currency,status,created_at,notes\n#1,10.00,PEN,paid,2026-03-02T09:30:00-05:00,\"{cell}\"\n"
            );
            let mapping = Mapping::parse("[orders.columns]\ncip = \"notes[cip]\"").unwrap();
            let table = read_orders(&csv(&text), &mapping.orders).unwrap();
            let found = match (table.rows.as_slice(), table.rejected.as_slice()) {
                ([row], []) => Ok(row.cips.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")),
                ([], [rejected]) => Err(format!("{} {}", rejected.field, rejected.reason)),
                other => panic!("{other:?}"),
            };
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{cell:?}");
        };
        check("gift: no\ncip: 2405617", Ok("2405617"));
        check("cip:2405617;2405618\r\ngift: a: b", Ok("2405617;2405618"));
        check("", Ok(""));
        check("gift: no", Ok(""));
        check("cip: ", Ok(""));
        check("cip: soon", Err("cip is not a CIP, or several separated by ;: expected 1 to 14 digits each"));
        check("cip: 1\ncip: 2", Err("cip stands in two lines \"cip: …\": expected one"));
    }
}
