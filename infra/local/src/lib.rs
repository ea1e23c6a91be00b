#![doc = include_str!("../README.md")]

mod against;
pub mod cli;
mod config;
mod demo;
mod doctor;
mod failure;
mod generate;
mod input;
mod mapping;
mod outputs;
mod reconcile;
mod replay;
mod sandbox;
mod screen;
mod settings;
mod signature;
mod status;
mod support;

use std::process::ExitCode;

use cli::{Cli, Command};
use failure::Failure;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All agreed.
    Agreed,
    /// Somebody must look at something.
    Breaks,
}

/// What a command that did its work has to say, for standard output.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    verdict: Verdict,
    report: String,
}

/// Carries out a command and says how the process shall end: 0 all agreed, 1 breaks or rejected rows, 2 bad usage or
/// input, 3 failure.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command.unwrap_or_default() {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Signature(arguments) => signature::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Mapping(arguments) => mapping::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::SupportPack(arguments) => support::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
    };
    match &outcome {
        Ok(done) => screen::tell(&done.report),
        Err(failure) => screen::complain(&failure.sentence()),
    }
    ExitCode::from(exit_code(&outcome))
}

const fn exit_code(outcome: &Result<Done, Failure>) -> u8 {
    match outcome {
        Ok(Done { verdict: Verdict::Agreed, .. }) => 0,
        Ok(Done { verdict: Verdict::Breaks, .. }) => 1,
        Err(failure) => failure.exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_exit_code() {
        let done = |verdict| Ok(Done { verdict, report: String::new() });
        assert_eq!(exit_code(&done(Verdict::Agreed)), 0);
        assert_eq!(exit_code(&done(Verdict::Breaks)), 1);
        assert_eq!(exit_code(&Err(Failure::Input(String::new()))), 2);
        assert_eq!(exit_code(&Err(Failure::Defect(String::new()))), 3);
    }
}
