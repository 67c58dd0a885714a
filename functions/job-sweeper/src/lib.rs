//! Sends again what nobody took, ends what ran out of time, tells what nobody told.
//!
//! A sweep is idempotent and may run beside another one: whoever wins the conditional write sends the message, and a
//! message too many is acknowledged by the worker without work.

use export_domain::completion::tell;
use export_domain::ids::{JobId, TenantId};
use export_domain::job::Swept;
use export_domain::ports::{Clock, DueJobs, EventBus, JobQueue, JobStore, Unavailable, Written};
use export_domain::settings::Lifecycle;
use export_lambda::metrics::{Metric, Metrics};
use export_lambda::telemetry::{job_span, name_cause};
use serde::Serialize;
use tracing::Instrument;

/// Jobs that one sweep looks at, at most; the next one goes on.
const MOST: usize = 500;

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
}

impl<J, Q, B, C> App<J, Q, B, C>
where
    J: JobStore + DueJobs,
    Q: JobQueue,
    B: EventBus,
    C: Clock,
{
    /// Looks at every job that is due. One job's trouble does not keep the others waiting.
    ///
    /// # Errors
    /// [`Unavailable`] if the list of due jobs cannot be read.
    pub async fn sweep(&self) -> Result<Sweep, Unavailable> {
        let due = self.jobs.due(self.clock.now_ms(), MOST).await?;
        let mut sweep = Sweep { due: due.len(), ..Sweep::default() };
        for (tenant, job_id) in due {
            let looked = async {
                if let Err(error) = self.look(&tenant, &job_id, &mut sweep).await {
                    tracing::warn!(%tenant, %error, "failed to sweep a job");
                }
            };
            looked.instrument(job_span(&job_id)).await;
        }
        tracing::info!(
            due = sweep.due,
            resent = sweep.resent,
            expired = sweep.expired,
            told = sweep.told,
            "swept"
        );
        let values =
            [(Metric::Resent, sweep.resent), (Metric::TimedOut, sweep.expired), (Metric::Untold, sweep.told)];
        let values = values.map(|(metric, count)| (metric, u64::try_from(count).unwrap_or_default()));
        if values.iter().any(|(_, count)| *count > 0) {
            self.metrics.emit(self.clock.now_ms(), None, &values);
        }
        Ok(sweep)
    }

    async fn look(&self, tenant: &TenantId, job_id: &JobId, sweep: &mut Sweep) -> Result<(), Unavailable> {
        let Some(job) = self.jobs.get(tenant, job_id).await? else { return Ok(()) };
        name_cause(&job);
        match job.swept(self.clock.now_ms(), &self.times) {
            Swept::Nothing => {}
            Swept::Expire(next) => {
                if self.jobs.write(Some(job.rev), &next).await? == Written::Done {
                    tracing::warn!(%tenant, "a job ran out of time");
                    sweep.expired += 1;
                    tell(&next, &self.bus, &self.jobs).await?;
                }
            }
            Swept::Resend(next) => {
                if self.jobs.write(Some(job.rev), &next).await? == Written::Done {
                    self.queue.send(next.order.wanted, &next.message(), 0).await?;
                    tracing::info!(%tenant, generation = next.generation, resends = next.resends, "sent a job's message again");
                    sweep.resent += 1;
                }
            }
            Swept::Tell(next) => {
                if self.jobs.write(Some(job.rev), &next).await? == Written::Done {
                    tell(&next, &self.bus, &self.jobs).await?;
                    tracing::info!(%tenant, generation = next.generation, "told of an end that nobody had told of");
                    sweep.told += 1;
                }
            }
        }
        Ok(())
    }
}
