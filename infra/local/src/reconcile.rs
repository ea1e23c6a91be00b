//! `cuadre reconcile`: files in, judgement and outputs out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use cuadre::carry::{Carried, CarriedFile};
use cuadre::formats::Leg;
use cuadre::money::{Currency, format_minor};
use cuadre::pagoefectivo::settlement_report;
use cuadre::run::{self, FileCoverage, Run, RunError, Settings, StreamedFile, Work};

use crate::cli::ReconcileArguments;
use crate::failure::Failure;
use crate::input::Input;
use crate::outputs::Drafts;
use crate::{Done, Verdict, against, input, outputs, screen, settings};

/// Name of standard input in outputs and complaints.
const STDIN_NAME: &str = "stdin";

pub(crate) fn run(arguments: &ReconcileArguments) -> Result<Done, Failure> {
    let mapping = settings::mapping(arguments.mapping.as_deref())?;
    let policy = settings::policy(arguments.policy.as_deref())?;
    let as_of = settings::as_of(arguments.as_of.as_deref())?;
    settings::check_account(arguments.account.as_deref())?;
    let paths = paths(arguments)?;
    let before = arguments.against.as_deref().map(against::told).transpose()?;
    outputs::make_folder(&arguments.out)?;

    let bar = screen::progress(u64::try_from(paths.len()).unwrap_or(u64::MAX), "opening");
    let mut files = Vec::new();
    for (kind, path) in &paths {
        files.push(LoadedFile { kind: *kind, path, input: Input::open(path)? });
        bar.inc(1);
    }
    bar.finish_and_clear();

    let spinner = screen::spinner("reconciling");
    let names = names(&paths);
    let named = || files.iter().zip(&names);
    let inputs: Vec<StreamedFile<'_>> = named().filter_map(|(file, name)| file.as_input(name)).collect();
    let told = |kind: Kind| -> Result<Vec<ToldFile<'_>>, Failure> {
        let of_kind = named().filter(|(file, _)| file.kind == kind);
        of_kind.map(|(file, name)| Ok((name.as_str(), file.whole()?))).collect()
    };
    let (open, closed) = (told(Kind::Open)?, told(Kind::Closed)?);
    let (open, closed) = (carried(&open), carried(&closed));
    let carried = Carried { open: &open, closed: &closed, keep_closed: arguments.keep_closed };
    let settings = Settings {
        account: arguments.account.as_deref(),
        mapping: &mapping,
        policy: &policy,
        as_of,
        looks: &[],
        opened: &BTreeMap::new(),
        only_account: None,
        refused: None,
        settlement_layouts: &[settlement_report::LAYOUT_OF_SETTLEMENTS],
        needs_person: &[],
        notes: &[],
    };
    let threads = arguments.threads.or_else(|| thread::available_parallelism().ok());
    let work = Work { threads: threads.unwrap_or(NonZeroUsize::MIN), keep_breaks: false, ..Work::default() };
    let mut drafts = Drafts::begin(&arguments.out)?;
    let run = run::stream(&carried, &inputs, &settings, work, &mut drafts);
    let run = run.map_err(|error| refused(error, &arguments.out))?;
    drafts.place()?;
    spinner.finish_and_clear();

    for warning in &run.warnings {
        screen::complain(&format!("cuadre: {warning}"));
    }
    let since = before.map(|before| against::write(&before, &arguments.out)).transpose()?;
    let report = match since {
        _ if arguments.json => summary(&run),
        Some(since) => format!("{}\n{since}", describe(&run, &arguments.out)),
        None => describe(&run, &arguments.out),
    };
    Ok(Done { verdict: if run.agrees() { Verdict::Agreed } else { Verdict::Breaks }, report })
}

/// `summary.json` as it was written.
fn summary(run: &Run) -> String {
    String::from_utf8_lossy(&run.summary).trim_end().to_owned()
}

/// What a file of the command line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Rows that have arrived.
    Leg(Leg),
    /// What lived on.
    Open,
    /// What was closed.
    Closed,
}

/// Name and bytes of a file that a run before has left.
type ToldFile<'f> = (&'f str, Cow<'f, [u8]>);

/// A file of the command line, opened.
struct LoadedFile<'p> {
    kind: Kind,
    path: &'p Path,
    input: Input,
}

impl LoadedFile<'_> {
    fn as_input<'f>(&'f self, name: &'f str) -> Option<StreamedFile<'f>> {
        let Kind::Leg(leg) = self.kind else { return None };
        Some(StreamedFile {
            leg,
            name,
            source: name,
            content: self.input.content(),
            format: input::format(self.path, self.input.head()),
            coverage: FileCoverage::Plain,
        })
    }

    /// All bytes, decompressed.
    fn whole(&self) -> Result<Cow<'_, [u8]>, Failure> {
        self.input.content().whole().map_err(|error| input::unreadable(self.path, &error))
    }
}

fn carried<'f>(files: &'f [ToldFile<'f>]) -> Vec<CarriedFile<'f>> {
    files.iter().map(|(name, bytes)| CarriedFile { name, bytes }).collect()
}

/// Every file of the command line with what it holds; standard input can be read once only.
fn paths(arguments: &ReconcileArguments) -> Result<Vec<(Kind, PathBuf)>, Failure> {
    let kinds = [
        (Kind::Leg(Leg::Orders), &arguments.orders),
        (Kind::Leg(Leg::Reports), &arguments.reports),
        (Kind::Leg(Leg::Notices), &arguments.notices),
        (Kind::Leg(Leg::Settlements), &arguments.settlements),
        (Kind::Leg(Leg::Bank), &arguments.bank),
        (Kind::Open, &arguments.open),
        (Kind::Closed, &arguments.closed),
    ];
    let named =
        kinds.into_iter().flat_map(|(kind, paths)| paths.iter().map(move |path| (kind, path.clone())));
    let paths: Vec<(Kind, PathBuf)> = named.collect();
    let mut seen = BTreeSet::new();
    // One file under two spellings is one file; a path that leads nowhere is complained of when it is read.
    let place = |path: &Path| match path {
        stdin if stdin == Path::new(input::STDIN) => stdin.to_owned(),
        path => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
    };
    match paths.iter().find(|(_, path)| !seen.insert(place(path))) {
        Some((_, path)) if path == Path::new(input::STDIN) => {
            Err(Failure::Input("- (standard input) can stand for one file only: name the others".to_owned()))
        }
        Some((_, path)) => {
            Err(Failure::Input(format!("{} is named twice: name each file once", path.display())))
        }
        None => Ok(paths),
    }
}

/// The name under which outputs speak of each file: without its folder, so that the outputs do not depend on where the
/// files lie, unless two files share that name.
fn names(paths: &[(Kind, PathBuf)]) -> Vec<String> {
    let short = |path: &Path| match path.file_name() {
        _ if path == Path::new(input::STDIN) => STDIN_NAME.to_owned(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    };
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    for (_, path) in paths {
        *count.entry(short(path)).or_default() += 1;
    }
    let name = |path: &Path| match short(path) {
        shared if count.get(&shared).is_some_and(|count| *count > 1) => path.display().to_string(),
        name => name,
    };
    paths.iter().map(|(_, path)| name(path)).collect()
}

fn refused(error: RunError, out: &Path) -> Failure {
    match error {
        RunError::File(error) => Failure::Input(error.to_string()),
        RunError::TooManySources | RunError::Carry(_) | RunError::Unreadable { .. } => {
            Failure::Input(error.to_string())
        }
        RunError::Output(error) => Drafts::failed(out, &error),
        other => Failure::defect("the run is stopped", &other),
    }
}

/// What the run found, class by class, and where the files lie.
fn describe(run: &Run, out: &Path) -> String {
    let rows = run
        .totals
        .iter()
        .filter(|(_, totals)| totals.count > 0)
        .map(|(class, totals)| {
            let value = |currency: Currency| {
                let held = totals.by_currency.get(&currency);
                held.map(|held| format_minor(held.minor)).unwrap_or_default()
            };
            [class.word().to_owned(), totals.count.to_string(), value(Currency::Pen), value(Currency::Usd)]
        })
        .collect();
    let table = screen::table(["class", "count", "PEN", "USD"], rows, &[1, 2, 3]);
    let as_of = run.as_of.map(|time| time.to_string()).unwrap_or_else(|| "no time known".to_owned());
    let breaks = match run.break_count() {
        0 => "no breaks".to_owned(),
        1 => "1 break".to_owned(),
        many => format!("{many} breaks"),
    };
    let rejected = match run.rejected {
        0 => String::new(),
        1 => ", 1 row rejected (see rejected.csv)".to_owned(),
        rows => format!(", {rows} rows rejected (see rejected.csv)"),
    };
    format!("{table}\nAs of {as_of}: {breaks}{rejected}. Files in {}", out.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use std::fs;

    const ORDERS: &str = "account,reference_id,cip,amount,currency,status,created_at\n\
        tienda,PED-1,5000000001,22.50,PEN,paid,2026-03-02T09:30:00-05:00\n";
    const REPORTS: &str = "account,cip,amount,currency,status,paid_at\n\
        tienda,5000000001,22.50,PEN,paid,2026-03-02T10:30:00-05:00\n";

    /// A folder with the two files above and others.
    fn folder(others: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("orders.csv", ORDERS), ("reports.csv", REPORTS)].iter().chain(others) {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// Runs the command in a folder; words that name a file there become its path.
    fn reconcile(folder: &Path, line: &str) -> Result<Done, Failure> {
        let words = line.split(' ').map(|word| match folder.join(word) {
            path if (path.is_file() && !word.is_empty()) || word == "out" || word == "absent.csv" => {
                path.display().to_string()
            }
            _ => word.to_owned(),
        });
        let words = ["cuadre".to_owned(), "reconcile".to_owned()].into_iter().chain(words);
        let Some(Command::Reconcile(arguments)) = Cli::parse_from(words).command else { panic!("reconcile") };
        run(&arguments)
    }

    #[test]
    fn an_order_that_is_named_like_a_formula_is_a_text_in_every_table() {
        let named =
            |text: &str| text.replace("PED-1", "\"=HYPERLINK(\"\"https://example.com\"\",\"\"x\"\")\"");
        let orders = named(ORDERS) + "tienda,=2+3,5000000009,1.00,PEN,=2+4,2026-03-02T09:30:00-05:00\n";
        let folder = folder(&[("orders.csv", &orders), ("other.csv", &REPORTS.replace("22.50", "20.00"))]);
        reconcile(folder.path(), "--orders orders.csv --reports other.csv --out out").unwrap();
        let text = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        assert!(
            text("breaks.csv").contains(",\"'=HYPERLINK(\"\"https://example.com"),
            "{}",
            text("breaks.csv")
        );
        assert!(text("rejected.csv").contains(",'=2+4\n"), "{}", text("rejected.csv"));
    }

    #[test]
    fn agreement_is_told_from_breaks_and_rejects() {
        let other = REPORTS.replace("22.50", "20.00");
        let bad = format!("{REPORTS}tienda,5000000002,1e3,PEN,paid,2026-03-02T10:30:00-05:00\n");
        let folder = folder(&[("other.csv", &other), ("bad.csv", &bad)]);
        let check = |reports: &str, expected: Verdict| {
            let line = format!("--orders orders.csv --reports {reports} --out out");
            assert_eq!(reconcile(folder.path(), &line).map(|done| done.verdict), Ok(expected), "{reports}");
        };
        check("reports.csv", Verdict::Agreed);
        check("other.csv", Verdict::Breaks);
        check("bad.csv", Verdict::Breaks);
        let rejected = fs::read_to_string(folder.path().join("out/rejected.csv")).unwrap();
        assert!(rejected.contains("bad.csv,3,amount,"), "{rejected}");
        for name in ["summary.json", "breaks.csv", "matched.csv", "open.ndjson"] {
            assert!(folder.path().join("out").join(name).is_file(), "{name}");
        }
    }

    #[test]
    fn bad_input_is_one_sentence_that_says_what_to_do() {
        let folder = folder(&[
            ("empty.csv", ""),
            ("no-amount.csv", "account,cip,currency,status\n"),
            ("mapping.toml", "[orders]\ncolour = 1\n"),
            ("policy.toml", "[tolerance]\nabsolute = \"five\"\n"),
        ]);
        let check = |line: &str, part: &str| {
            let outcome = reconcile(folder.path(), &format!("{line} --out out"));
            let Err(Failure::Input(sentence)) = outcome else { panic!("{line}: {outcome:?}") };
            assert!(sentence.contains(part), "{sentence}");
        };
        check("--orders absent.csv --reports reports.csv", "check the path");
        check("--orders orders.csv --reports empty.csv", "empty.csv");
        check("--orders orders.csv --reports no-amount.csv", "amount");
        check("--orders orders.csv --reports reports.csv reports.csv", "named twice");
        check("--orders orders.csv --reports reports.csv ./reports.csv", "named twice");
        for account in ["", "-", "NA", "\u{A0}", &"9".repeat(300)] {
            check(&format!("--orders orders.csv --reports reports.csv --account={account}"), "--account");
        }
        check("--orders - --reports -", "standard input");
        check("--orders orders.csv --reports reports.csv --as-of today", "--as-of");
        check("--orders orders.csv --reports reports.csv --mapping mapping.toml", "mapping.toml");
        check("--orders orders.csv --reports reports.csv --policy policy.toml", "policy.toml");
    }

    #[test]
    fn a_day_goes_on_from_the_day_before() {
        let orders = ORDERS.replace("5000000001", "5000000002").replace("PED-1", "PED-2");
        let reports = REPORTS.replace("5000000001", "5000000002");
        let empty = REPORTS.lines().next().unwrap();
        let monday = folder(&[("more-orders.csv", &orders), ("none.csv", &format!("{empty}\n"))]);
        let line = "--orders orders.csv more-orders.csv --reports reports.csv --keep-closed --out out";
        assert_eq!(reconcile(monday.path(), line).map(|done| done.verdict), Ok(Verdict::Agreed));
        let read = |name: &str| fs::read_to_string(monday.path().join("out").join(name)).unwrap();
        let (open, closed) = (read("open.ndjson"), read("closed.ndjson"));
        assert!(open.contains("PED-2") && !open.contains("PED-1"), "{open}");
        assert!(closed.contains("PED-1") && !closed.contains("PED-2"), "{closed}");

        let tuesday = folder(&[("open.ndjson", &open), ("closed.ndjson", &closed), ("late.csv", &reports)]);
        let line = "--open open.ndjson --closed closed.ndjson --reports late.csv --out out";
        let done = reconcile(tuesday.path(), line).unwrap();
        assert_eq!(done.verdict, Verdict::Agreed);
        let matched = fs::read_to_string(tuesday.path().join("out/matched.csv")).unwrap();
        assert!(matched.contains("PED-2") && !matched.contains("PED-1"), "{matched}");
        assert!(!tuesday.path().join("out/closed.ndjson").is_file());
    }

    #[test]
    fn an_open_file_that_is_none_is_refused_by_line_and_member() {
        let header = r#"{"carry":{"version":1,"covered_until":{}}}"#;
        let order = r#"{"account":"1","reference_id":"A","amount":"1.999","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00"}"#;
        let item = |facts: &str| format!("{header}\n{{\"class\":\"open\",\"facts\":{facts}}}\n");
        let folder = folder(&[
            ("headless.ndjson", r#"{"class":"open","facts":{}}"#),
            ("future.ndjson", r#"{"carry":{"version":9,"covered_until":{}}}"#),
            ("cut.ndjson", &format!("{header}\n{{\"class\":\"op")),
            ("amount.ndjson", &item(&format!("{{\"orders\":[{order}]}}"))),
        ]);
        let check = |name: &str, part: &str| {
            let outcome = reconcile(folder.path(), &format!("--open {name} --out out"));
            let Err(Failure::Input(sentence)) = outcome else { panic!("{name}: {outcome:?}") };
            assert!(sentence.contains(part) && sentence.contains(name), "{sentence}");
            assert!(!sentence.contains("1.999"), "{sentence}");
        };
        check("headless.ndjson", "line 1");
        check("future.ndjson", "carry.version");
        check("cut.ndjson", "line 2");
        check("amount.ndjson", "facts.orders.amount");
    }

    #[test]
    fn files_are_named_without_their_folder_unless_two_share_the_name() {
        let check = |paths: &[&str], expected: &[&str]| {
            let paths: Vec<_> =
                paths.iter().map(|path| (Kind::Leg(Leg::Reports), PathBuf::from(path))).collect();
            assert_eq!(names(&paths), expected);
        };
        check(&["a/orders.csv", "b/reports.csv", "-"], &["orders.csv", "reports.csv", "stdin"]);
        check(&["a/reports.csv", "b/reports.csv"], &["a/reports.csv", "b/reports.csv"]);
    }

    #[test]
    fn the_report_is_a_table_or_the_summary() {
        let folder = folder(&[]);
        let report = |flags: &str| {
            let line = format!("--orders orders.csv --reports reports.csv --out out{flags}");
            reconcile(folder.path(), &line).unwrap().report
        };
        let table = report("");
        assert!(
            table.contains("matched") && table.contains("22.50") && table.contains("no breaks"),
            "{table}"
        );
        let written = fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
        assert_eq!(report(" --json"), written.trim_end());
    }

    #[test]
    fn a_run_is_held_against_an_earlier_one_also_in_the_same_folder() {
        let folder = folder(&[("other.csv", &REPORTS.replace("22.50", "20.00"))]);
        let path = folder.path();
        reconcile(path, "--orders orders.csv --reports reports.csv --out out").unwrap();
        let line = "--orders orders.csv --reports other.csv --against out --out out";
        let report = reconcile(path, line).unwrap().report;
        assert!(report.ends_with("1 new, 0 changed, 0 gone, 0 as they were."), "{report}");
        let difference = fs::read_to_string(path.join("out/difference.json")).unwrap();
        assert!(difference.contains("amount_mismatch") && difference.contains("PED-1"), "{difference}");
        let absent =
            reconcile(path, "--orders orders.csv --reports reports.csv --against absent.csv --out out");
        assert!(matches!(absent, Err(Failure::Input(sentence)) if sentence.contains("summary.json")));
    }

    /// A bank's statement and a Settlement Report are told by how they begin, whatever they are called.
    #[test]
    fn settlements_and_statements_are_read_in_their_own_layouts() {
        let lines = "account,settlement_id,currency,kind,cip,gross,net,paid_on,bank_reference\n\
            tienda,L-2041,PEN,payment,5000000001,22.50,22.50,2026-03-04,OP-77\n";
        let statement = ":20:A\n:25:191-1\n:28C:1/1\n:60F:C260304PEN0,00\n:61:260304C22,50NTRFOP-77\n\
            :86:ABONO\n:62F:C260304PEN22,50\n-\n";
        let report = "TransactionID,Currency,GrossAmount,TotalFeeAmount,DebitAmount,ExchangeRate,InvoiceNumber,NetAmount,\
            BusinessType,PaymentInstrument\nTX1,PEN,22.50,.00000,22.50,1.00000,F-1,22.50,I,PAGOEFECTIVO\n";
        let by_id = "account,cip,provider_id,amount,currency,status,paid_at\n\
            tienda,5000000001,TX1,22.50,PEN,paid,2026-03-02T10:30:00-05:00\n";
        let folder = folder(&[
            ("lines.csv", lines),
            ("statement.txt", statement),
            ("report.csv", report),
            ("by-id.csv", by_id),
        ]);
        let settled = |flags: &str| {
            let line = format!("--orders orders.csv {flags} --out out");
            let verdict = reconcile(folder.path(), &line).map(|done| done.verdict);
            assert_eq!(verdict, Ok(Verdict::Agreed), "{flags}");
            fs::read_to_string(folder.path().join("out/settlements.csv")).unwrap()
        };
        let written = settled("--reports reports.csv --settlements lines.csv --bank statement.txt");
        assert!(written.contains("22.50,0.00,OP-77,22.50,0.00,0.00,matched"), "{written}");
        let written = settled("--reports by-id.csv --settlements report.csv --account tienda");
        assert!(written.contains("tienda,F-1,PEN,,1,22.50"), "{written}");
        let nameless = "--orders orders.csv --reports by-id.csv --settlements report.csv --out out";
        let outcome = reconcile(folder.path(), nameless);
        assert!(
            matches!(&outcome, Err(Failure::Input(sentence)) if sentence.contains("account")),
            "{outcome:?}"
        );
    }

    #[test]
    fn the_same_files_elsewhere_give_the_same_bytes() {
        let written = || {
            let folder = folder(&[]);
            reconcile(folder.path(), "--orders orders.csv --reports reports.csv --out out").unwrap();
            ["summary.json", "breaks.csv", "matched.csv"]
                .map(|name| fs::read(folder.path().join("out").join(name)).unwrap())
        };
        assert_eq!(written(), written());
    }
}
