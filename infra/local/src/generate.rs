//! `cuadre generate`: a seeded data set of all legs with its answer key.

use crate::cli::GenerateArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, outputs, screen};

/// The key of more orders than this does not fit the memory of an ordinary machine.
const ORDERS_MAX: u64 = 20_000_000;

pub(crate) fn run(arguments: &GenerateArguments) -> Result<Done, Failure> {
    if arguments.orders > ORDERS_MAX {
        return Err(Failure::Input(format!(
            "--orders takes at most {ORDERS_MAX}: generate several data sets"
        )));
    }
    outputs::make_folder(&arguments.out)?;
    let spinner = screen::spinner("making the data set");
    let places = cuadre_generator::write(&arguments.out, arguments.orders, arguments.seed, arguments.by_day)
        .map_err(|error| outputs::failed(&arguments.out, &error))?;
    spinner.finish_and_clear();
    let report = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join("\n");
    Ok(Done { verdict: Verdict::Agreed, report })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_data_set_is_written_with_its_answer_key() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = arguments(20, false, folder.path().join("data"));
        assert_eq!(run(&arguments).unwrap().report.lines().count(), 13);
        for name in ["orders.csv", "settlements.csv", "bank.csv", "answer-key.csv", "README.txt"] {
            assert!(folder.path().join("data").join(name).is_file(), "{name}");
        }
    }

    #[test]
    fn each_day_of_arrival_has_a_folder_where_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        run(&arguments(60, true, folder.path().to_owned())).unwrap();
        for name in ["orders.csv", "day=2026-04-20/orders.csv", "day=2026-04-20/bank.csv"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
    }

    fn arguments(orders: u64, by_day: bool, out: PathBuf) -> GenerateArguments {
        GenerateArguments { orders, seed: 3, by_day, out }
    }

    #[test]
    fn too_many_orders_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("data");
        let arguments = arguments(ORDERS_MAX + 1, false, out.clone());
        assert!(matches!(run(&arguments), Err(Failure::Input(_))));
        assert!(!out.exists());
    }
}
