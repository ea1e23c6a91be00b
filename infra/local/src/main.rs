//! The binary `cuadre`: reads the command line, hands over, and turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use cuadre_local::cli::Cli;

fn main() -> ExitCode {
    cuadre_local::run(Cli::parse())
}
