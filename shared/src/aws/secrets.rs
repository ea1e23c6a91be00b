//! The accounts' keys in Secrets Manager: `{prefix}/accounts/{account}` holds
//! `{"id_service": 1234, "access_key": "…", "secret_key": "…"}`, and may say how notices are signed (`signature`, see
//! docs/signature.md) and for how long the previous key is accepted (`overlap_hours`). Both stand beside the key since they
//! change with it. `sources` holds, by name, what requests to the account's other sources are made with (docs/sources.md).
//!
//! The previous version is given out beside the current one for three days after a rotation, since a notice signed before
//! it may arrive after it. Kept in the process for five minutes.

use std::collections::{BTreeMap, HashMap};
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
use crate::pagoefectivo::signature::{KeyError, Scheme, Verifier};
use crate::pagoefectivo::{Credentials, Secret};

/// How long keys are believed to be the current ones.
const KEPT: TimeDelta = TimeDelta::minutes(5);
/// For how long known keys serve while the store does not answer: a notice that is turned away comes back once at the most.
const KEPT_IN_NEED: TimeDelta = TimeDelta::hours(1);
/// How soon after a failure the store is asked again where nothing is known.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// A bad signature may come from a key that is newer than ours; how often that is looked into.
const REFRESH_AFTER: TimeDelta = TimeDelta::minutes(1);

/// How long after a rotation the previous key is still accepted, where the secret does not say. How long the provider
/// repeats a notice is not public; three days span a weekend. Our choice. Whoever must revoke a key at once takes the label
/// `AWSPREVIOUS` from it.
const OVERLAP_HOURS_DEFAULT: u32 = 72;
/// Two keys in use for longer than a month are no rotation.
const OVERLAP_HOURS_MAX: u32 = 31 * 24;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Why there are no keys for an account.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It failed a moment ago; asking on every request would make a flood of them.
    #[error("the keys could not be read a moment ago")]
    Recently,
    /// The account is configured and its secret was never made.
    #[error("the secret {0} does not exist: create it as docs and template say")]
    Absent(String),
    /// Its text is not what it must be; what it is instead is not said.
    #[error(
        "the secret {0} is not {{\"id_service\": number, \"access_key\": text, \"secret_key\": text}}, with \"signature\", \"overlap_hours\" and \"sources\" as docs/signature.md and docs/sources.md say"
    )]
    Malformed(String),
}

/// The keys of one account as they stand in the store.
#[derive(Debug)]
pub struct AccountKeys {
    /// What requests are made with.
    pub current: Credentials,
    /// What requests to the account's other sources are made with, by the name of the source.
    pub sources: BTreeMap<String, Secret>,
    /// What notices are verified with: the current key, and behind it the one that was current before, if it is any good.
    /// What is wrong with the current one does not concern whoever only makes requests.
    verifiers: Result<Vec<Verifier>, KeyError>,
    /// Until when the previous one counts.
    overlap_until: Option<Instant>,
}

impl AccountKeys {
    fn new(current: Stored, current_since: Option<Instant>, previous: Option<Stored>) -> AccountKeys {
        let verifier = |keys: &Stored| Verifier::new(keys.scheme.clone(), &keys.credentials.secret_key);
        let verifiers = verifier(&current).map(|current| {
            // A first value that was wrong and has been corrected is not worth refusing the right one for.
            let previous = previous.and_then(|previous| verifier(&previous).ok());
            std::iter::once(current).chain(previous).collect()
        });
        // Without a date nobody knows how long ago the rotation was; AWS always tells it.
        let overlap_until = current_since.map(|since| since.plus_hours(current.overlap_hours));
        AccountKeys { current: current.credentials, sources: current.sources, verifiers, overlap_until }
    }

    /// What a notice that arrives now may be verified with, the current key first. The previous one counts until the
    /// overlap is over.
    ///
    /// # Errors
    /// [`KeyError`] where the current key can be nobody's.
    pub fn verifiers_at(&self, now: Instant) -> Result<&[Verifier], KeyError> {
        let verifiers = self.verifiers.as_ref().map_err(|error| *error)?;
        let accepted = if self.overlap_until.is_some_and(|until| now <= until) { 2 } else { 1 };
        Ok(verifiers.get(..accepted).unwrap_or(verifiers))
    }
}

/// The secrets of a deployment, with what this process has read of them.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
    prefix: String,
    kept: Mutex<HashMap<String, Kept>>,
}

/// What is known of an account's keys.
#[derive(Clone, Debug)]
struct Kept {
    /// The keys, and when they were read; absent while no reading has succeeded.
    keys: Option<(Arc<AccountKeys>, Instant)>,
    /// When the store was last asked, whatever it said.
    asked_at: Instant,
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
        let age = |time: Instant| now.to_utc().signed_duration_since(time.to_utc()).abs();
        let known = kept.get(account).cloned();
        let keys = known.as_ref().and_then(|known| known.keys.clone());
        if let Some((keys, read_at)) = &keys
            && age(*read_at) < age_max
        {
            return Ok(Arc::clone(keys));
        }
        let usable = keys
            .as_ref()
            .filter(|(_, read_at)| age(*read_at) < KEPT_IN_NEED)
            .map(|(keys, _)| Arc::clone(keys));
        let pause = if usable.is_some() { REFRESH_AFTER } else { ASKED_AGAIN_AFTER };
        if known.is_some_and(|known| age(known.asked_at) < pause) {
            return usable.ok_or(SecretError::Recently);
        }
        let read = self.read(account).await;
        let fresh = match &read {
            Ok(fresh) => Some((Arc::clone(fresh), now)),
            Err(_) => keys,
        };
        kept.insert(account.to_owned(), Kept { keys: fresh, asked_at: now });
        match (read, usable) {
            (Err(error), Some(known)) => {
                let error = crate::telemetry::chain(&error);
                tracing::warn!(account, error, "keys cannot be read, those that are known serve on");
                Ok(known)
            }
            (read, _) => read,
        }
    }

    async fn read(&self, account: &str) -> Result<Arc<AccountKeys>, SecretError> {
        let name = format!("{}/accounts/{account}", self.prefix);
        let (current, previous) = tokio::join!(self.version(&name, CURRENT), self.version(&name, PREVIOUS));
        let current = current?.ok_or_else(|| SecretError::Absent(name.clone()))?;
        let current_since = current.created_at;
        let current = parse(&current.text).ok_or(SecretError::Malformed(name))?;
        let previous = previous?.and_then(|version| parse(&version.text));
        Ok(Arc::new(AccountKeys::new(current, current_since, previous)))
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

/// A version of a secret, understood.
struct Stored {
    credentials: Credentials,
    scheme: Scheme,
    overlap_hours: u32,
    sources: BTreeMap<String, Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    id_service: IdService,
    access_key: Secret,
    secret_key: Secret,
    #[serde(default)]
    signature: Scheme,
    #[serde(default)]
    overlap_hours: Option<u32>,
    #[serde(default)]
    sources: BTreeMap<String, Secret>,
}

/// Written as a number, or as a text by those who think of it as a code.
#[derive(Deserialize)]
#[serde(untagged)]
enum IdService {
    Number(u64),
    Text(String),
}

/// The keys in the text of an account's secret, for who has it in a file; `None` where it is not what it must be.
#[must_use]
pub fn credentials(text: &str) -> Option<Credentials> {
    parse(text).map(|stored| stored.credentials)
}

fn parse(text: &str) -> Option<Stored> {
    let text: Text = serde_json::from_str(text).ok()?;
    let id_service = match text.id_service {
        IdService::Number(number) => number,
        IdService::Text(text) => text.trim().parse().ok()?,
    };
    let overlap_hours = text.overlap_hours.unwrap_or(OVERLAP_HOURS_DEFAULT);
    let credentials = Credentials { id_service, access_key: text.access_key, secret_key: text.secret_key };
    (overlap_hours <= OVERLAP_HOURS_MAX).then_some(Stored {
        credentials,
        scheme: text.signature,
        overlap_hours,
        sources: text.sources,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(key: &str, more: &str) -> String {
        format!(r#"{{"id_service":1,"access_key":"a","secret_key":"{key}"{more}}}"#)
    }

    #[test]
    fn a_previous_key_counts_while_the_overlap_lasts() {
        let time = |text: &str| Instant::parse(text).unwrap();
        let check = |since: Option<&str>, more: &str, now: &str, expected: usize| {
            let current = parse(&secret("a-new-key-that-is-long", more)).unwrap();
            let previous = parse(&secret("an-old-key-that-is-long", ""));
            let keys = AccountKeys::new(current, since.map(time), previous);
            assert_eq!(keys.verifiers_at(time(now)).unwrap().len(), expected, "{since:?} {more} {now}");
        };
        let since = Some("2026-03-02T09:00:00-05:00");
        check(since, "", "2026-03-02T09:00:00-05:00", 2);
        check(since, "", "2026-03-05T09:00:00-05:00", 2);
        check(since, "", "2026-03-05T09:00:01-05:00", 1);
        check(since, r#","overlap_hours":1"#, "2026-03-02T10:00:00-05:00", 2);
        check(since, r#","overlap_hours":1"#, "2026-03-02T10:00:01-05:00", 1);
        check(since, r#","overlap_hours":0"#, "2026-03-02T09:00:01-05:00", 1);
        check(None, "", "2026-03-02T09:00:00-05:00", 1);
    }

    #[test]
    fn a_short_current_key_is_none_and_a_short_previous_one_is_left_out() {
        let stored = |key: &str| parse(&secret(key, "")).unwrap();
        let now = Instant::parse("2026-03-02T09:00:00-05:00").unwrap();
        assert!(AccountKeys::new(stored("short"), Some(now), None).verifiers_at(now).is_err());
        let keys = AccountKeys::new(stored("a-new-key-that-is-long"), Some(now), Some(stored("short")));
        assert_eq!(keys.verifiers_at(now).unwrap().len(), 1);
    }

    #[test]
    fn a_secret_is_three_fields_and_three_more_that_may_be_left_out() {
        let keys = parse(r#"{"id_service":"12345","access_key":"a","secret_key":"s"}"#).unwrap();
        assert_eq!((keys.credentials.id_service, keys.credentials.secret_key.expose()), (12345, "s"));
        assert_eq!((keys.scheme, keys.overlap_hours), (Scheme::default(), 72));
        let more = r#","sources":{"portal_api":"k"}"#;
        assert_eq!(parse(&secret("s", more)).unwrap().sources["portal_api"].expose(), "k");
        let compact =
            parse(&secret("s", r#","signature":{"scheme":"pagoefectivo","compact":true}"#)).unwrap();
        assert_eq!(compact.scheme, Scheme::PagoEfectivo { compact: true });
        for text in [
            "",
            "{}",
            r#"{"id_service":-1,"access_key":"a","secret_key":"s"}"#,
            r#"{"id_service":1,"access_key":"a"}"#,
            &secret("s", r#","signature":{"scheme":"none"}"#),
            &secret("s", r#","overlap_hours":745"#),
            &secret("s", r#","forward_url":"https://shop.example""#),
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
