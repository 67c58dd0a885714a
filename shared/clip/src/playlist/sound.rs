//! An audio track of a playlist: the first and the last segment are cut to the frames that are heard, all between them stay
//! where they are.

use super::{described_by, is_alone};
use crate::Source;
use crate::audio::PeriodAudio;
use crate::error::Error;
use crate::listed::NoPlaylist;
use crate::source::{Media, Reader, Track};
use bytes::Bytes;
use export_media::fmp4::described;
use export_media::mpd::Segment;
use export_media::playlist::{
    JoinError, JoinedSample, JoinedTrack, Joiner, ListedSegment, MediaPlace, PlaylistTrack, codecs,
};
use export_media::sample::Sample;
use export_media::time::Nanos;
use std::sync::Arc;

/// Segments that are looked at before and behind the one that the manifest lists for an instant.
const MOST_ASIDE: u64 = 3;
/// Most segments of a track.
const SEGMENTS_MOST: u64 = 20_000;

/// The recorded tracks of an audio track of the clip, one for each Period.
#[derive(Debug, Clone)]
pub(crate) struct SoundPart(pub(crate) Vec<PeriodAudio>);

/// A media time. Players of HLS know no other: that of all tracks must be one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaTime {
    pub(crate) ticks: i64,
    pub(crate) timescale: u32,
}

impl MediaTime {
    /// Returns `true` if the two are more than a millisecond apart.
    pub(crate) fn is_far_from(self, other: Self) -> bool {
        let (own, theirs) = (i128::from(self.timescale), i128::from(other.timescale));
        let apart = i128::from(self.ticks) * theirs - i128::from(other.ticks) * own;
        apart.abs().saturating_mul(1000) > own * theirs
    }
}

/// A segment with its position and its samples.
type Found = (u64, Segment, Media);

/// A track of the playlist, and the files that were made for it.
type ListedTrack = (PlaylistTrack, Vec<(String, Bytes)>);

impl SoundPart {
    /// The track from `from` to `until`, the `n`th of the playlist; `None` if nothing is heard there. `clock` is the media
    /// time of the pictures at `from`.
    pub(super) async fn listed<O: Source>(
        &self,
        reader: &Reader<O>,
        (from, until): (Nanos, Nanos),
        clock: MediaTime,
        n: usize,
    ) -> Result<Option<ListedTrack>, NoPlaylist> {
        let [PeriodAudio { track, .. }] = &self.0[..] else { return Err(NoPlaylist::Periods) };
        if !is_alone(track) {
            return Err(NoPlaylist::Multiplexed);
        }
        let zero = track.timeline.last_tick_at_or_before(from);
        let own = MediaTime { ticks: zero, timescale: track.timeline.timescale().get() };
        if own.is_far_from(clock) {
            return Err(NoPlaylist::Audio("its media time is not that of the pictures".to_owned()));
        }
        let Some(first) = find(reader, track, from, |media| starts_before(track, media, from)).await? else {
            return Err(NoPlaylist::Audio("its first segment cannot be read".to_owned()));
        };
        let last = Nanos::new(until.get() - 1);
        let Some(last) = find(reader, track, last, |media| starts_before(track, media, until)).await? else {
            return Err(NoPlaylist::Audio("its last segment cannot be read".to_owned()));
        };
        let heard = |sample: &Sample| {
            let line = &track.timeline;
            let end = sample.pts.saturating_add(sample.duration.into());
            line.to_nanos_floor(end) > from && line.to_nanos_floor(sample.pts) < until
        };
        let mut joiner = Joiner::new(track.init.id, track.init.edit_shift);
        let ends_at = add(&mut joiner, &first, heard)?;
        if last.0 > first.0 {
            between(&mut joiner, track, (first.0, last.0), ends_at)?;
            add(&mut joiner, &last, heard)?;
        }
        let named = |edge| format!("audio-{n}-{edge}.m4s");
        let JoinedTrack { segments, mut files, independent } = match joiner.finish(named) {
            Err(JoinError::Empty) => return Ok(None),
            track => track?,
        };
        let (place, init) = track.stored_init(reader).await?;
        let in_file = track.is_one_file() && place.range().is_none();
        let init = if in_file {
            let name = format!("audio-{n}.mp4");
            files.push((name.clone(), described(&init, None).map_err(Error::from)?));
            MediaPlace::Made(name)
        } else {
            place
        };
        let own = track.init.sample_entries.first().and_then(codecs);
        let codecs = own.unwrap_or_else(|| track.codecs().to_owned());
        Ok(Some((PlaylistTrack { codecs, zero, independent, init, segments, ..described_by(track) }, files)))
    }
}

/// Returns `true` if the first sample of a segment starts before an instant, or at it.
fn starts_before(track: &Track, media: &Media, at: Nanos) -> bool {
    media.samples.first().is_some_and(|first| track.timeline.to_nanos_floor(first.pts) <= at)
}

/// The last segment around `at` of which `is_begun` is true. The manifest need not say exactly where audio is.
async fn find<O: Source>(
    reader: &Reader<O>,
    track: &Arc<Track>,
    at: Nanos,
    is_begun: impl Fn(&Media) -> bool,
) -> Result<Option<Found>, NoPlaylist> {
    let mut listed = track.index_at(at);
    if track.segment(listed)?.is_none() {
        // Audio may end a little before the pictures.
        listed = listed.saturating_sub(1);
    }
    let mut found = read(reader, track, listed).await?;
    let mut steps = 0;
    while let Some((position, _, media)) = &found
        && !is_begun(media)
        && *position > 0
        && steps < MOST_ASIDE
    {
        steps += 1;
        found = read(reader, track, position - 1).await?;
    }
    if steps > 0 {
        return Ok(found);
    }
    for _ in 0..MOST_ASIDE {
        let Some((position, _, media)) = &found else { break };
        // Its end says whether the next one can have begun.
        let ends =
            media.samples.last().map_or(i64::MAX, |last| last.pts.saturating_add(last.duration.into()));
        if track.timeline.to_nanos_floor(ends) > at {
            break;
        }
        match read(reader, track, position + 1).await? {
            Some(next) if is_begun(&next.2) => found = Some(next),
            _ => break,
        }
    }
    Ok(found)
}

async fn read<O: Source>(
    reader: &Reader<O>,
    track: &Arc<Track>,
    position: u64,
) -> Result<Option<Found>, NoPlaylist> {
    let Some(segment) = track.segment(position)? else { return Ok(None) };
    let media = track.read(reader, &segment).await?;
    Ok(media.map(|media| (position, segment, media)))
}

/// Adds the samples of a segment that are heard; returns the end of the last one.
fn add(
    joiner: &mut Joiner,
    (_, segment, media): &Found,
    heard: impl Fn(&Sample) -> bool,
) -> Result<Option<i64>, Error> {
    let stored = media.as_segment(segment);
    let mut ends_at = None;
    for sample in media.samples.iter().filter(|sample| heard(sample)) {
        let Sample { pts, dts, duration, sync, .. } = *sample;
        joiner.recorded(
            &stored,
            JoinedSample { pts, dts: Some(dts), duration, sync, data: media.data(sample)? },
        );
        ends_at = Some(pts.saturating_add(duration.into()));
    }
    Ok(ends_at)
}

/// Adds the segments between two positions, the first of which ends `at` that tick.
fn between(
    joiner: &mut Joiner,
    track: &Track,
    (first, last): (u64, u64),
    at: Option<i64>,
) -> Result<(), NoPlaylist> {
    if last - first > SEGMENTS_MOST {
        return Err(NoPlaylist::Audio("it has too many segments".to_owned()));
    }
    let hole = || NoPlaylist::Audio("it has a hole".to_owned());
    let Some(mut end) = track.segment(first)?.map(|segment| track.span(&segment).1) else {
        return Err(hole());
    };
    let zero = end;
    let mut time = at.unwrap_or_else(|| track.timeline.first_tick_at_or_after(zero));
    let start = time;
    for position in first + 1..last {
        let segment = track.segment(position)?.ok_or_else(hole)?;
        let (from, until) = track.span(&segment);
        if from != end {
            return Err(hole());
        }
        end = until;
        // From the same instant each time, so that rounding does not add up.
        let line = &track.timeline;
        let so_far = line.last_tick_at_or_before(end).saturating_sub(line.last_tick_at_or_before(zero));
        let duration = start.saturating_add(so_far).saturating_sub(time);
        joiner.listed(ListedSegment { place: crate::source::place_of(&segment.resource), time, duration });
        time = time.saturating_add(duration);
    }
    Ok(())
}
