//! Instants and lengths of time as types: an instant and a length, or milliseconds and seconds, cannot be mixed.
//!
//! Jobs count in milliseconds; only DynamoDB's time to live reads seconds. All of them are stored as plain numbers. What
//! would be too large for one stops at its limit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::ParseIntError;
use std::ops::{Add, Div, Mul, Sub};
use std::str::FromStr;
use std::time::Duration;

const MS_PER_S: i64 = 1000;

/// An instant: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMs(i64);

impl EpochMs {
    /// The Unix epoch.
    pub const ZERO: Self = Self(0);
    /// The latest instant that there is.
    pub const MAX: Self = Self(i64::MAX);

    /// That many milliseconds since the epoch.
    pub const fn new(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The next millisecond.
    #[must_use]
    pub const fn just_after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The midnight (UTC) at or before it.
    #[must_use]
    pub const fn midnight(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(Millis::from_days(1).0)))
    }

    /// Its text by RFC 3339, in UTC; that of the epoch if it is out of range.
    pub fn to_rfc3339(self) -> String {
        Timestamp::from_millisecond(self.0).unwrap_or_default().to_string()
    }

    /// The second in which it lies.
    pub const fn to_secs(self) -> EpochSecs {
        EpochSecs(self.0.div_euclid(MS_PER_S))
    }
}

impl Add<Millis> for EpochMs {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for EpochMs {
    type Output = Self;

    fn sub(self, length: Millis) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

impl Sub for EpochMs {
    type Output = Millis;

    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for EpochMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time stamp of a transport stream (ISO/IEC 13818-1, 2.4.3.7): ticks of 1/90,000 s, of which 33 bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pts(u64);

impl Pts {
    /// Time stamps begin again at zero after so many ticks.
    const RANGE: i64 = 1 << 33;

    /// That of `ticks`, which may have left its range.
    pub const fn new(ticks: i64) -> Self {
        Self(ticks.rem_euclid(Self::RANGE).unsigned_abs())
    }

    /// Its ticks.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add<Millis> for Pts {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self::new(length.ticks().saturating_add_unsigned(self.0))
    }
}

/// A length of time in milliseconds; negative if it goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(i64);

impl Millis {
    /// Ticks of a [`Pts`] in it, without whole turns of those.
    const fn ticks(self) -> i64 {
        self.0.rem_euclid(Pts::RANGE) * 90
    }

    /// No time.
    pub const ZERO: Self = Self(0);
    /// The greatest length that there is.
    pub const MAX: Self = Self(i64::MAX);

    /// That many milliseconds.
    pub const fn new(ms: i64) -> Self {
        Self(ms)
    }

    /// That many seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MS_PER_S))
    }

    /// That many minutes.
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// That many hours.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_mins(hours.saturating_mul(60))
    }

    /// That many days of 24 hours.
    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days.saturating_mul(24))
    }

    /// The number of milliseconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The number of milliseconds, as a count: none if it goes back.
    pub fn count(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// The seconds that it lasts at most, as a count: none if it goes back.
    pub fn to_secs_ceil(self) -> u32 {
        u32::try_from(self.count().div_ceil(MS_PER_S.unsigned_abs())).unwrap_or(u32::MAX)
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for Millis {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Div<i64> for Millis {
    type Output = Self;

    /// Whole milliseconds; nothing is nothing divided.
    fn div(self, parts: i64) -> Self {
        Self(self.0.checked_div(parts).unwrap_or(0))
    }
}

/// Whole milliseconds of it.
impl From<Duration> for Millis {
    fn from(length: Duration) -> Self {
        Self(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
    }
}

/// None of it if it goes back.
impl From<Millis> for Duration {
    fn from(length: Millis) -> Self {
        Self::from_millis(length.count())
    }
}

impl FromStr for Millis {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds since the Unix epoch.
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

    /// The instant at which it starts.
    pub const fn start(self) -> EpochMs {
        EpochMs(self.0.saturating_mul(MS_PER_S))
    }

    /// The time between the two, whichever is earlier.
    pub fn distance(self, other: Self) -> Millis {
        Millis::from_secs(i64::try_from(self.0.abs_diff(other.0)).unwrap_or(i64::MAX))
    }

    /// Returns `true` if its start has come at `now`.
    pub fn has_come(self, now: EpochMs) -> bool {
        self.start() <= now
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
        let second = EpochMs::new(7999).to_secs();
        assert_eq!(second, EpochSecs::new(7));
        assert!(second.has_come(EpochMs::new(7000)) && !second.has_come(EpochMs::new(6999)));
        assert_eq!(EpochMs::new(-1).to_secs(), EpochSecs::new(-1));
        assert!(!EpochSecs::MAX.has_come(EpochMs::new(i64::MAX - 1)));
    }

    #[test]
    fn times_are_stored_as_plain_numbers() {
        let stored = serde_json::json!([EpochSecs::new(1_562_300_000), EpochMs::new(-7), Millis::new(1500)]);
        assert_eq!(stored.to_string(), "[1562300000,-7,1500]");
    }

    #[test]
    fn lengths_are_between_instants_and_stop_at_the_limits() {
        let (early, late) = (EpochMs::new(1000), EpochMs::new(61_000));
        assert_eq!((late - early, early - late), (Millis::from_mins(1), Millis::new(-60_000)));
        assert_eq!((early + Millis::from_mins(1), late - Millis::from_mins(1)), (late, early));
        assert_eq!((EpochMs::MAX + Millis::new(1), Millis::MAX * 2), (EpochMs::MAX, Millis::MAX));
        assert_eq!(Millis::from_days(1), Millis::new(86_400_000));
    }

    #[test]
    fn a_length_that_goes_back_is_no_time_to_wait() {
        let back = Millis::new(-1);
        assert_eq!((back.count(), back.to_secs_ceil(), Duration::from(back)), (0, 0, Duration::ZERO));
        assert_eq!((Millis::new(1000).to_secs_ceil(), Millis::new(1001).to_secs_ceil()), (1, 2));
        assert_eq!(Millis::from(Duration::from_micros(1999)), Millis::new(1));
    }
}
