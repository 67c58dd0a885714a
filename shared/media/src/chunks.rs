//! A window in chunks that are made apart from each other: how many, and where their borders are.

use crate::time::Nanos;
use std::time::Duration;

/// A border this near to a Period's start or end may be on its other side, since that is told in milliseconds.
const EDGE: Nanos = Nanos::new(1_000_000_000);

/// The number of chunks of a window of `length` of which `recorded` is recorded, and takes `work` to be made: as many as are
/// made at once, but none of them shorter than `least` or with more work than `chunk_work`.
pub fn count(length: Nanos, recorded: Nanos, work: Duration, limits: &ChunkLimits) -> u32 {
    let [length, recorded] = [length, recorded].map(|time| u128::try_from(time.get()).unwrap_or(0).max(1));
    let longest = (recorded.saturating_mul(limits.chunk_work.as_nanos()) / work.as_nanos().max(1)).max(1);
    let wanted = length / u128::from(limits.at_once.max(1));
    let each = wanted.max(limits.least.as_nanos()).min(longest).max(1);
    u32::try_from(length.div_ceil(each)).unwrap_or(u32::MAX)
}

/// The limits of a window's chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Chunks that may be made at the same time.
    pub at_once: u32,
    /// The shortest chunk, unless that is too much work.
    pub least: Duration,
    /// The most that making a chunk may take.
    pub chunk_work: Duration,
}

/// The borders between `count` chunks of `[start, end)`, in their order, some left out where there is no good place for them.
/// `parts` are the Periods' parts of it, and `segment` gives the start of the segment that holds an instant of one.
pub fn borders(
    (start, end): (Nanos, Nanos),
    count: u32,
    parts: &[(Nanos, Nanos)],
    segment: impl Fn(usize, Nanos) -> Option<Nanos>,
) -> Vec<Nanos> {
    let length = (end - start).get();
    let each = length / i128::from(count.max(1));
    let mut borders: Vec<Nanos> = Vec::new();
    for n in 1..i128::from(count) {
        let even = start + Nanos::new(length.saturating_mul(n) / i128::from(count.max(1)));
        let least = borders.last().copied().unwrap_or(start) + Nanos::new(each / 2);
        let place = |at: Nanos| {
            let part = parts.iter().position(|(from, until)| *from <= at && at < *until);
            part.and_then(|part| segment(part, at)).unwrap_or(at)
        };
        // Of the segment before the even place and the one that begins behind it, the first that will do.
        let here = place(even);
        let candidates = [here, place(even + Nanos::new(each / 4)), even, even + EDGE + EDGE];
        let good = |at: &Nanos| {
            let apart = |edge: Nanos| (*at - edge).get().saturating_abs() >= EDGE.get();
            let far = (*at - even).get().saturating_abs() <= each / 2 + 2 * EDGE.get();
            let inner = parts.iter().flat_map(|(from, until)| [*from, *until]);
            *at > least && *at < end && far && inner.filter(|at| *at > start && *at < end).all(apart)
        };
        borders.extend(candidates.into_iter().find(good));
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: i64) -> Nanos {
        Nanos::from_millis(seconds * 1000)
    }

    fn limits(at_once: u32) -> ChunkLimits {
        ChunkLimits { at_once, least: Duration::from_secs(20), chunk_work: Duration::from_secs(440) }
    }

    #[test]
    fn there_are_as_many_chunks_as_are_made_at_once_but_none_is_short_or_too_much_work() {
        let hours = |hours: i64| s(hours * 3600);
        let work = |hours: u64| Duration::from_secs(hours * 3600 * 2);
        assert_eq!(count(hours(4), hours(4), work(4), &limits(200)), 200);
        assert_eq!(
            count(hours(4), hours(4), work(4), &limits(10)),
            66,
            "440 s of work are 220 s of the clip"
        );
        assert_eq!(count(s(600), s(600), Duration::from_mins(20), &limits(200)), 30, "20 s each");
        assert_eq!(count(s(600), s(600), Duration::from_mins(1000), &limits(200)), 137, "heavy pictures");
        assert_eq!(count(s(10), s(10), Duration::from_secs(20), &limits(200)), 1);
    }

    #[test]
    fn a_border_is_where_a_segment_begins() {
        let segment =
            |_: usize, at: Nanos| Some(Nanos::new(at.get().div_euclid(4_000_000_000) * 4_000_000_000));
        let at = borders((s(1), s(101)), 5, &[(s(1), s(101))], segment);
        assert_eq!(at, [s(20), s(40), s(60), s(80)]);
    }

    #[test]
    fn a_border_is_not_beside_a_periods() {
        let parts = [(s(0), s(50)), (s(50), s(100))];
        for at in borders((s(0), s(100)), 4, &parts, |_, at| Some(at)) {
            assert_ne!(at, s(50));
        }
    }

    proptest! {
        #[test]
        fn borders_are_in_order_within_the_window_and_far_enough_apart(
            start in 0_i64..1000, length in 40_i64..5000, count in 2_u32..40, segment in 1_i64..30,
            cuts in prop::collection::vec(1_i64..6000, 0..6),
        ) {
            let (from, until) = (s(start), s(start + length));
            let mut edges: Vec<Nanos> = cuts.into_iter().map(s).filter(|at| *at > from && *at < until).collect();
            edges.extend([from, until]);
            edges.sort_unstable();
            let parts: Vec<(Nanos, Nanos)> = edges.windows(2).map(|two| (two[0], two[1])).collect();
            let long = segment * 1_000_000_000;
            let of = |_: usize, at: Nanos| Some(Nanos::new(at.get().div_euclid(i128::from(long)) * i128::from(long)));
            let found = borders((from, until), count, &parts, of);
            prop_assert!(u32::try_from(found.len()).unwrap() < count);
            let all: Vec<Nanos> = [&[from][..], &found, &[until]].concat();
            prop_assert!(all.is_sorted());
            let each = (until - from).get() / i128::from(count);
            prop_assert!(all[..all.len() - 1].windows(2).all(|two| (two[1] - two[0]).get() > each / 2));
            for edge in &edges[1..edges.len() - 1] {
                prop_assert!(found.iter().all(|at| (*at - *edge).get().abs() >= EDGE.get()));
            }
        }
    }
}
