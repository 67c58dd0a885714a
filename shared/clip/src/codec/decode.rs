//! The decoder: coded pictures in, raw pictures out, each with its time.
//!
//! ffmpeg is told no times. It gives one picture for each that it was fed, in display order, so the n-th picture has
//! the n-th smallest presentation time; a picture too few or too many ends the work.

mod damaged;

pub(crate) use damaged::Damaged;

use crate::codec::picture::{Coded, Item, Setup};
use crate::error::Error;
use crate::error::Kind;
use crate::ffmpeg::{Ffmpeg, Running, Stdin, Stdout};
use bytes::Bytes;
use export_media::ffmpeg::{decode, decode_damaged};
use export_media::picture::PictureFormat;
use export_media::time::Nanos;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Gives coded pictures in decode order.
pub(crate) trait CodedSource: Send {
    /// The next picture to decode; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Item>, Error>> + Send;

    /// From which presentation time on the pictures of the stretch that just ended are not to be shown.
    fn take_cut(&mut self) -> Option<Nanos> {
        None
    }

    /// The format of all pictures, if not that of the first.
    fn wanted(&self) -> Option<PictureFormat> {
        None
    }

    /// The number of pictures, the first in display order, that are known to be of no interest.
    fn idle(&self) -> usize {
        0
    }

    /// The pictures that a decoder gives of the only stretch, if they are known to be fewer than it is fed.
    fn damaged(&self) -> Option<&Damaged> {
        None
    }
}

/// Coded pictures that are all there: one stretch.
pub(crate) struct Buffered {
    setup: Option<Arc<Setup>>,
    pictures: std::vec::IntoIter<Coded>,
    wanted: Option<PictureFormat>,
    idle: usize,
    damaged: Option<Arc<Damaged>>,
}

impl Buffered {
    /// The first of `pictures` can be decoded by itself.
    pub(crate) fn new(setup: Arc<Setup>, pictures: impl IntoIterator<Item = Coded>) -> Self {
        let pictures: Vec<Coded> = pictures.into_iter().collect();
        let from = pictures.iter().filter(|picture| picture.shown).map(|picture| picture.pts).min();
        let idle = pictures.iter().filter(|picture| from.is_some_and(|from| picture.pts < from)).count();
        let pictures = pictures.into_iter();
        Self { setup: Some(setup), pictures, wanted: None, idle, damaged: None }
    }

    /// The pictures are scaled to this format.
    pub(crate) fn like(self, format: PictureFormat) -> Self {
        Self { wanted: Some(format), ..self }
    }

    /// The same pictures, or those of them that a decoder gives of `damaged` ones.
    pub(crate) fn given_by(self, damaged: Option<Arc<Damaged>>) -> Self {
        let idle = if damaged.is_some() { 0 } else { self.idle };
        Self { idle, damaged, ..self }
    }
}

impl CodedSource for Buffered {
    async fn next(&mut self) -> Result<Option<Item>, Error> {
        let Some(coded) = self.pictures.next() else { return Ok(None) };
        Ok(Some(match self.setup.take() {
            Some(setup) => Item::Start(setup, coded),
            None => Item::Sample(coded),
        }))
    }

    fn wanted(&self) -> Option<PictureFormat> {
        self.wanted
    }

    fn idle(&self) -> usize {
        self.idle
    }

    fn damaged(&self) -> Option<&Damaged> {
        self.damaged.as_deref()
    }
}

/// Takes raw pictures in display order.
pub(crate) trait Pictures: Send {
    /// Pictures of this kind will come; called once.
    fn begin(&mut self, setup: &Setup) -> impl Future<Output = Result<(), Error>> + Send;

    /// The next picture, on display from `pts` for `duration`. `false` stops the decoding.
    fn picture(
        &mut self,
        pts: Nanos,
        duration: Nanos,
        raw: &[u8],
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// Keeps the picture shown last.
#[derive(Debug, Default)]
pub(crate) struct Latest(Option<Vec<u8>>);

impl Latest {
    /// The picture; `None` if none was shown.
    pub(crate) fn take(self) -> Option<Vec<u8>> {
        self.0
    }
}

impl Pictures for Latest {
    async fn begin(&mut self, _: &Setup) -> Result<(), Error> {
        Ok(())
    }

    async fn picture(&mut self, _: Nanos, _: Nanos, raw: &[u8]) -> Result<bool, Error> {
        self.0 = Some(raw.to_vec());
        Ok(true)
    }
}

/// The end of a decoder.
enum Decoded {
    /// With the stretch; what comes next.
    Over(Option<Item>),
    /// The pictures' taker has enough.
    Stopped,
}

/// Decodes all that `feed` has. Later stretches are scaled to the first one's format.
///
/// Says whether the decoder had nothing to complain about: if it had, there may be one picture too few and one too
/// many.
pub(crate) async fn decode_all(
    ffmpeg: &Ffmpeg,
    feed: &mut impl CodedSource,
    pictures: &mut impl Pictures,
) -> Result<bool, Error> {
    let mut silent = true;
    let mut next = feed.next().await?;
    let mut format: Option<PictureFormat> = None;
    while let Some(Item::Start(setup, first)) = next {
        if format.is_none() {
            pictures.begin(&setup).await?;
        }
        let format = format.get_or_insert(feed.wanted().unwrap_or(setup.format));
        let (decoded, silently) = decode_stretch(ffmpeg, feed, &setup, format, first, pictures).await?;
        silent &= silently;
        next = match decoded {
            Decoded::Over(next) => next,
            Decoded::Stopped => None,
        };
    }
    Ok(silent)
}

/// The arguments of a decoder of such pictures.
fn arguments(setup: &Setup, format: &PictureFormat, idle: usize, damaged: bool) -> Vec<String> {
    if damaged {
        decode_damaged(&setup.format, format)
    } else {
        decode(setup.config.codec, &setup.format, format, idle)
    }
}

/// The pictures that a decoder was fed and has not given yet, in display order.
///
/// A decoder gives pictures without times: the n-th one has the n-th smallest time of all that it was fed.
#[derive(Debug)]
struct DisplayQueue {
    /// Presentation time to duration; `None` for a picture that is decoded but not shown.
    pictures: BTreeMap<Nanos, Option<Nanos>>,
    /// The number of pictures, the first in display order, that the decoder leaves out.
    idle: usize,
    /// Set once the decoder gave a picture.
    given: bool,
}

impl DisplayQueue {
    fn new(idle: usize) -> Self {
        Self { pictures: BTreeMap::new(), idle, given: false }
    }

    /// Adds a picture that the decoder was fed.
    fn push(&mut self, pts: Nanos, shown: Option<Nanos>) {
        self.pictures.insert(pts, shown);
    }

    /// Hides the pictures from `cut` on that the decoder has not given.
    fn hide_from(&mut self, cut: Nanos) {
        self.pictures.range_mut(cut..).for_each(|(_, shown)| *shown = None);
    }

    /// Takes the picture that the decoder gives next; `None` if it was fed no more.
    fn pop(&mut self) -> Option<(Nanos, Option<Nanos>)> {
        self.given = true;
        for _ in 0..std::mem::take(&mut self.idle) {
            self.pictures.pop_first();
        }
        self.pictures.pop_first()
    }
}

async fn decode_stretch(
    ffmpeg: &Ffmpeg,
    feed: &mut impl CodedSource,
    setup: &Setup,
    format: &PictureFormat,
    entry: Coded,
    pictures: &mut impl Pictures,
) -> Result<(Decoded, bool), Error> {
    let idle = feed.idle();
    let known = feed.damaged().map(|damaged| (damaged.file.clone(), damaged.given.clone()));
    let args = arguments(setup, format, idle, known.is_some());
    ffmpeg.check_fits(&setup.sps, format)?;
    let (running, input, mut output) = ffmpeg.start(&args)?;
    let queue = Mutex::new(DisplayQueue::new(idle));
    let write = feed_decoder(feed, entry, known, input, &queue);
    let read = take_pictures(&mut output, format, pictures, &queue);
    let (stopped, next) = both(write, read).await?;
    let queue = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
    conclude(running, stopped, next.map(Decoded::Over), &queue).await
}

/// Feeds a decoder a stretch that starts with `entry`: its pictures or, if it is `known` to be damaged, a file of them
/// and the times of those that the decoder gives. Returns the item behind the stretch.
async fn feed_decoder(
    feed: &mut impl CodedSource,
    entry: Coded,
    known: Option<(Vec<Bytes>, Vec<Nanos>)>,
    mut input: Stdin,
    queue: &Mutex<DisplayQueue>,
) -> Result<Option<Item>, Error> {
    let (mut sample, mut first) = (entry, true);
    loop {
        if known.as_ref().is_none_or(|(_, given)| given.binary_search(&sample.pts).is_ok()) {
            lock(queue).push(sample.pts, sample.shown.then_some(sample.duration));
        }
        if known.is_none() {
            input.write_all(&sample.annex_b(first)?).await?;
        }
        first = false;
        match feed.next().await? {
            Some(Item::Sample(next)) => sample = next,
            other => {
                for part in known.iter().flat_map(|(file, _)| file) {
                    input.write_all(part).await?;
                }
                if let Some(cut) = feed.take_cut() {
                    lock(queue).hide_from(cut);
                }
                return Ok(other);
            }
        }
    }
}

/// Hands over the pictures that a decoder gives and that are shown; `true` if no more are wanted.
async fn take_pictures(
    output: &mut Stdout,
    format: &PictureFormat,
    pictures: &mut impl Pictures,
    queue: &Mutex<DisplayQueue>,
) -> Result<bool, Error> {
    let mut raw = vec![0; format.frame_bytes()];
    while read_picture(output, &mut raw).await? {
        let next = lock(queue).pop();
        let (pts, shown) =
            next.ok_or_else(|| undecodable("the decoder gives more pictures than it is fed"))?;
        let Some(duration) = shown else { continue };
        if !pictures.picture(pts, duration, &raw).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Feeds a decoder and takes its pictures at the same time: what comes next once all is fed, and how taking ended.
async fn both<N>(
    write: impl Future<Output = Result<N, Error>>,
    read: impl Future<Output = Result<bool, Error>>,
) -> Result<(Result<bool, Error>, Option<N>), Error> {
    tokio::pin!(write, read);
    let mut next = None;
    loop {
        // Not by chance: a simulation's seed decides everything.
        tokio::select! {
            biased;
            written = &mut write, if next.is_none() => next = Some(written?),
            stopped = &mut read => return Ok((stopped, next)),
        }
    }
}

/// Judges the end of a decoder: `stopped` is the answer of its pictures' taker, `over` that it was fed the whole
/// stretch, `queue` the pictures that it did not give. Also says whether it had nothing to complain about.
async fn conclude(
    running: Running,
    stopped: Result<bool, Error>,
    over: Option<Decoded>,
    queue: &DisplayQueue,
) -> Result<(Decoded, bool), Error> {
    let refused = |complaint: String| undecodable(&format!("the decoder: {complaint}"));
    let stopped = match stopped {
        // How it ended may say more.
        Err(Error::Unexplained(why)) => {
            running.finish().await.map_err(|error| error.or(refused))?;
            return Err(Error::Unexplained(why));
        }
        stopped => stopped?,
    };
    if stopped {
        return Ok((Decoded::Stopped, true));
    }
    let silent = running.finish_silently().await.map_err(|error| error.or(refused))?;
    match over {
        Some(over) if queue.pictures.is_empty() => Ok((over, silent)),
        _ => Err(lost_pictures(queue, silent)),
    }
}

/// Why a decoder gave fewer pictures than it was fed. One that cannot decode says so.
fn lost_pictures(queue: &DisplayQueue, silent: bool) -> Error {
    if silent && !queue.given {
        return Error::Unexplained("the decoder gave nothing and said nothing".to_owned());
    }
    undecodable(&format!("the decoder gives {} pictures fewer than it is fed", queue.pictures.len()))
}

fn undecodable(why: &str) -> Error {
    Kind::BadRecording.because(why).into()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fills `raw` with the next picture; `false` at the end.
pub(crate) async fn read_picture(output: &mut Stdout, raw: &mut [u8]) -> Result<bool, Error> {
    let mut filled = 0;
    while filled < raw.len() {
        match output.read(&mut raw[filled..]).await? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(Error::Unexplained("the decoder ended within a picture".to_owned())),
            read => filled += read,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(queue: &mut DisplayQueue) -> Vec<(i128, bool)> {
        std::iter::from_fn(|| queue.pop()).map(|(pts, shown)| (pts.get(), shown.is_some())).collect()
    }

    fn queue(idle: usize) -> DisplayQueue {
        let mut queue = DisplayQueue::new(idle);
        // In decode order: an I picture, and B pictures that are shown before the P picture.
        for pts in [0, 3, 1, 2] {
            queue.push(Nanos::new(pts), Some(Nanos::new(1)));
        }
        queue
    }

    #[test]
    fn pictures_come_in_display_order() {
        let mut queue = queue(0);
        assert!(!queue.given);
        assert_eq!(times(&mut queue), [(0, true), (1, true), (2, true), (3, true)]);
        assert!(queue.given && queue.pictures.is_empty());
    }

    #[test]
    fn pictures_that_the_decoder_leaves_out_are_passed_over_once() {
        assert_eq!(times(&mut queue(2)), [(2, true), (3, true)]);
    }

    #[test]
    fn pictures_from_the_cut_on_are_hidden_unless_they_were_given() {
        let mut queue = queue(0);
        assert_eq!(queue.pop(), Some((Nanos::new(0), Some(Nanos::new(1)))));
        queue.hide_from(Nanos::new(2));
        assert_eq!(times(&mut queue), [(1, true), (2, false), (3, false)]);
    }
}
