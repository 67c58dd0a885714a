//! HTTP in, use case, HTTP out.

use crate::App;
use crate::submit::Submission;
use export_domain::intake::Rejection;
use export_domain::job::Job;
use export_domain::legacy::{Outcome, Via, answer};
use export_domain::ports::{ClipLook, Clock, IdempotencyKeys, Ids, JobQueue, JobStore, Sessions, Tenants};
use export_lambda::http::{receive, reply};
use lambda_http::{Body, Request, Response};

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
    pub async fn handle(&self, request: &Request) -> Response<Body> {
        let (received, began) = (receive(request), self.intake.clock.now_ms());
        let submission = Submission {
            body: received.body.as_deref(),
            session: received.session,
            idempotency_key: received.idempotency_key,
            wait_ms: received.wait_ms,
            left: received.left,
            began,
            context: received.context,
        };
        let result = self.submit(submission).await;
        let now = self.intake.clock.now_ms();
        let answer = answer(Outcome::from(&result), Via::Submit, now, self.style);
        log(&result, answer.status, answer.reply.error_code);
        reply(&answer)
    }
}

/// One line an outcome; names only, nothing that a client wrote.
fn log(result: &Result<Job, Rejection>, status: u16, error_code: i32) {
    match result {
        Ok(job) => tracing::info!(
            tenant = %job.tenant, job.state = ?job.state, generation = job.generation,
            status, error_code, "answered a submission"
        ),
        Err(Rejection::TooMany { wait_ms }) => tracing::warn!(
            status,
            error_code,
            wait_ms,
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
