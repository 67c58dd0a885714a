//! Moves batches on: each look at one posts what its tenant has room for, notes what has ended, and tells the end.
//!
//! Everything is done before it is noted, and may be done twice: posting a clip again answers with its job. So a caller
//! that dies anywhere leaves a batch that the next caller goes on with, and the sweeper is the caller that always comes.

use crate::metrics::Metrics;
use crate::settle::JobReader;
use export_domain::batch::life::{Advance, Batch, BatchClip, BatchRoom, Stage};
use export_domain::completion::batch_notification;
use export_domain::identity::{DirectoryKey, identify};
use export_domain::ids::JobId;
use export_domain::job::{Counted, Job, Order, Posted};
use export_domain::ports::{BatchStore, Clock, EventBus, Ids, JobQueue, JobStore, ManyJobs, Unavailable};
use export_domain::settings::Lifecycle;
use export_domain::tenant::Tenant;
use export_domain::trace::TraceContext;
use export_domain::update::{Change, update};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

/// Conditional writes of a job that may lose against others.
const WRITE_TRIES: u32 = 5;
/// Jobs that are posted or cancelled at the same time.
const AT_ONCE: usize = 20;
/// The most that an event may cost its teller.
const PATIENCE: Duration = Duration::from_secs(2);

/// The ports by which batches are moved on.
#[derive(Debug, Clone, Copy)]
pub struct BatchMover<'a, B, J, Q, C> {
    /// The batches.
    pub batches: &'a B,
    /// The jobs.
    pub jobs: &'a J,
    /// The work queues.
    pub queue: &'a Q,
    /// The time.
    pub clock: &'a C,
    /// Times of a job's life.
    pub times: &'a Lifecycle,
    /// The key that the names of new jobs' directories are made with.
    pub directories: Option<&'a DirectoryKey>,
    /// The function's metrics.
    pub metrics: &'a Metrics,
}

/// Something to do about a clip's job.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Post,
    Cancel,
}

impl<B, J, Q, C> BatchMover<'_, B, J, Q, C>
where
    B: BatchStore,
    J: JobStore + ManyJobs,
    Q: JobQueue,
    C: Clock + Ids,
{
    /// One step of `batch`, as it was read, and how many clips it moved on. The batch is returned as it is stored then,
    /// also if another caller's step came first.
    ///
    /// # Errors
    /// [`Unavailable`] if a table does not answer; what was done is found by the next step.
    pub async fn step(&self, batch: Batch, tenant: &Tenant) -> Result<(Batch, usize), Unavailable> {
        let now = self.clock.now();
        let jobs = self.jobs_of(&batch, batch.followed(now).cloned().collect()).await?;
        let waits = batch.clips.iter().any(|clip| clip.stage == Stage::Pending) && !batch.is_cancelled;
        let room = if waits { self.room(tenant).await? } else { BatchRoom::default() };
        let Advance { posts, cancels, seen } = batch.advance(&jobs, room, now);
        let deeds = posts.into_iter().map(|at| (at, Deed::Post));
        let deeds: Vec<(usize, Deed)> =
            deeds.chain(cancels.into_iter().map(|at| (at, Deed::Cancel))).collect();
        let done = stream::iter(deeds)
            .map(|(at, deed)| self.done(&batch, at, deed))
            .buffer_unordered(AT_ONCE)
            .fold((seen, 0), |(seen, count), (at, stage)| {
                ready(match stage {
                    Some(stage) => (seen.with_stage(at, stage), count + 1),
                    None => (seen, count),
                })
            });
        let (done, count) = Box::pin(done).await;
        let Some(next) = done.settled(&batch, self.clock.now(), self.times) else {
            return Ok((batch, count));
        };
        if self.batches.write_batch(Some(batch.rev), &next).await? {
            return Ok((next, count));
        }
        let stored = self.batches.batch(&batch.tenant, &batch.batch_id).await?;
        Ok((stored.unwrap_or(next), count))
    }

    /// The jobs of that name, those whose time is over as failed.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn jobs_of(&self, batch: &Batch, ids: Vec<JobId>) -> Result<BTreeMap<JobId, Job>, Unavailable> {
        let now = self.clock.now();
        let found = self.jobs.many(&batch.tenant, &ids).await?;
        let Self { jobs, clock, times, metrics, .. } = *self;
        let reader = JobReader { jobs, clock, times, metrics };
        let mut settled = BTreeMap::new();
        for job in found {
            let job = reader.settled(job, now).await?;
            settled.insert(job.job_id.clone(), job);
        }
        Ok(settled)
    }

    /// The places that are left for jobs of batches.
    async fn room(&self, tenant: &Tenant) -> Result<BatchRoom, Unavailable> {
        let left = async |counted: Counted| {
            let share = tenant.batch_share(counted);
            let taken = self.jobs.count_unfinished(&tenant.id, counted, share).await?;
            Ok::<_, Unavailable>(usize::try_from(share.saturating_sub(taken)).unwrap_or(usize::MAX))
        };
        Ok(BatchRoom { active: left(Counted::Active).await?, scheduled: left(Counted::Scheduled).await? })
    }

    /// Does it; `None` if a port did not answer.
    async fn done(&self, batch: &Batch, at: usize, deed: Deed) -> (usize, Option<Stage>) {
        let Some(clip) = batch.clips.get(at) else { return (at, None) };
        let stage = match deed {
            Deed::Post => self.posted(batch, clip).await,
            Deed::Cancel => self.cancelled(batch, clip).await,
        };
        let stage = stage.map_err(|error| {
            tracing::warn!(job.id = %clip.job_id, %error, "failed to move a batch's clip on; a later step retries it");
        });
        (at, stage.ok())
    }

    /// Posts a clip as a client would post it alone.
    async fn posted(&self, batch: &Batch, clip: &BatchClip) -> Result<Stage, Unavailable> {
        let order =
            batch.order(clip, |request| identify(&batch.tenant, request, &batch.target, self.directories));
        let found = self.jobs.get(&batch.tenant, &clip.job_id).await?;
        let judge =
            |found: Option<Job>| ready(Ok::<_, Unavailable>(self.judge(batch, clip, &order, found.as_ref())));
        let (job, is_new) = update(self.jobs, found, WRITE_TRIES, judge).await?;
        if is_new && let Err(error) = self.queue.send_for(&job, self.clock.now()).await {
            tracing::warn!(job.id = %job.job_id, %error, "failed to send a job's message; the sweeper resends it");
        }
        Ok(job.stage())
    }

    fn judge(
        &self,
        batch: &Batch,
        clip: &BatchClip,
        order: &Order,
        found: Option<&Job>,
    ) -> Change<(Job, bool)> {
        let now = self.clock.now();
        let next = match found {
            None => Job::new(batch.tenant.clone(), clip.job_id.clone(), order.clone(), now, self.times),
            Some(job) => match job.posted(order, now, self.times) {
                Posted::Answer { job, .. } => return Change::Keep((*job, false)),
                Posted::Restart(next) => *next,
            },
        };
        let context =
            TraceContext { correlation_id: batch.correlation_id.clone(), trace: batch.trace.clone() };
        let next = next.caused_by(&context).of(&batch.batch_id);
        Change::write(found, next.clone(), (next, true))
    }

    /// Cancels a job that is the batch's alone.
    async fn cancelled(&self, batch: &Batch, clip: &BatchClip) -> Result<Stage, Unavailable> {
        let found = self.jobs.get(&batch.tenant, &clip.job_id).await?;
        let judge = |found: Option<Job>| {
            let next = found.as_ref().filter(|job| job.is_of(&batch.batch_id));
            let next = next.and_then(|job| job.cancelled(self.clock.now(), self.times));
            let stage = next.as_ref().or(found.as_ref()).map_or(Stage::Cancelled, Job::stage);
            // A job that others want goes on without the batch.
            let stage = if stage.is_end() { stage } else { Stage::Cancelled };
            ready(Ok::<_, Unavailable>(match next {
                Some(next) => Change::write(found.as_ref(), next, stage),
                None => Change::Keep(stage),
            }))
        };
        update(self.jobs, found, WRITE_TRIES, judge).await
    }

    /// Puts the events of the batch's ends on `bus`, and notes that.
    ///
    /// # Errors
    /// [`Unavailable`] if the bus did not take one in time, or a table does not answer; the sweeper does it again.
    pub async fn told(&self, batch: Batch, bus: &impl EventBus) -> Result<Batch, Unavailable> {
        if batch.untold.is_empty() {
            return Ok(batch);
        }
        for end in &batch.untold {
            let put = tokio::time::timeout(PATIENCE, bus.put(&batch_notification(&batch, end))).await;
            let put =
                put.unwrap_or_else(|_| Err(Unavailable("the event bus", "no answer within 2 s".to_owned())));
            if let Err(error) = put {
                let later = batch.untaken(self.clock.now(), self.times);
                self.batches.write_batch(Some(batch.rev), &later).await?;
                return Err(error);
            }
        }
        let told = batch.told();
        // A conflict: another caller told it, or the batch has moved on and still knows what is to be told.
        let stored = self.batches.write_batch(Some(batch.rev), &told).await?;
        Ok(if stored { told } else { batch })
    }
}
