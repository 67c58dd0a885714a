//! A clip with a picture: copies what can be copied, renders the rest, copies the audio.
//!
//! Two halves work side by side: the planner reads the recording and passes on the clip's parts in order, copied or on
//! their way through an encoder; this one takes them and writes the file.

use crate::audio::AudioTrack;
use crate::error::{Error, Refusal};
use crate::planner::{PendingBlock, PlanInput, Planner};
use crate::stats::Stats;
use crate::still::show;
use crate::video::VideoFeed;
use crate::write::assembly::Assembly;
use crate::{ClipWriter, Observer, Source};
use export_media::coverage::Uncovered;
use export_media::time::Nanos;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The parts of a clip: recorded video and audio, how they are made into one, and the file that they go to.
pub(crate) struct ClipParts<'a, O, W> {
    pub(crate) input: PlanInput<'a>,
    pub(crate) video: VideoFeed<O>,
    pub(crate) audio: Vec<AudioTrack<O>>,
    pub(crate) writer: W,
    pub(crate) stats: Arc<Stats>,
}

/// A clip that was made.
#[derive(Debug)]
pub(crate) struct VideoClip<T> {
    pub(crate) written: T,
    /// Length of the clip.
    pub(crate) length: Nanos,
    pub(crate) lack_ms: i64,
    pub(crate) holes: Vec<Uncovered>,
}

/// Makes the clip; `None` if no picture lies in the window. The observer gets the first frame as soon as it is decoded.
///
/// # Errors
/// [`Error::Unfit`] if it cannot be made by copying, or a check failed; the same clip can then be rendered.
pub(crate) async fn make<O: Source, W: ClipWriter>(
    parts: ClipParts<'_, O, W>,
    observer: &impl Observer,
) -> Result<Option<VideoClip<W::Written>>, Error> {
    let ClipParts { input, mut video, audio, writer, stats } = parts;
    // A run is decoded in a task of its own, which cannot borrow the observer.
    let (first, decoded) = oneshot::channel();
    let (pending, ready) = mpsc::channel(64);
    let reader = Arc::clone(video.reader());
    let planning = Planner::new(&input, pending, first, Arc::clone(&stats)).plan(&mut video);
    let showing = async {
        match decoded.await {
            Ok(frame) => show(input.ffmpeg, &reader, &frame, observer).await,
            // The clip has no picture.
            Err(_) => Ok(()),
        }
    };
    let writing = write(ready, audio, &input, writer, &stats);
    let ((), (), written) = tokio::try_join!(planning, showing, writing)?;
    let Some((written, length)) = written else { return Ok(None) };
    Ok(Some(VideoClip { written, length, lack_ms: video.lack_ms(), holes: video.holes() }))
}

/// Writes the file as its parts become ready; `None` if there are none.
async fn write<O: Source, W: ClipWriter>(
    mut ready: mpsc::Receiver<PendingBlock>,
    audio: Vec<AudioTrack<O>>,
    input: &PlanInput<'_>,
    writer: W,
    stats: &Stats,
) -> Result<Option<(W::Written, Nanos)>, Error> {
    let Some(first) = ready.recv().await else { return Ok(None) };
    let spec = first.spec.clone();
    let run = first.run.clone();
    let mut assembly =
        Assembly::begin(input.container, spec, audio, first.block().await?, input.ffmpeg, writer).await?;
    stats.written(assembly.started(), run.as_ref());
    while let Some(next) = ready.recv().await {
        let (paced, run) = (next.paced, next.run.clone());
        assembly.add(next.block().await?).await?;
        stats.written(assembly.started(), run.as_ref());
        if paced {
            input.budget.check_while(assembly.length()).map_err(Refusal::from)?;
        }
    }
    let length = assembly.length();
    Ok(Some((assembly.finish().await?, length)))
}
