//! `cuadre doctor`: whether an account can talk to the provider and be talked to, and what to do where it cannot.
//!
//! No key, token, body or address with a query is ever shown: what this prints may be pasted into a ticket.

mod callback;
mod examine;
mod probe;
#[cfg(test)]
mod tests;

use std::path::Path;

use cuadre::aws::secrets::{self, Secrets};
use cuadre::aws::{self, Patience, SdkConfig};
use cuadre::config::env;
use cuadre::ids::Cip;
use cuadre::pagoefectivo::Credentials;
use cuadre::pagoefectivo::client::{Environment, Persistence};
use serde_json::json;

use crate::cli::DoctorArguments;
use crate::failure::{Failure, with_causes};
use crate::{Done, Verdict, input, settings};

pub(crate) use examine::{Case, Examination};

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    Bad,
    NotTried,
}

impl Health {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Health::Good => "good",
            Health::Bad => "bad",
            Health::NotTried => "not tried",
        }
    }
}

/// One check: what was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) health: Health,
    pub(crate) says: String,
}

impl Finding {
    pub(crate) fn good(check: &'static str, says: impl Into<String>) -> Finding {
        Finding { check, health: Health::Good, says: says.into() }
    }

    pub(crate) fn bad(check: &'static str, says: impl Into<String>) -> Finding {
        Finding { check, health: Health::Bad, says: says.into() }
    }

    pub(crate) fn not_tried(check: &'static str, says: impl Into<String>) -> Finding {
        Finding { check, health: Health::NotTried, says: says.into() }
    }
}

pub(crate) fn run(arguments: &DoctorArguments) -> Result<Done, Failure> {
    let examination = examine(arguments, Persistence::default())?;
    let is_bad = examination.findings.iter().any(|finding| finding.health == Health::Bad);
    let report = if arguments.json { as_json(&examination.findings) } else { as_text(&examination.findings) };
    Ok(Done { verdict: if is_bad { Verdict::Breaks } else { Verdict::Agreed }, report })
}

/// Reads what the command line names and makes every check.
pub(crate) fn examine(arguments: &DoctorArguments, persistence: Persistence) -> Result<Examination, Failure> {
    settings::check_account(Some(&arguments.account))?;
    let environment = environment(arguments.url.as_deref())?;
    if arguments.probe && environment == Environment::Production {
        let sentence =
            "--probe makes a CIP and removes it, which is for the test environment: add --url test";
        return Err(Failure::Input(sentence.to_owned()));
    }
    let cip = match &arguments.cip {
        None => Cip::parse("1"),
        Some(text) => Cip::parse(text),
    };
    let cip = cip.ok_or_else(|| Failure::Input("--cip is not 1 to 14 digits: give a CIP".to_owned()))?;
    if let Some(url) = &arguments.callback_url
        && !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err(Failure::Input(
            "--callback-url is no https:// address: give the stack's CallbackUrl".to_owned(),
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    runtime.block_on(async {
        let keys = keys(&arguments.account, arguments.secret_file.as_deref()).await?;
        let case = Case {
            environment: &environment,
            keys: &keys,
            cip,
            callback_url: arguments.callback_url.as_deref(),
            probe: arguments.probe,
            persistence,
            clock: &aws::now,
        };
        examine::examine(&case).await
    })
}

fn environment(url: Option<&str>) -> Result<Environment, Failure> {
    match url {
        Some(text) => Environment::parse(text).ok_or_else(|| {
            Failure::Input(
                "--url is not production, test or an https:// address (plain http:// is for 127.0.0.1, localhost and [::1])".to_owned(),
            )
        }),
        None => {
            let url = env::provider_url(&env::process).map_err(|error| Failure::Input(error.to_string()))?;
            Ok(Environment::parse(&url).unwrap_or_default())
        }
    }
}

/// The account's keys, from a file, else from the deployment's secret.
async fn keys(account: &str, file: Option<&Path>) -> Result<Credentials, Failure> {
    if let Some(path) = file {
        let text = input::read_text(path)?;
        return secrets::credentials(&text).ok_or_else(|| {
            Failure::Input(format!(
                "{} is not {{\"id_service\": number, \"access_key\": text, \"secret_key\": text}}: give the account's secret as JSON",
                path.display()
            ))
        });
    }
    let prefix = env::secret_prefix(&env::process).map_err(|_| {
        Failure::Input(
            "there are no keys: name a file with --secret-file, or set SECRET_PREFIX to that of a deployment"
                .to_owned(),
        )
    })?;
    keys_of_deployment(account, &prefix, &aws::load_config().await).await
}

async fn keys_of_deployment(account: &str, prefix: &str, sdk: &SdkConfig) -> Result<Credentials, Failure> {
    let secrets = Secrets::new(sdk, Patience::WORK, prefix);
    match secrets.keys(account, aws::now()).await {
        Ok(keys) => Ok(keys.current.clone()),
        Err(error @ (secrets::SecretError::Absent(_) | secrets::SecretError::Malformed(_))) => {
            Err(Failure::Input(with_causes(&error)))
        }
        Err(error) => Err(Failure::defect("the account's secret cannot be read", &error)),
    }
}

/// One line a check.
pub(crate) fn as_text(findings: &[Finding]) -> String {
    let line =
        |Finding { check, health, says }: &Finding| format!("{check:<11} {:<9}  {says}", health.word());
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A list with one object a check.
pub(crate) fn as_json(findings: &[Finding]) -> String {
    let object = |Finding { check, health, says }: &Finding| json!({ "check": check, "health": health.word().replace(' ', "_"), "says": says });
    serde_json::Value::Array(findings.iter().map(object).collect()).to_string()
}
