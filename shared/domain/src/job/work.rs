//! The transitions of a job that a worker causes. Every change except the claim is conditional on the worker's fence.

use super::{Begun, Cause, Job, Manifest, ObjectKind, PlanSummary, Reason, Staged, State};
use crate::message::MAX_DELAY_S;
use crate::request::Wanted;
use crate::settings::Lifecycle;
use crate::time::{EpochMs, Millis};

/// Staged manifests of a file that are kept: more attempts than that never end between staging and commit.
const MAX_STAGED: usize = 8;
/// Uploads that are kept: an attempt begins three at most.
const MAX_UPLOADS: usize = 24;

/// Outcome of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Store this value; if that succeeds the job is the caller's.
    Granted(Box<Job>),
    /// Store this value: the job has no attempts or no time left.
    Exhausted(Box<Job>),
    /// Nothing to do for this message: the job ended, or a newer generation has its own message.
    Stale,
    /// Another worker holds a live claim, the job's time to wake has not come, or only a newer version can do it.
    NotNow,
}

/// The caller's claim is no longer in force: stop all work on this job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claim was lost")]
pub struct Fenced;

/// When the sweeper sees to a job that sleeps until `wake_at`: if the queue can hold its message for so long, after
/// that; else once it can.
pub(super) fn due_asleep(wake_at: EpochMs, now: EpochMs, times: &Lifecycle) -> EpochMs {
    let held = Millis::from_secs(i64::from(MAX_DELAY_S));
    if wake_at - now > held { wake_at - held + times.resend_ms } else { wake_at + times.resend_ms }
}

impl Job {
    /// Seconds that this job's message is to stay in the queue unseen.
    pub fn sleep_s(&self, now: EpochMs) -> u32 {
        self.wake_at.map_or(Millis::ZERO, |at| at - now).to_secs_ceil()
    }

    /// A worker that received the message of `generation` asks for the job. `claim_id` is its name of this try.
    pub fn claim(&self, generation: u32, claim_id: &str, now: EpochMs, times: &Lifecycle) -> Claim {
        if self.state.is_terminal() || self.generation != generation {
            return Claim::Stale;
        }
        let effective = self.effective(now, times);
        if effective.state.is_terminal() {
            return Claim::Exhausted(Box::new(effective));
        }
        if self.is_left_alone() || !self.order.is_understood() {
            return Claim::NotNow;
        }
        let held = self.state == State::Running && self.lease_until.is_some_and(|until| until > now);
        let early = if self.state == State::WaitingSource { times.renew_ms } else { times.renew_ms / 4 };
        let asleep = self.wake_at.is_some_and(|at| at > now + early);
        if held || asleep {
            return Claim::NotNow;
        }
        if self.attempts >= times.max_attempts {
            let detail = format!("each of {} attempts was cut off or failed in passing", self.attempts);
            let cause = self.used_up().because(detail);
            return Claim::Exhausted(Box::new(self.failed(cause, now, times)));
        }
        Claim::Granted(Box::new(Job {
            state: State::Running,
            fence: self.fence + 1,
            attempts: self.attempts + 1,
            claim_id: Some(claim_id.to_owned()),
            started_at: Some(now),
            lease_until: Some(now + times.lease_ms),
            due_at: Some(now + times.lease_ms + times.renew_ms / 4),
            resends: 0,
            wake_at: None,
            deadline_at: Some(self.deadline(now, times)),
            staged: self.remembered(now, times),
            ..self.touched(now)
        }))
    }

    /// The staged manifests except those as old as a record becomes: their objects do not last for as long as the next
    /// record, so no worker adopts them.
    fn remembered(&self, now: EpochMs, times: &Lifecycle) -> Vec<Staged> {
        let lasts = |staged: &&Staged| staged.at.is_none_or(|at| now - at < times.terminal_ttl_ms);
        self.staged.iter().filter(lasts).cloned().collect()
    }

    /// When work that goes on at `now` must be done.
    fn deadline(&self, now: EpochMs, times: &Lifecycle) -> EpochMs {
        let new = now.max(self.order.window_end()) + times.work_ms;
        // The time for the chunks is not the join's.
        self.deadline_at.filter(|_| self.state != State::Fanned).unwrap_or(new)
    }

    /// The job lets another tenant's go first: its message is to be sent again after [`Job::pause_in_line`]. `None` for
    /// one that was claimed in this generation already, whose time for the work runs, and for one whose time is over.
    pub fn deferred(&self, now: EpochMs, times: &Lifecycle) -> Option<Job> {
        let waits = self.state == State::Queued && self.deadline_at.is_none() && self.wake_at.is_none();
        if !waits || self.effective(now, times).state.is_terminal() {
            return None;
        }
        let again = now + self.pause_in_line(now, times) + times.resend_ms;
        Some(Job { due_at: Some(again.min(self.over_at(times).just_after())), ..self.touched(now) })
    }

    /// The time until a deferred job asks again: the longer it has waited, the more.
    pub fn pause_in_line(&self, now: EpochMs, times: &Lifecycle) -> Millis {
        let longest = times.line_ms * 5;
        ((now - self.queued_at) / 4).min(longest).max(times.line_ms)
    }

    /// Refuses unless the claim with `fence` is in force.
    pub(super) fn held(&self, fence: u64) -> Result<(), Fenced> {
        if self.state == State::Running && self.fence == fence { Ok(()) } else { Err(Fenced) }
    }

    /// Renews the claim.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn renewed(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        self.held(fence)?;
        Ok(Job {
            lease_until: Some(now + times.lease_ms),
            due_at: Some(now + times.lease_ms + times.renew_ms / 4),
            deadline_at: Some(self.deadline(now, times)),
            ..self.touched(now)
        })
    }

    /// Notes an upload that the claim with `fence` has begun, and renews the claim.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_upload(&self, fence: u64, id: &str, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        let renewed = self.renewed(fence, now, times)?;
        let mut uploads = renewed.uploads.clone();
        uploads.push(Begun { fence, id: id.to_owned() });
        uploads.drain(..uploads.len().saturating_sub(MAX_UPLOADS));
        Ok(Job { uploads, ..renewed })
    }

    /// Names of the uploads of earlier claims than the one with `fence`. No worker will end them.
    pub fn abandoned(&self, fence: u64) -> impl Iterator<Item = &str> {
        self.uploads.iter().filter(move |begun| begun.fence < fence).map(|begun| begun.id.as_str())
    }

    /// Notes what is about to be made visible under the job's generation and `fence`.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_staged(
        &self,
        fence: u64,
        object: ObjectKind,
        manifest: Manifest,
        now: EpochMs,
    ) -> Result<Job, Fenced> {
        self.held(fence)?;
        // An item has room for the windows of a few manifests.
        let mut staged = self.staged.clone();
        for earlier in staged.iter_mut().rev().filter(|staged| !staged.manifest.windows.is_empty()).skip(1) {
            earlier.manifest.windows = Vec::new();
        }
        staged.push(Staged { object, generation: self.generation, fence, manifest, at: Some(now) });
        if staged.iter().filter(|staged| staged.object == object).count() > MAX_STAGED
            && let Some(oldest) = staged.iter().position(|staged| staged.object == object)
        {
            staged.remove(oldest);
        }
        Ok(Job { staged, ..self.touched(now) })
    }

    /// The JPEG is there. A thumbnail-only job is ready with it, and `plan` says how it was made; a clip has a plan of
    /// its own.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_image(
        &self,
        fence: u64,
        image: Manifest,
        plan: PlanSummary,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Result<Job, Fenced> {
        self.held(fence)?;
        let next = Job { image: Some(image), ..self.clone() };
        Ok(match self.order.wanted {
            Wanted::Media | Wanted::Stamped | Wanted::Reel | Wanted::Unknown => next.touched(now),
            Wanted::Thumbnail => Job { plan: Some(plan), ..next }.ended(State::Ready, now, times),
        })
    }

    /// The clip is there: the commit. Without a `plan`, as of a clip that an earlier attempt made, the one that was chosen
    /// stays.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_video(
        &self,
        fence: u64,
        video: Manifest,
        plan: PlanSummary,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Result<Job, Fenced> {
        self.held(fence)?;
        let done_ms = self.order.duration_ms - video.lack_ms;
        let plan = if plan.kind.is_empty() { self.plan.clone() } else { Some(plan) };
        let next = Job { video: Some(video), plan, done_ms, ..self.clone() };
        Ok(next.ended(State::Ready, now, times))
    }

    /// The work cannot succeed.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn given_up(
        &self,
        fence: u64,
        cause: impl Into<Cause>,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Result<Job, Fenced> {
        self.held(fence)?;
        Ok(self.failed(cause, now, times))
    }

    /// The work met a transient error, and its recording may be why: it is tried again after a pause that grows with
    /// the attempts.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn released(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        self.held(fence)?;
        Ok(self.again_after(times.renew_ms * i64::from(self.attempts), now, times))
    }

    /// A service did not answer, which is no fault of the job: it is tried again after a pause that grows with the time
    /// since this was so first. As long as a worker has for the work, that costs no attempt; after that it is a failure
    /// like any other.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn put_off(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        self.held(fence)?;
        let since = self.unanswered_since.unwrap_or(now);
        if now - since >= times.work_ms {
            return self.released(fence, now, times);
        }
        let pause = ((now - since) / 2).min(times.max_resend_ms / 3).max(times.renew_ms);
        let spared = self.attempts.saturating_sub(1);
        Ok(Job { attempts: spared, unanswered_since: Some(since), ..self.again_after(pause, now, times) })
    }

    /// As [`Job::put_off`] for a store that refuses the time of this worker's requests, which has a name of its own.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn put_off_for_clock(&self, fence: u64, now: EpochMs, times: &Lifecycle) -> Result<Job, Fenced> {
        Ok(Job { obstacle: Some(Reason::ClockWrong), ..self.put_off(fence, now, times)? })
    }

    /// Back in the queue; the time there is no time for the work.
    fn again_after(&self, pause: Millis, now: EpochMs, times: &Lifecycle) -> Job {
        let wake_at = now + pause;
        Job {
            state: State::Queued,
            lease_until: None,
            claim_id: None,
            deadline_at: None,
            wake_at: Some(wake_at),
            due_at: Some(due_asleep(wake_at, now, times)),
            ..self.touched(now)
        }
    }

    /// The recording has not reached the window's end. Waiting is no failed attempt, and its time is no time for the
    /// work.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn waiting(
        &self,
        fence: u64,
        wake_at: EpochMs,
        available_ms: Millis,
        now: EpochMs,
        times: &Lifecycle,
    ) -> Result<Job, Fenced> {
        self.held(fence)?;
        Ok(Job {
            state: State::WaitingSource,
            attempts: 0,
            unanswered_since: None,
            obstacle: None,
            lease_until: None,
            claim_id: None,
            deadline_at: None,
            wake_at: Some(wake_at),
            due_at: Some(due_asleep(wake_at, now, times)),
            done_ms: self.done_ms.max(available_ms),
            ..self.touched(now).at_live_edge(None)
        })
    }
}
