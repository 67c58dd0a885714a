//! One picture: the first of the window as JPEG, with as few bytes read as the recording allows.

use crate::codec::decode::{CodedSource, Damaged, Footage, PictureTracks};
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
use export_media::ffmpeg::WantedTracks;
use export_media::nal::RandomAccess;
use export_media::sample::{Rhythm, Sample};
use export_media::stretch::SOON;
use export_media::time::Nanos;
use export_media::window::Window;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Pictures that are decoded behind the first one of the window, in case that it is damaged.
const SPARE: usize = 8;

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
        Ok(thumbnail(&source.reader, frame))
    }
}

/// A picture of what `reader` reads.
fn thumbnail<S: Source>(reader: &Reader<S>, jpeg: Bytes) -> Thumbnail {
    Thumbnail { jpeg, bytes_read: reader.bytes(), warnings: reader.notes().warnings() }
}

/// Hands the observer the first frame, if it still wants it.
pub(crate) async fn show<S: Source>(
    reader: &Reader<S>,
    jpeg: Bytes,
    observer: &impl Observer,
) -> Result<(), Error> {
    if observer.wants_first_frame().await {
        observer.first_frame(thumbnail(reader, jpeg)).await
    } else {
        Ok(())
    }
}

/// The first picture of the window.
pub(crate) async fn picture<S: Source>(
    ffmpeg: &Ffmpeg,
    source: &Recording<S>,
    track: &Track,
) -> Result<Option<Bytes>, Error> {
    if let Some(part) = source.video.first()
        && let Some(found) = by_ranges(ffmpeg, &source.reader, track, part).await?
    {
        return Ok(Some(found));
    }
    first_picture(ffmpeg, &mut source.pictures(), source.window).await
}

/// The first picture of the window, or the last one still shown at its start, from everything that `feed` reads.
async fn first_picture<O: Source>(
    ffmpeg: &Ffmpeg,
    feed: &mut VideoFeed<O>,
    window: Window,
) -> Result<Option<Bytes>, Error> {
    let mut shown_at_start = None;
    let mut next = feed.next().await?;
    while let Some(Item::Start(setup, first)) = next {
        let most = setup.rhythm.reorder + SPARE;
        let (pictures, following) = beginning(feed, first, window.start, most).await?;
        match decoded(ffmpeg, &setup, &pictures, window).await? {
            Some((FirstShown::Within(_), jpeg)) => return Ok(Some(jpeg)),
            Some((FirstShown::Before(_), jpeg)) => shown_at_start = Some(jpeg),
            None => {}
        }
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

/// The first picture of the beginning of a stretch, and where it stands. Of damaged pictures, of those that a decoder gives.
async fn decoded(
    ffmpeg: &Ffmpeg,
    setup: &Arc<Setup>,
    pictures: &[Coded],
    window: Window,
) -> Result<Option<(FirstShown, Bytes)>, Error> {
    let footage = || Footage::new(Arc::clone(setup), pictures.iter().cloned());
    let (found, adds_up) = match chosen(ffmpeg, setup, &footage(), window).await {
        Ok((found, true)) => return Ok(found),
        Ok((found, false)) => (found, true),
        Err(Error::GivenUp(_)) => (None, false),
        Err(error) => return Err(error),
    };
    match Damaged::list(ffmpeg, pictures, adds_up).await? {
        Some(damaged) => {
            let footage = footage().given_by(Some(damaged));
            chosen(ffmpeg, setup, &footage, window).await.map(|(found, _)| found)
        }
        None => Ok(found),
    }
}

/// The number of the first picture of a window among those that a decoder gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstShown {
    /// It is shown from within the window on.
    Within(usize),
    /// It is on display at its start.
    Before(usize),
}

impl FirstShown {
    /// In pictures that are shown for so long, in display order.
    fn of(order: &[(Nanos, Option<Nanos>)], window: Window) -> Option<Self> {
        let shown = || (0..).zip(order).filter_map(|(n, (pts, shown))| Some((n, *pts, (*shown)?)));
        let on_display = |(_, pts, duration): &(usize, Nanos, Nanos)| *pts + *duration > window.start;
        if let Some((n, ..)) = shown().find(|(_, pts, _)| (window.start..window.end).contains(pts)) {
            return Some(Self::Within(n));
        }
        let before = shown().take_while(|(_, pts, _)| *pts < window.start).last();
        before.filter(on_display).map(|(n, ..)| Self::Before(n))
    }
}

/// The first picture of the window in `footage`; also says whether the decoder had nothing to complain about.
async fn chosen(
    ffmpeg: &Ffmpeg,
    setup: &Setup,
    footage: &Footage,
    window: Window,
) -> Result<(Option<(FirstShown, Bytes)>, bool), Error> {
    let Some(place) = FirstShown::of(footage.order(), window) else { return Ok((None, true)) };
    let (FirstShown::Within(n) | FirstShown::Before(n)) = place;
    let PictureTracks { stills, silent, .. } = still_of(ffmpeg, setup, footage, n).await?;
    Ok((stills.into_iter().next().map(|jpeg| (place, jpeg)), silent))
}

/// The JPEG of the `n`-th picture in display order. All are decoded: whether it is the right one shows only then.
pub(crate) async fn still_of(
    ffmpeg: &Ffmpeg,
    setup: &Setup,
    footage: &Footage,
    n: usize,
) -> Result<PictureTracks, Error> {
    let wanted = WantedTracks { first: n, still: Some(n), ..WantedTracks::default() };
    let refused = |complaint| Kind::NotPossible.because(format!("the JPEG encoder: {complaint}")).into();
    footage.through(ffmpeg, &setup.format, &wanted, |_| ()).await.map_err(|error| error.or(refused))
}

/// The same from byte ranges of one segment. `None` if that is not certain to be the right picture: the segment then
/// holds no random access point before it, the picture may be in another segment or Period, or the layout is unusual.
async fn by_ranges<O: Source>(
    ffmpeg: &Ffmpeg,
    reader: &Reader<O>,
    track: &Track,
    part: &PeriodVideo,
) -> Result<Option<Bytes>, Error> {
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
    let coded = samples.map(|(sample, picture)| Ok(coded(track, &media, (sample, None), picture)?.access()));
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
    let led = first.pts;
    let run = coded.into_iter().filter(|access| access.pts >= led).collect();
    let Some(run) = Run::whole(run, wanted, wanted + Nanos::new(1)) else { return Ok(None) };
    let setup = Arc::new(setup);
    let footage = Footage::new(Arc::clone(&setup), run.feed.into_iter().map(|access| access.item));
    let Some(n) = footage.order().iter().position(|(pts, _)| *pts == wanted) else { return Ok(None) };
    match still_of(ffmpeg, &setup, &footage, n).await {
        Ok(PictureTracks { stills, silent: true, .. }) => Ok(stills.into_iter().next()),
        Ok(_) | Err(Error::GivenUp(_)) => Ok(None),
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
