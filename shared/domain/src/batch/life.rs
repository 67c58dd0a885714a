//! A batch and its life.
//!
//! A [`Batch`] is one item, changed like a job: by pure functions from one value to the next, each stored only if the item
//! still has the [`Batch::rev`] that was read. It posts every clip as a client would post it alone, and waits for the end of
//! its job. So a clip is never asked for in a way that a second time would harm, and a
//! caller that dies between two steps leaves a batch that any other caller goes on with.

use super::request::Wish;
use super::{Guess, Skipped};
use crate::identity::{JobIdentity, batch_id};
use crate::ids::{BatchId, FileName, JobId, LivePath, TenantId};
use crate::job::{Counted, Job, Order, State};
use crate::request::{ExportRequest, ExportType, Story, Wanted};
use crate::settings::Lifecycle;
use crate::target::Target;
use crate::time::{EpochMs, EpochSecs, Millis, Pts};
use crate::trace::{self, CorrelationId, TraceHeader};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Format of the stored item.
pub const BATCH_SCHEMA_VERSION: u32 = 1;
/// Clips that one advance posts, at most.
pub const MOST_POSTS: usize = 100;
/// Ends that are kept to be told.
const MOST_UNTOLD: usize = 20;

/// The state of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BatchState {
    /// No clip has been posted yet.
    Pending,
    /// Some have not ended.
    Running,
    /// All have ended.
    Done,
    /// One that only a newer version of the service knows.
    #[serde(other)]
    Unknown,
}

/// The outcome of a batch that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BatchOutcome {
    /// All clips are ready.
    Ready,
    /// Some are.
    Partial,
    /// None is.
    Failed,
    /// A client cancelled the batch before all were ready.
    Cancelled,
    /// One that only a newer version of the service knows.
    #[serde(other)]
    Unknown,
}

/// The stage of a clip in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// To be posted.
    Pending,
    /// Posted; its job has not ended to the batch's knowledge.
    Started,
    /// Its files are there.
    Ready,
    /// Its job failed; a POST of the batch after its end posts the clip again.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Stage {
    /// Returns `true` if the batch is done with the clip.
    pub fn is_end(self) -> bool {
        matches!(self, Stage::Ready | Stage::Failed | Stage::Cancelled)
    }
}

/// A clip of a batch: what its job is made of beside what all of them have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchClip {
    /// Its place in the list, from 1.
    pub n: usize,
    /// The client's mark of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The file's stem.
    pub name: FileName,
    /// The recording.
    pub path: LivePath,
    /// `StartPos`.
    pub start_pos_ms: EpochMs,
    /// `StartTime`.
    pub start_time_ms: Millis,
    /// `Duration`.
    pub duration_ms: Millis,
    /// The start as a time stamp of the transport stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<Pts>,
    /// Its job.
    pub job_id: JobId,
    /// How far it is.
    pub stage: Stage,
}

/// An end of a batch that is still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchEnd {
    /// Which generation ended.
    pub generation: u32,
    /// How.
    pub outcome: BatchOutcome,
    /// Clips that are ready, that failed and that were cancelled.
    pub counts: [usize; 3],
    /// When.
    pub at: EpochMs,
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// [`BATCH_SCHEMA_VERSION`] of the writer.
    pub schema_v: u32,
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub batch_id: BatchId,
    /// Grows by one with every write.
    pub rev: u64,
    /// Name of the last write, so that a writer whose reply was lost recognises its own.
    pub write_id: String,
    /// The state.
    pub state: BatchState,
    /// The outcome; only a batch that is done has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<BatchOutcome>,
    /// Counts from 1; a POST of a batch that is done without all clips starts the next.
    pub generation: u32,
    /// A client cancelled it.
    #[serde(default)]
    pub is_cancelled: bool,
    /// First POST.
    pub created_at: EpochMs,
    /// Last change that clients see.
    pub updated_at: EpochMs,
    /// When the sweeper looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<EpochMs>,
    /// Looks of the sweeper in a row at ends that the event bus did not take.
    #[serde(default)]
    pub resends: u32,
    /// The destination of all files.
    pub target: Target,
    /// Codec asked for.
    pub export_type: ExportType,
    /// The client's story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<Story>,
    /// The clips, in the list's order, as JSON text.
    #[serde(with = "as_text")]
    pub clips: Vec<BatchClip>,
    /// The entries of the list that make no clip.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// What was guessed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<Guess>,
    /// Ends that are still to be told, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<BatchEnd>,
    /// The time from which the record counts as gone; only a batch that is done has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EpochSecs>,
    /// Name of the request that made or restarted it, for logs.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::correlation_id")]
    pub correlation_id: Option<CorrelationId>,
    /// Trace of that request; goes along with every message.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::trace_header")]
    pub trace: Option<TraceHeader>,
}

/// Unfinished jobs that the tenant may still get from batches, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchRoom {
    /// Of those whose window has begun.
    pub active: usize,
    /// Of those whose window has not.
    pub scheduled: usize,
}

impl BatchRoom {
    /// Takes a place for a job of that kind; `false` if there is none.
    fn takes(&mut self, counted: Counted) -> bool {
        let left = match counted {
            Counted::Active => &mut self.active,
            Counted::Scheduled => &mut self.scheduled,
        };
        let found = *left > 0;
        *left -= usize::from(found);
        found
    }
}

/// The next step of a batch: post and cancel first, then note what became of it, then store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Indexes of the clips whose jobs are to be posted.
    pub posts: Vec<usize>,
    /// Indexes of the clips whose jobs are to be cancelled.
    pub cancels: Vec<usize>,
    /// The batch with the ends that were seen.
    pub seen: Batch,
}

/// The request that a clip of a batch stands for.
fn request(batch: &Batch, clip: &BatchClip) -> ExportRequest {
    ExportRequest {
        wanted: Wanted::Media,
        fetch_thumb: false,
        start_pos_ms: clip.start_pos_ms,
        start_time_ms: clip.start_time_ms,
        duration_ms: clip.duration_ms,
        live_path: clip.path.clone(),
        file_name: clip.name.clone(),
        peer_id: None,
        export_type: batch.export_type,
        container: None,
        storage: None,
        deprecated_target: None,
        story: batch.story.clone(),
        pts: clip.pts,
        windows: Vec::new(),
    }
}

impl BatchClip {
    /// The clip of a wish, whose job is `job_id`.
    pub fn new(wish: Wish, job_id: JobId) -> Self {
        let Wish { n, mark, request } = wish;
        Self {
            n,
            mark,
            name: request.file_name,
            path: request.live_path,
            start_pos_ms: request.start_pos_ms,
            start_time_ms: request.start_time_ms,
            duration_ms: request.duration_ms,
            pts: request.pts,
            job_id,
            stage: Stage::Pending,
        }
    }
}

impl Job {
    /// The stage of a batch's clip by its job.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Ready => Stage::Ready,
            State::Cancelled => Stage::Cancelled,
            State::Failed => Stage::Failed,
            _ => Stage::Started,
        }
    }
}

impl Batch {
    /// A new batch; store it if there is none of its name. Clips whose job an earlier one of the list has are left out,
    /// and noted as skipped.
    pub fn new(
        tenant: &TenantId,
        target: Target,
        clips: Vec<BatchClip>,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Self {
        let mut kept: Vec<BatchClip> = Vec::with_capacity(clips.len());
        let (mut skipped, mut known) = (Vec::new(), BTreeMap::new());
        for clip in clips {
            if let Some(first) = known.get(&clip.job_id) {
                skipped.push(Skipped { n: clip.n, why: format!("is the same clip as number {first}") });
            } else {
                known.insert(clip.job_id.clone(), clip.n);
                kept.push(clip);
            }
        }
        Self {
            schema_v: BATCH_SCHEMA_VERSION,
            tenant: tenant.clone(),
            batch_id: batch_id(tenant, &target, kept.iter().map(|clip| &clip.job_id)),
            rev: 1,
            write_id: String::new(),
            state: BatchState::Pending,
            outcome: None,
            generation: 1,
            is_cancelled: false,
            created_at: now,
            updated_at: now,
            due_at: Some(now + times.resend_ms),
            resends: 0,
            target,
            export_type: ExportType::AsRecorded,
            story: None,
            clips: kept,
            skipped,
            guesses: Vec::new(),
            untold: Vec::new(),
            expires_at: None,
            correlation_id: None,
            trace: None,
        }
    }

    /// The order of one of its clips, with the identity of that clip's request.
    pub fn order(&self, clip: &BatchClip, identify: impl Fn(&ExportRequest) -> JobIdentity) -> Order {
        let request = request(self, clip);
        let named = identify(&request);
        Order::new(request, named, self.target.clone())
    }

    /// Returns `true` if its record counts as gone.
    pub fn is_expired(&self, now: EpochMs) -> bool {
        self.expires_at.is_some_and(|at| at.has_come(now))
    }

    /// The jobs that an advance at `now` looks at: those of posted clips whose window has begun, since no other can have
    /// ended but by a client's hand; if the batch is cancelled all that have not ended, also those that a caller posted
    /// who could not note it.
    pub fn followed(&self, now: EpochMs) -> impl Iterator<Item = &JobId> {
        let followed = move |clip: &&BatchClip| match clip.stage {
            _ if self.is_cancelled => !clip.stage.is_end(),
            stage => stage == Stage::Started && clip.start_pos_ms <= now,
        };
        self.clips.iter().filter(followed).map(|clip| &clip.job_id)
    }

    /// The next step, from the `jobs` that were read of [`Batch::followed`].
    pub fn advance(&self, jobs: &BTreeMap<JobId, Job>, room: BatchRoom, now: EpochMs) -> Advance {
        let (mut room, mut seen) = (room, self.clone());
        let (mut posts, mut cancels) = (Vec::new(), Vec::new());
        for (at, clip) in seen.clips.iter_mut().enumerate() {
            match (clip.stage, jobs.get(&clip.job_id)) {
                (Stage::Started, Some(job)) if job.stage().is_end() => clip.stage = job.stage(),
                (Stage::Pending | Stage::Started, job) if self.is_cancelled => match job {
                    Some(job) if job.is_of(&self.batch_id) && !job.state.is_terminal() => cancels.push(at),
                    _ => clip.stage = Stage::Cancelled,
                },
                // Its record is no more.
                (Stage::Started, None) if clip.start_pos_ms <= now => posts.push(at),
                (Stage::Pending, _) => {
                    let ahead = clip.start_pos_ms > now;
                    let counted = if ahead { Counted::Scheduled } else { Counted::Active };
                    if posts.len() < MOST_POSTS && room.takes(counted) {
                        posts.push(at);
                    }
                }
                _ => {}
            }
        }
        Advance { posts, cancels, seen }
    }

    /// The batch after a clip was posted or cancelled. Clips that could not be reached stay as they are.
    #[must_use]
    pub fn with_stage(mut self, at: usize, stage: Stage) -> Self {
        if let Some(clip) = self.clips.get_mut(at) {
            clip.stage = stage;
        }
        self
    }

    /// The value to store once a step was done; `None` if nothing is to be stored. `from` is what is stored.
    #[must_use]
    pub fn settled(self, from: &Batch, now: EpochMs, times: &Lifecycle) -> Option<Batch> {
        let moved = self.clips != from.clips || self.is_cancelled != from.is_cancelled;
        let is_due = from.due_at.is_some_and(|at| at <= now);
        if from.state == BatchState::Done || from.state == BatchState::Unknown || !(moved || is_due) {
            return None;
        }
        let ended = self.clips.iter().all(|clip| clip.stage.is_end());
        let pending = self.clips.iter().all(|clip| clip.stage == Stage::Pending);
        let updated_at = if moved { now } else { self.updated_at };
        let next = Batch { rev: from.rev + 1, schema_v: BATCH_SCHEMA_VERSION, updated_at, ..self };
        Some(if ended {
            next.done(now, times)
        } else {
            let state = if pending { BatchState::Pending } else { BatchState::Running };
            Batch { state, due_at: Some(next.next_look(now, times)), ..next }
        })
    }

    fn done(self, now: EpochMs, times: &Lifecycle) -> Batch {
        let outcome = self.outcome_now();
        let end = BatchEnd { generation: self.generation, outcome, counts: self.ends(), at: now };
        let mut untold = self.untold.clone();
        untold.extend(times.tell_ms.map(|_| end));
        untold.drain(..untold.len().saturating_sub(MOST_UNTOLD));
        Batch {
            state: BatchState::Done,
            outcome: Some(outcome),
            due_at: (!untold.is_empty()).then_some(now),
            resends: 0,
            untold,
            expires_at: Some((now + times.terminal_ttl_ms).to_secs()),
            ..self
        }
    }

    /// When the sweeper looks at it next: soon while there is something to post or to see, else when the first window of
    /// a posted clip has begun.
    fn next_look(&self, now: EpochMs, times: &Lifecycle) -> EpochMs {
        let soon = now + times.resend_ms;
        let open = self.clips.iter().filter(|clip| !clip.stage.is_end());
        let looks = open.map(|clip| match clip.stage {
            Stage::Started if !self.is_cancelled => clip.start_pos_ms.max(soon),
            _ => soon,
        });
        looks.min().unwrap_or(soon)
    }

    /// Clips that are ready, that failed and that were cancelled.
    pub fn ends(&self) -> [usize; 3] {
        [Stage::Ready, Stage::Failed, Stage::Cancelled]
            .map(|stage| self.clips.iter().filter(|clip| clip.stage == stage).count())
    }

    fn outcome_now(&self) -> BatchOutcome {
        let [ready, _, _] = self.ends();
        match ready {
            all if all == self.clips.len() => BatchOutcome::Ready,
            _ if self.is_cancelled => BatchOutcome::Cancelled,
            0 => BatchOutcome::Failed,
            _ => BatchOutcome::Partial,
        }
    }

    /// A client cancels it. `None` if it is done, or cancelled already.
    #[must_use]
    pub fn cancelled(&self, now: EpochMs) -> Option<Batch> {
        let open = matches!(self.state, BatchState::Pending | BatchState::Running);
        let next = || Batch {
            is_cancelled: true,
            rev: self.rev + 1,
            updated_at: now,
            due_at: Some(now),
            ..self.clone()
        };
        (open && !self.is_cancelled).then(next)
    }

    /// A client posts it again. `None` if it answers as it is: it is not done, all clips are ready, or it was done less
    /// than a minute ago. Clips that are not ready are posted again, which starts those jobs over that would start over
    /// for a single POST; all of them if the record's time is over.
    #[must_use]
    pub fn posted(&self, now: EpochMs, times: &Lifecycle) -> Option<Batch> {
        let is_expired = self.is_expired(now);
        let old = now - self.updated_at >= times.retry_after_failed_ms;
        let lacks = self.clips.iter().any(|clip| clip.stage != Stage::Ready);
        if self.state != BatchState::Done || !(is_expired || old && lacks) {
            return None;
        }
        let clips = self.clips.iter().map(|clip| {
            let stays = clip.stage == Stage::Ready && !is_expired;
            BatchClip { stage: if stays { Stage::Ready } else { Stage::Pending }, ..clip.clone() }
        });
        Some(Batch {
            state: BatchState::Pending,
            outcome: None,
            generation: self.generation + 1,
            is_cancelled: false,
            clips: clips.collect(),
            rev: self.rev + 1,
            updated_at: now,
            due_at: Some(now + times.resend_ms),
            resends: 0,
            expires_at: None,
            ..self.clone()
        })
    }

    /// The batch after the events of its ends were sent.
    #[must_use]
    pub fn told(&self) -> Batch {
        let due_at = self.due_at.filter(|_| self.state != BatchState::Done);
        Batch { untold: Vec::new(), resends: 0, due_at, rev: self.rev + 1, ..self.clone() }
    }

    /// The batch after the event bus did not take the events of its ends: they are sent again later.
    #[must_use]
    pub fn untaken(&self, now: EpochMs, times: &Lifecycle) -> Batch {
        let wait = (times.resend_ms * (1 << self.resends.min(10))).min(times.max_resend_ms);
        let due_at = if self.state == BatchState::Done { Some(now + wait) } else { self.due_at };
        Batch { resends: self.resends + 1, due_at, rev: self.rev + 1, ..self.clone() }
    }
}

/// A list as JSON text: an item's attribute that is read and written as a whole.
mod as_text {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serde_json::to_string(value).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
