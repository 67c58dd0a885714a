//! The place of a recording's media on the presentation's clock, if its manifest names no time stamps.
//!
//! One segment of each section, whose time the playlist says, gives the time stamp that belongs to that time. From there
//! on time stamps count, and what the playlist says of lengths only says where to look.

use super::Reader;
use super::find::{beginning, find, scale};
use super::transport::{self, Beginning};
use crate::Source;
use crate::error::{Error, Kind};
use crate::notes::WarningCode;
use export_media::fmp4::{InitTrack, TrackKind, read_readable};
use export_media::mpd::{ContentType, Mpd, Period, Placing, Representation, Segment};
use export_media::nal::VideoCodec;
use export_media::repair::fill_durations;
use export_media::sample::Sample;
use export_media::select::pictures;
use export_media::time::{Nanos, Timeline};
use std::sync::Arc;

/// Segments before the one that should be read first, and behind it, that may stand for it.
pub(super) const MOST_ASKED: usize = 16;
/// Segments in a row that are neither MP4 nor a transport stream nor packed audio, after which no other is asked for.
const MOST_FOREIGN: usize = 4;
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
    let Some(list) = period.representations.get(lead).filter(|found| !found.encrypted).cloned() else {
        return Ok(None);
    };
    let init = track(reader, &list).await?;
    let from = from.max(period.start);
    let Some((line, anchor)) =
        anchor(reader, &list, init.as_deref(), &placing.candidates(from, MOST_ASKED)).await?
    else {
        return Ok(None);
    };
    let found = find(reader, (&list, init.as_deref()), (line, Some(anchor)), from).await?;
    if let Some(clock) = found.other_clock {
        let detail =
            format!("segment {}: its time stamps count on another clock than those before", found.at.index);
        reader.notes().warn(WarningCode::RatesCorrected, detail);
        period.place(clock);
    } else {
        period.place(line);
    }
    if let Some(list) = period.representations.get_mut(lead) {
        list.measured = Some(found.at);
    }
    Ok(Some((lead, init)))
}

/// The timeline that the first of the `candidates` gives that can be read, and its position and start.
pub(super) async fn anchor<O: Source>(
    reader: &Reader<O>,
    list: &Representation,
    init: Option<&InitTrack>,
    candidates: &[(u64, Option<Nanos>)],
) -> Result<Option<(Timeline, (u64, Nanos))>, Error> {
    let (mut found, mut foreign) = (None, 0);
    for (index, instant) in candidates {
        let Some(segment) = list.segment(*index)? else { continue };
        // A segment without a date, where no other has one that can be read, starts where the playlist lists it.
        let at = instant.unwrap_or_else(|| list.timeline.to_nanos_floor(segment.time));
        match beginning(reader, (list, init), &segment, None).await? {
            Beginning::Absent => {}
            Beginning::Foreign => foreign += 1,
            Beginning::At { ticks, torn } => {
                if found.is_none() || !torn {
                    found = Some((Timeline::new(scale(init), ticks, at), (*index, at)));
                }
                if !torn {
                    break;
                }
            }
        }
        if foreign == MOST_FOREIGN {
            break;
        }
    }
    if found.is_none() && foreign > 0 {
        return Err(Kind::BadRecording
            .because("a segment is neither MP4 nor a transport stream nor packed audio")
            .into());
    }
    Ok(found)
}

/// The position of the best picture, or else of the first audio.
pub(super) fn lead(period: &Period, wanted: Option<VideoCodec>) -> Option<usize> {
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
        let timescale = scale(init.as_deref());
        let listed = representation.timeline.to_nanos_floor(last.time);
        Some(Self { last, timeline: representation.media?.with_timescale(timescale), init, listed })
    }

    /// The end of its last picture, and how long that is shown; `None` if its last segment cannot be read.
    async fn end<O: Source>(&self, reader: &Reader<O>) -> Result<Option<(Nanos, Nanos)>, Error> {
        let Some(bytes) = reader.shared(&self.last.resource, SEGMENT_MOST).await? else { return Ok(None) };
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
