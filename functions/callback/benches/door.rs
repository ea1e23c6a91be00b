//! What a callback costs a processor: reading the event, verifying the signature, reading the notice. No storage, no log.
//!
//! `cargo bench -p cuadre-callback` prints the median of five rounds, in nanoseconds a call, on one core.
#![expect(clippy::print_stdout, reason = "a measurement is there to be read")]

use std::hint::black_box;
use std::time::{Duration, Instant as Stopwatch};

use cuadre::calendar::Instant;
use cuadre::config::env::Accounts;
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::notice;
use cuadre::pagoefectivo::signature::{self, Scheme, Verifier};
use cuadre_callback::{Config, Event, read};

const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
const EVENT: &str = include_str!("../../../events/callback/ok-paid.json");
/// A body of 400 bytes, as long as the longest that integrators show.
const BODY: &str = include_str!("../../../tests/bench/notice.json");
const BODY_SIGNATURE: &str = "9e082054c7165d0b8ca0db7c2f6b022fdeae43bea4a742275e051d51834fcbc5";
const ROUND: Duration = Duration::from_millis(400);

fn main() {
    // As the platform sends it: on one line.
    let mut event: serde_json::Value = serde_json::from_str(EVENT).unwrap_or_default();
    for (place, value) in [("/body", BODY), ("/headers/pe-signature", BODY_SIGNATURE)] {
        if let Some(field) = event.pointer_mut(place) {
            *field = value.into();
        }
    }
    let event = event.to_string();
    let now = Instant::parse("2026-03-02T09:30:05-05:00").unwrap_or_default();
    let Ok(verifier) = Verifier::new(Scheme::default(), &Secret::new(KEY.to_owned())) else { return };
    let Ok(accounts) = Accounts::parse("tienda") else { return };
    let config = Config {
        table_name: String::new(),
        secret_prefix: String::new(),
        accounts,
        allowed_from: Vec::new(),
    };
    let verifiers = [verifier];

    let whole = || {
        let event: Event = serde_json::from_slice(black_box(event.as_bytes())).unwrap_or_default();
        let Ok(delivery) = read(&event, &config) else { return false };
        let values =
            |name: &str| event.headers.values(name).map(str::as_bytes).collect::<Vec<_>>().into_iter();
        let agreed = signature::verify(&verifiers, &delivery.body, values, now).is_ok();
        let notice = notice::read(delivery.account, &delivery.body, now);
        agreed && black_box(notice).is_ok()
    };
    assert!(whole(), "the sample is a good notice");
    report("event, signature and notice", event.len(), &whole);
    let only_event = || {
        let event: Event = serde_json::from_slice(black_box(event.as_bytes())).unwrap_or_default();
        black_box(event).body.is_some()
    };
    report("event alone", event.len(), &only_event);
}

fn report(name: &str, bytes: usize, call: &dyn Fn() -> bool) {
    let mut rounds: Vec<u128> = (0..5).map(|_| nanoseconds_a_call(call)).collect();
    rounds.sort_unstable();
    if let [least, _, median, _, most] = rounds.as_slice() {
        println!("{name:32} {bytes:5} bytes  {median:6} ns  (min {least}, max {most})");
    }
}

fn nanoseconds_a_call(call: &dyn Fn() -> bool) -> u128 {
    let (began, mut calls) = (Stopwatch::now(), 0_u128);
    while began.elapsed() < ROUND {
        for _ in 0..256 {
            black_box(call());
        }
        calls = calls.saturating_add(256);
    }
    began.elapsed().as_nanos().checked_div(calls).unwrap_or_default()
}
