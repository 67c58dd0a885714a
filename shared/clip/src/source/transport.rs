//! Tracks in transport streams, which describe themselves.

use super::find::Beginning;
use super::{Media, OTHER_CLOCK, Reader, Track};
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

/// A description of each track of `kind` at `at`, with its position among those of the kind. Not every segment has all: those
/// before are looked at, then those behind. What is in a coding that is not read, or never described, is left out.
pub(super) async fn descriptions<O: Source>(
    reader: &Reader<O>,
    representation: &Representation,
    kind: TrackKind,
    at: Nanos,
) -> Result<Vec<(usize, Arc<InitTrack>)>, Error> {
    let drift = representation.measured.map_or(Nanos::ZERO, |measured| measured.drift);
    let first = representation.index_at(representation.timeline.last_tick_at_or_before(at - drift));
    let before = (first.saturating_sub(MOST_BEFORE)..first).rev();
    let behind = first.saturating_add(1)..=first.saturating_add(MOST_ABSENT);
    let mut described: Vec<Option<Arc<InitTrack>>> = Vec::new();
    let mut damage = None;
    for index in std::iter::once(first).chain(before).chain(behind) {
        let Some(segment) = representation.segment(index)? else { continue };
        let Some(bytes) = reader.shared(&segment.resource, SEGMENT_MOST).await? else { continue };
        // One that is damaged says so when it is read for the clip.
        let found = match demux(&bytes, &Known::default()) {
            Ok(found) => found,
            Err(error) => {
                damage = damage.or(Some(error));
                continue;
            }
        };
        if found.encrypted {
            return Err(Kind::Encrypted.because("the transport stream is scrambled").into());
        }
        if described.is_empty() {
            described.resize(of_kind(&found, kind).count(), None);
            check_codings(reader, &found, kind, described.is_empty())?;
        }
        for (known, track) in described.iter_mut().zip(of_kind(&found, kind)) {
            *known = known.take().or_else(|| track.description().map(Arc::new));
        }
        if described.iter().all(Option::is_some) {
            break;
        }
    }
    if let Some(error) = damage.filter(|_| described.is_empty()) {
        return Err(Kind::BadRecording.because(error.to_string()).into());
    }
    let missing = described.iter().filter(|known| known.is_none()).count();
    if missing > 0 && kind == TrackKind::Video {
        return Err(Kind::BadRecording.because("the parameter sets of the picture are not found").into());
    }
    if missing > 0 {
        reader
            .notes()
            .warn(WarningCode::AudioLeftOut, format!("{missing} audio tracks have no frame near the window"));
    }
    Ok(described.into_iter().enumerate().filter_map(|(n, known)| Some((n, known?))).collect())
}

/// Warns about streams of a kind that are not read. Without any other one, a picture is a reason to refuse the recording.
fn check_codings<O: Source>(
    reader: &Reader<O>,
    segment: &TsSegment,
    kind: TrackKind,
    alone: bool,
) -> Result<(), Error> {
    let foreign =
        segment.tracks.iter().filter(|track| track.coding.kind() == kind && !is_read(track)).count();
    if foreign > 0 && alone && kind == TrackKind::Video {
        return Err(Kind::UnsupportedCodec.because("the picture is neither H.264 nor HEVC").into());
    }
    if foreign > 0 && kind == TrackKind::Audio {
        let detail = format!("{foreign} audio tracks of the transport stream are not AAC in ADTS");
        reader.notes().warn(WarningCode::AudioLeftOut, detail);
    }
    Ok(())
}

/// The time stamp of the first picture of a segment, or else of its first audio frame.
pub(super) async fn beginning<O: Source>(
    reader: &Reader<O>,
    segment: &Segment,
    near: Option<i64>,
) -> Result<Beginning, Error> {
    let part = first_bytes(&segment.resource);
    let Some(bytes) = reader.read(&part, BEGINNING).await? else { return Ok(Beginning::Absent) };
    let found = match demux(&bytes, &Known { near, sets: &[] }) {
        Ok(found) => found,
        Err(TsError::NotTs) => return Ok(Beginning::Foreign),
        Err(_) => return Ok(Beginning::Absent),
    };
    let first = |kind| of_kind(&found, kind).find_map(|track| Some((track, track.units.first()?.pts)));
    let first = first(TrackKind::Video).or_else(|| first(TrackKind::Audio));
    Ok(first.map_or(Beginning::Absent, |(track, pts)| {
        let ticks = pts.saturating_mul(TICKS.into()) / i64::from(track.timescale);
        Beginning::At { ticks, torn: track.torn }
    }))
}

/// The pictures of a segment, in ticks of time stamps next to `near`; none without a picture, or if it cannot be read.
pub(super) fn pictures(bytes: &[u8], near: i64) -> Vec<Sample> {
    let Ok(found) = demux(bytes, &Known { near: Some(near), sets: &[] }) else { return Vec::new() };
    let video = of_kind(&found, TrackKind::Video).next();
    video.map(TsTrack::samples).unwrap_or_default()
}

fn first_bytes(resource: &ObjectRange) -> ObjectRange {
    let first = resource.range.map_or(0, |range| range.first);
    let last = resource.range.map_or(u64::MAX, |range| range.last).min(first.saturating_add(BEGINNING - 1));
    ObjectRange { path: resource.path.clone(), range: Some(ByteRange { first, last }) }
}

/// The tracks of one kind in codings that are read, in the order of the program.
fn of_kind(segment: &TsSegment, kind: TrackKind) -> impl Iterator<Item = &TsTrack> {
    segment.tracks.iter().filter(move |track| track.coding.kind() == kind && is_read(track))
}

fn is_read(track: &TsTrack) -> bool {
    matches!(track.coding, TsCoding::Picture(_) | TsCoding::Aac)
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

    /// Returns `true` if a track of a segment goes on as it was described.
    fn is_described_by(&self, track: &TsTrack) -> bool {
        let entries = track.description().map(|found| found.sample_entries);
        entries.is_none_or(|entries| entries == self.init.sample_entries)
            && track.timescale == self.init.timescale.get()
    }

    /// Puts the frame together that began in the segment before; `false` if that has no beginning of it.
    async fn goes_on<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
        place: usize,
        track: &mut TsTrack,
    ) -> Result<bool, Error> {
        let Some(index) = segment.index.checked_sub(1) else { return Ok(true) };
        let Some(before) = self.segment(index)? else { return Ok(true) };
        let Some(bytes) = reader.shared(&before.resource, self.most(&before)).await? else { return Ok(true) };
        let Ok(found) = demux(&bytes, &Known::default()) else { return Ok(true) };
        let tail = of_kind(&found, self.init.kind).nth(place).map(|before| before.tail.clone());
        Ok(tail.is_none_or(|tail| track.join(&tail)))
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
        let track = of_kind(&found, self.init.kind).nth(place).filter(|track| !track.units.is_empty());
        let Some(track) = track else {
            left_out("it has nothing of the track");
            return Ok(None);
        };
        if self.init.kind == TrackKind::Audio && !self.is_described_by(track) {
            left_out("its audio has another form than before");
            return Ok(None);
        }
        let lossy = track.left_out + track.units.iter().filter(|unit| unit.damaged).count();
        if lossy > 0 {
            let code = match self.init.kind {
                TrackKind::Audio => WarningCode::AudioLeftOut,
                TrackKind::Video | TrackKind::Other => WarningCode::PicturesDamaged,
            };
            let what = format!("packets of {lossy} of its units are lost");
            reader.notes().warn(code, self.about(segment, &what));
        }
        let mut track = track.clone();
        if !track.head.is_empty() && !self.goes_on(reader, segment, place, &mut track).await? {
            let detail = self.about(segment, "its first audio frame has no beginning");
            reader.notes().warn(WarningCode::AudioLeftOut, detail);
        }
        let (samples, data): (_, Bytes) = (track.samples(), track.data);
        if !self.is_on_clock(segment, &samples) {
            left_out(OTHER_CLOCK);
            return Ok(None);
        }
        Ok(Some(Media { samples, pieces: vec![(0, data)], whole: true, damaged: false, stored: None }))
    }
}
