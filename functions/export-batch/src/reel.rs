//! `POST /export/batch` with `"deliver": "reel"`: one job for the whole list.

use crate::App;
use export_domain::batch::request::BatchRequest;
use export_domain::identity::identify;
use export_domain::intake::Rejection;
use export_domain::job::{Job, Order};
use export_domain::ports::{Clock, IdempotencyKeys, Ids, JobQueue, JobStore, Sessions, Tenants};
use export_domain::request::ExportRequest;
use export_domain::resource::full_resource;
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_lambda::http::{Reply, Request};
use export_lambda::settle::JobReader;
use export_lambda::submission::{Submitted, Submitter, Unseen};
use export_lambda::telemetry::name_job;

/// Seconds after which a reel that is not there may be asked about again.
const RETRY_AFTER_S: u32 = 5;

/// A list that is to become one clip.
pub(crate) struct ReelAsked<'a> {
    pub(crate) tenant: &'a Tenant,
    /// The request for the clip.
    pub(crate) reel: ExportRequest,
    /// The list that it is of.
    pub(crate) list: BatchRequest,
    /// The `Idempotency-Key`.
    pub(crate) key: Option<&'a str>,
    /// When the request began.
    pub(crate) began: EpochMs,
}

impl<B, J, Q, E, S, T, C, D> App<B, J, Q, E, S, T, C, D>
where
    J: JobStore + IdempotencyKeys,
    Q: JobQueue,
    S: Sessions,
    T: Tenants,
    C: Clock + Ids,
{
    /// Makes or finds the job of the list, and answers with its resource.
    pub(crate) async fn reel(&self, request: &Request, asked: ReelAsked<'_>) -> Result<Reply, Rejection> {
        let ReelAsked { tenant, reel, list, key, began } = asked;
        let target = tenant.target_named(list.target.as_ref(), list.container).ok_or(Rejection::Denied)?;
        let identity = identify(&tenant.id, &reel, &target, self.intake.directories.as_ref());
        let job_id = identity.job_id.clone();
        name_job(&job_id);
        let order = Order::new(reel, identity, target).noted(list.skipped.clone(), list.guesses.clone());
        let context = &request.context;
        let submitted = Submitted { tenant, job_id: &job_id, order: &order, key, context };
        let job = self.submitter().stored(&submitted).await?;
        let job = self.awaited(job, request, began).await;
        tracing::info!(
            tenant = %tenant.id, windows = job.order.windows().len(), generation = job.generation,
            job.state = ?job.state, "took a reel"
        );
        let shown = full_resource(&job).of_list(&list.skipped, &list.guesses);
        let ended = job.state.is_terminal();
        let reply = Reply::new(if ended { 200 } else { 202 }).with_json("application/json", &shown);
        let reply = reply.with("location", format!("/export/jobs/{job_id}"));
        Ok(if ended { reply } else { reply.with("retry-after", RETRY_AFTER_S.to_string()) })
    }

    /// The function may not look for files.
    fn submitter(&self) -> Submitter<'_, J, Q, Unseen, C> {
        let Self { jobs, queue, times, metrics, intake, .. } = self;
        Submitter {
            jobs,
            queue,
            objects: &Unseen,
            clock: &intake.clock,
            times,
            limits: &intake.limits,
            metrics,
        }
    }

    async fn awaited(&self, job: Job, request: &Request, began: EpochMs) -> Job {
        let Self { jobs, times, metrics, intake, .. } = self;
        let left = request.left.saturating_sub((intake.clock.now() - began).into());
        let budget = request.prefers_wait().unwrap_or_default().min(intake.limits.max_wait_ms);
        let reader = JobReader { jobs, clock: &intake.clock, times, metrics };
        reader.until_ended(job, budget, left).await
    }
}
