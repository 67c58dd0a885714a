//! Moves batches on that are due: the caller that comes when no client does.

use export_domain::identity::DirectoryKey;
use export_domain::ids::{BatchId, TenantId};
use export_domain::ports::{
    BatchStore, Clock, DueBatches, EventBus, Ids, JobQueue, JobStore, ManyJobs, Tenants, Unavailable,
};
use export_domain::settings::Lifecycle;
use export_lambda::batches::BatchMover;
use export_lambda::metrics::Metrics;
use serde::Serialize;
use std::time::Duration;

/// Batches that one sweep looks at, at most; the next one goes on.
const MOST: usize = 200;
/// Steps of one batch in a row: while there is room, a step posts a hundred clips.
const STEPS: usize = 5;
/// Kept back from the invocation's time for the step that is under way when it is up.
const MARGIN: Duration = Duration::from_secs(15);

/// The sweep over batches with its ports.
#[derive(Debug)]
pub struct BatchSweeper<B, J, Q, E, T, C> {
    /// The batches.
    pub batches: B,
    /// The jobs table.
    pub jobs: J,
    /// The work queues.
    pub queue: Q,
    /// The bus of completion events.
    pub bus: E,
    /// The tenants, whose limits say how much of a batch may be under way.
    pub tenants: T,
    /// The time.
    pub clock: C,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// The key that the names of new jobs' directories are made with.
    pub directories: Option<DirectoryKey>,
    /// The sink of metrics.
    pub metrics: Metrics,
}

/// The counts of a sweep over batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BatchSweep {
    /// Batches that were due.
    pub due: usize,
    /// Clips posted.
    pub posted: usize,
    /// Batches that could not be moved on, or were left for lack of time.
    pub left: usize,
}

impl<B, J, Q, E, T, C> BatchSweeper<B, J, Q, E, T, C>
where
    B: BatchStore + DueBatches,
    J: JobStore + ManyJobs,
    Q: JobQueue,
    E: EventBus,
    T: Tenants,
    C: Clock + Ids,
{
    /// Moves every batch on that is due, as long as the time lasts; `left` is what remains of the invocation. One
    /// batch's trouble does not keep the others waiting.
    ///
    /// # Errors
    /// [`Unavailable`] if the list of due batches cannot be read.
    pub async fn sweep(&self, left: Duration) -> Result<BatchSweep, Unavailable> {
        let began = self.clock.now();
        let until = began + left.saturating_sub(MARGIN).into();
        let due = self.batches.due_batches(began, MOST).await?;
        let mut sweep = BatchSweep { due: due.len(), left: due.len(), ..BatchSweep::default() };
        for (tenant, id) in due {
            if self.clock.now() >= until {
                break;
            }
            match self.moved(&tenant, &id).await {
                Ok(posted) => {
                    sweep.posted += posted;
                    sweep.left -= 1;
                }
                Err(error) => {
                    tracing::warn!(%tenant, batch.id = %id, %error, "failed to move a batch on; a later sweep retries it");
                }
            }
        }
        if sweep.due > 0 {
            tracing::info!(due = sweep.due, posted = sweep.posted, left = sweep.left, "swept batches");
        }
        Ok(sweep)
    }

    /// Moves one batch on, and tells its end.
    async fn moved(&self, tenant: &TenantId, id: &BatchId) -> Result<usize, Unavailable> {
        let Some(mut batch) = self.batches.batch(tenant, id).await? else { return Ok(0) };
        let Some(row) = self.tenants.tenant(tenant).await? else { return Ok(0) };
        let Self { batches, jobs, queue, clock, times, metrics, .. } = self;
        let directories = self.directories.as_ref();
        let mover = BatchMover { batches, jobs, queue, clock, times, directories, metrics };
        let mut posted = 0;
        for _ in 0..STEPS {
            let (next, count) = mover.step(batch, &row).await?;
            (batch, posted) = (next, posted + count);
            if count == 0 {
                break;
            }
        }
        mover.told(batch, &self.bus).await?;
        Ok(posted)
    }
}
