//! `cuadre config check`: every fault of the merchant's policy, with file, line, key and what to write.

use cuadre::config::check::{self, PolicyFault};
use serde_json::{Value, json};

use crate::cli::{ConfigAction, ConfigArguments, ConfigCheckArguments};
use crate::failure::Failure;
use crate::{Done, Verdict, input, screen};

pub(crate) fn run(arguments: &ConfigArguments) -> Result<Done, Failure> {
    let ConfigAction::Check(arguments) = &arguments.action;
    check(arguments)
}

fn check(arguments: &ConfigCheckArguments) -> Result<Done, Failure> {
    let name = arguments.file.display().to_string();
    let faults = check::faults(&input::read_text(&arguments.file)?);
    let report = if arguments.json { as_json(&name, &faults) } else { as_text(&name, &faults) };
    if faults.is_empty() {
        return Ok(Done { verdict: Verdict::Agreed, report });
    }
    screen::tell(&report);
    let count = faults.len();
    Err(Failure::Input(format!("{name} has {count} {}", if count == 1 { "fault" } else { "faults" })))
}

fn as_text(name: &str, faults: &[PolicyFault]) -> String {
    if faults.is_empty() {
        return format!("{name}: good");
    }
    let line = |PolicyFault { line, key, message }: &PolicyFault| {
        let place = line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{name}{place}: {key}: {message}")
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn as_json(name: &str, faults: &[PolicyFault]) -> String {
    let object = |PolicyFault { line, key, message }: &PolicyFault| json!({ "file": name, "line": line, "key": key, "message": message });
    Value::Array(faults.iter().map(object).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn config_check(text: &str, more: &[&str]) -> Result<Done, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cuadre.toml");
        fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        let line = ["cuadre", "config", "check", &path].into_iter().chain(more.iter().copied());
        let Some(Command::Config(arguments)) = Cli::parse_from(line).command else { panic!("config") };
        run(&arguments)
    }

    #[test]
    fn a_good_policy_is_good_and_a_bad_one_is_bad_input() {
        let done = config_check("[grace]\norders_hours = 3\n", &[]).unwrap();
        assert!(
            done.verdict == Verdict::Agreed && done.report.ends_with("cuadre.toml: good"),
            "{}",
            done.report
        );
        assert_eq!(config_check("", &["--json"]).unwrap().report, "[]");
        let failure = config_check("[grace]\nhours = 3\n[tolerance]\nabsolute = \"x\"\n", &[]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.sentence().ends_with("has 2 faults"), "{}", failure.sentence());
    }

    #[test]
    fn file_line_key_and_remedy_are_told() {
        let faults = check::faults("[grace]\norder_hours = 3\n");
        let text = as_text("cuadre.toml", &faults);
        assert!(text.starts_with("cuadre.toml:2: order_hours: unknown field"), "{text}");
        assert!(text.contains("is orders_hours meant?"), "{text}");
        let list: Value = serde_json::from_str(&as_json("cuadre.toml", &faults)).unwrap();
        assert_eq!(
            (&list[0]["file"], &list[0]["line"], &list[0]["key"]),
            (&json!("cuadre.toml"), &json!(2), &json!("order_hours"))
        );
    }
}
