//! The transitions of a job that clients, the clock and the sweeper cause.

use super::work::due_asleep;
use super::{
    Aftermath, Cause, Failure, Job, Lane, Manifest, ObjectKind, Order, Progress, Reason, SCHEMA_VERSION,
    State, Unread, UntoldEnd,
};
use crate::ids::{JobId, TenantId};
use crate::settings::Lifecycle;
use crate::time::{EpochMs, Millis};
use std::collections::BTreeSet;

/// Ends of earlier generations that are kept to be told: a bus that is down while a client tries again and again.
const MOST_UNTOLD: usize = 100;

/// The result of a POST.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// The job answers as it is; `heal` if its message is due again.
    Answer {
        /// The job to answer from.
        job: Box<Job>,
        /// The value to store before the message is sent again.
        heal: Option<Box<Job>>,
    },
    /// A new generation: admit it, store it, then send its message.
    Restart(Box<Job>),
}

/// The sweeper's action on a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Swept {
    /// Nothing is due.
    Nothing,
    /// Store this value, then send the message again.
    Resend(Box<Job>),
    /// Store this value: the job's time is over.
    Expire(Box<Job>),
    /// Store this value, then send the completion event.
    Tell(Box<Job>),
}

/// The errand that a job is due for. Notification never stands in front of recovery: they are read one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Errand {
    /// To be sent again, to be ended because its time is over, or to be published for the first time.
    Recover,
    /// To be published once more: the event bus has not taken its completion event.
    Tell,
}

/// The limit of its tenant that an unfinished job counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// `max_active`: its window has begun.
    Active,
    /// `max_scheduled`: at its last write its window had not begun. The next write after that, which is the next claim at
    /// the latest, makes it count as active.
    Scheduled,
}

impl Counted {
    /// A limit of `most` such jobs, in clients' words.
    pub fn limit(self, most: u32) -> String {
        let begun = match self {
            Self::Active => "has begun",
            Self::Scheduled => "has not begun",
        };
        format!("at most {most} whose window {begun} may be unfinished")
    }
}

impl Job {
    /// The limit that it counts against; `None` once it has ended.
    pub fn counted(&self) -> Option<Counted> {
        let is_ahead = self.order.window_begin() > self.updated_at;
        let counted = if is_ahead { Counted::Scheduled } else { Counted::Active };
        (!self.state.is_terminal()).then_some(counted)
    }

    /// The errand that it is due for. An end's first turn is with the jobs to recover, where the version before this
    /// one looks.
    pub fn errand(&self) -> Errand {
        if self.state.is_terminal() && self.resends > 0 { Errand::Tell } else { Errand::Recover }
    }

    /// A new job; store it if there is none of its name, then send its message.
    pub fn new(tenant: TenantId, job_id: JobId, order: Order, now: EpochMs, times: &Lifecycle) -> Self {
        Self {
            schema_v: SCHEMA_VERSION,
            tenant,
            job_id,
            rev: 1,
            write_id: String::new(),
            state: State::Queued,
            generation: 1,
            retries: 1,
            // A record that is made anew after its deletion must not repeat the fences of what it left behind.
            fence: u64::try_from(now.get()).unwrap_or_default(),
            attempts: 0,
            order,
            created_at: now,
            queued_at: now,
            updated_at: now,
            started_at: None,
            lease_until: None,
            claim_id: None,
            due_at: Some(now + times.resend_ms),
            resends: 0,
            deadline_at: None,
            wake_at: None,
            unanswered_since: None,
            obstacle: None,
            source_missing_since: None,
            done_ms: Millis::ZERO,
            progress: None,
            untold: Vec::new(),
            image: None,
            video: None,
            play: None,
            staged: Vec::new(),
            uploads: Vec::new(),
            fan: None,
            fan_done: BTreeSet::new(),
            failure: None,
            aftermath: None,
            quiet_until: None,
            plan: None,
            expires_at: None,
            correlation_id: None,
            trace: None,
            batch_id: None,
            lane: None,
            unread: Unread::default(),
        }
    }

    /// The job as it counts at `now`: past its deadline it has failed, whether or not a sweeper wrote that down.
    #[must_use]
    pub fn effective(&self, now: EpochMs, times: &Lifecycle) -> Job {
        if self.is_overdue(now, times) { self.overdue(now, times) } else { self.clone() }
    }

    fn overdue(&self, now: EpochMs, times: &Lifecycle) -> Job {
        let detail = match self.deadline_at {
            Some(_) => format!("the time for the work is over; attempts: {}", self.attempts),
            None => "no worker took the job in time".to_owned(),
        };
        self.failed(self.used_up().because(detail), now, times)
    }

    /// The reason of a job whose attempts or time are used up.
    pub(super) fn used_up(&self) -> Reason {
        self.obstacle.clone().unwrap_or(Reason::TimedOut)
    }

    fn is_overdue(&self, now: EpochMs, times: &Lifecycle) -> bool {
        !self.state.is_terminal() && !self.is_left_alone() && self.over_at(times) < now
    }

    /// Returns `true` if only a newer version of the service knows its state: neither the clock nor a worker of this
    /// one touches it.
    pub fn is_left_alone(&self) -> bool {
        self.state == State::Unknown
    }

    /// The last moment at which it may still end well.
    pub(super) fn over_at(&self, times: &Lifecycle) -> EpochMs {
        let since = self.queued_at.max(self.order.window_end());
        self.deadline_at.unwrap_or(since + times.max_queue_age_ms)
    }

    /// A POST of the same request, which asks for `order`.
    pub fn posted(&self, order: &Order, now: EpochMs, times: &Lifecycle) -> Posted {
        let seen = self.effective(now, times);
        if seen.is_expired(now) || seen.may_restart(now, times) {
            return Posted::Restart(Box::new(seen.restarted(order, now, times)));
        }
        let heal = match seen.swept(now, times) {
            Swept::Resend(next) => Some(next),
            Swept::Nothing | Swept::Expire(_) | Swept::Tell(_) => None,
        };
        Posted::Answer { job: Box::new(seen), heal }
    }

    /// A client asks alone for a job that only batches wanted: store this value, and send its message if
    /// [`Job::is_to_be_sent`]. `None` if nothing changes by that.
    #[must_use]
    pub fn wanted_alone(&self, now: EpochMs, times: &Lifecycle) -> Option<Job> {
        let is_bulk = self.lane == Some(Lane::Bulk) && !self.state.is_terminal();
        let next = || {
            let due_at = if self.is_to_be_sent() { Some(now + times.resend_ms) } else { self.due_at };
            Job { lane: None, due_at, ..self.touched(now) }
        };
        is_bulk.then(next)
    }

    /// Returns `true` if it waits for a worker, and for nothing else.
    pub fn is_to_be_sent(&self) -> bool {
        self.state == State::Queued && self.wake_at.is_none()
    }

    fn may_restart(&self, now: EpochMs, times: &Lifecycle) -> bool {
        let age = now - self.updated_at.max(self.failure.as_ref().map_or(EpochMs::ZERO, |f| f.at));
        match (self.state, &self.failure) {
            (State::Failed, Some(failure)) if failure.retriable => match failure.reason {
                Reason::SourceAbsent => age >= times.source_retry_ms,
                _ => true,
            },
            (State::Failed | State::Cancelled, _) => age >= times.retry_after_failed_ms,
            _ => false,
        }
    }

    /// The next generation, of `order`: what is no part of the job's identity may have changed. The paths are those of
    /// the job. The fence goes on; looks for an absent recording do not count as retries. An end that was not published
    /// yet is kept for that. What a job without files left may be adopted; the files of a ready one are replaced.
    #[must_use]
    pub fn restarted(&self, order: &Order, now: EpochMs, times: &Lifecycle) -> Job {
        let failure = self.failure.as_ref().filter(|f| f.retriable && !self.is_expired(now));
        let (retries, missing) = match failure.map(|f| &f.reason) {
            Some(Reason::SourceAbsent) => (self.retries, self.source_missing_since),
            Some(_) => (self.retries + 1, None),
            None => (1, None),
        };
        let order = Order {
            image_path: self.order.image_path.clone(),
            video_path: self.order.video_path.clone(),
            ..order.clone()
        };
        let fresh = Job::new(self.tenant.clone(), self.job_id.clone(), order, now, times);
        let gone = self.state == State::Ready || self.is_over(now) || self.aftermath().is_clearing;
        let quiet_until = self.quiet_until.filter(|until| *until > now);
        Job {
            rev: self.rev + 1,
            generation: self.generation + 1,
            fence: self.fence,
            retries,
            source_missing_since: missing,
            created_at: self.created_at,
            staged: if gone { Vec::new() } else { self.staged.clone() },
            // Of another generation it opens nothing; its objects stay on record.
            play: self.play.clone(),
            uploads: if gone { Vec::new() } else { self.uploads.clone() },
            // Of another generation it counts for nothing; its objects stay on record.
            fan: if gone { None } else { self.fan.clone() },
            fan_done: self.fan_done.clone(),
            untold: if self.is_over(now) { Vec::new() } else { self.ends_untold() },
            unread: self.unread.clone(),
            quiet_until,
            wake_at: quiet_until,
            due_at: quiet_until.map(|until| due_asleep(until, now, times)).or(fresh.due_at),
            ..fresh
        }
    }

    /// Returns `true` if its files are to be looked for before a POST is answered by it: they were there a while ago.
    pub fn is_to_be_looked_at(&self, now: EpochMs, times: &Lifecycle) -> bool {
        let old = now - self.updated_at >= times.retry_after_failed_ms;
        self.state == State::Ready && old && !self.is_expired(now)
    }

    /// Keys of the files that its reply names.
    pub fn files(&self) -> impl Iterator<Item = String> {
        let image = self.image.as_ref().map(|_| ObjectKind::Image);
        let video = self.video.as_ref().map(|_| ObjectKind::Video);
        image.into_iter().chain(video).map(|object| self.order.key(object))
    }

    /// The ends that are still to be told once this one is an earlier one.
    fn ends_untold(&self) -> Vec<UntoldEnd> {
        let own = self.is_untold().then(|| UntoldEnd {
            generation: self.generation,
            state: self.state,
            failure: self.failure.clone(),
            image: self.image.clone(),
            video: self.video.as_ref().map(Manifest::without_windows),
            at: self.updated_at,
            correlation_id: self.correlation_id.clone(),
            batch_id: self.batch_id.clone(),
        });
        let ends = self.untold.iter().cloned().chain(own);
        ends.skip(usize::from(self.untold.len() >= MOST_UNTOLD)).collect()
    }

    /// Returns `true` if its own end is to be told, now or later.
    pub(super) fn is_untold(&self) -> bool {
        let due = self.state.is_terminal() && self.due_at.is_some();
        due && !self.is_looked_for() && !self.aftermath().is_told
    }

    /// Returns `true` if it failed for an absent recording that may still appear: not the last word, so it is not
    /// published.
    pub fn is_looked_for(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.retriable && failure.reason == Reason::SourceAbsent)
    }

    /// The sweeper's turn. A re-POST uses the same predicate to heal.
    pub fn swept(&self, now: EpochMs, times: &Lifecycle) -> Swept {
        if self.is_overdue(now, times) {
            return Swept::Expire(Box::new(self.overdue(now, times)));
        }
        if self.is_left_alone() || self.due_at.is_none_or(|due| due > now) {
            return Swept::Nothing;
        }
        let wait = (times.resend_ms * (1 << self.resends.min(10))).min(times.max_resend_ms);
        let asleep = self.wake_at.filter(|at| *at > now).map(|at| due_asleep(at, now, times));
        let (again, resends) = (asleep.unwrap_or(now + wait + self.jitter(wait)), self.resends + 1);
        if self.is_to_be_cleared(now) {
            let next = self.touched(self.updated_at);
            return Swept::Resend(Box::new(Job { due_at: Some(again), resends, ..next }));
        }
        if self.state.is_terminal() {
            if self.untold.is_empty() && self.aftermath().is_told {
                return Swept::Nothing;
            }
            if self.is_looked_for() && now < self.looked_for_until(times) {
                return Swept::Nothing;
            }
            // What clients see of it stays as it is.
            let failure = self.failure.clone().map(|failure| Failure {
                retriable: failure.retriable && failure.reason != Reason::SourceAbsent,
                ..failure
            });
            let next = self.touched(self.updated_at);
            return Swept::Tell(Box::new(Job { due_at: Some(again), resends, failure, ..next }));
        }
        // The time for the work of a worker that died is not the next one's.
        let deadline_at = self.deadline_at.filter(|_| self.state != State::Running);
        let next = Job { resends, deadline_at, ..self.touched(now) };
        // An end that the clock brings is not to wait for a pause.
        let due_at = Some(again.min(next.over_at(times).just_after()));
        Swept::Resend(Box::new(Job { due_at, ..next }))
    }

    /// Until when an absent recording may appear.
    fn looked_for_until(&self, times: &Lifecycle) -> EpochMs {
        self.source_missing_since.map_or(EpochMs::ZERO, |since| since + times.source_wait_ms)
    }

    /// The ends of this job that are to be told, oldest first: those of earlier generations, and its own.
    pub fn ends_to_tell(&self) -> Vec<Job> {
        let earlier = self.untold.iter().map(|ended| Job {
            generation: ended.generation,
            state: ended.state,
            failure: ended.failure.clone(),
            updated_at: ended.at,
            correlation_id: ended.correlation_id.clone(),
            batch_id: ended.batch_id.clone(),
            done_ms: Millis::ZERO,
            progress: None,
            untold: Vec::new(),
            image: ended.image.clone(),
            video: ended.video.clone(),
            plan: None,
            aftermath: None,
            ..self.clone()
        });
        let own = self.is_untold().then(|| self.clone());
        earlier.chain(own).collect()
    }

    /// The job after the completion events of [`Job::ends_to_tell`] were sent. `None` if there are none to send.
    #[must_use]
    pub fn told(&self) -> Option<Job> {
        if self.untold.is_empty() && !self.is_untold() {
            return None;
        }
        let next = Job { untold: Vec::new(), ..self.touched(self.updated_at) };
        if !self.is_untold() {
            return Some(next);
        }
        let after = Aftermath { is_told: true, ..self.aftermath() };
        let aftermath = self.aftermath.as_ref().map(|_| after.clone());
        Some(Job { due_at: after.clear_at, resends: 0, aftermath, ..next })
    }

    /// Up to an eighth of `wait`, from the job's name: a backlog does not come back all at once.
    fn jitter(&self, wait: Millis) -> Millis {
        let seed = self.job_id.as_str().bytes().fold(0i64, |sum, b| (sum * 31 + i64::from(b)) % 1024);
        wait / 8 * seed / 1024
    }

    /// A client cancels. `None` if the job has ended already, which those that will expire have.
    #[must_use]
    pub fn cancelled(&self, now: EpochMs, times: &Lifecycle) -> Option<Job> {
        let live = !self.effective(now, times).state.is_terminal() && self.expires_at.is_none();
        live.then(|| self.ended(State::Cancelled, now, times))
    }

    /// The job, failed for this cause; whether that is final follows from the reason and what was used up.
    pub(super) fn failed(&self, cause: impl Into<Cause>, now: EpochMs, times: &Lifecycle) -> Job {
        let Cause { reason, detail } = cause.into();
        let missing = match reason {
            Reason::SourceAbsent => Some(self.source_missing_since.unwrap_or(now)),
            _ => self.source_missing_since,
        };
        let retriable = match reason {
            Reason::SourceAbsent => missing.is_some_and(|since| now - since < times.source_wait_ms),
            Reason::TimedOut | Reason::ClockWrong => self.retries < times.max_generations,
            _ => false,
        };
        let failed = Job {
            failure: Some(Failure { message: reason.to_string(), reason, detail, retriable, at: now }),
            source_missing_since: missing,
            ..self.ended(State::Failed, now, times)
        };
        if !failed.is_looked_for() {
            return failed;
        }
        let due_at = times.tell_ms.map(|ms| failed.looked_for_until(times) + ms);
        Job { due_at: due_at.or(failed.due_at), ..failed }
    }

    /// Common to all ends: no lease, nothing due but the completion event and the removal of what is left, a time to
    /// live.
    pub(super) fn ended(&self, state: State, now: EpochMs, times: &Lifecycle) -> Job {
        let aftermath = self.aftermath_of(state, now, times);
        let clear_at = aftermath.as_ref().and_then(|after| after.clear_at);
        // Chunks that come from now on, and their removal, change nothing of what is told.
        let made = self.fanned_ms();
        let made_of =
            |progress: &Progress| Progress { made_ms: progress.made_ms.max(made), ..progress.clone() };
        Job {
            state,
            done_ms: self.done_ms.max(made),
            progress: self.progress.as_ref().map(made_of),
            lease_until: None,
            claim_id: None,
            due_at: times.tell_ms.map(|ms| now + ms).or(clear_at),
            aftermath,
            uploads: if state == State::Ready { Vec::new() } else { self.uploads.clone() },
            fan: self.fan.clone().filter(|_| state != State::Ready),
            resends: 0,
            wake_at: None,
            expires_at: Some((now + times.terminal_ttl_ms).to_secs()),
            ..self.touched(now)
        }
    }

    /// The same job, one write later.
    pub(super) fn touched(&self, now: EpochMs) -> Job {
        Job { rev: self.rev + 1, schema_v: SCHEMA_VERSION, updated_at: now, ..self.clone() }
    }
}
