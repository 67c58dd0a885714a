//! One picture: the first of the window as JPEG, with as few bytes read as the recording allows.

use crate::decode::{Pictures, Prepared, decode_all};
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::source::{Reader, Track};
use crate::video::{Coded, Part, Setup, VideoFeed, pictures, setup_of};
use crate::window::Window;
use bytes::Bytes;
use export_domain::job::Reason;
use export_domain::ports::SourceStore;
use export_media::cut::Run;
use export_media::ffmpeg::jpeg;
use export_media::nal::RandomAccess;
use export_media::picture::PictureFormat;
use export_media::sample::{Rhythm, Sample};
use export_media::stretch::SOON;
use export_media::time::Nanos;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a JPEG starts and ends with (ITU-T T.81, table B.1).
const START_OF_IMAGE: &[u8] = &[0xff, 0xd8];
const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

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
    let refused = |complaint| Reason::NotPossible.because(format!("the JPEG encoder: {complaint}")).into();
    running.finish().await.map_err(|error| error.or(refused))?;
    // Its exit status is no proof that all of it went out.
    if image.starts_with(START_OF_IMAGE) && image.ends_with(END_OF_IMAGE) {
        Ok(image.into())
    } else {
        Err(WorkError::Unexplained(format!(
            "the JPEG encoder gave {} bytes that are no whole picture",
            image.len()
        )))
    }
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
/// holds no random access point before it, the picture may be in another segment or Period, or the layout is unusual.
pub(crate) async fn by_ranges<O: SourceStore>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<O>,
    track: &Track,
    part: &Part,
) -> Result<Option<(PictureFormat, Vec<u8>)>, WorkError> {
    let start = part.from;
    if part.starts_period {
        return Ok(None);
    }
    let Some(segment) = track.segment(track.index_at(start))? else { return Ok(None) };
    let Some(fragment) = track.first_fragment(reader, &segment).await? else { return Ok(None) };
    let Some((from, target)) = span(track, &fragment.samples, start) else { return Ok(None) };
    let Some(media) = track.read_samples(reader, &segment, fragment, from..=target).await? else {
        return Ok(None);
    };
    let pictures = pictures(track, reader, &segment, &media)?;
    // What is damaged is judged with all that is around it.
    if media.damaged || pictures.iter().any(|picture| picture.slices == 0) {
        return Ok(None);
    }
    let samples = media.samples.iter().zip(pictures);
    let coded = samples.map(|(sample, picture)| Ok(Coded::of(track, &media, sample, picture)?.access()));
    let coded = coded.collect::<Result<Vec<_>, WorkError>>()?;
    let (Some(first), Some(wanted)) = (coded.first(), coded.last().map(|access| access.pts)) else {
        return Ok(None);
    };
    if first.picture.random_access == RandomAccess::None || !part.bounds().hold(wanted) {
        return Ok(None);
    }
    let Some(setup) = setup_of(track, &media.samples[0], &first.item, Rhythm::of(&media.samples))? else {
        return Ok(None);
    };
    let setup = Arc::new(setup);
    let format = setup.format;
    let led = first.pts;
    let run = coded.into_iter().filter(|access| access.pts >= led).collect();
    let Some(run) = Run::whole(run, wanted, wanted + Nanos::new(1)) else { return Ok(None) };
    let mut taker = Latest::default();
    let feed = run.feed.into_iter().map(|access| Coded { shown: access.pts == wanted, ..access.item });
    decode_all(ffmpeg, &mut Prepared::new(setup, feed), &mut taker).await?;
    Ok(taker.take().map(|raw| (format, raw)))
}

/// Keeps the picture shown last.
#[derive(Debug, Default)]
pub(crate) struct Latest(Option<Vec<u8>>);

impl Latest {
    pub(crate) fn take(self) -> Option<Vec<u8>> {
        self.0
    }
}

impl Pictures for Latest {
    async fn begin(&mut self, _: &Setup) -> Result<(), WorkError> {
        Ok(())
    }

    async fn picture(&mut self, _: Nanos, _: Nanos, raw: &[u8]) -> Result<bool, WorkError> {
        self.0 = Some(raw.to_vec());
        Ok(true)
    }
}

/// Positions of the sample to start decoding with and of the picture itself, the first at or after `start`.
fn span(track: &Track, samples: &[Sample], start: Nanos) -> Option<(usize, usize)> {
    let pts = |sample: &Sample| track.timeline.to_nanos_floor(sample.pts);
    // Which of two pictures with one time has the wrong one, their order does not tell.
    let times: BTreeSet<i64> = samples.iter().map(|sample| sample.pts).collect();
    if times.len() < samples.len() {
        return None;
    }
    let target = (0..samples.len()).filter(|n| pts(&samples[*n]) >= start).min_by_key(|n| samples[*n].pts)?;
    let wanted = samples.get(target)?;
    let from = (0..=target).rev().find(|n| samples[*n].sync && samples[*n].pts <= wanted.pts)?;
    if pts(wanted) - start > SOON {
        return None;
    }
    // The picture on display before it must be here too, else a later segment might hold one that is shown earlier.
    let before =
        samples.iter().filter(|s| pts(s) < start).map(|s| s.pts.saturating_add(i64::from(s.duration))).max();
    let contiguous = pts(wanted) == start || before.is_some_and(|end| end >= wanted.pts);
    contiguous.then_some((from, target))
}
