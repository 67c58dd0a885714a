//! One submission from request to reply: judge, look, admit, store, send, and for a thumbnail wait a moment.

use crate::App;
use export_domain::intake::{Accepted, Rejection, key_of};
use export_domain::job::{Job, Posted};
use export_domain::ports::{
    ClipLook, Clock, IdempotencyKeys, Ids, JobQueue, JobStore, Sessions, Tenants, WriteError, Written,
};
use export_domain::request::Wanted;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_domain::trace::TraceContext;
use export_domain::tvu::{Outcome, Via, answer};
use export_domain::update::{Change, update};
use export_lambda::http::{Reply, Request, reply};
use export_lambda::settle::JobReader;
use export_lambda::telemetry::name_job;
use std::time::Duration;

/// A thumbnail is normally made within this time, so the first reply carries it.
const THUMBNAIL_WAIT: Millis = Millis::from_secs(3);
/// The most that a look for a job's files may take.
const LOOK: Duration = Duration::from_secs(3);
/// Conditional writes that may lose against others before the submission gives up.
const WRITE_TRIES: u32 = 5;

/// A job that answers a submission.
enum Answering {
    /// It was there.
    Found(Box<Job>),
    /// This submission stored it, and its message is to be sent.
    Stored(Box<Job>),
}

impl<J, Q, O, S, T, C> App<J, Q, O, S, T, C>
where
    J: JobStore + IdempotencyKeys,
    Q: JobQueue,
    O: ClipLook,
    S: Sessions,
    T: Tenants,
    C: Clock + Ids,
{
    /// Answers one request; every error has become a reply.
    pub async fn handle(&self, request: &Request) -> Reply {
        let result = self.submit(request).await;
        let now = self.intake.clock.now();
        let answer = answer(Outcome::from(&result), Via::Submit, now, self.style);
        log(&result, answer.status, answer.reply.error_code);
        reply(&answer)
    }

    async fn submit(&self, request: &Request) -> Result<Job, Rejection> {
        let began = self.intake.clock.now();
        let accepted = self.intake.accept(request.bounded_body(), request.session()).await?;
        name_job(&accepted.job_id);
        let key = request.header("idempotency-key").map(key_of).transpose()?;
        let job = self.stored(&accepted, key, &request.context).await?;
        let budget = match (request.prefers_wait(), job.order.wanted) {
            (Some(wait), _) => wait,
            (None, Wanted::Thumbnail) => THUMBNAIL_WAIT,
            (None, Wanted::Media | Wanted::Unknown) => Millis::ZERO,
        };
        let budget = budget.min(self.intake.limits.max_wait_ms);
        let clock = &self.intake.clock;
        let left = request.left.saturating_sub((clock.now() - began).into());
        Ok(self.reader().until_ended(job, budget, left).await)
    }

    /// Binds the key to this request; the last step before the job is stored or answered from, so that a refused
    /// submission leaves nothing.
    async fn bind(&self, key: Option<&str>, accepted: &Accepted) -> Result<(), Rejection> {
        let Some(key) = key else { return Ok(()) };
        let now = self.intake.clock.now();
        let expires_at = (now + self.times.terminal_ttl_ms).to_secs();
        let bound = self.jobs.bind(&accepted.tenant.id, key, &accepted.job_id, now, expires_at).await?;
        if bound == accepted.job_id { Ok(()) } else { Err(Rejection::KeyReused) }
    }

    /// The job of this request as it is stored when this returns, its message sent if that was due.
    async fn stored(
        &self,
        accepted: &Accepted,
        key: Option<&str>,
        context: &TraceContext,
    ) -> Result<Job, Rejection> {
        let found = self.jobs.get(&accepted.tenant.id, &accepted.job_id).await?;
        let judge = |found| Box::pin(self.judge(accepted, key, context, found));
        match update(&self.jobs, found, WRITE_TRIES, judge).await? {
            Answering::Found(job) => Ok(*job),
            Answering::Stored(job) => {
                self.send(&job).await;
                Ok(*job)
            }
        }
    }

    async fn judge(
        &self,
        accepted: &Accepted,
        key: Option<&str>,
        context: &TraceContext,
        found: Option<Job>,
    ) -> Result<Change<Answering>, Rejection> {
        // One time for all that is judged: an end is told only as it is on record.
        let now = self.intake.clock.now();
        let found = match found {
            Some(job) => Some(self.reader().settled(job, now).await?),
            None => None,
        };
        let next = match &found {
            None => {
                let (tenant, id, order) =
                    (accepted.tenant.id.clone(), accepted.job_id.clone(), accepted.order.clone());
                Job::new(tenant, id, order, now, &self.times)
            }
            Some(job) if job.is_to_be_looked_at(now, &self.times) && self.has_gone(job).await => {
                tracing::info!(tenant = %job.tenant, generation = job.generation, "restarting a job whose files are gone");
                job.restarted(&accepted.order, now, &self.times)
            }
            Some(job) => match job.posted(&accepted.order, now, &self.times) {
                Posted::Answer { job: seen, heal } => {
                    self.bind(key, accepted).await?;
                    self.heal(job.rev, heal.as_deref()).await;
                    if heal.is_none()
                        && let Some(next) = job.wanted_alone(now, &self.times)
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
        let next = next.caused_by(context);
        match (self.admit(&accepted.tenant, &next).await, &found) {
            // Who polls by POST is answered by the job, though it cannot start over just now.
            (Err(Rejection::TooMany { .. }), Some(job)) if is_polled(job, now) => {
                return Ok(Change::Keep(Answering::Found(Box::new(job.clone()))));
            }
            (Err(rejection), _) => return Err(rejection),
            (Ok(()), _) => {}
        }
        self.bind(key, accepted).await?;
        let stored = Answering::Stored(Box::new(next.clone()));
        Ok(Change::write(found.as_ref(), next, stored))
    }

    fn reader(&self) -> JobReader<'_, J, C> {
        let Self { jobs, times, metrics, .. } = self;
        JobReader { jobs, clock: &self.intake.clock, times, metrics }
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
        if let Err(error) = self.queue.send_for(job, self.intake.clock.now()).await {
            tracing::warn!(%error, "failed to send a job's message; the sweeper resends it");
        }
    }

    /// Counts what is unfinished of the kind of `next`. Overshoots at most by the submissions in flight.
    async fn admit(&self, tenant: &Tenant, next: &Job) -> Result<(), Rejection> {
        let Some(counted) = next.counted() else { return Ok(()) };
        let most = tenant.most(counted);
        let unfinished = self.jobs.count_unfinished(&tenant.id, counted, most.saturating_add(1)).await?;
        if unfinished < most {
            return Ok(());
        }
        let jitter = self.intake.clock.chance_below(Millis::from_secs(8));
        Err(Rejection::TooMany { counted, most, wait_ms: Millis::from_secs(2) + jitter })
    }
}

/// Returns `true` if the client was told to send the same request again.
fn is_polled(job: &Job, now: EpochMs) -> bool {
    !job.is_expired(now) && job.failure.as_ref().is_some_and(|failure| failure.retriable)
}

/// One line an outcome; names only, nothing that a client wrote.
fn log(result: &Result<Job, Rejection>, status: u16, error_code: i32) {
    match result {
        Ok(job) => tracing::info!(
            tenant = %job.tenant, job.state = ?job.state, generation = job.generation,
            status, error_code, "answered a submission"
        ),
        Err(Rejection::TooMany { counted, most, wait_ms }) => tracing::warn!(
            status,
            error_code,
            wait_ms = wait_ms.get(),
            ?counted,
            most,
            "rejected a submission: the tenant has too many unfinished jobs"
        ),
        Err(Rejection::KeyReused) => tracing::info!(
            status,
            error_code,
            "rejected a submission: its Idempotency-Key belongs to another request"
        ),
        Err(rejection) => tracing::info!(status, error_code, ?rejection, "rejected a submission"),
    }
}
