//! The moment of a run that reads everything anew. There is one run of an account and moment: where one stands that went on from the
//! run before it, its inputs are not those of everything.

use std::time::Duration;

use chrono::TimeDelta;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::layout;
use cuadre::calendar::{Clock, Instant};

use crate::ReconcileError;
use crate::event::TaskError;
use crate::gather::manifest_of;
use crate::manifest::Manifest;

/// So many seconds later at most is the run of somebody who has named no moment.
const LATER_MAX: i64 = 3;

/// The wanted moment; where it is taken and nobody has named it, the next one that is free, when it has come. The same again gives
/// the same.
///
/// # Errors
/// [`TaskError::Taken`]; what the bucket says.
pub(crate) async fn free(
    account: &str,
    wanted: Instant,
    is_named: bool,
    bucket: &Bucket,
    clock: Clock<'_>,
) -> Result<Instant, ReconcileError> {
    let last = if is_named { 0 } else { LATER_MAX };
    for seconds in 0..=last {
        let as_of = wanted.moved(TimeDelta::seconds(seconds));
        let standing = manifest_of(bucket, &layout::run_prefix(account, as_of)).await?;
        if standing.is_some_and(|manifest| check_own(&manifest).is_err()) {
            continue;
        }
        // What arrives before a moment has passed belongs to its run.
        let wait = as_of.seconds_since(clock()).clamp(0, seconds);
        tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())).await;
        return Ok(as_of);
    }
    Err(TaskError::Taken.into())
}

/// That the inputs of a moment are not those of a run that went on; a simultaneous one may have taken it.
pub(crate) fn check_own(manifest: &Manifest) -> Result<(), TaskError> {
    if manifest.carried.is_some() { Err(TaskError::Taken) } else { Ok(()) }
}
