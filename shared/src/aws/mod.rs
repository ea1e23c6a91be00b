//! Storage and messages on AWS: the only files that name the SDK, one per resource, one method per operation used.
//!
//! There is one implementation and no trait over it. On one machine the same code talks to the emulators of
//! `tests/emulators` through the SDK's HTTP client.

pub mod batch;
pub mod bucket;
pub mod events;
pub mod layout;
pub mod policy;
pub mod queue;
pub mod rows;
pub mod run_orders;
pub mod schedule;
pub mod secrets;
pub mod table;
pub mod topic;

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};

use crate::calendar::Instant;

pub use aws_config::SdkConfig;

/// How long a caller can wait for a service, and how often a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the connection stands.
    pub connect: Duration,
    /// For one attempt.
    pub attempt: Duration,
    /// For all attempts of one call and the waits between them.
    pub call: Duration,
    /// Attempts, the first one included.
    pub attempts: u32,
}

impl Patience {
    /// Somebody waits at the other end of an HTTP request.
    pub const REQUEST: Patience = Patience {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(800),
        call: Duration::from_millis(1_300),
        attempts: 2,
    };
    /// Nobody waits; objects may be large.
    pub const WORK: Patience = Patience {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(15),
        call: Duration::from_secs(40),
        attempts: 4,
    };

    /// The configuration with this patience in place of its own.
    fn applied_to(self, config: &SdkConfig) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.call)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(2));
        config.clone().into_builder().timeout_config(timeouts).retry_config(retries).build()
    }
}

/// The configuration of a running function: region, role and endpoint from its environment.
pub async fn load_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await
}

/// The platform's clock, read at the edge and handed down from there.
#[must_use]
pub fn now() -> Instant {
    let since_1970 = DateTime::<Utc>::from(SystemTime::now());
    Instant::from_utc(since_1970).unwrap_or(Instant::UNIX_EPOCH)
}

/// Why storage or messaging did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer, an answer of its own trouble, or too much traffic. The outcome is unknown; the same call may be
    /// repeated.
    #[error("{operation} got no answer in time: try again")]
    Unavailable {
        /// The API operation.
        operation: &'static str,
        /// What the SDK says.
        #[source]
        source: BoxError,
    },
    /// The service refuses, and will again: the role, the name of the resource or the request has to be changed.
    #[error("{operation} is refused ({code}): check the function's role and the name of the resource")]
    Refused {
        /// The API operation.
        operation: &'static str,
        /// The service's code.
        code: String,
    },
    /// What is stored is not what this version stores there.
    #[error(
        "the stored {what} lacks {field} or holds something else there: it was written by another program"
    )]
    Unreadable {
        /// The kind of item or object.
        what: &'static str,
        /// Where it is not as expected.
        field: &'static str,
    },
    /// More than one call may carry or hold in memory.
    #[error("{what} is larger than {max}: split it, or move what is old out of the prefix")]
    TooLarge {
        /// Which object or list.
        what: String,
        /// The bound, in bytes of an object or keys of a list.
        max: usize,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. })
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Codes of a service that is busy rather than unwilling; each service has words of its own.
const BUSY_CODES: [&str; 16] = [
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
];

/// Sorts a failed call: may it be repeated, or has somebody to change something?
fn failed<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let refused = match &error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
            let is_busy = status >= 500 || status == 429 || BUSY_CODES.contains(&code.as_str());
            (!is_busy).then_some(code)
        }
        SdkError::ConstructionFailure(_) => Some("the request cannot be built".to_owned()),
        _ => None,
    };
    match refused {
        Some(code) => StoreError::Refused { operation, code },
        None => StoreError::Unavailable { operation, source: error.into() },
    }
}
