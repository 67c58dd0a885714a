//! From recorded samples to what a decoder is fed.
//!
//! A stretch is a run of samples that one decoder can take from its first: it starts at a random access point, without
//! the leading pictures that belong to what came before, and ends where the recording breaks off. Decoders give
//! pictures in display order, so the n-th picture of a stretch is the n-th smallest presentation time that was fed.

use crate::coverage::{Bare, Coverage, Uncovered};
use crate::nal::{Picture, RandomAccess};
use crate::sample::Sample;
use crate::time::{Nanos, Timeline};
use std::collections::BTreeMap;

/// A picture may be decoded after at most this many that are shown later (both standards' largest picture buffer).
pub(crate) const MAX_REORDER: usize = 16;
/// Manifests tell a Period's start in milliseconds: its first picture may be up to one earlier.
const PERIOD_ROUNDING: Nanos = Nanos::new(1_000_000);
/// Reference pictures that a refresh may take whose pictures are held until it is complete.
const LONGEST_REFRESH: u32 = 600;
/// Times of pictures are rounded down to nanoseconds: what is covered up to a window's end may seem to miss one.
const ROUNDING: Nanos = Nanos::new(1_000);

/// When pictures are shown of which it is not known yet from when on they are right.
pub const NEVER: Nanos = Nanos::new(i128::MAX / 4);

/// The bounds of the shown part of a Period. Pictures outside may still be needed to decode these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Nothing before this.
    pub from: Option<Nanos>,
    /// Nothing from here on.
    pub until: Option<Nanos>,
}

impl Bounds {
    /// Returns `true` if a picture at `pts` is shown.
    pub fn hold(&self, pts: Nanos) -> bool {
        self.from.is_none_or(|from| from <= pts) && self.until.is_none_or(|until| pts < until)
    }
}
/// Decode times of arrival jump by this much although nothing is lost.
const JITTER: Nanos = Nanos::new(100_000_000);
/// A decoder is fed on over a step in decode time of up to this length: what follows may still be decoded.
const REACH: Nanos = Nanos::new(1_000_000_000);

/// A window whose first picture starts later than this behind its start begins with the picture on display there.
pub const SOON: Nanos = Nanos::new(250_000_000);

/// Returns `true` if nothing was lost between two samples that are next to one another in decode order.
pub fn follows(timeline: &Timeline, before: &Sample, sample: &Sample) -> bool {
    Times::of(timeline, sample).dts - Times::of(timeline, before).after <= JITTER
}

/// The decision about a sample.
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
    /// Fed and not yet known to be next in display order, by presentation time.
    pending: BTreeMap<Nanos, PendingSample>,
    stretch: Option<OpenStretch>,
    frame: Nanos,
    cut: Option<Nanos>,
    /// End of the last picture that is known to be next in display order, by its own duration.
    shown_until: Option<Nanos>,
    /// The time from which later stretches show pictures that earlier ones did not show.
    unshown: Option<Nanos>,
}

#[derive(Debug, Clone, Copy)]
struct PendingSample {
    /// The time that its picture is on display, to the extent that it is known.
    duration: Nanos,
    /// It cannot be decoded: the picture before it stays on display.
    lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct OpenStretch {
    /// Presentation time of the picture that it started with.
    start: Nanos,
    /// From when on its pictures are shown.
    from: Option<Nanos>,
    /// Decode time of the last sample.
    last: Nanos,
    /// The due time of the next sample in decode order.
    next: Nanos,
    /// Shortest and longest duration of its samples.
    durations: (Nanos, Nanos),
    /// Pictures that may be decoded before one that is shown earlier.
    reorder: usize,
    /// Reference pictures that a gradual refresh still takes; nothing is shown before.
    refresh: Option<u32>,
}

impl OpenStretch {
    /// Returns `true` if samples last as long as their pictures are shown. With a variable frame rate they do not:
    /// durations follow decode order.
    fn is_even(&self) -> bool {
        let (shortest, longest) = self.durations;
        longest - shortest <= half(shortest)
    }

    /// Returns `true` if a sample at `dts` that lasts for `duration` follows. Behind a random access picture nothing
    /// needs what may have been lost before it, so any hole in the recording ends the stretch; before it, the decoder
    /// is fed on.
    fn goes_on(&self, dts: Nanos, duration: Nanos, random_access: bool) -> bool {
        let reach = if random_access { JITTER.max(duration + duration) } else { REACH };
        let forward = dts > self.last || (dts == self.last && !random_access);
        forward && dts - self.next <= reach
    }

    /// Counts a picture of a refresh. True at the first one from which on all is right.
    fn refreshes(&mut self, picture: &Picture, random_access: bool) -> bool {
        let Some(left) = self.refresh else { return false };
        let complete = left == 0 || random_access;
        self.refresh = (!complete).then(|| left.saturating_sub(u32::from(picture.reference)));
        complete
    }

    /// A sample at `dts` follows that lasts until `after`.
    fn take(&mut self, dts: Nanos, after: Nanos) {
        let duration = after - dts;
        let (shortest, longest) = self.durations;
        // A step in decode time makes the sample before it last longer.
        let step = (dts - self.next).get().saturating_abs();
        let before = if step.saturating_mul(2) > duration.get() { dts - self.last } else { duration };
        self.durations = (shortest.min(duration).min(before), longest.max(duration).max(before));
        (self.last, self.next) = (dts, after);
    }
}

/// Times of a sample on the presentation's clock.
#[derive(Debug, Clone, Copy)]
struct Times {
    dts: Nanos,
    pts: Nanos,
    after: Nanos,
}

impl Times {
    fn of(timeline: &Timeline, sample: &Sample) -> Self {
        let at = |ticks: i64| timeline.to_nanos_floor(ticks);
        let after = at(sample.dts.saturating_add(i64::from(sample.duration)));
        Self { dts: at(sample.dts), pts: at(sample.pts), after }
    }

    fn duration(&self) -> Nanos {
        self.after - self.dts
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
            unshown: None,
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

    /// At most `depth` pictures of the stretch are decoded before one that is shown earlier, by its parameter sets.
    pub fn reorders(&mut self, depth: usize) {
        if let Some(stretch) = &mut self.stretch {
            stretch.reorder = depth.min(MAX_REORDER);
        }
    }

    /// Returns `true` if an earlier stretch has shown what the present one has at `pts`.
    pub fn repeats(&self, pts: Nanos) -> bool {
        let known = self.stretch.filter(|stretch| stretch.refresh.is_none());
        let from = known.and_then(|stretch| stretch.from).filter(|_| self.bounds.from < self.bounds().from);
        from.is_some_and(|from| pts < from)
    }

    /// The shown part of the present stretch: its Period may begin later than its first picture, and a recorder that
    /// restarts may record again what was recorded already.
    pub fn bounds(&self) -> Bounds {
        let from = self.stretch.map_or(self.bounds.from, |stretch| stretch.from);
        Bounds { from, ..self.bounds }
    }

    /// Returns `true` if the picture at `pts` is shown at all; others may still be needed to decode it.
    pub fn shows(&self, pts: Nanos) -> bool {
        self.bounds().hold(pts)
    }

    /// The next sample in decode order. Its picture is `shown_until` a time of the track, if that is known, else as long as
    /// the sample lasts.
    pub fn push(
        &mut self,
        timeline: &Timeline,
        (sample, shown_until): (&Sample, Option<i64>),
        picture: &Picture,
    ) -> Decision {
        let times = Times::of(timeline, sample);
        let shown = shown_until.map(|until| timeline.to_nanos_floor(until) - times.pts);
        let random_access = picture.random_access != RandomAccess::None;
        self.advance(times, random_access);
        let from = self.bounds.from.max(self.unshown);
        let decision = match &mut self.stretch {
            None if random_access || (1..=LONGEST_REFRESH).contains(&picture.recovery) => {
                let duration = times.duration();
                let refresh =
                    (!random_access).then(|| picture.recovery.saturating_sub(u32::from(picture.reference)));
                self.stretch = Some(OpenStretch {
                    start: times.pts,
                    from: if refresh.is_some() { Some(NEVER) } else { from },
                    refresh,
                    last: times.dts,
                    next: times.after,
                    durations: (duration, duration),
                    reorder: MAX_REORDER,
                });
                Decision::Start
            }
            None => return Decision::Skip,
            Some(stretch) => {
                stretch.take(times.dts, times.after);
                if times.pts < stretch.start {
                    return Decision::Skip;
                }
                if stretch.refreshes(picture, random_access) {
                    stretch.from = from.max(Some(times.pts));
                }
                Decision::Feed
            }
        };
        self.wait((times.pts, shown.unwrap_or(times.duration())), false);
        decision
    }

    /// Returns `true` if a stretch has begun that has not ended.
    pub fn goes_on(&self) -> bool {
        self.stretch.is_some()
    }

    /// Returns `true` if the sample comes so much later than it is due that pictures before it may have been lost.
    pub fn steps_over(&self, timeline: &Timeline, sample: &Sample) -> bool {
        let dts = Times::of(timeline, sample).dts;
        self.stretch.is_some_and(|stretch| dts - stretch.next > JITTER)
    }

    /// The next sample in decode order cannot be decoded: it counts as time, in which the picture before it stays on
    /// display.
    pub fn pass_over(&mut self, timeline: &Timeline, sample: &Sample) {
        let times = Times::of(timeline, sample);
        self.advance(times, false);
        if let Some(stretch) = &mut self.stretch {
            stretch.take(times.dts, times.after);
            if times.pts >= stretch.start {
                self.wait((times.pts, times.duration()), true);
            }
        }
    }

    /// Ends the stretch if the sample does not follow.
    fn advance(&mut self, times: Times, random_access: bool) {
        let duration = times.duration();
        if duration > Nanos::ZERO {
            self.frame = duration;
        }
        if self.stretch.is_some_and(|stretch| !stretch.goes_on(times.dts, self.frame, random_access)) {
            self.break_off();
        }
    }

    fn wait(&mut self, (pts, duration): (Nanos, Nanos), lost: bool) {
        if self.shows(pts) {
            let pending = PendingSample { duration, lost };
            let known = self.pending.entry(pts).or_insert(pending);
            known.lost &= lost;
        }
        while self.pending.len() > MAX_REORDER + 1 {
            self.cover_first();
        }
    }

    /// The recording has a hole here, or its parameter sets change: the next sample starts anew.
    ///
    /// Pictures that would be shown behind others which got lost are cut off: see [`Self::take_cut`].
    pub fn break_off(&mut self) {
        if let Some(cut) = self.gap() {
            self.cut = Some(cut);
            self.pending.split_off(&cut);
        }
        while !self.pending.is_empty() {
            self.cover_first();
        }
        self.stretch = None;
        self.shown_until = None;
    }

    /// The gap between lost pictures and the pending ones behind them; unknown with a variable frame rate.
    fn gap(&self) -> Option<Nanos> {
        let mut until = self.shown_until;
        for (pts, PendingSample { duration, .. }) in self.pending.iter().filter(|_| self.is_even()) {
            if until.is_some_and(|until| (*pts - until).get().saturating_mul(2) > self.frame.get()) {
                return Some(*pts);
            }
            until = Some(*pts + *duration);
        }
        None
    }

    /// From which presentation time on the pictures of the stretch that just ended are not to be shown.
    pub fn take_cut(&mut self) -> Option<Nanos> {
        self.cut.take()
    }

    /// Returns `true` if every picture of the window is fed, so that nothing more need be read.
    pub fn is_complete(&self) -> bool {
        if !self.is_even() {
            // No picture is decoded after so many that are shown later.
            let most = self.stretch.map_or(MAX_REORDER, |stretch| stretch.reorder);
            return self.pending.keys().filter(|pts| **pts >= self.end).count() > most;
        }
        let mut seen = self.coverage.clone();
        let reaches = |seen: &Coverage| seen.covered().is_some_and(|covered| covered + ROUNDING >= self.end);
        for (pts, PendingSample { duration, .. }) in &self.pending {
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

    /// The parts of the window that nothing decodable covers, exactly. Ends the last stretch.
    pub fn bare(&mut self) -> Bare {
        self.break_off();
        self.coverage.bare_parts()
    }

    /// The parts of the window that nothing decodable covers. Ends the last stretch.
    pub fn holes(&mut self) -> Vec<Uncovered> {
        self.break_off();
        self.coverage.holes()
    }

    /// Returns `true` if the samples of the stretch last as long as their pictures are shown, to the extent that they are known.
    pub fn is_even(&self) -> bool {
        self.stretch.is_none_or(|stretch| stretch.is_even())
    }

    /// The earliest pending picture is on display until the next one, or for its own duration if it is the last.
    fn cover_first(&mut self) {
        let Some((pts, PendingSample { duration, lost })) = self.pending.pop_first() else { return };
        self.shown_until = Some(pts + duration);
        if lost {
            return;
        }
        let next = self.pending.iter().find(|(_, pending)| !pending.lost).map(|(next, _)| *next);
        self.coverage.add(pts, next.unwrap_or(pts + duration));
        self.unshown = self.unshown.max(Some(pts + half(duration.min(JITTER))));
    }
}

/// The start of a window that a stretch is decoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowStart {
    /// With the first picture that starts in it.
    Picture,
    /// With the picture at this position, which is on display at its start and until this time.
    OnDisplay(usize, Nanos),
}

/// Decides how a window from `start` on begins: where nothing moves, or pictures come seldom, with the picture on
/// display. `pictures` has presentation time and duration of a stretch's shown pictures in decode order; `reorder` of
/// them may be decoded before one that is shown earlier. `None` until more are known, or the stretch `is_over`.
pub fn opening(
    pictures: &[(Nanos, Nanos)],
    start: Nanos,
    reorder: usize,
    is_over: bool,
) -> Option<WindowStart> {
    let times = || pictures.iter().map(|(pts, _)| *pts);
    let Some(next) = times().filter(|pts| *pts >= start).min() else {
        return is_over.then(|| ends_with(pictures, start, None));
    };
    if next - start <= SOON {
        return Some(WindowStart::Picture);
    }
    let settled = is_over || times().filter(|pts| *pts >= start).count() > reorder;
    settled.then(|| ends_with(pictures, start, Some(next)))
}

/// The last picture before `start`, if it is on display there; `next` is the one behind it.
fn ends_with(pictures: &[(Nanos, Nanos)], start: Nanos, next: Option<Nanos>) -> WindowStart {
    let before = pictures.iter().enumerate().filter(|(_, (pts, _))| *pts < start);
    let Some((at, (pts, duration))) = before.max_by_key(|(_, (pts, _))| *pts) else {
        return WindowStart::Picture;
    };
    let until = next.unwrap_or(*pts + *duration);
    if until > start { WindowStart::OnDisplay(at, until) } else { WindowStart::Picture }
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
