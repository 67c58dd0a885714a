//! The ports of the rules. Adapters are in `export-aws`, in-memory ones in the test kit.

use crate::batch::life::Batch;
use crate::ids::{BatchId, JobId, TenantId};
use crate::job::WorkQueue;
use crate::job::{Counted, Errand, Job, Manifest};
use crate::message::{MAX_DELAY_S, Message};
use crate::target::{Bucket, Target};
use crate::tenant::Tenant;
use crate::time::{EpochMs, EpochSecs, Millis};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

/// A dependency that does not answer; the text is for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is unavailable: {1}")]
pub struct Unavailable(pub &'static str, pub String);

/// The result of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// The item is as given now, through this write or an earlier try of it whose reply was lost.
    Done,
    /// The item was not as expected: what is there instead.
    Conflict(Option<Box<Job>>),
}

/// One page of a tenant's jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// The start of the next page; opaque.
    pub next: Option<String>,
}

/// The jobs table. Reads are strongly consistent unless said otherwise.
pub trait JobStore: Send + Sync {
    /// Reads one job.
    fn get(
        &self,
        tenant: &TenantId,
        job_id: &JobId,
    ) -> impl Future<Output = Result<Option<Job>, Unavailable>> + Send;

    /// Writes `job` if there is none of its name (`expected` is `None`) or if the stored one has that `rev`.
    fn write(
        &self,
        expected: Option<u64>,
        job: &Job,
    ) -> impl Future<Output = Result<Written, Unavailable>> + Send;

    /// Counts a tenant's unfinished jobs that count as `counted`, up to `most`. Eventually consistent.
    fn count_unfinished(
        &self,
        tenant: &TenantId,
        counted: Counted,
        most: u32,
    ) -> impl Future<Output = Result<u32, Unavailable>> + Send;
}

/// The notes of the functions that make chunks of a clip.
pub trait ChunkNotes: Send + Sync {
    /// Adds a chunk of `plan` to [`Job::fan_done`] if the job of that name is still made by it; adding it once more changes
    /// nothing, and no other write of the job meets it. Returns `true` if it is on record then.
    fn note_chunk(
        &self,
        job: &Job,
        plan: u64,
        chunk: u32,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

/// The state of an execution of an [`Engine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Execution {
    /// It was never started, or is no longer on record.
    Absent,
    /// It has not ended.
    Running,
    /// It has ended, however it did.
    Over,
}

/// The engine that runs a function for each chunk of a clip, and then sends the job's message. It makes things happen
/// sooner: nothing of a job depends on what it does, or whether.
pub trait Engine: Send + Sync {
    /// Starts the execution `name`, unless there is or was one of that name.
    fn start(&self, name: &str, input: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Looks at the execution `name`.
    fn look(&self, name: &str) -> impl Future<Output = Result<Execution, Unavailable>> + Send;

    /// Ends the execution `name`; functions that run already go on. One that is over or absent is no error.
    fn stop(&self, name: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// `Idempotency-Key` headers and the jobs that they stand for.
pub trait IdempotencyKeys: Send + Sync {
    /// Binds `key` to `job_id` until `expires_at` unless it is bound already; returns the
    /// job that it is bound to.
    fn bind(
        &self,
        tenant: &TenantId,
        key: &str,
        job_id: &JobId,
        now: EpochMs,
        expires_at: EpochSecs,
    ) -> impl Future<Output = Result<JobId, Unavailable>> + Send;
}

/// Reads of many jobs at once. Strongly consistent.
pub trait ManyJobs: Send + Sync {
    /// The jobs of those names that there are, in any order.
    fn many(
        &self,
        tenant: &TenantId,
        ids: &[JobId],
    ) -> impl Future<Output = Result<Vec<Job>, Unavailable>> + Send;
}

/// One page of a tenant's batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchPage {
    /// Newest first.
    pub batches: Vec<Batch>,
    /// The start of the next page; opaque.
    pub next: Option<String>,
}

/// The batches. Reads of one are strongly consistent.
pub trait BatchStore: Send + Sync {
    /// Reads one batch.
    fn batch(
        &self,
        tenant: &TenantId,
        id: &BatchId,
    ) -> impl Future<Output = Result<Option<Batch>, Unavailable>> + Send;

    /// Writes `batch` if there is none of its name (`expected` is `None`) or if the stored one has that `rev`; `false`
    /// if not. An earlier try of the same write whose reply was lost counts as this one.
    fn write_batch(
        &self,
        expected: Option<u64>,
        batch: &Batch,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// A tenant's batches, newest first, from `cursor` on. `Ok(None)` if the cursor is foreign.
    fn batches(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Option<BatchPage>, Unavailable>> + Send;
}

/// The sweeper's view of the batches.
pub trait DueBatches: Send + Sync {
    /// Batches whose `due_at` is not after `now`, earliest first, at most `most`. Eventually consistent.
    fn due_batches(
        &self,
        now: EpochMs,
        most: usize,
    ) -> impl Future<Output = Result<Vec<(TenantId, BatchId)>, Unavailable>> + Send;
}

/// A job whose `due_at` has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its `due_at`.
    pub at: EpochMs,
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub job_id: JobId,
}

/// The sweeper's view of the jobs table.
pub trait DueJobs: Send + Sync {
    /// Jobs of that [`Job::errand`] whose `due_at` is not after `now`, earliest first, at most `most`. Eventually
    /// consistent.
    fn due(
        &self,
        errand: Errand,
        now: EpochMs,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Due>, Unavailable>> + Send;
}

/// The line of clips by which tenants share the clip workers. Eventually consistent.
pub trait ClipLine: Send + Sync {
    /// Clips of `tenant` that workers hold under a live claim.
    fn clips_at_work(
        &self,
        tenant: &TenantId,
        now: EpochMs,
    ) -> impl Future<Output = Result<u32, Unavailable>> + Send;

    /// Returns `true` if a clip of another tenant waits for a worker.
    fn others_wait(&self, tenant: &TenantId) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

/// The lists of the jobs table.
pub trait JobLists: Send + Sync {
    /// A tenant's jobs, newest first, from `cursor` on. `Ok(None)` if the cursor is foreign.
    fn list(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Option<JobPage>, Unavailable>> + Send;

    /// The cursor of a page that begins behind `job`.
    fn cursor_behind(&self, job: &Job) -> String;
}

/// The two work queues.
pub trait JobQueue: Send + Sync {
    /// Sends `message` to `queue`, to be seen after `delay_s` seconds, at most [`MAX_DELAY_S`].
    fn send(
        &self,
        queue: WorkQueue,
        message: &Message,
        delay_s: u32,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Sends the message of `job`, to be seen at once or, if the job sleeps, when it is to wake.
    fn send_for(&self, job: &Job, now: EpochMs) -> impl Future<Output = Result<(), Unavailable>> + Send {
        let delay_s = job.sleep_s(now).min(MAX_DELAY_S);
        async move { self.send(job.work_queue(), &job.message(), delay_s).await }
    }
}

/// An event for a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The event's `source`.
    pub source: &'static str,
    /// The event's `detail-type`.
    pub detail_type: &'static str,
    /// The event itself, JSON text.
    pub detail: String,
}

impl Notification {
    /// The size that counts against the entry limit of `PutEvents`, in bytes.
    pub fn entry_bytes(&self) -> usize {
        self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

/// A bus that others listen to.
pub trait EventBus: Send + Sync {
    /// Puts an event on the bus; done only when the bus took it.
    fn put(&self, event: &Notification) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The dead-letter queue for messages that cannot be decoded.
pub trait DeadLetters: Send + Sync {
    /// Keeps `body` for a person to look at.
    fn keep(&self, body: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// A row of the sessions table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose session it is.
    pub tenant: TenantId,
    /// The time from which it is no longer good.
    pub expires_at: EpochSecs,
}

/// The sessions table.
pub trait Sessions: Send + Sync {
    /// Looks a session up by [`crate::ids::SessionId::key`].
    fn session(&self, key: &str) -> impl Future<Output = Result<Option<Session>, Unavailable>> + Send;
}

/// The tenants table.
pub trait Tenants: Send + Sync {
    /// Looks a tenant up.
    fn tenant(&self, id: &TenantId) -> impl Future<Output = Result<Option<Tenant>, Unavailable>> + Send;
}

/// The time of this process.
pub trait Clock: Send + Sync {
    /// This instant.
    fn now(&self) -> EpochMs;

    /// Sleeps for that long; not at all if it goes back.
    fn sleep(&self, length: Millis) -> impl Future<Output = ()> + Send;
}

/// The names and the chance of this process.
pub trait Ids: Send + Sync {
    /// A name that no other call returns, in this process or elsewhere: 32 hex digits.
    fn unique(&self) -> String;

    /// A number by chance that is less than `bound`; 0 if `bound` is 0.
    fn chance(&self, bound: u64) -> u64 {
        let mixed =
            self.unique().bytes().fold(0u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
        mixed.checked_rem(bound).unwrap_or(0)
    }

    /// A length by chance that is less than `bound`; zero unless that is positive.
    fn chance_below(&self, bound: Millis) -> Millis {
        Millis::new(i64::try_from(self.chance(bound.count())).unwrap_or(0))
    }
}

/// Why an object could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// The function's role may not read it, or its bucket has another owner.
    #[error("access to the object is denied")]
    Denied,
    /// It is encrypted, and its key may not or cannot be used; the text is for logs.
    #[error("the object's key cannot be used: {0}")]
    Key(String),
    /// The store refuses what this machine's clock says; the text is for logs.
    #[error("the clock is wrong: {0}")]
    Clock(String),
    /// There is more to read than may be.
    #[error("the object is too large")]
    TooLarge,
    /// The store did not answer, also after retries.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The store of recordings.
pub trait SourceStore: Send + Sync {
    /// Reads an object, or of its bytes `first..=last` those that there are. All of them or an error, and no byte is
    /// fetched if there are more than `most`.
    fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> impl Future<Output = Result<SourceBytes, RecordingError>> + Send;

    /// The size of an object in bytes.
    fn size(&self, bucket: &Bucket, key: &str) -> impl Future<Output = Result<u64, RecordingError>> + Send;
}

/// Bytes of an object of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceBytes {
    /// The bytes.
    pub bytes: Bytes,
    /// Changes with the object's content; empty if there were no such bytes.
    pub etag: String,
}

/// A part of what lies directly in a folder of a bucket, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderPart {
    /// Names of folders, without `/`.
    pub folders: Vec<String>,
    /// Names of objects, with the time at which each was written.
    pub objects: Vec<(String, EpochMs)>,
    /// The name that the next part begins behind, with a `/` if it is a folder's; `None` at the end.
    pub next: Option<String>,
}

/// The store of recordings, by its folders.
pub trait RecordingLists: Send + Sync {
    /// Lists what lies directly below the key `folder`, which is empty or ends in `/`: at most `most` names behind the
    /// one `after`. What lies deeper is not looked at.
    fn folder(
        &self,
        bucket: &Bucket,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> impl Future<Output = Result<FolderPart, RecordingError>> + Send;

    /// When an object was written; `None` if there is none.
    fn written_at(
        &self,
        bucket: &Bucket,
        key: &str,
    ) -> impl Future<Output = Result<Option<EpochMs>, RecordingError>> + Send;
}

/// The metadata of an object that this service wrote: the attempt that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The job.
    pub job_id: JobId,
    /// Its generation.
    pub generation: u32,
    /// The attempt's fence.
    pub fence: u64,
}

/// Bytes with their SHA-256, which the store compares with what reaches it, and keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The bytes.
    pub bytes: Bytes,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl From<Bytes> for Checked {
    fn from(bytes: Bytes) -> Self {
        let sha256 = Sha256::digest(&bytes).into();
        Self { bytes, sha256 }
    }
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Size in bytes.
    pub bytes: u64,
    /// The SHA-256 that the store keeps of it, as [`Manifest::sha256`] has it. Objects of earlier versions have none.
    pub sha256: Option<String>,
    /// Its `ETag`.
    pub etag: String,
    /// The attempt that made it; `None` if it does not carry this service's metadata.
    pub origin: Option<Origin>,
}

impl StoredObject {
    /// Returns `true` if it is what `manifest` says.
    pub fn is(&self, manifest: &Manifest) -> bool {
        let same = self.sha256.as_ref().is_none_or(|sha256| *sha256 == manifest.sha256);
        self.bytes == manifest.bytes && same
    }
}

/// When a write may take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Only if there is no object at the key (`If-None-Match: *`).
    Absent,
    /// Only in place of the object with this `ETag` (`If-Match`).
    Replaces(String),
}

/// Outcome of making an object visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is there now.
    Done,
    /// The precondition did not hold.
    Refused,
}

/// An upload in parts. `id` is the store's name of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The store's name of the upload.
    pub id: String,
    /// The object's key.
    pub key: String,
}

/// A stored part: its number (from 1), `ETag` and checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Position in the object, from 1.
    pub number: i32,
    /// `ETag` of the part.
    pub etag: String,
    /// SHA-256 of the part.
    pub sha256: [u8; 32],
}

/// Why a target could not be written to or looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The function's role may not, the bucket has another owner or is in another region, or there is none; the text is
    /// for logs.
    #[error("access to the target is denied: {0}")]
    Denied(String),
    /// The key that its objects are encrypted with may not or cannot be used; the text is for logs.
    #[error("the target's key cannot be used: {0}")]
    Key(String),
    /// The store refuses what this machine's clock says; the text is for logs.
    #[error("the clock is wrong: {0}")]
    Clock(String),
    /// The store did not answer, also after retries.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A URL that reads one object for a while. It grants access to its holder: never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct FileLink {
    /// The presigned URL.
    pub url: String,
    /// When it ends.
    pub expires_at: EpochMs,
}

impl fmt::Debug for FileLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileLink(***)")
    }
}

/// The headers that a URL gives to the object that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkHeaders {
    /// `Content-Type`
    pub content_type: &'static str,
    /// `Content-Disposition`, by which a client calls its file.
    pub disposition: Option<String>,
}

/// Lends links to clips.
pub trait ClipLinks: Send + Sync {
    /// A URL that reads the object at `key` by `GET`, whether or not there is one.
    fn lend(
        &self,
        target: &Target,
        key: &str,
        headers: &LinkHeaders,
    ) -> impl Future<Output = Result<FileLink, Unavailable>> + Send;
}

/// Reads small objects that this service wrote.
pub trait ClipRead: Send + Sync {
    /// The object at `key`, if it has at most `most` bytes; `None` if there is none.
    fn fetch(
        &self,
        target: &Target,
        key: &str,
        most: u64,
    ) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send;
}

/// Lends links to many objects at once: to those of recordings, and to the parts of playlists.
pub trait PlayLinks: Send + Sync {
    /// URLs that read the objects at `keys` of a target by `GET` for so long, in their order, whether or not
    /// they exist.
    fn lend_made(
        &self,
        target: &Target,
        keys: &[String],
        life: Millis,
    ) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;

    /// The same for recordings.
    fn lend_recorded(
        &self,
        bucket: &Bucket,
        keys: &[String],
        life: Millis,
    ) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;

    /// The `ETag`s of a recording's objects, by their keys: of those at `keys` that exist.
    fn etags(
        &self,
        bucket: &Bucket,
        keys: &BTreeSet<String>,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, Unavailable>> + Send;
}

/// A submission's look at a target.
pub trait ClipLook: Send + Sync {
    /// Returns `true` if there is an object at `key`.
    fn is_there(&self, target: &Target, key: &str) -> impl Future<Output = Result<bool, WriteError>> + Send;
}

/// The store of clips.
pub trait ClipStore: Send + Sync {
    /// Looks at an object.
    fn head(
        &self,
        target: &Target,
        key: &str,
    ) -> impl Future<Output = Result<Option<StoredObject>, WriteError>> + Send;

    /// Writes a small object at once.
    fn put(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
        when: &Precondition,
        body: Checked,
    ) -> impl Future<Output = Result<Published, WriteError>> + Send;

    /// Reads back an object that this service wrote, or of its bytes `first..=last` those that there are; `None` if there
    /// is no object. More than `most` bytes are an error, and none of them is fetched.
    fn read_back(
        &self,
        target: &Target,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> impl Future<Output = Result<Option<Bytes>, WriteError>> + Send;

    /// Starts an upload in parts.
    fn begin(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
    ) -> impl Future<Output = Result<Upload, WriteError>> + Send;

    /// Stores one part (5 MiB to 5 GiB, the last may be smaller).
    fn part(
        &self,
        target: &Target,
        upload: &Upload,
        number: i32,
        body: Checked,
    ) -> impl Future<Output = Result<Part, WriteError>> + Send;

    /// Makes the upload the object. `parts` in ascending order.
    fn complete(
        &self,
        target: &Target,
        upload: &Upload,
        parts: &[Part],
        when: &Precondition,
    ) -> impl Future<Output = Result<Published, WriteError>> + Send;

    /// Removes the object at `key` if it is still the one with this `etag`. One that is gone or another one is no
    /// error.
    fn remove(
        &self,
        target: &Target,
        key: &str,
        etag: &str,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Throws the upload away.
    fn abort(&self, target: &Target, upload: &Upload) -> impl Future<Output = Result<(), WriteError>> + Send;
}
