//! `[carry]`: how long what has come to its end is remembered from run to run.

use serde::Deserialize;

/// What lives on from one run to the next, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Carry {
    /// So many days after a CIP ran out, a pair that nobody claims money for is kept open, for late cash is never refused.
    pub unpaid_days: u32,
    /// So many days after a pair was closed, a later fact reopens it with all that was known of it.
    pub closed_days: u32,
}

impl Default for Carry {
    fn default() -> Carry {
        Carry { unpaid_days: 35, closed_days: 180 }
    }
}
