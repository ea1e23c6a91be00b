//! `cuadre generate`: a seeded data set of all legs with its answer key.

use crate::cli::GenerateArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, outputs, screen};

/// More orders than this do not fit the memory of an ordinary machine.
const ORDERS_MAX: u64 = 20_000_000;

pub(crate) fn run(arguments: &GenerateArguments) -> Result<Done, Failure> {
    if arguments.orders > ORDERS_MAX {
        return Err(Failure::Input(format!(
            "--orders takes at most {ORDERS_MAX}: generate several data sets"
        )));
    }
    outputs::make_folder(&arguments.out)?;
    let spinner = screen::spinner("making the data set");
    let dataset = cuadre_generator::generate(arguments.orders, arguments.seed);
    let files = dataset.files.iter().map(|file| (file.name, file.bytes.as_slice()));
    let places = outputs::write(&arguments.out, files)?;
    spinner.finish_and_clear();
    let report = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join("\n");
    Ok(Done { verdict: Verdict::Agreed, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_set_is_written_with_its_answer_key() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = GenerateArguments { orders: 20, seed: 3, out: folder.path().join("data") };
        assert_eq!(run(&arguments).unwrap().report.lines().count(), 6);
        for name in ["orders.csv", "reports.csv", "notices.csv", "answer-key.csv", "README.txt"] {
            assert!(folder.path().join("data").join(name).is_file(), "{name}");
        }
    }

    #[test]
    fn too_many_orders_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("data");
        let arguments = GenerateArguments { orders: ORDERS_MAX + 1, seed: 3, out: out.clone() };
        assert!(matches!(run(&arguments), Err(Failure::Input(_))));
        assert!(!out.exists());
    }
}
