//! A job and its life.
//!
//! A [`Job`] is one item of the jobs table and at the same time the outbox of its queue message: any reader that finds
//! [`Job::due_at`] in the past sends the message again. Every change is a pure function from one value to the next
//! (see [`transition`](self)); the store writes the result only if [`Job::rev`] is still what was read. Clocks decide
//! when something is tried again, never whether a write is right: that is the fence's task.

use crate::identity::JobIdentity;
use crate::ids::{BatchId, JobId, LivePath, TenantId};
use crate::listing::{Guess, Skipped};
use crate::message::{Message, VERSION};
use crate::reel::{OrderedReel, OrderedWindow};
use crate::request::{ExportRequest, ExportType, Story, Wanted};
use crate::storage::Container;
use crate::target::Target;
use crate::time::{EpochMs, EpochSecs, Millis, Pts};
use crate::trace::{self, CorrelationId, TraceContext, TraceHeader};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mod aftermath;
mod cause;
mod fan;
mod play;
mod progress;
mod transition;
mod unread;
mod warning;
mod windows;
mod work;

pub use aftermath::Aftermath;
pub use cause::{Cause, Detail, Reason};
pub use fan::{Fan, FanSize, MAX_EPOCHS, MOST_CHUNKS, PLAN, chunk_number};
pub use play::{INDEX, Play, PlayKey};
pub use progress::{Phase, Progress, Report};
pub use transition::{Counted, Errand, Posted, Swept};
pub use unread::Unread;
pub use warning::{Warning, WarningCode};
pub use windows::DeliveredWindow;
pub use work::{Claim, Fenced};

/// Format of the stored item. Readers accept any and keep what they do not know, at whatever depth.
pub const SCHEMA_VERSION: u32 = 1;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Stored; a message is on its way or will be sent again.
    Queued,
    /// Claimed by a worker.
    Running,
    /// Waits until the recording has grown past the window.
    WaitingSource,
    /// Many functions make it in chunks, and no worker holds it. Clients see it as running.
    Fanned,
    /// The files are there.
    Ready,
    /// Ended without files.
    Failed,
    /// Ended by the client.
    Cancelled,
    /// One that only a newer version of the service knows: the job is left to that.
    #[serde(other)]
    Unknown,
}

impl State {
    /// Returns `true` if the job has ended, to the knowledge of this version.
    pub fn is_terminal(self) -> bool {
        matches!(self, State::Ready | State::Failed | State::Cancelled)
    }
}

/// The way of a job through the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Only batches want it: it waits behind what was asked for alone.
    Bulk,
    /// One that only a newer version of the service knows.
    #[serde(other)]
    Unknown,
}

/// The queues in which jobs wait for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkQueue {
    /// Clips that a client asked for alone.
    Clips,
    /// Clips that only batches want. They have workers of their own, so that no other clip waits behind them.
    Bulk,
    /// First frames without a clip.
    Thumbnails,
}

/// The failure of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// The reason in clients' words, for versions that do not know it; empty in items of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The thing at fault; empty in items of earlier versions.
    #[serde(default, skip_serializing_if = "Detail::is_empty")]
    pub detail: Detail,
    /// `true` if a POST may start another generation at once.
    pub retriable: bool,
    /// When.
    pub at: EpochMs,
}

impl Failure {
    /// The reason in clients' words: those of the version that wrote it down, if this one does not know the reason.
    pub fn message(&self) -> String {
        match &self.reason {
            Reason::Unknown if !self.message.is_empty() => self.message.clone(),
            known => known.to_string(),
        }
    }
}

/// The end of an earlier generation of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntoldEnd {
    /// Which.
    pub generation: u32,
    /// The state at that time.
    pub state: State,
    /// The failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Its JPEG, if it was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Manifest>,
    /// Its clip, if it was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Manifest>,
    /// When.
    pub at: EpochMs,
    /// Name of the request that made or restarted it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::correlation_id")]
    pub correlation_id: Option<CorrelationId>,
    /// The batch that made or restarted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
}

/// One of the two files that a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// The first frame as JPEG.
    Image,
    /// The clip.
    Video,
    /// A file that only a newer version of the service makes: its key is not asked for.
    #[serde(other)]
    Unknown,
}

/// The record of a published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Size in bytes.
    pub bytes: u64,
    /// Lower-case hex SHA-256 of the content; of an object in parts, of its parts' SHA-256 values in their order, as
    /// S3's composite checksums are made.
    pub sha256: String,
    /// Parts that the object was uploaded in; 0 if it was written at once.
    #[serde(default)]
    pub parts: u32,
    /// Length (0 for an image).
    pub duration_ms: Millis,
    /// The part of the window that no recorded frame covers.
    pub lack_ms: Millis,
    /// The parts that were left out of it or corrected in it, one of each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The parts of the window that no recorded frame covers, the first hundred of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
    /// The windows of a reel, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<DeliveredWindow>,
}

impl Manifest {
    /// The same without the windows of a reel, which take the most room.
    #[must_use]
    pub fn without_windows(&self) -> Self {
        Self { windows: Vec::new(), ..self.clone() }
    }
}

/// A part of a window that no recorded frame covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Its start, in milliseconds from the window's.
    pub at_ms: Millis,
    /// Its length in milliseconds.
    pub length_ms: Millis,
}

/// A manifest written before its object is made visible, so that a worker that finds the object knows what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Which file.
    pub object: ObjectKind,
    /// Generation of the attempt.
    pub generation: u32,
    /// Fence of the attempt.
    pub fence: u64,
    /// The file that it made.
    pub manifest: Manifest,
    /// When; absent in items of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<EpochMs>,
}

/// An upload in parts that an attempt has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Fence of the attempt.
    pub fence: u64,
    /// The store's name of the upload.
    pub id: String,
}

/// [`PlanSummary::kind`] of a picture alone.
pub const STILL: &str = "still";

/// The worker's report on the making of a clip, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Plan))]
#[serde(default)]
pub struct PlanSummary {
    /// The way in which the clip is made: `copy`, `smart` (copied except for its ends), `reencode`, `still`.
    pub kind: String,
    /// Why in this way.
    pub reason: String,
    /// A copy was tried, and did not do.
    pub fell_back: bool,
    /// Frames that go through an encoder.
    pub frames_encoded: u64,
    /// Frames that are as recorded.
    pub frames_copied: u64,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Bytes written to the target.
    pub bytes_written: u64,
    /// Milliseconds to read the manifest and the init segments.
    pub open_ms: u64,
    /// Milliseconds of decoding and encoding, all runs added up.
    pub render_ms: u64,
    /// Milliseconds of checking the joins, all added up.
    pub check_ms: u64,
    /// Milliseconds from the attempt's start to the published clip.
    pub total_ms: u64,
}

/// The parts of the request that the work and the answers need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Clip and frame, or the frame alone.
    pub wanted: Wanted,
    /// Start of the window.
    pub start_pos_ms: EpochMs,
    /// Start of the window, from the recording's start.
    pub start_time_ms: Millis,
    /// Length of the window.
    pub duration_ms: Millis,
    /// The manifest.
    pub live_path: LivePath,
    /// The start as a time stamp of the transport stream that is recorded, which then decides in place of the other two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<Pts>,
    /// Codec asked for.
    pub export_type: ExportType,
    /// The destination of the files.
    pub target: Target,
    /// `ImagePath` of the reply.
    pub image_path: String,
    /// `VideoPath` of the reply.
    pub video_path: String,
    /// The client's story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<Story>,
    /// The windows of a reel, of which the first one's members stand above, with the length of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reel: Option<OrderedReel>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_v: u32,
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub job_id: JobId,
    /// Grows by one with every write; what a conditional write compares.
    pub rev: u64,
    /// Name of the last write, so that a writer whose reply was lost recognises its own.
    pub write_id: String,
    /// The state.
    pub state: State,
    /// Counts from 1; a POST after a failure starts the next.
    pub generation: u32,
    /// Generations that count against the limit.
    pub retries: u32,
    /// Grows from the time of its creation with every claim for the life of the item; what a worker's writes are
    /// conditional on.
    pub fence: u64,
    /// Claims of this generation.
    pub attempts: u32,
    /// The order.
    pub order: Order,
    /// First POST.
    pub created_at: EpochMs,
    /// Start of this generation.
    pub queued_at: EpochMs,
    /// Last write.
    pub updated_at: EpochMs,
    /// When the claim now in force was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<EpochMs>,
    /// The claim is good until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<EpochMs>,
    /// The worker's own name of its claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<String>,
    /// When the sweeper looks at it: to send the message again, or the completion event of a job that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<EpochMs>,
    /// Times that the sweeper sent something since the last claim or the end.
    #[serde(default)]
    pub resends: u32,
    /// When the work must be done; set by a claim, and gone once the job is back in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<EpochMs>,
    /// When a job is looked at again that waits for its recording, or for a pause after a failure to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<EpochMs>,
    /// First time that a service which the work needs did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_since: Option<EpochMs>,
    /// The named transient obstacle of the last attempts: the reason once they are used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Reason>,
    /// First time that the recording was found absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_missing_since: Option<EpochMs>,
    /// The part of the window that is made, or was there while the job waited for its recording: the most of all
    /// attempts.
    #[serde(default)]
    pub done_ms: Millis,
    /// The progress of the work; absent in items of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Ends of earlier generations whose completion events are still to be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<UntoldEnd>,
    /// The published JPEG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Manifest>,
    /// The published clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Manifest>,
    /// The clip as a playlist, or why there is none; absent in items of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play: Option<Play>,
    /// Manifests of objects that may be there without this item saying so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staged: Vec<Staged>,
    /// Uploads in parts that may still be open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<Begun>,
    /// The chunks that it is made in, of this generation or an earlier one; absent if one worker makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan: Option<Fan>,
    /// The chunks that are made, as [`chunk_number`] has them. The functions that make them note that by themselves:
    /// no other write touches it.
    #[serde(default, skip_serializing)]
    pub fan_done: BTreeSet<u64>,
    /// The failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The record of the work that follows the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aftermath: Option<Aftermath>,
    /// No work begins before: calls that remove what an earlier generation left may be on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<EpochMs>,
    /// The worker's report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSummary>,
    /// The time from which the record counts as gone; only ended jobs have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EpochSecs>,
    /// Name of the request that made or restarted it, for logs.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::correlation_id")]
    pub correlation_id: Option<CorrelationId>,
    /// Trace of that request; goes along with every message.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::trace_header")]
    pub trace: Option<TraceHeader>,
    /// The batch that made or restarted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The way through the queues; absent for a job that a client asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// The members that a newer version of the service stored in it.
    #[serde(skip)]
    pub unread: Unread,
}

impl Order {
    /// The order of a request with its identity and its target.
    pub fn new(request: ExportRequest, identity: JobIdentity, target: Target) -> Self {
        Self {
            wanted: match request.wanted {
                Wanted::Media if request.pts.is_some() => Wanted::Stamped,
                wanted => wanted,
            },
            start_pos_ms: request.start_pos_ms,
            start_time_ms: request.start_time_ms,
            duration_ms: request.duration_ms,
            live_path: request.live_path,
            pts: request.pts,
            export_type: request.export_type,
            target,
            image_path: identity.image_path,
            video_path: identity.video_path,
            story: request.story,
            reel: (!request.windows.is_empty())
                .then(|| OrderedReel { windows: request.windows, ..OrderedReel::default() }),
        }
    }

    /// The order with notes on the list that it is of; a clip has none.
    #[must_use]
    pub fn noted(self, skipped: Vec<Skipped>, guesses: Vec<Guess>) -> Self {
        Self { reel: self.reel.map(|reel| OrderedReel { skipped, guesses, ..reel }), ..self }
    }

    /// Returns `true` if this version can carry it out: a newer one may have ordered what only that one makes.
    pub fn is_understood(&self) -> bool {
        self.wanted != Wanted::Unknown
            && (self.wanted == Wanted::Reel) == self.reel.is_some()
            && (self.wanted == Wanted::Reel || (self.wanted == Wanted::Stamped) == self.pts.is_some())
            && self.target.container != Container::Unknown
            && self.export_type != ExportType::Unknown
    }

    /// The windows of a reel, in their order; none of anything else.
    pub fn windows(&self) -> &[OrderedWindow] {
        self.reel.as_ref().map_or(&[], |reel| &reel.windows)
    }

    /// The recording of one of its windows.
    pub fn recording<'a>(&'a self, window: &'a OrderedWindow) -> &'a LivePath {
        window.live_path.as_ref().unwrap_or(&self.live_path)
    }

    /// The wall-clock start of the window; of a reel, of the earliest one.
    pub fn window_begin(&self) -> EpochMs {
        self.windows().iter().map(|window| window.start_pos_ms).min().unwrap_or(self.start_pos_ms)
    }

    /// The wall-clock end of the window; of a reel, of the one that ends last.
    pub fn window_end(&self) -> EpochMs {
        let only = match self.wanted {
            Wanted::Thumbnail => self.start_pos_ms,
            _ => self.start_pos_ms + self.duration_ms,
        };
        self.windows().iter().map(OrderedWindow::end_ms).max().unwrap_or(only)
    }

    /// The places among its tenant's unfinished jobs that it needs to be admitted: one for each `longest` of a clip that a reel
    /// has, begun ones included.
    pub fn places(&self, longest: Millis) -> u32 {
        let lengths = self.duration_ms.count().div_ceil(longest.count().max(1));
        if self.reel.is_some() { u32::try_from(lengths).unwrap_or(u32::MAX).max(1) } else { 1 }
    }

    /// The key of one of the files in [`Target::bucket`].
    pub fn key(&self, object: ObjectKind) -> String {
        self.target.key(self.path(object))
    }

    /// The name of one of the files, with its extension.
    pub fn file_name(&self, object: ObjectKind) -> &str {
        self.path(object).rsplit('/').next().unwrap_or_default()
    }

    /// The media type that one of the files is stored with.
    pub fn content_type(&self, object: ObjectKind) -> &'static str {
        match object {
            ObjectKind::Image => "image/jpeg",
            ObjectKind::Video | ObjectKind::Unknown => self.target.container.content_type(),
        }
    }

    fn path(&self, object: ObjectKind) -> &str {
        match object {
            ObjectKind::Image => &self.image_path,
            ObjectKind::Video | ObjectKind::Unknown => &self.video_path,
        }
    }
}

impl Job {
    /// The message that makes a worker look at this job.
    pub fn message(&self) -> Message {
        Message {
            v: VERSION,
            tenant: self.tenant.clone(),
            job_id: self.job_id.clone(),
            generation: self.generation,
            trace: self.trace.clone(),
        }
    }

    /// The job, made or restarted by the request `context`.
    #[must_use]
    pub fn caused_by(self, context: &TraceContext) -> Self {
        let TraceContext { correlation_id, trace } = context.clone();
        Self { correlation_id, trace, ..self }
    }

    /// The queue that its message belongs in.
    pub fn work_queue(&self) -> WorkQueue {
        match (self.order.wanted, self.lane) {
            (Wanted::Thumbnail, _) => WorkQueue::Thumbnails,
            (_, Some(Lane::Bulk)) => WorkQueue::Bulk,
            (_, Some(Lane::Unknown) | None) => WorkQueue::Clips,
        }
    }

    /// The job as `batch` makes or restarts it.
    #[must_use]
    pub fn of(self, batch: &BatchId) -> Self {
        Self { batch_id: Some(batch.clone()), lane: Some(Lane::Bulk), ..self }
    }

    /// Returns `true` if `batch` made it and no client has asked for it alone since.
    pub fn is_of(&self, batch: &BatchId) -> bool {
        self.batch_id.as_ref() == Some(batch) && self.lane == Some(Lane::Bulk)
    }

    /// Returns `true` if its record counts as gone: its time is over (TTL deletion itself lags by days), or a client
    /// forgot it.
    pub fn is_expired(&self, now: EpochMs) -> bool {
        self.is_over(now) || self.is_forgotten()
    }

    /// Returns `true` if its record's time is over.
    fn is_over(&self, now: EpochMs) -> bool {
        self.expires_at.is_some_and(|at| at.has_come(now))
    }

    /// The staged manifest of an object that carries this generation and fence.
    pub fn staged(&self, object: ObjectKind, generation: u32, fence: u64) -> Option<&Manifest> {
        let same = |s: &&Staged| s.object == object && s.generation == generation && s.fence == fence;
        self.staged.iter().find(same).map(|s| &s.manifest)
    }

    /// The parts that were left out of its files or corrected in them, one of each known kind: the clip's, then those
    /// of the JPEG alone.
    pub fn warnings(&self) -> Vec<&Warning> {
        let files = self.video.iter().chain(&self.image);
        files.flat_map(|file| &file.warnings).fold(Vec::new(), |mut found, warning| {
            let known = warning.code != WarningCode::Unknown;
            if !(known && found.iter().any(|other: &&Warning| other.code == warning.code)) {
                found.push(warning);
            }
            found
        })
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
