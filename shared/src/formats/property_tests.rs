//! Properties of the readers: no panic on any bytes, every line accounted for, what is written reads back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderStatus, ReportStatus, Text};
use crate::money::{Currency, Micros, Money};

const HEADER: &str = "account,reference_id,cip,amount,currency,status,created_at,store";
const GOOD: &str = "1234,ORD-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,Lima";

fn source(bytes: &[u8], format: Format) -> Source<'_> {
    Source { name: "f", bytes, format, account: None }
}

fn mappings() -> [Mapping; 3] {
    let latin =
        "[orders]\nencoding = \"latin-1\"\ndelimiter = \";\"\ndecimal_mark = \",\"\nthousands_mark = \".\"";
    let dates = "[orders]\ndate_format = \"%d/%m/%y %H:%M\"\nzone = \"UTC\"\ncolumns = { cip = [\"cip\", \"store\"] }";
    [Mapping::default(), Mapping::parse(latin).unwrap(), Mapping::parse(dates).unwrap()]
}

/// Pieces from which files with likely trouble are put together.
fn trouble() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        HEADER.as_bytes(),
        GOOD.as_bytes(),
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"\"\"",
        b",",
        b";",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xFA",
        b"{\"account\":",
        b"\"cip\":1,",
        b"}",
        b"null",
        b"1.234,50",
        "１".as_bytes(),
        "\u{200B}".as_bytes(),
        b" ",
        b"-",
    ];
    vec(
        prop_oneof![4 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..8)],
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

fn word() -> impl Strategy<Value = String> {
    let kept = |text: &String| {
        let missing = ["-", "N/A", "NA", "null", "NULL", "None"].contains(&text.as_str());
        !missing && text.len() <= 256
    };
    "[a-zA-Z0-9/ñÑ\"\\\\,;]([a-zA-Z0-9 ./ñ¿€\"\\\\,;{}]{0,30}[a-zA-Z0-9ñ\"\\\\,;])?"
        .prop_filter("words for nothing", kept)
}

fn text() -> impl Strategy<Value = Text<'static>> {
    word().prop_map(Text::Owned)
}

fn instant() -> impl Strategy<Value = Instant> {
    (-9_000_000_000_i64..9_000_000_000, prop_oneof![Just(0_u32), 0..1_000_000_000_u32]).prop_filter_map(
        "a time",
        |(seconds, nanos)| {
            Instant::from_utc(chrono::DateTime::from_timestamp(seconds, nanos)?)
                .filter(|time| !time.is_no_date())
        },
    )
}

fn money() -> impl Strategy<Value = Money> {
    (1..=999_999_999_999_999_999_i64, prop::sample::select(Currency::ALL.to_vec()))
        .prop_map(|(minor, currency)| Money { minor, currency })
}

fn cip() -> impl Strategy<Value = Cip> {
    (1..=99_999_999_999_999_u64).prop_map(|number| Cip::parse(&number.to_string()).unwrap())
}

fn extras() -> impl Strategy<Value = Vec<(Text<'static>, Text<'static>)>> {
    vec(
        (
            "[a-zé]{1,8}".prop_map(|name| Text::Owned(format!("x {name}"))),
            any::<String>().prop_map(Text::Owned),
        ),
        0..3,
    )
    .prop_map(|mut extras| {
        extras.retain(|(_, value)| !value.is_empty() && !value.contains('\0'));
        extras.sort();
        extras.dedup_by(|a, b| a.0 == b.0);
        extras
    })
}

fn order() -> impl Strategy<Value = OrderRow<'static>> {
    let names = (text(), text(), vec(cip(), 0..4), money(), prop::sample::select(OrderStatus::ALL.to_vec()));
    let times = (instant(), vec(option::of(instant()), 4));
    let rest = (option::of(1..1_000_000_i64), vec(option::of(text()), 4), extras());
    (names, times, rest).prop_map(
        |((account, reference_id, mut cips, amount, status), (created_at, times), rest)| {
            let (refunded_minor, texts, extras) = rest;
            cips.sort_unstable();
            cips.dedup();
            OrderRow {
                account,
                reference_id,
                cips,
                amount,
                status,
                created_at,
                expires_at: times[0],
                paid_at: times[1],
                fulfilled_at: times[2],
                refunded_minor,
                refund_payee_id: texts[0].clone(),
                store: texts[1].clone(),
                payer_id: texts[2].clone(),
                ip: texts[3].clone(),
                updated_at: times[3],
                extras,
            }
        },
    )
}

fn report() -> impl Strategy<Value = ReportRow<'static>> {
    let names = (
        text(),
        cip(),
        vec(option::of(text()), 5),
        money(),
        prop::sample::select(ReportStatus::ALL.to_vec()),
    );
    let rest = (
        vec(option::of(instant()), 4),
        option::of(1..1_000_000_i64),
        vec(option::of(any::<i64>()), 3),
        extras(),
    );
    (names, rest).prop_map(
        |((account, cip, texts, amount, status), (times, refunded_minor, fees, extras))| {
            // Micros::MIN has no positive twin, and no fee comes near it.
            let fee = |index: usize| fees[index].map(|fee| Micros(fee / 2));
            ReportRow {
                source: 3,
                account,
                cip: Some(cip),
                reference_id: texts[0].clone(),
                provider_id: texts[1].clone(),
                operation_number: texts[2].clone(),
                amount,
                status,
                created_at: times[0],
                expires_at: times[1],
                paid_at: times[2],
                refunded_minor,
                commission: fee(0),
                igv: fee(1),
                net: fee(2),
                settlement_id: texts[3].clone(),
                store: texts[4].clone(),
                observed_at: times[3],
                extras,
            }
        },
    )
}

fn notice() -> impl Strategy<Value = NoticeRow<'static>> {
    (text(), cip(), text(), option::of(text()), money(), option::of(instant()), instant(), extras()).prop_map(
        |(account, cip, event_type, operation_number, amount, paid_at, received_at, extras)| NoticeRow {
            account,
            cip,
            event_type,
            operation_number,
            amount,
            paid_at,
            received_at,
            extras,
        },
    )
}

proptest! {
    #[test]
    fn readers_never_panic(bytes in prop_oneof![trouble(), vec(any::<u8>(), 0..300)], with_header in any::<bool>()) {
        let bytes = if with_header { [HEADER.as_bytes(), b"\n", &bytes].concat() } else { bytes };
        for mapping in mappings() {
            for format in [Format::Csv, Format::Ndjson] {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
                if let Ok(table) = read_orders(&source(&bytes, format), &mapping.orders) {
                    prop_assert!(table.rows.len() + table.rejected.len() <= lines);
                    prop_assert!(table.rejected.iter().all(|row| row.value.chars().count() <= 120));
                    prop_assert!(table.rejected.is_sorted_by(|a, b| a.line < b.line));
                }
                let reports = read_reports(&source(&bytes, format), 0, &mapping.reports);
                let notices = read_notices(&source(&bytes, format), &mapping.notices);
                prop_assert!(!bytes.is_empty() || (reports.is_err() && notices.is_err()));
            }
        }
    }

    #[test]
    fn every_line_without_quotes_ends_in_rows_or_rejected(lines in vec("[a-z0-9.,\\- ]{0,60}", 0..20), good in 0_usize..20) {
        let mut lines = lines;
        lines.insert(good.min(lines.len()), GOOD.to_owned());
        let text = format!("{HEADER}\n{}\n", lines.join("\n"));
        let table = read_orders(&source(text.as_bytes(), Format::Csv), &LegMapping::default()).unwrap();
        let filled = lines.iter().filter(|line| !line.trim().is_empty()).count();
        prop_assert_eq!(table.rows.len() + table.rejected.len(), filled);
        prop_assert!(!table.rows.is_empty());
    }

    #[test]
    fn good_rows_after_any_stray_quotes_are_all_found(bad in "[a-z,\"]{1,40}", count in 1_usize..10) {
        let rows = vec![GOOD; count].join("\n");
        let text = format!("{HEADER}\n\"{bad}\n{rows}\n");
        let table = read_orders(&source(text.as_bytes(), Format::Csv), &LegMapping::default()).unwrap();
        prop_assert_eq!(table.rows.len(), count);
        prop_assert_eq!(table.rejected.len(), 1);
    }

    #[test]
    fn an_order_that_is_written_reads_back(row in order()) {
        let mut line = Vec::new();
        write_order_ndjson(&row, &mut line);
        let table = read_orders(&source(&line, Format::Ndjson), &LegMapping::default()).unwrap();
        prop_assert_eq!(&table.rejected, &[]);
        prop_assert!(table.cleansed.is_empty());
        prop_assert_eq!(table.rows, [row]);
    }

    #[test]
    fn a_report_that_is_written_reads_back(row in report()) {
        let mut line = Vec::new();
        write_report_ndjson(&row, &mut line);
        let table = read_reports(&source(&line, Format::Ndjson), 3, &LegMapping::default()).unwrap();
        prop_assert_eq!(&table.rejected, &[]);
        prop_assert_eq!(table.rows, [row]);
    }

    #[test]
    fn a_notice_that_is_written_reads_back(row in notice()) {
        let mut line = Vec::new();
        write_notice_ndjson(&row, &mut line);
        let table = read_notices(&source(&line, Format::Ndjson), &LegMapping::default()).unwrap();
        prop_assert_eq!(&table.rejected, &[]);
        prop_assert_eq!(table.rows, [row]);
    }
}
