//! The provider's API v1, as far as it is needed to learn what became of a CIP: authorizations and search.
//!
//! There is no search by date, state or reference anywhere public; the CIPs have to be named.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use chrono::{FixedOffset, TimeDelta};
use reqwest::{Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::search::{self, Answer, AnswerError};
use super::{Credentials, Secret, fields};
use crate::calendar::{Clock, Instant};
use crate::ids::Cip;

/// How many CIPs one request asks for. Several are allowed (vendor documentation of the SDKs); the most that the
/// provider takes is not public, so this is our assumption.
pub const BATCH_CIPS_DEFAULT: usize = 50;

/// An answer to fifty CIPs has some twenty kilobytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A token is renewed this long before it expires, so that it does not expire on the way. Vendor material shows lives of
/// two hours and of five minutes: `tokenExpires` alone counts.
const TOKEN_MARGIN: TimeDelta = TimeDelta::seconds(30);

const SEARCH: &str = "/v1/cips/search";
const AUTHORIZATIONS: &str = "/v1/authorizations";

/// How the client deals with a provider that is slow or in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Until the connection stands.
    pub connect: Duration,
    /// For one request with its answer.
    pub request: Duration,
    /// Requests for one question, the first one included.
    pub attempts: u32,
    /// The first wait between two of them; each further one is twice as long, and each is varied by up to half.
    pub first_wait: Duration,
    /// The longest wait that a `Retry-After` may ask for; one that asks for more ends the attempts.
    pub longest_wait: Duration,
}

impl Default for Persistence {
    fn default() -> Self {
        Persistence {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(10),
            attempts: 3,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
        }
    }
}

/// Why the provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The account's secret was never filled.
    #[error(
        "the account's secret still holds the placeholder \"replace-me\": store the keys that PagoEfectivo gave"
    )]
    PlaceholderKeys,
    /// No TLS or no resolver on this machine.
    #[error("the HTTP client cannot be made")]
    Setup(#[source] reqwest::Error),
    /// No answer in time, or none at all.
    #[error("{path} of the provider does not answer: try again later")]
    Unreachable {
        /// What was called.
        path: &'static str,
        /// What the HTTP client says.
        #[source]
        source: reqwest::Error,
    },
    /// Trouble at the provider, still there after the last attempt.
    #[error("{path} of the provider is in trouble (HTTP {status}): try again later")]
    Trouble {
        /// What was called.
        path: &'static str,
        /// The last status.
        status: u16,
    },
    /// The provider refuses the request; the same one will be refused again.
    #[error(
        "{path} of the provider refuses (HTTP {status}, code {code}): check the account's keys and PROVIDER_URL"
    )]
    Refused {
        /// What was called.
        path: &'static str,
        /// The status.
        status: u16,
        /// `code` of the error envelope; `?` where there is none.
        code: String,
    },
    /// The provider's answer is none that is known.
    #[error("{path} of the provider answers something unknown")]
    NotUnderstood {
        /// What was called.
        path: &'static str,
    },
}

impl ClientError {
    /// Whether another question may well be answered: this one was refused, or answered in a way not known. Otherwise
    /// the provider is out of reach, or takes no question with these keys.
    #[must_use]
    pub fn concerns_one_question(&self) -> bool {
        // Without authorization there is no question at all.
        let is_search = |path: &str| path == SEARCH;
        match self {
            ClientError::PlaceholderKeys | ClientError::Setup(_) | ClientError::Unreachable { .. } => false,
            ClientError::Trouble { path, status } => is_search(path) && *status != 429,
            ClientError::Refused { path, status, .. } => is_search(path) && !matches!(*status, 401 | 403),
            ClientError::NotUnderstood { path } => is_search(path),
        }
    }
}

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

/// A client for all accounts; it keeps their tokens.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    persistence: Persistence,
    tokens: Mutex<HashMap<u64, Token>>,
}

#[derive(Clone, Debug)]
struct Token {
    text: Secret,
    expires_at: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationRequest<'a> {
    access_key: &'a str,
    id_service: u64,
    date_request: &'a str,
    hash_string: &'a str,
}

#[derive(Deserialize)]
struct AuthorizationAnswer {
    data: AuthorizationData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    token: String,
    token_expires: String,
}

#[derive(Serialize)]
struct SearchRequest {
    data: Vec<SearchItem>,
}

#[derive(Serialize)]
struct SearchItem {
    cip: u64,
}

impl Client {
    /// Makes the client; nothing is asked yet. `base_url` has no slash at its end.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(base_url: &str, persistence: Persistence) -> Result<Client, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(persistence.connect)
            .timeout(persistence.request)
            // A redirect could carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Client { http, base_url: base_url.to_owned(), persistence, tokens: Mutex::default() })
    }

    /// Asks what became of some CIPs: one request, repeated while that can help.
    ///
    /// # Errors
    /// [`ClientError`], also for an answer that has another code than 100 under a status of success. CIPs that the provider does not know, or tells of in a way not known, are no error.
    pub async fn search(
        &self,
        keys: &Credentials,
        cips: &[Cip],
        clock: Clock<'_>,
    ) -> Result<Exchange, ClientError> {
        let not_understood = || ClientError::NotUnderstood { path: SEARCH };
        let data = cips.iter().map(|cip| SearchItem { cip: cip.number() }).collect();
        let request = serde_json::to_string(&SearchRequest { data }).map_err(|_| not_understood())?;
        let token = self.token(keys, clock).await?;
        let mut response = self.post(SEARCH, request.clone(), Some(&token)).await;
        if let Err(ClientError::Refused { status: 401, .. }) = response {
            // Revoked or expired before its time: one new token, then the refusal stands.
            self.tokens.lock().await.remove(&keys.id_service);
            let token = self.token(keys, clock).await?;
            response = self.post(SEARCH, request.clone(), Some(&token)).await;
        }
        let response = response?;
        let answer = search::read(&response, cips).map_err(|error| match error {
            AnswerError::NotUnderstood => not_understood(),
            // The body is kept for successes alone; which of their statuses it was is of no use to anybody.
            AnswerError::NotGood => {
                ClientError::Refused { path: SEARCH, status: 200, code: error_code(&response) }
            }
        })?;
        Ok(Exchange { request, response, answer })
    }

    /// A token that is good for a while, the known one if it is.
    async fn token(&self, keys: &Credentials, clock: Clock<'_>) -> Result<Secret, ClientError> {
        if keys.are_placeholder() {
            return Err(ClientError::PlaceholderKeys);
        }
        let mut tokens = self.tokens.lock().await;
        let now = clock();
        if let Some(token) = tokens.get(&keys.id_service)
            && now.to_utc() + TOKEN_MARGIN < token.expires_at.to_utc()
        {
            return Ok(token.text.clone());
        }
        let token = self.authorize(keys, now).await?;
        let text = token.text.clone();
        tokens.insert(keys.id_service, token);
        Ok(text)
    }

    async fn authorize(&self, keys: &Credentials, now: Instant) -> Result<Token, ClientError> {
        let not_understood = || ClientError::NotUnderstood { path: AUTHORIZATIONS };
        let date_request = lima_time(now);
        let request = AuthorizationRequest {
            access_key: keys.access_key.expose(),
            id_service: keys.id_service,
            date_request: &date_request,
            hash_string: &authorization_hash(keys, &date_request),
        };
        let request = serde_json::to_string(&request).map_err(|_| not_understood())?;
        let response = self.post(AUTHORIZATIONS, request, None).await?;
        let answer: AuthorizationAnswer = serde_json::from_slice(&response).map_err(|_| not_understood())?;
        let expires_at = fields::date(&answer.data.token_expires).flatten();
        // Without a readable end it serves this once.
        Ok(Token { text: Secret::new(answer.data.token), expires_at: expires_at.unwrap_or(now) })
    }

    /// Posts JSON until there is a good answer, a refusal, or no attempt left. Both calls only read, so that repeating
    /// them is safe.
    async fn post(
        &self,
        path: &'static str,
        body: String,
        token: Option<&Secret>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut attempt = 1;
        loop {
            let (error, asked_wait) = match self.post_once(path, &body, token).await {
                Ok(Attempt::Good(body)) => return Ok(body),
                Ok(Attempt::Busy { status, retry_after }) => {
                    (ClientError::Trouble { path, status }, retry_after)
                }
                Err(error @ ClientError::Unreachable { .. }) => (error, None),
                Err(error) => return Err(error),
            };
            let wait = asked_wait.unwrap_or_else(|| varied(self.persistence.first_wait, attempt));
            if attempt >= self.persistence.attempts || wait > self.persistence.longest_wait {
                return Err(error);
            }
            tracing::warn!(attempt, path, reason = %error, "provider is asked again");
            tokio::time::sleep(wait).await;
            attempt = attempt.saturating_add(1);
        }
    }

    async fn post_once(
        &self,
        path: &'static str,
        body: &str,
        token: Option<&Secret>,
    ) -> Result<Attempt, ClientError> {
        let unreachable =
            |error: reqwest::Error| ClientError::Unreachable { path, source: error.without_url() };
        let mut request = self
            .http
            .post(format!("{}{path}", self.base_url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body.to_owned());
        if let Some(token) = token {
            // The vendor document calls this header mandatory for calls with a token.
            request = request.header("Origin", "web").bearer_auth(token.expose());
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Ok(Attempt::Busy { status: status.as_u16(), retry_after: retry_after(&response) });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::NotUnderstood { path });
            }
        }
        if status.is_success() {
            Ok(Attempt::Good(body))
        } else {
            Err(ClientError::Refused { path, status: status.as_u16(), code: error_code(&body) })
        }
    }
}

/// What one request came to, where it came to anything.
enum Attempt {
    Good(Vec<u8>),
    Busy { status: u16, retry_after: Option<Duration> },
}

/// `Retry-After` in seconds; a date is not understood and then our own wait holds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Twice as long with every attempt, and between half and one and a half of that, so that functions that failed
/// together do not come back together.
fn varied(first_wait: Duration, attempt: u32) -> Duration {
    let whole = first_wait.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let random = RandomState::new().build_hasher().finish();
    let thousandths = u32::try_from(random.rem_euclid(1_001)).unwrap_or(500);
    (whole / 2).saturating_add(whole / 1_000 * thousandths)
}

/// `code` of the error envelope, a number or a text of digits.
fn error_code(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        code: Option<&'a serde_json::value::RawValue>,
    }
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(body).ok();
    let code = envelope.and_then(|envelope| fields::scalar(envelope.code).ok().flatten());
    code.filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or_else(|| "?".to_owned(), Into::into)
}

/// `yyyy-MM-ddTHH:mm:ss-05:00`, always Lima's time whatever the machine's zone (vendor doc v1.1).
fn lima_time(now: Instant) -> String {
    let lima = FixedOffset::west_opt(5 * 3600);
    let time = lima.map_or_else(|| now.to_utc().fixed_offset(), |lima| now.to_utc().with_timezone(&lima));
    time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// SHA-256 (not HMAC) of `idService.accessKey.secretKey.dateRequest` in lower-case hexadecimal (vendor doc v1.1 and
/// demo). The sample hash that the document prints does not reproduce from its own input.
fn authorization_hash(keys: &Credentials, date_request: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(keys.id_service.to_string());
    for part in [keys.access_key.expose(), keys.secret_key.expose(), date_request] {
        hasher.update(b".");
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_hash_is_over_the_four_parts_with_points() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let keys =
            Credentials { id_service: 1234, access_key: secret("access"), secret_key: secret("secret+/=") };
        let expected = hex::encode(Sha256::digest(b"1234.access.secret+/=.2026-03-02T09:30:00-05:00"));
        assert_eq!(authorization_hash(&keys, "2026-03-02T09:30:00-05:00"), expected);
    }

    #[test]
    fn the_date_of_a_request_is_lima_s_without_fractions() {
        let now = Instant::parse("2026-03-02T22:30:00.75+08:00").unwrap();
        assert_eq!(lima_time(now), "2026-03-02T09:30:00-05:00");
    }

    const TOKEN: &str = r#"{"code":100,"data":{"token":"t","codeService":"X","tokenStart":"2026-03-02T09:30:00-05:00","tokenExpires":"2026-03-02T11:30:00-05:00"}}"#;

    /// A provider that gives these answers (status line and headers, body), one to each connection.
    fn provider(answers: Vec<(&'static str, &'static str)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (head, body) in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                let length = body.len();
                write!(
                    &stream,
                    "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        url
    }

    /// What comes of a search against these answers; one request more than there are answers is `Unreachable`.
    async fn search(answers: Vec<(&'static str, &'static str)>) -> Result<Exchange, ClientError> {
        let persistence = Persistence { first_wait: Duration::from_millis(1), ..Persistence::default() };
        let client = Client::new(&provider(answers), persistence).unwrap();
        let secret = |text: &str| Secret::new(text.to_owned());
        let keys =
            Credentials { id_service: 1234, access_key: secret("access"), secret_key: secret("secret") };
        let now = Instant::parse("2026-03-02T09:30:00-05:00").unwrap();
        client.search(&keys, &[Cip::parse("7").unwrap()], &|| now).await
    }

    #[tokio::test]
    async fn trouble_passes_within_three_attempts_or_is_reported() {
        let empty = ("200 OK", r#"{"code":100,"data":[{}]}"#);
        let result = search(vec![
            ("201 Created", TOKEN),
            ("503 Service Unavailable\r\nretry-after: 0", ""),
            ("429 Too Many Requests\r\nretry-after: 0", ""),
            empty,
        ])
        .await;
        assert_eq!(result.unwrap().answer.unknown, [Cip::parse("7").unwrap()]);
        let trouble = ("500 Internal Server Error", "");
        let result = search(vec![("201 Created", TOKEN), trouble, trouble, trouble]).await;
        assert!(matches!(result, Err(ClientError::Trouble { status: 500, .. })));
    }

    #[tokio::test]
    async fn a_wait_that_is_too_long_ends_the_attempts_and_a_refusal_is_not_repeated() {
        let result =
            search(vec![("201 Created", TOKEN), ("429 Too Many Requests\r\nretry-after: 600", "")]).await;
        assert!(matches!(result, Err(ClientError::Trouble { status: 429, .. })));
        let refusal = ("400 Bad Request", r#"{"code":"111","message":"x","data":[]}"#);
        let result = search(vec![refusal]).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains("/v1/authorizations") && error.contains("code 111"), "{error}");
    }

    #[tokio::test]
    async fn an_error_under_a_status_of_success_is_one() {
        let failure = ("200 OK", r#"{"code":166,"message":"x","data":[{}]}"#);
        let error = search(vec![("201 Created", TOKEN), failure]).await.unwrap_err();
        assert!(
            error.to_string().contains("(HTTP 200, code 166)") && error.concerns_one_question(),
            "{error}"
        );
        let short =
            search(vec![("201 Created", TOKEN), ("200 OK", r#"{"code":100,"data":[]}"#)]).await.unwrap();
        assert_eq!((short.answer.unknown.len(), short.answer.unreadable.len()), (0, 1));
    }

    #[test]
    fn a_question_is_at_fault_or_the_provider_is_out_of_reach() {
        let refused = |path, status| ClientError::Refused { path, status, code: "111".to_owned() };
        assert!(refused(SEARCH, 400).concerns_one_question());
        assert!(!refused(SEARCH, 401).concerns_one_question());
        assert!(!refused(AUTHORIZATIONS, 400).concerns_one_question());
        assert!(ClientError::NotUnderstood { path: SEARCH }.concerns_one_question());
        assert!(ClientError::Trouble { path: SEARCH, status: 500 }.concerns_one_question());
        assert!(!ClientError::Trouble { path: SEARCH, status: 429 }.concerns_one_question());
    }

    #[tokio::test]
    async fn a_token_is_renewed_once_and_a_second_refusal_stands() {
        let (token, refusal) = (("201 Created", TOKEN), ("401 Unauthorized", ""));
        let result = search(vec![token, refusal, token, refusal]).await;
        assert!(matches!(result, Err(ClientError::Refused { status: 401, .. })));
    }

    #[test]
    fn waits_grow_and_vary() {
        for (attempt, least, most) in [(1, 250, 750), (2, 500, 1_500), (3, 1_000, 3_000)] {
            let wait = varied(Duration::from_millis(500), attempt).as_millis();
            assert!((least..=most).contains(&wait), "attempt {attempt}: {wait}");
        }
    }

    #[test]
    fn an_error_s_code_is_digits_or_nothing() {
        assert_eq!(error_code(br#"{"code":111,"message":"x"}"#), "111");
        assert_eq!(error_code(br#"{"code":"508"}"#), "508");
        assert_eq!(error_code(br#"{"code":"<script>"}"#), "?");
        assert_eq!(error_code(b"<html>"), "?");
    }
}
