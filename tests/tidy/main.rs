//! House rules that a machine can check and no lint does.
//!
//! Each rule reads the sources as text. Comment lines do not count where a rule is about code, so that a comment may
//! name what the code must not.

mod rules;
mod sources;

use std::error::Error;

use sources::{Source, repository};

type Outcome = Result<(), Box<dyn Error>>;

/// Fails with every place that breaks the rule, not only the first.
fn none(rule: &str, broken: &[String]) -> Outcome {
    if broken.is_empty() { Ok(()) } else { Err(format!("{rule}:\n  {}", broken.join("\n  ")).into()) }
}

/// Sources below one of the folders, or equal to one of the files. A name that matches nothing is an error: a rule about
/// a folder that has moved would hold for ever.
fn below(places: &[&str]) -> Result<Vec<Source>, Box<dyn Error>> {
    let sources = repository()?;
    let mut found = Vec::new();
    for place in places {
        let matching: Vec<_> = sources.iter().filter(|source| source.is_below(place)).cloned().collect();
        if matching.is_empty() {
            return Err(format!("no source lies at {place}: mend the list in tests/tidy").into());
        }
        found.extend(matching);
    }
    Ok(found)
}

/// The pure core, by files and folders of `shared/src`.
const CORE: &[&str] = &[
    "shared/src/money.rs",
    "shared/src/ids.rs",
    "shared/src/calendar.rs",
    "shared/src/calendar",
    "shared/src/lifecycle",
    "shared/src/reconcile",
    "shared/src/carry",
    "shared/src/report",
    "shared/src/formats",
    "shared/src/run",
];

/// The crate of each function and the folder of its sample events.
const FUNCTIONS: [(&str, &str); 6] = [
    ("cuadre_callback", "events/callback"),
    ("cuadre_forward", "events/forward"),
    ("cuadre_import", "events/import"),
    ("cuadre_publish", "events/publish"),
    ("cuadre_reconcile", "events/reconcile"),
    ("cuadre_report_pull", "events/report-pull"),
];

#[test]
fn the_pure_core_reads_no_clock_no_environment_and_no_network() -> Outcome {
    let forbidden = [
        ("SystemTime", "take the time as an argument"),
        ("Instant::now", "take the time as an argument"),
        ("Utc::now", "take the time as an argument"),
        ("Local::now", "take the time as an argument"),
        ("std::env", "take the value as an argument"),
        ("std::fs", "take bytes as an argument"),
        ("std::net", "the core does no I/O"),
        ("std::process", "the core does no I/O"),
        ("tokio", "the core does no I/O"),
        ("reqwest", "the core does no I/O"),
        ("tracing", "return what is to be told"),
        ("aws_config", "storage belongs to shared/src/aws"),
        ("aws_sdk", "storage belongs to shared/src/aws"),
        ("aws_smithy", "storage belongs to shared/src/aws"),
        ("rand::", "a run is a function of its inputs"),
    ];
    none("the pure core must not name these", &rules::forbidden(&below(CORE)?, &forbidden))
}

#[test]
fn the_core_does_not_look_outward() -> Outcome {
    let forbidden = [
        ("crate::aws", "the core knows no storage"),
        ("crate::pagoefectivo", "the core knows no provider's protocol"),
        ("crate::telemetry", "the core does not log"),
    ];
    none(
        "the direction is functions, then aws and pagoefectivo, then the core",
        &rules::forbidden(&below(CORE)?, &forbidden),
    )
}

#[test]
fn only_the_storage_files_name_the_sdk() -> Outcome {
    // Tests of the functions look into the emulators with the SDK itself.
    let allowed = ["shared/src/aws", "tests/"];
    let elsewhere: Vec<_> = repository()?
        .into_iter()
        .filter(|source| source.is_rust() && !allowed.iter().any(|place| source.path.starts_with(place)))
        .filter(|source| !source.path.contains("/tests/") && !source.path.ends_with("/tests.rs"))
        .collect();
    let forbidden = [("aws_sdk_", "one file per table, bucket, topic and secret, in shared/src/aws")];
    none("the SDK is named outside of shared/src/aws", &rules::forbidden(&elsewhere, &forbidden))
}

#[test]
fn no_number_is_floating() -> Outcome {
    let forbidden = [("f32", "money is an integer"), ("f64", "money is an integer")];
    none("floating point near money", &rules::forbidden(&below(&["shared/src", "functions"])?, &forbidden))
}

#[test]
fn the_other_side_is_independent() -> Outcome {
    let places = [
        "tests/generator/src",
        "tests/sandbox/src",
        "tests/generator/Cargo.toml",
        "tests/sandbox/Cargo.toml",
    ];
    let forbidden = [
        ("cuadre::", "what judges the engine must not use it"),
        ("cuadre.workspace", "what judges the engine must not use it"),
        ("cuadre = ", "what judges the engine must not use it"),
    ];
    none(
        "generator and simulator share nothing with the engine",
        &rules::forbidden(&below(&places)?, &forbidden),
    )
}

#[test]
fn a_function_depends_on_no_function() -> Outcome {
    let forbidden =
        FUNCTIONS.map(|(crate_name, _)| (crate_name, "what two functions need belongs to shared"));
    let mains_and_tests = |source: &Source| {
        let outside = ["/tests/", "/benches/"].iter().any(|folder| source.path.contains(folder));
        outside || source.path.ends_with("/src/main.rs")
    };
    let sources: Vec<_> =
        below(&["functions", "shared"])?.into_iter().filter(|source| !mains_and_tests(source)).collect();
    none("a function names a function", &rules::forbidden(&sources, &forbidden))
}

#[test]
fn main_wires_and_lib_decides() -> Outcome {
    let mut broken = Vec::new();
    for source in below(&["functions"])?.iter().filter(|source| source.path.ends_with("/src/main.rs")) {
        let lines = source.text.lines().count();
        if lines > 40 {
            broken.push(format!("{} has {lines} lines, 40 are enough to wire", source.path));
        }
    }
    none("main.rs of a function decides nothing", &broken)
}

/// Longer files that have one subject all the same, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Longer functions that would not gain by being cut, each with the reason.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];

#[test]
fn a_file_has_one_subject() -> Outcome {
    none("files over 600 lines", &rules::long_files(&repository()?, 600, LONG_FILES))
}

#[test]
fn a_function_fits_a_screen() -> Outcome {
    none("functions over 90 lines", &rules::long_functions(&repository()?, 90, LONG_FUNCTIONS))
}

#[test]
fn tests_are_run_and_say_what_they_expect() -> Outcome {
    let rust: Vec<_> = repository()?
        .into_iter()
        .filter(|source| source.is_rust() && !source.is_below("tests/tidy"))
        .collect();
    let forbidden = [
        ("#[ignore", "a test that does not run holds nothing"),
        ("should_panic", "check the error, not that something went wrong"),
        ("thread::sleep", "take the time as an argument, or wait for the event"),
    ];
    none("tests", &rules::forbidden(&rust, &forbidden))
}

#[test]
fn members_share_lints_and_versions() -> Outcome {
    let manifests: Vec<_> =
        repository()?.into_iter().filter(|source| source.path.ends_with("/Cargo.toml")).collect();
    let mut broken = rules::forbidden(&manifests, &[("[features]", "our crates have no features")]);
    for manifest in &manifests {
        if !manifest.text.contains("[lints]\nworkspace = true") {
            broken.push(format!("{} does not take the lints of the workspace", manifest.path));
        }
        broken.extend(rules::own_versions(manifest));
    }
    none("Cargo.toml of the members", &broken)
}

#[test]
fn every_event_sample_is_json_and_says_what_it_shows() -> Outcome {
    let mut broken = Vec::new();
    let samples = below(&FUNCTIONS.map(|(_, folder)| folder))?;
    for sample in samples.iter().filter(|sample| sample.path.ends_with(".json")) {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&sample.text) {
            broken.push(format!("{}: {error}", sample.path));
        }
        let name = sample.path.rsplit('/').next().unwrap_or_default();
        if !["ok-", "dup-", "bad-"].iter().any(|kind| name.starts_with(kind)) {
            broken.push(format!("{}: the name begins with ok-, dup- or bad-", sample.path));
        }
    }
    none("event samples", &broken)
}

#[test]
fn nothing_points_into_one_machine() -> Outcome {
    none("paths of one machine", &rules::machine_paths(&repository()?))
}
