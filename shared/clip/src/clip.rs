//! The ways to make a clip: copied where that can be; if not, encoded as a whole, and once more if larger pictures turn
//! up than it was begun with. A recording without a picture gives a clip of its audio.
//!
//! Two halves work on a clip with a picture side by side: the planner reads the recording and passes on the clip's parts
//! in order, copied or on their way through an encoder; the other half takes them and writes the file.

use crate::audio::{AudioTrack, heard};
use crate::audio_only::{self, Audio};
use crate::budget::Budget;
use crate::codec::encode::FirstFrame;
use crate::error::{Error, Kind, Refusal, Unfit};
use crate::ffmpeg::Ffmpeg;
use crate::gauge::Gauge;
use crate::listed::NoPlaylist;
use crate::notes::{Warning, WarningCode};
use crate::plan::Plan;
use crate::planner::{Largest, PendingBlock, PlanInput, Planner};
use crate::playlist::{PlaylistMaker, SoundPart};
use crate::recording::{Recording, Selection};
use crate::source::{Reader, Track};
use crate::stats::{RunGauge, Stats};
use crate::still::{picture, show};
use crate::video::VideoFeed;
use crate::write::assembly::{Assembly, Block, VideoSpec};
use crate::{ClipWriter, Observer, Sink, Source};
use export_media::coverage::Uncovered;
use export_media::ffmpeg::FileFormat;
use export_media::time::Nanos;
use export_media::window::Window;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A clip to make.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The recording, and the part of it.
    pub selection: Selection,
    /// The clip's container.
    pub container: FileFormat,
    /// The time that there is to make it, reading the recording included. What is judged to take longer is refused.
    pub left: Duration,
    /// `true` if a failure that nothing explains is not to be tried again: the clip is then encoded as a whole.
    pub last_try: bool,
    /// Tells its progress.
    pub gauge: Arc<Gauge>,
}

/// A clip that was made.
#[derive(Debug)]
pub struct Made<W> {
    /// The sink's description of the file.
    pub written: W,
    /// Length of the clip.
    pub length: Nanos,
    /// The part of the window that no recorded frame covers, in milliseconds.
    pub lack_ms: i64,
    /// The parts of the window that no recorded frame covers, the first hundred of them.
    pub holes: Vec<Uncovered>,
    /// In which way it was made.
    pub plan: Plan,
    /// The parts that were left out of it or corrected in it, one of each kind.
    pub warnings: Vec<Warning>,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Milliseconds to read the manifest and the first init segment.
    pub open_ms: u64,
}

/// The sink's description of a file.
type FileOf<K> = <<K as Sink>::Writer as ClipWriter>::Written;

/// One way to make it.
pub(crate) struct Way<'a> {
    budget: &'a Budget,
    /// Why it cannot be copied.
    pub(crate) unfit: Option<(Unfit, String)>,
    largest: &'a Largest,
    /// `true` if the clip may be given up for one of larger pictures.
    may_grow: bool,
}

impl<'a> Way<'a> {
    /// By copying what can be copied.
    pub(crate) fn first(budget: &'a Budget, largest: &'a Largest) -> Self {
        Self { budget, unfit: None, largest, may_grow: true }
    }

    /// The way behind one that ended with `error`: what could not be copied is rendered as a whole, and once more if
    /// larger pictures turn up than it was begun with.
    ///
    /// # Errors
    /// `error`, if there is none.
    pub(crate) fn after(self, error: Error) -> Result<Self, Error> {
        match error {
            Error::Unfit(unfit, why) if self.unfit.is_none() => {
                Ok(Self { unfit: Some((unfit, why)), ..self })
            }
            Error::Unfit(Unfit::FormatChange, _) if self.may_grow => Ok(Self { may_grow: false, ..self }),
            error => Err(error),
        }
    }

    /// The input of the planner.
    pub(crate) fn input<'b>(&'b self, clip: &Clip, ffmpeg: &'b Ffmpeg, window: Window) -> PlanInput<'b> {
        PlanInput {
            ffmpeg,
            window,
            codec: clip.selection.codec,
            container: clip.container,
            budget: self.budget,
            render_all: self.unfit.is_some(),
            largest: self.largest,
            may_grow: self.may_grow,
        }
    }
}

/// The means that a clip is made with.
struct Making<'a, S, K, B> {
    clip: &'a Clip,
    /// When it has to be there.
    until: Instant,
    ffmpeg: &'a Ffmpeg,
    source: &'a Recording<S>,
    sink: &'a K,
    observer: &'a B,
}

impl Clip {
    /// Makes the clip.
    ///
    /// # Errors
    /// [`Error`]: what becomes of it.
    pub async fn make<S: Source, K: Sink>(
        &self,
        source: Arc<S>,
        ffmpeg: &Ffmpeg,
        sink: &K,
        observer: &impl Observer,
    ) -> Result<Made<FileOf<K>>, Error> {
        let until = Instant::now() + self.left;
        let opened = Recording::open_with_audio(source, &self.selection, ffmpeg, self.container);
        let (source, audio) = Box::pin(opened).await?;
        let making = Making { clip: self, until, ffmpeg, source: &source, sink, observer };
        let tracks: Vec<_> = audio.iter().filter_map(|track| track.parts().first()).collect();
        let tracks: Vec<_> = tracks.into_iter().map(|part| Arc::clone(&part.track)).collect();
        let (made, ()) = tokio::join!(Box::pin(making.make(audio)), making.tell_of_segments(&tracks));
        made
    }
}

impl<S: Source, K: Sink, B: Observer> Making<'_, S, K, B> {
    async fn make(&self, audio: Vec<AudioTrack<S>>) -> Result<Made<FileOf<K>>, Error> {
        if let Err(waiting) = self.source.check_live_edge(&audio).await {
            if let Some(track) = &self.source.track {
                self.frame_while_waiting(track).await?;
            }
            return Err(waiting);
        }
        if self.source.track.is_none() {
            return self.of_audio(audio).await;
        }
        let budget = Budget::new(self.until, self.source.recorded(), self.ffmpeg.memory());
        let largest = Largest::default();
        let (mut way, mut audio) = (Way::first(&budget, &largest), audio);
        loop {
            let error = match self.of_pictures(audio, &way).await {
                Err(Error::Unexplained(why)) if self.clip.last_try && way.unfit.is_none() => {
                    Unfit::Encoder.because(&why)
                }
                Err(error) => error,
                done => return done,
            };
            way = way.after(error)?;
            if let Some((unfit, why)) = &way.unfit {
                tracing::warn!(why, code = unfit.code(), "rendering a clip that could not be copied");
            }
            audio = self.source.audio(self.ffmpeg, self.clip.container).await?;
        }
    }

    /// Whole segments can be played at once, also while the window's end is waited for.
    async fn tell_of_segments(&self, audio: &[Arc<Track>]) {
        if !self.observer.wants_playlist() || self.source.track.is_none() {
            return;
        }
        match self.source.check_whole(audio) {
            Ok(()) => self.observer.whole_segments().await,
            Err(why) => tracing::debug!(%why, "the window cannot be played by whole segments"),
        }
    }

    /// The first frame may be there long before the window's end is. Its failure is no failure of the clip.
    async fn frame_while_waiting(&self, track: &Track) -> Result<(), Error> {
        if !self.observer.wants_first_frame().await || !self.source.has_begun(track).await? {
            return Ok(());
        }
        match picture(self.ffmpeg, self.source, track).await {
            Ok(Some(jpeg)) => show(&self.source.reader, jpeg, self.observer).await,
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "failed to make the thumbnail of a waiting job");
                Ok(())
            }
        }
    }

    /// A clip with a picture.
    async fn of_pictures(&self, audio: Vec<AudioTrack<S>>, way: &Way<'_>) -> Result<Made<FileOf<K>>, Error> {
        let (window, reader) = (self.source.window, &self.source.reader);
        let stats = self.clip.gauge.begin(way.unfit.clone());
        let (video, several) = (self.source.pictures(), self.source.video.len() > 1);
        let parts = ClipParts {
            input: way.input(self.clip, self.ffmpeg, window),
            // What is copied is rendered at its ends.
            video: if way.unfit.is_none() { video.with_end_first() } else { video },
            audio,
            writer: self.begin().await?,
            stats: Arc::clone(&stats),
            listed: self
                .source
                .track
                .clone()
                .filter(|_| self.observer.wants_playlist())
                .map(|track| (track, several)),
        };
        let made = make(parts, self.observer).await?.ok_or_else(|| self.source.no_picture())?;
        if stats.left_out() > 0 {
            let detail = format!("{} pictures are damaged, and no decoder gives them", stats.left_out());
            reader.notes().warn(WarningCode::PicturesLeftOut, detail);
        }
        for lost in stats.lost() {
            reader.notes().warn(WarningCode::MetadataLeftOut, format!("the encoded pictures have no {lost}"));
        }
        let VideoClip { written, length, lack_ms, holes } = made;
        Ok(self.made(written, length, (lack_ms, holes), stats.plan()))
    }

    /// A clip of a recording without a picture.
    async fn of_audio(&self, audio: Vec<AudioTrack<S>>) -> Result<Made<FileOf<K>>, Error> {
        let stats = self.clip.gauge.begin(None);
        stats.has_only_audio();
        let sink = self.begin().await?;
        let audio =
            audio_only::make(self.ffmpeg, self.source.window, self.clip.container, audio, sink, &stats)
                .await?;
        let none = || match self.source.audio_left_out() {
            Some(detail) => Kind::UnsupportedCodec.because(detail),
            None => self.source.nothing(self.source.no_media("no audio is recorded in the window")),
        };
        let audio = audio.ok_or_else(none)?;
        let Audio { written, length, lack_ms, holes } = audio;
        Ok(self.made(written, length, (lack_ms, holes), stats.plan()))
    }

    async fn begin(&self) -> Result<K::Writer, Error> {
        self.sink.begin(self.clip.container == FileFormat::Mp4).await
    }

    fn made(
        &self,
        written: FileOf<K>,
        length: Nanos,
        (lack_ms, holes): (i64, Vec<Uncovered>),
        plan: Plan,
    ) -> Made<FileOf<K>> {
        let Recording { reader, open_ms, .. } = self.source;
        let (warnings, bytes_read) = (reader.notes().warnings(), reader.bytes());
        Made { written, length, lack_ms, holes, plan, warnings, bytes_read, open_ms: *open_ms }
    }
}

/// The parts of a clip: recorded video and audio, how they are made into one, and the file that they go to.
struct ClipParts<'a, O, W> {
    input: PlanInput<'a>,
    video: VideoFeed<O>,
    audio: Vec<AudioTrack<O>>,
    writer: W,
    stats: Arc<Stats>,
    /// The picture track of a clip that is wanted as a playlist, and whether the window lies in several Periods.
    listed: Option<(Arc<Track>, bool)>,
}

/// The playlist under way, and who gets it.
struct Listing<'a, O, B> {
    maker: Option<PlaylistMaker>,
    sound: Vec<SoundPart>,
    reader: &'a Reader<O>,
    observer: &'a B,
}

impl<O: Source, B: Observer> Listing<'_, O, B> {
    async fn finish(self) {
        if let Some(maker) = self.maker {
            self.observer.playlist(maker.finish(self.reader, &self.sound).await).await;
        }
    }
}

/// A clip that was made.
#[derive(Debug)]
struct VideoClip<T> {
    written: T,
    /// Length of the clip.
    length: Nanos,
    lack_ms: i64,
    holes: Vec<Uncovered>,
}

/// Makes the clip; `None` if no picture lies in the window. The observer gets the first frame as soon as it is decoded.
///
/// # Errors
/// [`Error::Unfit`] if it cannot be made by copying, or a check failed; the same clip can then be rendered.
async fn make<O: Source, W: ClipWriter>(
    parts: ClipParts<'_, O, W>,
    observer: &impl Observer,
) -> Result<Option<VideoClip<W::Written>>, Error> {
    let ClipParts { input, mut video, audio, writer, stats, listed } = parts;
    // A run is rendered in a task of its own, which cannot borrow the observer.
    let (first, jpeg) = FirstFrame::new(observer.wants_first_frame().await);
    let (pending, mut ready) = mpsc::channel(64);
    let reader = Arc::clone(video.reader());
    let planning = Planner::new(&input, pending, first, Arc::clone(&stats)).plan(&mut video);
    let showing = async {
        match jpeg.await {
            Ok(jpeg) => show(&reader, jpeg, observer).await,
            // The clip has no picture, or it is not wanted.
            Err(_) => Ok(()),
        }
    };
    let writing = async {
        let sound = audio.iter().map(|track| SoundPart(track.parts().to_vec())).collect();
        let first = async {
            let Some(first) = ready.recv().await else { return Ok(None) };
            FirstBlock::of(first).await.map(Some)
        };
        // The audio is read from the start on, not once the head is rendered.
        let (first, audio) = tokio::try_join!(first, heard(audio))?;
        let Some(first) = first else { return Ok(None) };
        let entry = first.spec.entry.clone();
        let refused = match listed {
            _ if first.paced => Some(NoPlaylist::Encoded),
            Some((_, true)) => Some(NoPlaylist::Periods),
            _ => None,
        };
        let maker = listed.map(|(track, _)| PlaylistMaker::new(track, entry, refused));
        let listing = Listing { maker, sound, reader: &reader, observer };
        write((first, ready), audio, &input, writer, &stats, listing).await.map(Some)
    };
    let ((), (), written) = tokio::try_join!(planning, showing, writing)?;
    let Some((written, length)) = written else { return Ok(None) };
    Ok(Some(VideoClip { written, length, lack_ms: video.lack_ms(), holes: video.holes() }))
}

/// The first part of a clip.
struct FirstBlock {
    spec: VideoSpec,
    run: Option<RunGauge>,
    /// Everything is rendered.
    paced: bool,
    block: Block,
}

impl FirstBlock {
    /// Once its pictures are there.
    async fn of(first: PendingBlock) -> Result<Self, Error> {
        let (spec, run, paced) = (first.spec.clone(), first.run.clone(), first.paced);
        Ok(Self { spec, run, paced, block: first.block().await? })
    }
}

/// Writes the file as its parts become ready.
async fn write<O: Source, W: ClipWriter>(
    (first, mut ready): (FirstBlock, mpsc::Receiver<PendingBlock>),
    audio: Vec<AudioTrack<O>>,
    input: &PlanInput<'_>,
    writer: W,
    stats: &Stats,
    mut listing: Listing<'_, O, impl Observer>,
) -> Result<(W::Written, Nanos), Error> {
    let FirstBlock { spec, run, block, .. } = first;
    listing.maker.iter_mut().for_each(|maker| maker.take(&block));
    let mut assembly = Assembly::begin(input.container, spec, audio, block, input.ffmpeg, writer).await?;
    stats.written(assembly.started(), run.as_ref());
    while let Some(next) = ready.recv().await {
        let (paced, run) = (next.paced, next.run.clone());
        let block = next.block().await?;
        listing.maker.iter_mut().for_each(|maker| maker.take(&block));
        assembly.add(block).await?;
        stats.written(assembly.started(), run.as_ref());
        if paced {
            input.budget.check_while(assembly.length()).map_err(Refusal::from)?;
        }
    }
    let length = assembly.length();
    let listing = async {
        listing.finish().await;
        Ok(())
    };
    let (written, ()) = tokio::try_join!(assembly.finish(), listing)?;
    Ok((written, length))
}

#[cfg(test)]
mod tests;
