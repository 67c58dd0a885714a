//! From a queue message to a job that has moved on.
//!
//! A message is acknowledged when the job needs it no more: it ended, or somebody else holds it (the sweeper watches
//! over them), or this attempt wrote down how it ended. Only when the jobs table cannot be reached does the message go
//! back to its queue.

use crate::attempt::Attempt;
use crate::{App, World};
use export_domain::job::{Claim, Job};
use export_domain::message::Message;
use export_domain::ports::{ClipLine, Clock, DeadLetters, JobQueue, JobStore, Unavailable, Written};
use export_lambda::batch::{Disposition, Record};
use export_lambda::telemetry::{job_span, name_cause};
use export_lambda::tell::tell;
use std::time::Duration;
use tracing::Instrument;

/// Claims that may meet another write before the message goes back.
const CLAIM_TRIES: u32 = 5;

impl<W: World> App<W> {
    /// Handles one message; `left` is what remains of the invocation.
    pub async fn handle(&self, record: Record, left: Duration) -> Disposition {
        let Ok(message) = Message::decode(&record.body) else {
            return self.bury(&record).await;
        };
        self.attend(&message, left).instrument(job_span(&message.job_id)).await
    }

    async fn attend(&self, message: &Message, left: Duration) -> Disposition {
        match self.claimed(message).await {
            Ok(Some(job)) => Attempt::new(self, job, left).run().await,
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

    /// An event that could not be sent is no failure: an ended job stays due until it was.
    pub(crate) async fn tell(&self, job: &Job) {
        if let Err(error) = tell(job, &self.bus, &self.jobs).await {
            tracing::warn!(%error, "failed to publish a completion event; the sweeper retries it");
        }
    }
}
