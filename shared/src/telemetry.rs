//! What a function writes to its log: one JSON object a line, a sentence in `message` and facts in fields.
//!
//! Field names are stable, dotted, with their unit at the end (`http.status`, `rows.count`, `duration_ms`); `outcome` is
//! the word that the template's metric filters count. A failure is logged once, where it is answered. No body,
//! signature, secret, name, mail address or document number is ever a field.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::env::Lookup;

/// Starts the log of a function on standard output: our crates at `LOG_LEVEL` (`info` where it is absent or no level),
/// everything else at `warn`. Where a log has been started already, that one stays.
pub fn init(lookup: Lookup<'_>) {
    init_to(lookup, std::io::stdout);
}

/// Starts the same log on another writer.
pub fn init_to<W>(lookup: Lookup<'_>, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = level(lookup("LOG_LEVEL").as_deref());
    let targets = Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("cuadre", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    // The command starts several functions in one process; the first one to come starts the log.
    if tracing_subscriber::registry().with(targets).with(lines).try_init().is_err() {
        tracing::debug!("the log has been started before");
    }
}

fn level(word: Option<&str>) -> LevelFilter {
    word.and_then(|word| LevelFilter::from_str(word).ok()).unwrap_or(LevelFilter::INFO)
}

/// An error and its causes in one line, for the field `error` of the one log line that tells of it.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_level_is_the_usual_one() {
        assert_eq!(level(Some("debug")), LevelFilter::DEBUG);
        assert_eq!(level(Some("loud")), LevelFilter::INFO);
        assert_eq!(level(None), LevelFilter::INFO);
    }

    #[test]
    fn causes_follow_their_error() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        let error = Outer("x".parse::<u8>().unwrap_err());
        assert_eq!(chain(&error), "outer: invalid digit found in string");
    }
}
