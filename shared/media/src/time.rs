//! Exact presentation times: integer ticks against nanosecond instants, in `i128`, never rounded for a comparison.
//!
//! Arithmetic saturates instead of overflowing; it is exact for every pair of timescales and every instant within
//! 292 years of the Period's start.

use std::cmp::Ordering;
use std::num::NonZeroU32;
use std::ops::{Add, Sub};

pub(crate) const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// An instant or a length of time in nanoseconds. Instants count from the Unix epoch, or from the start of the
/// presentation where the field says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(i128);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From a count of nanoseconds.
    pub const fn new(nanos: i128) -> Self {
        Self(nanos)
    }

    /// From a count of milliseconds.
    pub fn from_millis(millis: i64) -> Self {
        Self(i128::from(millis).saturating_mul(NANOS_PER_MILLI))
    }

    /// The count of nanoseconds.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// Milliseconds, rounded towards the past; clamped to the range of `i64`.
    pub fn to_millis_floor(self) -> i64 {
        clamp(self.0.div_euclid(NANOS_PER_MILLI))
    }
}

impl Add for Nanos {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Places the ticks of one track or Representation on the presentation's clock:
/// `ticks / timescale - offset_ticks / offset_timescale + period_start`.
///
/// Two timescales, because `@presentationTimeOffset` counts in the manifest's ticks and samples in the track's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeline {
    timescale: NonZeroU32,
    offset_ticks: i64,
    offset_timescale: NonZeroU32,
    period_start: Nanos,
}

impl Timeline {
    /// A timeline whose presentation time offset counts in the same ticks as its media.
    pub fn new(timescale: NonZeroU32, presentation_offset: i64, period_start: Nanos) -> Self {
        let offset_timescale = if presentation_offset == 0 { NonZeroU32::MIN } else { timescale };
        Self { timescale, offset_ticks: presentation_offset, offset_timescale, period_start }
    }

    /// The same timeline for media that counts in `timescale` ticks a second, e.g. the track's `mdhd`.
    #[must_use]
    pub fn with_timescale(self, timescale: NonZeroU32) -> Self {
        Self { timescale, ..self }
    }

    /// The same timeline, `later` on the presentation's clock.
    #[must_use]
    pub fn later_by(self, later: Nanos) -> Self {
        Self { period_start: self.period_start + later, ..self }
    }

    /// Ticks per second.
    pub const fn timescale(&self) -> NonZeroU32 {
        self.timescale
    }

    /// The start of the Period on the presentation's clock.
    pub const fn period_start(&self) -> Nanos {
        self.period_start
    }

    /// Compares the presentation time of `ticks` with `instant`, exactly.
    pub fn cmp(&self, ticks: i64, instant: Nanos) -> Ordering {
        let common = self.common();
        let wanted = (instant - self.period_start).0.saturating_mul(common.denominator);
        self.scaled(ticks, &common).cmp(&wanted)
    }

    /// The smallest tick whose presentation time is not before `instant`; clamped to the range of `i64`.
    pub fn first_tick_at_or_after(&self, instant: Nanos) -> i64 {
        let common = self.common();
        let since_start = (instant - self.period_start).0.saturating_mul(common.denominator);
        let wanted = since_start.saturating_sub(self.scaled(0, &common));
        clamp(ceil_div(wanted, common.per_tick.saturating_mul(NANOS_PER_SECOND)))
    }

    /// The largest tick whose presentation time is not after `instant`; clamped to the range of `i64`.
    pub fn last_tick_at_or_before(&self, instant: Nanos) -> i64 {
        let common = self.common();
        let since_start = (instant - self.period_start).0.saturating_mul(common.denominator);
        let wanted = since_start.saturating_sub(self.scaled(0, &common));
        clamp(wanted.div_euclid(common.per_tick.saturating_mul(NANOS_PER_SECOND)))
    }

    /// The presentation time of `ticks`, rounded towards the past.
    pub fn to_nanos_floor(&self, ticks: i64) -> Nanos {
        let common = self.common();
        Nanos(self.scaled(ticks, &common).div_euclid(common.denominator)) + self.period_start
    }

    /// The time of `ticks` since the Period's start, in units of 1 ns / `common.denominator`.
    fn scaled(&self, ticks: i64, common: &Common) -> i128 {
        let media = i128::from(ticks).saturating_mul(common.per_tick);
        let offset = i128::from(self.offset_ticks).saturating_mul(common.per_offset_tick);
        media.saturating_sub(offset).saturating_mul(NANOS_PER_SECOND)
    }

    fn common(&self) -> Common {
        let (scale, offset_scale) = (self.timescale.get(), self.offset_timescale.get());
        let divisor = gcd(scale, offset_scale);
        let per_tick = i128::from(offset_scale / divisor);
        Common {
            per_tick,
            per_offset_tick: i128::from(scale / divisor),
            denominator: i128::from(scale).saturating_mul(per_tick),
        }
    }
}

/// Both timescales over their least common multiple.
struct Common {
    per_tick: i128,
    per_offset_tick: i128,
    denominator: i128,
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `a / b` rounded up; `b` is positive.
pub(crate) fn ceil_div(a: i128, b: i128) -> i128 {
    a.saturating_neg().div_euclid(b).saturating_neg()
}

/// The nearest count that there is.
pub(crate) fn clamp(value: i128) -> i64 {
    i64::try_from(value.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    #[test]
    fn a_tick_of_29_97_fps_is_never_taken_for_the_millisecond_beside_it() {
        let line = Timeline::new(scale(30_000), 0, Nanos::ZERO);
        // Frame 1 is shown at 33.3666... ms.
        assert_eq!(line.cmp(1001, Nanos::from_millis(33)), Ordering::Greater);
        assert_eq!(line.cmp(1001, Nanos::from_millis(34)), Ordering::Less);
        assert_eq!(line.cmp(1_001_000, Nanos::new(33_366_666_666)), Ordering::Greater);
        assert_eq!(line.cmp(30_000, Nanos::from_millis(1000)), Ordering::Equal);
        assert_eq!(line.to_nanos_floor(1001), Nanos::new(33_366_666));
    }

    #[test]
    fn the_offset_may_count_in_other_ticks_than_the_media() {
        let line = Timeline::new(scale(1000), 40, Nanos::from_millis(30_000)).with_timescale(scale(90_000));
        assert_eq!(line.cmp(3600, Nanos::from_millis(30_000)), Ordering::Equal);
        assert_eq!(line.first_tick_at_or_after(Nanos::from_millis(30_001)), 3690);
        assert_eq!(line.to_nanos_floor(0), Nanos::from_millis(29_960));
    }

    #[test]
    fn milliseconds_before_the_epoch_round_towards_the_past() {
        assert_eq!(Nanos::new(-1).to_millis_floor(), -1);
        assert_eq!(Nanos::new(999_999).to_millis_floor(), 0);
        assert_eq!(Nanos::from_millis(i64::MIN).to_millis_floor(), i64::MIN);
    }

    #[test]
    fn what_is_beyond_the_range_of_a_count_is_its_end() {
        assert_eq!(Nanos::new(i128::MAX).to_millis_floor(), i64::MAX);
        assert_eq!(Nanos::new(i128::MIN).to_millis_floor(), i64::MIN);
        assert_eq!(Nanos::new(i128::MAX) + Nanos::new(1), Nanos::new(i128::MAX));
        assert_eq!(Nanos::new(i128::MIN) - Nanos::new(1), Nanos::new(i128::MIN));
        let line = Timeline::new(scale(u32::MAX), 0, Nanos::ZERO);
        assert_eq!(line.first_tick_at_or_after(Nanos::new(i128::MAX)), i64::MAX);
        assert_eq!(line.first_tick_at_or_after(Nanos::new(i128::MIN)), i64::MIN);
    }

    #[test]
    fn a_timeline_is_what_it_was_made_of() {
        let line = Timeline::new(scale(48_000), 480, Nanos::from_millis(7));
        assert_eq!((line.timescale(), line.period_start()), (scale(48_000), Nanos::from_millis(7)));
        assert_eq!(line.with_timescale(scale(90_000)).timescale(), scale(90_000));
    }

    #[test]
    fn a_tick_at_an_instant_is_the_last_before_it_and_the_first_after_it() {
        let line = Timeline::new(scale(1000), 0, Nanos::from_millis(7));
        let last = |nanos| line.last_tick_at_or_before(Nanos::new(nanos));
        assert_eq!([last(12_000_000), last(12_999_999), last(13_000_000), last(0)], [5, 5, 6, -7]);
        assert_eq!((line.first_tick_at_or_after(Nanos::new(12_000_001)), Nanos::new(12).get()), (6, 12));
    }

    #[test]
    fn a_quotient_is_rounded_up() {
        let quotients = [(7, 2, 4), (8, 2, 4), (-7, 2, -3), (-8, 2, -4), (0, 5, 0), (1, 5, 1)];
        for (a, b, quotient) in quotients {
            assert_eq!(ceil_div(a, b), quotient, "{a} / {b}");
        }
    }

    proptest! {
        #[test]
        fn the_first_tick_at_or_after_an_instant_is_the_first(
            timescale in 1_u32.., media_scale in 1_u32.., offset in any::<u32>(), start in 0..1_i64 << 41, ms in 0..1_i64 << 41,
        ) {
            let line = Timeline::new(scale(timescale), i64::from(offset), Nanos::from_millis(start))
                .with_timescale(scale(media_scale));
            let instant = Nanos::from_millis(ms);
            let tick = line.first_tick_at_or_after(instant);
            prop_assert_ne!(line.cmp(tick, instant), Ordering::Less);
            prop_assert_eq!(line.cmp(tick - 1, instant), Ordering::Less);
            prop_assert!(line.to_nanos_floor(tick) >= instant);
            prop_assert!(line.to_nanos_floor(tick - 1) < instant);
        }

        #[test]
        fn no_input_overflows(scales in any::<(NonZeroU32, NonZeroU32)>(), values in any::<(i64, i64)>(), at in any::<(i128, i128)>()) {
            let line = Timeline::new(scales.0, values.0, Nanos::new(at.0)).with_timescale(scales.1);
            let _ = line.cmp(values.1, Nanos::new(at.1));
            let _ = line.first_tick_at_or_after(Nanos::new(at.1));
            let _ = line.to_nanos_floor(values.1).to_millis_floor();
        }
    }
}
