//! A recording that is one MP4 file: its manifest is made of its boxes, and its segments of its tables of samples.

use super::{Media, Reader, Track};
use crate::Source;
use crate::error::{Error, Kind, Refusal};
use bytes::Bytes;
use export_media::fmp4::{BoxHeader, FileSamples, Init, InitTrack, TrackKind};
use export_media::mpd::{ByteRange, Mpd, ObjectRange, Representation, Segment, SingleFile, single_file};
use export_media::sample::Sample;
use export_media::time::{Nanos, Timeline};
use std::sync::Arc;

/// Boxes at the top of a file that are looked at for its description.
const MOST_BOXES: usize = 64;
/// Bytes of a box's header.
const HEADER: u64 = 16;
/// Largest description of a file.
const MOOV_MOST: u64 = 64 << 20;
/// Length of the parts that a file is read in, from key picture to key picture.
const PART: Nanos = Nanos::new(2_000_000_000);
/// Bytes of such a part.
const PART_BYTES: u64 = 32 << 20;
/// The time before the window in which a key picture may be, and behind it.
const BEFORE: Nanos = Nanos::new(300_000_000_000);
const AFTER: Nanos = Nanos::new(30_000_000_000);
/// Samples of a track that are kept for a window.
const MOST_SAMPLES: usize = 1 << 21;

/// Samples of a file by the segment that they are in.
pub(super) type Tables = Arc<[Vec<Sample>]>;

/// The boxes with which a file describes itself.
struct Description {
    moov: ByteRange,
    /// `sidx`.
    index: Option<ByteRange>,
}

/// The manifest of the file at `path` in the recording's directory.
pub(super) async fn manifest<O: Source>(reader: &Reader<O>, path: &str) -> Result<Mpd, Error> {
    let Description { moov, index } = describe(reader, path).await?;
    let resource = ObjectRange { path: path.to_owned(), range: Some(moov) };
    let bytes = moov_of(reader, &resource).await?;
    let init = Init::of_file(&bytes)?;
    if init.is_fragmented && index.is_none() {
        return Err(Kind::BadRecording
            .because("a fragmented file without an index (sidx) cannot be read")
            .into());
    }
    let picture = init.tracks.iter().find(|track| track.kind == TrackKind::Video);
    let Some(lead) = picture.or(init.tracks.iter().find(|track| track.kind == TrackKind::Audio)) else {
        return Err(Kind::BadRecording.because("the file has neither a picture nor audio").into());
    };
    let (end, total) = if init.is_fragmented { (None, 0) } else { measured(&bytes, lead)? };
    let line = Timeline::new(lead.timescale, 0, Nanos::ZERO);
    let length = end.map(|end| line.to_nanos_floor(end));
    let millis = length.map_or(0, |length| u64::try_from(length.to_millis_floor()).unwrap_or(0));
    let file = SingleFile {
        path,
        is_picture: picture.is_some(),
        size: picture.map(|track| (track.width.into(), track.height.into())),
        bandwidth: total.saturating_mul(8000).checked_div(millis).unwrap_or(0),
        init: moov,
        index,
        length,
    };
    Ok(single_file(&file))
}

/// The end of a track in its ticks, and its bytes.
fn measured(moov: &[u8], track: &InitTrack) -> Result<(Option<i64>, u64), Error> {
    let (mut end, mut bytes) = (None, 0_u64);
    for sample in FileSamples::of(moov, track)?.samples() {
        end = end.max(Some(sample.pts.saturating_add(sample.duration.into())));
        bytes = bytes.saturating_add(sample.size.into());
    }
    Ok((end, bytes))
}

/// Looks for the boxes that describe a file.
async fn describe<O: Source>(reader: &Reader<O>, path: &str) -> Result<Description, Error> {
    let (mut at, mut moov, mut index) = (0_u64, None, None);
    for _ in 0..MOST_BOXES {
        let range = ByteRange { first: at, last: at.saturating_add(HEADER - 1) };
        let resource = ObjectRange { path: path.to_owned(), range: Some(range) };
        let head = reader.read(&resource, HEADER).await?.ok_or(Refusal::from(Kind::SourceAbsent))?;
        let Some(BoxHeader { kind, size }) = BoxHeader::read(&head)? else { break };
        let Some(end) = size.and_then(|size| at.checked_add(size)) else { break };
        let all = ByteRange { first: at, last: end.saturating_sub(1) };
        match &kind {
            b"moov" => moov = Some(all),
            b"sidx" => index = index.or(Some(all)),
            b"moof" | b"mdat" if moov.is_some() => break,
            _ => {}
        }
        at = end;
    }
    let moov = moov.ok_or_else(|| {
        Kind::BadRecording.because("the file has no moov: it is no MP4, or is not complete")
    })?;
    Ok(Description { moov, index })
}

async fn moov_of<O: Source>(reader: &Reader<O>, resource: &ObjectRange) -> Result<Bytes, Error> {
    let missing = || Kind::BadRecording.because("the description of the file does not exist");
    Ok(reader.shared(resource, MOOV_MOST).await?.ok_or_else(missing)?)
}

/// The tracks of a kind of a file that is not fragmented, with their samples around `[from, until)`.
pub(super) async fn tracks<O: Source>(
    reader: &Reader<O>,
    representation: &Representation,
    kind: TrackKind,
    (from, until): (Nanos, Nanos),
) -> Result<Vec<Track>, Error> {
    let Some(resource) = representation.init()? else { return Ok(Vec::new()) };
    let bytes = moov_of(reader, &resource).await?;
    let mut tracks = Vec::new();
    for init in Init::of_file(&bytes)?.tracks.into_iter().filter(|track| track.kind == kind) {
        if init.encrypted {
            return Err(Kind::Encrypted.because("the file has encrypted samples").into());
        }
        let line = representation.timeline.with_timescale(init.timescale);
        let near = line.first_tick_at_or_after(from - BEFORE)..=line.first_tick_at_or_after(until + AFTER);
        let all = FileSamples::of(&bytes, &init)?;
        let mut samples = Vec::new();
        for sample in all.samples().filter(|sample| near.contains(&sample.pts)) {
            if samples.len() == MOST_SAMPLES {
                return Err(Kind::BadRecording.because("the window has too many samples").into());
            }
            samples.push(sample);
        }
        let parts = parts(&samples, &line);
        let segments =
            parts.iter().zip(0..).map(|(part, index)| segment(&resource.path, part, index)).collect();
        let mut track = Track::of(representation, Arc::new(init), Some((line, joined(segments))), None);
        track.tables = Some(parts.into());
        tracks.push(track);
    }
    Ok(tracks)
}

/// Samples in parts that begin with one that decoding can start with.
fn parts(samples: &[Sample], line: &Timeline) -> Vec<Vec<Sample>> {
    let mut parts: Vec<Vec<Sample>> = Vec::new();
    let (mut begun, mut bytes) = (Nanos::ZERO, 0_u64);
    for sample in samples {
        let at = line.to_nanos_floor(sample.dts);
        let is_full = sample.sync && at - begun >= PART || bytes >= PART_BYTES;
        if parts.is_empty() || is_full {
            parts.push(Vec::new());
            (begun, bytes) = (at, 0);
        }
        bytes += u64::from(sample.size);
        parts.last_mut().into_iter().for_each(|part| part.push(*sample));
    }
    parts
}

fn segment(path: &str, part: &[Sample], index: u64) -> Segment {
    let first = part.iter().map(|sample| sample.offset).min().unwrap_or(0);
    let end = part.iter().map(Sample::end).max().unwrap_or(0);
    let time = part.iter().map(|sample| sample.pts).min().unwrap_or(0);
    let until =
        part.iter().map(|sample| sample.pts.saturating_add(sample.duration.into())).max().unwrap_or(time);
    Segment {
        index,
        number: index.saturating_add(1),
        time,
        duration: until.saturating_sub(time),
        nominal: false,
        resource: ObjectRange {
            path: path.to_owned(),
            range: Some(ByteRange { first, last: end.saturating_sub(1).max(first) }),
        },
    }
}

/// Segments in order that end where the next one begins.
fn joined(mut segments: Vec<Segment>) -> Vec<Segment> {
    let starts: Vec<i64> = segments.iter().skip(1).map(|next| next.time).collect();
    for (segment, next) in segments.iter_mut().zip(starts) {
        segment.duration = next.saturating_sub(segment.time).max(0);
    }
    segments
}

impl Track {
    /// The samples of a segment of a file that is not fragmented.
    pub(super) fn listed_samples(&self, segment: &Segment) -> Option<&[Sample]> {
        let tables = self.tables.as_ref()?;
        Some(tables.get(usize::try_from(segment.index).ok()?)?)
    }

    /// Reads a segment of a file that is not fragmented; `None` if nothing of it is there.
    pub(super) async fn read_table<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
        samples: &[Sample],
    ) -> Result<Option<Media>, Error> {
        let Some(bytes) = reader.read(&segment.resource, self.most(segment)).await? else { return Ok(None) };
        let base = segment.resource.range.map_or(0, |range| range.first);
        let pieces = vec![(base, bytes)];
        let (samples, behind) = (samples.to_vec(), Vec::new());
        Ok(Some(Media { samples, behind, pieces, whole: true, damaged: false, stored: None }))
    }
}
