//! Bearer tokens: `POST /v1/authorizations`, kept by service until `tokenExpires`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::{self, Instant as Moment};

use super::{AUTHORIZATIONS, Client, ClientError, good_data, json, not_understood};
use crate::calendar::{Clock, Instant};
use crate::pagoefectivo::{Credentials, Secret, fields};

/// A token is renewed this long before it expires, so that it does not expire on the way. Vendor material shows lives of
/// two hours and of five minutes: `tokenExpires` alone counts.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// The token of a service, held while it is renewed: who comes meanwhile waits for that one renewal.
type Slot = Arc<Mutex<Option<Token>>>;

/// The tokens of all services.
#[derive(Debug, Default)]
pub(super) struct Tokens(Lock<HashMap<u64, Slot>>);

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
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    token: String,
    token_expires: String,
}

impl Tokens {
    /// A token that is good for a while: the known one if it is, and is not the one that was `refused`.
    pub(super) async fn get(
        &self,
        client: &Client,
        keys: &Credentials,
        refused: Option<&Secret>,
        clock: Clock<'_>,
        deadline: Moment,
    ) -> Result<Secret, ClientError> {
        if keys.are_placeholder() {
            return Err(ClientError::PlaceholderKeys);
        }
        let slot = self.slot(keys.id_service);
        let slot = time::timeout_at(deadline, slot.lock()).await;
        let mut slot = slot.map_err(|_| ClientError::TimedOut { what: AUTHORIZATIONS })?;
        let now = clock();
        if let Some(token) = slot.as_ref()
            && now.to_utc() + MARGIN < token.expires_at.to_utc()
            && refused != Some(&token.text)
        {
            return Ok(token.text.clone());
        }
        let token = authorize(client, keys, now, deadline).await?;
        let text = token.text.clone();
        *slot = Some(token);
        Ok(text)
    }

    /// A new token, whatever is known; says until when it is good by its own word.
    pub(super) async fn renew(
        &self,
        client: &Client,
        keys: &Credentials,
        clock: Clock<'_>,
        deadline: Moment,
    ) -> Result<Instant, ClientError> {
        if keys.are_placeholder() {
            return Err(ClientError::PlaceholderKeys);
        }
        let slot = self.slot(keys.id_service);
        let mut slot = slot.lock().await;
        let token = authorize(client, keys, clock(), deadline).await?;
        let expires_at = token.expires_at;
        *slot = Some(token);
        Ok(expires_at)
    }

    fn slot(&self, id_service: u64) -> Slot {
        // Nothing can panic while this is held.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(id_service).or_default())
    }
}

async fn authorize(
    client: &Client,
    keys: &Credentials,
    now: Instant,
    deadline: Moment,
) -> Result<Token, ClientError> {
    let date_request = lima_time(now);
    let request = AuthorizationRequest {
        access_key: keys.access_key.expose(),
        id_service: keys.id_service,
        date_request: &date_request,
        hash_string: &authorization_hash(keys, &date_request),
    };
    let request = json(AUTHORIZATIONS, &request)?;
    let reply = client.ask_for_token(request.clone(), deadline).await?;
    let not_understood = || not_understood(AUTHORIZATIONS, &reply.body);
    let data = good_data(AUTHORIZATIONS, &reply, &request)?.ok_or_else(not_understood)?;
    let data: AuthorizationData = serde_json::from_str(data.get()).map_err(|_| not_understood())?;
    if data.token.is_empty() || !data.token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::NotUnderstood {
            what: AUTHORIZATIONS,
            why: "has no token that a header takes",
        });
    }
    let expires_at = fields::date(&data.token_expires).flatten();
    // Without a readable end it serves this once.
    Ok(Token { text: Secret::new(data.token), expires_at: expires_at.unwrap_or(now) })
}

/// `yyyy-MM-ddTHH:mm:ss-05:00`, always Lima's time whatever the machine's zone (vendor doc v1.1).
pub(super) fn lima_time(now: Instant) -> String {
    now.in_lima().format("%Y-%m-%dT%H:%M:%S%:z").to_string()
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
}
