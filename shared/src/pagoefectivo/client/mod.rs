//! The provider's API v1: authorizations, search, and what changes a CIP.
//!
//! There is no search by date, state or reference anywhere public; the CIPs have to be named.

mod cips;
mod envelope;
mod environment;
mod error;
#[cfg(test)]
mod fault_tests;
pub mod probe;
mod record;
#[cfg(test)]
mod stub;
mod token;
mod wait;
pub mod wire;

use std::sync::Arc;

use reqwest::header;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant as Moment;

use self::envelope::CODE_GOOD;
use self::token::Tokens;
use self::wire::{Method, Question, REQUESTS_PER_MINUTE_DEFAULT, Repeat, Reply, Wire};
use super::search::{self, Answer, AnswerError};
use super::{Credentials, Secret, fields};
use crate::calendar::{Clock, Instant};
use crate::ids::Cip;

pub use cips::{CreatedCip, NewCip, Removal, Shopper};
pub use envelope::{FieldFault, code_in_words};
pub use environment::Environment;
pub use error::ClientError;
pub use record::Record;
pub use wire::Persistence;

/// How many CIPs one request asks for. Several are allowed (vendor documentation of the SDKs); the most that the
/// provider takes is not public, so this is our assumption.
pub const BATCH_CIPS_DEFAULT: usize = 50;

/// An answer to fifty CIPs has some twenty kilobytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

const SEARCH: &str = "/v1/cips/search";
const AUTHORIZATIONS: &str = "/v1/authorizations";

/// One question and its answer, as they went over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request's body; the token was in a header.
    pub request: String,
    /// The answer's body as received.
    pub response: Vec<u8>,
    /// What it says.
    pub answer: Answer,
}

/// A client for all accounts; it keeps their tokens and shares one wire with all who ask.
#[derive(Debug)]
pub struct Client {
    wire: Arc<Wire>,
    base_url: String,
    tokens: Tokens,
}

#[derive(Serialize)]
struct SearchRequest {
    data: Vec<SearchItem>,
}

#[derive(Serialize)]
struct SearchItem {
    cip: u64,
}

/// A call that needs a token.
struct Call {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<String>,
    repeat: Repeat,
}

impl Client {
    /// Makes a client with a wire of its own; nothing is asked yet. `base_url` has no slash at its end.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(base_url: &str, persistence: Persistence) -> Result<Client, ClientError> {
        Ok(Client::over(Arc::new(Wire::new(persistence, REQUESTS_PER_MINUTE_DEFAULT)?), base_url))
    }

    /// A client that shares its wire, and with it the budget of requests.
    #[must_use]
    pub fn over(wire: Arc<Wire>, base_url: &str) -> Client {
        Client { wire, base_url: base_url.to_owned(), tokens: Tokens::default() }
    }

    /// Asks for a new token, to see whether the keys are good, and says until when it holds. Other calls get theirs by
    /// themselves.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn authorize(&self, keys: &Credentials, clock: Clock<'_>) -> Result<Instant, ClientError> {
        self.tokens.renew(self, keys, clock, self.wire.deadline()).await
    }

    /// Asks what became of some CIPs: one request, repeated while that can help.
    ///
    /// # Errors
    /// [`ClientError`], also for an answer that has another code than 100 under a status of success. CIPs that the
    /// provider does not know, or tells of in a way not known, are no error.
    pub async fn search(
        &self,
        keys: &Credentials,
        cips: &[Cip],
        clock: Clock<'_>,
    ) -> Result<Exchange, ClientError> {
        let data = cips.iter().map(|cip| SearchItem { cip: cip.number() }).collect();
        let request = json(SEARCH, &SearchRequest { data })?;
        let call = Call {
            what: SEARCH,
            method: Method::POST,
            path: SEARCH.to_owned(),
            body: Some(request.clone()),
            repeat: Repeat::Safe,
        };
        let reply = self.call(keys, &call, clock).await?;
        let answer = search::read(&reply.body, cips).map_err(|error| match error {
            AnswerError::NotUnderstood => not_understood(SEARCH, &reply.body),
            AnswerError::NotGood => refused(SEARCH, &reply, &request),
        })?;
        Ok(Exchange { request, response: reply.body, answer })
    }

    /// Asks with the account's token, and once more with a new one where it is not accepted: revoked, or expired before
    /// its time. A second refusal stands.
    async fn call(&self, keys: &Credentials, call: &Call, clock: Clock<'_>) -> Result<Reply, ClientError> {
        let deadline = self.wire.deadline();
        let token = self.tokens.get(self, keys, None, clock, deadline).await?;
        let reply = self.wire.ask_until(&self.question(call, Some(&token)), deadline).await;
        if !matches!(reply, Err(ClientError::Refused { status: 401, .. })) {
            return reply;
        }
        let token = self.tokens.get(self, keys, Some(&token), clock, deadline).await?;
        self.wire.ask_until(&self.question(call, Some(&token)), deadline).await
    }

    async fn ask_for_token(&self, body: String, deadline: Moment) -> Result<Reply, ClientError> {
        let call = Call {
            what: AUTHORIZATIONS,
            method: Method::POST,
            path: AUTHORIZATIONS.to_owned(),
            body: Some(body),
            // A token that nobody uses harms nobody.
            repeat: Repeat::Safe,
        };
        self.wire.ask_until(&self.question(&call, None), deadline).await
    }

    fn question(&self, call: &Call, token: Option<&Secret>) -> Question {
        let json = || Secret::new("application/json".to_owned());
        let mut headers = vec![(header::CONTENT_TYPE, json()), (header::ACCEPT, json())];
        if let Some(token) = token {
            // The vendor document calls this header mandatory for calls with a token.
            headers.push((header::ORIGIN, Secret::new("web".to_owned())));
            headers.push((header::AUTHORIZATION, Secret::new(format!("Bearer {}", token.expose()))));
        }
        Question {
            what: call.what,
            method: call.method.clone(),
            url: format!("{}{}", self.base_url, call.path),
            headers,
            body: call.body.clone(),
            body_max: ANSWER_BYTES_MAX,
            repeat: call.repeat,
        }
    }
}

fn json(what: &'static str, request: &impl Serialize) -> Result<String, ClientError> {
    let unsendable = |_| ClientError::Unsendable { what, why: "its request cannot be written as JSON" };
    serde_json::to_string(request).map_err(unsendable)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// An answer's `data`, where its code is that of success.
fn good_data<'r>(
    what: &'static str,
    reply: &'r Reply,
    sent: &str,
) -> Result<Option<&'r RawValue>, ClientError> {
    let envelope: Envelope<'r> =
        serde_json::from_slice(&reply.body).map_err(|_| not_understood(what, &reply.body))?;
    match fields::scalar(envelope.code) {
        Ok(Some(code)) if code == CODE_GOOD => Ok(envelope.data),
        _ => Err(refused(what, reply, sent)),
    }
}

/// An error of the provider's under a status of success.
fn refused(what: &'static str, reply: &Reply, sent: &str) -> ClientError {
    let envelope::Complaint { code, fields } = envelope::complaint(&reply.body, Some(sent));
    ClientError::Refused { what, status: reply.status, code, fields }
}

/// What an answer is that is not the JSON that is known. What parses is taken, whatever its `Content-Type` says: a wrong
/// header harms nobody, and a good answer that is refused would leave a payment unseen.
fn not_understood(what: &'static str, body: &[u8]) -> ClientError {
    let text = body.trim_ascii_start();
    let why = match text {
        [] => "is empty",
        [0x1f, 0x8b, ..] => "is compressed, which nobody asked for",
        [b'<', ..] => "is a page or XML, and no JSON",
        _ => match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
            Ok(_) => "is JSON of another form than is known",
            Err(error) if error.is_eof() => "is cut short",
            Err(_) => "is no JSON",
        },
    };
    ClientError::NotUnderstood { what, why }
}

#[cfg(test)]
mod tests;
