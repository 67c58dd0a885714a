//! A clip with a picture: copies what can be copied, renders the rest, copies the sound.
//!
//! Two halves work side by side: the planner reads the recording and passes on the clip's parts in order, copied or on
//! their way through an encoder; this one takes them and writes the file.

use crate::audio::AudioTrack;
use crate::error::Cause;
use crate::error::WorkError;
use crate::planner::{Asked, Pending, Planner};
use crate::stats::Work;
use crate::video::VideoFeed;
use crate::write::assembly::Assembly;
use crate::{Source, Writer};
use export_media::picture::PictureFormat;
use export_media::time::Nanos;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the clip's maker needs.
pub(crate) struct Job<'a, O, W> {
    pub(crate) asked: Asked<'a>,
    pub(crate) feed: VideoFeed<O>,
    pub(crate) audio: Vec<AudioTrack<O>>,
    pub(crate) sink: W,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Cut<T> {
    pub(crate) written: T,
    /// Length of the clip.
    pub(crate) length: Nanos,
    pub(crate) lack_ms: i64,
    pub(crate) work: Arc<Work>,
}

/// What happens while the clip is made.
pub(crate) trait Progress: Sync {
    /// The first picture of the clip.
    fn first_picture(
        &self,
        format: &PictureFormat,
        raw: &[u8],
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// So much of the clip is made.
    fn made(&self, length: Nanos);
}

/// Makes the clip; `None` if no picture lies in the window.
///
/// # Errors
/// [`WorkError::Unfit`] if it cannot be made by copying, or a check failed; the same job can then be rendered.
pub(crate) async fn make<O: Source, W: Writer>(
    job: Job<'_, O, W>,
    progress: &impl Progress,
) -> Result<Option<Cut<W::Written>>, WorkError> {
    let Job { asked, mut feed, audio, sink } = job;
    let (first, first_picture) = oneshot::channel();
    let (pending, ready) = mpsc::channel(64);
    let work = Arc::new(Work::default());
    let planning = Planner::new(&asked, pending, first, Arc::clone(&work)).plan(&mut feed);
    let picturing = async {
        // Without a picture there is none to show.
        let Ok((format, raw)) = first_picture.await else { return Ok(()) };
        progress.first_picture(&format, &raw).await
    };
    let writing = write(ready, audio, &asked, sink, progress);
    let ((), (), written) = tokio::try_join!(planning, picturing, writing)?;
    let Some((written, length)) = written else { return Ok(None) };
    Ok(Some(Cut { written, length, lack_ms: feed.lack_ms(), work }))
}

/// Writes the file as its parts become ready; `None` if there are none.
async fn write<O: Source, W: Writer>(
    mut ready: mpsc::Receiver<Pending>,
    audio: Vec<AudioTrack<O>>,
    asked: &Asked<'_>,
    sink: W,
    progress: &impl Progress,
) -> Result<Option<(W::Written, Nanos)>, WorkError> {
    let Some(first) = ready.recv().await else { return Ok(None) };
    let spec = first.spec.clone();
    let mut assembly =
        Assembly::begin(asked.container, spec, audio, first.block().await?, asked.ffmpeg, sink).await?;
    while let Some(next) = ready.recv().await {
        let paced = next.paced;
        assembly.add(next.block().await?).await?;
        let length = assembly.length();
        progress.made(length);
        if paced {
            asked.budget.check_while(length).map_err(Cause::from)?;
        }
    }
    let length = assembly.length();
    Ok(Some((assembly.finish().await?, length)))
}
