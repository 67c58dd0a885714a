//! Clips of the segments of an event or a replay of Media Replay Engine.

use super::times::seconds;
use super::{ClipEntry, ClipList, ClipSpan, Fault, Guess, MOST_FAULTS, Skipped, SpanBounds};
use crate::time::{EpochMs, Millis, Pts};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// By how much a segment's seconds may be behind the time stamp of its first picture: the start of its chunk and the time in
/// that are both rounded to the nearest millisecond. A picture is shown longer than that.
const STAMPS_LATE: Millis = Millis::new(1);

/// The point that a document's seconds count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondZero {
    /// The start of the event, by an embedded timecode in UTC.
    EventStart,
    /// The first chunk that the engine saw, near the event's start at best.
    FirstChunk,
    /// The embedded timecode `00:00:00:00` of the source.
    Timecode,
}

/// A start and an end in seconds, as the text of their numbers.
pub type SegmentBorders = [Option<String>; 2];

/// A segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventSegment {
    /// `Start` and `End`.
    pub original: SegmentBorders,
    /// `OptoStart` and `OptoEnd` by audio track.
    pub optimized: BTreeMap<String, SegmentBorders>,
    /// The names of its features.
    pub features: Vec<String>,
    /// The audio tracks on which a reviewer likes it.
    pub liked: BTreeSet<String>,
}

/// The segments of an event or a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSegments {
    /// The event's name.
    pub event: String,
    /// The program's name.
    pub program: String,
    /// The replay's id; `None` for an event.
    pub replay: Option<String>,
    /// The event's start, if it is known.
    pub start_ms: Option<EpochMs>,
    /// The point that seconds count from.
    pub second_zero: SecondZero,
    /// The time stamp of second 0 in the recorded transport streams, if seconds count from the first chunk and it is known.
    pub first_pts: Option<Pts>,
    /// The audio track that counts unless a request names another.
    pub track: String,
    /// The segments in the document's order.
    pub segments: Vec<EventSegment>,
}

/// The times of a segment that make its clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SegmentTimes {
    /// `Start` and `End`.
    Original,
    /// `OptoStart` and `OptoEnd`; a segment without them is skipped.
    Optimized,
    /// The optimized ones where there are both, else the original ones.
    #[default]
    OptimizedElseOriginal,
}

/// The segments that a request wants, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentChoice {
    /// The times.
    pub times: SegmentTimes,
    /// The audio track; `None` for the document's own.
    pub track: Option<String>,
    /// At least one of these features; empty for all segments.
    pub features: Vec<String>,
    /// Only segments that a reviewer likes: on `track` if the request names it, else on any.
    pub is_liked: bool,
    /// The event's start is taken for second 0.
    pub is_zero_event_start: bool,
    /// The recording may be of transport streams, whose time stamps say where a segment is.
    pub has_time_stamps: bool,
}

impl SegmentChoice {
    fn wants(&self, segment: &EventSegment) -> bool {
        let has_feature =
            self.features.is_empty() || segment.features.iter().any(|name| self.features.contains(name));
        let is_liked = match &self.track {
            Some(track) => segment.liked.contains(track),
            None => !segment.liked.is_empty(),
        };
        has_feature && (is_liked || !self.is_liked)
    }
}

/// The clips of the segments that `choice` wants: a replay's in its order, an event's by their start. A segment that
/// makes none is skipped, and so is one with the times of another.
///
/// # Errors
/// The faults, at most [`MOST_FAULTS`]. `pointer` is that of the member with the document.
pub fn clips(
    of: &EventSegments,
    choice: &SegmentChoice,
    bounds: &SpanBounds,
    pointer: &str,
) -> Result<ClipList, Vec<Fault>> {
    let (first_pts, (zero, guesses)) = match stamped_zero(of, choice, bounds) {
        Some((pts, start)) => (Some(pts), (start, Vec::new())),
        None => (None, zero(of, choice, bounds)?),
    };
    let base = super::Base { zero_ms: Some(zero), ..bounds.base };
    let bounds = SpanBounds { base, ..*bounds };
    let lead = base.shift_ms - base.pad_before_ms - STAMPS_LATE;
    let mut listed = ClipList { guesses, ..ClipList::default() };
    let track = choice.track.as_ref().unwrap_or(&of.track);
    let wanted = (1..).zip(&of.segments).filter(|(_, segment)| choice.wants(segment));
    let mut found = Vec::new();
    for (n, segment) in wanted {
        match times(segment, choice.times, track) {
            Ok(times) => found.push((n, times, segment)),
            Err(why) => listed.skipped.push(Skipped { n, why: why.to_owned() }),
        }
    }
    if of.replay.is_none() {
        found.sort_by_key(|(_, [start, _], _)| *start);
    }
    let (mut faults, mut seen) = (Vec::new(), HashMap::new());
    for (n, [start, end], segment) in found {
        if let Some(same) = seen.get(&[start, end]) {
            listed.skipped.push(Skipped { n, why: format!("has the times of segment {same}") });
            continue;
        }
        seen.insert([start, end], n);
        match bounds.span(zero + start, zero + end) {
            Ok(span) => listed.clips.push(ClipEntry {
                n,
                span: ClipSpan { pts: first_pts.map(|first| first + (start + lead)), ..span },
                name: None,
                mark: None,
                live_path: None,
                labels: labels(of, segment),
            }),
            Err(wrong) => faults.push(Fault::at(format!("{pointer}/Segments/{}", n - 1), wrong.detail)),
        }
        if faults.len() >= MOST_FAULTS || listed.clips.len() > bounds.most_clips {
            break;
        }
    }
    listed.skipped.sort_by_key(|skipped| skipped.n);
    if faults.is_empty() { Ok(listed) } else { Err(faults) }
}

/// The time stamp of second 0, and about when that was, if segments are found by time stamps.
fn stamped_zero(of: &EventSegments, choice: &SegmentChoice, bounds: &SpanBounds) -> Option<(Pts, EpochMs)> {
    let by_stamp = of.second_zero == SecondZero::FirstChunk
        && choice.has_time_stamps
        && !choice.is_zero_event_start
        && bounds.base.zero_ms.is_none();
    of.first_pts.filter(|_| by_stamp).zip(of.start_ms)
}

/// The instant of second 0, and what was guessed about it.
fn zero(
    of: &EventSegments,
    choice: &SegmentChoice,
    bounds: &SpanBounds,
) -> Result<(EpochMs, Vec<Guess>), Vec<Fault>> {
    const UNKNOWN: &str = "must be an instant: the document does not say when the event starts";
    let fault = |detail: String| vec![Fault::at("/zero", detail)];
    if let Some(zero) = bounds.base.zero_ms {
        return Ok((zero, Vec::new()));
    }
    let counts_from = match of.second_zero {
        SecondZero::EventStart => {
            return of.start_ms.map(|start| (start, Vec::new())).ok_or_else(|| fault(UNKNOWN.to_owned()));
        }
        SecondZero::FirstChunk => "MRE's first chunk",
        SecondZero::Timecode => "the source's timecode 00:00:00:00",
    };
    if !choice.is_zero_event_start {
        return Err(fault(format!(
            "is required; this event's seconds count from {counts_from}, not from a clock"
        )));
    }
    of.start_ms.map(|start| (start, vec![Guess::ZeroAssumed])).ok_or_else(|| fault(UNKNOWN.to_owned()))
}

/// Start and end since second 0, the start rounded down and the end rounded up.
fn times(segment: &EventSegment, times: SegmentTimes, track: &str) -> Result<[Millis; 2], &'static str> {
    let optimized = segment.optimized.get(track).filter(|borders| borders.iter().all(Option::is_some));
    let borders = match (times, optimized) {
        (SegmentTimes::Optimized, None) => return Err("has no optimized times on this audio track"),
        (SegmentTimes::Optimized | SegmentTimes::OptimizedElseOriginal, Some(borders)) => borders,
        _ => &segment.original,
    };
    let [start, end] = borders;
    let start = start.as_deref().ok_or("has no Start")?;
    let end = end.as_deref().ok_or("has no End")?;
    let range = "has times that are out of range";
    let (start, end) = (seconds(start, false).ok_or(range)?, seconds(end, true).ok_or(range)?);
    if end <= start { Err("does not end after its start") } else { Ok([start, end]) }
}

/// Characters that are kept of a name, which may stand for many clips.
const NAME_CHARS: usize = 256;

fn labels(of: &EventSegments, segment: &EventSegment) -> Vec<(&'static str, String)> {
    let short = |name: &str| name.chars().take(NAME_CHARS).collect::<String>();
    vec![
        ("event", short(&of.event)),
        ("program", short(&of.program)),
        ("replay", short(of.replay.as_deref().unwrap_or_default())),
        ("features", short(&segment.features.join("-"))),
    ]
}

#[cfg(test)]
mod tests;
