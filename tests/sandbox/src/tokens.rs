//! Bearer tokens: who may ask, and until when.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::ledger;

const STREAM_TOKENS: u64 = 3;

/// Signs the tokens. Clients must not look into them, so it need not be secret.
const TOKEN_KEY: &[u8] = b"the sandbox's own key for its tokens";

/// A token as issued.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// The tokens in force.
pub(crate) struct Tokens {
    random: ChaCha8Rng,
    expiries: BTreeMap<String, DateTime<Utc>>,
}

impl Tokens {
    pub(crate) fn new(seed: u64) -> Tokens {
        Tokens { random: ledger::stream(seed, STREAM_TOKENS), expiries: BTreeMap::new() }
    }

    /// Issues a JWT with the claims that the vendor documentation shows: `sub`, `jti`, `nameid`, `exp`.
    pub(crate) fn issue(
        &mut self,
        id_service: u64,
        service_code: &str,
        now: DateTime<Utc>,
        lifetime_seconds: u32,
    ) -> Result<Token, serde_json::Error> {
        let expires_at = now + Duration::from_secs(u64::from(lifetime_seconds));
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = serde_json::to_vec(&serde_json::json!({
            "sub": service_code,
            "jti": ledger::guid(&mut self.random),
            "nameid": id_service,
            "exp": expires_at.timestamp(),
        }))?;
        let unsigned = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let text = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(sign(unsigned.as_bytes())));
        self.expiries.retain(|_, expiry| *expiry > now);
        self.expiries.insert(text.clone(), expires_at);
        Ok(Token { text, starts_at: now, expires_at })
    }

    /// Whether an `Authorization` header bears a token that holds at this time.
    pub(crate) fn admit(&self, authorization: Option<&str>, now: DateTime<Utc>) -> bool {
        authorization
            .and_then(|header| header.strip_prefix("Bearer "))
            .and_then(|text| self.expiries.get(text))
            .is_some_and(|expiry| now < *expiry)
    }
}

fn sign(message: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length, so there is no error to report; an unsigned token would harm nobody here.
    Hmac::<Sha256>::new_from_slice(TOKEN_KEY)
        .map(|mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

/// The `hashString` of an authorization: SHA-256 over the four texts joined by points (vendor documentation v1.1).
/// The date is the client's text, byte for byte.
pub(crate) fn authorization_hash(
    id_service: u64,
    access_key: &str,
    secret_key: &str,
    date_request: &str,
) -> String {
    hex::encode(Sha256::digest(format!("{id_service}.{access_key}.{secret_key}.{date_request}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_460_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_token_holds_until_its_expiry() {
        let mut tokens = Tokens::new(1);
        let header = format!("Bearer {}", tokens.issue(1234, "SBX", at(0), 300).unwrap().text);
        assert!(tokens.admit(Some(&header), at(299)));
        assert!(!tokens.admit(Some(&header), at(300)));
        assert!(!tokens.admit(Some("Bearer something"), at(0)));
        assert!(!tokens.admit(Some(header.trim_start_matches("Bearer ")), at(0)));
        assert!(!tokens.admit(None, at(0)));
    }

    #[test]
    fn a_token_carries_the_documented_claims() {
        let token = Tokens::new(1).issue(1234, "SBX", at(0), 300).unwrap().text;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["sub"], &claims["nameid"]), (&"SBX".into(), &1234.into()));
        assert_eq!(claims["exp"], at(300).timestamp());
    }

    /// Computed once with `printf … | sha256sum`; the sample printed in the vendor documentation does not reproduce.
    #[test]
    fn the_authorization_hash_joins_by_points() {
        assert_eq!(
            authorization_hash(1234, "ACCESS", "s3cr3t+/=", "2026-03-02T09:30:00-05:00"),
            "ebf5db2ee2ad6932c2b9e911dd90eba12526faf0990518e6e5ca5d78c8267621"
        );
    }
}
