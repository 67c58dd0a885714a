//! From a queue message to a job that has moved on.
//!
//! A message is acknowledged when the job needs it no more: it ended, or another worker holds it (the sweeper watches
//! over both), or this attempt wrote down how it ended. Only when the jobs table cannot be reached does the message go
//! back to its queue.

use crate::attempt::Attempt;
use crate::{App, World};
use export_domain::job::{Claim, Job};
use export_domain::message::Message;
use export_domain::ports::{ClipLine, Clock, DeadLetters, Ids, JobQueue, JobStore, Unavailable};
use export_domain::time::EpochMs;
use export_domain::update::{Change, update};
use export_lambda::batch::{Disposition, Record};
use export_lambda::telemetry::{job_span, name_cause};
use export_lambda::tell::tell;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// Claims that may meet another write before the message goes back.
const CLAIM_TRIES: u32 = 5;

/// The result of a message that asks for work on a job.
enum Taken {
    /// There is nothing to do.
    Nothing,
    /// The job's leftovers are to be removed.
    Clearing(Box<Job>),
    /// Another tenant's clip goes first, as of this time.
    Deferred(Box<Job>, EpochMs),
    /// `found` was claimed and is `job` now; not `granted`, it had nothing left to be claimed with.
    Claimed { found: Box<Job>, job: Box<Job>, granted: bool },
}

impl<W: World> App<W> {
    /// Handles one message; `left` is what remains of the invocation.
    pub async fn handle(&self, record: Record, left: Duration) -> Disposition {
        let Ok(message) = Message::decode(&record.body) else {
            return self.bury(&record).await;
        };
        self.attend(&message, Instant::now() + left).instrument(job_span(&message.job_id)).await
    }

    async fn attend(&self, message: &Message, until: Instant) -> Disposition {
        match self.claimed(message).await {
            Ok(Some(job)) => Attempt::new(self, job, until).run().await,
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
        let found = self.jobs.get(&message.tenant, &message.job_id).await?;
        let judge = |found| self.judge(message, &claim_id, found);
        match update(&self.jobs, found, CLAIM_TRIES, judge).await? {
            Taken::Nothing => Ok(None),
            Taken::Clearing(job) => {
                self.clear(&job).await;
                Ok(None)
            }
            Taken::Deferred(job, now) => {
                self.ask_again(&job, now).await;
                Ok(None)
            }
            Taken::Claimed { found, job, granted } => {
                self.report_claim(&found, &job, granted);
                self.tell(&job).await;
                Ok(granted.then_some(*job))
            }
        }
    }

    async fn judge(
        &self,
        message: &Message,
        claim_id: &str,
        found: Option<Job>,
    ) -> Result<Change<Taken>, Unavailable> {
        let Some(job) = found else { return Ok(Change::Keep(Taken::Nothing)) };
        name_cause(&job);
        let now = self.clock.now();
        if job.generation == message.generation {
            if let Some(next) = job.clearing(now, &self.times) {
                return Ok(Change::write(Some(&job), next.clone(), Taken::Clearing(Box::new(next))));
            }
            if let Some(next) = job.deferred(now, &self.times)
                && self.yields(&job, now).await
            {
                return Ok(Change::write(Some(&job), next.clone(), Taken::Deferred(Box::new(next), now)));
            }
        }
        let (next, granted) = match job.claim(message.generation, claim_id, self.clock.now(), &self.times) {
            Claim::Stale | Claim::NotNow => return Ok(Change::Keep(Taken::Nothing)),
            Claim::Granted(next) => (next, true),
            Claim::Exhausted(next) => (next, false),
        };
        let taken = Taken::Claimed { found: Box::new(job.clone()), job: next.clone(), granted };
        Ok(Change::write(Some(&job), next, taken))
    }

    /// Returns `true` if the job's tenant has half of the workers, rounded up, while another one's clip waits for one.
    /// A worker that cannot find out works.
    async fn yields(&self, job: &Job, now: EpochMs) -> bool {
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
    async fn ask_again(&self, job: &Job, now: EpochMs) {
        let pause = job.pause_in_line(now, &self.times);
        tracing::info!(tenant = %job.tenant, pause = pause.get(), "a clip was deferred: its tenant has half of the workers, and another tenant waits");
        let delay_s = pause.to_secs_ceil();
        if let Err(error) = self.queue.send(job.work_queue(), &job.message(), delay_s).await {
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
