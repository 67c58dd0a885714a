//! Search for the segment that holds an instant, in a list whose lengths are not exact.
//!
//! It asks for the first time stamp of a few segments and does nothing else: reading them is left to the caller.

use crate::mpd::{Measured, Representation};
use crate::time::Nanos;

/// Segments that are asked for at most.
pub const MOST_PROBES: usize = 8;
/// Time stamps that are this far from where they should be are those of another clock.
const JUMP: i128 = 10_000_000_000;
/// Part of the listed time since a known segment by which the next one may be off, too.
const DRIFT_PART: i128 = 64;

/// The next step of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinderStep {
    /// The first time stamp of the segment at this position is wanted.
    Probe(u64),
    /// The segment that holds the instant, or one that is as near as can be known.
    Found(Measured),
    /// The time stamps of the segment at this position count on another clock than those before it.
    OtherClock(u64),
}

/// A segment whose start is known.
#[derive(Debug, Clone, Copy)]
struct KnownStart {
    index: u64,
    start: Nanos,
    /// By how much that is later than listed.
    drift: Nanos,
}

/// A search in the list of a Representation.
#[derive(Debug)]
pub struct Finder<'a> {
    list: &'a Representation,
    at: Nanos,
    /// The last segment that is known to start at the instant or before it, and the first one behind it.
    low: Option<KnownStart>,
    high: Option<KnownStart>,
    /// The segment that was learned of last.
    last: Option<KnownStart>,
    /// Segments that cannot be read.
    absent: Vec<u64>,
    probes: usize,
    other_clock: Option<u64>,
}

impl<'a> Finder<'a> {
    /// Looks for `at`. The media of the segment `anchor` start where that says, if it is given.
    pub fn new(list: &'a Representation, at: Nanos, anchor: Option<(u64, Nanos)>) -> Self {
        let mut finder = Self {
            list,
            at,
            low: None,
            high: None,
            last: None,
            absent: Vec::new(),
            probes: 0,
            other_clock: None,
        };
        if let Some((index, start)) = anchor
            && let Some(listed) = finder.listed(index)
        {
            finder.learn(KnownStart { index, start, drift: start - listed });
        }
        finder
    }

    /// The next step. It is the same until [`Self::saw`] gets the answer.
    pub fn step(&self) -> FinderStep {
        if let Some(index) = self.other_clock {
            return FinderStep::OtherClock(index);
        }
        let best = self.low.or(self.high);
        let probe = if self.probes < MOST_PROBES { self.probe() } else { None };
        match (probe, best) {
            (Some(index), _) => FinderStep::Probe(index),
            (None, Some(known)) => FinderStep::Found(self.measured(known)),
            (None, None) => FinderStep::Found(Measured {
                index: self.list.index_at(self.ticks(self.at)),
                ..Measured::default()
            }),
        }
    }

    /// Takes the start of the media of the segment that was asked for; `None` if it cannot be read.
    pub fn saw(&mut self, index: u64, start: Option<Nanos>) {
        self.probes += 1;
        let Some((start, listed)) = start.zip(self.listed(index)) else {
            self.absent.push(index);
            return;
        };
        let (since, drift) = self.last.map_or((0, Nanos::ZERO), |known| (known.index, known.drift));
        let off = start - listed - drift;
        if off.get().saturating_abs() > tolerance(self.list, since, index).get() {
            self.other_clock = Some(index);
        }
        self.learn(KnownStart { index, start, drift: start - listed });
    }

    fn learn(&mut self, known: KnownStart) {
        self.last = Some(known);
        if known.start <= self.at {
            self.low = self.low.filter(|low| low.index > known.index).or(Some(known));
        } else {
            self.high = self.high.filter(|high| high.index < known.index).or(Some(known));
        }
    }

    /// The segment to ask for; `None` if nothing more is to be learned.
    fn probe(&self) -> Option<u64> {
        let drift = self.last.map_or(Nanos::ZERO, |known| known.drift);
        let first = self.low.map_or(0, |low| low.index);
        let end = self.high.map_or(u64::MAX, |high| high.index);
        let guess =
            self.list.index_at(self.ticks(self.at - drift)).clamp(first, end.saturating_sub(1).max(first));
        let guess = match self.low {
            Some(low) if guess == low.index => {
                let next = low.index.saturating_add(1);
                let ends = self.listed(next).map(|listed| listed + low.drift);
                // A length may be off by what its last digit hides.
                let is_sure = ends.is_none_or(|ends| self.at < ends - self.list.rounding);
                if is_sure {
                    return None;
                }
                next
            }
            _ => guess,
        };
        // Beside those that cannot be read, nearer first.
        let around = (0..u64::try_from(MOST_PROBES).unwrap_or(0))
            .flat_map(|away| [guess.checked_sub(away), guess.checked_add(away)]);
        let is_new = |index: &u64| {
            *index < end
                && self.low.is_none_or(|low| *index > low.index)
                && !self.absent.contains(index)
                && self.listed(*index).is_some()
        };
        around.flatten().find(is_new)
    }

    /// The place of the segment that was found, to which the list leads with it.
    fn measured(&self, known: KnownStart) -> Measured {
        let next = self.listed(known.index.saturating_add(1)).filter(|_| known.start <= self.at);
        let least = next.map_or(known.drift, |next| self.at - next + Nanos::new(1));
        let is_next = self.high.is_some_and(|high| high.index == known.index.saturating_add(1));
        let drift = if is_next { known.drift.max(least) } else { known.drift };
        Measured { index: known.index, drift }
    }

    fn ticks(&self, at: Nanos) -> i64 {
        self.list.timeline.last_tick_at_or_before(at)
    }

    fn listed(&self, index: u64) -> Option<Nanos> {
        let segment = self.list.segment(index).ok().flatten()?;
        Some(self.list.timeline.to_nanos_floor(segment.time))
    }
}

/// By how much the media of the segment `index` may be off from where they should be by those of `since`, if both count on the
/// same clock.
pub fn tolerance(list: &Representation, since: u64, index: u64) -> Nanos {
    let segment = |index| list.segment(index).ok().flatten();
    let line = &list.timeline;
    let length = segment(index)
        .map_or(0, |found| (line.to_nanos_floor(found.end()) - line.to_nanos_floor(found.time)).get());
    let between = segment(since).zip(segment(index)).map_or(0, |(one, other)| {
        (line.to_nanos_floor(one.time) - line.to_nanos_floor(other.time)).get().saturating_abs()
    });
    let rounded = list.rounding.get().saturating_mul(2).saturating_mul(since.abs_diff(index).into());
    Nanos::new(JUMP.max(length.saturating_mul(2).saturating_add(rounded)).max(between / DRIFT_PART))
}

#[cfg(test)]
mod tests;
