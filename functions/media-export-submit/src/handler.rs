//! HTTP in, use case, HTTP out.

use crate::App;
use crate::submit::{Ended, Submission};
use export_domain::legacy::{Outcome, Via, answer};
use export_domain::ports::{ClipLook, Clock, IdempotencyKeys, JobQueue, JobStore, Sessions, Tenants};
use export_lambda::http::{receive, reply};
use lambda_http::{Body, Request, Response};

impl<J, Q, O, S, T, C> App<J, Q, O, S, T, C>
where
    J: JobStore + IdempotencyKeys,
    Q: JobQueue,
    O: ClipLook,
    S: Sessions,
    T: Tenants,
    C: Clock,
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
        let ended = self.submit(submission).await;
        let outcome = match &ended {
            Ended::Job(job) => Outcome::Job(job),
            Ended::Rejected(rejection) => rejection.outcome(),
            Ended::TooMany { wait_ms } => Outcome::TooMany(*wait_ms),
            Ended::KeyReused => Outcome::KeyReused,
        };
        let answer = answer(outcome, Via::Submit, self.intake.clock.now_ms(), self.style);
        log(&ended, answer.status, answer.reply.error_code);
        reply(&answer)
    }
}

/// One line an outcome; names only, nothing that a client wrote.
fn log(ended: &Ended, status: u16, error_code: i32) {
    match ended {
        Ended::Job(job) => tracing::info!(
            tenant = %job.tenant, job.state = ?job.state, generation = job.generation,
            status, error_code, "answered a submission"
        ),
        Ended::Rejected(rejection) => tracing::info!(status, error_code, ?rejection, "rejected a submission"),
        Ended::TooMany { wait_ms } => tracing::warn!(
            status,
            error_code,
            wait_ms,
            "rejected a submission: the tenant has too many unfinished jobs"
        ),
        Ended::KeyReused => {
            tracing::info!(
                status,
                error_code,
                "rejected a submission: its Idempotency-Key belongs to another request"
            );
        }
    }
}
