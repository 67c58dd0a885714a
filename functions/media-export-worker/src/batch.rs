//! From a queue message to a job that has moved on.
//!
//! A message is acknowledged when the job needs it no more: it ended, or somebody else holds it (the sweeper watches
//! over them), or this attempt wrote down how it ended. Only when the jobs table cannot be reached does the message go
//! back to its queue.

use crate::App;
use crate::error::WorkError;
use crate::lease::Lease;
use export_domain::job::{Cause, Claim, Job, Reason};
use export_domain::message::Message;
use export_domain::ports::{
    ClipLine, ClipStore, Clock, DeadLetters, EventBus, JobQueue, JobStore, MAX_DELAY_S, SourceStore, Tenants,
    Unavailable, Written,
};
use export_domain::request::Wanted;
use export_lambda::batch::{Disposition, Record};
use export_lambda::telemetry::{job_span, name_cause};
use export_lambda::tell::tell;
use std::time::Duration;
use tracing::Instrument;

/// Claims that may meet another write before the message goes back.
const CLAIM_TRIES: u32 = 5;
/// Time to write down how an attempt ended.
const FAREWELL: Duration = Duration::from_secs(10);

impl<J, Q, T, O, D, B, C> App<J, Q, T, O, D, B, C>
where
    J: JobStore + ClipLine,
    Q: JobQueue,
    T: Tenants,
    O: SourceStore + ClipStore + 'static,
    D: DeadLetters,
    B: EventBus,
    C: Clock,
{
    /// Handles one message; `left` is what remains of the invocation.
    pub async fn handle(&self, record: Record, left: Duration) -> Disposition {
        let Ok(message) = Message::decode(&record.body) else {
            return self.bury(&record).await;
        };
        self.attend(&message, left).instrument(job_span(&message.job_id)).await
    }

    async fn attend(&self, message: &Message, left: Duration) -> Disposition {
        match self.claimed(message).await {
            Ok(Some(job)) => {
                let lease = Lease::new(&self.jobs, &self.clock, &self.times, job);
                self.attempt(&lease, left).await
            }
            Ok(None) => Disposition::Acknowledge,
            Err(error) => {
                tracing::error!(%error, "failed to claim a job");
                Disposition::Return
            }
        }
    }

    async fn bury(&self, record: &Record) -> Disposition {
        match self.dead_letters.keep(&record.body).await {
            Ok(()) => {
                tracing::warn!(message.id = %record.id, "moved an unrecognised message to the dead-letter queue");
                Disposition::Acknowledge
            }
            Err(error) => {
                tracing::error!(message.id = %record.id, %error, "failed to move a message to the dead-letter queue");
                Disposition::Return
            }
        }
    }

    /// Claims the message's job; `None` if there is nothing to do for it.
    async fn claimed(&self, message: &Message) -> Result<Option<Job>, Unavailable> {
        let claim_id = self.clock.unique();
        let mut found = self.jobs.get(&message.tenant, &message.job_id).await?;
        for _ in 0..CLAIM_TRIES {
            let Some(job) = &found else { return Ok(None) };
            name_cause(job);
            let now = self.clock.now_ms();
            if job.generation == message.generation
                && let Some(next) = job.clearing(now, &self.times)
            {
                match self.jobs.write(Some(job.rev), &next).await? {
                    Written::Done => {
                        self.clear(&next).await;
                        return Ok(None);
                    }
                    Written::Conflict(other) => found = other.map(|job| *job),
                }
                continue;
            }
            if job.generation == message.generation
                && let Some(next) = job.deferred(now, &self.times)
                && self.yields(job, now).await
            {
                match self.jobs.write(Some(job.rev), &next).await? {
                    Written::Done => {
                        self.ask_again(&next, now).await;
                        return Ok(None);
                    }
                    Written::Conflict(other) => found = other.map(|job| *job),
                }
                continue;
            }
            let (next, granted) =
                match job.claim(message.generation, &claim_id, self.clock.now_ms(), &self.times) {
                    Claim::Stale | Claim::NotNow => return Ok(None),
                    Claim::Granted(next) => (next, true),
                    Claim::Exhausted(next) => (next, false),
                };
            match self.jobs.write(Some(job.rev), &next).await? {
                Written::Done => {
                    self.report_claim(job, &next, granted);
                    self.tell(&next).await;
                    return Ok(granted.then_some(*next));
                }
                Written::Conflict(other) => found = other.map(|job| *job),
            }
        }
        Err(Unavailable("the jobs table", "every claim met another write".to_owned()))
    }

    /// Whether the job's tenant has half of the workers, rounded up, while another one's clip waits for one. Who cannot
    /// tell works.
    async fn yields(&self, job: &Job, now: i64) -> bool {
        let Some(workers) = self.workers else { return false };
        let judged = async {
            let held = self.jobs.clips_at_work(&job.tenant, now).await?;
            Ok::<_, Unavailable>(held >= workers.div_ceil(2) && self.jobs.others_wait(&job.tenant).await?)
        };
        judged.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "failed to look for waiting clips of other tenants");
            false
        })
    }

    /// A message that could not be sent is no failure: the sweeper sees to the job.
    async fn ask_again(&self, job: &Job, now: i64) {
        let pause = job.pause_in_line(now, &self.times);
        tracing::info!(tenant = %job.tenant, pause, "a clip was deferred: its tenant has half of the workers, and another tenant waits");
        let delay_s = u32::try_from((pause + 999) / 1000).unwrap_or(1);
        if let Err(error) = self.queue.send(job.order.wanted, &job.message(), delay_s).await {
            tracing::warn!(%error, "failed to send the message of a deferred clip; the sweeper resends it");
        }
    }

    /// Works until done, until the claim is lost, or until the time is up.
    async fn attempt(&self, lease: &Lease<'_, J, C>, left: Duration) -> Disposition {
        let soft = left.saturating_sub(FAREWELL.min(left / 4)).min(self.until_deadline(lease).await);
        // In this order, not by chance: after a pause the time decides first, and a simulation's seed everything.
        let worked = tokio::select! {
            biased;
            () = tokio::time::sleep(soft) => Err(time_is_up(lease.job().await.order.wanted)),
            lost = lease.keep() => Err(lost),
            worked = self.work(lease, left) => worked,
        };
        let ended = match worked {
            Ok(()) => Ok(()),
            Err(error) => self.write_down(lease, error).await,
        };
        let job = lease.job().await;
        lease.open().throw_away(self.objects.as_ref(), &job.order.target).await;
        match ended {
            Ok(()) => {
                self.report_attempt(&job, lease.fence());
                self.tell(&job).await;
                Disposition::Acknowledge
            }
            // A lost claim is somebody else's job now; anything else is healed by the sweeper after the lease.
            Err(error) => {
                tracing::warn!(%error, "an attempt was interrupted");
                Disposition::Acknowledge
            }
        }
    }

    /// An event that could not be sent is no failure: an ended job stays due until it was.
    async fn tell(&self, job: &Job) {
        if let Err(error) = tell(job, &self.bus, &self.jobs).await {
            tracing::warn!(%error, "failed to publish a completion event; the sweeper retries it");
        }
    }

    /// Past its deadline a job has failed for every reader: nothing may be committed any more.
    async fn until_deadline(&self, lease: &Lease<'_, J, C>) -> Duration {
        let deadline = lease.job().await.deadline_at.unwrap_or(i64::MAX);
        Duration::from_millis(u64::try_from(deadline - self.clock.now_ms()).unwrap_or(0))
    }

    async fn write_down(&self, lease: &Lease<'_, J, C>, error: WorkError) -> Result<(), WorkError> {
        match error {
            WorkError::Fenced(lost) => Err(lost.into()),
            WorkError::GivenUp(cause) => {
                tracing::info!(reason = %cause.reason, detail = %cause.detail, "the job failed");
                self.give_up(lease, &cause).await
            }
            WorkError::Waiting { wake_at, available_ms } => {
                lease
                    .write(|job, fence, now, times| job.waiting(fence, wake_at, available_ms, now, times))
                    .await?;
                self.wake_later(lease).await;
                Ok(())
            }
            WorkError::Unanswered(why) => {
                tracing::warn!(why, "an attempt failed: a service does not answer; the job will be retried");
                lease.write(Job::put_off).await?;
                self.wake_later(lease).await;
                Ok(())
            }
            WorkError::ClockWrong(why) => {
                tracing::warn!(why, reason = %Reason::ClockWrong, "an attempt met a service that refuses its clock");
                lease.write(Job::put_off_for_clock).await?;
                self.wake_later(lease).await;
                Ok(())
            }
            WorkError::Passing(why) => {
                tracing::warn!(why, "an attempt failed with a transient error; the job will be retried");
                lease.write(Job::released).await?;
                self.wake_later(lease).await;
                Ok(())
            }
            // All ways have been tried, and what was not explained came twice.
            WorkError::Unexplained(why) | WorkError::Unfit(_, why) => {
                let cause = Reason::NotPossible.because(why);
                tracing::warn!(reason = %cause.reason, detail = %cause.detail, "the job failed");
                self.give_up(lease, &cause).await
            }
        }
    }

    async fn give_up(&self, lease: &Lease<'_, J, C>, cause: &Cause) -> Result<(), WorkError> {
        lease.write(|job, fence, now, times| job.given_up(fence, cause.clone(), now, times)).await
    }

    /// A message that could not be sent is no failure, and one that would come too early is not sent: the sweeper sees
    /// to the job.
    async fn wake_later(&self, lease: &Lease<'_, J, C>) {
        let (job, now) = (lease.job().await, self.clock.now_ms());
        if job.sleep_s(now) > MAX_DELAY_S {
            return;
        }
        if let Err(error) = self.queue.send_for(&job, now).await {
            tracing::warn!(%error, "failed to send a wake-up message; the sweeper resends it");
        }
    }
}

/// A still takes a part of a second: if a whole invocation does not do, a service does not answer.
fn time_is_up(wanted: Wanted) -> WorkError {
    let why = "the time is up".to_owned();
    match wanted {
        Wanted::Media => WorkError::Passing(why),
        Wanted::Thumbnail => WorkError::Unanswered(why),
    }
}
