//! A clip that many functions make at once: its window is cut into chunks, an engine runs a function for each, and a
//! worker joins what they made.
//!
//! The engine only makes things happen sooner. Which chunks are made, their objects tell; what becomes of the job, a
//! worker decides under its claim, as for any other job. So a message or a whole execution that is lost costs time.

use super::{Cause, Fenced, Job, Order, State};
use crate::settings::Lifecycle;
use crate::time::{EpochMs, Millis};
use serde::{Deserialize, Serialize};

/// Executions of one generation before the job counts as failed.
pub const MAX_EPOCHS: u32 = 3;
/// The plan's object, among those of the chunks.
pub const PLAN: &str = "plan.json";
/// The folder of all that chunks made, below the target's `export/`: one prefix, by which a lifecycle rule finds what is left.
const WORK: &str = "work";
/// The most chunks of a clip. A number in [`Job::fan_done`] is the plan, times this, and the chunk.
pub const MOST_CHUNKS: u32 = 100_000;

/// The record of a clip that is made in chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fan {
    /// Generation of the plan. That of another one counts for nothing.
    pub generation: u32,
    /// Fence of the claim that made the plan. Fences are never used again: it names the plan's objects and executions.
    pub plan: u64,
    /// Chunks of the plan.
    pub chunks: u32,
    /// Which execution it is, from 1.
    pub epoch: u32,
    /// The estimate of one execution's time.
    pub estimate_ms: Millis,
    /// When the plan was made.
    pub started_at: EpochMs,
    /// When all chunks must be made.
    pub until: EpochMs,
}

/// The size of a plan: all that the job's life depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanSize {
    /// Its chunks.
    pub chunks: u32,
    /// The estimate of the time until all are made.
    pub estimate_ms: Millis,
}

impl Fan {
    /// Returns `true` if no other execution may follow.
    pub fn is_last(&self) -> bool {
        self.epoch >= MAX_EPOCHS
    }
}

impl Order {
    /// The key of the object `name` of the chunks that the claim with the fence `plan` has planned.
    pub fn work_key(&self, plan: u64, name: &str) -> String {
        let own = self.video_path.trim_start_matches('/').trim_start_matches("export/");
        let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.target.key(&format!("{WORK}/{folder}/{plan}/{name}"))
    }

    /// The key of a chunk.
    pub fn chunk_key(&self, plan: u64, chunk: u32) -> String {
        self.work_key(plan, &chunk.to_string())
    }
}

impl Job {
    /// The chunks of this generation; `None` if it is made by one worker.
    pub fn fan(&self) -> Option<&Fan> {
        self.fan.as_ref().filter(|fan| fan.generation == self.generation)
    }

    /// The name of the execution that makes its chunks: at most 80 characters, as Step Functions has it.
    pub fn execution(&self) -> Option<String> {
        let fan = self.fan()?;
        Some(format!("{}-{}-{}", self.job_id, fan.plan, fan.epoch))
    }

    /// The state as clients see it: a clip in chunks is in work like any other.
    pub fn shown_state(&self) -> State {
        if self.state == State::Fanned { State::Running } else { self.state }
    }

    /// The number of chunks of this generation that are known to be made.
    pub fn chunks_done(&self) -> u32 {
        let Some(fan) = self.fan() else { return 0 };
        let own = chunk_number(fan.plan, 0)..chunk_number(fan.plan, fan.chunks.min(MOST_CHUNKS));
        u32::try_from(self.fan_done.range(own).count()).unwrap_or(u32::MAX)
    }

    /// The number of its chunks that are made, and of all, while it is in work; `None` if it is made by one worker.
    pub fn chunks(&self) -> Option<(u32, u32)> {
        let fan = self.fan().filter(|_| !self.state.is_terminal())?;
        Some((self.chunks_done(), fan.chunks))
    }

    /// The length of the window that its chunks have made, as if all were as long; zero once the job has ended.
    pub(super) fn fanned_ms(&self) -> Millis {
        let Some(fan) = self.fan().filter(|_| !self.state.is_terminal()) else { return Millis::ZERO };
        self.order.duration_ms * i64::from(self.chunks_done()) / i64::from(fan.chunks.max(1))
    }

    /// The plan is there: store this value, then start [`Job::execution`]. If that is not done, the sweeper's message
    /// brings a worker that does it. The attempts start anew, as no attempt has failed.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn fanned(&self, fence: u64, size: FanSize, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        self.held(fence)?;
        let FanSize { chunks, estimate_ms } = size;
        let until = now + times.work_ms.max(estimate_ms * 4);
        let generation = self.generation;
        let fan = Fan { generation, plan: fence, chunks, epoch: 1, estimate_ms, started_at: now, until };
        Ok(self.left_to_chunks(fan, estimate_ms * 2 + times.resend_ms, now))
    }

    /// Its execution is still running: it is looked at later once more.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force, or it is not made in chunks.
    pub fn fanned_still(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        self.held(fence)?;
        let fan = self.fan().ok_or(Fenced)?.clone();
        let pause = fan.estimate_ms.max(times.resend_ms);
        Ok(self.left_to_chunks(fan, pause, now))
    }

    /// Its execution is over, and chunks are missing: store this value, then start [`Job::execution`], which is another
    /// one now. `None` once as many executions have run as may.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force, or it is not made in chunks.
    pub fn fanned_again(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Option<Job>, Fenced> {
        self.held(fence)?;
        let fan = self.fan().ok_or(Fenced)?.clone();
        if fan.is_last() {
            return Ok(None);
        }
        let pause = fan.estimate_ms * 2 + times.resend_ms;
        Ok(Some(self.left_to_chunks(Fan { epoch: fan.epoch + 1, ..fan }, pause, now)))
    }

    fn left_to_chunks(&self, fan: Fan, pause: Millis, now: EpochMs) -> Job {
        Job {
            state: State::Fanned,
            attempts: 0,
            unanswered_since: None,
            obstacle: None,
            lease_until: None,
            claim_id: None,
            wake_at: None,
            due_at: Some((now + pause).min(fan.until.just_after())),
            deadline_at: Some(fan.until),
            fan: Some(fan),
            ..self.touched(now)
        }
    }

    /// A chunk of `plan` cannot be made at any try: the job has failed, also under a worker that looks at it. `None`
    /// if it is not made by that plan any more.
    #[must_use]
    pub fn chunk_failed(
        &self,
        plan: u64,
        cause: impl Into<Cause>,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Option<Job> {
        self.wants_chunks(plan, now, times).then(|| self.failed(cause, now, times))
    }

    /// Returns `true` if a function that makes a chunk of `plan` is to go on: also while a worker that looks at the job is
    /// held up.
    pub fn wants_chunks(&self, plan: u64, now: EpochMs, times: &Lifecycle) -> bool {
        self.is_planned(plan) && !self.effective(now, times).state.is_terminal()
    }

    fn is_planned(&self, plan: u64) -> bool {
        self.fan().is_some_and(|fan| fan.plan == plan)
    }
}

/// The number that [`Job::fan_done`] has of a chunk of the claim with the fence `plan`.
pub fn chunk_number(plan: u64, chunk: u32) -> u64 {
    plan.saturating_mul(u64::from(MOST_CHUNKS)).saturating_add(u64::from(chunk))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, job, manifest, ms};
    use super::super::{Claim, Counted, Errand, Phase, PlanSummary, Reason, Swept};
    use super::*;
    use crate::target::Target;
    use std::collections::BTreeSet;

    const T0: EpochMs = at(1_000_000);
    const SIZE: FanSize = FanSize { chunks: 3, estimate_ms: Millis::from_mins(2) };

    fn times() -> Lifecycle {
        Lifecycle::default()
    }

    fn claimed(job: &Job, now: EpochMs) -> Job {
        match job.claim(job.generation, "me", now, &times()) {
            Claim::Granted(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    fn fanned() -> Job {
        claimed(&job(), T0).fanned(1, SIZE, T0, &times()).unwrap()
    }

    #[test]
    fn a_clip_in_chunks_holds_no_lease_and_is_due_long_before_its_time_is_over() {
        let job = fanned();
        assert_eq!((job.state, job.lease_until, job.attempts), (State::Fanned, None, 0));
        assert_eq!(job.due_at, Some(T0 + Millis::from_mins(5)));
        assert_eq!(job.deadline_at, Some(T0 + Millis::from_mins(30)));
        assert_eq!((job.errand(), job.counted()), (Errand::Recover, Some(Counted::Active)));
        let long = FanSize { estimate_ms: Millis::from_mins(20), ..SIZE };
        let long = claimed(&super::super::testing::job(), T0).fanned(1, long, T0, &times()).unwrap();
        assert_eq!(long.deadline_at, Some(T0 + Millis::from_mins(80)));
    }

    #[test]
    fn any_message_of_it_claims_it_with_all_the_time_for_the_join() {
        let late = T0 + Millis::from_mins(29);
        let joins = claimed(&fanned(), late);
        assert_eq!((joins.state, joins.fence, joins.attempts), (State::Running, 2, 1));
        assert_eq!(joins.deadline_at, Some(late + times().work_ms));
        assert_eq!(joins.fan(), fanned().fan());
        let ready = joins.with_video(2, manifest(0), PlanSummary::default(), late, &times()).unwrap();
        assert_eq!((ready.state, ready.fan), (State::Ready, None));
    }

    #[test]
    fn an_execution_that_runs_on_does_not_move_the_time_by_which_all_must_be_made() {
        let now = T0 + Millis::from_mins(5);
        let waits = claimed(&fanned(), now).fanned_still(2, now, &times()).unwrap();
        assert_eq!((waits.state, waits.deadline_at), (State::Fanned, fanned().deadline_at));
        assert_eq!(waits.due_at, Some(now + SIZE.estimate_ms));
        assert_eq!(waits.execution(), fanned().execution());
        let end = T0 + Millis::from_mins(30);
        let last = claimed(&waits, end).fanned_still(3, end, &times()).unwrap();
        assert_eq!(last.due_at, Some(end.just_after()));
        assert!(matches!(last.swept(end.just_after(), &times()), Swept::Expire(_)));
        assert!(matches!(last.claim(1, "me", end.just_after(), &times()), Claim::Exhausted(_)));
    }

    #[test]
    fn what_an_execution_left_another_one_makes_until_three_have_run() {
        let (mut job, mut names) = (fanned(), BTreeSet::new());
        for fence in 2.. {
            names.extend(job.execution());
            let running = claimed(&job, T0);
            match running.fanned_again(fence, T0, &times()).unwrap() {
                Some(next) => job = next,
                None => break,
            }
        }
        assert_eq!(names.len(), 3, "each has a name of its own: {names:?}");
        assert!(names.iter().all(|name| name.len() <= 80));
        assert_eq!(job.fan().unwrap().epoch, MAX_EPOCHS);
    }

    #[test]
    fn the_sweeper_sends_its_message_again_when_nothing_is_heard() {
        let due = fanned().due_at.unwrap();
        assert_eq!(fanned().swept(due - ms(1), &times()), Swept::Nothing);
        let Swept::Resend(next) = fanned().swept(due, &times()) else { panic!() };
        assert_eq!((next.state, next.deadline_at), (State::Fanned, fanned().deadline_at));
        assert!(next.due_at > Some(due));
    }

    #[test]
    fn a_worker_that_died_over_it_leaves_its_chunks_to_the_next() {
        let dead = claimed(&fanned(), T0);
        let Swept::Resend(sent) = dead.swept(T0 + Millis::from_mins(2), &times()) else { panic!() };
        let next = claimed(&sent, T0 + Millis::from_mins(2));
        assert_eq!((next.attempts, next.fan()), (2, fanned().fan()));
        let released = next.released(3, T0 + Millis::from_mins(2), &times()).unwrap();
        assert_eq!(released.fan(), fanned().fan());
    }

    #[test]
    fn a_chunk_that_cannot_be_made_ends_the_job_with_its_reason_once() {
        let failed = fanned().chunk_failed(1, Reason::BadRecording, T0, &times()).unwrap();
        assert_eq!(failed.failure.as_ref().unwrap().reason, Reason::BadRecording);
        assert_eq!(failed.chunk_failed(1, Reason::NoMedia, T0, &times()), None, "it has ended");
        assert_eq!(fanned().chunk_failed(2, Reason::NoMedia, T0, &times()), None, "another plan");
        let looked_at = claimed(&fanned(), T0).chunk_failed(1, Reason::BadRecording, T0, &times()).unwrap();
        assert_eq!(looked_at.state, State::Failed);
        assert_eq!(looked_at.fanned_still(2, T0, &times()), Err(Fenced));
        assert_eq!(job().chunk_failed(1, Reason::NoMedia, T0, &times()), None, "it is not made in chunks");
    }

    #[test]
    fn chunks_are_made_for_as_long_as_the_job_wants_them() {
        let late = fanned().deadline_at.unwrap().just_after();
        let cancelled = fanned().cancelled(T0, &times()).unwrap();
        let again = cancelled.restarted(&cancelled.order, T0 + Millis::from_mins(2), &times());
        for (job, generation, now, wanted) in [
            (fanned(), 1, T0, true),
            (claimed(&fanned(), T0), 1, T0, true),
            (claimed(&fanned(), T0).released(2, T0, &times()).unwrap(), 1, T0, true),
            (fanned(), 2, T0, false),
            (fanned(), 1, late, false),
            (cancelled, 1, T0, false),
            (again, 1, T0, false),
            (job(), 1, T0, false),
        ] {
            assert_eq!(job.wants_chunks(generation, now, &times()), wanted, "{:?}", job.state);
        }
    }

    #[test]
    fn a_cancelled_clip_leaves_its_chunks_to_be_removed() {
        let cancelled = fanned().cancelled(T0, &times()).unwrap();
        let clear_at = cancelled.aftermath().clear_at.unwrap();
        assert!(cancelled.clearing(clear_at, &times()).unwrap().cleared().fan.is_none());
    }

    #[test]
    fn its_progress_is_the_share_of_its_chunks() {
        let mut job = Job { done_ms: ms(10), ..fanned() };
        assert_eq!((job.phase(), job.percent(), job.made_ms()), (Some(Phase::Encoding), 0, ms(10)));
        job.fan_done = BTreeSet::from([0, 2, 100_000, 100_002, 100_003, 200_001]);
        assert_eq!((job.chunks(), job.percent(), job.made_ms()), (Some((2, 3)), 66, ms(6000)));
        let joins = claimed(&job, T0);
        assert_eq!((joins.phase(), joins.percent()), (Some(Phase::Encoding), 66));
        assert_eq!(job.shown_state(), State::Running);
        let ended = joins.failed(Reason::BadRecording, T0, &times());
        let cleared = ended.cleared();
        assert_eq!(
            (ended.chunks(), ended.percent(), cleared.percent()),
            (None, 66, 66),
            "it tells the same for ever"
        );
    }

    #[test]
    fn the_objects_of_all_chunks_have_one_prefix_and_a_folder_whose_name_cannot_be_guessed() {
        let order = job().order;
        assert_eq!(order.work_key(12, PLAN), "export/work/D/12/plan.json");
        assert_eq!(order.chunk_key(12, 7), "export/work/D/12/7");
        let target = Target { root: "news".to_owned(), ..order.target.clone() };
        assert_eq!(Order { target, ..order }.chunk_key(12, 7), "news/export/work/D/12/7");
    }
}
