//! The function that makes one chunk of a clip. The engine calls it once or more often, at any time: all calls make the same,
//! and the first one's object stays.

use crate::chunks::{read_plan, remove};
use crate::error::{AttemptError, given_up, renewed};
use crate::recording::JobRecording;
use crate::upload::{Content, OpenUpload, Place, Prepared, Uploads};
use crate::{App, World};
use export_clip::{Chunk, Error as ClipError, Gauge};
use export_domain::ids::{JobId, TenantId};
use export_domain::job::{Cause, Fan, Job, Reason};
use export_domain::ports::{
    ChunkNotes, ClipStore, Clock, Engine, JobStore, Origin, Precondition, Published, Tenants, Unavailable,
};
use export_domain::update::{Change, Contended, update};
use export_lambda::telemetry::{job_span, name_cause};
use serde::{Deserialize, Serialize};
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Kept back from the invocation's time.
const FAREWELL: Duration = Duration::from_secs(10);
/// Writes that may meet another one.
const WRITE_TRIES: u32 = 8;

/// The chunk that the engine asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ChunkAsked {
    /// Whose job.
    pub tenant: TenantId,
    /// Which job.
    pub job: JobId,
    /// Which plan of it, by the fence of the claim that made it.
    pub plan: u64,
    /// The chunk's number.
    pub n: u32,
}

/// The reply about a chunk. All that would be the same at the next try is a reply and no error, since errors are tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkTold {
    /// It is there.
    Made,
    /// The job does not want it any more.
    Stale,
    /// It cannot be made, and the job has failed for that.
    Failed(String),
}

/// A chunk was not made: the engine tries again.
#[derive(Debug, thiserror::Error)]
#[error("failed to make a chunk: {0}")]
pub struct ChunkFailed(String);

impl From<Unavailable> for ChunkFailed {
    fn from(error: Unavailable) -> Self {
        Self(error.to_string())
    }
}

impl From<Contended> for ChunkFailed {
    fn from(error: Contended) -> Self {
        Self(error.to_string())
    }
}

impl<W: World> App<W> {
    /// Makes the chunk that is asked for, if it is still wanted and not there yet; `left` is what remains of the
    /// invocation.
    ///
    /// # Errors
    /// [`ChunkFailed`]: another try may succeed.
    pub async fn make_chunk(&self, asked: &ChunkAsked, left: Duration) -> Result<ChunkTold, ChunkFailed> {
        self.chunk(asked, left).instrument(job_span(&asked.job)).await
    }

    async fn chunk(&self, asked: &ChunkAsked, left: Duration) -> Result<ChunkTold, ChunkFailed> {
        let Some((job, fan)) = self.wanted_by(asked).await? else { return Ok(ChunkTold::Stale) };
        name_cause(&job);
        let open = OpenUpload::default();
        let worked = tokio::select! {
            biased;
            () = tokio::time::sleep(left.saturating_sub(FAREWELL.min(left / 4))) => {
                Err(AttemptError::passing("the time is up"))
            }
            () = self.unwanted(asked) => Ok(false),
            made = Box::pin(self.made(&job, &fan, asked.n, &open)) => made.map(|()| true),
        };
        if !matches!(worked, Ok(true)) {
            open.throw_away(self.objects.as_ref(), &job.order.target).await;
        }
        match worked {
            Ok(false) => Ok(ChunkTold::Stale),
            Ok(true) => {
                let noted = self.jobs.note_chunk(&job, fan.plan, asked.n).await;
                if noted == Ok(false) {
                    self.take_back(&job, &fan, asked.n).await;
                    return Ok(ChunkTold::Stale);
                }
                // A note that is not taken costs a client a part of the progress.
                if let Err(error) = noted {
                    tracing::warn!(%error, "failed to note a chunk");
                }
                Ok(ChunkTold::Made)
            }
            Err(error) => self.told(asked, error).await,
        }
    }

    /// Removes a chunk that came when the job had gone on without it, so that no other removes it. One that cannot be removed
    /// now, the bucket's lifecycle rule removes.
    async fn take_back(&self, job: &Job, fan: &Fan, n: u32) {
        let key = job.order.chunk_key(fan.plan, n);
        if let Err(error) = remove(self.objects.as_ref(), &job.order.target, key).await {
            tracing::warn!(%error, n, "failed to remove a chunk that came too late");
        }
    }

    /// The job, if it wants the chunk. The execution of one that has ended is stopped: each chunk that it would begin
    /// costs the start of a function.
    async fn wanted_by(&self, asked: &ChunkAsked) -> Result<Option<(Job, Fan)>, ChunkFailed> {
        let Some(job) = self.jobs.get(&asked.tenant, &asked.job).await? else { return Ok(None) };
        if job.wants_chunks(asked.plan, self.clock.now(), &self.times) {
            let fan = job.fan().filter(|fan| asked.n < fan.chunks).cloned();
            return Ok(fan.map(|fan| (job, fan)));
        }
        let own = job.fan.as_ref().is_some_and(|fan| fan.plan == asked.plan);
        if let Some(name) = job.execution().filter(|_| own && job.state.is_terminal())
            && let Err(error) = self.engine.stop(&name).await
        {
            tracing::warn!(%error, "failed to stop the functions of the chunks");
        }
        Ok(None)
    }

    /// Returns once the job does not want the chunk any more.
    async fn unwanted(&self, asked: &ChunkAsked) {
        loop {
            self.clock.sleep(self.times.renew_ms).await;
            match self.wanted_by(asked).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    tracing::info!(n = asked.n, "a chunk is not wanted any more");
                    return;
                }
                Err(error) => tracing::warn!(%error, "failed to look whether a chunk is still wanted"),
            }
        }
    }

    async fn made(&self, job: &Job, fan: &Fan, n: u32, open: &OpenUpload) -> Result<(), AttemptError> {
        let target = &job.order.target;
        let tenant = self.tenants.tenant(&job.tenant).await?;
        let tenant = tenant.ok_or_else(|| Reason::Denied.because("the tenant is not known any more"))?;
        if !tenant.allows(target) {
            return Err(Reason::Denied.because("the storage is not the tenant's any more").into());
        }
        let key = job.order.chunk_key(fan.plan, n);
        if self.objects.head(target, &key).await?.is_some() {
            return Ok(());
        }
        let plan = read_plan(self.objects.as_ref(), job, fan).await?;
        let recording = Arc::new(JobRecording::new(Arc::clone(&self.objects), &tenant, job, false));
        let origin = Origin { job_id: job.job_id.clone(), generation: job.generation, fence: fan.plan };
        let content_type = "application/octet-stream";
        let place = Place { target: target.clone(), key, content_type, origin };
        let sink = Uploads { store: Arc::clone(&self.objects), place: place.clone(), open: open.clone() };
        let chunk = Chunk { plan: &plan, n, gauge: Arc::new(Gauge::default()) };
        let made = chunk.make(recording, &self.ffmpeg, &sink).await?;
        self.publish_chunk(&place, made.written).await?;
        open.take().await;
        Ok(())
    }

    /// One that is there already is as good.
    async fn publish_chunk(&self, place: &Place, made: Prepared) -> Result<(), AttemptError> {
        let (target, when) = (&place.target, &Precondition::Absent);
        match made.content {
            Content::Whole(body) => {
                let put = self.objects.put(target, &place.key, place.content_type, &place.origin, when, body);
                put.await?;
            }
            Content::Parts(upload, parts) => {
                let published = self.objects.complete(target, &upload, &parts, when).await?;
                if published == Published::Refused {
                    self.objects.abort(target, &upload).await?;
                }
            }
        }
        Ok(())
    }

    /// An error that would come again ends the job.
    async fn told(&self, asked: &ChunkAsked, error: AttemptError) -> Result<ChunkTold, ChunkFailed> {
        let cause: Cause = match error {
            AttemptError::GivenUp(cause) | AttemptError::Refused { cause, .. } => cause,
            AttemptError::Clip(ClipError::GivenUp(refusal)) => given_up(refusal),
            AttemptError::Clip(ClipError::Unfit(_, why)) => Reason::NotPossible.because(why),
            AttemptError::Clip(ClipError::Chunk(..)) => renewed(),
            other => return Err(ChunkFailed(other.to_string())),
        };
        tracing::warn!(reason = %cause.reason, detail = %cause.detail, n = asked.n, "a chunk cannot be made");
        let found = self.jobs.get(&asked.tenant, &asked.job).await?;
        let judge = |found: Option<Job>| {
            let failed = found
                .as_ref()
                .and_then(|job| job.chunk_failed(asked.plan, cause.clone(), self.clock.now(), &self.times));
            let told = ChunkTold::Failed(cause.reason.code().to_owned());
            let change = match failed {
                Some(next) => Change::write(found.as_ref(), next, told),
                None => Change::Keep(ChunkTold::Stale),
            };
            ready(Ok::<_, ChunkFailed>(change))
        };
        update(&self.jobs, found, WRITE_TRIES, judge).await
    }
}
