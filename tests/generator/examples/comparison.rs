//! The data on which Cuadre is measured beside other programs: orders and transactions that any join of two files by
//! reference can judge, in CSV and NDJSON, with the counts to expect; and settlements and a bank statement that agree with them.
//!
//! `cargo run --release -p cuadre-generator --example comparison -- ORDERS FOLDER [SEED]`
//!
//! Of a hundred orders one each has another amount, currency or state, is paid late, has no transaction, has two, or is off
//! by up to five cents; four are unpaid; one transaction in a hundred belongs to no order. A tenth of the payment times is
//! written in UTC, so that comparing texts goes wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use chrono::{DateTime, FixedOffset, TimeDelta};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Anything<T> = Result<T, Box<dyn Error>>;

const BEGIN: i64 = 1_735_707_600; // 2025-01-01T00:00:00-05:00
const SPAN_SECONDS: u64 = 30 * 86_400;
const LIMA_SECONDS: i32 = -5 * 3_600;
const BUFFER_BYTES: usize = 1 << 20;
/// Shares no divisor with [`CIPS`], so that each order gets a code of its own.
const CIP_STEP: u64 = 7_654_321;
const CIPS: u64 = 900_000_000;
/// The commission in hundredths of a percent, and the tax on it in percent.
const COMMISSION: u64 = 349;
const IGV: u64 = 18;

/// What is planted in an order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plant {
    Matched,
    Amount,
    Currency,
    Status,
    Late,
    Missing,
    Twice,
    Tolerance,
    Unpaid,
}

impl Plant {
    fn draw(chance: &mut ChaCha8Rng) -> Plant {
        match chance.random_range(0..100_u32) {
            0 => Plant::Amount,
            1 => Plant::Currency,
            2 => Plant::Status,
            3 => Plant::Late,
            4 => Plant::Missing,
            5 => Plant::Twice,
            6 => Plant::Tolerance,
            7..=10 => Plant::Unpaid,
            _ => Plant::Matched,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Plant::Matched | Plant::Twice => "MATCHED",
            Plant::Amount => "AMOUNT_MISMATCH",
            Plant::Currency => "CURRENCY_MISMATCH",
            Plant::Status => "STATUS_MISMATCH",
            Plant::Late => "LATE",
            Plant::Missing => "MISSING_TRANSACTION",
            Plant::Tolerance => "MATCHED_TOLERANCE",
            Plant::Unpaid => "UNPAID",
        }
    }
}

/// A transaction that waits to be written in the order of time.
struct Transaction {
    paid_at: i64,
    reference: Box<str>,
    cip: u64,
    merchant: u32,
    minor: u64,
    currency: &'static str,
    status: &'static str,
}

/// A table in CSV and, line by line, the same in NDJSON.
struct Table {
    columns: &'static [&'static str],
    csv: BufWriter<File>,
    ndjson: BufWriter<File>,
}

impl Table {
    fn new(folder: &Path, name: &str, columns: &'static [&'static str]) -> Anything<Table> {
        let open = |extension: &str| -> Anything<BufWriter<File>> {
            let file = File::create(folder.join(format!("{name}.{extension}")))?;
            Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
        };
        let mut table = Table { columns, csv: open("csv")?, ndjson: open("ndjson")? };
        writeln!(table.csv, "{}", columns.join(","))?;
        Ok(table)
    }

    fn row(&mut self, cells: &[&str]) -> Anything<()> {
        writeln!(self.csv, "{}", cells.join(","))?;
        let members: Vec<String> =
            self.columns.iter().zip(cells).map(|(column, cell)| format!("\"{column}\":\"{cell}\"")).collect();
        Ok(writeln!(self.ndjson, "{{{}}}", members.join(","))?)
    }

    fn close(mut self) -> Anything<()> {
        self.csv.flush()?;
        Ok(self.ndjson.flush()?)
    }
}

/// Counts and cents of each class.
#[derive(Default)]
struct Expected(BTreeMap<&'static str, (u64, u64)>);

impl Expected {
    fn add(&mut self, class: &'static str, minor: u64) {
        let (count, sum) = self.0.entry(class).or_default();
        *count += 1;
        *sum += minor;
    }

    fn write(&self, path: &Path) -> Anything<()> {
        let mut text = String::from("class,count,cents\n");
        for (class, (count, minor)) in &self.0 {
            text.push_str(&format!("{class},{count},{minor}\n"));
        }
        Ok(std::fs::write(path, text)?)
    }
}

fn time(unix_seconds: i64, offset_seconds: i32) -> Anything<String> {
    let zone = FixedOffset::east_opt(offset_seconds).ok_or("no such offset")?;
    let time = DateTime::from_timestamp(unix_seconds, 0).ok_or("no such time")?.with_timezone(&zone);
    Ok(time.format("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn reference(chance: &mut ChaCha8Rng, index: u64, of_an_order: bool) -> String {
    let mark = if of_an_order { 'A' } else { 'B' };
    if chance.random_range(0..10_u32) < 3 {
        // The index is a part of it, so that no two are alike.
        let (left, right) = (chance.random::<u32>(), chance.random::<u64>() >> 16);
        format!("{mark}{index:08X}-{:04X}-4{:03X}-{right:012X}", left >> 16, left & 0xFFF)
    } else {
        let shop = chance.random_range(0..400_u32);
        format!("{}{shop:03}-{index:010}", if of_an_order { "ORD" } else { "TRX" })
    }
}

fn amount(chance: &mut ChaCha8Rng) -> u64 {
    let magnitude = match chance.random_range(0..5_u32) {
        0 => 500,
        1 => 2_000,
        2 => 10_000,
        3 => 50_000,
        _ => 200_000,
    };
    magnitude + chance.random_range(0..magnitude * 2)
}

/// Writes the orders and gives the transactions that belong to them, and those that belong to none.
fn orders(
    count: u64,
    folder: &Path,
    chance: &mut ChaCha8Rng,
    expected: &mut Expected,
) -> Anything<Vec<Transaction>> {
    let columns =
        &["reference_id", "cip", "merchant_id", "amount", "currency", "status", "created_at", "expires_at"];
    let mut table = Table::new(folder, "orders", columns)?;
    let mut transactions = Vec::with_capacity(usize::try_from(count + count / 40)?);
    for index in 0..count {
        let plant = Plant::draw(chance);
        let seconds = u64::try_from(u128::from(index) * u128::from(SPAN_SECONDS) / u128::from(count))?;
        let created_at = BEGIN + i64::try_from(seconds)?;
        let (reference, minor) = (reference(chance, index, true), amount(chance));
        let cip = 100_000_000 + (index % CIPS) * CIP_STEP % CIPS;
        let merchant = chance.random_range(10_000..10_400_u32);
        let currency = if chance.random_range(0..100_u32) < 88 { "PEN" } else { "USD" };
        let life = match chance.random_range(0..4_u32) {
            0 => 3_600,
            1 | 2 => 86_400,
            _ => 172_800,
        };
        let expires_at = created_at + life;
        let reversed = plant == Plant::Status && chance.random_range(0..3_u32) == 0;
        let status = match plant {
            Plant::Unpaid => ["EXPIRED", "PENDING", "CANCELLED"].get(chance.random_range(0..3_usize)),
            Plant::Status if !reversed => ["EXPIRED", "PENDING"].get(chance.random_range(0..2_usize)),
            _ => Some(&"PAID"),
        };
        let cells = [
            reference.as_str(),
            &cip.to_string(),
            &format!("M{merchant}"),
            &money(minor),
            currency,
            status.copied().ok_or("no such status")?,
            &time(created_at, LIMA_SECONDS)?,
            &time(expires_at, LIMA_SECONDS)?,
        ];
        table.row(&cells)?;
        expected.add(plant.class(), minor);
        if matches!(plant, Plant::Missing | Plant::Unpaid) {
            continue;
        }
        let paid_at = if plant == Plant::Late {
            expires_at + chance.random_range(1..7_200_i64)
        } else {
            created_at + chance.random_range(30..life - 30)
        };
        let other = |currency| if currency == "PEN" { "USD" } else { "PEN" };
        let up = chance.random::<bool>();
        let shifted = |by: u64| if up { minor + by } else { minor - by };
        let transaction = Transaction {
            paid_at,
            reference: reference.as_str().into(),
            cip,
            merchant,
            minor: match plant {
                Plant::Amount => shifted(6 + chance.random_range(0..minor.min(5_000) / 2)),
                Plant::Tolerance => shifted(chance.random_range(1..=5)),
                _ => minor,
            },
            currency: if plant == Plant::Currency { other(currency) } else { currency },
            status: if reversed { "REVERSED" } else { "PAID" },
        };
        if plant == Plant::Twice {
            expected.add("DUPLICATE", minor);
            let paid_at = paid_at + chance.random_range(1..600_i64);
            transactions.push(Transaction { paid_at, reference: reference.as_str().into(), ..transaction });
        }
        transactions.push(transaction);
    }
    for index in 0..count / 100 {
        let minor = 500 + chance.random_range(0..90_000_u64);
        expected.add("MISSING_ORDER", minor);
        transactions.push(Transaction {
            paid_at: BEGIN + i64::try_from(chance.random_range(0..SPAN_SECONDS))?,
            reference: reference(chance, index, false).into(),
            cip: 1_000_000_000 + index,
            merchant: chance.random_range(10_000..10_400),
            minor,
            currency: "PEN",
            status: "PAID",
        });
    }
    table.close()?;
    Ok(transactions)
}

/// Writes the transactions in the order of time, which is that of their numbers.
fn transactions(rows: &[Transaction], folder: &Path, chance: &mut ChaCha8Rng) -> Anything<()> {
    let columns = &[
        "operation_number",
        "reference_id",
        "cip",
        "merchant_id",
        "amount",
        "currency",
        "status",
        "paid_at",
        "fee",
    ];
    let mut table = Table::new(folder, "transactions", columns)?;
    for (row, number) in rows.iter().zip((250_000_000_000_u64..).step_by(7)) {
        let offset = if chance.random_range(0..10_u32) == 0 { 0 } else { LIMA_SECONDS };
        let cells = [
            &number.to_string(),
            row.reference.as_ref(),
            &row.cip.to_string(),
            &format!("M{}", row.merchant),
            &money(row.minor),
            row.currency,
            row.status,
            &time(row.paid_at, offset)?,
            &money(row.minor * COMMISSION / 10_000),
        ];
        table.row(&cells)?;
    }
    table.close()
}

/// Settles every payment that stayed, in one batch a merchant, currency and day, and pays each batch out.
fn settlements(rows: &[Transaction], folder: &Path) -> Anything<()> {
    let columns = &[
        "account",
        "settlement_id",
        "currency",
        "kind",
        "cip",
        "gross",
        "commission",
        "igv",
        "net",
        "paid_on",
        "bank_reference",
    ];
    let mut table = Table::new(folder, "settlements", columns)?;
    let mut batches: BTreeMap<(i64, u32, &str), u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status == "PAID") {
        let day = (row.paid_at + i64::from(LIMA_SECONDS)).div_euclid(86_400);
        let commission = row.minor * COMMISSION / 10_000;
        let igv = commission * IGV / 100;
        let net = row.minor - commission - igv;
        *batches.entry((day, row.merchant, row.currency)).or_default() += net;
        let id = format!("L{day}-{}-{}", row.merchant, row.currency);
        let cells = [
            &format!("M{}", row.merchant),
            &id,
            row.currency,
            "payment",
            &row.cip.to_string(),
            &money(row.minor),
            &money(commission),
            &money(igv),
            &money(net),
            &date(day + 2)?,
            &format!("AB{}", id.replace('-', "")),
        ];
        table.row(&cells)?;
    }
    table.close()?;
    let columns = &["bank_account", "bank_reference", "value_date", "amount", "currency", "description"];
    let mut table = Table::new(folder, "bank", columns)?;
    for ((day, merchant, currency), net) in &batches {
        let reference = format!("ABL{day}{merchant}{currency}");
        let cells = ["191-1", &reference, &date(day + 2)?, &money(*net), currency, "ABONO PAGOEFECTIVO"];
        table.row(&cells)?;
    }
    table.close()
}

fn date(day: i64) -> Anything<String> {
    let start = DateTime::UNIX_EPOCH + TimeDelta::try_days(day).ok_or("no such day")?;
    Ok(start.format("%Y-%m-%d").to_string())
}

fn main() -> Anything<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (count, folder, seed) = match arguments.as_slice() {
        [count, folder] => (count, folder, "20250115"),
        [count, folder, seed] => (count, folder, seed.as_str()),
        _ => return Err("expected ORDERS FOLDER [SEED]".into()),
    };
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let mut chance = ChaCha8Rng::seed_from_u64(seed.parse()?);
    let mut expected = Expected::default();
    let mut rows = orders(count.parse()?, folder, &mut chance, &mut expected)?;
    rows.sort_by(|a, b| a.paid_at.cmp(&b.paid_at).then_with(|| a.reference.cmp(&b.reference)));
    transactions(&rows, folder, &mut chance)?;
    settlements(&rows, folder)?;
    expected.write(&folder.join("expected.csv"))
}
