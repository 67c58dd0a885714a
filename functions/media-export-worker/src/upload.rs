//! A clip on its way to S3, in bounded memory and without a disk.
//!
//! Parts of 5 MiB, in long clips of more, go out as they fill, a few concurrently. An MP4's head is known last but
//! stands first: S3 orders by part number, so part 1 is held back and sent at the end with the head in front. A clip
//! that fits into one part is written at once.

use crate::error::AttemptError;
use bytes::{Bytes, BytesMut};
use export_clip::{ClipWriter, Sink, Task};
use export_domain::ids::hex;
use export_domain::ports::{Checked, ClipStore, Origin, Part, Upload, WriteError};
use export_domain::target::Target;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Smallest part that S3 takes, except for the last.
const LEAST_PART: usize = 5 << 20;
/// Several parts are held in memory.
const LARGEST_PART: usize = 64 << 20;
/// Parts on their way at the same time.
const IN_FLIGHT: usize = 4;
/// A part is this share of the bytes before it, so that the 10,000 that S3 takes are enough for 380 GiB.
const SHARE: u64 = 1500;

/// The destination of the clip, and the worker that makes it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) key: String,
    pub(crate) content_type: &'static str,
    pub(crate) origin: Origin,
}

/// The upload that is open, for the task that has to clean up. Also one that was being started when its maker was
/// stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenUpload {
    opening: Arc<Mutex<Opening>>,
    begun: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Opening {
    upload: Option<Upload>,
    starting: Option<JoinHandle<()>>,
}

impl OpenUpload {
    /// Starts one; that goes on when the caller is gone, so that its name becomes known.
    async fn begin<O: ClipStore + 'static>(
        &self,
        store: Arc<O>,
        place: Place,
    ) -> Result<Upload, AttemptError> {
        let (started, start) = oneshot::channel();
        let (opening, noted) = (Arc::clone(&self.opening), Arc::clone(&self.begun));
        let starting = tokio::spawn(async move {
            let begun = store.begin(&place.target, &place.key, place.content_type, &place.origin).await;
            if let Ok(upload) = &begun {
                lock(&opening).upload = Some(upload.clone());
                noted.notify_one();
            }
            // Nobody may be waiting any more.
            let _ = started.send(begun);
        });
        lock(&self.opening).starting = Some(starting);
        let begun =
            start.await.map_err(|e| AttemptError::passing(format!("failed to start an upload: {e}")))?;
        Ok(begun?)
    }

    /// Returns when another upload has been begun.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }

    pub(crate) fn current(&self) -> Option<Upload> {
        lock(&self.opening).upload.clone()
    }

    /// The upload, which is the caller's now; waits for one that is being started.
    pub(crate) async fn take(&self) -> Option<Upload> {
        let starting = lock(&self.opening).starting.take();
        if let Some(starting) = starting {
            // It says itself how it ended.
            let _ = starting.await;
        }
        lock(&self.opening).upload.take()
    }

    /// Throws the upload away if it was not published. What stays all the same, the bucket's lifecycle rule takes.
    pub(crate) async fn throw_away(&self, store: &impl ClipStore, target: &Target) {
        if let Some(upload) = self.take().await
            && let Err(error) = store.abort(target, &upload).await
        {
            tracing::warn!(%error, "failed to abort an upload");
        }
    }
}

fn lock(opening: &Mutex<Opening>) -> MutexGuard<'_, Opening> {
    opening.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything is stored but not yet visible.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) content: Content,
}

impl Prepared {
    /// An object that is written at once.
    pub(crate) fn whole(content: Checked) -> Self {
        let bytes = u64::try_from(content.bytes.len()).unwrap_or_default();
        Self { bytes, sha256: hex(&content.sha256), content: Content::Whole(content) }
    }
}

/// The place of the stored bytes.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Whole(Checked),
    Parts(Upload, Vec<Part>),
}

/// Takes a clip's bytes in order.
pub(crate) struct Uploader<O> {
    store: Arc<O>,
    place: Place,
    open: OpenUpload,
    held: Option<Bytes>,
    /// `true` if the first part waits for a head.
    headed: bool,
    buffer: BytesMut,
    bytes: u64,
    /// Bytes that have become parts.
    parted: u64,
    next_number: i32,
    sending: VecDeque<Task<Result<Part, WriteError>>>,
    sent: Vec<Part>,
}

impl<O: ClipStore + 'static> Uploader<O> {
    /// `headed`: whether [`Uploader::finish`] will bring a head.
    pub(crate) fn new(store: Arc<O>, place: Place, open: OpenUpload, headed: bool) -> Self {
        Self {
            store,
            place,
            open,
            held: None,
            headed,
            buffer: BytesMut::new(),
            bytes: 0,
            parted: 0,
            next_number: 1,
            sending: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// Adds to the end.
    pub(crate) async fn append(&mut self, data: &[u8]) -> Result<(), AttemptError> {
        self.bytes += u64::try_from(data.len()).unwrap_or_default();
        self.buffer.extend_from_slice(data);
        while self.buffer.len() >= part_size(self.parted) {
            let part = self.buffer.split_to(part_size(self.parted)).freeze();
            self.parted += u64::try_from(part.len()).unwrap_or_default();
            if self.headed && self.held.is_none() {
                self.held = Some(part);
                self.next_number = 2;
            } else {
                self.send(part).await?;
            }
        }
        Ok(())
    }

    /// Ends the clip, with `head` in front of everything if it was announced.
    pub(crate) async fn finish(mut self, head: Option<Bytes>) -> Result<Prepared, AttemptError> {
        let head = head.unwrap_or_default();
        let bytes = self.bytes + u64::try_from(head.len()).unwrap_or_default();
        let Some(upload) = self.open.current() else {
            let first = self.held.take().unwrap_or_default();
            let whole: Bytes = [&head[..], &first[..], &self.buffer[..]].concat().into();
            return Ok(Prepared::whole(whole.into()));
        };
        if !self.buffer.is_empty() {
            let last = self.buffer.split().freeze();
            self.send(last).await?;
        }
        if let Some(first) = self.held.take() {
            self.next_number = 1;
            self.send([&head[..], &first[..]].concat().into()).await?;
        }
        while !self.sending.is_empty() {
            self.receive().await?;
        }
        self.sent.sort_by_key(|part| part.number);
        let mut composite = Sha256::new();
        for part in &self.sent {
            composite.update(part.sha256);
        }
        let sha256 = hex(&composite.finalize());
        Ok(Prepared { bytes, sha256, content: Content::Parts(upload, self.sent) })
    }

    async fn send(&mut self, part: Bytes) -> Result<(), AttemptError> {
        let upload = match self.open.current() {
            Some(upload) => upload,
            None => self.open.begin(Arc::clone(&self.store), self.place.clone()).await?,
        };
        while self.sending.len() >= IN_FLIGHT {
            self.receive().await?;
        }
        let number = self.next_number;
        self.next_number += 1;
        let part = Checked::from(part);
        let (store, target) = (Arc::clone(&self.store), self.place.target.clone());
        self.sending.push_back(Task::spawn(async move { store.part(&target, &upload, number, part).await }));
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), AttemptError> {
        if let Some(task) = self.sending.pop_front() {
            let part = task.await??;
            self.sent.push(part);
        }
        Ok(())
    }
}

/// Uploads of one clip, of which at most one is open.
pub(crate) struct Uploads<O> {
    pub(crate) store: Arc<O>,
    pub(crate) place: Place,
    pub(crate) open: OpenUpload,
}

impl<O: ClipStore + 'static> Sink for Uploads<O> {
    type Writer = Uploader<O>;

    async fn begin(&self, headed: bool) -> Result<Uploader<O>, export_clip::Error> {
        self.open.throw_away(self.store.as_ref(), &self.place.target).await;
        Ok(Uploader::new(Arc::clone(&self.store), self.place.clone(), self.open.clone(), headed))
    }
}

impl<O: ClipStore + 'static> ClipWriter for Uploader<O> {
    type Written = Prepared;

    async fn append(&mut self, data: &[u8]) -> Result<(), export_clip::Error> {
        Ok(Self::append(self, data).await?)
    }

    async fn finish(self, head: Option<Bytes>) -> Result<Prepared, export_clip::Error> {
        Ok(Self::finish(self, head).await?)
    }
}

/// Bytes of the part that comes behind `before` bytes.
fn part_size(before: u64) -> usize {
    usize::try_from(before / SHARE).unwrap_or(LARGEST_PART).clamp(LEAST_PART, LARGEST_PART)
}

#[cfg(test)]
mod tests;
