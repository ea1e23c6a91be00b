//! Configuration: the policy of a merchant, and what a function reads from its environment.

mod by_account;
pub mod changes;
pub mod check;
pub mod env;
pub mod files;
pub mod fraud;
mod grace;
mod holidays;
mod policy;
pub mod sources;

pub use grace::{GraceError, Graces};
pub use holidays::HolidayError;
pub use policy::{Coverage, PerLeg, Policy, PolicyError};
