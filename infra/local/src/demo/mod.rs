//! `cuadre demo`: the whole system, once, on this machine, with a simulated provider.
//!
//! The seed decides three days of a shop (`plan`, `stories`). They are then played against the real functions over
//! emulated AWS services (`stage`, `acts`), and what the system says is held against what was planted (`truth`).

mod acts;
mod gateway;
mod hearing;
mod plan;
mod shop;
mod stage;
mod stories;
mod truth;
mod words;

use std::path::PathBuf;

use tracing_subscriber::filter::LevelFilter;

use acts::Aftermath;

use crate::cli::DemoArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, outputs, screen};

/// The outputs of the run that the demo hands over.
const OUTPUTS: [&str; 5] = ["summary.json", "breaks.csv", "matched.csv", "rejected.csv", "open.ndjson"];

pub(crate) fn run(arguments: &DemoArguments) -> Result<Done, Failure> {
    outputs::make_folder(&arguments.out)?;
    // The functions log what went wrong and hand on no more than that something did.
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::ERROR).with_writer(std::io::stderr);
    // A subscriber that is there already hears the same.
    drop(log.try_init());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    let plan = plan::plan(arguments.orders, arguments.seed);
    let bar = screen::progress(u64::try_from(plan.events.len()).unwrap_or(u64::MAX), "three days of a shop");
    let aftermath = runtime.block_on(acts::play(&plan, arguments.seed, &bar))?;
    bar.finish_and_clear();

    let places = write(&aftermath, arguments)?;
    let planted = truth::planted(&plan, &aftermath.cips);
    let comparison = truth::compare(planted, truth::told(&plan, &aftermath)?);
    let as_planted =
        comparison.is_equal() && truth::notices_as_planted(&plan, &aftermath) && aftermath.replayed;
    let report = words::describe(&plan, &aftermath, &comparison, &places);
    Ok(Done { verdict: if as_planted { Verdict::Agreed } else { Verdict::Breaks }, report })
}

fn write(aftermath: &Aftermath, arguments: &DemoArguments) -> Result<Vec<PathBuf>, Failure> {
    let alert = format!("{}\n\n{}\n", aftermath.alert.subject, aftermath.alert.body.trim_end());
    let mut files = Vec::new();
    for name in OUTPUTS {
        files.push((name, truth::output(aftermath, name)?));
    }
    files.push(("alert.txt", alert.as_bytes()));
    outputs::write(&arguments.out, files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn demo(orders: u32, seed: u64, out: &Path) -> Result<Done, Failure> {
        run(&DemoArguments { orders, seed, out: out.to_path_buf() })
    }

    #[test]
    fn the_outcome_equals_the_planted_truth() {
        for (orders, seed) in [(1, 1), (9, 2), (60, 3), (200, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let Done { verdict, report } = demo(orders, seed, folder.path()).unwrap();
            assert_eq!(
                verdict,
                Verdict::Agreed,
                "{orders} orders, seed {seed}:
{report}"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed: u64| {
            let folder = tempfile::tempdir().unwrap();
            demo(40, seed, folder.path()).unwrap();
            let names = OUTPUTS.into_iter().chain(["alert.txt"]);
            names.map(|name| fs::read(folder.path().join(name)).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_before_anything_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(demo(1, 1, &file.join("out")), Err(Failure::Input(_))));
    }
}
