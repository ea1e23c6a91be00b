//! What the files of a run say and how: fine print *Outputs*, rules 7 and 11.

use std::collections::BTreeMap;

use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::formats::{FileError, Leg, Mapping};
use cuadre::run::{RunError, Settings, execute};

use crate::desk::{Desk, desk, execute_files, input};

/// "`matched.csv` holds matched, within tolerance and unpaid; `open.ndjson` the open and unpaid that live on"; breaks live
/// on as well, and with them what belongs to them: here the pair beside the further payment.
#[test]
fn each_class_stands_in_its_file() {
    let outcome = mixed().run();
    let classes =
        |rows: &[crate::desk::Row]| -> Vec<String> { rows.iter().map(|row| row["class"].clone()).collect() };
    assert_eq!(classes(&outcome.matched), ["matched", "matched_within_tolerance", "unpaid"]);
    assert_eq!(classes(&outcome.breaks), ["duplicate_payment", "amount_mismatch"]);
    let open: Vec<&str> = outcome.open.iter().filter_map(|line| line["class"].as_str()).collect();
    assert_eq!(open, ["matched", "duplicate_payment", "unpaid", "amount_mismatch", "open"]);
}

/// One of nearly everything, each under CIPs of its own.
fn mixed() -> Desk {
    desk()
        .policy("[coverage]\norders = \"complete\"\n")
        .order("reference_id=A cip=10")
        .report("reference_id=A cip=10")
        .report("reference_id=A cip=10 operation_number=8 paid_at=1T11:00 amount=49.00")
        .order("reference_id=B cip=20")
        .report("reference_id=B cip=20 amount=50.03 operation_number=20")
        .order("reference_id=C cip=30 status=pending amount=70.00")
        .report("reference_id=C cip=30 status=expired amount=70.00 observed_at=1T12:00")
        .order("reference_id=D cip=40")
        .report("reference_id=D cip=40 amount=80.00 operation_number=40")
        .order("reference_id=E cip=50 paid_at=1T10:00")
}

#[test]
fn the_columns_are_those_of_the_contract() {
    let header = |outcome: &crate::desk::Outcome, name: &str| {
        String::from_utf8(outcome.bytes(name).to_vec()).unwrap().lines().next().unwrap().to_owned()
    };
    let outcome = desk().run();
    let shared = "break_id,class,reason,severity,account,store,cip,reference_id,operation_number,currency,\
                  order_amount,report_amount,difference,order_status,report_status,differences";
    assert_eq!(
        header(&outcome, "breaks.csv"),
        format!("{shared},business_day,opened_at,evidence,suggestion")
    );
    assert_eq!(header(&outcome, "matched.csv"), shared);
    assert_eq!(header(&outcome, "rejected.csv"), "file,line,field,reason,value");
}

/// "`conservation.<leg>.<CUR>.<bucket>.{rows, minor}`": every row is in one bucket, and the books add up.
#[test]
fn every_row_is_in_one_bucket() {
    let outcome = mixed().run();
    let held = |leg: &str, bucket: &str| {
        let held = &outcome.summary["conservation"][leg]["PEN"][bucket];
        (held["rows"].as_i64().unwrap_or(0), held["minor"].as_i64().unwrap_or(0))
    };
    assert_eq!(held("orders", "matched"), (2, 10_000));
    assert_eq!(held("orders", "unpaid"), (1, 7_000));
    assert_eq!(held("orders", "open"), (1, 5_000));
    assert_eq!(held("orders", "break"), (1, 5_000));
    assert_eq!(held("reports", "matched"), (2, 10_003));
    assert_eq!(held("reports", "unpaid"), (1, 7_000));
    assert_eq!(held("reports", "break"), (2, 12_900));
    for leg in ["orders", "reports"] {
        assert_eq!(held(leg, "superseded"), (0, 0));
        assert_eq!(held(leg, "duplicate_row"), (0, 0));
        assert_eq!(outcome.summary["conservation"][leg]["rejected"], 0);
    }
}

/// "`classes.<class>.{count, minor, by_currency}`"; "A class's `count` counts its orders (CIPs without order, further
/// payments); its value is the order's amount, else the report's."
#[test]
fn classes_count_orders_and_their_value() {
    let outcome = mixed().run();
    let class = |name: &str| {
        let class = &outcome.summary["classes"][name];
        (class["count"].as_i64().unwrap(), class["minor"].as_i64().unwrap())
    };
    assert_eq!(class("matched"), (1, 5_000));
    assert_eq!(class("matched_within_tolerance"), (1, 5_000));
    assert_eq!(class("amount_mismatch"), (1, 5_000));
    assert_eq!(class("duplicate_payment"), (1, 4_900));
    assert_eq!(class("open"), (1, 5_000));
    assert_eq!(class("unpaid"), (1, 7_000));
    assert_eq!(class("missing_order"), (0, 0));
    let alone = desk().report("amount=33.00 currency=USD").expect(&["missing_order"]);
    assert_eq!(alone.summary["classes"]["missing_order"]["minor"], 3_300);
    assert_eq!(alone.summary["classes"]["missing_order"]["by_currency"]["USD"]["count"], 1);
}

/// "Sorted by account, CIP, reference, operation number."
#[test]
fn lines_are_sorted_by_account_cip_reference_and_number() {
    let outcome = desk()
        .report("account=2 cip=5")
        .report("account=1 cip=100")
        .report("account=1 cip=9 operation_number=100")
        .report("account=1 cip=9 operation_number=99 paid_at=1T12:00")
        .run();
    let keys: Vec<[&str; 3]> = outcome
        .breaks
        .iter()
        .map(|line| [line["account"].as_str(), line["cip"].as_str(), line["operation_number"].as_str()])
        .collect();
    assert_eq!(keys, [["1", "9", "99"], ["1", "9", "100"], ["1", "100", "7"], ["2", "5", "7"]]);
}

/// "`cip` shows the one that stands, else the order's list. Money is written with two decimals, an absent side is empty,
/// `difference` = report − order."
#[test]
fn fields_are_written_as_the_contract_says() {
    let line = desk().order("cip=200;100 amount=7").expect(&["missing_at_provider"]).only();
    assert_eq!((line["cip"].as_str(), line["order_amount"].as_str()), ("100;200", "7.00"));
    assert_eq!((line["report_amount"].as_str(), line["difference"].as_str()), ("", ""));
    let line = desk().order("cip=200;100 amount=7").report("amount=6.9").expect(&["amount_mismatch"]).only();
    assert_eq!((line["cip"].as_str(), line["difference"].as_str()), ("100", "-0.10"));
}

/// "`business_day` is the Lima day of the payment time, else of `created_at`."
#[test]
fn the_business_day_is_that_of_the_payment_in_lima() {
    let day =
        |order: &str, report: &str| desk().order(order).report(report).run().only()["business_day"].clone();
    assert_eq!(day("amount=9", "paid_at=2026-03-04T04:59:59Z"), "2026-03-03");
    assert_eq!(day("amount=9", "paid_at=2026-03-04T05:00:00Z"), "2026-03-04");
    assert_eq!(day("amount=9 created_at=2026-03-05T03:00:00Z", "paid_at="), "2026-03-04");
}

/// "A line shows the order's reference and currency, else the provider's."
#[test]
fn a_line_shows_the_order_s_reference_and_currency() {
    let line = desk().order("reference_id=A currency=PEN").report("reference_id=B currency=USD").run().only();
    assert_eq!((line["reference_id"].as_str(), line["currency"].as_str()), ("A", "PEN"));
    let line = desk().report("reference_id=B currency=USD").run().only();
    assert_eq!((line["reference_id"].as_str(), line["currency"].as_str()), ("B", "USD"));
}

/// "A break has an identity that lasts: … Class and amount are not in it." (rule 11)
#[test]
fn a_break_keeps_its_identity_while_its_class_changes() {
    let id = |order: &str, report: &str| desk().order(order).report(report).run().only()["break_id"].clone();
    let first = id("", "amount=90.00");
    assert_eq!(first, id("", "amount=95.00"));
    assert_eq!(first, id("", "currency=USD"));
    assert_eq!(first, id("status=cancelled updated_at=3T09:00", ""));
    assert_ne!(first, id("account=2", "account=2 amount=90.00"));
    assert_ne!(first, id("reference_id=R2", "amount=90.00"));
}

/// `opened_at` is when a run first saw the break, whatever has become of it since.
#[test]
fn a_known_break_keeps_the_time_at_which_it_was_opened() {
    let orders = b"account,reference_id,amount,currency,status,created_at\n1,A,5.00,PEN,paid,2026-03-01T09:00:00-05:00\n";
    let files = [input(Leg::Orders, "orders.csv", orders)];
    let policy = Policy::parse("[coverage]\nreports = \"complete\"\n").unwrap();
    let mapping = Mapping::default();
    let run = |as_of: &str, opened: &BTreeMap<_, _>| {
        let as_of = Instant::parse(as_of);
        let settings = Settings {
            account: None,
            mapping: &mapping,
            policy: &policy,
            as_of,
            looks: &[],
            opened,
            only_account: None,
            refused: None,
            settlement_layouts: &[],
            needs_person: &[],
            notes: &[],
        };
        execute(&files, &settings).unwrap().breaks.remove(0)
    };
    let first = run("2026-03-09T12:00:00-05:00", &BTreeMap::new());
    assert_eq!(first.opened_at, Instant::parse("2026-03-09T12:00:00-05:00"));
    let opened = BTreeMap::from([(first.break_id.clone(), first.opened_at.unwrap())]);
    assert_eq!(run("2026-03-10T12:00:00-05:00", &opened), first);
}

#[test]
fn every_line_has_an_identity_of_its_own() {
    let outcome = mixed().run();
    let mut ids: Vec<String> = outcome.lines().iter().map(|line| line["break_id"].clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

/// "Exit 1 when `breaks.csv` or `rejected.csv` has a line."
#[test]
fn a_run_agrees_when_nothing_needs_a_person() {
    assert!(desk().order("").report("").run().run.agrees());
    assert!(desk().order("status=pending").run().run.agrees());
    assert!(!desk().order("").run().run.agrees());
    assert!(!desk().order("").report("").report("cip=1 amount=x").run().run.agrees());
}

/// "A header without rows is a good file; a file of no bytes is not."
#[test]
fn a_header_without_rows_is_a_good_file_and_no_bytes_are_not() {
    assert!(desk().run().run.agrees());
    let (mapping, policy, opened) = (Mapping::default(), Policy::default(), BTreeMap::new());
    let settings = Settings {
        account: None,
        mapping: &mapping,
        policy: &policy,
        as_of: None,
        looks: &[],
        opened: &opened,
        only_account: None,
        refused: None,
        settlement_layouts: &[],
        needs_person: &[],
        notes: &[],
    };
    let error = execute(&[input(Leg::Orders, "orders.csv", b"")], &settings).unwrap_err();
    assert!(matches!(error, RunError::File(FileError::Empty { .. })), "{error:?}");
    assert!(error.to_string().contains("orders.csv"), "{error}");
}

/// "A NUL rejects its row." and rejected rows are counted.
#[test]
fn a_row_that_cannot_be_read_is_set_aside_and_counted() {
    let orders = b"account,reference_id,amount,currency,status,created_at\n\
        1,A,12.345,PEN,pending,2026-03-01T09:00:00-05:00\n\
        1,B\0,5.00,PEN,pending,2026-03-01T09:00:00-05:00\n\
        1,C,5.00,PEN,pending,2026-03-01T09:00:00-05:00\n";
    let reports = b"account,cip,amount,currency,status\n";
    let files = [input(Leg::Orders, "orders.csv", orders), input(Leg::Reports, "reports.csv", reports)];
    let outcome = execute_files(&files, "", None, &[]);
    assert_eq!(outcome.classes(), ["unpaid"]);
    let rejected: Vec<[&str; 3]> = outcome
        .rejected
        .iter()
        .map(|row| [row["file"].as_str(), row["line"].as_str(), row["field"].as_str()])
        .collect();
    assert_eq!(rejected, [["orders.csv", "2", "amount"], ["orders.csv", "3", "reference_id"]]);
    assert_eq!(outcome.summary["conservation"]["orders"]["rejected"], 2);
    assert_eq!(outcome.run.rejected, 2);
}

/// "summary.json (inputs with rows and SHA-256; …; engine version; policy hash)"
#[test]
fn the_summary_names_inputs_engine_and_policy() {
    let outcome = desk().plain().order("").report("").run();
    let text = outcome.summary.to_string();
    let inputs = outcome.summary["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 2);
    assert!(inputs.iter().all(|input| input["rows"] == 1 && input["sha256"].as_str().unwrap().len() == 64));
    assert!(text.contains(&Policy::default().hash_hex()), "{text}");
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
}

/// "`open.ndjson` … (class, the columns of `breaks.csv` to `differences`, the facts carried)"
#[test]
fn an_open_line_carries_its_facts() {
    let outcome = desk().policy("").order("paid_at=1T10:00 store=lima").expect(&["open"]);
    let line = &outcome.open[0];
    assert_eq!((line["reference_id"].as_str(), line["store"].as_str()), (Some("R1"), Some("lima")));
    assert!(line["facts"].to_string().contains("2026-03-01T10:00:00-05:00"), "{line}");
}

/// An account's own run judges no other account's rows, and says that it left them out.
#[test]
fn rows_of_another_account_are_left_out_and_told() {
    use cuadre::formats::{Format, Leg, Mapping};
    use cuadre::run::{FileCoverage, InputFile, Settings, execute};
    let orders = "account,reference_id,cip,amount,currency,status,created_at\n\
        own,R-1,1,10.00,PEN,pending,2026-03-01T10:00:00-05:00\n\
        other,R-2,2,10.00,PEN,paid,2026-03-01T10:00:00-05:00\n";
    let file = InputFile {
        leg: Leg::Orders,
        name: "orders.csv",
        source: "orders",
        bytes: orders.as_bytes(),
        format: Format::Csv,
        coverage: FileCoverage::Plain,
    };
    let run = execute(
        &[file],
        &Settings {
            account: None,
            mapping: &Mapping::default(),
            policy: &cuadre::config::Policy::default(),
            as_of: cuadre::calendar::Instant::parse("2026-03-20T07:00:00-05:00"),
            looks: &[],
            opened: &std::collections::BTreeMap::new(),
            only_account: Some("own"),
            refused: None,
            settlement_layouts: &[],
            needs_person: &[],
            notes: &[],
        },
    )
    .unwrap();
    assert_eq!(run.totals.values().map(|totals| totals.count).sum::<u64>(), 1);
    assert!(!run.agrees());
    let [note] = run.needs_person.as_slice() else { panic!("{:?}", run.needs_person) };
    assert!(note.contains("rows of orders.csv") && note.contains("(1)"), "{note}");
}
