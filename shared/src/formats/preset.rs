//! Mappings that ship with Cuadre, by name.

use super::mapping::Mapping;

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
}
