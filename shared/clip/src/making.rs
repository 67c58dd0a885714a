//! The ways to make a clip: copied where that can be; if not, encoded as a whole, and once more if larger pictures turn
//! up than it was begun with.
//!
//! Two halves work on a clip with a picture side by side: the planner reads the recordings and passes on the clip's parts
//! in order, copied or on their way through an encoder; the other half takes them and writes the file.

use crate::audio::{AudioTrack, heard};
use crate::budget::Budget;
use crate::codec::encode::FirstFrame;
use crate::error::{Error, Refusal, Unfit};
use crate::fanning::{ClipPart, Fanning};
use crate::ffmpeg::Ffmpeg;
use crate::listed::NoPlaylist;
use crate::planner::{Largest, PendingBlock, PlanInput, Planner, WindowPlace};
use crate::playlist::{PlaylistMaker, SoundPart};
use crate::recording::Recording;
use crate::source::{Reader, Track};
use crate::stats::{RunGauge, Stats};
use crate::still::show;
use crate::video::VideoFeed;
use crate::write::assembly::{Assembly, Block, ClipTracks, VideoSpec};
use crate::write::marks::ClipMarks;
use crate::{ClipWriter, Observer, Source};
use export_media::coverage::Uncovered;
use export_media::ffmpeg::FileFormat;
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use std::sync::Arc;
use tokio::sync::mpsc;

/// One way to make it.
pub(crate) struct Way<'a> {
    budget: &'a Budget,
    /// Why it cannot be copied.
    pub(crate) unfit: Option<(Unfit, String)>,
    largest: &'a Largest,
    /// `true` if the clip may be given up for one of larger pictures.
    may_grow: bool,
    part: ClipPart<'a>,
}

impl<'a> Way<'a> {
    /// By copying what can be copied.
    pub(crate) fn first(budget: &'a Budget, largest: &'a Largest) -> Self {
        Self { budget, unfit: None, largest, may_grow: true, part: ClipPart::Whole }
    }

    /// The same, unless the clip is to be made in chunks.
    pub(crate) fn unless_in_chunks(self, fanning: Option<&'a Fanning>) -> Self {
        Self { part: fanning.map_or(ClipPart::Whole, ClipPart::Open), ..self }
    }

    /// The same in chunks, which have the time of another `budget`.
    pub(crate) fn in_chunks(self, budget: &'a Budget) -> Self {
        Self { budget, part: ClipPart::Whole, ..self }
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
    pub(crate) fn input<'b>(
        &'b self,
        codec: Option<VideoCodec>,
        container: FileFormat,
        ffmpeg: &'b Ffmpeg,
    ) -> PlanInput<'b> {
        PlanInput {
            ffmpeg,
            codec,
            container,
            budget: self.budget,
            render_all: self.unfit.is_some(),
            largest: self.largest,
            may_grow: self.may_grow,
            part: self.part,
        }
    }
}

/// The parts of a clip: recorded video and audio, how they are made into one, and the file that they go to.
pub(crate) struct ClipParts<'a, O> {
    pub(crate) input: PlanInput<'a>,
    /// The windows in their order, at least one.
    pub(crate) windows: Vec<(WindowPlace, &'a Recording<O>)>,
    pub(crate) audio: Vec<AudioTrack<O>>,
    /// Instants on the clock of the sequence that the places in the clip are wanted of, in order.
    pub(crate) marks: ClipMarks,
    pub(crate) stats: Arc<Stats>,
    /// The picture track of a clip that is wanted as a playlist, and why it cannot be one, if that is known.
    pub(crate) listed: Option<(Arc<Track>, Option<NoPlaylist>)>,
}

impl<O: Source> ClipParts<'_, O> {
    /// The pictures of a window.
    fn feed(&self, recording: &Recording<O>) -> VideoFeed<O> {
        let feed = recording.pictures();
        // What is copied is rendered at its ends.
        if self.input.render_all { feed } else { feed.with_end_first() }
    }
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
pub(crate) struct VideoClip<T> {
    pub(crate) file: WrittenFile<T>,
    /// The windows in their order.
    pub(crate) windows: Vec<MadeWindow>,
}

/// The file of a clip.
#[derive(Debug)]
pub(crate) struct WrittenFile<T> {
    pub(crate) written: T,
    /// Length of the clip.
    pub(crate) length: Nanos,
    /// The places of the marks in the clip.
    pub(crate) starts: Vec<Option<Nanos>>,
}

/// A window that was made.
#[derive(Debug)]
pub(crate) struct MadeWindow {
    pub(crate) lack_ms: i64,
    pub(crate) holes: Vec<Uncovered>,
}

/// Makes the clip; `None` if no picture lies in a window. The observer gets the first frame as soon as it is decoded.
///
/// # Errors
/// [`Error::Unfit`] if it cannot be made by copying, or a check failed; the same clip can then be rendered.
pub(crate) async fn make<O: Source, W: ClipWriter>(
    mut parts: ClipParts<'_, O>,
    writer: W,
    observer: &impl Observer,
) -> Result<Option<VideoClip<W::Written>>, Error> {
    let Some((begin, recording)) = parts.windows.first().copied() else { return Ok(None) };
    // A run is rendered in a task of its own, which cannot borrow the observer.
    let (first, jpeg) = FirstFrame::new(observer.wants_first_frame().await);
    let (pending, ready) = mpsc::channel(64);
    let reader = &recording.reader;
    let tracks = (std::mem::take(&mut parts.audio), parts.listed.take());
    let parts = &parts;
    let planning = async {
        let mut planner = Planner::new(&parts.input, begin, pending, first, Arc::clone(&parts.stats));
        let mut made = Vec::new();
        for (place, recording) in &parts.windows {
            let mut feed = parts.feed(recording);
            planner.plan(*place, &mut feed).await?;
            made.push(MadeWindow { lack_ms: feed.lack_ms(), holes: feed.holes() });
        }
        planner.finish().await?;
        Ok(made)
    };
    let showing = async {
        match jpeg.await {
            Ok(jpeg) => show(reader, jpeg, observer).await,
            // The clip has no picture, or it is not wanted.
            Err(_) => Ok(()),
        }
    };
    let writing = file(ready, tracks, parts, writer, observer);
    let (windows, (), file) = tokio::try_join!(planning, showing, writing)?;
    Ok(file.map(|file| VideoClip { file, windows }))
}

/// The audio of a clip, and its picture track if it is wanted as a playlist, with why it cannot be one.
pub(crate) type ListedTracks<O> = (Vec<AudioTrack<O>>, Option<(Arc<Track>, Option<NoPlaylist>)>);

/// Writes the blocks as they become `ready`, with the audio; `None` if there are none.
pub(crate) async fn file<O: Source, W: ClipWriter>(
    mut ready: mpsc::Receiver<PendingBlock>,
    (audio, listed): ListedTracks<O>,
    parts: &ClipParts<'_, O>,
    writer: W,
    observer: &impl Observer,
) -> Result<Option<WrittenFile<W::Written>>, Error> {
    let Some((_, recording)) = parts.windows.first() else { return Ok(None) };
    let sound = audio.iter().map(|track| SoundPart(track.parts().to_vec())).collect();
    let first = async {
        let Some(first) = ready.recv().await else { return Ok(None) };
        FirstBlock::of(first).await.map(Some)
    };
    // The audio is read from the start on, not once the head is rendered.
    let (first, audio) = tokio::try_join!(first, heard(audio))?;
    let Some(first) = first else { return Ok(None) };
    let entry = first.spec.entry.clone();
    let encoded = (first.paced || parts.input.render_all).then_some(NoPlaylist::Encoded);
    let maker = listed.map(|(track, refused)| PlaylistMaker::new(track, entry, encoded.or(refused)));
    let listing = Listing { maker, sound, reader: &recording.reader, observer };
    write((first, ready), audio, parts, writer, listing).await.map(Some)
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
    parts: &ClipParts<'_, O>,
    writer: W,
    mut listing: Listing<'_, O, impl Observer>,
) -> Result<WrittenFile<W::Written>, Error> {
    let ClipParts { input, windows, stats, marks, .. } = parts;
    let FirstBlock { spec, run, block, .. } = first;
    listing.maker.iter_mut().for_each(|maker| maker.take(&block));
    let tracks = ClipTracks { video: spec, audio, marks: marks.clone() };
    let mut assembly = Assembly::begin(input.container, tracks, block, input.ffmpeg, writer).await?;
    stats.written(assembly.started(), run.as_ref());
    while let Some(next) = ready.recv().await {
        let (paced, run, number) = (next.paced, next.run.clone(), next.place.number);
        let block = next.block().await?;
        listing.maker.iter_mut().for_each(|maker| maker.take(&block));
        assembly.add(block).await?;
        stats.written(assembly.started(), run.as_ref());
        // The audio of the window before this one is in the file.
        let over = windows.iter().take(number.saturating_sub(1));
        over.for_each(|(_, recording)| recording.reader.forget());
        if paced {
            input.budget.check_while(assembly.length()).map_err(Refusal::from)?;
        }
    }
    let (length, starts) = (assembly.length(), assembly.marks().places());
    let listing = async {
        listing.finish().await;
        Ok(())
    };
    let (written, ()) = tokio::try_join!(assembly.finish(), listing)?;
    Ok(WrittenFile { written, length, starts })
}
