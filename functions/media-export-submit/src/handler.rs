//! One submission from request to reply: judge, look, admit, store, send, and for a thumbnail wait a moment.

use crate::App;
use export_domain::intake::{Rejection, key_of};
use export_domain::job::Job;
use export_domain::ports::{ClipLook, Clock, IdempotencyKeys, Ids, JobQueue, JobStore, Sessions, Tenants};
use export_domain::request::Wanted;
use export_domain::time::Millis;
use export_domain::tvu::{Outcome, Via, answer};
use export_lambda::http::{Reply, Request, reply};
use export_lambda::settle::JobReader;
use export_lambda::submission::{Submitted, Submitter};
use export_lambda::telemetry::name_job;

/// A thumbnail is normally made within this time, so the first reply carries it.
const THUMBNAIL_WAIT: Millis = Millis::from_secs(3);

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
        let submitted = Submitted {
            tenant: &accepted.tenant,
            job_id: &accepted.job_id,
            order: &accepted.order,
            key,
            context: &request.context,
        };
        let job = self.submitter().stored(&submitted).await?;
        let budget = match (request.prefers_wait(), job.order.wanted) {
            (Some(wait), _) => wait,
            (None, Wanted::Thumbnail) => THUMBNAIL_WAIT,
            (None, Wanted::Media | Wanted::Stamped | Wanted::Reel | Wanted::Unknown) => Millis::ZERO,
        };
        let budget = budget.min(self.intake.limits.max_wait_ms);
        let clock = &self.intake.clock;
        let left = request.left.saturating_sub((clock.now() - began).into());
        Ok(self.reader().until_ended(job, budget, left).await)
    }

    fn reader(&self) -> JobReader<'_, J, C> {
        let Self { jobs, times, metrics, .. } = self;
        JobReader { jobs, clock: &self.intake.clock, times, metrics }
    }

    fn submitter(&self) -> Submitter<'_, J, Q, O, C> {
        let Self { jobs, queue, objects, times, metrics, intake, .. } = self;
        Submitter { jobs, queue, objects, clock: &intake.clock, times, limits: &intake.limits, metrics }
    }
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
