//! The job as modern clients see it (contract, section 8): words, percent, RFC 3339 times. Never a bucket's name or
//! a user's.

use crate::job::{Job, PlanSummary, State};
use crate::request::{ExportType, Story, Wanted};
use jiff::Timestamp;
use serde::Serialize;

/// Media type that asks for this form.
pub const MEDIA_TYPE: &str = "application/vnd.export.job+json";

/// What was asked.
#[derive(Debug, Serialize)]
pub struct Requested<'a> {
    wanted: Wanted,
    live_path: &'a str,
    start_pos_ms: i64,
    start_time_ms: i64,
    duration_ms: i64,
    export_type: ExportType,
}

/// One job.
#[derive(Debug, Serialize)]
pub struct Resource<'a> {
    id: &'a str,
    state: State,
    generation: u32,
    percent: i64,
    created: String,
    updated: String,
    request: Requested<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lack_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a PlanSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    story: Option<&'a Story>,
}

/// The resource of a job as [`settled`](crate::wait::settled) gave it.
pub fn resource(job: &Job) -> Resource<'_> {
    let order = &job.order;
    let ready = job.state == State::Ready;
    let visible = ready || !job.state.is_terminal();
    Resource {
        id: job.job_id.as_str(),
        state: job.state,
        generation: job.generation,
        percent: percent(job),
        created: rfc3339(job.created_at),
        updated: rfc3339(job.updated_at),
        request: Requested {
            wanted: order.wanted,
            live_path: order.live_path.as_str(),
            start_pos_ms: order.start_pos_ms,
            start_time_ms: order.start_time_ms,
            duration_ms: order.duration_ms,
            export_type: order.export_type,
        },
        delivered_ms: job.video.as_ref().map(|v| v.duration_ms),
        lack_ms: job.video.as_ref().map(|v| v.lack_ms),
        image_path: (visible && job.image.is_some()).then_some(order.image_path.as_str()),
        video_path: (ready && job.video.is_some()).then_some(order.video_path.as_str()),
        error: job.failure.as_ref().map(|f| f.reason.to_string()),
        plan: job.plan.as_ref(),
        story: order.story.as_ref(),
    }
}

fn percent(job: &Job) -> i64 {
    match job.state {
        State::Ready => 100,
        _ if job.order.duration_ms <= 0 => 0,
        _ => (job.done_ms.saturating_mul(100) / job.order.duration_ms).clamp(0, 99),
    }
}

fn rfc3339(epoch_ms: i64) -> String {
    Timestamp::from_millisecond(epoch_ms).unwrap_or_default().to_string()
}
