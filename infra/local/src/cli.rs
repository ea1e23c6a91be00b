//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Reconciles PagoEfectivo cash payments.
#[derive(Debug, Parser)]
#[command(name = "cuadre", version, about, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do; without it, `demo`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "Exit codes: 0 all agreed (demo: the outcome equals the planted truth; signature: it is right; doctor: nothing is \
wrong), 1 breaks or rejected rows (replay: other bytes; signature: it is wrong; status: not known; doctor: something is wrong; mapping: some row cannot be read yet), 2 bad usage or input, 3 failure.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays the whole system once on this machine, with a simulated provider
    Demo(DemoArguments),
    /// Reconciles files of orders, reports, notices, settlements and bank lines
    Reconcile(ReconcileArguments),
    /// Makes an archived run again and compares it byte for byte
    Replay(ReplayArguments),
    /// Writes a seeded data set with its answer key
    Generate(GenerateArguments),
    /// Serves the PagoEfectivo simulator alone, on 127.0.0.1
    Sandbox(SandboxArguments),
    /// Says whether a header signs a body, and what explains it where it does not
    Signature(SignatureArguments),
    /// Says how a payment stands and what to tell the customer
    Status(StatusArguments),
    /// Proposes a mapping for a file of another program and shows its first rows
    Mapping(MappingArguments),
    /// Says whether an account can talk to PagoEfectivo, and what to do where it cannot
    Doctor(DoctorArguments),
    /// Writes what PagoEfectivo's support needs, without secrets and personal data
    SupportPack(SupportPackArguments),
    /// Checks the merchant's settings
    Config(ConfigArguments),
}

impl Default for Command {
    fn default() -> Command {
        Command::Demo(DemoArguments {
            orders: ORDERS_DEFAULT,
            seed: SEED_DEFAULT,
            out: PathBuf::from(OUT_DEFAULT),
        })
    }
}

const ORDERS_DEFAULT: u32 = 200;
const SEED_DEFAULT: u64 = 1;
const OUT_DEFAULT: &str = "out";

/// Of `cuadre demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// How many orders the shop takes, 1 to 20000
    #[arg(long, value_name = "N", default_value_t = ORDERS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub orders: u32,
    /// Decides everything that happens: the same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = SEED_DEFAULT)]
    pub seed: u64,
    /// Folder for the outputs
    #[arg(long, value_name = "DIR", default_value = OUT_DEFAULT)]
    pub out: PathBuf,
}

/// Of `cuadre reconcile`. A file may be `-` (standard input) and may be compressed (.gz, .zst).
#[derive(Debug, Args)]
pub struct ReconcileArguments {
    /// What the shop expects: CSV or NDJSON
    #[arg(long, value_name = "F", num_args = 1.., required_unless_present = "open")]
    pub orders: Vec<PathBuf>,
    /// What the provider says; each file is a source of its own
    #[arg(long, value_name = "F", num_args = 1.., required_unless_present = "open")]
    pub reports: Vec<PathBuf>,
    /// Signed callbacks as received
    #[arg(long, value_name = "F", num_args = 1..)]
    pub notices: Vec<PathBuf>,
    /// What lived on: open.ndjson of the run before; the other files hold what has arrived since
    #[arg(long, value_name = "F", num_args = 1..)]
    pub open: Vec<PathBuf>,
    /// What was closed: closed.ndjson of the runs before, so that a later fact reopens its pair
    #[arg(long, value_name = "F", num_args = 1.., requires = "open")]
    pub closed: Vec<PathBuf>,
    /// Writes closed.ndjson for the runs that come after
    #[arg(long)]
    pub keep_closed: bool,
    /// The provider's settlements, line by line; a Settlement Report is known by its header
    #[arg(long, value_name = "F", num_args = 1..)]
    pub settlements: Vec<PathBuf>,
    /// Lines of the bank; statements in MT940 and CAMT.053 are known by how they begin
    #[arg(long, value_name = "F", num_args = 1..)]
    pub bank: Vec<PathBuf>,
    /// The account of files without an account column
    #[arg(long, value_name = "A")]
    pub account: Option<String>,
    /// How the files' columns are read: a TOML file, or the name of a preset such as shopify
    #[arg(long, value_name = "M")]
    pub mapping: Option<PathBuf>,
    /// Tolerance, grace and coverage (TOML)
    #[arg(long, value_name = "P")]
    pub policy: Option<PathBuf>,
    /// The moment of judgement, RFC 3339; without it, the latest time in the files
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// The outputs of an earlier run: what this one says otherwise goes to difference.json
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// How many threads work; without it, as many as the machine has cores. Outputs do not depend on it
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Folder for the outputs
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Writes the summary to standard output as JSON in place of the table
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The run as the alert names it (ACCOUNT/TIME or s3://…), or its folder in a copy of the bucket
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The deployment's bucket; without it, BUCKET_NAME of the environment
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// Also a run that another version made, which may have judged otherwise
    #[arg(long)]
    pub any_version: bool,
    /// Writes the answer as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre generate`.
#[derive(Debug, Args)]
pub struct GenerateArguments {
    /// How many orders
    #[arg(long, value_name = "N")]
    pub orders: u64,
    /// Decides every byte
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// Also a folder for each day, `day=YYYY-MM-DD`, with the rows that arrived on it
    #[arg(long)]
    pub by_day: bool,
    /// Folder for the files
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Of `cuadre sandbox`. The credentials are made up and only the simulator knows them.
#[derive(Debug, Args)]
pub struct SandboxArguments {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 4010)]
    pub port: u16,
    /// Decides CIPs, operation numbers and tokens
    #[arg(long, value_name = "S", default_value_t = SEED_DEFAULT)]
    pub seed: u64,
    /// Number of the service
    #[arg(long, value_name = "N", default_value_t = 1234)]
    pub id_service: u64,
    /// Access key of the service, at most 20 characters
    #[arg(long, value_name = "KEY", default_value = "SANDBOXACCESSKEY")]
    pub access_key: String,
    /// Secret key of the service
    #[arg(long, value_name = "KEY", default_value = "sandbox secret key, never a real one")]
    pub secret_key: String,
    /// Where notices are posted; without it they wait under /_sandbox/notices
    #[arg(long, value_name = "URL")]
    pub notice_url: Option<String>,
}

/// Of `cuadre signature`. Body and header as they were received; a file may be `-` (standard input).
#[derive(Debug, Args)]
pub struct SignatureArguments {
    /// The secret key alone, or the account's secret as JSON
    #[arg(long, value_name = "F")]
    pub secret_file: PathBuf,
    /// The body, byte for byte
    #[arg(long, value_name = "F")]
    pub body_file: PathBuf,
    /// The value of the header that carries the signature
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub header: String,
    /// The signature scheme as JSON; without it, that of the account's secret, else PagoEfectivo's own
    #[arg(long, value_name = "F")]
    pub scheme_file: Option<PathBuf>,
    /// The time of receipt, RFC 3339, for schemes that sign a time; without it, now
    #[arg(long, value_name = "T")]
    pub now: Option<String>,
    /// Writes the answer as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre status`. With files, from these; without, from the table of a deployment.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// An order's number, a CIP or an operation number
    #[arg(value_name = "NUMBER")]
    pub number: String,
    /// The account; needed without files, and for files without an account column
    #[arg(long, value_name = "A")]
    pub account: Option<String>,
    /// What the shop expects: CSV or NDJSON
    #[arg(long, value_name = "F", num_args = 1..)]
    pub orders: Vec<PathBuf>,
    /// What the provider says; each file is a source of its own
    #[arg(long, value_name = "F", num_args = 1..)]
    pub reports: Vec<PathBuf>,
    /// Signed callbacks as received
    #[arg(long, value_name = "F", num_args = 1..)]
    pub notices: Vec<PathBuf>,
    /// How the files' columns are read: a TOML file, or the name of a preset such as shopify
    #[arg(long, value_name = "M")]
    pub mapping: Option<PathBuf>,
    /// Tolerance and meanings of events (TOML); without it, that of the deployment's bucket, else the default
    #[arg(long, value_name = "P")]
    pub policy: Option<PathBuf>,
    /// The deployment's table; without it, TABLE_NAME of the environment
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// The deployment's bucket; without it, BUCKET_NAME of the environment
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// The moment that is asked about, RFC 3339; without it, now
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// Language of what is said: es, en or zh
    #[arg(long, value_name = "L", default_value = "es")]
    pub lang: String,
    /// Writes a JSON list in place of the text
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre mapping`. The mapping goes to standard output and the rows to standard error.
#[derive(Debug, Args)]
pub struct MappingArguments {
    /// CSV with any separator, XLSX, JSON, NDJSON or XML; `-` is standard input, and it may be compressed
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose words the file holds; without it, what suits best
    #[arg(long, value_name = "LEG", value_parser = ["orders", "reports", "settlements", "bank"])]
    pub leg: Option<String>,
    /// Writes mapping, doubts and rows to standard output as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre doctor`. Without --secret-file, the keys are those of the deployment that SECRET_PREFIX names.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The account: the merchant's own name of one PagoEfectivo service
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// The account's secret as JSON: id_service, access_key, secret_key
    #[arg(long, value_name = "F")]
    pub secret_file: Option<PathBuf>,
    /// The environment: test, production or an address; without it, PROVIDER_URL, else production
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A CIP to search for
    #[arg(long, value_name = "CIP")]
    pub cip: Option<String>,
    /// The callback's address: it must turn away what is not signed
    #[arg(long, value_name = "URL")]
    pub callback_url: Option<String>,
    /// Makes a CIP in the test environment and compares the shape of every answer with the recorded one
    #[arg(long)]
    pub probe: bool,
    /// Writes a JSON list in place of the text
    #[arg(long)]
    pub json: bool,
}

/// Of `cuadre support-pack`.
#[derive(Debug, Args)]
pub struct SupportPackArguments {
    /// What is examined, as by `cuadre doctor`
    #[command(flatten)]
    pub doctor: DoctorArguments,
    /// Where the pack goes: a folder, or a new file that ends in .zip
    #[arg(long, value_name = "FILE.zip|DIR")]
    pub out: PathBuf,
    /// The deployment's bucket, for its last pulls; without it, BUCKET_NAME of the environment
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
}

/// Of `cuadre config`.
#[derive(Debug, Args)]
pub struct ConfigArguments {
    /// What to do
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What `cuadre config` does.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Reads the policy and tells every error with its key and what to write
    Check(ConfigCheckArguments),
}

/// Of `cuadre config check`.
#[derive(Debug, Args)]
pub struct ConfigCheckArguments {
    /// The policy (TOML); - is standard input
    #[arg(value_name = "FILE", default_value = "cuadre.toml")]
    pub file: PathBuf,
    /// Writes a JSON list in place of the text
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_demo_runs() {
        let cli = Cli::parse_from(["cuadre"]);
        let Command::Demo(demo) = cli.command.unwrap_or_default() else { panic!("demo") };
        assert_eq!((demo.orders, demo.seed, demo.out), (200, 1, PathBuf::from("out")));
    }

    #[test]
    fn several_files_follow_one_flag() {
        let line = "cuadre reconcile --orders a.csv b.csv --reports c.csv --out o --json";
        let Some(Command::Reconcile(arguments)) = Cli::parse_from(line.split(' ')).command else {
            panic!("reconcile")
        };
        assert_eq!((arguments.orders.len(), arguments.reports.len(), arguments.json), (2, 1, true));
    }

    #[test]
    fn what_is_missing_or_out_of_range_is_refused() {
        for line in [
            "cuadre reconcile --orders a.csv --out o",
            "cuadre reconcile --orders a.csv --reports b.csv",
            "cuadre demo --orders 0",
            "cuadre demo --orders many",
            "cuadre generate --orders 5 --out o",
            "cuadre replay",
            "cuadre signature --secret-file k --body-file b",
            "cuadre signature --secret-file k --header h",
            "cuadre status",
            "cuadre mapping",
            "cuadre mapping a.csv --leg notices",
            "cuadre doctor",
            "cuadre support-pack tienda",
            "cuadre config",
            "cuadre other",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
