//! From recorded samples to what a decoder is fed.
//!
//! A stretch is a run of samples that one decoder can take from its first: it starts at a random access point, without
//! the leading pictures that belong to what came before, and ends where the recording breaks off. Decoders give
//! pictures in display order, so the n-th picture of a stretch is the n-th smallest presentation time that was fed.

use crate::coverage::Coverage;
use crate::nal::{Picture, RandomAccess};
use crate::sample::Sample;
use crate::time::{Nanos, Timeline};
use std::collections::BTreeMap;

/// A picture may be decoded after at most this many that are shown later (both standards' largest picture buffer).
const MAX_REORDER: usize = 16;
/// Manifests tell a Period's start in milliseconds: its first picture may be up to one earlier.
const PERIOD_ROUNDING: Nanos = Nanos::new(1_000_000);
/// Times of pictures are rounded down to nanoseconds: what is covered up to a window's end may seem to miss one.
const ROUNDING: Nanos = Nanos::new(1_000);

/// What is shown of a Period's pictures. Others may still be needed to decode these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Nothing before this.
    pub from: Option<Nanos>,
    /// Nothing from here on.
    pub until: Option<Nanos>,
}

impl Bounds {
    /// Whether a picture at `pts` is shown.
    pub fn hold(&self, pts: Nanos) -> bool {
        self.from.is_none_or(|from| from <= pts) && self.until.is_none_or(|until| pts < until)
    }
}

/// What to do with a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Leave it out: nothing can be decoded from it, or it is not needed.
    Skip,
    /// End the stretch so far, start a decoder, feed it this sample.
    Start,
    /// Feed it.
    Feed,
}

/// Decides sample by sample, and adds up what the fed ones cover of the window.
#[derive(Debug)]
pub struct Stretches {
    end: Nanos,
    /// Of the present Period.
    bounds: Bounds,
    coverage: Coverage,
    /// Fed and not yet known to be next in display order: presentation time to duration.
    pending: BTreeMap<Nanos, Nanos>,
    stretch: Option<Stretch>,
    frame: Nanos,
    cut: Option<Nanos>,
    /// End of the last picture that is known to be next in display order, by its own duration.
    shown_until: Option<Nanos>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Presentation time of the picture that it started with.
    start: Nanos,
    /// Where the next sample is due in decode order.
    next: Nanos,
    /// Shortest and longest duration of its samples.
    durations: (Nanos, Nanos),
}

impl Stretch {
    /// Whether samples last as long as their pictures are shown. With a variable frame rate they do not: durations
    /// follow decode order.
    fn is_even(&self) -> bool {
        let (shortest, longest) = self.durations;
        longest - shortest <= half(shortest)
    }
}

impl Stretches {
    /// For the window `[start, end)` on the presentation's clock.
    pub fn new(start: Nanos, end: Nanos) -> Self {
        Self {
            end,
            bounds: Bounds::default(),
            coverage: Coverage::new(start, end),
            pending: BTreeMap::new(),
            stretch: None,
            frame: Nanos::ZERO,
            cut: None,
            shown_until: None,
        }
    }

    /// A new Period: its samples start anew, and what is out of `bounds` is not shown. A first picture that is a
    /// millisecond early is, unless the Period before has shown it.
    pub fn begin_period(&mut self, bounds: Bounds) {
        self.break_off();
        let shown = self.coverage.covered().map(|covered| covered - half(self.frame));
        let early = |start: Nanos| {
            let early = start - PERIOD_ROUNDING;
            shown.map_or(early, |shown| shown.max(early)).min(start)
        };
        self.bounds = Bounds { from: bounds.from.map(early), ..bounds };
    }

    /// What is shown of the present Period.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Whether the picture at `pts` is shown at all; others may still be needed to decode it.
    pub fn shows(&self, pts: Nanos) -> bool {
        self.bounds.hold(pts)
    }

    /// The next sample in decode order.
    pub fn push(&mut self, timeline: &Timeline, sample: &Sample, picture: &Picture) -> Decision {
        let at = |ticks: i64| timeline.to_nanos_floor(ticks);
        let (dts, pts) = (at(sample.dts), at(sample.pts));
        let after = at(sample.dts.saturating_add(i64::from(sample.duration)));
        let duration = after - dts;
        if duration > Nanos::ZERO {
            self.frame = duration;
        }
        let broken = self
            .stretch
            .is_some_and(|s| (dts - s.next).get().saturating_abs().saturating_mul(2) > duration.get());
        if broken {
            self.break_off();
        }
        let decision = match &mut self.stretch {
            None if picture.random_access != RandomAccess::None => {
                self.stretch = Some(Stretch { start: pts, next: after, durations: (duration, duration) });
                Decision::Start
            }
            None => return Decision::Skip,
            Some(stretch) => {
                stretch.next = after;
                let (shortest, longest) = stretch.durations;
                stretch.durations = (shortest.min(duration), longest.max(duration));
                if pts < stretch.start {
                    return Decision::Skip;
                }
                Decision::Feed
            }
        };
        if self.shows(pts) {
            self.pending.insert(pts, duration);
        }
        while self.pending.len() > MAX_REORDER + 1 {
            self.cover_first();
        }
        decision
    }

    /// The recording has a hole here, or its parameter sets change: the next sample starts anew.
    ///
    /// Pictures that would be shown behind others which got lost are cut off: see [`Self::take_cut`].
    pub fn break_off(&mut self) {
        while let Some((&pts, _)) = self.pending.first_key_value() {
            let lost = |until: Nanos| (pts - until).get().saturating_mul(2) > self.frame.get();
            if self.is_even() && self.shown_until.is_some_and(lost) {
                self.cut = Some(pts);
                self.pending.clear();
                break;
            }
            self.cover_first();
        }
        self.stretch = None;
        self.shown_until = None;
    }

    /// From which presentation time on the pictures of the stretch that just ended are not to be shown.
    pub fn take_cut(&mut self) -> Option<Nanos> {
        self.cut.take()
    }

    /// Whether every picture of the window is fed, so that nothing more need be read.
    pub fn is_complete(&self) -> bool {
        if !self.is_even() {
            // No picture is decoded after so many that are shown later.
            return self.pending.keys().filter(|pts| **pts >= self.end).count() > MAX_REORDER;
        }
        let mut seen = self.coverage.clone();
        let reaches = |seen: &Coverage| seen.covered().is_some_and(|covered| covered + ROUNDING >= self.end);
        for (pts, duration) in &self.pending {
            if reaches(&seen) {
                return true;
            }
            if seen.covered().is_some_and(|covered| covered + half(*duration) < *pts) {
                return false;
            }
            seen.add(*pts, *pts + *duration);
        }
        reaches(&seen)
    }

    /// Milliseconds of the window that nothing decodable covers. Ends the last stretch.
    pub fn lack_ms(&mut self) -> i64 {
        self.break_off();
        self.coverage.lack_ms()
    }

    fn is_even(&self) -> bool {
        self.stretch.is_none_or(|stretch| stretch.is_even())
    }

    /// The earliest pending picture is on display until the next one, or for its own duration if it is the last.
    fn cover_first(&mut self) {
        let Some((pts, duration)) = self.pending.pop_first() else { return };
        let next = self.pending.first_key_value().map(|(next, _)| *next);
        let end = pts + duration;
        // A picture that is missing in between is not covered by the one before it.
        let even = self.is_even();
        let next = next.filter(|next| !even || (*next - end).get().saturating_mul(2) <= duration.get());
        self.coverage.add(pts, next.unwrap_or(end));
        self.shown_until = Some(end);
    }
}

fn half(duration: Nanos) -> Nanos {
    Nanos::new(duration.get() / 2)
}

/// A picture in decode order: when it is shown, and whether others may refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    /// On the presentation's clock.
    pub pts: Nanos,
    /// As [`Picture::reference`].
    pub reference: bool,
}

impl Follower {
    /// The pictures of a segment.
    pub fn of(timeline: &Timeline, samples: &[Sample], pictures: &[Picture]) -> Vec<Self> {
        let follower = |(sample, picture): (&Sample, &Picture)| Self {
            pts: timeline.to_nanos_floor(sample.pts),
            reference: picture.reference,
        };
        samples.iter().zip(pictures).map(follower).collect()
    }
}

/// The last sample that a decoder can start with for a window from `start` on: the latest random access point not
/// after it, or a picture from which a gradual refresh is complete by then. `later` has the pictures between the
/// samples and the window. `None` means that an earlier segment is needed, if there is one.
pub fn entry_point(
    timeline: &Timeline,
    samples: &[Sample],
    pictures: &[Picture],
    later: &[Follower],
    start: Nanos,
) -> Option<usize> {
    let followers = [&Follower::of(timeline, samples, pictures)[..], later].concat();
    let references: Vec<usize> = (0..).zip(&followers).filter(|(_, f)| f.reference).map(|(n, _)| n).collect();
    // All is right from the picture on that follows `count` reference pictures, this one included.
    let recovered = |n: usize, count: u32| {
        let first = references.partition_point(|reference| *reference < n);
        let last =
            usize::try_from(count).ok().and_then(|count| references.get((first + count).checked_sub(1)?));
        last.and_then(|last| followers.get(last + 1)).is_some_and(|follower| follower.pts <= start)
    };
    let good = |(n, picture): (usize, &Picture)| {
        followers.get(n).is_some_and(|follower| follower.pts <= start)
            && (picture.random_access != RandomAccess::None
                || (picture.recovery > 0 && recovered(n, picture.recovery)))
    };
    pictures.iter().enumerate().rev().find(|candidate| good(*candidate)).map(|(n, _)| n)
}

#[cfg(test)]
mod tests;
