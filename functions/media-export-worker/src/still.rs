//! One picture: the first of the window as JPEG, with as few bytes read as the recording allows.

use crate::decode::{Pictures, decode_all};
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::source::{Reader, Track};
use crate::video::{Setup, VideoFeed, decoder_config};
use crate::window::Window;
use bytes::Bytes;
use export_domain::job::Reason;
use export_domain::ports::SourceStore;
use export_media::ffmpeg::{decode, jpeg};
use export_media::fmp4::{MoofRead, read_moof};
use export_media::mpd::{ByteRange, Resource, Segment};
use export_media::nal::{RandomAccess, classify, to_annex_b};
use export_media::picture::PictureFormat;
use export_media::sample::Sample;
use export_media::time::Nanos;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that nearly always hold a segment's `moof`.
const PREFIX: u64 = 16 << 10;
/// Largest `moof` that is looked for before the whole segment is read instead.
const MOOF_MOST: u64 = 1 << 20;

/// Encodes a raw picture.
pub(crate) async fn to_jpeg(ffmpeg: &Ffmpeg, format: &PictureFormat, raw: &[u8]) -> Result<Bytes, WorkError> {
    let (running, mut input, mut output) = ffmpeg.start(&jpeg(format))?;
    let mut image = Vec::new();
    let write = async {
        input.write_all(raw).await?;
        drop(input);
        Ok(())
    };
    tokio::try_join!(write, output.read_to_end(&mut image))?;
    running.finish().await?;
    Ok(image.into())
}

/// The first picture of the window, or the last one still shown at its start, from everything that `feed` reads.
pub(crate) async fn first_picture<O: SourceStore + 'static>(
    ffmpeg: &Ffmpeg,
    feed: &mut VideoFeed<O>,
    window: Window,
) -> Result<Option<(PictureFormat, Vec<u8>)>, WorkError> {
    let mut taker = First { window, format: None, found: None, shown_at_start: None };
    decode_all(ffmpeg, feed, &mut taker).await?;
    let raw = taker.found.or(taker.shown_at_start);
    Ok(taker.format.zip(raw))
}

struct First {
    window: Window,
    format: Option<PictureFormat>,
    found: Option<Vec<u8>>,
    shown_at_start: Option<Vec<u8>>,
}

impl Pictures for First {
    async fn begin(&mut self, setup: &Setup) -> Result<(), WorkError> {
        self.format = Some(setup.format);
        Ok(())
    }

    async fn picture(&mut self, pts: Nanos, duration: Nanos, raw: &[u8]) -> Result<bool, WorkError> {
        if pts < self.window.start {
            if pts + duration > self.window.start {
                self.shown_at_start = Some(raw.to_vec());
            }
            return Ok(true);
        }
        if pts < self.window.end {
            self.found = Some(raw.to_vec());
        }
        Ok(false)
    }
}

/// The same from byte ranges of one segment. `None` if that is not certain to be the right picture: the segment then
/// holds no random access point before it, the picture may be in another segment, or the layout is unusual.
pub(crate) async fn by_ranges<O: SourceStore>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<O>,
    track: &Track,
    start: Nanos,
) -> Result<Option<(PictureFormat, Vec<u8>)>, WorkError> {
    let Some(segment) = track.segment(track.index_at(start))? else { return Ok(None) };
    let Some(samples) = moof(reader, track, &segment).await? else { return Ok(None) };
    let Some((from, target)) = span(track, &samples, start) else { return Ok(None) };
    let samples = &samples[from..=target];
    let (Some(first), Some(end)) = (samples.first(), samples.iter().map(Sample::end).max()) else {
        return Ok(None);
    };
    let base = samples.iter().map(|s| s.offset).min().unwrap_or(first.offset);
    let Some(bytes) = reader.read(&part(&segment, base, end)).await? else { return Ok(None) };
    let data = |sample: &Sample| {
        let at = usize::try_from(sample.offset - base).ok().zip(usize::try_from(sample.end() - base).ok());
        at.and_then(|(from, to)| bytes.get(from..to)).ok_or(Reason::BadRecording)
    };
    let config = decoder_config(track, first)?;
    let start_picture = classify(config.codec, data(first)?, config.nal_length_size, first.sync)?;
    if start_picture.random_access == RandomAccess::None {
        return Ok(None);
    }
    let Some(format) = config.picture_format(data(first)?)? else {
        return Err(Reason::UnsupportedCodec.into());
    };
    let mut coded = config.parameter_sets.clone();
    let fed: Vec<&Sample> = samples.iter().filter(|s| s.pts >= first.pts).collect();
    for sample in &fed {
        to_annex_b(data(sample)?, config.nal_length_size, &mut coded)?;
    }
    let wanted = samples.last().map_or(0, |s| s.pts);
    let rank = fed.iter().filter(|s| s.pts < wanted).count();
    let raw = picture_at(ffmpeg, &decode(config.codec, &format), &format, &coded, rank).await?;
    Ok(raw.map(|raw| (format, raw)))
}

/// The first fragment's samples, from as few bytes as hold its `moof`. `None` for several fragments in a segment.
async fn moof<O: SourceStore>(
    reader: &Reader<O>,
    track: &Track,
    segment: &Segment,
) -> Result<Option<Vec<Sample>>, WorkError> {
    let whole = segment.resource.range;
    let mut size = PREFIX;
    while size <= MOOF_MOST {
        let first = whole.map_or(0, |range| range.first);
        let Some(prefix) = reader.read(&part(segment, first, first + size)).await? else { return Ok(None) };
        let short = u64::try_from(prefix.len()).unwrap_or(0) < size;
        match read_moof(&track.init, &prefix, first)? {
            MoofRead::Ready { samples, .. } => return Ok(Some(samples)),
            MoofRead::NeedMore { .. } if short => return Ok(None),
            MoofRead::NeedMore { at_least } => size = at_least.max(size + 1).saturating_add(16),
        }
    }
    Ok(None)
}

/// Positions of the sample to start decoding with and of the picture itself, the first at or after `start`.
fn span(track: &Track, samples: &[Sample], start: Nanos) -> Option<(usize, usize)> {
    let pts = |sample: &Sample| track.timeline.to_nanos_floor(sample.pts);
    let target = (0..samples.len()).filter(|n| pts(&samples[*n]) >= start).min_by_key(|n| samples[*n].pts)?;
    let wanted = samples.get(target)?;
    let from = (0..=target).rev().find(|n| samples[*n].sync && samples[*n].pts <= wanted.pts)?;
    // The picture on display before it must be here too, else a later segment might hold one that is shown earlier.
    let before =
        samples.iter().filter(|s| pts(s) < start).map(|s| s.pts.saturating_add(i64::from(s.duration))).max();
    let contiguous = pts(wanted) == start || before.is_some_and(|end| end >= wanted.pts);
    contiguous.then_some((from, target))
}

fn part(segment: &Segment, from: u64, end: u64) -> Resource {
    let most = segment.resource.range.map_or(u64::MAX, |range| range.last);
    let last = end.saturating_sub(1).min(most);
    Resource { path: segment.resource.path.clone(), range: Some(ByteRange { first: from, last }) }
}

/// Decodes everything in `coded` and keeps the picture at `rank` in display order.
async fn picture_at(
    ffmpeg: &Ffmpeg,
    args: &[String],
    format: &PictureFormat,
    coded: &[u8],
    rank: usize,
) -> Result<Option<Vec<u8>>, WorkError> {
    let (running, mut input, mut output) = ffmpeg.start(args)?;
    let write = async {
        input.write_all(coded).await?;
        drop(input);
        Ok::<_, WorkError>(())
    };
    let read = async {
        let mut raw = vec![0; format.frame_bytes()];
        let mut kept = None;
        let mut seen = 0;
        while output.read_exact(&mut raw).await.is_ok() {
            if seen == rank {
                kept = Some(raw.clone());
            }
            seen += 1;
        }
        Ok(kept)
    };
    let ((), kept) = tokio::try_join!(write, read)?;
    running.finish().await?;
    Ok(kept)
}
