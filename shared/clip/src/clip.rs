//! A clip: a reel of one window.

use crate::error::Error;
use crate::fanning::FanOut;
use crate::ffmpeg::Ffmpeg;
use crate::gauge::Gauge;
use crate::recording::Selection;
use crate::reel::{FileOf, Made, Reel, ReelWindow};
use crate::{Observer, Sink, Source};
use export_media::ffmpeg::FileFormat;
use std::sync::Arc;
use std::time::Duration;

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
    /// When it is made in chunks if it has to be encoded as a whole; `None`: never.
    pub fan_out: Option<FanOut>,
}

impl Clip {
    /// Makes the clip.
    ///
    /// # Errors
    /// [`Error`]: what becomes of it. [`Error::FanOut`] if it is to be made in chunks: then nothing is encoded yet, and the
    /// observer has got the first frame.
    pub async fn make<S: Source, K: Sink>(
        &self,
        source: Arc<S>,
        ffmpeg: &Ffmpeg,
        sink: &K,
        observer: &impl Observer,
    ) -> Result<Made<FileOf<K>>, Error> {
        self.reel().make(source, ffmpeg, sink, observer).await
    }

    /// The reel that it is.
    fn reel(&self) -> Reel {
        let Self { selection, container, left, last_try, gauge, fan_out } = self;
        Reel {
            windows: vec![ReelWindow { selection: selection.clone(), name: None }],
            container: *container,
            left: *left,
            last_try: *last_try,
            gauge: Arc::clone(gauge),
            fan_out: *fan_out,
        }
    }
}

#[cfg(test)]
mod tests;
