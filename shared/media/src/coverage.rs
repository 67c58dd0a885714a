//! How much of a window is recorded: the arithmetic of `LackLength`.
//!
//! A frame covers the time from its own presentation to the next frame's; the last one before a discontinuity covers
//! its own duration. What no frame covers is lacking. Gaps below half a frame are rounding of the recorder's clock and
//! count as none.

use crate::time::Nanos;

const NANOS_PER_MILLI: i128 = 1_000_000;

/// Adds up what frames cover of the window `[start, end)`.
#[derive(Debug, Clone)]
pub struct Coverage {
    start: Nanos,
    end: Nanos,
    /// Everything before this instant is judged.
    until: Nanos,
    lack: Nanos,
}

impl Coverage {
    /// Nothing is covered yet.
    pub fn new(start: Nanos, end: Nanos) -> Self {
        Self { start, end, until: start, lack: Nanos::ZERO }
    }

    /// A frame is on display from `from` to `to`. Frames come in display order.
    pub fn add(&mut self, from: Nanos, to: Nanos) {
        if to <= self.start || from >= self.end {
            return;
        }
        self.lack = self.lack + self.gap(from, to - from);
        self.until = self.until.max(to);
    }

    /// Up to where the window is judged, recorded or not.
    pub fn until(&self) -> Nanos {
        self.until
    }

    /// Milliseconds of the window that no frame covers, rounded once; `frame` is the usual length of a frame.
    pub fn lack_ms(&self, frame: Nanos) -> i64 {
        let lack = (self.lack + self.gap(self.end, frame)).get();
        i64::try_from((lack + NANOS_PER_MILLI / 2).div_euclid(NANOS_PER_MILLI)).unwrap_or(i64::MAX)
    }

    /// What lies bare between what is judged and `to`, if it is worth half a frame.
    fn gap(&self, to: Nanos, frame: Nanos) -> Nanos {
        let bare = to.min(self.end) - self.until;
        if bare.get() * 2 > frame.get() { bare } else { Nanos::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i128 = 40_000_000;

    fn ms(value: i64) -> Nanos {
        Nanos::from_millis(value)
    }

    fn frames(coverage: &mut Coverage, numbers: std::ops::Range<i128>) {
        for n in numbers {
            coverage.add(Nanos::new(n * FRAME), Nanos::new((n + 1) * FRAME));
        }
    }

    #[test]
    fn a_fully_recorded_window_lacks_nothing_wherever_it_starts() {
        for start in [0, 1, 39, 40, 333] {
            let mut coverage = Coverage::new(ms(start), ms(start + 1000));
            frames(&mut coverage, 0..50);
            assert_eq!(coverage.lack_ms(Nanos::new(FRAME)), 0);
            assert!(coverage.until() >= ms(start + 1000));
        }
    }

    #[test]
    fn what_is_missing_before_between_and_after_adds_up() {
        let mut coverage = Coverage::new(ms(0), ms(10_000));
        frames(&mut coverage, 5..50);
        frames(&mut coverage, 100..200);
        assert_eq!(coverage.lack_ms(Nanos::new(FRAME)), 200 + 2000 + 2000);
    }

    #[test]
    fn an_empty_window_lacks_all_of_itself() {
        assert_eq!(Coverage::new(ms(5), ms(1239)).lack_ms(Nanos::new(FRAME)), 1234);
    }

    proptest! {
        #[test]
        fn frames_of_29_97_fps_never_lack_a_rounding_error(first in 0_i128..300, count in 1_i128..3000) {
            let tick = |n: i128| Nanos::new(n * 1001 * 1_000_000_000 / 30_000);
            let mut coverage = Coverage::new(tick(first), tick(first + count));
            for n in 0..first + count {
                coverage.add(tick(n), tick(n + 1));
            }
            prop_assert_eq!(coverage.lack_ms(tick(1)), 0);
        }

        #[test]
        fn the_lack_is_between_nothing_and_the_window(
            cuts in prop::collection::vec((0_i64..5000, 1_i64..300), 0..20), start in 0_i64..3000, length in 1_i64..3000,
        ) {
            let mut sorted = cuts;
            sorted.sort_unstable();
            let mut coverage = Coverage::new(ms(start), ms(start + length));
            for (from, length) in sorted {
                coverage.add(ms(from), ms(from + length));
            }
            prop_assert!((0..=length).contains(&coverage.lack_ms(ms(1))));
        }
    }
}
