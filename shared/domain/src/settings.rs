//! Numbers and switches that an operator sets; every default stands here, once.

use crate::ids::TenantId;

/// The most clips that a batch may have, whatever an operator allows.
pub const MOST_CLIPS: usize = 500;

/// The limits of a request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest clip in milliseconds.
    pub max_duration_ms: i64,
    /// Most days that a window may begin after the request.
    pub max_ahead_days: i64,
    /// Most clips of a batch.
    pub max_batch_clips: usize,
    /// Most of the durations of a batch's clips together, in milliseconds.
    pub max_batch_duration_ms: i64,
    /// Longest time that a request is held until its job has ended, in milliseconds; 0 holds none.
    pub max_wait_ms: i64,
    /// `true` if a body that is no strict JSON is read again without comments and trailing commas.
    pub lenient_json: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_duration_ms: 4 * 3_600_000,
            max_ahead_days: 30,
            max_batch_clips: MOST_CLIPS,
            max_batch_duration_ms: 12 * 3_600_000,
            max_wait_ms: 20_000,
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

/// Times of a job's life in milliseconds.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// The time that a claim holds without renewal.
    pub lease_ms: i64,
    /// The interval at which a worker renews its claim.
    pub renew_ms: i64,
    /// Shortest time between two writes of a worker's progress.
    pub progress_ms: i64,
    /// Claims of one generation before it counts as failed.
    pub max_attempts: u32,
    /// Generations before "export timed out" is final.
    pub max_generations: u32,
    /// Time for the work, from the first claim or the window's end, whichever is later.
    pub work_ms: i64,
    /// Longest wait for a first claim.
    pub max_queue_age_ms: i64,
    /// The time for which an absent recording may still appear.
    pub source_wait_ms: i64,
    /// Shortest time between two looks for an absent recording.
    pub source_retry_ms: i64,
    /// Age of a final failure from which a POST tries again.
    pub retry_after_failed_ms: i64,
    /// Shortest pause of a clip that lets another tenant's go first; it grows to five times as much.
    pub line_ms: i64,
    /// First re-send of a message that no worker claimed; doubles up to [`Lifecycle::max_resend_ms`].
    pub resend_ms: i64,
    /// Longest time between two re-sends.
    pub max_resend_ms: i64,
    /// The time that a finished job stays on record.
    pub terminal_ttl_ms: i64,
    /// The time after which the sweeper publishes a missed completion event; `None` sends no such events.
    pub tell_ms: Option<i64>,
    /// When what a job without files left is removed: later than any worker lives and any call of it is on its way.
    pub clear_ms: i64,
    /// Before a job starts over of which something was removed: longer than a call that removes is on its way.
    pub quiet_ms: i64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            renew_ms: 20_000,
            progress_ms: 2000,
            max_attempts: 3,
            max_generations: 3,
            work_ms: 30 * 60_000,
            max_queue_age_ms: 6 * 3_600_000,
            source_wait_ms: 15 * 60_000,
            source_retry_ms: 10_000,
            retry_after_failed_ms: 60_000,
            line_ms: 2000,
            resend_ms: 60_000,
            max_resend_ms: 15 * 60_000,
            terminal_ttl_ms: 7 * 24 * 3_600_000,
            tell_ms: Some(10_000),
            clear_ms: 30 * 60_000,
            quiet_ms: 15 * 60_000,
        }
    }
}
