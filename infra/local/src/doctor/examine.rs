//! The checks, in the order in which one rests on the other.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::TimeDelta;
use cuadre::calendar::{Clock, Instant};
use cuadre::ids::Cip;
use cuadre::pagoefectivo::Credentials;
use cuadre::pagoefectivo::client::wire::{REQUESTS_PER_MINUTE_DEFAULT, Wire};
use cuadre::pagoefectivo::client::{Client, ClientError, Environment, FieldFault, Persistence, Record};

use super::{Finding, Health, callback, probe};
use crate::failure::{Failure, with_causes};

/// A clock that is further off than this is told. The provider's tolerance is not public; a machine that keeps time is
/// within a second. Our choice.
const SKEW_SECONDS_MAX: i64 = 60;

/// Longest `accessKey` (vendor doc v1.1).
const ACCESS_KEY_CHARS_MAX: usize = 20;

/// What is examined.
pub(crate) struct Case<'c> {
    pub(crate) environment: &'c Environment,
    pub(crate) keys: &'c Credentials,
    pub(crate) cip: Cip,
    pub(crate) callback_url: Option<&'c str>,
    pub(crate) probe: bool,
    pub(crate) persistence: Persistence,
    pub(crate) clock: Clock<'c>,
}

/// What came of it.
pub(crate) struct Examination {
    pub(crate) environment: String,
    pub(crate) began_at: Instant,
    pub(crate) findings: Vec<Finding>,
    /// Every request to the provider.
    pub(crate) records: Vec<Record>,
}

pub(crate) async fn examine(case: &Case<'_>) -> Result<Examination, Failure> {
    let budget: NonZeroU32 = REQUESTS_PER_MINUTE_DEFAULT;
    let wire = Wire::new(case.persistence, budget);
    let wire = wire.map_err(|error| Failure::defect("the HTTP client cannot be made", &error))?.recording();
    let wire = Arc::new(wire);
    let client = Client::over(Arc::clone(&wire), case.environment.base_url());
    let began_at = (case.clock)();
    let token = client.authorize(case.keys, case.clock).await;
    let (search, search_error) = match &token {
        Ok(_) => search(&client, case).await,
        Err(_) => (Finding::not_tried("search", "there is no token to ask with"), None),
    };
    let mut findings = vec![
        keys(case.keys),
        connection(case.environment, token.as_ref().err()),
        clock(wire.records().first()),
        address(token.as_ref().err().or(search_error.as_ref()), &wire.records()),
    ];
    findings.extend(authorization(&token));
    findings.push(search);
    findings.push(match (case.probe, &token) {
        (false, _) => Finding::not_tried(
            "contract",
            "add --probe, in the test environment, to compare the shape of answers",
        ),
        (true, Err(_)) => Finding::not_tried("contract", "there is no token to ask with"),
        (true, Ok(_)) => probe::probe(&client, case, &wire).await,
    });
    findings.push(match case.callback_url {
        Some(url) => callback::check(url, case.persistence).await?,
        None => Finding::not_tried("callback", "add --callback-url with the stack's CallbackUrl"),
    });
    Ok(Examination { environment: name(case.environment), began_at, findings, records: wire.records() })
}

/// The environment for people; of an address only the host, since a path may hold a key.
fn name(environment: &Environment) -> String {
    match environment {
        Environment::Production => "production".to_owned(),
        Environment::Test => "test".to_owned(),
        Environment::Other(url) => {
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            format!("{scheme}://{}", authority.rsplit('@').next().unwrap_or_default())
        }
    }
}

/// What can be seen of the keys without asking anybody.
fn keys(keys: &Credentials) -> Finding {
    const CHECK: &str = "keys";
    if keys.are_placeholder() {
        return Finding::bad(CHECK, ClientError::PlaceholderKeys.to_string());
    }
    let (access, secret) = (keys.access_key.expose(), keys.secret_key.expose());
    for (name, key) in [("access_key", access), ("secret_key", secret)] {
        if key.is_empty() {
            return Finding::bad(CHECK, format!("{name} is empty: store the key that PagoEfectivo gave"));
        }
        if key.trim() != key {
            return Finding::bad(CHECK, format!("{name} begins or ends with white space: store it without"));
        }
    }
    if access.chars().count() > ACCESS_KEY_CHARS_MAX {
        let says = "access_key is longer than 20 characters: it may be the secret key, check which is which";
        return Finding::bad(CHECK, says);
    }
    Finding::good(CHECK, format!("there is a full set for service {}", keys.id_service))
}

/// Whether there is a connection, and what is in its way.
fn connection(environment: &Environment, error: Option<&ClientError>) -> Finding {
    const CHECK: &str = "connection";
    let place = name(environment);
    match error {
        Some(ClientError::PlaceholderKeys | ClientError::Unsendable { .. } | ClientError::Setup(_)) => {
            Finding::not_tried(CHECK, "nothing was sent")
        }
        Some(error @ ClientError::Unreachable { .. }) => {
            let why = with_causes(error).to_ascii_lowercase();
            let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
            let text = if says(&["dns", "lookup address", "resolve"]) {
                "its name is not resolved: check the address, and the machine's DNS"
            } else if environment.base_url().starts_with("https:")
                && says(&["certificate", "tls", "handshake", "alert", "corrupt message", "unexpected eof"])
            {
                "TLS fails: check this machine's clock and root certificates, and whether a proxy opens the connection; the provider asks for TLS 1.2"
            } else if says(&["refused"]) {
                "nobody listens there: check address and port"
            } else {
                "there is no way there: check the network's way out, a firewall, and the address"
            };
            Finding::bad(CHECK, format!("{place}: {text}"))
        }
        Some(error @ (ClientError::TimedOut { .. } | ClientError::Cut { .. })) => {
            Finding::bad(CHECK, format!("{place}: {error}"))
        }
        _ => Finding::good(CHECK, format!("{place} answers")),
    }
}

/// The provider's clock against ours. `dateRequest` must be the current time in Lima (vendor doc v1.1).
fn clock(record: Option<&Record>) -> Finding {
    const CHECK: &str = "clock";
    let Some((record, date)) = record.and_then(|record| Some((record, record.date()?))) else {
        return Finding::not_tried(CHECK, "no answer told the provider's time");
    };
    // The answer was dated about half-way between sending and its end.
    let half = TimeDelta::from_std(record.duration / 2).unwrap_or_default();
    let seconds = (record.sent_at + half).signed_duration_since(date).num_seconds();
    let off = seconds.unsigned_abs();
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    if off > SKEW_SECONDS_MAX.unsigned_abs() {
        let says = format!("this machine is {off} seconds {way} the provider: set its clock (NTP)");
        return Finding::bad(CHECK, says);
    }
    Finding::good(CHECK, format!("within {} seconds of the provider's", off.max(1)))
}

/// The hash and the token, which one answer tells of.
fn authorization(token: &Result<Instant, ClientError>) -> [Finding; 2] {
    const HASH: &str = "hash";
    const TOKEN: &str = "token";
    let error = match token {
        Ok(until) => {
            return [
                Finding::good(HASH, "the provider counts the same hash from these keys"),
                Finding::good(TOKEN, format!("given, good until {until}")),
            ];
        }
        Err(error) => error,
    };
    let token = match error {
        ClientError::PlaceholderKeys | ClientError::Unreachable { .. } => {
            Finding::not_tried(TOKEN, "nothing was sent")
        }
        error => Finding::bad(TOKEN, error.to_string()),
    };
    let names = |name: &str| match error {
        ClientError::Refused { fields, .. } => {
            fields.iter().any(|FieldFault { field, .. }| field.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    let hash = if names("hashString") && !names("accessKey") && !names("idService") && !names("dateRequest") {
        Finding::bad(
            HASH,
            "it is not accepted: secret_key is not the one that belongs to this id_service and access_key",
        )
    } else if names("dateRequest") {
        Finding::bad(HASH, "the time in it is not accepted: set this machine's clock (NTP)")
    } else if names("accessKey") || names("idService") {
        Finding::bad(
            HASH,
            "access_key or id_service is not known there: keys of test and production differ, see --url",
        )
    } else {
        Finding::not_tried(HASH, "the provider did not come to check it")
    };
    [hash, token]
}

/// Whether the provider lets this address in.
fn address(error: Option<&ClientError>, records: &[Record]) -> Finding {
    const CHECK: &str = "address";
    match error {
        Some(ClientError::Refused { status: 403, .. }) => Finding::bad(
            CHECK,
            "it is not allowed (403): tell PagoEfectivo the address that you call from, or ask whether this service is enabled",
        ),
        _ if records.iter().any(|record| record.status.is_some()) => {
            Finding::good(CHECK, "calls from here are let in")
        }
        _ => Finding::not_tried(CHECK, "there was no answer"),
    }
}

/// One search for one CIP.
async fn search(client: &Client, case: &Case<'_>) -> (Finding, Option<ClientError>) {
    const CHECK: &str = "search";
    let cip = case.cip;
    match client.search(case.keys, &[cip], case.clock).await {
        Ok(exchange) => {
            let answer = &exchange.answer;
            let finding = if let Some(snapshot) = answer.found.first() {
                Finding::good(CHECK, format!("CIP {cip} is {}", snapshot.status.word()))
            } else if let Some(unreadable) = answer.unreadable.first() {
                let (field, reason) = (unreadable.field, &unreadable.reason);
                Finding::bad(
                    CHECK,
                    format!(
                        "what it says of CIP {cip} is not understood: {field} {reason}; send a support pack"
                    ),
                )
            } else {
                Finding::good(CHECK, format!("answered; CIP {cip} is not known there, name one with --cip"))
            };
            (finding, None)
        }
        Err(error) => (Finding::bad(CHECK, with_causes(&error)), Some(error)),
    }
}

impl Examination {
    /// How many checks ended in each way: good, bad, not tried.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [Health::Good, Health::Bad, Health::NotTried]
            .map(|health| self.findings.iter().filter(|finding| finding.health == health).count())
    }
}
