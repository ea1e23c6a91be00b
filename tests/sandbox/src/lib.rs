#![doc = include_str!("../README.md")]

mod amount;
mod api;
mod cips;
mod clock;
mod config;
mod control;
mod create;
mod envelope;
mod fault;
mod fields;
#[cfg(test)]
mod http_tests;
mod ledger;
mod notice;
pub mod report;
mod server;
mod tokens;
mod wire_time;

pub use amount::Currency;
pub use clock::SandboxClock;
pub use config::{Assumptions, Config, PaidTwice, PaymentDateForm};
pub use fault::{Fault, FaultRule};
pub use ledger::{Payment, PaymentError, PaymentOptions};
pub use notice::{DeliveryError, SignedNotice};
pub use server::{Sandbox, StartError, start};
