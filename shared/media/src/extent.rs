//! The part of a recording that its manifest lists media for: the range that a window can lie in, and its holes.
//!
//! It follows from the manifest and the time alone. What is listed and was never stored is not known here.

use crate::mpd::{ContentType, ListedSpan, Mpd, Period, Representation};
use crate::select::pictures;
use crate::time::Nanos;
use crate::window::grace_ms;

/// The longest time for which the manifest may list nothing before pictures are lost that later ones refer to.
pub const DECLARED_HOLE: Nanos = Nanos::new(100_000_000);

/// The listed part of a recording, on the presentation's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The start of the first segment.
    pub start: Nanos,
    /// The end of the last one; `None` if nothing says how far a recording that grows has come.
    pub end: Option<Nanos>,
    /// Start and end of each part in between that nothing is listed for, in order.
    pub holes: Vec<(Nanos, Nanos)>,
    /// More may come.
    pub live: bool,
}

impl Extent {
    /// What `mpd` lists of the picture, or of the audio if there is no picture, at `now_ms` milliseconds since the Unix
    /// epoch. `None` if that is nothing.
    pub fn of(mpd: &Mpd, now_ms: i64) -> Option<Self> {
        let now = mpd.availability_start.map(|epoch| Nanos::from_millis(now_ms) - epoch);
        let parts = mpd.periods.iter().filter_map(|period| Some((period, shown(period)?)));
        let parts = parts.flat_map(|(period, track)| {
            track.spans().filter_map(move |span| recorded(mpd, period, track, &span, now))
        });
        let (mut found, mut segment): (Option<Self>, Nanos) = (None, Nanos::ZERO);
        for part in parts {
            segment = part.segment;
            let Some(extent) = &mut found else {
                found = Some(Self { start: part.start, end: part.end, holes: Vec::new(), live: false });
                continue;
            };
            if let Some(end) = extent.end
                && part.start - end > DECLARED_HOLE
            {
                extent.holes.push((end, part.start));
            }
            extent.end = extent.end.zip(part.end).map(|(before, end)| before.max(end));
        }
        let live = |extent: &Self| mpd.dynamic && is_young(mpd, extent.end, segment, now_ms);
        found.map(|extent| Self { live: live(&extent), ..extent })
    }

    /// The time in `[from, until)` that something is listed for.
    pub fn listed_in(&self, from: Nanos, until: Nanos) -> Nanos {
        let length = |start: Nanos, end: Nanos| (end.min(until) - start.max(from)).max(Nanos::ZERO);
        let all = length(self.start, self.end.unwrap_or(until));
        self.holes.iter().fold(all, |left, (start, end)| left - length(*start, *end))
    }

    /// The first hole that shares time with `[from, until)`.
    pub fn hole_in(&self, from: Nanos, until: Nanos) -> Option<(Nanos, Nanos)> {
        self.holes.iter().find(|(start, end)| *start < until && from < *end).copied()
    }
}

/// Segments back to back.
struct ListedPart {
    start: Nanos,
    end: Option<Nanos>,
    /// Length of a segment; zero for a file that is not divided.
    segment: Nanos,
}

/// The Representation that clips of the Period are made of.
fn shown(period: &Period) -> Option<&Representation> {
    let audio = || {
        let mut all = period.representations.iter();
        all.find(|found| found.content == ContentType::Audio && !found.trick_mode)
    };
    pictures(period, None).first().copied().or_else(audio)
}

/// The part of a span that belongs to its Period and is recorded at `now`; `None` if that is nothing.
fn recorded(
    mpd: &Mpd,
    period: &Period,
    track: &Representation,
    span: &ListedSpan,
    now: Option<Nanos>,
) -> Option<ListedPart> {
    let at = |ticks| track.timeline.to_nanos_floor(ticks);
    let segment =
        span.segment.map_or(Nanos::ZERO, |ticks| at(span.start.saturating_add(ticks)) - at(span.start));
    let start = at(span.start).max(period.start);
    let listed = span.end.map(at);
    // What follows from a rule is listed before it is recorded.
    let by_clock = now.filter(|_| mpd.dynamic && track.is_open_ended()).map(|now| now - segment);
    let over = period.duration.map(|duration| period.start + duration);
    let end = [listed, by_clock, over].into_iter().flatten().min();
    end.is_none_or(|end| start < end).then_some(ListedPart { start, end, segment })
}

/// Returns `true` if a recorder may be about to list more: its time for that, behind the end or else behind the
/// manifest's own date, is not over.
fn is_young(mpd: &Mpd, end: Option<Nanos>, segment: Nanos, now_ms: i64) -> bool {
    let on_the_clock = mpd.availability_start.zip(end).map(|(epoch, end)| epoch + end);
    let newest = on_the_clock.or(mpd.publish_time);
    let until = newest.map(|newest| newest.to_millis_floor().saturating_add(grace_ms(mpd, segment)));
    until.is_none_or(|until| now_ms < until)
}

#[cfg(test)]
mod tests;
