//! The accounts' keys in Secrets Manager: `{prefix}/accounts/{account}` holds
//! `{"id_service": 1234, "access_key": "…", "secret_key": "…"}`.
//!
//! The previous version is given out beside the current one for three days after a rotation, since a notice signed before
//! it may arrive after it. Kept in the process for five minutes.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use chrono::{DateTime, TimeDelta};
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

/// How long after a rotation the previous key is still accepted. How long the provider repeats a notice is not public;
/// three days span a weekend. Our choice. Whoever must revoke a key at once takes the label `AWSPREVIOUS` from it.
const PREVIOUS_ACCEPTED: TimeDelta = TimeDelta::hours(72);

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
    /// What was current before; ask [`AccountKeys::previous_at`] whether it still counts.
    previous: Option<Credentials>,
    /// When the current version was made.
    current_since: Option<Instant>,
}

impl AccountKeys {
    /// What notices may still be signed with: the previous version, until 72 hours after the current one was made.
    #[must_use]
    pub fn previous_at(&self, now: Instant) -> Option<&Credentials> {
        // Without a date nobody knows how long ago the rotation was; AWS always tells it.
        let age = now.to_utc().signed_duration_since(self.current_since?.to_utc());
        self.previous.as_ref().filter(|_| age <= PREVIOUS_ACCEPTED)
    }
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
        let current_since = current.created_at;
        let current = parse(&current.text).ok_or(SecretError::Malformed(name))?;
        // A first value that was wrong and has been corrected is not worth refusing the right one for.
        let previous = previous?.and_then(|version| parse(&version.text));
        Ok(AccountKeys { current, previous, current_since })
    }

    /// One version; `None` where there is none.
    async fn version(&self, name: &str, stage: &str) -> Result<Option<Version>, StoreError> {
        let answer = self.client.get_secret_value().secret_id(name).version_stage(stage).send().await;
        match answer {
            Ok(value) => {
                let seconds = value.created_date.map(|date| date.secs());
                let created_at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                let created_at = created_at.and_then(Instant::from_utc);
                Ok(value.secret_string.map(|text| Version { text: Zeroizing::new(text), created_at }))
            }
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed("GetSecretValue", error)),
        }
    }
}

/// A version of a secret as it was read.
struct Version {
    text: Zeroizing<String>,
    created_at: Option<Instant>,
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
    fn a_previous_key_counts_for_three_days() {
        let key =
            |text: &str| parse(&format!(r#"{{"id_service":1,"access_key":"a","secret_key":"{text}"}}"#));
        let time = |text: &str| Instant::parse(text).unwrap();
        let check = |since: Option<&str>, now: &str, expected: bool| {
            let (current, previous) = (key("new").unwrap(), key("old"));
            let keys = AccountKeys { current, previous, current_since: since.map(time) };
            assert_eq!(keys.previous_at(time(now)).is_some(), expected, "{since:?} {now}");
        };
        let since = Some("2026-03-02T09:00:00-05:00");
        check(since, "2026-03-02T09:00:00-05:00", true);
        check(since, "2026-03-05T09:00:00-05:00", true);
        check(since, "2026-03-05T09:00:01-05:00", false);
        check(None, "2026-03-02T09:00:00-05:00", false);
    }

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
