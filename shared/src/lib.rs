//! Cuadre's common library.
//!
//! The pure core ([`money`], [`ids`], [`calendar`], [`lifecycle`], [`reconcile`], [`carry`], [`report`], [`formats`],
//! [`run`]) reads no clock, no environment and no network, and so cannot fail for want of them. `pagoefectivo` knows the
//! provider, `aws` knows the storage; only the functions and the local binary put the two together.

pub mod aws;
pub mod calendar;
pub mod carry;
pub mod config;
pub mod formats;
pub mod ids;
pub mod lang;
pub mod lifecycle;
pub mod money;
pub mod pagoefectivo;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod telemetry;
