//! Configuration: the policy of a merchant, and what a function reads from its environment.

mod by_account;
mod carry;
pub mod changes;
pub mod check;
pub mod env;
pub mod files;
pub mod fraud;
mod fx;
mod grace;
mod holidays;
mod policy;
pub mod settlements;
pub mod sources;
mod tolerance;

pub use carry::Carry;
pub use fx::{FxError, FxRate};
pub use grace::{GraceError, Graces};
pub use holidays::HolidayError;
pub use policy::{Coverage, PerLeg, Policy, PolicyError};
pub use tolerance::{ToleranceError, Tolerances};
