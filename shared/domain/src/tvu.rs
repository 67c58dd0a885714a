//! The TVU reply and the one table that decides it.
//!
//! `TimeWait > 0` says that the very same request, sent again after that many milliseconds, may get another answer;
//! 0 says that the answer is final; after a failure a POST starts over, but not before a minute has passed. A path in
//! a reply is a readable object.

use crate::intake::Rejection;
use crate::job::{Job, Reason, State};
use crate::request::Wanted;
use crate::settings::ReplyStyle;
use crate::time::{EpochMs, Millis};
use serde::{Deserialize, Serialize};

/// The time that clients are asked to wait when it is not known.
pub const WAIT_UNKNOWN: Millis = Millis::from_secs(2);
/// The least and the most that they are asked to.
const WAIT_LEAST: Millis = Millis::new(500);
const WAIT_SOURCE_MOST: Millis = Millis::from_secs(30);

/// The reply. Members that are absent are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Reply))]
#[serde(rename_all = "PascalCase")]
pub struct ExportReply {
    /// Milliseconds to wait before asking again; 0 if the answer is final.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0, maximum = 30000))]
    pub time_wait: Millis,
    /// `ErrorCode`, as `openapi::error_code` describes it.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::error_code))]
    pub error_code: i32,
    /// `Success`, `Work Not Finish`, or why there are no files.
    pub error_message: String,
    /// The first frame's JPEG, without `S3Dir`.
    #[cfg_attr(
        feature = "openapi",
        schema(
            pattern = r"^/[0-9A-F]{32}/[0-9A-F]{32}_[0-9]{8}(-[0-9]{2}){3}_[0-9A-F]{32}_[0-9A-Fa-f]{1,32}_[0-9a-f-]{36}_[0-9]+_[0-9]+\.jpg$"
        )
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_path: Option<String>,
    /// The clip, with `S3Dir`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^/export/[0-9A-F]{32}/.+\.(ts|mp4)$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_path: Option<String>,
    /// Always `v1`.
    #[cfg_attr(feature = "openapi", schema(required = false, pattern = "^v1$"))]
    pub version: String,
    /// Always `export`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^export$"))]
    #[serde(rename = "S3Dir")]
    pub s3_dir: String,
    /// Milliseconds of the window that are not made yet; of a finished clip, those that the recording lacks.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack_length: Option<Millis>,
    /// The job's name, for the status routes.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

/// A reply with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// The body.
    pub reply: ExportReply,
}

/// The route of the request, to the extent that the answer depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// `POST /export`: may start a new generation later.
    Submit,
    /// A status route: never starts anything.
    Status,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The job, with the end that the clock brought on record (200).
    Job(&'a Job),
    /// No job, for this reason.
    Rejected(&'a Rejection),
}

impl<'a> From<&'a Result<Job, Rejection>> for Outcome<'a> {
    fn from(result: &'a Result<Job, Rejection>) -> Self {
        match result {
            Ok(job) => Self::Job(job),
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

/// The decision table's rows about jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ReplyRow {
    /// No worker has the clip's job yet, or only a newer version of the service knows its state. What only a newer
    /// version makes is answered as a clip is.
    Queued,
    /// A worker has it, and its picture is not there yet.
    RunningWithoutImage,
    /// A worker has it, and its picture is there.
    RunningWithImage,
    /// The recording has not reached the end of the window yet.
    WaitingSource,
    /// Clip and picture are there, and nothing of the window is missing.
    ReadyFull,
    /// Clip and picture are there; the recording lacks a part of the window.
    ReadyShort,
    /// The picture alone was wanted and is there.
    ThumbnailReady,
    /// The picture alone was wanted and is in work.
    ThumbnailInWork,
    /// There is no recording, and a POST may look for it again.
    SourceAbsent,
    /// Attempts or time were used up, and a POST may try again.
    TimedOut,
    /// Failed permanently, or cancelled.
    Final,
}

/// The row that fires: total over everything that a job can be.
fn row(job: &Job) -> ReplyRow {
    match (job.state, job.order.wanted) {
        (State::Cancelled, _) => ReplyRow::Final,
        (State::Failed, _) => match &job.failure {
            Some(f) if f.retriable && f.reason == Reason::SourceAbsent => ReplyRow::SourceAbsent,
            Some(f) if f.retriable => ReplyRow::TimedOut,
            _ => ReplyRow::Final,
        },
        (State::Ready, Wanted::Thumbnail) => ReplyRow::ThumbnailReady,
        (State::Ready, _) if job.video.as_ref().is_some_and(|v| v.lack_ms > Millis::ZERO) => {
            ReplyRow::ReadyShort
        }
        (State::Ready, _) => ReplyRow::ReadyFull,
        (_, Wanted::Thumbnail) => ReplyRow::ThumbnailInWork,
        (State::Queued | State::Unknown, _) => ReplyRow::Queued,
        (State::WaitingSource, _) => ReplyRow::WaitingSource,
        (State::Running | State::Fanned, _) if job.image.is_some() => ReplyRow::RunningWithImage,
        (State::Running | State::Fanned, _) => ReplyRow::RunningWithoutImage,
    }
}

/// The answer of the decision table.
pub fn answer(outcome: Outcome<'_>, via: Via, now: EpochMs, style: ReplyStyle) -> Answer {
    let (status, reply) = match outcome {
        Outcome::Job(job) => (200, job_reply(job, via, now, style)),
        Outcome::Rejected(rejection) => {
            (rejection.status(), plain(-1, rejection_wait(rejection), &rejection.text()))
        }
    };
    Answer { status: if style.always_200 { 200 } else { status }, reply }
}

fn job_reply(job: &Job, via: Via, now: EpochMs, style: ReplyStyle) -> ExportReply {
    let row = row(job);
    let duration = job.order.duration_ms;
    let left = (duration - job.made_ms()).clamp(Millis::ZERO, duration);
    let retry = if via == Via::Submit { WAIT_UNKNOWN } else { Millis::ZERO };
    let reply = match row {
        ReplyRow::Queued => working(WAIT_UNKNOWN, left),
        ReplyRow::RunningWithoutImage | ReplyRow::RunningWithImage => working(running_wait(job, now), left),
        ReplyRow::WaitingSource => working(source_wait(job, now), left),
        ReplyRow::ThumbnailInWork if job.state == State::WaitingSource => {
            plain(1, source_wait(job, now), "Work Not Finish")
        }
        ReplyRow::ThumbnailInWork => plain(1, WAIT_LEAST, "Work Not Finish"),
        ReplyRow::ReadyFull | ReplyRow::ReadyShort => {
            let lack = job.video.as_ref().map_or(Millis::ZERO, |v| v.lack_ms);
            ExportReply { lack_length: Some(lack), ..plain(5, Millis::ZERO, "Success") }
        }
        ReplyRow::ThumbnailReady => plain(0, Millis::ZERO, "Success"),
        ReplyRow::SourceAbsent | ReplyRow::TimedOut => failed(job, retry),
        ReplyRow::Final => failed(job, Millis::ZERO),
    };
    let ready = job.state == State::Ready;
    let shown = (ready || !job.state.is_terminal()) && job.image.is_some();
    let planned = style.predict_paths && !job.state.is_terminal();
    ExportReply {
        image_path: (shown || planned).then(|| job.order.image_path.clone()),
        video_path: (ready && job.video.is_some()).then(|| job.order.video_path.clone()),
        job_id: Some(job.job_id.to_string()),
        ..reply
    }
}

/// The time after which the same request may get another answer.
fn rejection_wait(rejection: &Rejection) -> Millis {
    match rejection {
        Rejection::TooMany { wait_ms, .. } => *wait_ms,
        Rejection::Unavailable(_) | Rejection::Contended => WAIT_UNKNOWN,
        _ => Millis::ZERO,
    }
}

fn working(wait: Millis, lack: Millis) -> ExportReply {
    ExportReply { lack_length: Some(lack), ..plain(1, wait, "Work Not Finish") }
}

fn failed(job: &Job, wait: Millis) -> ExportReply {
    let text = match &job.failure {
        Some(failure) if job.state == State::Failed => failure.message(),
        _ => "cancelled".to_owned(),
    };
    let lack = (job.order.wanted != Wanted::Thumbnail).then_some(job.order.duration_ms);
    ExportReply { lack_length: lack, ..plain(-1, wait, &text) }
}

/// The remaining time at the pace so far, between half a second and the two of TVU's examples.
fn running_wait(job: &Job, now: EpochMs) -> Millis {
    let made_ms = job.made_ms();
    let left = (job.order.duration_ms - made_ms).max(Millis::ZERO);
    match job.started_at {
        Some(started) if made_ms > Millis::ZERO && now > started => {
            let estimate =
                i128::from((now - started).get()) * i128::from(left.get()) / i128::from(made_ms.get());
            i64::try_from(estimate).map_or(WAIT_UNKNOWN, Millis::new).clamp(WAIT_LEAST, WAIT_UNKNOWN)
        }
        _ => WAIT_UNKNOWN,
    }
}

fn source_wait(job: &Job, now: EpochMs) -> Millis {
    job.wake_at.map_or(WAIT_UNKNOWN, |at| (at - now).clamp(WAIT_UNKNOWN, WAIT_SOURCE_MOST))
}

fn plain(code: i32, wait: Millis, message: &str) -> ExportReply {
    ExportReply {
        time_wait: wait,
        error_code: code,
        error_message: message.to_owned(),
        image_path: None,
        video_path: None,
        version: "v1".to_owned(),
        s3_dir: "export".to_owned(),
        lack_length: None,
        job_id: None,
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

    pub(super) fn error_code() -> Object {
        let what = "0 the picture is there, 1 in work, 5 clip and picture are there, -1 error.";
        let codes = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([-1, 0, 1, 5]));
        codes.description(Some(what)).build()
    }
}

#[cfg(test)]
mod tests;
