//! One picture: the first of the window as JPEG, with as few bytes read as the recording allows.

use crate::codec::decode::{Buffered, CodedSource, Damaged, Latest, Pictures, decode_all};
use crate::codec::picture::{Coded, Item, Setup};
use crate::error::{Error, Kind};
use crate::ffmpeg::Ffmpeg;
use crate::ports::Thumbnail;
use crate::recording::{Recording, Selection};
use crate::source::{Reader, Track};
use crate::video::{PeriodVideo, VideoFeed, coded, pictures, setup_of};
use crate::{Observer, Source};
use bytes::Bytes;
use export_media::cut::Run;
use export_media::ffmpeg::jpeg;
use export_media::nal::RandomAccess;
use export_media::picture::PictureFormat;
use export_media::sample::{Rhythm, Sample};
use export_media::stretch::SOON;
use export_media::time::Nanos;
use export_media::window::Window;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Pictures that are decoded behind the first one of the window, in case that it is damaged.
const SPARE: usize = 8;

/// The first and the last bytes of a JPEG (ITU-T T.81, table B.1).
const START_OF_IMAGE: &[u8] = &[0xff, 0xd8];
const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// A still to make: the first frame of a window.
#[derive(Debug, Clone)]
pub struct Still {
    /// The recording, and the part of it.
    pub selection: Selection,
}

impl Still {
    /// Makes the still.
    ///
    /// # Errors
    /// [`Error`]: what becomes of it.
    pub async fn make<S: Source>(&self, source: Arc<S>, ffmpeg: &Ffmpeg) -> Result<Thumbnail, Error> {
        let source = Recording::open(source, &self.selection).await?;
        let Some(track) = &source.track else {
            source.check_begun()?;
            return Err(source.nothing(Kind::NoVideo.because("the manifest lists no picture")).into());
        };
        source.check_still_edge(track).await?;
        let frame = picture(ffmpeg, &source, track).await?;
        let frame = frame.ok_or_else(|| source.no_picture())?;
        thumbnail(ffmpeg, &source.reader, &frame).await
    }
}

/// A raw picture of what `reader` reads, as JPEG.
async fn thumbnail<S: Source>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<S>,
    (format, raw): &Shown,
) -> Result<Thumbnail, Error> {
    let jpeg = to_jpeg(ffmpeg, format, raw).await?;
    Ok(Thumbnail { jpeg, bytes_read: reader.bytes(), warnings: reader.notes().warnings() })
}

/// Hands the observer the first frame, if it still wants it.
pub(crate) async fn show<S: Source>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<S>,
    frame: &Shown,
    observer: &impl Observer,
) -> Result<(), Error> {
    if observer.wants_first_frame().await {
        observer.first_frame(thumbnail(ffmpeg, reader, frame).await?).await
    } else {
        Ok(())
    }
}

/// The first picture of the window.
pub(crate) async fn picture<S: Source>(
    ffmpeg: &Ffmpeg,
    source: &Recording<S>,
    track: &Track,
) -> Result<Option<Shown>, Error> {
    if let Some(part) = source.video.first()
        && let Some(found) = by_ranges(ffmpeg, &source.reader, track, part).await?
    {
        return Ok(Some(found));
    }
    first_picture(ffmpeg, &mut source.pictures(), source.window).await
}

/// Encodes a raw picture.
async fn to_jpeg(ffmpeg: &Ffmpeg, format: &PictureFormat, raw: &[u8]) -> Result<Bytes, Error> {
    let mut image = Vec::new();
    let refused = |complaint| Kind::NotPossible.because(format!("the JPEG encoder: {complaint}")).into();
    ffmpeg.run(&jpeg(format), &[raw], &mut image).await.map_err(|error| error.or(refused))?;
    // Its exit status is no proof that all of it went out.
    if image.starts_with(START_OF_IMAGE) && image.ends_with(END_OF_IMAGE) {
        Ok(image.into())
    } else {
        Err(Error::Unexplained(format!(
            "the JPEG encoder gave {} bytes that are no whole picture",
            image.len()
        )))
    }
}

/// The first picture of the window, or the last one still shown at its start, from everything that `feed` reads.
async fn first_picture<O: Source>(
    ffmpeg: &Ffmpeg,
    feed: &mut VideoFeed<O>,
    window: Window,
) -> Result<Option<Shown>, Error> {
    let mut shown_at_start = None;
    let mut next = feed.next().await?;
    while let Some(Item::Start(setup, first)) = next {
        let most = setup.rhythm.reorder + SPARE;
        let (pictures, following) = beginning(feed, first, window.start, most).await?;
        let taken = decoded(ffmpeg, &setup, &pictures, window).await?;
        if taken.found.is_some() {
            return Ok(taken.found);
        }
        shown_at_start = taken.shown_at_start.or(shown_at_start);
        next = following;
        while let Some(Item::Sample(_)) = next {
            next = feed.next().await?;
        }
    }
    Ok(shown_at_start)
}

/// The pictures of a stretch up to the first ones from `start` on, `most` of them and one more, and what comes next.
async fn beginning<O: Source>(
    feed: &mut VideoFeed<O>,
    first: Coded,
    start: Nanos,
    most: usize,
) -> Result<(Vec<Coded>, Option<Item>), Error> {
    let mut later = usize::from(first.pts >= start);
    let mut pictures = vec![first];
    loop {
        match feed.next().await? {
            Some(Item::Sample(coded)) if later <= most => {
                later += usize::from(coded.pts >= start);
                pictures.push(coded);
            }
            next => {
                if let Some(cut) = feed.take_cut() {
                    let lost = pictures.iter_mut().filter(|picture| picture.pts >= cut);
                    lost.for_each(|picture| picture.shown = false);
                }
                return Ok((pictures, next));
            }
        }
    }
}

/// Decodes the beginning of a stretch. Of damaged pictures, what a decoder gives of them.
async fn decoded(
    ffmpeg: &Ffmpeg,
    setup: &Arc<Setup>,
    pictures: &[Coded],
    window: Window,
) -> Result<FirstShown, Error> {
    let before = pictures.iter().filter(|picture| picture.shown && picture.pts < window.start);
    let from = before.map(|picture| picture.pts).max().unwrap_or(window.start);
    let feed = || {
        let shown = |picture: &Coded| picture.shown && picture.pts >= from;
        let fed = pictures.iter().map(|picture| Coded { shown: shown(picture), ..picture.clone() });
        Buffered::new(Arc::clone(setup), fed)
    };
    let mut taker = FirstShown::new(window, setup.format);
    let adds_up = match decode_all(ffmpeg, &mut feed(), &mut taker).await {
        Ok(true) => return Ok(taker),
        Ok(false) => true,
        Err(Error::GivenUp(_)) => false,
        Err(error) => return Err(error),
    };
    if let Some(damaged) = Damaged::list(ffmpeg, pictures, adds_up).await? {
        taker = FirstShown::new(window, setup.format);
        decode_all(ffmpeg, &mut feed().given_by(Some(Arc::new(damaged))), &mut taker).await?;
    }
    Ok(taker)
}

/// A raw picture and its format.
pub(crate) type Shown = (PictureFormat, Vec<u8>);

struct FirstShown {
    window: Window,
    format: PictureFormat,
    found: Option<Shown>,
    shown_at_start: Option<Shown>,
}

impl FirstShown {
    fn new(window: Window, format: PictureFormat) -> Self {
        Self { window, format, found: None, shown_at_start: None }
    }
}

impl Pictures for FirstShown {
    async fn begin(&mut self, _: &Setup) -> Result<(), Error> {
        Ok(())
    }

    async fn picture(&mut self, pts: Nanos, duration: Nanos, raw: &[u8]) -> Result<bool, Error> {
        if pts < self.window.start {
            if pts + duration > self.window.start {
                self.shown_at_start = Some((self.format, raw.to_vec()));
            }
        } else if pts < self.window.end && self.found.is_none() {
            self.found = Some((self.format, raw.to_vec()));
        }
        // Whether it is the right one shows only when all are decoded.
        Ok(true)
    }
}

/// The same from byte ranges of one segment. `None` if that is not certain to be the right picture: the segment then
/// holds no random access point before it, the picture may be in another segment or Period, or the layout is unusual.
async fn by_ranges<O: Source>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<O>,
    track: &Track,
    part: &PeriodVideo,
) -> Result<Option<(PictureFormat, Vec<u8>)>, Error> {
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
    let coded = samples.map(|(sample, picture)| Ok(coded(track, &media, sample, picture)?.access()));
    let coded = coded.collect::<Result<Vec<_>, Error>>()?;
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
    match decode_all(ffmpeg, &mut Buffered::new(setup, feed), &mut taker).await {
        Ok(true) => Ok(taker.take().map(|raw| (format, raw))),
        Ok(false) | Err(Error::GivenUp(_)) => Ok(None),
        Err(error) => Err(error),
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
