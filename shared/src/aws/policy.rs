//! The merchant's policy as it lies in the bucket, kept for a minute.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Mutex;

use super::bucket::Bucket;
use super::{StoreError, layout};
use crate::calendar::Instant;
use crate::config::{Policy, PolicyError};

/// How long a policy is taken for the current one; a function that gets an event every second does not read it every
/// second.
const KEPT: TimeDelta = TimeDelta::minutes(1);

/// Why there is no policy to go by.
#[derive(Debug, thiserror::Error)]
pub enum PolicyUnavailable {
    /// The bucket does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies there has to be mended.
    #[error("config/cuadre.toml: {0}")]
    Policy(#[from] PolicyError),
    /// It is no text.
    #[error("config/cuadre.toml is not UTF-8: write it again")]
    NotText,
}

/// The policy of a deployment, with what this process has read of it.
#[derive(Debug)]
pub struct Policies {
    bucket: Bucket,
    kept: Mutex<Option<(Instant, Arc<Policy>)>>,
}

impl Policies {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(bucket: Bucket) -> Policies {
        Policies { bucket, kept: Mutex::default() }
    }

    /// The policy, at most a minute old; the default one where the bucket has none.
    ///
    /// # Errors
    /// [`PolicyUnavailable`]. A policy that cannot be read is not passed over for an older one: what it was changed to say
    /// may be not to trust something any longer.
    pub async fn at(&self, now: Instant) -> Result<Arc<Policy>, PolicyUnavailable> {
        let mut kept = self.kept.lock().await;
        if let Some((read_at, policy)) = kept.as_ref()
            && now.to_utc().signed_duration_since(read_at.to_utc()).abs() < KEPT
        {
            return Ok(Arc::clone(policy));
        }
        let policy = match self.bucket.get(layout::POLICY_KEY, None).await? {
            None => Policy::default(),
            Some(object) => {
                Policy::parse(str::from_utf8(&object.bytes).map_err(|_| PolicyUnavailable::NotText)?)?
            }
        };
        let policy = Arc::new(policy);
        *kept = Some((now, Arc::clone(&policy)));
        Ok(policy)
    }
}
