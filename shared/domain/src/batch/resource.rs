//! A batch as clients see it.

use super::life::{Batch, BatchClip, BatchOutcome, BatchState, Stage};
use super::{Guess, Skipped};
use crate::ids::JobId;
use crate::job::{Detail, Failure, Job, State};
use crate::time::{EpochMs, Millis};
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of a clip in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClipState {
    /// Not asked for yet.
    Pending,
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Waits until the recording has grown past the window.
    WaitingSource,
    /// The files are there.
    Ready,
    /// Ended without files.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// Clips of a batch by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchCounts))]
pub struct Counts {
    /// All clips.
    total: usize,
    /// `PENDING`
    pending: usize,
    /// `QUEUED`
    queued: usize,
    /// `RUNNING`
    running: usize,
    /// `WAITING_SOURCE`
    waiting: usize,
    /// `READY`
    ready: usize,
    /// `FAILED`
    failed: usize,
    /// `CANCELLED`
    cancelled: usize,
}

/// One clip of a batch.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchClip))]
pub struct ClipResource<'a> {
    /// Its place in the list, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    n: usize,
    /// `ref` of the request.
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    mark: Option<&'a str>,
    /// The file's name without extension.
    name: &'a str,
    /// The recording.
    live_path: &'a str,
    /// Its job, which `GET /export/jobs/{jobId}` shows in full.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    job_id: &'a str,
    /// The state.
    state: ClipState,
    /// Start of the window, in milliseconds since 1970.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_pos_ms: EpochMs,
    /// Length of the window in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 1))]
    duration_ms: Millis,
    /// The part of the window that no recorded frame covers, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, required = true, minimum = 0))]
    lack_ms: Option<Millis>,
    /// `ImagePath` of the reply to a POST of the clip alone.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    image_path: Option<&'a str>,
    /// `VideoPath` of that reply.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    video_path: Option<&'a str>,
    /// Why it failed.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    error: Option<String>,
    /// The thing that the error is about.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    detail: Option<&'a str>,
}

/// A batch, without its clips.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchSummary))]
pub struct Summary<'a> {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    id: &'a str,
    /// The state.
    state: BatchState,
    /// The outcome once it is done.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    outcome: Option<BatchOutcome>,
    /// Counts from 1; a POST of a batch that is done without all clips starts the next.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    generation: u32,
    /// First request for it.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created: String,
    /// Last change.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated: String,
    /// All clips.
    total: usize,
}

/// A batch with a page of its clips.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Batch))]
pub struct BatchResource<'a> {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    id: &'a str,
    /// The state.
    state: BatchState,
    /// The outcome once it is done.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    outcome: Option<BatchOutcome>,
    /// Counts from 1; a POST of a batch that is done without all clips starts the next.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    generation: u32,
    /// First request for it.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created: String,
    /// Last change.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated: String,
    /// The part that is made, by the clips' durations, in per cent.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    percent: i64,
    /// Clips by their state.
    counts: Counts,
    /// A page of the clips, in the list's order.
    clips: Vec<ClipResource<'a>>,
    /// `cursor` of the next page; `null` on the last.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    next: Option<String>,
    /// The entries of the list that make no clip.
    skipped: &'a [Skipped],
    /// The service's guesses.
    warnings: &'a [Guess],
}

/// A page of a tenant's batches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchPage))]
pub struct BatchList<'a> {
    /// The batches, newest first.
    pub batches: Vec<Summary<'a>>,
    /// `cursor` of the next page; `null` on the last.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub next: Option<String>,
}

/// The clips that a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipPage {
    /// The only state; `None` for all.
    pub state: Option<ClipState>,
    /// Clips that the page begins behind, by their index.
    pub from: usize,
    /// Most clips.
    pub most: usize,
}

/// A batch without its clips.
pub fn summary(batch: &Batch) -> Summary<'_> {
    Summary {
        id: batch.batch_id.as_str(),
        state: batch.state,
        outcome: batch.outcome,
        generation: batch.generation,
        created: batch.created_at.to_rfc3339(),
        updated: batch.updated_at.to_rfc3339(),
        total: batch.clips.len(),
    }
}

/// Indexes of the clips whose jobs a reply with `page` needs: those that have not ended, and those of the page.
pub fn needed(batch: &Batch, page: ClipPage) -> Vec<&JobId> {
    let shown: Vec<usize> = chosen(batch, &BTreeMap::new(), page).map(|(at, _)| at).take(page.most).collect();
    let clips = batch.clips.iter().enumerate();
    let needed = clips.filter(|(at, clip)| clip.stage == Stage::Started || shown.contains(at));
    needed.map(|(_, clip)| &clip.job_id).collect()
}

/// The clips from the page's start on that it may show, with their indexes.
fn chosen<'a>(
    batch: &'a Batch,
    jobs: &'a BTreeMap<JobId, Job>,
    page: ClipPage,
) -> impl Iterator<Item = (usize, &'a BatchClip)> {
    let clips = batch.clips.iter().enumerate().skip(page.from);
    clips.filter(move |(_, clip)| {
        page.state.is_none_or(|state| clip_state(clip, jobs.get(&clip.job_id)) == state)
    })
}

/// The resource of a batch with the `jobs` that were read of it.
pub fn batch_resource<'a>(
    batch: &'a Batch,
    jobs: &'a BTreeMap<JobId, Job>,
    page: ClipPage,
) -> BatchResource<'a> {
    let mut chosen = chosen(batch, jobs, page);
    let clips: Vec<(usize, &BatchClip)> = chosen.by_ref().take(page.most).collect();
    let last = clips.last().map(|(at, _)| at + 1);
    let next = last.filter(|_| chosen.next().is_some()).map(|at| at.to_string());
    let Summary { id, state, outcome, generation, created, updated, .. } = summary(batch);
    BatchResource {
        id,
        state,
        outcome,
        generation,
        created,
        updated,
        percent: batch_percent(batch, jobs),
        counts: counts(batch, jobs),
        clips: clips.into_iter().map(|(_, clip)| clip_resource(clip, jobs.get(&clip.job_id))).collect(),
        next,
        skipped: &batch.skipped,
        warnings: &batch.guesses,
    }
}

/// A clip that ended in its batch keeps that end, whatever became of its job since.
fn clip_state(clip: &BatchClip, job: Option<&Job>) -> ClipState {
    match (clip.stage, job.map(Job::shown_state)) {
        (Stage::Pending, _) => ClipState::Pending,
        (Stage::Ready, _) | (Stage::Started, Some(State::Ready)) => ClipState::Ready,
        (Stage::Failed, _) => ClipState::Failed,
        (Stage::Cancelled, _) | (Stage::Started, Some(State::Cancelled)) => ClipState::Cancelled,
        (Stage::Started, Some(State::Running)) => ClipState::Running,
        (Stage::Started, Some(State::WaitingSource)) => ClipState::WaitingSource,
        (Stage::Started, Some(State::Failed)) if job.is_some_and(|job| job.stage() == Stage::Failed) => {
            ClipState::Failed
        }
        (Stage::Started, _) => ClipState::Queued,
    }
}

fn clip_resource<'a>(clip: &'a BatchClip, job: Option<&'a Job>) -> ClipResource<'a> {
    let state = clip_state(clip, job);
    let ready = job.filter(|job| state == ClipState::Ready && job.state == State::Ready);
    let failure = job.filter(|_| state == ClipState::Failed).and_then(|job| job.failure.as_ref());
    let detail = failure.map(|failure| &failure.detail).filter(|detail| !detail.is_empty());
    ClipResource {
        n: clip.n,
        mark: clip.mark.as_deref(),
        name: clip.name.as_str(),
        live_path: clip.path.as_str(),
        job_id: clip.job_id.as_str(),
        state,
        start_pos_ms: clip.start_pos_ms,
        duration_ms: clip.duration_ms,
        lack_ms: ready.and_then(|job| job.video.as_ref()).map(|video| video.lack_ms),
        image_path: ready.filter(|job| job.image.is_some()).map(|job| job.order.image_path.as_str()),
        video_path: ready.filter(|job| job.video.is_some()).map(|job| job.order.video_path.as_str()),
        error: failure.map(Failure::message),
        detail: detail.map(Detail::as_str),
    }
}

fn counts(batch: &Batch, jobs: &BTreeMap<JobId, Job>) -> Counts {
    let mut counts = Counts { total: batch.clips.len(), ..Counts::default() };
    for clip in &batch.clips {
        let of_state = match clip_state(clip, jobs.get(&clip.job_id)) {
            ClipState::Pending => &mut counts.pending,
            ClipState::Queued => &mut counts.queued,
            ClipState::Running => &mut counts.running,
            ClipState::WaitingSource => &mut counts.waiting,
            ClipState::Ready => &mut counts.ready,
            ClipState::Failed => &mut counts.failed,
            ClipState::Cancelled => &mut counts.cancelled,
        };
        *of_state += 1;
    }
    counts
}

/// Below 100 until the batch is done.
fn batch_percent(batch: &Batch, jobs: &BTreeMap<JobId, Job>) -> i64 {
    if batch.state == BatchState::Done {
        return 100;
    }
    let part = |clip: &BatchClip| match clip.stage {
        Stage::Pending => 0,
        Stage::Started => jobs.get(&clip.job_id).map_or(0, Job::percent),
        Stage::Ready | Stage::Failed | Stage::Cancelled => 100,
    };
    let weighed = batch.clips.iter().map(|clip| i128::from(clip.duration_ms.get()) * i128::from(part(clip)));
    let total: i128 = batch.clips.iter().map(|clip| i128::from(clip.duration_ms.get())).sum();
    let percent = weighed.sum::<i128>() / total.max(1);
    i64::try_from(percent).unwrap_or(0).clamp(0, 99)
}
