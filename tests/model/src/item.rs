//! A job as the model keeps it: what transitions read, and nothing else.
//!
//! Times are distances to now, and a time that can no longer change a decision is as good as any other such: so the
//! clock runs for ever over finitely many states. Revisions are not kept: whoever is about to write knows whether the
//! item is still the one that it read.

use crate::scope::Scope;
use export_domain::ids::{JobId, LivePath, TenantId};
use export_domain::job::{
    Begun, Detail, Failure, Fan, Job, Manifest, ObjectKind, Order, Phase, Reason, Report, Staged, State,
    UntoldEnd,
};
use export_domain::request::{ExportType, Wanted};
use export_domain::storage::Container;
use export_domain::target::Target;
use export_domain::time::{EpochMs, EpochSecs, Millis};
use std::sync::LazyLock;

/// The time of every transition: a whole second, long after the window.
pub const NOW: EpochMs = EpochMs::new(1_000_000);
/// What a worker reports. No transition depends on it.
pub(crate) const PROGRESS: Report = Report { phase: Phase::Copying, made_ms: Millis::new(1), plan: None };
/// The store's copy of a job has this revision, so that every write has a higher one.
const REV: u64 = 1;

/// Which rendering of a file: every attempt makes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// Which record of the job, counted from 0: a record that is deleted starts anew.
    pub life: u32,
    /// Generation of the attempt.
    pub generation: u32,
    /// Fence of the attempt.
    pub fence: u64,
}

impl Content {
    /// Generations of one record are fewer.
    const GENERATIONS: u32 = 1000;

    /// The rendering as its manifest. All have the same size, which is the worst case.
    pub fn manifest(self) -> Manifest {
        let duration_ms = Millis::new(i64::try_from(self.fence).unwrap_or(i64::MAX));
        let parts = self.life * Self::GENERATIONS + self.generation;
        let (sha256, warnings) = (String::new(), Vec::new());
        let (holes, windows) = (Vec::new(), Vec::new());
        Manifest { bytes: 1, sha256, parts, duration_ms, lack_ms: Millis::ZERO, warnings, holes, windows }
    }

    /// The rendering that a manifest is of.
    pub fn of(manifest: &Manifest) -> Self {
        let fence = manifest.duration_ms.count();
        let (life, generation) = (manifest.parts / Self::GENERATIONS, manifest.parts % Self::GENERATIONS);
        Self { life, generation, fence }
    }
}

/// A staged manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Which file.
    pub kind: ObjectKind,
    /// Generation of the attempt.
    pub generation: u32,
    /// Fence of the attempt.
    pub fence: u64,
    /// What it made.
    pub content: Content,
}

/// Why a job failed, as far as anybody decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The recording is not there yet.
    SourceAbsent,
    /// Attempts or time used up.
    TimedOut,
    /// Any reason that is final.
    BadRecording,
}

impl Cause {
    /// The reason in the job's own words.
    pub fn reason(self) -> Reason {
        match self {
            Self::SourceAbsent => Reason::SourceAbsent,
            Self::TimedOut => Reason::TimedOut,
            Self::BadRecording => Reason::BadRecording,
        }
    }

    fn of(reason: &Reason) -> Self {
        match reason {
            Reason::SourceAbsent => Self::SourceAbsent,
            Reason::TimedOut => Self::TimedOut,
            _ => Self::BadRecording,
        }
    }
}

/// The plan of a clip in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Planned {
    /// Its generation.
    pub generation: u32,
    /// The fence of the claim that made it.
    pub plan: u64,
    /// Which execution it is at.
    pub epoch: u32,
    /// When all chunks must be made.
    pub until: i64,
}

impl Planned {
    /// The plan as the job has it.
    fn fan(self, scope: &Scope) -> Fan {
        Fan {
            generation: self.generation,
            plan: self.plan,
            chunks: u32::from(scope.chunks),
            epoch: self.epoch,
            estimate_ms: Millis::ZERO,
            started_at: NOW,
            until: NOW + Millis::new(self.until),
        }
    }
}

/// The stored job. Times are milliseconds from now on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// Where it stands.
    pub state: State,
    /// Which generation.
    pub generation: u32,
    /// Generations that count.
    pub retries: u32,
    /// Claims over all generations.
    pub fence: u64,
    /// Claims of this generation.
    pub attempts: u32,
    /// Messages sent again since the last claim, as far as pauses still grow.
    pub resends: u32,
    /// Start of the generation, until a deadline is set.
    pub queued: i64,
    /// End of the lease.
    pub lease: Option<i64>,
    /// When it is due.
    pub due: Option<i64>,
    /// Its deadline.
    pub deadline: Option<i64>,
    /// When it is to be looked at again.
    pub wake: Option<i64>,
    /// Since when a service does not answer.
    pub unanswered: Option<i64>,
    /// Since when the recording is missing.
    pub missing: Option<i64>,
    /// When it ended.
    pub ended: i64,
    /// How it failed, and whether a POST may start it again at once.
    pub failure: Option<(Cause, bool)>,
    /// Whether the record's time is over.
    pub expired: bool,
    /// The published JPEG.
    pub image: Option<Content>,
    /// The published clip.
    pub video: Option<Content>,
    /// What may be there without the item saying so.
    pub staged: Vec<Mark>,
    /// Fences of the attempts whose uploads in parts may still be open.
    pub uploads: Vec<u64>,
    /// The plan of its chunks.
    pub fan: Option<Planned>,
    /// Earlier generations whose ends are still to be told.
    pub untold: Vec<u32>,
}

/// The upload of the attempt with that fence: each begins one at most.
fn upload(fence: u64) -> Begun {
    Begun { fence, id: fence.to_string() }
}

/// A job of which everything that no transition reads is empty.
static TEMPLATE: LazyLock<Option<Job>> = LazyLock::new(|| {
    let order = Order {
        wanted: Wanted::Media,
        start_pos_ms: EpochMs::ZERO,
        start_time_ms: Millis::ZERO,
        duration_ms: Millis::ZERO,
        live_path: LivePath::parse("mp4/a/stream.mpd").ok()?,
        pts: None,
        export_type: ExportType::AsRecorded,
        target: Target {
            bucket: String::new(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Ts,
        },
        image_path: String::new(),
        video_path: String::new(),
        story: None,
        reel: None,
    };
    let (tenant, id) = (TenantId::parse("demo").ok()?, JobId::parse(&"a".repeat(32)).ok()?);
    Some(Job::new(tenant, id, order, NOW, &export_domain::settings::Lifecycle::default()))
});

/// The template, with what the scope orders.
#[expect(clippy::expect_used, reason = "constants that parse")]
pub(crate) fn template(scope: &Scope) -> Job {
    let mut job = TEMPLATE.clone().expect("the template's names are well-formed");
    job.order.wanted = scope.wanted;
    job
}

impl Item {
    /// The item that `job` is stored as.
    pub fn of(job: &Job, scope: &Scope) -> Self {
        let relative = |at: EpochMs| (at - NOW).get();
        let content = |manifest: &Option<Manifest>| manifest.as_ref().map(Content::of);
        let mark = |staged: &Staged| Mark {
            kind: staged.object,
            generation: staged.generation,
            fence: staged.fence,
            content: Content::of(&staged.manifest),
        };
        let planned = |fan: &Fan| Planned {
            generation: fan.generation,
            plan: fan.plan,
            epoch: fan.epoch,
            until: relative(fan.until),
        };
        let failure = job.failure.as_ref();
        let mut item = Self {
            state: job.state,
            generation: job.generation,
            retries: job.retries,
            fence: job.fence,
            attempts: job.attempts,
            resends: job.resends,
            queued: relative(job.queued_at),
            lease: job.lease_until.map(relative),
            due: job.due_at.filter(|_| !job.aftermath().is_told).map(relative),
            deadline: job.deadline_at.map(relative),
            wake: job.wake_at.map(relative),
            unanswered: job.unanswered_since.map(relative),
            missing: job.source_missing_since.map(relative),
            ended: relative(job.updated_at),
            failure: failure.map(|failure| (Cause::of(&failure.reason), failure.retriable)),
            expired: job.is_expired(NOW),
            image: content(&job.image),
            video: content(&job.video),
            staged: job.staged.iter().filter(|staged| staged.generation > 0).map(mark).collect(),
            uploads: job.uploads.iter().map(|begun| begun.fence).collect(),
            fan: job.fan.as_ref().map(planned),
            untold: job.untold.iter().map(|ended| ended.generation).collect(),
        };
        item.settle(scope);
        item
    }

    /// The job that the store holds.
    pub fn job(&self, scope: &Scope) -> Job {
        let at = |distance: i64| NOW + Millis::new(distance);
        let expires = if self.expired { EpochSecs::new(0) } else { EpochSecs::MAX };
        let staged = |mark: &Mark| Staged {
            object: mark.kind,
            generation: mark.generation,
            fence: mark.fence,
            manifest: mark.content.manifest(),
            at: None,
        };
        let ended = |generation: &u32| UntoldEnd {
            generation: *generation,
            state: State::Cancelled,
            failure: None,
            image: None,
            video: None,
            at: NOW,
            correlation_id: None,
            batch_id: None,
        };
        let failure = |(cause, retriable): (Cause, bool)| Failure {
            reason: cause.reason(),
            message: String::new(),
            detail: Detail::default(),
            retriable,
            at: at(self.ended),
        };
        Job {
            rev: REV,
            state: self.state,
            generation: self.generation,
            retries: self.retries,
            fence: self.fence,
            attempts: self.attempts,
            resends: self.resends,
            queued_at: at(self.queued),
            updated_at: at(self.ended),
            lease_until: self.lease.map(at),
            due_at: self.due.map(at),
            deadline_at: self.deadline.map(at),
            wake_at: self.wake.map(at),
            unanswered_since: self.unanswered.map(at),
            source_missing_since: self.missing.map(at),
            failure: self.failure.map(failure),
            expires_at: self.state.is_terminal().then_some(expires),
            image: self.image.map(Content::manifest),
            video: self.video.map(Content::manifest),
            staged: self.staged.iter().map(staged).chain(scope.strangers()).collect(),
            uploads: self.uploads.iter().map(|fence| upload(*fence)).collect(),
            fan: self.fan.map(|planned| planned.fan(scope)),
            untold: self.untold.iter().map(ended).collect(),
            ..template(scope)
        }
    }

    /// One millisecond later.
    pub fn age(&mut self, scope: &Scope) {
        let times = [
            &mut self.lease,
            &mut self.due,
            &mut self.deadline,
            &mut self.wake,
            &mut self.unanswered,
            &mut self.missing,
        ];
        for time in times.into_iter().flatten() {
            *time -= 1;
        }
        if let Some(fan) = &mut self.fan {
            fan.until -= 1;
        }
        self.queued -= 1;
        self.ended -= 1;
        self.settle(scope);
    }

    /// What no transition can tell apart becomes the same.
    fn settle(&mut self, scope: &Scope) {
        let (times, skew) = (&scope.times, scope.greatest_skew());
        let oldest = |time: &mut i64, age: i64| *time = (*time).max(-age - skew);
        if self.state.is_terminal() {
            (self.attempts, self.resends, self.deadline, self.unanswered) = (0, 0, None, None);
            oldest(&mut self.ended, times.retry_after_failed_ms.max(times.source_retry_ms).get());
        } else {
            self.ended = 0;
        }
        if self.state.is_terminal() || !scope.deadlines {
            self.queued = 0;
        }
        if let (false, Some(deadline)) = (scope.deadlines, &mut self.deadline) {
            *deadline = times.work_ms.get();
        }
        if let (false, Some(unanswered)) = (scope.deadlines, &mut self.unanswered) {
            *unanswered = 0;
        }
        if let Some(fan) = &mut self.fan {
            let current = fan.generation == self.generation && !self.state.is_terminal();
            match (current, scope.deadlines) {
                (true, true) => oldest(&mut fan.until, 1),
                (true, false) => fan.until = times.work_ms.get(),
                (false, _) => fan.until = 0,
            }
        }
        oldest(&mut self.queued, times.max_queue_age_ms.get() + 1);
        for (time, age) in [
            (&mut self.lease, 0),
            (&mut self.due, 0),
            (&mut self.wake, 0),
            (&mut self.deadline, 1),
            (&mut self.unanswered, times.work_ms.get()),
            (&mut self.missing, times.source_wait_ms.get()),
        ] {
            if let Some(time) = time {
                oldest(time, age);
            }
        }
        // Pauses double until the longest.
        let grows = (0..10).find(|n| times.resend_ms * (1 << n) >= times.max_resend_ms).unwrap_or(10);
        self.resends = self.resends.min(grows);
    }
}

#[cfg(test)]
mod tests;
