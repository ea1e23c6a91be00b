//! The life of a payment: evidence from each leg, and the state that the facts add up to. Pure.

pub mod cip;
pub mod evidence;
mod extorno;
pub mod operations;
pub mod rank;
pub mod settle;
#[cfg(test)]
mod tests;
