//! Sends again what nobody took, ends what ran out of time, tells what nobody told.
//!
//! A sweep is idempotent and may run beside another one: whoever wins the conditional write sends the message, and a
//! message too many is acknowledged by the worker without work.

use export_domain::completion::tell;
use export_domain::ids::{JobId, TenantId};
use export_domain::job::{Job, Swept};
use export_domain::ports::{Clock, DueJobs, EventBus, JobQueue, JobStore, Unavailable, Written};
use export_domain::settings::Lifecycle;
use export_lambda::metrics::{Metric, Metrics};
use export_lambda::telemetry::{job_span, name_cause};
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use std::time::Duration;
use tracing::Instrument;

/// Names that one sweep reads, at most; the next one goes on.
const MOST: usize = 10_000;
/// Jobs that are looked at at the same time.
const AT_ONCE: usize = 8;
/// Kept back from the invocation's time for what is under way when it is up.
const MARGIN: Duration = Duration::from_secs(15);

/// The function with its ports.
#[derive(Debug)]
pub struct App<J, Q, B, C> {
    /// The jobs table.
    pub jobs: J,
    /// The work queues.
    pub queue: Q,
    /// Where completion events go.
    pub bus: B,
    /// The time.
    pub clock: C,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sweep {
    /// Jobs that were due.
    pub due: usize,
    /// Messages sent again.
    pub resent: usize,
    /// Jobs that ran out of time.
    pub expired: usize,
    /// Completion events sent that nobody had sent.
    pub told: usize,
    /// Jobs left to the next sweep for lack of time.
    pub left: usize,
}

impl Sweep {
    /// One more job was looked at.
    fn and(self, did: Did) -> Self {
        let seen = Self { left: self.left.saturating_sub(1), ..self };
        match did {
            Did::Nothing => seen,
            Did::Resend => Self { resent: seen.resent + 1, ..seen },
            Did::Expire => Self { expired: seen.expired + 1, ..seen },
            Did::Tell => Self { told: seen.told + 1, ..seen },
        }
    }
}

/// What became of one job.
#[derive(Debug, Clone, Copy)]
enum Did {
    Nothing,
    Resend,
    Expire,
    Tell,
}

impl<J, Q, B, C> App<J, Q, B, C>
where
    J: JobStore + DueJobs,
    Q: JobQueue,
    B: EventBus,
    C: Clock,
{
    /// Looks at every job that is due, earliest first, as long as the time lasts; `left` is what remains of the
    /// invocation. One job's trouble does not keep the others waiting.
    ///
    /// # Errors
    /// [`Unavailable`] if the list of due jobs cannot be read.
    pub async fn sweep(&self, left: Duration) -> Result<Sweep, Unavailable> {
        let began = self.clock.now_ms();
        let millis = i64::try_from(left.saturating_sub(MARGIN).as_millis()).unwrap_or(i64::MAX);
        let until = began.saturating_add(millis);
        let due = self.jobs.due(began, MOST).await?;
        let count = due.len();
        let sweep = stream::iter(due)
            .take_while(|_| ready(self.clock.now_ms() < until))
            .map(|(tenant, job_id)| self.looked_at(tenant, job_id))
            .buffer_unordered(AT_ONCE)
            .fold(Sweep { due: count, left: count, ..Sweep::default() }, |sweep, did| ready(sweep.and(did)))
            .await;
        tracing::info!(
            due = sweep.due,
            resent = sweep.resent,
            expired = sweep.expired,
            told = sweep.told,
            left = sweep.left,
            "swept"
        );
        let values =
            [(Metric::Resent, sweep.resent), (Metric::TimedOut, sweep.expired), (Metric::Untold, sweep.told)];
        let values = values.map(|(metric, count)| (metric, u64::try_from(count).unwrap_or_default()));
        if values.iter().any(|(_, count)| *count > 0) {
            self.metrics.emit(self.clock.now_ms(), &[], &values);
        }
        Ok(sweep)
    }

    async fn looked_at(&self, tenant: TenantId, job_id: JobId) -> Did {
        let look = async {
            self.look(&tenant, &job_id).await.unwrap_or_else(|error| {
                tracing::warn!(%tenant, %error, "failed to sweep a job");
                Did::Nothing
            })
        };
        look.instrument(job_span(&job_id)).await
    }

    async fn wrote(&self, job: &Job, next: &Job) -> Result<bool, Unavailable> {
        Ok(self.jobs.write(Some(job.rev), next).await? == Written::Done)
    }

    async fn look(&self, tenant: &TenantId, job_id: &JobId) -> Result<Did, Unavailable> {
        let Some(job) = self.jobs.get(tenant, job_id).await? else { return Ok(Did::Nothing) };
        name_cause(&job);
        match job.swept(self.clock.now_ms(), &self.times) {
            Swept::Expire(next) if self.wrote(&job, &next).await? => {
                tracing::warn!(%tenant, "a job ran out of time");
                if let Err(error) = tell(&next, &self.bus, &self.jobs).await {
                    tracing::warn!(%tenant, %error, "failed to tell of an end; the next sweep will");
                }
                Ok(Did::Expire)
            }
            Swept::Resend(next) if self.wrote(&job, &next).await? => {
                self.queue.send_for(&next, self.clock.now_ms()).await?;
                tracing::info!(%tenant, generation = next.generation, resends = next.resends, "sent a job's message again");
                Ok(Did::Resend)
            }
            Swept::Tell(next) if self.wrote(&job, &next).await? => {
                tell(&next, &self.bus, &self.jobs).await?;
                tracing::info!(%tenant, generation = next.generation, "told of an end that nobody had told of");
                Ok(Did::Tell)
            }
            _ => Ok(Did::Nothing),
        }
    }
}
