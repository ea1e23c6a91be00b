//! `cuadre sandbox`: the PagoEfectivo simulator alone, with a clock that runs.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use cuadre_sandbox::{Config, SandboxClock, StartError};

use crate::cli::SandboxArguments;
use crate::failure::{self, Failure};
use crate::{Done, screen};

/// How often the simulated clock catches up with the machine's.
const TICK: Duration = Duration::from_millis(200);

/// Serves until the process is ended.
pub(crate) fn run(arguments: &SandboxArguments) -> Result<Done, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    match runtime.block_on(serve(arguments))? {}
}

async fn serve(arguments: &SandboxArguments) -> Result<Infallible, Failure> {
    let start_at = cuadre::aws::now().to_utc();
    let credentials = (&arguments.access_key, &arguments.secret_key);
    let mut config =
        Config::new(arguments.id_service, credentials.0, credentials.1, arguments.seed, start_at);
    config.port = arguments.port;
    config.notice_url = arguments.notice_url.clone();
    let sandbox = cuadre_sandbox::start(config).await.map_err(refused)?;
    screen::tell(&describe(&sandbox.base_url(), arguments));
    run_clock(sandbox.clock()).await
}

fn refused(error: StartError) -> Failure {
    Failure::Input(failure::with_causes(&error))
}

fn describe(url: &str, arguments: &SandboxArguments) -> String {
    let SandboxArguments { id_service, access_key, secret_key, .. } = arguments;
    format!(
        "PagoEfectivo simulator\n\
         \x20 address      {url}\n\
         \x20 id_service   {id_service}\n\
         \x20 access_key   {access_key}\n\
         \x20 secret_key   {secret_key}\n\
         Its time runs from now on; move it, pay and more by POST {url}/_sandbox/…\n\
         Ctrl-C ends it."
    )
}

/// Lets the simulated time pass as fast as the machine's, from wherever somebody sets it.
async fn run_clock(clock: SandboxClock) -> ! {
    let began = Instant::now();
    let mut given = Duration::ZERO;
    loop {
        tokio::time::sleep(TICK).await;
        let due = Duration::from_secs(began.elapsed().as_secs()).saturating_sub(given);
        clock.advance(due);
        given += due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn arguments(port: u16) -> SandboxArguments {
        let port = port.to_string();
        let Some(Command::Sandbox(arguments)) =
            Cli::parse_from(["cuadre", "sandbox", "--port", port.as_str()]).command
        else {
            panic!("sandbox")
        };
        arguments
    }

    #[test]
    fn what_is_shown_is_enough_to_use_it() {
        let shown = describe("http://127.0.0.1:4010", &arguments(4010));
        for part in ["http://127.0.0.1:4010", "1234", "SANDBOXACCESSKEY", "sandbox secret key"] {
            assert!(shown.contains(part), "{part}");
        }
    }

    #[test]
    fn a_taken_port_is_the_user_s_to_change() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(
            matches!(run(&arguments(port)), Err(Failure::Input(sentence)) if sentence.contains("another port"))
        );
    }
}
