//! Tracks in transport streams, which describe themselves.

use super::stream::{SCALE, of_kind};
use super::{Media, OTHER_CLOCK, Reader, Track, stream};
use crate::Source;
use crate::error::{Error, Kind};
use crate::notes::WarningCode;
use bytes::Bytes;
use export_media::fmp4::{Codec, InitTrack, SampleEntry, TrackKind};
use export_media::mpd::{Representation, Segment};
use export_media::sample::Sample;
use export_media::time::Nanos;
use export_media::ts::{Known, TsCoding, TsError, TsSegment, TsTrack, demux};
use std::sync::Arc;

/// Bytes that nearly always hold the description of a program and the first picture of each track.
const BEGINNING: u64 = 256 << 10;
/// Most bytes of a segment.
const SEGMENT_MOST: u64 = 512 << 20;
/// Segments behind the one that should describe a track of which one must exist.
const MOST_ABSENT: u64 = 16;
/// Segments before it that may describe a track.
const MOST_BEFORE: u64 = 64;

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It does not exist, or cannot be read.
    Absent,
    /// It is neither MP4 nor a transport stream nor packed audio.
    Foreign,
    /// It is read.
    At {
        /// The presentation time of its first sample in decode order.
        ticks: i64,
        /// That may not be its first one, as something before it may be missing.
        torn: bool,
    },
}

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
        // One that is damaged says so when it is read for the clip.
        let found =
            match stream::demuxed(reader, representation, &segment, &Known::default(), SEGMENT_MOST).await? {
                None => continue,
                Some(Ok(found)) => found,
                Some(Err(error)) => {
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
        segment.tracks.iter().filter(|track| track.coding.kind() == kind && !stream::is_read(track)).count();
    if foreign > 0 && alone && kind == TrackKind::Video {
        return Err(Kind::UnsupportedCodec.because("the picture is neither H.264 nor HEVC").into());
    }
    if foreign > 0 && kind == TrackKind::Audio {
        let detail = format!("{foreign} audio tracks of the transport stream are in LATM");
        reader.notes().warn(WarningCode::AudioLeftOut, detail);
    }
    Ok(())
}

/// The time stamp of the first picture of a segment, or else of its first audio frame.
pub(super) async fn beginning<O: Source>(
    reader: &Reader<O>,
    list: &Representation,
    segment: &Segment,
    near: Option<i64>,
) -> Result<Beginning, Error> {
    let found = match stream::beginning(reader, list, &segment.resource, (near, BEGINNING)).await? {
        None
        | Some(Err(TsError::NoProgram | TsError::Untimed | TsError::NoTimeStamp | TsError::TooMany(_))) => {
            return Ok(Beginning::Absent);
        }
        Some(Err(TsError::NotTs)) => return Ok(Beginning::Foreign),
        Some(Ok(found)) => found,
    };
    let first = |kind| of_kind(&found, kind).find_map(|track| Some((track, track.units.first()?.pts)));
    let first = first(TrackKind::Video).or_else(|| first(TrackKind::Audio));
    Ok(first.map_or(Beginning::Absent, |(track, pts)| Beginning::At {
        ticks: stream::ticks(track, pts),
        torn: track.torn,
    }))
}

/// The pictures of a segment, in ticks of time stamps next to `near`; none without a picture, or if it cannot be read.
pub(super) fn pictures(bytes: &[u8], near: i64) -> Vec<Sample> {
    let Ok(found) = demux(bytes, &Known { near: Some(near), sets: &[], part: None }) else {
        return Vec::new();
    };
    let video = of_kind(&found, TrackKind::Video).next();
    video.map(TsTrack::samples).unwrap_or_default()
}

impl Track {
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
        let same = |one: &SampleEntry, other: &SampleEntry| match track.coding {
            // The entry of E-AC-3 names the bit rate, which may change from frame to frame.
            TsCoding::Eac3 => one.bytes.last_chunk::<3>() == other.bytes.last_chunk(),
            _ => one == other,
        };
        let found = track.description().and_then(|mut found| found.sample_entries.pop());
        found.zip(self.init.sample_entries.first()).is_none_or(|(found, known)| same(&found, known))
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
        let (list, most) = (&self.representation, self.most(&before));
        let found = stream::demuxed(reader, list, &before, &Known::default(), most).await?;
        let Some(Ok(found)) = found else { return Ok(true) };
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
        let near = self.timeline.with_timescale(SCALE).first_tick_at_or_after(self.span(segment).0);
        let left_out =
            |why: &str| reader.notes().warn(WarningCode::SegmentsLeftOut, self.about(segment, why));
        let sets = self.sets();
        let known = Known { near: Some(near), sets: &sets, part: None };
        let found =
            match stream::demuxed(reader, &self.representation, segment, &known, self.most(segment)).await? {
                None => return Ok(None),
                Some(Ok(found)) => found,
                Some(Err(TsError::NoTimeStamp)) => {
                    return Err(Kind::BadRecording.because(TsError::NoTimeStamp.to_string()).into());
                }
                Some(Err(error)) => {
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
        let (behind, pieces) = (Vec::new(), vec![(0, data)]);
        Ok(Some(Media { samples, behind, pieces, whole: true, damaged: false, stored: None }))
    }
}
