//! Points in time whose unit is not the usual one. Times are milliseconds since the Unix epoch, in an `i64`; only what
//! DynamoDB's time to live reads is in seconds, and has a type, so that the two cannot be mixed.

use serde::{Deserialize, Serialize};
use std::fmt;

const MS_PER_S: i64 = 1000;

/// Seconds since the Unix epoch, stored as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochSecs(i64);

impl EpochSecs {
    /// The latest second that there is.
    pub const MAX: Self = Self(i64::MAX);

    /// That many seconds since the epoch.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The second in which the millisecond `ms` since the epoch lies.
    pub const fn of_ms(ms: i64) -> Self {
        Self(ms.div_euclid(MS_PER_S))
    }

    /// Milliseconds since the epoch at its start.
    pub const fn to_ms(self) -> i64 {
        self.0.saturating_mul(MS_PER_S)
    }

    /// Whether its start has come at `now_ms`, milliseconds since the epoch.
    pub const fn has_come(self, now_ms: i64) -> bool {
        self.to_ms() <= now_ms
    }
}

impl fmt::Display for EpochSecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_come_at_its_first_millisecond() {
        let second = EpochSecs::of_ms(7999);
        assert_eq!(second, EpochSecs::new(7));
        assert!(second.has_come(7000) && !second.has_come(6999));
        assert_eq!(EpochSecs::of_ms(-1), EpochSecs::new(-1));
        assert!(!EpochSecs::MAX.has_come(i64::MAX - 1));
    }

    #[test]
    fn a_second_is_stored_as_a_number() {
        assert_eq!(serde_json::to_string(&EpochSecs::new(1_562_300_000)).unwrap(), "1562300000");
    }
}
