//! The objects of clips that are made in chunks: the plan, and what the functions made.

use crate::error::AttemptError;
use bytes::Bytes;
use export_clip::{ChunkFault, ChunkPlan, Chunks, Error as ClipError, FanOut, Machine};
use export_domain::job::{Fan, FanSize, Job, Order, PLAN, WorkQueue};
use export_domain::ports::{ClipStore, WriteError};
use export_domain::settings::{CHUNK_WORK, MOST_CHUNKS, QueueUrls};
use export_domain::target::Target;
use export_domain::time::Millis;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that a plan may have.
const MOST_PLAN: u64 = 64 << 20;
/// Chunks that are looked at at the same time.
const LOOKS_AT_ONCE: usize = 32;

/// The settings of clips that are made in chunks.
#[derive(Debug, Clone)]
pub struct FanOutSettings {
    /// Functions that a clip may have at the same time.
    pub per_clip: u32,
    /// A re-encode that is estimated to take longer is made in chunks; without, only one that does not fit into an
    /// invocation.
    pub above: Option<Duration>,
    /// The shortest chunk except for the last: each costs the start of an encoder.
    pub least: Duration,
    /// The functions that make chunks.
    pub machine: Machine,
    /// The queues, one of which gets the job's message in the end.
    pub queues: QueueUrls,
}

impl FanOutSettings {
    /// The same as the clip engine knows it.
    pub(crate) fn wanted(&self) -> FanOut {
        FanOut {
            above: self.above,
            at_once: self.per_clip,
            least: self.least,
            chunk_work: CHUNK_WORK.into(),
            machine: self.machine,
            most: MOST_CHUNKS,
        }
    }

    pub(crate) fn size(&self, plan: &ChunkPlan) -> FanSize {
        let waves = plan.count().div_ceil(self.per_clip.max(1));
        let estimate = plan.longest().saturating_mul(waves);
        let estimate_ms = i64::try_from(estimate.as_millis()).map_or(Millis::from_hours(24), Millis::new);
        FanSize { chunks: plan.count(), estimate_ms }
    }

    pub(crate) fn queue_of(&self, job: &Job) -> &str {
        match (job.work_queue(), &self.queues.bulk) {
            (WorkQueue::Bulk, Some(bulk)) => bulk,
            (WorkQueue::Thumbnails, _) => &self.queues.thumbnails,
            (WorkQueue::Bulk | WorkQueue::Clips, _) => &self.queues.clips,
        }
    }
}

/// The objects of a job's chunks.
pub(crate) struct StoredChunks<O> {
    objects: Arc<O>,
    order: Order,
    /// Fence of the claim that made the plan.
    plan: u64,
}

impl<O: ClipStore + 'static> StoredChunks<O> {
    pub(crate) fn of(objects: Arc<O>, job: &Job, fan: &Fan) -> Self {
        Self { objects, order: job.order.clone(), plan: fan.plan }
    }

    fn key(&self, n: u32) -> String {
        self.order.chunk_key(self.plan, n)
    }

    /// Those of the first `count` that are not there.
    pub(crate) async fn missing(&self, count: u32) -> Result<Vec<u32>, WriteError> {
        let looks: Vec<_> = (0..count).map(|n| self.unless_there(n).boxed()).collect();
        let found: Vec<Option<u32>> = stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn unless_there(&self, n: u32) -> Result<Option<u32>, WriteError> {
        let found = self.objects.head(&self.order.target, &self.key(n)).await?;
        Ok(found.is_none().then_some(n))
    }

    /// Throws a chunk away that is not what it should be.
    pub(crate) async fn throw_away(&self, n: u32) -> Result<(), WriteError> {
        remove(self.objects.as_ref(), &self.order.target, self.key(n)).await
    }
}

impl<O: ClipStore + 'static> Chunks for StoredChunks<O> {
    async fn size(&self, n: u32) -> Result<Option<u64>, ClipError> {
        let found = self.objects.head(&self.order.target, &self.key(n)).await.map_err(AttemptError::from)?;
        Ok(found.map(|found| found.bytes))
    }

    async fn read(&self, n: u32, first: u64, last: u64) -> Result<Bytes, ClipError> {
        let key = self.key(n);
        let read = self.objects.read_back(&self.order.target, &key, Some((first, last)), u64::MAX);
        let read = read.await.map_err(AttemptError::from)?;
        read.ok_or_else(|| ClipError::Chunk(ChunkFault::Absent(n), "the chunk has gone".to_owned()))
    }
}

/// Reads the plan of `job`.
pub(crate) async fn read_plan<O: ClipStore>(
    objects: &O,
    job: &Job,
    fan: &Fan,
) -> Result<ChunkPlan, AttemptError> {
    let key = job.order.work_key(fan.plan, PLAN);
    let read = objects.read_back(&job.order.target, &key, None, MOST_PLAN).await?;
    let bytes = read.ok_or_else(|| AttemptError::passing("the plan of the chunks has gone"))?;
    let stale = |fault| ClipError::Chunk(fault, "the plan of the chunks is another version's".to_owned());
    Ok(ChunkPlan::from_json(&bytes).map_err(stale)?)
}

/// Removes the objects of the plan and of the chunks of `job`.
pub(crate) async fn remove_chunks<O: ClipStore>(objects: &O, job: &Job, fan: &Fan) -> Result<(), WriteError> {
    let keys = (0..fan.chunks).map(|n| job.order.chunk_key(fan.plan, n));
    let keys = keys.chain([job.order.work_key(fan.plan, PLAN)]);
    let removals: Vec<_> = keys.map(|key| remove(objects, &job.order.target, key).boxed()).collect();
    // One that stays is no reason to leave the others.
    let removed: Vec<Result<(), WriteError>> =
        stream::iter(removals).buffer_unordered(LOOKS_AT_ONCE).collect().await;
    removed.into_iter().collect()
}

/// Removes what is at `key`.
pub(crate) async fn remove<O: ClipStore>(
    objects: &O,
    target: &Target,
    key: String,
) -> Result<(), WriteError> {
    match objects.head(target, &key).await? {
        Some(found) => objects.remove(target, &key, &found.etag).await,
        None => Ok(()),
    }
}
