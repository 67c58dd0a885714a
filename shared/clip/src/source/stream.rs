//! A recording that is one transport stream: it is read in parts that are cut between any packets.

use super::Reader;
use crate::Source;
use crate::error::{Error, Kind, Refusal};
use bytes::Bytes;
use export_media::fmp4::TrackKind;
use export_media::mpd::{
    ByteRange, FileForm, Mpd, ObjectRange, Representation, Segment, SingleStream, single_stream,
};
use export_media::time::{Nanos, Timeline};
use export_media::ts::{
    Known, StreamPart, TICKS, TsCoding, TsError, TsSegment, TsTrack, demux, packet_steps,
};
use std::num::NonZeroU32;

/// Bytes at the beginning of a stream that describe its program, and have its first picture.
const HEAD: u64 = 256 << 10;
/// Bytes at its end in which its last picture is looked for: first, and at most.
const TAIL: u64 = 1 << 20;
const TAIL_MOST: u64 = 64 << 20;
/// Bytes behind a part in which what starts in it ends: first, and at most.
const BEHIND: u64 = 256 << 10;
const BEHIND_MOST: u64 = 16 << 20;

/// Ticks of time stamps in a second.
pub(super) const SCALE: NonZeroU32 = NonZeroU32::new(TICKS).unwrap();

/// The manifest of the stream at `path` in the recording's directory.
pub(super) async fn manifest<O: Source>(reader: &Reader<O>, path: &str) -> Result<Mpd, Error> {
    let size = reader.size(path).await?;
    let head = head(reader, path).await?;
    let (first, step) = packet_steps(&head).map_err(unreadable)?;
    let found = demux(&head, &Known::default()).map_err(unreadable)?;
    let begins = |kind| Some((kind, span(&found, kind)?.0));
    let Some((kind, start)) = begins(TrackKind::Video).or_else(|| begins(TrackKind::Audio)) else {
        return Err(Kind::BadRecording.because("the stream begins with neither a picture nor audio").into());
    };
    let end = end(reader, (path, size), (&head, start), kind).await?;
    let line = Timeline::new(SCALE, start, Nanos::ZERO);
    let length = line.to_nanos_floor(end);
    if length <= Nanos::ZERO {
        return Err(Kind::BadRecording.because("the time stamps of the stream end before they begin").into());
    }
    let [first, step] = [first, step].map(|bytes| u64::try_from(bytes).unwrap_or(0));
    let bytes = ByteRange { first, last: size.saturating_sub(1).max(first) };
    let is_picture = kind == TrackKind::Video;
    Ok(single_stream(&SingleStream { path, is_picture, bytes, step: step.max(1), length })?)
}

/// The first time stamp, and the end of the last unit, of the first track of a kind.
fn span(found: &TsSegment, kind: TrackKind) -> Option<(i64, i64)> {
    let track = of_kind(found, kind).find(|track| !track.units.is_empty())?;
    let samples = track.samples();
    let end = samples.iter().map(|sample| sample.pts.saturating_add(sample.duration.into())).max()?;
    Some((ticks(track, samples.first()?.pts), ticks(track, end)))
}

/// A time of a track in ticks of time stamps.
pub(super) fn ticks(track: &TsTrack, time: i64) -> i64 {
    time.saturating_mul(TICKS.into()) / i64::from(track.timescale)
}

/// The end of the last unit of a kind, in ticks next to `start`.
async fn end<O: Source>(
    reader: &Reader<O>,
    (path, size): (&str, u64),
    (head, start): (&Bytes, i64),
    kind: TrackKind,
) -> Result<i64, Error> {
    let mut tail = TAIL;
    loop {
        let first = size.saturating_sub(tail);
        let range = Some(ByteRange { first, last: size.saturating_sub(1).max(first) });
        let bytes =
            reader.read(&ObjectRange { path: path.to_owned(), range }, tail).await?.unwrap_or_default();
        let part = Some(StreamPart { head, length: bytes.len() });
        let found = demux(&bytes, &Known { near: Some(start), sets: &[], part });
        if let Some((_, end)) = found.ok().and_then(|found| span(&found, kind)) {
            return Ok(end);
        }
        if first == 0 || tail >= TAIL_MOST {
            return Err(Kind::BadRecording
                .because("the end of the stream has nothing that can be read")
                .into());
        }
        tail = tail.saturating_mul(8);
    }
}

fn unreadable(error: TsError) -> Refusal {
    Kind::BadRecording.because(error.to_string())
}

/// The beginning of a stream. It is read once.
async fn head<O: Source>(reader: &Reader<O>, path: &str) -> Result<Bytes, Error> {
    let range = Some(ByteRange { first: 0, last: HEAD - 1 });
    let head = reader.head_of_stream(&ObjectRange { path: path.to_owned(), range }, HEAD).await?;
    Ok(head.ok_or(Refusal::from(Kind::SourceAbsent))?)
}

/// Reads a segment of at most `most` bytes, or a part of a stream; `None` if it does not exist.
pub(super) async fn demuxed<O: Source>(
    reader: &Reader<O>,
    list: &Representation,
    segment: &Segment,
    known: &Known<'_>,
    most: u64,
) -> Result<Option<Result<TsSegment, TsError>>, Error> {
    let (Some(FileForm::Stream), Some(range)) = (list.file, segment.resource.range) else {
        let bytes = reader.shared(&segment.resource, most).await?;
        return Ok(bytes.map(|bytes| demux(&bytes, known)));
    };
    let head = head(reader, &segment.resource.path).await?;
    let length = usize::try_from(range.last - range.first).unwrap_or(usize::MAX).saturating_add(1);
    let mut behind = BEHIND;
    loop {
        let longer = ByteRange { first: range.first, last: range.last.saturating_add(behind) };
        let resource = ObjectRange { path: segment.resource.path.clone(), range: Some(longer) };
        let Some(bytes) = reader.shared(&resource, most.saturating_add(behind)).await? else {
            return Ok(None);
        };
        let is_all = u64::try_from(bytes.len()).is_ok_and(|read| read <= longer.last - longer.first);
        let part = Some(StreamPart { head: &head, length });
        let found = demux(&bytes, &Known { part, ..*known });
        if is_all || behind >= BEHIND_MOST || !found.as_ref().is_ok_and(|found| found.goes_on) {
            return Ok(Some(found));
        }
        behind = behind.saturating_mul(4);
    }
}

/// Reads the first `most` bytes of a segment, or of a part of a stream; `None` if it does not exist.
pub(super) async fn beginning<O: Source>(
    reader: &Reader<O>,
    list: &Representation,
    resource: &ObjectRange,
    (near, most): (Option<i64>, u64),
) -> Result<Option<Result<TsSegment, TsError>>, Error> {
    let first = resource.range.map_or(0, |range| range.first);
    let end = resource.range.map_or(u64::MAX, |range| range.last).min(first.saturating_add(most - 1));
    let part = ObjectRange { path: resource.path.clone(), range: Some(ByteRange { first, last: end }) };
    let Some(bytes) = reader.read(&part, most).await? else { return Ok(None) };
    let head = match list.file {
        Some(FileForm::Stream) => Some(head(reader, &resource.path).await?),
        _ => None,
    };
    let part = head.as_ref().map(|head| StreamPart { head, length: bytes.len() });
    Ok(Some(demux(&bytes, &Known { near, sets: &[], part })))
}

/// The tracks of one kind in codings that are read, in the order of the program.
pub(super) fn of_kind(segment: &TsSegment, kind: TrackKind) -> impl Iterator<Item = &TsTrack> {
    segment.tracks.iter().filter(move |track| track.coding.kind() == kind && is_read(track))
}

pub(super) fn is_read(track: &TsTrack) -> bool {
    !matches!(track.coding, TsCoding::OtherPicture | TsCoding::OtherAudio)
}
