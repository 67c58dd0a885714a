//! From an accepted order to its job on record: look, admit, store, send.

use crate::metrics::Metrics;
use crate::settle::JobReader;
use export_domain::ids::JobId;
use export_domain::intake::Rejection;
use export_domain::job::{Job, Order, Posted};
use export_domain::ports::{ClipLook, Clock, IdempotencyKeys, Ids, JobQueue, JobStore, WriteError, Written};
use export_domain::settings::{Lifecycle, Limits};
use export_domain::target::Target;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_domain::trace::TraceContext;
use export_domain::update::{Change, update};
use std::time::Duration;

/// The most that a look for a job's files may take.
const LOOK: Duration = Duration::from_secs(3);
/// Conditional writes that may lose against others before the submission gives up.
const WRITE_TRIES: u32 = 5;

/// A store of clips that is not looked at: all files count as there.
#[derive(Debug, Clone, Copy)]
pub struct Unseen;

impl ClipLook for Unseen {
    async fn is_there(&self, _: &Target, _: &str) -> Result<bool, WriteError> {
        Ok(true)
    }
}

/// An order that passed every judgement.
#[derive(Debug, Clone, Copy)]
pub struct Submitted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// The name of its job.
    pub job_id: &'a JobId,
    /// The order.
    pub order: &'a Order,
    /// The `Idempotency-Key`.
    pub key: Option<&'a str>,
    /// The request that it came with.
    pub context: &'a TraceContext,
}

/// The ports by which orders become jobs.
#[derive(Debug, Clone, Copy)]
pub struct Submitter<'a, J, Q, O, C> {
    /// The jobs table.
    pub jobs: &'a J,
    /// The work queues.
    pub queue: &'a Q,
    /// The store of clips.
    pub objects: &'a O,
    /// The time.
    pub clock: &'a C,
    /// Times of a job's life.
    pub times: &'a Lifecycle,
    /// The limits of a request.
    pub limits: &'a Limits,
    /// The function's metrics.
    pub metrics: &'a Metrics,
}

/// A job that answers a submission.
enum Answering {
    /// It was there.
    Found(Box<Job>),
    /// This submission stored it, and its message is to be sent.
    Stored(Box<Job>),
}

impl<J, Q, O, C> Submitter<'_, J, Q, O, C>
where
    J: JobStore + IdempotencyKeys,
    Q: JobQueue,
    O: ClipLook,
    C: Clock + Ids,
{
    /// Binds the key to this request; the last step before the job is stored or answered from, so that a refused
    /// submission leaves nothing.
    async fn bind(&self, accepted: &Submitted<'_>) -> Result<(), Rejection> {
        let Some(key) = accepted.key else { return Ok(()) };
        let now = self.clock.now();
        let expires_at = (now + self.times.terminal_ttl_ms).to_secs();
        let bound = self.jobs.bind(&accepted.tenant.id, key, accepted.job_id, now, expires_at).await?;
        if bound == *accepted.job_id { Ok(()) } else { Err(Rejection::KeyReused) }
    }

    /// The job of this order as it is stored when this returns, its message sent if that was due.
    ///
    /// # Errors
    /// The tenant has too many unfinished jobs, the key belongs to another request, or a table does not answer: nothing is
    /// stored then.
    pub async fn stored(&self, accepted: &Submitted<'_>) -> Result<Job, Rejection> {
        let found = self.jobs.get(&accepted.tenant.id, accepted.job_id).await?;
        let judge = |found| Box::pin(self.judge(accepted, found));
        match update(self.jobs, found, WRITE_TRIES, judge).await? {
            Answering::Found(job) => Ok(*job),
            Answering::Stored(job) => {
                self.send(&job).await;
                Ok(*job)
            }
        }
    }

    async fn judge(
        &self,
        accepted: &Submitted<'_>,
        found: Option<Job>,
    ) -> Result<Change<Answering>, Rejection> {
        // One time for all that is judged: an end is told only as it is on record.
        let now = self.clock.now();
        let found = match found {
            Some(job) => Some(self.reader().settled(job, now).await?),
            None => None,
        };
        let next = match &found {
            None => {
                let (tenant, id, order) =
                    (accepted.tenant.id.clone(), accepted.job_id.clone(), accepted.order.clone());
                Job::new(tenant, id, order, now, self.times)
            }
            Some(job) if job.is_to_be_looked_at(now, self.times) && self.has_gone(job).await => {
                tracing::info!(tenant = %job.tenant, generation = job.generation, "restarting a job whose files are gone");
                job.restarted(accepted.order, now, self.times)
            }
            Some(job) => match job.posted(accepted.order, now, self.times) {
                Posted::Answer { job: seen, heal } => {
                    self.bind(accepted).await?;
                    self.heal(job.rev, heal.as_deref()).await;
                    if heal.is_none()
                        && let Some(next) = job.wanted_alone(now, self.times)
                    {
                        let found = Answering::Found(Box::new(next.clone()));
                        let answering = if next.is_to_be_sent() {
                            Answering::Stored(Box::new(next.clone()))
                        } else {
                            found
                        };
                        return Ok(Change::write(Some(job), next, answering));
                    }
                    return Ok(Change::Keep(Answering::Found(seen)));
                }
                Posted::Restart(next) => *next,
            },
        };
        let next = next.caused_by(accepted.context);
        match (self.admit(accepted.tenant, &next).await, &found) {
            // Who polls by POST is answered by the job, though it cannot start over just now.
            (Err(Rejection::TooMany { .. }), Some(job)) if is_polled(job, now) => {
                return Ok(Change::Keep(Answering::Found(Box::new(job.clone()))));
            }
            (Err(rejection), _) => return Err(rejection),
            (Ok(()), _) => {}
        }
        self.bind(accepted).await?;
        let stored = Answering::Stored(Box::new(next.clone()));
        Ok(Change::write(found.as_ref(), next, stored))
    }

    fn reader(&self) -> JobReader<'_, J, C> {
        let Self { jobs, clock, times, metrics, .. } = *self;
        JobReader { jobs, clock, times, metrics }
    }

    /// Returns `true` if a file that the job's reply would name is not there any more. Where that cannot be found out
    /// in time, all count as there, so that an outage of S3 changes no answer.
    async fn has_gone(&self, job: &Job) -> bool {
        let look = async {
            for key in job.files() {
                if !self.objects.is_there(&job.order.target, &key).await? {
                    return Ok::<_, WriteError>(true);
                }
            }
            Ok(false)
        };
        match tokio::time::timeout(LOOK, Box::pin(look)).await {
            Ok(Ok(gone)) => gone,
            Ok(Err(error)) => {
                tracing::warn!(%error, "failed to look for a job's files");
                false
            }
            Err(_) => {
                tracing::warn!("looking for a job's files timed out");
                false
            }
        }
    }

    /// Sends again what the sweeper would send again. If the write is lost, another caller resends it.
    async fn heal(&self, rev: u64, next: Option<&Job>) {
        let Some(next) = next else { return };
        if let Ok(Written::Done) = self.jobs.write(Some(rev), next).await {
            self.send(next).await;
        }
    }

    /// A message that could not be sent is no failure: the stored job is due again soon.
    async fn send(&self, job: &Job) {
        if let Err(error) = self.queue.send_for(job, self.clock.now()).await {
            tracing::warn!(%error, "failed to send a job's message; the sweeper resends it");
        }
    }

    /// Counts what is unfinished of the kind of `next`, which takes a place for each length of the longest clip that it has.
    /// Overshoots at most by the submissions in flight.
    async fn admit(&self, tenant: &Tenant, next: &Job) -> Result<(), Rejection> {
        let Some(counted) = next.counted() else { return Ok(()) };
        let most = tenant.most(counted);
        let unfinished = self.jobs.count_unfinished(&tenant.id, counted, most.saturating_add(1)).await?;
        let places = next.order.places(self.limits.max_duration_ms);
        // A tenant with few places gets it once none is taken.
        if unfinished < most && (unfinished == 0 || unfinished.saturating_add(places) <= most) {
            return Ok(());
        }
        let jitter = self.clock.chance_below(Millis::from_secs(8));
        Err(Rejection::TooMany { counted, most, wait_ms: Millis::from_secs(2) + jitter })
    }
}

/// Returns `true` if the client was told to send the same request again.
fn is_polled(job: &Job, now: EpochMs) -> bool {
    !job.is_expired(now) && job.failure.as_ref().is_some_and(|failure| failure.retriable)
}
