//! A clip that is made in chunks: the plan is written down and an execution of the engine started. The worker that claims the
//! job later joins the chunks, or has the missing ones made.
//!
//! The job's item is written before an execution is started, so that each execution is on record. One that was not started, the
//! next claim starts.

use crate::World;
use crate::attempt::Attempt;
use crate::chunks::{StoredChunks, read_plan, remove, remove_chunks};
use crate::error::{AttemptError, Onward};
use crate::recording::JobRecording;
use crate::steps::ClipWatch;
use crate::upload::{Prepared, Uploads};
use bytes::Bytes;
use export_clip::{ChunkFault, ChunkJoin, ChunkPlan, Error as ClipError, Made};
use export_domain::job::{Fan, Job, ObjectKind, PLAN, Reason};
use export_domain::ports::{Checked, ClipStore, Engine, Execution, Origin, Precondition, Unavailable};
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;

impl<W: World> Attempt<'_, W> {
    /// Stores `plan`, and leaves the clip to its chunks. The key has this claim's fence, so that no other worker writes there.
    pub(crate) async fn fan_out(&self, plan: &ChunkPlan) -> Result<AttemptError, AttemptError> {
        let Some(settings) = &self.app.fan_out else {
            return Ok(AttemptError::passing("a plan of chunks that was not asked for"));
        };
        let (order, fence) = (&self.job.order, self.lease.fence());
        let origin = Origin { job_id: self.job.job_id.clone(), generation: self.job.generation, fence };
        let body = Checked::from(Bytes::from(plan.to_json()));
        let key = order.work_key(fence, PLAN);
        let put = self.app.objects.put(
            &order.target,
            &key,
            "application/json",
            &origin,
            &Precondition::Absent,
            body,
        );
        put.await?;
        Ok(AttemptError::Onward(Onward::Planned(settings.size(plan))))
    }

    /// Joins the chunks of `fan`, or finds how the job goes on.
    pub(crate) async fn join(
        &self,
        recording: &Arc<JobRecording<W::Objects>>,
        fan: &Fan,
    ) -> Result<(), AttemptError> {
        let began = Instant::now();
        // First the engine: what an execution that is over has made, the look at the chunks finds.
        let state = match self.job.execution() {
            Some(name) => self.app.engine.look(&name).await?,
            None => Execution::Over,
        };
        let chunks = Arc::new(StoredChunks::of(Arc::clone(&self.app.objects), &self.job, fan));
        let mut missing = chunks.missing(fan.chunks).await?;
        if missing.is_empty() {
            match Box::pin(self.joined(recording, fan, &chunks)).await {
                Ok(made) => return self.publish_clip(made, began).await,
                Err(AttemptError::Clip(ClipError::Chunk(fault, why))) => {
                    tracing::warn!(?fault, why, "a chunk is not as it should be");
                    let anew = made_anew(fault);
                    if anew.is_empty() {
                        return Err(ClipError::Chunk(fault, why).into());
                    }
                    for n in anew {
                        chunks.throw_away(n).await?;
                        missing.push(n);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(AttemptError::Onward(match state {
            Execution::Running => Onward::Still { absent: false, missing },
            Execution::Absent => Onward::Still { absent: true, missing },
            Execution::Over => Onward::Again { missing },
        }))
    }

    async fn joined(
        &self,
        recording: &Arc<JobRecording<W::Objects>>,
        fan: &Fan,
        chunks: &Arc<StoredChunks<W::Objects>>,
    ) -> Result<Made<Prepared>, AttemptError> {
        let plan = read_plan(self.app.objects.as_ref(), &self.job, fan).await?;
        // A clip comes with its picture.
        if self.lease.job().await.image.is_none() {
            Box::pin(self.still(recording)).await?;
        }
        let (store, place) = (Arc::clone(&self.app.objects), self.place(ObjectKind::Video));
        let sink = Uploads { store, place, open: self.open.clone() };
        let watch = ClipWatch { attempt: self, recording };
        let join = ChunkJoin { plan: &plan, gauge: Arc::clone(&self.lease.gauge) };
        let (source, chunks) = (Arc::clone(recording), Arc::clone(chunks));
        Ok(join.make(source, chunks, &self.app.ffmpeg, &sink, &watch).await?)
    }

    /// Writes down how the job goes on, and starts the execution that it names then.
    pub(crate) async fn go_on(&self, onward: Onward) -> Result<(), AttemptError> {
        let missing = match onward {
            Onward::Planned(size) => {
                self.lease.write(|job, fence, now, times| job.fanned(fence, size, now, times)).await?;
                (0..size.chunks).collect()
            }
            Onward::Still { absent, missing } => {
                self.lease.write(Job::fanned_still).await?;
                if !absent {
                    return Ok(());
                }
                missing
            }
            Onward::Again { missing } => {
                if self.used_up().await {
                    let detail = format!(
                        "{} chunks of the clip were not made in as many runs as may be",
                        missing.len()
                    );
                    return self.fail(&Reason::TimedOut.because(detail)).await;
                }
                self.lease
                    .write(|job, fence, now, times| {
                        Ok(job.fanned_again(fence, now, times)?.unwrap_or_else(|| job.clone()))
                    })
                    .await?;
                missing
            }
        };
        let job = self.lease.job().await;
        if let Err(error) = self.start(&job, &missing).await {
            tracing::warn!(%error, "failed to start the functions of the chunks; the sweeper sees to it");
        }
        Ok(())
    }

    /// Removes the chunks of a clip that is published: the next claim would adopt it. Those that cannot be removed now,
    /// the bucket's lifecycle rule removes.
    ///
    /// # Errors
    /// The claim is lost: another worker may be joining them.
    pub(crate) async fn remove_chunks(&self) -> Result<(), AttemptError> {
        let Some(fan) = self.job.fan() else { return Ok(()) };
        self.lease.confirm().await?;
        self.remove_those_of(fan).await;
        Ok(())
    }

    /// Removes what is not followed any more: the chunks of an earlier generation, and the plans of earlier claims that did not
    /// come to write them down.
    pub(crate) async fn sweep_up_chunks(&self) {
        let job = &self.job;
        if let Some(fan) = job.fan.as_ref().filter(|fan| fan.generation != job.generation) {
            self.remove_those_of(fan).await;
        }
        if self.app.fan_out.is_none() || job.fan().is_some() {
            return;
        }
        for fence in (1..job.fence).rev().take(job.attempts.saturating_sub(1).try_into().unwrap_or(0)) {
            let key = job.order.work_key(fence, PLAN);
            if let Err(error) = remove(self.app.objects.as_ref(), &job.order.target, key).await {
                tracing::warn!(%error, "failed to remove the plan of an earlier claim");
            }
        }
    }

    async fn remove_those_of(&self, fan: &Fan) {
        if let Err(error) = remove_chunks(self.app.objects.as_ref(), &self.job, fan).await {
            tracing::warn!(%error, "failed to remove the chunks of a clip");
        }
    }

    async fn used_up(&self) -> bool {
        self.lease.job().await.fan().is_none_or(Fan::is_last)
    }

    async fn start(&self, job: &Job, missing: &[u32]) -> Result<(), Unavailable> {
        let (Some(name), Some(fan), Some(settings)) = (job.execution(), job.fan(), &self.app.fan_out) else {
            return Ok(());
        };
        let input = json!({
            "chunks": missing, "job": job.job_id, "tenant": job.tenant, "generation": job.generation,
            "plan": fan.plan, "queue": settings.queue_of(job), "message": job.message().encode(),
        });
        tracing::info!(
            execution = name,
            chunks = missing.len(),
            of = fan.chunks,
            epoch = fan.epoch,
            estimate_ms = fan.estimate_ms.get(),
            "left a clip to its chunks"
        );
        self.app.engine.start(&name, &input.to_string()).await
    }
}

/// The chunks that are made once more after `fault`. Of two that do not fit, either may be the wrong one.
fn made_anew(fault: ChunkFault) -> Vec<u32> {
    match fault {
        ChunkFault::Stale => Vec::new(),
        ChunkFault::Absent(n) | ChunkFault::Damaged(n) => vec![n],
        ChunkFault::Unlike(n) => (n.saturating_sub(1)..=n).collect(),
    }
}
