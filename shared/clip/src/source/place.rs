//! The place of a recording's media on the presentation's clock, if its manifest names no time stamps.
//!
//! One segment of each section, whose time the playlist says, gives the time stamp that belongs to that time. From there
//! on time stamps count, and what the playlist says of lengths only says where to look.

use super::{Reader, first_moof, transport};
use crate::Source;
use crate::error::{Error, Kind};
use export_media::fmp4::{InitTrack, TrackKind, read_readable};
use export_media::mpd::{ContentType, Mpd, Period, Placing, Representation, Segment};
use export_media::nal::VideoCodec;
use export_media::repair::fill_durations;
use export_media::sample::Sample;
use export_media::select::pictures;
use export_media::time::{Nanos, Timeline};
use std::sync::Arc;

/// Segments behind the one that should be read first of which one must exist.
const MOST_ABSENT: u64 = 16;
/// Most bytes of the last segment of a section.
const SEGMENT_MOST: u64 = 256 << 20;

/// Places the Periods that share time with `[from, until)`. One that begins in it starts where the media of the one
/// before end, if that is later than its date, or if it has none.
pub(crate) async fn place<O: Source>(
    reader: &Reader<O>,
    mpd: &mut Mpd,
    (from, until): (Nanos, Nanos),
    wanted: Option<VideoCodec>,
) -> Result<(), Error> {
    let mut before: Option<PlacedPeriod> = None;
    for n in 0..mpd.periods.len() {
        let Some(period) = mpd.periods.get_mut(n) else { break };
        let Some(placing) = period.placing.clone() else { continue };
        if period.start >= until || period.duration.is_some_and(|length| period.start + length <= from) {
            continue;
        }
        let placed = section(reader, period, &placing, from, wanted).await?;
        if placed.is_none() {
            // Without a time stamp no picture of it has a place; what is encrypted is refused where it is opened.
            period.representations.retain(|found| found.encrypted);
        }
        let end = match before.take() {
            Some(before) => before.end(reader).await?,
            None => None,
        };
        if let Some((end, frame)) = end {
            let early = end - period.start;
            let near = Nanos::new(frame.get() / 2);
            let snaps = placing.follows || early > Nanos::ZERO || Nanos::ZERO - early < near;
            if snaps {
                period.move_to(end);
                close(mpd, n, end);
            }
        }
        before = match (placed, mpd.periods.get(n)) {
            (Some((lead, init)), Some(period)) => PlacedPeriod::of(period, lead, init),
            _ => None,
        };
    }
    Ok(())
}

/// The Period before the `n`th ends where that one starts.
fn close(mpd: &mut Mpd, n: usize, end: Nanos) {
    if let Some(before) = n.checked_sub(1).and_then(|n| mpd.periods.get_mut(n)) {
        before.duration = Some((end - before.start).max(Nanos::ZERO));
    }
}

/// Places a Period; gives the position of the Representation that did it, and its track. `None` if nothing can be read.
async fn section<O: Source>(
    reader: &Reader<O>,
    period: &mut Period,
    placing: &Placing,
    from: Nanos,
    wanted: Option<VideoCodec>,
) -> Result<Option<(usize, Option<Arc<InitTrack>>)>, Error> {
    let Some(lead) = lead(period, wanted) else { return Ok(None) };
    let Some(representation) = period.representations.get(lead).filter(|found| !found.encrypted) else {
        return Ok(None);
    };
    let init = track(reader, representation).await?;
    let Some((anchor, instant)) = placing.anchor(from.max(period.start)) else { return Ok(None) };
    for index in anchor..=anchor.saturating_add(MOST_ABSENT) {
        let Some(segment) = representation.segment(index)? else { continue };
        let first = match &init {
            Some(init) => first_time(reader, init, &segment).await?.map(|first| (first, init.timescale)),
            None => transport::first_time(reader, &segment).await?.map(|first| (first, transport::SCALE)),
        };
        let Some((first, timescale)) = first else { continue };
        // A segment that is not there is stood for by a later one, where the playlist lists that.
        let listed = |segment: &Segment| representation.timeline.to_nanos_floor(segment.time);
        let at = if index == anchor { instant } else { listed(&segment) };
        period.place(Timeline::new(timescale, first, at));
        return Ok(Some((lead, init)));
    }
    Ok(None)
}

/// The position of the best picture, or else of the first audio.
fn lead(period: &Period, wanted: Option<VideoCodec>) -> Option<usize> {
    let best = pictures(period, wanted).first().map(|best| best.id.clone());
    let is_lead = |found: &Representation| match &best {
        Some(best) => found.id == *best,
        None => found.content == ContentType::Audio,
    };
    period.representations.iter().position(is_lead)
}

/// The picture's track, or else the first audio track; `None` for segments that describe themselves.
async fn track<O: Source>(
    reader: &Reader<O>,
    representation: &Representation,
) -> Result<Option<Arc<InitTrack>>, Error> {
    let Some(init) = representation.init()? else { return Ok(None) };
    let tracks = reader.init(&init, "the init segment of the video track").await?;
    let of = |kind| tracks.iter().find(|track| track.kind == kind).cloned();
    let track = of(TrackKind::Video).or_else(|| of(TrackKind::Audio));
    Ok(Some(
        track
            .ok_or_else(|| Kind::BadRecording.because("the init segment has neither a picture nor audio"))?,
    ))
}

/// The time at which the first sample in decode order is shown, in the track's ticks.
async fn first_time<O: Source>(
    reader: &Reader<O>,
    init: &InitTrack,
    segment: &Segment,
) -> Result<Option<i64>, Error> {
    let fragment = first_moof(reader, init, segment).await?;
    Ok(fragment.and_then(|fragment| fragment.samples.first().map(|sample| sample.pts)))
}

/// A Period that is placed.
struct PlacedPeriod {
    last: Segment,
    /// `None` for a transport stream.
    init: Option<Arc<InitTrack>>,
    timeline: Timeline,
    /// The start of the last segment by the playlist.
    listed: Nanos,
}

impl PlacedPeriod {
    fn of(period: &Period, lead: usize, init: Option<Arc<InitTrack>>) -> Option<Self> {
        let representation = period.representations.get(lead)?;
        let end = representation.end_ticks()?;
        let last = representation.segment(representation.index_at(end.checked_sub(1)?)).ok()??;
        let timescale = init.as_ref().map_or(transport::SCALE, |init| init.timescale);
        let listed = representation.timeline.to_nanos_floor(last.time);
        Some(Self { last, timeline: representation.media?.with_timescale(timescale), init, listed })
    }

    /// The end of its last picture, and how long that is shown; `None` if its last segment cannot be read.
    async fn end<O: Source>(&self, reader: &Reader<O>) -> Result<Option<(Nanos, Nanos)>, Error> {
        let Some(bytes) = reader.read(&self.last.resource, SEGMENT_MOST).await? else { return Ok(None) };
        let samples = match &self.init {
            Some(init) => {
                let base = self.last.resource.range.map_or(0, |range| range.first);
                let (mut samples, _) = read_readable(init, &bytes, base);
                fill_durations(&mut samples);
                samples
            }
            None => transport::pictures(&bytes, self.timeline.first_tick_at_or_after(self.listed)),
        };
        let end = |sample: &Sample| sample.pts.saturating_add(i64::from(sample.duration));
        let Some(last) = samples.iter().max_by_key(|sample| end(sample)) else { return Ok(None) };
        let [start, end] = [last.pts, end(last)].map(|ticks| self.timeline.to_nanos_floor(ticks));
        Ok(Some((end, end - start)))
    }
}
