//! Configuration: the policy of a merchant, and what a function reads from its environment.

pub mod env;
mod policy;

pub use policy::{Coverage, PerLeg, Policy, PolicyError};
