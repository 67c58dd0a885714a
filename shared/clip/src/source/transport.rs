//! Tracks in transport streams, which describe themselves.

use super::{Media, Reader, Track};
use crate::Source;
use crate::error::{Error, Kind};
use crate::notes::WarningCode;
use bytes::Bytes;
use export_media::fmp4::{Codec, InitTrack, TrackKind};
use export_media::mpd::{ByteRange, ObjectRange, Representation, Segment};
use export_media::sample::Sample;
use export_media::time::Nanos;
use export_media::ts::{Known, TICKS, TsCoding, TsError, TsSegment, TsTrack, demux};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Bytes that nearly always hold the description of a program and the first picture of each track.
const BEGINNING: u64 = 256 << 10;
/// Most bytes of a segment.
const SEGMENT_MOST: u64 = 512 << 20;
/// Segments behind the one that should describe a track of which one must exist.
const MOST_ABSENT: u64 = 16;
/// Segments before it that may describe a track.
const MOST_BEFORE: u64 = 64;
/// Ticks of time stamps in a second.
pub(super) const SCALE: NonZeroU32 = NonZeroU32::new(TICKS).unwrap();

/// A description of each track of `kind` at `at`. Not every segment has one: those before are looked at, then those behind.
pub(super) async fn descriptions<O: Source>(
    reader: &Reader<O>,
    representation: &Representation,
    kind: TrackKind,
    at: Nanos,
) -> Result<Vec<Arc<InitTrack>>, Error> {
    let first = representation.index_at(representation.timeline.last_tick_at_or_before(at));
    let before = (first.saturating_sub(MOST_BEFORE)..first).rev();
    let behind = first.saturating_add(1)..=first.saturating_add(MOST_ABSENT);
    let mut seen = None;
    for index in std::iter::once(first).chain(before).chain(behind) {
        let Some(segment) = representation.segment(index)? else { continue };
        let Some(bytes) = reader.shared(&segment.resource, SEGMENT_MOST).await? else { continue };
        let found = read(&bytes, &Known::default())?;
        let described = described(&found, kind)?;
        if !described.is_empty() {
            return Ok(described);
        }
        // Without a stream of the kind there is nothing to look for.
        seen = of_kind(&found, kind).next().map(|track| track.coding);
        if seen.is_none() {
            break;
        }
    }
    match seen {
        Some(TsCoding::Picture(_)) => {
            Err(Kind::BadRecording.because("the parameter sets of the picture are not found").into())
        }
        _ => Ok(Vec::new()),
    }
}

fn described(segment: &TsSegment, kind: TrackKind) -> Result<Vec<Arc<InitTrack>>, Error> {
    if segment.encrypted {
        return Err(Kind::Encrypted.because("the transport stream is scrambled").into());
    }
    let found: Vec<_> = of_kind(segment, kind).filter_map(TsTrack::description).map(Arc::new).collect();
    let is_foreign = |track: &TsTrack| track.coding == TsCoding::OtherPicture;
    if found.is_empty() && of_kind(segment, kind).any(is_foreign) {
        return Err(Kind::UnsupportedCodec.because("the picture is neither H.264 nor HEVC").into());
    }
    Ok(found)
}

/// The time stamp of the first picture of a segment, or else of its first audio frame; `None` if there is neither.
pub(super) async fn first_time<O: Source>(
    reader: &Reader<O>,
    segment: &Segment,
) -> Result<Option<i64>, Error> {
    let beginning = beginning(&segment.resource);
    let Some(bytes) = reader.read(&beginning, BEGINNING).await? else { return Ok(None) };
    let found = match demux(&bytes, &Known::default()) {
        Ok(found) => found,
        Err(TsError::NotTs) => {
            return Err(Kind::BadRecording.because("a segment is neither MP4 nor a transport stream").into());
        }
        Err(_) => return Ok(None),
    };
    let first =
        |kind| of_kind(&found, kind).find_map(|track| Some((track.units.first()?.pts, track.timescale)));
    let time = first(TrackKind::Video).or_else(|| first(TrackKind::Audio));
    Ok(time.map(|(pts, timescale)| pts.saturating_mul(TICKS.into()) / i64::from(timescale)))
}

/// The pictures of a segment, or else its first audio track, in ticks of time stamps next to `near`.
pub(super) fn pictures(bytes: &[u8], near: i64) -> Vec<Sample> {
    let Ok(found) = demux(bytes, &Known { near: Some(near), sets: &[] }) else { return Vec::new() };
    let video = of_kind(&found, TrackKind::Video).next();
    video.map(TsTrack::samples).unwrap_or_default()
}

fn beginning(resource: &ObjectRange) -> ObjectRange {
    let first = resource.range.map_or(0, |range| range.first);
    let last = resource.range.map_or(u64::MAX, |range| range.last).min(first.saturating_add(BEGINNING - 1));
    ObjectRange { path: resource.path.clone(), range: Some(ByteRange { first, last }) }
}

/// The tracks of one kind that can be described, in the order of the program.
fn of_kind(segment: &TsSegment, kind: TrackKind) -> impl Iterator<Item = &TsTrack> {
    segment.tracks.iter().filter(move |track| track.coding.kind() == kind)
}

fn read(bytes: &[u8], known: &Known<'_>) -> Result<TsSegment, Error> {
    demux(bytes, known).map_err(|error: TsError| Kind::BadRecording.because(error.to_string()).into())
}

impl Track {
    /// Returns `true` if its segments are transport streams.
    pub(crate) fn is_transport(&self) -> bool {
        self.transport.is_some()
    }

    /// The parameter sets of its description.
    fn sets(&self) -> Vec<Bytes> {
        match self.init.sample_entries.first().map(|entry| &entry.codec) {
            Some(Codec::H264 { sps, pps, .. }) => [&sps[..], pps].concat(),
            Some(Codec::Hevc { vps, sps, pps, .. }) => [&vps[..], sps, pps].concat(),
            _ => Vec::new(),
        }
    }

    /// Reads a segment; `None` if it does not exist, or has nothing of the track.
    pub(super) async fn read_transport<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
        place: usize,
    ) -> Result<Option<Media>, Error> {
        let Some(bytes) = reader.shared(&segment.resource, self.most(segment)).await? else {
            return Ok(None);
        };
        let near = self.timeline.with_timescale(SCALE).first_tick_at_or_after(self.span(segment).0);
        let left_out =
            |why: &str| reader.notes().warn(WarningCode::SegmentsLeftOut, self.about(segment, why));
        let found = match demux(&bytes, &Known { near: Some(near), sets: &self.sets() }) {
            Ok(found) => found,
            Err(TsError::NoTimeStamp) => {
                return Err(Kind::BadRecording.because(TsError::NoTimeStamp.to_string()).into());
            }
            Err(error) => {
                left_out(&error.to_string());
                return Ok(None);
            }
        };
        if found.encrypted {
            return Err(Kind::Encrypted.because(self.about(segment, "it is scrambled")).into());
        }
        let mut tracks = of_kind(&found, self.init.kind)
            .filter(|track| track.description().is_some() || !track.units.is_empty());
        let Some(track) = tracks.nth(place).filter(|track| !track.units.is_empty()) else {
            left_out("it has nothing of the track");
            return Ok(None);
        };
        let (samples, data): (_, Bytes) = (track.samples(), track.data.clone());
        Ok(Some(Media { samples, pieces: vec![(0, data)], whole: true, damaged: false, stored: None }))
    }
}
