//! The ports of the engine.

use crate::error::Error;
use crate::listed::{MadePlaylist, NoPlaylist};
use crate::notes::Warning;
use bytes::Bytes;
use std::future::Future;

/// Why a part of a recording was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The file may not be read. The text is for people.
    #[error("access to the file is denied: {0}")]
    Denied(String),
    /// There is more to read than may be.
    #[error("the file is too large")]
    TooLarge,
    /// The store did not answer, also after retries. The text is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// The source failed with an error of its own, which ends the making.
    #[error(transparent)]
    Outside(Box<dyn std::error::Error + Send + Sync>),
}

/// A store that a recording is read from.
pub trait Source: Send + Sync + 'static {
    /// Reads the file at `path`, or of its bytes `first..=last` those that there are: all of them or an error.
    ///
    /// # Errors
    /// [`ReadFailure`]; [`ReadFailure::TooLarge`] before any byte is fetched if there are more than `most`.
    fn read(
        &self,
        path: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> impl Future<Output = Result<Bytes, ReadFailure>> + Send;

    /// The size of the file at `path` in bytes. A store that knows it need not read the file.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn size(&self, path: &str) -> impl Future<Output = Result<u64, ReadFailure>> + Send {
        async move {
            let all = self.read(path, None, u64::MAX).await?;
            Ok(u64::try_from(all.len()).unwrap_or(u64::MAX))
        }
    }
}

/// A destination of clips.
pub trait Sink: Sync {
    /// The clip's file on its way.
    type Writer: ClipWriter;

    /// Starts the file; what was written to an earlier one is thrown away. `headed` says that [`ClipWriter::finish`]
    /// will bring a head.
    ///
    /// # Errors
    /// The earlier file cannot be thrown away, or no new one started.
    fn begin(&self, headed: bool) -> impl Future<Output = Result<Self::Writer, Error>> + Send;
}

/// Takes a clip's bytes in order.
pub trait ClipWriter: Send + 'static {
    /// The description of the file once all of it is written.
    type Written: Send;

    /// Adds to the end.
    ///
    /// # Errors
    /// The bytes cannot be written.
    fn append(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends the file, with `head` in front of everything if one was announced.
    ///
    /// # Errors
    /// The file cannot be completed.
    fn finish(self, head: Option<Bytes>) -> impl Future<Output = Result<Self::Written, Error>> + Send;
}

/// The objects of a plan's chunks.
pub trait Chunks: Send + Sync + 'static {
    /// The size of the object of chunk `n` in bytes; `None` if it is not there.
    ///
    /// # Errors
    /// The store does not answer.
    fn size(&self, n: u32) -> impl Future<Output = Result<Option<u64>, Error>> + Send;

    /// Bytes `first..=last` of the object of chunk `n`: all of them or an error.
    ///
    /// # Errors
    /// The store does not answer.
    fn read(&self, n: u32, first: u64, last: u64) -> impl Future<Output = Result<Bytes, Error>> + Send;
}

/// A frame as JPEG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The file.
    pub jpeg: Bytes,
    /// Bytes read from the source so far.
    pub bytes_read: u64,
    /// The parts that were left out or corrected so far, one of each kind.
    pub warnings: Vec<Warning>,
}

/// Takes what a clip gives while it is made.
pub trait Observer: Sync {
    /// Returns `true` if the clip's first frame is still wanted.
    fn wants_first_frame(&self) -> impl Future<Output = bool> + Send;

    /// The clip's first frame, perhaps long before the clip is made.
    ///
    /// # Errors
    /// Ends the making of the clip.
    fn first_frame(&self, frame: Thumbnail) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns `true` if the clip is wanted as a playlist besides.
    fn wants_playlist(&self) -> bool {
        false
    }

    /// The window can be played by whole segments of its recording, before the clip is made.
    fn whole_segments(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The clip as a playlist, or why it has none: once all of its pictures are there, while its file may still be written.
    fn playlist(&self, made: Result<MadePlaylist, NoPlaylist>) -> impl Future<Output = ()> + Send {
        drop(made);
        std::future::ready(())
    }
}

/// Does not want the first frame.
impl Observer for () {
    async fn wants_first_frame(&self) -> bool {
        false
    }

    async fn first_frame(&self, _frame: Thumbnail) -> Result<(), Error> {
        Ok(())
    }
}
