//! Configuration: the policy of a merchant, and what a function reads from its environment.

pub mod check;
pub mod env;
pub mod files;
mod policy;
pub mod sources;

pub use policy::{Coverage, PerLeg, Policy, PolicyError};
