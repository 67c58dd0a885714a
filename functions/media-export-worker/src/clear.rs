//! Removes what a job that ended without files left in its target.

use crate::chunks::remove_chunks;
use crate::{App, World};
use export_domain::job::{Job, ObjectKind};
use export_domain::ports::{ClipStore, Clock, JobStore, Tenants, Unavailable, Upload, WriteError, Written};
use std::time::Duration;

/// The most that it may take.
const PATIENCE: Duration = Duration::from_mins(2);

impl<W: World> App<W> {
    /// Removes what `job`, as [`Job::clearing`] stored it, left, and writes that down. What could not be removed now is
    /// due again.
    pub(crate) async fn clear(&self, job: &Job) {
        match tokio::time::timeout(PATIENCE, Box::pin(self.remove(job))).await {
            Ok(Ok(())) => {}
            Ok(Err(error @ WriteError::Denied(_))) => {
                tracing::warn!(%error, "failed to remove the leftovers of a job: access denied");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "failed to remove the leftovers of a job; a later sweep retries it");
                return;
            }
            Err(_) => {
                tracing::warn!("removing the leftovers of a job timed out; a later sweep retries it");
                return;
            }
        }
        match self.jobs.write(Some(job.rev), &job.cleared()).await {
            Ok(Written::Done) => {
                tracing::info!(tenant = %job.tenant, generation = job.generation, "removed the leftovers of a job");
            }
            Ok(Written::Conflict(_)) => {}
            Err(error) => {
                tracing::warn!(%error, "failed to record that the leftovers of a job are removed; a later sweep retries it");
            }
        }
    }

    async fn remove(&self, job: &Job) -> Result<(), WriteError> {
        let target = &job.order.target;
        let tenant = self.tenants.tenant(&job.tenant).await?;
        if !tenant.is_some_and(|tenant| tenant.allows(target)) {
            return Err(WriteError::Denied("the storage is not the tenant's any more".to_owned()));
        }
        let key = job.order.key(ObjectKind::Video);
        for begun in &job.uploads {
            self.objects.abort(target, &Upload { id: begun.id.clone(), key: key.clone() }).await?;
        }
        if let Some(fan) = &job.fan {
            remove_chunks(self.objects.as_ref(), job, fan).await?;
        }
        for name in job.play.iter().flat_map(|play| &play.files) {
            self.remove_listed(job, name).await?;
        }
        for object in job.left() {
            let key = job.order.key(object);
            let Some(found) = self.objects.head(target, &key).await? else { continue };
            let own = found.origin.as_ref().is_some_and(|origin| {
                origin.job_id == job.job_id && job.staged(object, origin.generation, origin.fence).is_some()
            });
            if !own {
                continue;
            }
            self.take_away(job, &key, &found.etag).await?;
        }
        Ok(())
    }

    /// Removes an object of the job's playlist.
    async fn remove_listed(&self, job: &Job, name: &str) -> Result<(), WriteError> {
        let key = job.order.beside_clip(name);
        let Some(found) = self.objects.head(&job.order.target, &key).await? else { return Ok(()) };
        let own = found.origin.as_ref().is_some_and(|origin| origin.job_id == job.job_id);
        if own { self.take_away(job, &key, &found.etag).await } else { Ok(()) }
    }

    async fn take_away(&self, job: &Job, key: &str, etag: &str) -> Result<(), WriteError> {
        if !job.may_remove(self.clock.now(), &self.times) {
            return Err(Unavailable("the worker", "it was held up for too long".to_owned()).into());
        }
        self.objects.remove(&job.order.target, key, etag).await
    }
}
