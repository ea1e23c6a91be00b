//! The life of a payment: evidence from each leg, and the state that the facts add up to. Pure.

pub mod cip;
pub mod evidence;
mod extorno;
pub mod label;
pub mod meaning;
pub mod operations;
pub mod rank;
pub mod settle;
pub mod shipping;
pub mod story;
#[cfg(test)]
mod tests;
