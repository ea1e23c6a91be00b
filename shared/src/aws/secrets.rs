//! The accounts' keys in Secrets Manager: `{prefix}/accounts/{account}` holds
//! `{"id_service": 1234, "access_key": "…", "secret_key": "…"}`.
//!
//! The current and the previous version are both given out, since a notice signed before a rotation may arrive after
//! it. Kept in the process for five minutes.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use chrono::TimeDelta;
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{Patience, SdkConfig, StoreError, failed};
use crate::calendar::Instant;
use crate::pagoefectivo::{Credentials, Secret};

/// How long keys are believed to be the current ones.
const KEPT: TimeDelta = TimeDelta::minutes(5);
/// A bad signature may come from a key that is newer than ours; how often that is looked into.
const REFRESH_AFTER: TimeDelta = TimeDelta::minutes(1);

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Why there are no keys for an account.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account is configured and its secret was never made.
    #[error("the secret {0} does not exist: create it as docs and template say")]
    Absent(String),
    /// Its text is not what it must be; what it is instead is not said.
    #[error("the secret {0} is not {{\"id_service\": number, \"access_key\": text, \"secret_key\": text}}")]
    Malformed(String),
}

/// The keys of one account as they stand in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKeys {
    /// What requests are made with.
    pub current: Credentials,
    /// What notices may still be signed with.
    pub previous: Option<Credentials>,
}

/// The secrets of a deployment, with what this process has read of them.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
    prefix: String,
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Arc<AccountKeys>,
    read_at: Instant,
}

impl Secrets {
    /// Makes the client; nothing is read yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, prefix: &str) -> Secrets {
        let client = Client::new(&patience.applied_to(config));
        Secrets { client, prefix: prefix.to_owned(), kept: Mutex::default() }
    }

    /// The keys of an account, at most five minutes old.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn keys(&self, account: &str, now: Instant) -> Result<Arc<AccountKeys>, SecretError> {
        self.younger_than(KEPT, account, now).await
    }

    /// The keys of an account, at most one minute old: for a signature that the known keys did not make. The bound
    /// keeps a flood of forged notices from becoming a flood of requests.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn refreshed_keys(&self, account: &str, now: Instant) -> Result<Arc<AccountKeys>, SecretError> {
        self.younger_than(REFRESH_AFTER, account, now).await
    }

    async fn younger_than(
        &self,
        age_max: TimeDelta,
        account: &str,
        now: Instant,
    ) -> Result<Arc<AccountKeys>, SecretError> {
        // Held while reading, so that simultaneous events ask once.
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.get(account)
            && now.to_utc().signed_duration_since(known.read_at.to_utc()).abs() < age_max
        {
            return Ok(Arc::clone(&known.keys));
        }
        let keys = Arc::new(self.read(account).await?);
        kept.insert(account.to_owned(), Kept { keys: Arc::clone(&keys), read_at: now });
        Ok(keys)
    }

    async fn read(&self, account: &str) -> Result<AccountKeys, SecretError> {
        let name = format!("{}/accounts/{account}", self.prefix);
        let (current, previous) = tokio::join!(self.version(&name, CURRENT), self.version(&name, PREVIOUS));
        let current = current?.ok_or_else(|| SecretError::Absent(name.clone()))?;
        let current = parse(&current).ok_or(SecretError::Malformed(name))?;
        // A first value that was wrong and has been corrected is not worth refusing the right one for.
        let previous = previous?.and_then(|text| parse(&text));
        Ok(AccountKeys { current, previous })
    }

    /// The text of one version; `None` where there is none.
    async fn version(&self, name: &str, stage: &str) -> Result<Option<Zeroizing<String>>, StoreError> {
        let answer = self.client.get_secret_value().secret_id(name).version_stage(stage).send().await;
        match answer {
            Ok(value) => Ok(value.secret_string.map(Zeroizing::new)),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed("GetSecretValue", error)),
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    id_service: IdService,
    access_key: String,
    secret_key: String,
}

/// Written as a number, or as a text by those who think of it as a code.
#[derive(Deserialize)]
#[serde(untagged)]
enum IdService {
    Number(u64),
    Text(String),
}

fn parse(text: &str) -> Option<Credentials> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    let (access_key, secret_key) = (Secret::new(stored.access_key), Secret::new(stored.secret_key));
    let id_service = match stored.id_service {
        IdService::Number(number) => number,
        IdService::Text(text) => text.trim().parse().ok()?,
    };
    Some(Credentials { id_service, access_key, secret_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_three_fields() {
        let keys = parse(r#"{"id_service":"12345","access_key":"a","secret_key":"s"}"#).unwrap();
        assert_eq!((keys.id_service, keys.secret_key.expose()), (12345, "s"));
        for text in [
            "",
            "{}",
            r#"{"id_service":-1,"access_key":"a","secret_key":"s"}"#,
            r#"{"id_service":1,"access_key":"a"}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
