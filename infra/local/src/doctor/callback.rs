//! Whether the world reaches the callback, and whether it turns away what is not signed.

use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::client::wire::{
    HeaderName, Method, Question, REQUESTS_PER_MINUTE_DEFAULT, Repeat, Wire,
};
use cuadre::pagoefectivo::client::{ClientError, Persistence};

use super::Finding;
use crate::failure::Failure;

const CHECK: &str = "callback";

/// Posts a notice without a signature, which must be answered 401 and changes nothing.
pub(super) async fn check(url: &str, persistence: Persistence) -> Result<Finding, Failure> {
    let wire = Wire::new(persistence, REQUESTS_PER_MINUTE_DEFAULT);
    let wire = wire.map_err(|error| Failure::defect("the HTTP client cannot be made", &error))?;
    let json = Secret::new("application/json".to_owned());
    let question = Question {
        what: "the callback",
        method: Method::POST,
        url: url.to_owned(),
        headers: vec![(HeaderName::from_static("content-type"), json)],
        body: Some("{}".to_owned()),
        body_max: 64 * 1024,
        repeat: Repeat::Safe,
    };
    Ok(match wire.ask(&question).await {
        Ok(reply) => Finding::bad(
            CHECK,
            format!(
                "it takes what nobody signed (HTTP {}): this is not Cuadre's callback, give the stack's CallbackUrl",
                reply.status
            ),
        ),
        Err(ClientError::Refused { status: 401, .. }) => Finding::good(
            CHECK,
            "reachable, and it turns away what is not signed; whether the account is known there it does not tell",
        ),
        Err(ClientError::Refused { status: 403, .. }) => Finding::bad(
            CHECK,
            "forbidden (403): a firewall stands before the callback, which answers 401 itself",
        ),
        Err(ClientError::Refused { status: 404 | 405, .. }) => Finding::bad(
            CHECK,
            "not there: the address ends in /callbacks/ACCOUNT, see the stack's CallbackUrl",
        ),
        Err(ClientError::Refused { status: 300..=399, .. }) => Finding::bad(
            CHECK,
            "it points elsewhere, which no notice follows: give PagoEfectivo the address that it points to",
        ),
        Err(ClientError::Refused { status, .. }) => Finding::bad(
            CHECK,
            format!("it answers HTTP {status} in place of 401: this is not Cuadre's callback"),
        ),
        Err(ClientError::Trouble { status, .. }) => Finding::bad(
            CHECK,
            format!("it is in trouble (HTTP {status}): see the runbook, CallbackUnavailableAlarm"),
        ),
        Err(ClientError::Unreachable { .. }) => Finding::bad(
            CHECK,
            "not reachable from here: check name, TLS certificate and firewall; PagoEfectivo has to reach it too",
        ),
        Err(ClientError::Unsendable { .. }) => Finding::bad(CHECK, "its address is not well formed"),
        Err(_) => Finding::bad(CHECK, "no whole answer in time: a notice would be lost likewise"),
    })
}
