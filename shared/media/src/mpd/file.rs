//! The manifest of a recording that is one file.

use super::named::{Named, NamedSegment};
use super::segments::{Addressing, MediaAddress, UrlRef};
use super::timeline::TimelineRun;
use super::{ByteRange, ContentType, FileForm, Mpd, MpdError, Period, Placing, Representation};
use crate::time::{Nanos, Timeline, clamp};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Length of the parts that a stream is read in, in microseconds, and their least and greatest number of bytes.
const PART_MICROS: u64 = 4_000_000;
const LEAST_PART: u64 = 256 << 10;
const MOST_PART: u64 = 16 << 20;
/// The most parts.
const MOST_PARTS: u64 = 1 << 17;
/// Microseconds in a second.
const SCALE: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// A file with all of a recording.
#[derive(Debug, Clone, Copy)]
pub struct SingleFile<'a> {
    /// Its place in the recording's directory.
    pub path: &'a str,
    /// There is a picture in it.
    pub is_picture: bool,
    /// Pixels of the picture.
    pub size: Option<(u32, u32)>,
    /// Bits a second; 0 if they are not known.
    pub bandwidth: u64,
    /// The place of its description.
    pub init: ByteRange,
    /// The place of an index of its fragments; without one its description has tables of all samples.
    pub index: Option<ByteRange>,
    /// Its length; `None` if that is not known.
    pub length: Option<Nanos>,
}

/// The recording that is one file: presentation time zero is that of the file.
pub fn single_file(file: &SingleFile<'_>) -> Mpd {
    let micros = file.length.map(|length| clamp(length.get().div_euclid(1000)).max(1));
    let run = TimelineRun {
        index: 0,
        ordinal: 0,
        number: None,
        time: 0,
        duration: micros.unwrap_or(i64::MAX),
        count: Some(1),
    };
    let addressing = Addressing {
        base: file.path.to_owned(),
        media: MediaAddress::Single,
        runs: Arc::new([run]),
        end: micros,
        nominal: false,
        start_number: 1,
        end_number: None,
        index_range: file.index,
        initialization: Some(UrlRef { reference: None, range: Some(file.init) }),
        init_template: None,
    };
    let representation = Representation {
        width: file.size.map(|(width, _)| width),
        height: file.size.map(|(_, height)| height),
        file: file.index.is_none().then_some(FileForm::Tables),
        ..listed(file.path, file.is_picture, file.bandwidth, addressing)
    };
    recording(representation, file.length, None)
}

/// A transport stream with all of a recording.
#[derive(Debug, Clone, Copy)]
pub struct SingleStream<'a> {
    /// Its place in the recording's directory.
    pub path: &'a str,
    /// There is a picture in it.
    pub is_picture: bool,
    /// Its bytes from the first packet on.
    pub bytes: ByteRange,
    /// Bytes from one packet to the next.
    pub step: u64,
    /// Its length.
    pub length: Nanos,
}

/// The recording that is one transport stream, in parts of a few seconds: presentation time zero is its first picture.
///
/// # Errors
/// [`MpdError::BadTimeline`] for lengths beyond 292,000 years.
pub fn single_stream(stream: &SingleStream<'_>) -> Result<Mpd, MpdError> {
    let total = stream.bytes.last.saturating_sub(stream.bytes.first).saturating_add(1);
    let micros = u64::try_from(stream.length.get().div_euclid(1000)).unwrap_or(0).max(1);
    let bytes_in =
        |micros_in: u64| u64::try_from(u128::from(total) * u128::from(micros_in) / u128::from(micros));
    let wanted =
        bytes_in(PART_MICROS).unwrap_or(u64::MAX).clamp(LEAST_PART, MOST_PART).max(total / MOST_PARTS);
    let part = wanted.div_ceil(stream.step).saturating_mul(stream.step);
    let name: Arc<str> = stream.path.rsplit('/').next().unwrap_or(stream.path).replace('%', "%25").into();
    let starts = (0..total.div_ceil(part)).map(|n| n.saturating_mul(part));
    let segments: Vec<NamedSegment> = starts
        .map(|start| {
            let length = part.min(total.saturating_sub(start));
            let first = stream.bytes.first.saturating_add(start);
            let range = ByteRange { first, last: first.saturating_add(length).saturating_sub(1) };
            let share = u128::from(micros) * u128::from(length) / u128::from(total);
            NamedSegment {
                duration: i64::try_from(share).unwrap_or(i64::MAX).max(1),
                gap: false,
                url: UrlRef { reference: Some(Arc::clone(&name)), range: Some(range) },
            }
        })
        .collect();
    let named = Named { path: stream.path, start: Nanos::ZERO, init: None, segments: &segments, dates: &[] };
    let (timeline, addressing) = named.addressing()?;
    let length = segments.first().map_or(0, |first| first.duration);
    let bandwidth = bytes_in(8_000_000).unwrap_or(u64::MAX);
    let representation = Representation {
        timeline,
        // Bytes say little of times where the bit rate varies.
        rounding: Nanos::new(i128::from(length) * 4000),
        file: Some(FileForm::Stream),
        ..listed(stream.path, stream.is_picture, bandwidth, addressing)
    };
    let placing = Placing { anchors: Arc::new([(0, Nanos::ZERO)]), follows: false };
    Ok(recording(representation, Some(stream.length), Some(placing)))
}

/// A Representation that is all of a recording.
fn listed(path: &str, is_picture: bool, bandwidth: u64, addressing: Addressing) -> Representation {
    Representation {
        id: path.to_owned(),
        adaptation_set: 0,
        content: if is_picture { ContentType::Video } else { ContentType::Audio },
        codecs: String::new(),
        bandwidth,
        width: None,
        height: None,
        frame_rate: None,
        audio_sampling_rate: None,
        lang: None,
        label: None,
        roles: Arc::default(),
        trick_mode: false,
        encrypted: false,
        timeline: Timeline::new(SCALE, 0, Nanos::ZERO),
        media: None,
        rounded: Nanos::ZERO,
        rounding: Nanos::ZERO,
        measured: None,
        file: None,
        addressing,
    }
}

fn recording(representation: Representation, length: Option<Nanos>, placing: Option<Placing>) -> Mpd {
    let period = Period {
        id: None,
        start: Nanos::ZERO,
        duration: length,
        representations: vec![representation],
        placing,
    };
    Mpd {
        dynamic: false,
        availability_start: None,
        publish_time: None,
        media_presentation_duration: length,
        minimum_update_period: None,
        periods: vec![period],
    }
}
