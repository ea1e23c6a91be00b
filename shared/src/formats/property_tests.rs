//! Properties of the readers: no panic on any bytes, every line accounted for, what is written reads back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::calendar::Day;
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderStatus, ReportStatus, SettlementKind, Text};
use crate::money::{Currency, Micros, Money, Rate};

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
        b":20:A\n:25:1\n:28C:1\n:60F:C260301PEN1,\n",
        b":61:260302C1,NTRFX\n",
        b":61:",
        b":86:",
        b":62F:C260302PEN2,\n",
        b"{4:",
        b"-}",
        b"<BkToCstmrStmt><Stmt>",
        b"<Bal><Amt Ccy=\"PEN\">1</Amt></Bal>",
        b"<Ntry>",
        b"</Ntry>",
        b"</Stmt></BkToCstmrStmt>",
        b"<!DOCTYPE a>",
        b"&",
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

fn settlement() -> impl Strategy<Value = SettlementRow<'static>> {
    let names = (text(), text(), vec(option::of(text()), 2), option::of(cip()));
    let kinds =
        (prop::sample::select(SettlementKind::ALL.to_vec()), prop::sample::select(Currency::ALL.to_vec()));
    let amounts = (any::<i64>(), any::<i64>(), vec(option::of(any::<i64>()), 2), option::of(1..i64::MAX));
    (names, kinds, amounts, option::of(instant()), extras()).prop_map(
        |((account, settlement_id, texts, cip), (kind, currency), amounts, time, extras)| {
            let (gross, net, fees, rate) = amounts;
            // Micros::MIN has no positive twin, and no amount comes near it.
            let exact = |amount: i64| Micros(amount / 2);
            let rate = rate.map(|rate| format!("{}.{:09}", rate / 1_000_000_000, rate % 1_000_000_000));
            SettlementRow {
                account,
                settlement_id,
                currency,
                kind,
                provider_id: texts[0].clone(),
                cip,
                gross: exact(gross),
                commission: fees[0].map(exact),
                igv: fees[1].map(exact),
                net: exact(net),
                fx_rate: rate.map(|rate| Rate::parse(&rate).unwrap()),
                paid_on: time.map(Instant::business_day).filter(is_a_date),
                bank_reference: texts[1].clone(),
                ordinal: 1,
                extras,
            }
        },
    )
}

fn is_a_date(day: &Day) -> bool {
    day.to_string() != "1900-01-01"
}

/// A line as a file of one line has it.
fn bank_line() -> impl Strategy<Value = BankRow<'static>> {
    let day = instant().prop_map(Instant::business_day).prop_filter("a date", is_a_date);
    let minor = -999_999_999_999_999_999..=999_999_999_999_999_999_i64;
    let currency = prop::sample::select(Currency::ALL.to_vec());
    let description = prop_oneof![Just(Text::Borrowed("")), text()];
    (text(), option::of(text()), day, minor, currency, description, extras()).prop_map(
        |(bank_account, bank_reference, value_date, minor, currency, description, extras)| BankRow {
            bank_account,
            bank_reference,
            value_date,
            amount: Money { minor, currency },
            description,
            ordinal: 1,
            extras,
        },
    )
}

/// Account, amount and balance of lines, oldest first, from what each moved.
fn running(moved: &[(usize, i64, bool)]) -> Vec<(usize, i64, Option<i64>)> {
    let mut balances = [100_i64, -5_000];
    let line = |(account, minor, _): &(usize, i64, bool)| {
        balances[*account] += minor;
        (*account, *minor, Some(balances[*account]))
    };
    moved.iter().map(line).collect()
}

fn bank_table(lines: &[(usize, i64, Option<i64>)]) -> String {
    let amount = |minor: i64| crate::money::format_minor(minor.into());
    let line = |(account, minor, balance): &(usize, i64, Option<i64>)| {
        let balance = balance.map(amount).unwrap_or_default();
        format!("{account},2026-03-02,{},PEN,x,{balance}\n", amount(*minor))
    };
    let header = "bank_account,value_date,amount,currency,description,balance\n";
    header.to_owned() + &lines.iter().map(line).collect::<String>()
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
                let settlements = read_settlements(&source(&bytes, format), &mapping.settlements);
                let bank = read_bank(&source(&bytes, format), &mapping.bank);
                prop_assert!(!bytes.is_empty() || (reports.is_err() && notices.is_err()));
                prop_assert!(!bytes.is_empty() || (settlements.is_err() && bank.is_err()));
            }
        }
    }

    #[test]
    fn readers_of_statements_never_panic(bytes in prop_oneof![trouble(), vec(any::<u8>(), 0..300)]) {
        for format in [StatementFormat::Mt940, StatementFormat::Camt053] {
            if let Ok(table) = read_statement(&source(&bytes, Format::Csv), format) {
                prop_assert!(table.rejected.iter().all(|row| row.value.chars().count() <= 120));
                prop_assert!(table.rejected.is_sorted_by(|a, b| a.line <= b.line));
            }
        }
    }

    #[test]
    fn a_statement_adds_up_or_is_refused(moved in vec(-9_999_i64..9_999, 0..20), off in -2_i64..=2) {
        let entry = |minor: &i64| {
            let (mark, minor) = (if *minor < 0 { "D" } else { "C" }, minor.abs());
            format!(":61:260302{mark}{},{:02}NTRFX\n", minor / 100, minor % 100)
        };
        let entries: String = moved.iter().map(entry).collect();
        let closing = 1_000_000 + moved.iter().sum::<i64>() + off;
        let text = format!(
            ":20:A\n:25:1\n:28C:1\n:60F:C260301PEN10000,\n{entries}:62F:C260302PEN{},{:02}\n",
            closing / 100, closing % 100
        );
        let table = read_statement(&source(text.as_bytes(), Format::Csv), StatementFormat::Mt940);
        prop_assert_eq!(table.is_ok(), off == 0);
        if let Ok(table) = table {
            let found: Vec<i64> = table.rows.iter().map(|row| row.amount.minor).collect();
            prop_assert_eq!(found, moved);
        }
    }

    #[test]
    fn a_table_of_lines_is_taken_where_each_balance_follows_from_the_one_before(
        moved in vec((0_usize..2, -9_999_i64..9_999, any::<bool>()), 0..12),
        newest_first in any::<bool>(),
    ) {
        let mut lines = running(&moved);
        for (line, (_, _, is_stated)) in lines.iter_mut().zip(&moved) {
            line.2 = line.2.filter(|_| *is_stated);
        }
        if newest_first {
            lines.reverse();
        }
        let text = bank_table(&lines);
        let table = read_bank(&source(text.as_bytes(), Format::Csv), &LegMapping::default()).unwrap();
        let found: Vec<i64> = table.rows.iter().map(|row| row.amount.minor).collect();
        prop_assert_eq!(found, lines.iter().map(|line| line.1).collect::<Vec<_>>());
    }

    #[test]
    fn a_table_of_lines_is_refused_where_one_number_is_another(
        moved in vec((0_usize..2, -9_999_i64..9_999, any::<bool>()), 2..12),
        at in any::<prop::sample::Index>(),
        off in prop_oneof![-9_i64..=-1, 1..=9_i64],
        in_balance in any::<bool>(),
        newest_first in any::<bool>(),
    ) {
        let mut lines = running(&moved);
        // The first amount of an account tells no more than what was there before.
        let later: Vec<usize> =
            (0..lines.len()).filter(|at| lines[..*at].iter().any(|line| line.0 == lines[*at].0)).collect();
        prop_assume!(!later.is_empty());
        let line = &mut lines[later[at.index(later.len())]];
        if in_balance {
            line.2 = line.2.map(|balance| balance + off);
        } else {
            line.1 += off;
        }
        // Two numbers may fit each other the other way round by chance.
        let other_way: Vec<_> = lines.iter().rev().copied().collect();
        let follows = |account: usize| {
            let own: Vec<_> = other_way.iter().filter(|line| line.0 == account).collect();
            own.windows(2).all(|pair| pair[0].2.map(|before| before + pair[1].1) == pair[1].2)
        };
        prop_assume!(!(follows(0) && follows(1)));
        let text = bank_table(if newest_first { &other_way } else { &lines });
        let refused = read_bank(&source(text.as_bytes(), Format::Csv), &LegMapping::default());
        let is_broken = matches!(refused, Err(FileError::BalanceBroken { .. }));
        prop_assert!(is_broken, "{}", text);
    }

    #[test]
    fn merging_statements_keeps_the_larger_count_of_each_line(counts in vec((0_usize..4, 0_usize..4), 1..6)) {
        let lines = |count: &dyn Fn(&(usize, usize)) -> usize| {
            let one = |(at, pair): (usize, &(usize, usize))| vec![format!("1,2026-03-02,1,PEN,d{at}\n"); count(pair)];
            counts.iter().enumerate().flat_map(one).collect::<String>()
        };
        let header = "bank_account,value_date,amount,currency,description\n";
        let [first, second] = [lines(&|pair| pair.0), lines(&|pair| pair.1)].map(|lines| format!("{header}{lines}"));
        let read = |text: &str| {
            let table = read_bank(&source(text.as_bytes(), Format::Csv), &LegMapping::default()).unwrap();
            table.rows.into_iter().map(|row| BankRow {
                bank_account: Text::Owned(row.bank_account.into_owned()),
                bank_reference: None,
                description: Text::Owned(row.description.into_owned()),
                extras: vec![],
                ..row
            }).collect::<Vec<BankRow<'static>>>()
        };
        let identities = |rows: Vec<BankRow<'_>>| {
            let mut found: Vec<_> = rows.iter().map(|row| (row.description.to_string(), row.ordinal)).collect();
            found.sort();
            found
        };
        let merged = identities(merge_statements(vec![read(&first), read(&second)]));
        let expected: Vec<_> = counts.iter().enumerate().flat_map(|(at, (a, b))| {
            (1..=*a.max(b)).map(move |ordinal| (format!("d{at}"), u32::try_from(ordinal).unwrap()))
        }).collect();
        prop_assert_eq!(&merged, &expected);
        prop_assert_eq!(identities(merge_statements(vec![read(&second), read(&first), read(&first)])), expected);
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

    #[test]
    fn a_settlement_line_that_is_written_reads_back(row in settlement()) {
        let mut line = Vec::new();
        write_settlement_ndjson(&row, &mut line);
        let table = read_settlements(&source(&line, Format::Ndjson), &LegMapping::default()).unwrap();
        prop_assert_eq!(&table.rejected, &[]);
        prop_assert_eq!(table.rows, [row]);
    }

    #[test]
    fn a_bank_line_that_is_written_reads_back(row in bank_line()) {
        let mut line = Vec::new();
        write_bank_ndjson(&row, &mut line);
        let table = read_bank(&source(&line, Format::Ndjson), &LegMapping::default()).unwrap();
        prop_assert_eq!(&table.rejected, &[]);
        prop_assert_eq!(table.rows, [row]);
    }
}
