//! `cuadre status`: how a payment stands, and what to tell the customer.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use cuadre::aws::bucket::Bucket;
use cuadre::aws::policy::Policies;
use cuadre::aws::table::Table;
use cuadre::aws::{self, Patience, SdkConfig, StoreError};
use cuadre::calendar::Instant;
use cuadre::config::{Policy, env};
use cuadre::formats::{self, Mapping, Source};
use cuadre::ids::Cip;
use cuadre::lang::Lang;
use cuadre::lifecycle::evidence::{NoticeRow, OrderRow, ReportRow};
use cuadre::lifecycle::story::Evidence;
use cuadre::report::code::{self, CodeReport, Judged, PaymentReport};
use serde_json::json;

use crate::cli::StatusArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, input, screen, settings};

pub(crate) fn run(arguments: &StatusArguments) -> Result<Done, Failure> {
    let refused = || Failure::Input(format!("--lang {:?} is not spoken: es, en or zh", arguments.lang));
    let lang = Lang::from_code(&arguments.lang).ok_or_else(refused)?;
    let as_of = settings::as_of(arguments.as_of.as_deref())?.unwrap_or_else(aws::now);
    settings::check_account(arguments.account.as_deref())?;
    let has_files =
        [&arguments.orders, &arguments.reports, &arguments.notices].iter().any(|files| !files.is_empty());
    let judged = if has_files { from_files(arguments, as_of)? } else { from_table(arguments, as_of)? };
    let report =
        if arguments.json { as_json(&judged, lang) } else { as_text(&arguments.number, &judged, lang) };
    Ok(Done { verdict: if judged.is_empty() { Verdict::Breaks } else { Verdict::Agreed }, report })
}

/// The rows of the command line's files.
struct Files {
    orders: Vec<(PathBuf, Vec<u8>)>,
    reports: Vec<(PathBuf, Vec<u8>)>,
    notices: Vec<(PathBuf, Vec<u8>)>,
}

/// What a file of this leg holds; rows that cannot be read are complained of and passed over.
fn read<'f, R>(
    path: &'f Path,
    bytes: &'f [u8],
    account: Option<&'f str>,
    reader: impl Fn(&Source<'f>) -> Result<formats::Table<R>, formats::FileError>,
) -> Result<Vec<R>, Failure> {
    let name = path.to_str().unwrap_or("the file");
    let source = Source { name, bytes, format: input::format(path, bytes), account };
    let table = reader(&source).map_err(|error| Failure::Input(error.to_string()))?;
    for rejected in &table.rejected {
        let formats::Rejected { file, line, field, reason, .. } = rejected;
        screen::complain(&format!("cuadre: {file}, line {line}: {field} {reason}; the row is left out"));
    }
    Ok(table.rows)
}

fn from_files(arguments: &StatusArguments, as_of: Instant) -> Result<Vec<Judged>, Failure> {
    let (mapping, policy) =
        (settings::mapping(arguments.mapping.as_deref())?, settings::policy(arguments.policy.as_deref())?);
    let load = |paths: &[PathBuf]| -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
        paths.iter().map(|path| Ok((path.clone(), input::read(path)?))).collect()
    };
    let files = Files {
        orders: load(&arguments.orders)?,
        reports: load(&arguments.reports)?,
        notices: load(&arguments.notices)?,
    };
    let rows = Rows::read(&files, arguments.account.as_deref(), &mapping)?;
    let judge = |(account, cip): &(String, Cip)| {
        code::judge(account, *cip, &rows.evidence(account, *cip), &policy, as_of)
    };
    Ok(rows.codes(&arguments.number).iter().map(judge).collect())
}

/// All rows, in which codes are looked for.
struct Rows<'f> {
    orders: Vec<OrderRow<'f>>,
    reports: Vec<ReportRow<'f>>,
    notices: Vec<NoticeRow<'f>>,
}

impl<'f> Rows<'f> {
    fn read(files: &'f Files, account: Option<&'f str>, mapping: &Mapping) -> Result<Rows<'f>, Failure> {
        let mut rows = Rows { orders: Vec::new(), reports: Vec::new(), notices: Vec::new() };
        for (path, bytes) in &files.orders {
            rows.orders
                .extend(read(path, bytes, account, |source| formats::read_orders(source, &mapping.orders))?);
        }
        for (number, (path, bytes)) in (0_u16..).zip(&files.reports) {
            let reader = |source: &Source<'f>| formats::read_reports(source, number, &mapping.reports);
            rows.reports.extend(read(path, bytes, account, reader)?);
        }
        for (path, bytes) in &files.notices {
            let reader = |source: &Source<'f>| formats::read_notices(source, &mapping.notices);
            rows.notices.extend(read(path, bytes, account, reader)?);
        }
        Ok(rows)
    }

    /// The codes that a number may mean: itself, those of the order, those of the operation.
    fn codes(&self, number: &str) -> BTreeSet<(String, Cip)> {
        let itself = Cip::parse(number);
        let mut codes = BTreeSet::new();
        for order in &self.orders {
            let named = order.reference_id == number;
            let cips = order.cips.iter().filter(|cip| named || Some(**cip) == itself);
            codes.extend(cips.map(|cip| (order.account.clone().into_owned(), *cip)));
        }
        for row in &self.reports {
            let named = row.operation_number.as_deref() == Some(number)
                || row.reference_id.as_deref() == Some(number);
            let cip = row.cip.filter(|cip| named || Some(*cip) == itself);
            codes.extend(cip.map(|cip| (row.account.clone().into_owned(), cip)));
        }
        for row in &self.notices {
            if row.operation_number.as_deref() == Some(number) || Some(row.cip) == itself {
                codes.insert((row.account.clone().into_owned(), row.cip));
            }
        }
        codes
    }

    fn evidence(&self, account: &str, cip: Cip) -> Evidence<'f> {
        let listing: BTreeSet<_> = self
            .orders
            .iter()
            .filter(|order| order.account == account && order.cips.contains(&cip))
            .map(|order| (order.reference_id.as_ref(), order.created_at))
            .collect();
        // A row that lists no code says something of those that the order listed before.
        let about = |order: &&OrderRow<'_>| {
            order.account == account
                && listing.contains(&(order.reference_id.as_ref(), order.created_at))
                && (order.cips.is_empty() || order.cips.contains(&cip))
        };
        Evidence {
            orders: self.orders.iter().filter(about).cloned().collect(),
            reports: self
                .reports
                .iter()
                .filter(|row| row.account == account && row.cip == Some(cip))
                .cloned()
                .collect(),
            notices: self
                .notices
                .iter()
                .filter(|row| row.account == account && row.cip == cip)
                .cloned()
                .collect(),
            ..Evidence::default()
        }
    }
}

fn from_table(arguments: &StatusArguments, as_of: Instant) -> Result<Vec<Judged>, Failure> {
    let missing = |what: &str| {
        Failure::Input(format!(
            "{what} is missing: name files with --orders, --reports or --notices, or --table and --account of a deployment"
        ))
    };
    let table =
        arguments.table.clone().or_else(|| env::process("TABLE_NAME")).ok_or_else(|| missing("--table"))?;
    let account = arguments.account.as_deref().ok_or_else(|| missing("--account"))?;
    let bucket = arguments.bucket.clone().or_else(|| env::process("BUCKET_NAME"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    runtime.block_on(async {
        let sdk = aws::load_config().await;
        let (policy, hint) = policy(arguments.policy.as_deref(), bucket.as_deref(), &sdk, as_of).await?;
        if let Some(hint) = hint {
            screen::complain(&hint);
        }
        look_up(&arguments.number, account, &sdk, &table, &policy, as_of)
            .await
            .map_err(|error| Failure::defect("the table cannot be read", &error))
    })
}

/// Without a bucket it is not known what the deployment itself would say.
const POLICY_IS_DEFAULT: &str = "cuadre: the default policy is used, which may not be the deployment's: name its bucket with --bucket \
     or BUCKET_NAME, or a file with --policy";

/// The policy to judge by, with a hint where nothing names one.
async fn policy(
    file: Option<&Path>,
    bucket: Option<&str>,
    sdk: &SdkConfig,
    as_of: Instant,
) -> Result<(Policy, Option<&'static str>), Failure> {
    match (file, bucket) {
        (None, Some(bucket)) => {
            let policies = Policies::new(Bucket::new(sdk, Patience::WORK, bucket));
            let policy = policies.at(as_of).await;
            let policy = policy.map_err(|error| Failure::defect("the policy cannot be read", &error))?;
            Ok((Policy::clone(&policy), None))
        }
        (file, _) => Ok((settings::policy(file)?, file.is_none().then_some(POLICY_IS_DEFAULT))),
    }
}

/// What the table of a deployment knows under a number.
async fn look_up(
    number: &str,
    account: &str,
    sdk: &SdkConfig,
    table: &str,
    policy: &Policy,
    as_of: Instant,
) -> Result<Vec<Judged>, StoreError> {
    let table = Table::new(sdk, Patience::WORK, table);
    let mut cips: BTreeSet<Cip> = Cip::parse(number).into_iter().collect();
    cips.extend(table.cips_of_order(account, number).await?);
    cips.extend(table.cips_of_operation(account, number).await?);
    let mut judged = Vec::new();
    for cip in cips {
        let facts = table.facts(account, cip).await?;
        if !facts.is_empty() {
            judged.push(code::judge(account, cip, &facts.evidence()?, policy, as_of));
        }
    }
    Ok(judged)
}

/// One object a code: what programs are told of it, and what customer service says.
fn as_json(judged: &[Judged], lang: Lang) -> String {
    let objects: Vec<_> = judged
        .iter()
        .map(|Judged { report, label, .. }| {
            json!({ "payment": report, "says": label.says(lang), "customer_does": label.customer_does(lang) })
        })
        .collect();
    serde_json::Value::Array(objects).to_string()
}

fn as_text(number: &str, judged: &[Judged], lang: Lang) -> String {
    if judged.is_empty() {
        return format!(
            "Nothing is known of {number:?}: it is no order, CIP or operation number that was told."
        );
    }
    judged.iter().map(|judged| paragraph(judged, lang)).collect::<Vec<_>>().join("\n\n")
}

fn paragraph(Judged { report, label, .. }: &Judged, lang: Lang) -> String {
    let CodeReport { account, cip, reference_id, state, may_ship, holds, expires_at, payments, .. } = report;
    let order = reference_id.as_ref().map_or_else(|| "no known order".to_owned(), |id| format!("order {id}"));
    let ships = if *may_ship { "may ship".to_owned() } else { format!("do not ship: {}", holds.join(", ")) };
    let mut text = format!("CIP {cip}, {order}, account {account}\n");
    let expiry = expires_at.as_ref().map(|time| format!(", expiry {time}")).unwrap_or_default();
    let state = state.as_deref().unwrap_or("not known");
    // Writing to a String cannot fail; the results are gathered so that none is dropped in silence.
    let mut written = vec![
        writeln!(text, "  {} ({state}{expiry}); {ships}", label.word()),
        writeln!(text, "  > {}", label.says(lang)),
        writeln!(text, "  > {}", label.customer_does(lang)),
    ];
    written.extend(payments.iter().map(|payment| writeln!(text, "  {}", line(payment))));
    debug_assert!(written.iter().all(Result::is_ok));
    text.trim_end().to_owned()
}

fn line(payment: &PaymentReport) -> String {
    let PaymentReport { operation_number, amount, currency, paid_at, standing, late, .. } = payment;
    let number = operation_number.as_ref().map(|number| format!("operation {number}, ")).unwrap_or_default();
    let time = paid_at.as_deref().unwrap_or("time not known");
    let mut line = format!("{number}{currency} {amount}, {time}, {standing}");
    if *late {
        line.push_str(", late");
    }
    for (what, value) in [
        ("given back", &payment.refunded_amount),
        ("settlement", &payment.settlement_id),
        ("deposited", &payment.deposited_on),
    ] {
        if let Some(value) = value {
            line.push_str(&format!(", {what} {value}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use cuadre::aws::table::Signed;
    use cuadre::money::{Currency, Money};
    use cuadre::pagoefectivo::notice;
    use cuadre_emulators::{BUCKET_NAME, Emulators, TABLE_NAME};
    use std::fs;

    const ORDERS: &str = "account,reference_id,cip,amount,currency,status,created_at,expires_at,updated_at\n\
        tienda,A-1,7;8,22.50,PEN,pending,2026-03-02T08:00:00-05:00,2026-03-03T08:00:00-05:00,2026-03-02T08:00:00-05:00\n\
        tienda,A-1,,22.50,PEN,paid,2026-03-02T08:00:00-05:00,2026-03-03T08:00:00-05:00,2026-03-02T09:40:00-05:00\n\
        tienda,A-2,9,5.00,PEN,pending,2026-03-02T08:00:00-05:00,,\n";
    const NOTICES: &str = "account,cip,event_type,operation_number,amount,currency,paid_at,received_at\n\
        tienda,7,cip.paid,778899,22.50,PEN,2026-03-02T09:30:00-05:00,2026-03-02T09:30:05-05:00\n";

    fn arguments(line: &[&str]) -> StatusArguments {
        let Some(Command::Status(arguments)) =
            Cli::parse_from(["cuadre", "status"].iter().chain(line)).command
        else {
            panic!("status")
        };
        arguments
    }

    /// `status` over the two files, at ten o'clock.
    fn status(more: &[&str]) -> Result<Done, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let (orders, notices) = (folder.path().join("orders.csv"), folder.path().join("notices.csv"));
        fs::write(&orders, ORDERS).unwrap();
        fs::write(&notices, NOTICES).unwrap();
        let files = ["--orders", orders.to_str().unwrap(), "--notices", notices.to_str().unwrap()];
        let at = ["--as-of", "2026-03-02T10:00:00-05:00"];
        run(&arguments(&[more, &files, &at].concat()))
    }

    #[test]
    fn a_payment_is_found_by_order_code_and_operation() {
        for number in ["7", "778899"] {
            let Done { verdict, report } = status(&[number]).unwrap();
            assert_eq!(verdict, Verdict::Agreed);
            assert!(report.starts_with("CIP 7, order A-1, account tienda\n  paid (paid, expiry"), "{report}");
            assert!(report.contains("; may ship\n  > Recibimos su pago.\n"), "{report}");
            assert!(
                report.ends_with("operation 778899, PEN 22.50, 2026-03-02T09:30:00-05:00, live"),
                "{report}"
            );
        }
        let Done { report, .. } = status(&["A-1"]).unwrap();
        assert_eq!(report.matches("CIP ").count(), 2, "both codes of the order: {report}");
    }

    #[test]
    fn it_speaks_three_languages_and_json() {
        for (lang, words) in
            [("en", "We are waiting for your cash payment."), ("zh", "我们正在等待您的现金付款。")]
        {
            assert!(status(&["9", "--lang", lang]).unwrap().report.contains(words), "{lang}");
        }
        let Done { report, .. } = status(&["7", "--lang", "en", "--json"]).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(answer[0]["payment"]["may_ship"], true);
        assert_eq!(answer[0]["payment"]["payments"][0]["operation_number"], "778899");
        assert_eq!(answer[0]["says"], "We have received your payment.");
    }

    #[test]
    fn what_is_not_known_is_said_and_what_is_missing_is_asked_for() {
        let Done { verdict, report } = status(&["A-99"]).unwrap();
        assert_eq!(verdict, Verdict::Breaks);
        assert!(report.contains("A-99"), "{report}");
        assert_eq!(status(&["A-99", "--json"]).unwrap().report, "[]");
        for (line, part) in [
            (vec!["7", "--lang", "qu"], "es, en or zh"),
            (vec!["7", "--table", "t"], "--account"),
            (vec!["7", "--orders", "absent.csv"], "absent.csv"),
        ] {
            let refused = run(&arguments(&line)).unwrap_err();
            assert!(matches!(&refused, Failure::Input(sentence) if sentence.contains(part)), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn the_default_policy_is_told_of_where_nothing_names_another() {
        let aws = Emulators::start().await.unwrap();
        let (sdk, as_of) = (aws.sdk_config(), Instant::parse("2026-03-02T10:00:00-05:00").unwrap());
        let policy_of = |amount: &str| format!("[tolerance]\nabsolute = \"{amount}\"\n");
        aws.put_object("config/cuadre.toml", policy_of("0.10").as_bytes()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.toml");
        fs::write(&file, policy_of("0.20")).unwrap();
        let check = async |file: Option<&Path>, bucket: Option<&str>, minor: i64, parts: &[&str]| {
            let (policy, hint) = policy(file, bucket, &sdk, as_of).await.unwrap();
            let order = Money { minor: 100, currency: Currency::Pen };
            assert_eq!(policy.tolerance_minor("tienda", order), minor, "{file:?} {bucket:?}");
            assert_eq!(hint.is_some(), !parts.is_empty(), "{file:?} {bucket:?}");
            assert!(parts.iter().all(|part| hint.unwrap_or_default().contains(part)), "{hint:?}");
        };
        check(None, None, 5, &["the default policy", "--bucket", "--policy"]).await;
        check(None, Some(BUCKET_NAME), 10, &[]).await;
        check(Some(&file), None, 20, &[]).await;
        check(Some(&file), Some(BUCKET_NAME), 20, &[]).await;
    }

    #[tokio::test]
    async fn a_deployment_s_table_answers_the_same() {
        let aws = Emulators::start().await.unwrap();
        let (sdk, as_of) = (aws.sdk_config(), Instant::parse("2026-03-02T10:00:00-05:00").unwrap());
        let table = Table::new(&sdk, Patience::WORK, TABLE_NAME);
        let files = Files {
            orders: vec![(PathBuf::from("o.csv"), ORDERS.as_bytes().to_vec())],
            reports: Vec::new(),
            notices: vec![(PathBuf::from("n.csv"), NOTICES.as_bytes().to_vec())],
        };
        let rows = Rows::read(&files, None, &Mapping::default()).unwrap();
        for order in &rows.orders {
            table.record_order(order).await.unwrap();
        }
        let body = br#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"7","currency":"PEN","amount":22.5,"paymentDate":"2026-03-02T09:30:00-05:00"}}"#;
        let row = notice::read("tienda", body, as_of).unwrap();
        let signed = Signed { body, header: "pe-signature", signature: "verified", form: "raw" };
        table.record_notice(&row, signed).await.unwrap();
        table.note_operation("tienda", "778899", Cip::parse("7").unwrap()).await.unwrap();
        let policy = Policy::default();
        for number in ["7", "778899", "A-1", "9", "unknown"] {
            let told = look_up(number, "tienda", &sdk, TABLE_NAME, &policy, as_of).await.unwrap();
            let codes = rows.codes(number);
            let expected: Vec<Judged> = codes
                .iter()
                .map(|(account, cip)| {
                    code::judge(account, *cip, &rows.evidence(account, *cip), &policy, as_of)
                })
                .collect();
            assert_eq!(told, expected, "{number}");
        }
    }
}
