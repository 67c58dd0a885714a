//! The recorded part of a window: the arithmetic of `LackLength`.
//!
//! A frame covers the time from its own presentation to the next frame's; the last one before a discontinuity covers
//! its own duration. What no frame covers is lacking. A gap between two frames of less than half a frame is rounding of
//! the recorder's clock and counts as none; it is judged on the recording, before the window cuts it.

use crate::time::Nanos;

const NANOS_PER_MILLI: i128 = 1_000_000;
/// Holes that are kept of a window; later ones count in its lack only.
const MOST_HOLES: usize = 100;

/// A part of a window that no frame covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncovered {
    /// Its start, in milliseconds from the window's.
    pub at_ms: i64,
    /// Its length in milliseconds, at least 1.
    pub length_ms: i64,
}

/// The parts of a window that no frame covers, exact to the nanosecond: those of neighbouring windows can be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bare {
    /// The length of all of it.
    pub lack: Nanos,
    /// Start and end of each part, in order: the first hundred.
    pub parts: Vec<(Nanos, Nanos)>,
}

impl Bare {
    /// With that of the window behind: what lacks on both sides of a seam is one part.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.lack = self.lack + next.lack;
        for (from, until) in next.parts {
            if let Some((_, end)) = self.parts.last_mut().filter(|(_, end)| *end == from) {
                *end = until;
            } else if self.parts.len() < MOST_HOLES {
                self.parts.push((from, until));
            }
        }
        self
    }

    /// The lack in milliseconds, rounded once.
    pub fn lack_ms(&self) -> i64 {
        millis(self.lack)
    }

    /// The parts in milliseconds from `start`, the window's: together as long as [`Self::lack_ms`], except for rounding.
    pub fn holes(&self, start: Nanos) -> Vec<Uncovered> {
        let hole = |(begin, end): &(Nanos, Nanos)| {
            let (at_ms, until_ms) = (millis(*begin - start), millis(*end - start));
            (until_ms > at_ms).then(|| Uncovered { at_ms, length_ms: until_ms - at_ms })
        };
        self.parts.iter().filter_map(hole).collect()
    }
}

/// Adds up what frames cover of the window `[start, end)`.
#[derive(Debug, Clone)]
pub struct Coverage {
    start: Nanos,
    end: Nanos,
    /// End of the last frame, also of one before the window.
    covered: Option<Nanos>,
    lack: Nanos,
    /// The bare parts up to the last frame, each with its start and its end.
    holes: Vec<(Nanos, Nanos)>,
}

impl Coverage {
    /// Nothing is covered yet.
    pub fn new(start: Nanos, end: Nanos) -> Self {
        Self { start, end, covered: None, lack: Nanos::ZERO, holes: Vec::new() }
    }

    /// A frame is on display from `from` to `to`. Frames come in display order, those before the window included.
    pub fn add(&mut self, from: Nanos, to: Nanos) {
        let least = match self.covered {
            Some(_) => Nanos::new((to - from).get() / 2),
            // A client that asks for the very first frame can only say its time in whole milliseconds.
            None => Nanos::new(NANOS_PER_MILLI),
        };
        if self.covered.is_none_or(|covered| from - covered >= least) {
            let (begin, end) = self.bare(from);
            if end - begin >= least || self.covered.is_some() {
                self.lack = self.lack + (end - begin);
                if end > begin && self.holes.len() < MOST_HOLES {
                    self.holes.push((begin, end));
                }
            }
        }
        self.covered = Some(self.covered.map_or(to, |covered| covered.max(to)));
    }

    /// Up to where frames cover the recording; `None` before the first one.
    pub fn covered(&self) -> Option<Nanos> {
        self.covered
    }

    /// The parts that no frame covers so far, the window's end included.
    pub fn bare_parts(&self) -> Bare {
        let (begin, end) = self.bare(self.end);
        let last = Some((begin, end)).filter(|_| end > begin && self.holes.len() < MOST_HOLES);
        let parts = self.holes.iter().copied().chain(last).collect();
        Bare { lack: self.lack + (end - begin), parts }
    }

    /// Milliseconds of the window that no frame covers, rounded once.
    pub fn lack_ms(&self) -> i64 {
        self.bare_parts().lack_ms()
    }

    /// The parts of the window that no frame covers, in their order, the first hundred of them: together as long as
    /// [`Self::lack_ms`], except for rounding.
    pub fn holes(&self) -> Vec<Uncovered> {
        self.bare_parts().holes(self.start)
    }

    /// Start and end of the bare part of the window between the last frame and `to`.
    fn bare(&self, to: Nanos) -> (Nanos, Nanos) {
        let from = self.covered.map_or(self.start, |covered| covered.max(self.start));
        (from, to.min(self.end).max(from))
    }
}

/// Milliseconds, rounded to the nearest.
fn millis(time: Nanos) -> i64 {
    i64::try_from(time.get().saturating_add(NANOS_PER_MILLI / 2).div_euclid(NANOS_PER_MILLI))
        .unwrap_or(i64::MAX)
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
            assert_eq!(coverage.lack_ms(), 0);
            assert!(coverage.covered() >= Some(ms(start + 1000)));
        }
    }

    #[test]
    fn what_is_missing_before_between_and_after_adds_up() {
        let mut coverage = Coverage::new(ms(0), ms(10_000));
        frames(&mut coverage, 5..50);
        frames(&mut coverage, 100..200);
        assert_eq!(coverage.lack_ms(), 200 + 2000 + 2000);
        let hole = |at_ms, length_ms| Uncovered { at_ms, length_ms };
        assert_eq!(coverage.holes(), [hole(0, 200), hole(2000, 2000), hole(8000, 2000)]);
    }

    #[test]
    fn a_recording_that_ends_within_the_windows_last_frame_lacks_the_rest_of_it() {
        let mut coverage = Coverage::new(ms(17), ms(2015));
        frames(&mut coverage, 0..50);
        assert_eq!(coverage.lack_ms(), 15);
    }

    #[test]
    fn a_rounding_error_between_two_frames_is_no_gap_and_a_short_window_in_a_hole_lacks_all() {
        let mut coverage = Coverage::new(ms(0), ms(100));
        coverage.add(ms(0), ms(40));
        coverage.add(ms(59), ms(100));
        assert_eq!(coverage.lack_ms(), 0);
        let mut coverage = Coverage::new(ms(50), ms(55));
        coverage.add(ms(0), ms(40));
        coverage.add(ms(80), ms(120));
        assert_eq!(coverage.lack_ms(), 5);
    }

    #[test]
    fn half_a_frame_is_a_gap_and_counts_as_far_as_it_is_in_the_window() {
        for (start, lack) in [(0, 20), (50, 10), (60, 0), (70, 0)] {
            let mut coverage = Coverage::new(ms(start), ms(100));
            coverage.add(ms(0), ms(40));
            coverage.add(ms(60), ms(100));
            assert_eq!(coverage.lack_ms(), lack, "from {start}");
        }
    }

    #[test]
    fn the_first_frame_may_be_less_than_a_millisecond_late() {
        for (late, lack) in [(999_999, 0), (1_000_000, 1), (1_499_999, 1), (1_500_000, 2)] {
            let mut coverage = Coverage::new(ms(0), ms(10));
            coverage.add(Nanos::new(late), ms(10));
            assert_eq!(coverage.lack_ms(), lack, "{late} ns");
        }
    }

    #[test]
    fn a_frame_within_another_one_makes_nothing_shorter() {
        let mut coverage = Coverage::new(ms(0), ms(140));
        for (from, to) in [(0, 100), (40, 60), (100, 140)] {
            coverage.add(ms(from), ms(to));
        }
        assert_eq!((coverage.covered(), coverage.lack_ms()), (Some(ms(140)), 0));
    }

    #[test]
    fn an_empty_window_lacks_all_of_itself() {
        let coverage = Coverage::new(ms(5), ms(1239));
        assert_eq!(
            (coverage.lack_ms(), coverage.holes()),
            (1234, vec![Uncovered { at_ms: 0, length_ms: 1234 }])
        );
    }

    proptest! {
        /// The parts of a window are looked at one by one, each with the frames around it.
        #[test]
        fn what_neighbouring_windows_lack_is_what_both_lack(
            holes in prop::collection::vec((1_i128..80, 0_i128..30), 1..8), at in 1_i64..6000, end in 6001_i64..9000,
        ) {
            let [mut whole, mut first, mut second] =
                [(0, end), (0, at), (at, end)].map(|(from, until)| Coverage::new(ms(from), ms(until)));
            let mut n = 0;
            for (count, hole) in holes {
                for coverage in [&mut whole, &mut first, &mut second] {
                    frames(coverage, n..n + count);
                }
                n += count + hole;
            }
            let both = first.bare_parts().then(second.bare_parts());
            prop_assert_eq!(both, whole.bare_parts());
        }

        #[test]
        fn frames_of_29_97_fps_never_lack_a_rounding_error(first in 0_i128..300, count in 1_i128..3000) {
            let tick = |n: i128| Nanos::new(n * 1001 * 1_000_000_000 / 30_000);
            let mut coverage = Coverage::new(tick(first), tick(first + count));
            for n in 0..first + count {
                coverage.add(tick(n), tick(n + 1));
            }
            prop_assert_eq!(coverage.lack_ms(), 0);
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
            prop_assert!((0..=length).contains(&coverage.lack_ms()));
            let holes = coverage.holes();
            prop_assert_eq!(holes.iter().map(|hole| hole.length_ms).sum::<i64>(), coverage.lack_ms());
            prop_assert!(holes.iter().all(|hole| 0 <= hole.at_ms && hole.at_ms + hole.length_ms <= length));
            prop_assert!(holes.windows(2).all(|two| two[0].at_ms + two[0].length_ms < two[1].at_ms));
        }
    }
}
