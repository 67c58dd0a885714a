//! The segment of a list that holds an instant, found by the time stamps of a few, as the lengths of a playlist are not exact.

use super::stream::SCALE;
use super::transport::{self, Beginning};
use super::{Reader, Track, first_moof};
use crate::Source;
use crate::error::Error;
use export_media::fmp4::{InitTrack, unwrap_times};
use export_media::hls::{Finder, FinderStep, tolerance};
use export_media::mpd::{Measured, Representation, Segment};
use export_media::sample::Sample;
use export_media::time::{Nanos, Timeline};
use std::num::NonZeroU32;

/// Segments before this one are less than a segment off, if their lengths are listed this exactly.
const FIRST_OFF: u64 = 32;
const EXACT: Nanos = Nanos::new(1_000_000);

/// Reads the beginning of a segment of a track, or of a transport stream; its ticks are next to `near`.
pub(super) async fn beginning<O: Source>(
    reader: &Reader<O>,
    (list, init): (&Representation, Option<&InitTrack>),
    segment: &Segment,
    near: Option<i64>,
) -> Result<Beginning, Error> {
    let Some(init) = init else { return transport::beginning(reader, list, segment, near).await };
    let Some(mut fragment) = first_moof(reader, init, segment).await? else { return Ok(Beginning::Absent) };
    if let Some(near) = near {
        unwrap_times(&mut fragment.samples, near);
    }
    let first = fragment.samples.first();
    Ok(first.map_or(Beginning::Absent, |first| Beginning::At { ticks: first.pts, torn: false }))
}

/// Ticks in a second of a track, or of a transport stream.
pub(super) fn scale(init: Option<&InitTrack>) -> NonZeroU32 {
    init.map_or(SCALE, |init| init.timescale)
}

/// The result of a search.
pub(super) struct FoundPlace {
    pub(super) at: Measured,
    /// The timeline of the media there, if they count on another clock than those of the anchor.
    pub(super) other_clock: Option<Timeline>,
}

/// Looks for the segment that holds `at` in a list whose media count on a timeline. The media of the anchor, if there is
/// one, start where that says.
pub(super) async fn find<O: Source>(
    reader: &Reader<O>,
    (list, init): (&Representation, Option<&InitTrack>),
    (line, anchor): (Timeline, Option<(u64, Nanos)>),
    at: Nanos,
) -> Result<FoundPlace, Error> {
    let (mut finder, mut seen) = (Finder::new(list, at, anchor), None);
    let listed = |segment: &Segment| list.timeline.to_nanos_floor(segment.time);
    loop {
        match finder.step() {
            FinderStep::Found(at) => return Ok(FoundPlace { at, other_clock: None }),
            FinderStep::OtherClock(index) => {
                let other_clock = seen.map(|(start, ticks)| Timeline::new(scale(init), ticks, start));
                return Ok(FoundPlace { at: Measured { index, drift: Nanos::ZERO }, other_clock });
            }
            FinderStep::Probe(index) => {
                let Some(segment) = list.segment(index)? else {
                    finder.saw(index, None);
                    continue;
                };
                let near = line.first_tick_at_or_after(listed(&segment));
                let start = match beginning(reader, (list, init), &segment, Some(near)).await? {
                    Beginning::At { ticks, .. } => {
                        seen = Some((listed(&segment), ticks));
                        Some(line.to_nanos_floor(ticks))
                    }
                    Beginning::Absent | Beginning::Foreign => None,
                };
                finder.saw(index, start);
            }
        }
    }
}

impl Track {
    /// Finds out how far the media are from where a playlist lists them around `at`.
    pub(super) async fn find<O: Source>(&mut self, reader: &Reader<O>, at: Nanos) -> Result<(), Error> {
        if self.representation.measured.is_none() && !self.is_near(at) {
            let init = Some(&*self.init).filter(|_| self.transport.is_none());
            let line = self.timeline.with_timescale(scale(init));
            let found = find(reader, (&self.representation, init), (line, None), at).await?;
            self.representation.measured = Some(found.at);
        }
        let drift = self.representation.measured.map_or(Nanos::ZERO, |measured| measured.drift);
        self.drift = self.drift_ticks(drift);
        Ok(())
    }

    /// Returns `true` if `at` is so near to the beginning of an exact list that it is where that says.
    fn is_near(&self, at: Nanos) -> bool {
        self.representation.rounding <= EXACT && self.index_at(at) < FIRST_OFF
    }

    /// In ticks of the list, of which one hides less than a nanosecond or more.
    fn drift_ticks(&self, drift: Nanos) -> i64 {
        let line = self.listed();
        line.first_tick_at_or_after(line.period_start() + drift)
            .saturating_sub(line.first_tick_at_or_after(line.period_start()))
    }

    /// Returns `true` if the time stamps of a segment are about where they are listed: another clock would put pictures
    /// of another time into the window.
    pub(super) fn is_on_clock(&self, segment: &Segment, samples: &[Sample]) -> bool {
        let Some(first) = samples.first().filter(|_| self.representation.media.is_some()) else {
            return true;
        };
        let since = self.representation.measured.map_or(0, |measured| measured.index);
        let off = (self.timeline.to_nanos_floor(first.pts) - self.span(segment).0).get();
        off.saturating_abs() <= tolerance(&self.representation, since, segment.index).get()
    }
}
