//! The times of samples in the clip: one clock for all tracks, holes closed.
//!
//! The clip's clock starts with its first picture. A hole in the recording is closed in every track at once, so that
//! later audio stays with later pictures. Audio comes in frames of fixed length, which cannot be cut: behind a closed
//! hole those frames are taken that fit best, measured against the absolute position, so that errors never add up.

use crate::time::{NANOS_PER_SECOND, Nanos, clamp};

/// Converts nanoseconds of the clip's clock to ticks, to the nearest.
pub fn ticks(at: Nanos, timescale: u32) -> i64 {
    let scaled = at.get().saturating_mul(i128::from(timescale));
    clamp(scaled.saturating_add(NANOS_PER_SECOND / 2).div_euclid(NANOS_PER_SECOND))
}

/// Converts ticks to nanoseconds, to the nearest.
pub fn nanos(at: i64, timescale: u32) -> Nanos {
    let scale = i128::from(timescale.max(1));
    Nanos::new((i128::from(at).saturating_mul(NANOS_PER_SECOND) + scale / 2).div_euclid(scale))
}

/// The part of a frame that two frames are apart at least: with less, players take them to be at one time.
const LEAST_STEP: u32 = 8;

/// A piece of the recording that is shown without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its start on the presentation's clock.
    pub from: Nanos,
    /// Its end on the presentation's clock.
    pub to: Nanos,
    /// Its start on the clip's clock.
    pub at: Nanos,
}

/// Maps the presentation's clock to the clip's, as pictures arrive in display order.
#[derive(Debug, Clone, Default)]
pub struct ClipClock {
    pieces: Vec<Piece>,
    /// Start of the last picture, on the clip's clock.
    started: Nanos,
}

impl ClipClock {
    /// The next picture in display order is on display from `from` to `to`; returns its place on the clip's clock.
    /// Where the recording `may_break`, a gap of more than half a picture is a hole and is closed.
    pub fn show(&mut self, from: Nanos, to: Nanos, may_break: bool) -> Nanos {
        let at = self.place(from, to, may_break);
        self.started = self.started.max(at);
        at
    }

    fn place(&mut self, from: Nanos, to: Nanos, may_break: bool) -> Nanos {
        let is_hole = |piece: &Piece| (from - piece.to).get().saturating_mul(2) > (to - from).get();
        match self.pieces.last_mut() {
            Some(piece) if !may_break || !is_hole(piece) => {
                piece.to = piece.to.max(to);
                piece.at + (from - piece.from)
            }
            last => {
                let at = last.map_or(Nanos::ZERO, |piece| piece.at + (piece.to - piece.from));
                self.pieces.push(Piece { from, to, at });
                at
            }
        }
    }

    /// The pieces so far; the last one may still grow.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The start of the picture that is last so far, on the clip's clock.
    pub fn started(&self) -> Nanos {
        self.started
    }

    /// The clip's length so far.
    pub fn length(&self) -> Nanos {
        self.pieces.last().map_or(Nanos::ZERO, |piece| piece.at + (piece.to - piece.from))
    }
}

/// Places the frames of one audio track.
///
/// The frames of a run follow one another exactly. The first frame of a run, behind a closed hole or a Period's start,
/// stands exactly where it is due. Players that pay no heed to a gap or an overlap of less than half a frame are
/// reckoned with: a frame is left out when it would put such a player more than half a frame behind. So is one that would
/// begin almost where the one before it does.
#[derive(Debug, Clone)]
pub struct AudioSlots {
    timescale: u32,
    /// The start of the last frame; `None` before the first.
    last: Option<i64>,
    /// The end of the last frame.
    next: i64,
    /// The end of the last frame for a player that plays frame by frame.
    played: i64,
}

impl AudioSlots {
    /// For a track of `timescale` ticks a second.
    pub fn new(timescale: u32) -> Self {
        Self { timescale, last: None, next: 0, played: 0 }
    }

    /// The place of a frame that is due at `due` on the clip's clock and `duration` ticks long; `starts` a run or goes
    /// on with the last one. `None` leaves it out: another one stands there already.
    pub fn place(&mut self, due: Nanos, duration: u32, starts: bool) -> Option<i64> {
        let due = ticks(due, self.timescale);
        let (length, half) = (i64::from(duration), i64::from(duration / 2));
        let step = i64::from(duration / LEAST_STEP);
        let at = match self.last {
            None => due,
            Some(_) if due.saturating_add(half) < self.played => return None,
            Some(last) if due < last.saturating_add(step) => return None,
            Some(last) => {
                // A rounding error is no gap.
                let tolerance = if starts { 1 } else { half };
                let follows = due <= self.next.saturating_add(tolerance)
                    && (!starts || due >= self.next.saturating_sub(tolerance));
                (if follows { self.next } else { due }).max(last.saturating_add(1))
            }
        };
        let gap = self.last.is_none() || at > self.played.saturating_add(half);
        let played = if gap { at } else { self.played };
        self.played = played.saturating_add(length);
        self.next = at.saturating_add(length);
        self.last = Some(at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Coverage;
    use proptest::prelude::*;

    fn ms(value: i64) -> Nanos {
        Nanos::from_millis(value)
    }

    #[test]
    fn a_hole_is_closed_and_a_rounding_error_is_not_a_hole() {
        let mut clock = ClipClock::default();
        assert_eq!(clock.show(ms(1000), ms(1040), true), ms(0));
        assert_eq!(clock.show(ms(1041), ms(1080), true), ms(41));
        assert_eq!(clock.show(ms(3000), ms(3040), true), ms(80));
        assert_eq!(clock.show(ms(3040), ms(3080), true), ms(120));
        assert_eq!(clock.length(), ms(160));
        assert_eq!(clock.show(ms(3200), ms(3240), false), ms(280), "a variable frame rate");
        assert_eq!(clock.pieces().len(), 2);
    }

    #[test]
    fn ticks_and_nanoseconds_are_converted_to_the_nearest() {
        let in_seconds =
            [-1_500_000_001, -500_000_001, -500_000_000, -1, 0, 499_999_999, 500_000_000, 1_499_999_999];
        assert_eq!(in_seconds.map(|at| ticks(Nanos::new(at), 1)), [-2, -1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(
            [-2, -1, 1, 2].map(|at| nanos(at, 3).get()),
            [-666_666_667, -333_333_333, 333_333_333, 666_666_667]
        );
        assert_eq!(nanos(5, 0), ms(5000), "no clock is one of a tick a second");
        let beyond = [i128::MIN, i128::MAX].map(|at| ticks(Nanos::new(at), 90_000));
        assert_eq!(beyond, [i64::MIN, i64::MAX]);
    }

    #[test]
    fn half_a_picture_is_no_hole_and_what_overlaps_makes_nothing_shorter() {
        let mut clock = ClipClock::default();
        clock.show(ms(0), ms(40), true);
        assert_eq!(clock.show(ms(60), ms(100), true), ms(60));
        assert_eq!(clock.show(ms(121), ms(161), true), ms(100));
        assert_eq!(clock.show(ms(121), ms(141), true), ms(100));
        assert_eq!((clock.length(), clock.pieces().len()), (ms(140), 2));
        assert_eq!(clock.pieces()[0], Piece { from: ms(0), to: ms(100), at: ms(0) });
    }

    #[test]
    fn a_frame_follows_the_one_before_if_it_is_off_by_no_more_than_half_of_it() {
        let mut slots = AudioSlots::new(1000);
        let places = [0, 5, 14, 15, 35, 56].map(|due| slots.place(ms(due), 10, false));
        assert_eq!(places, [Some(0), Some(10), None, Some(20), Some(30), Some(56)]);
    }

    #[test]
    fn frames_of_an_unbroken_track_follow_one_another_exactly() {
        let mut slots = AudioSlots::new(48_000);
        for n in 0..100_i64 {
            assert_eq!(slots.place(nanos(n * 1024 - 512, 48_000), 1024, n == 0), Some(n * 1024 - 512));
        }
    }

    #[test]
    fn a_gap_in_the_audio_stays_a_gap() {
        let mut slots = AudioSlots::new(48_000);
        assert_eq!(slots.place(ms(0), 1024, true), Some(0));
        assert_eq!(slots.place(ms(1000), 1024, false), Some(48_000));
    }

    #[test]
    fn a_run_that_starts_a_tick_beside_the_end_of_the_last_one_follows_it() {
        for (due, place) in [(1022, 1022), (1023, 1024), (1024, 1024), (1025, 1024), (1026, 1026)] {
            let mut slots = AudioSlots::new(48_000);
            assert_eq!(slots.place(ms(0), 1024, true), Some(0));
            assert_eq!(slots.place(nanos(due, 48_000), 1024, true), Some(place), "{due}");
        }
    }

    #[test]
    fn players_that_pay_no_heed_to_half_a_frame_are_reckoned_with() {
        for (second, third) in [(15, Some(16)), (16, None)] {
            let mut slots = AudioSlots::new(1000);
            assert_eq!([0, second].map(|due| slots.place(ms(due), 10, true)), [Some(0), Some(second)]);
            // Such a player is at 20 if the gap is half a frame, and at 26 behind a longer one.
            let due = if second == 15 { 16 } else { 20 };
            assert_eq!(slots.place(ms(due), 10, true), third, "behind {second}");
        }
    }

    proptest! {
        /// So `LackLength` of a job in work, the rest of the window, never is less than that of the clip.
        #[test]
        fn what_is_made_and_what_is_lacking_are_never_more_than_the_window(
            pieces in prop::collection::vec((1_i64..60, prop_oneof![0_i64..20, 21_i64..3000]), 1..12),
            start in 0_i64..2000, length in 40_i64..9000,
        ) {
            let (mut clock, mut coverage) = (ClipClock::default(), Coverage::new(ms(start), ms(start + length)));
            let (mut at, mut made) = (17, Vec::new());
            for (pictures, gap) in pieces {
                for _ in 0..pictures {
                    coverage.add(ms(at), ms(at + 40));
                    if (start..start + length).contains(&at) {
                        clock.show(ms(at), ms(at + 40), true);
                        made.push(clock.started());
                    }
                    at += 40;
                }
                at += gap;
            }
            prop_assert!(made.is_sorted());
            prop_assert!(clock.started().to_millis_floor() + coverage.lack_ms() <= length);
        }

        #[test]
        fn behind_any_number_of_holes_audio_is_where_it_belongs(
            pieces in prop::collection::vec((1_i64..200, 1_i64..5_000_000), 1..30), phase in 0_i64..21_333_333,
        ) {
            let (mut clock, mut slots) = (ClipClock::default(), AudioSlots::new(48_000));
            let frame = ms(40);
            let mut at = ms(0);
            let (mut last, mut heard) = (i64::MIN, i64::MIN / 2);
            for (pictures, hole) in pieces {
                let from = at;
                let mut fresh = true;
                for _ in 0..pictures {
                    clock.show(at, at + frame, true);
                    at = at + frame;
                }
                let piece = *clock.pieces().last().unwrap();
                let first = (from.get() - i128::from(phase)).div_euclid(21_333_333);
                for n in first.. {
                    let start = Nanos::new(n * 21_333_333 + i128::from(phase));
                    if start >= at {
                        break;
                    }
                    let due = piece.at + (start - piece.from);
                    if let Some(place) = slots.place(due, 1024, fresh) {
                        let error = (nanos(place, 48_000) - due).get().abs();
                        // Frames of 1024 samples are a third of a nanosecond longer than these; one tick is no gap.
                        prop_assert!(error <= 32_000, "{error}");
                        prop_assert!(place >= last.saturating_add(128), "no two frames are at one time");
                        heard = if place > heard + 512 { place } else { heard } + 1024;
                        prop_assert!((heard - 1024 - place).abs() <= 512, "a player that plays frame by frame");
                        (last, fresh) = (place, false);
                    }
                }
                at = at + ms(41) + Nanos::new(i128::from(hole) * 1000);
            }
        }
    }
}
