//! Numbers and switches that an operator sets; every default stands here, once.

use crate::ids::TenantId;
use crate::time::Millis;

/// The most clips that a batch may have, whatever an operator allows.
pub const MOST_CLIPS: usize = 500;

/// The URLs of the queues in which jobs wait for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrls {
    /// `CLIP_QUEUE_URL`
    pub clips: String,
    /// `BULK_QUEUE_URL`. What a function without it sends goes to the clips.
    pub bulk: Option<String>,
    /// `THUMBNAIL_QUEUE_URL`
    pub thumbnails: String,
}

/// The shortest chunk of a clip except for its last: each costs the start of an encoder.
pub const LEAST_CHUNK: Millis = Millis::from_secs(20);
/// The most that a function may be estimated to work on a chunk: half of what it may run, as cores differ.
pub const CHUNK_WORK: Millis = Millis::from_secs(442);
/// Most chunks of a clip: their numbers are the input of an execution, of which Step Functions takes 256 KiB.
pub const MOST_CHUNKS: u32 = 10_000;
/// Functions that a clip may have at the same time, unless the stack says otherwise.
pub const CHUNKS_AT_ONCE: u32 = 100;

/// The limits of a request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest clip.
    pub max_duration_ms: Millis,
    /// Most days that a window may begin after the request.
    pub max_ahead_days: i64,
    /// Most clips of a batch.
    pub max_batch_clips: usize,
    /// Most of the durations of a batch's clips together.
    pub max_batch_duration_ms: Millis,
    /// Longest time that a request is held until its job has ended; 0 holds none.
    pub max_wait_ms: Millis,
    /// `true` if a body that is no strict JSON is read again without comments and trailing commas.
    pub lenient_json: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_duration_ms: Millis::from_hours(4),
            max_ahead_days: 30,
            max_batch_clips: MOST_CLIPS,
            max_batch_duration_ms: Millis::from_hours(12),
            max_wait_ms: Millis::from_secs(20),
            lenient_json: true,
        }
    }
}

/// The callers that are admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthMode {
    /// Every request names a live session.
    Session,
    /// Every request is the given tenant's.
    None(TenantId),
}

/// The form of replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplyStyle {
    /// Force HTTP 200 on errors too, for clients that throw on any other status (`LEGACY_HTTP=200`).
    pub always_200: bool,
    /// Name the JPEG's planned path in "Work Not Finish" replies before it exists (`PREDICT_PATHS=on`).
    pub predict_paths: bool,
}

/// Times of a job's life.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// The time that a claim holds without renewal.
    pub lease_ms: Millis,
    /// The interval at which a worker renews its claim.
    pub renew_ms: Millis,
    /// Shortest time between two writes of a worker's progress.
    pub progress_ms: Millis,
    /// Claims of one generation before it counts as failed.
    pub max_attempts: u32,
    /// Generations before "export timed out" is final.
    pub max_generations: u32,
    /// Time for the work, from the first claim or the window's end, whichever is later.
    pub work_ms: Millis,
    /// Longest wait for a first claim.
    pub max_queue_age_ms: Millis,
    /// The time for which an absent recording may still appear.
    pub source_wait_ms: Millis,
    /// Shortest time between two looks for an absent recording.
    pub source_retry_ms: Millis,
    /// Age of a final failure from which a POST tries again.
    pub retry_after_failed_ms: Millis,
    /// Shortest pause of a clip that lets another tenant's go first; it grows to five times as much.
    pub line_ms: Millis,
    /// First re-send of a message that no worker claimed; doubles up to [`Lifecycle::max_resend_ms`].
    pub resend_ms: Millis,
    /// Longest time between two re-sends.
    pub max_resend_ms: Millis,
    /// The time that a finished job stays on record.
    pub terminal_ttl_ms: Millis,
    /// The time after which the sweeper publishes a missed completion event; `None` sends no such events.
    pub tell_ms: Option<Millis>,
    /// When what a job without files left is removed: later than any worker lives and any call of it is on its way.
    pub clear_ms: Millis,
    /// Before a job starts over of which something was removed: longer than a call that removes is on its way.
    pub quiet_ms: Millis,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            lease_ms: Millis::from_mins(1),
            renew_ms: Millis::from_secs(20),
            progress_ms: Millis::from_secs(2),
            max_attempts: 3,
            max_generations: 3,
            work_ms: Millis::from_mins(30),
            max_queue_age_ms: Millis::from_hours(6),
            source_wait_ms: Millis::from_mins(15),
            source_retry_ms: Millis::from_secs(10),
            retry_after_failed_ms: Millis::from_mins(1),
            line_ms: Millis::from_secs(2),
            resend_ms: Millis::from_mins(1),
            max_resend_ms: Millis::from_mins(15),
            terminal_ttl_ms: Millis::from_days(7),
            tell_ms: Some(Millis::from_secs(10)),
            clear_ms: Millis::from_mins(30),
            quiet_ms: Millis::from_mins(15),
        }
    }
}
