//! HTTP in, use case, HTTP out.

use crate::App;
use export_domain::ids::{JobId, TenantId};
use export_domain::intake::Rejection;
use export_domain::job::{Job, State};
use export_domain::legacy::{Outcome, Via, answer};
use export_domain::ports::{Clock, Ids, JobLists, JobStore, Sessions, Tenants};
use export_domain::request::FieldError;
use export_domain::resource::{MEDIA_TYPE, Page, resource};
use export_domain::update::{Change, update};
use export_lambda::http::negotiate::names;
use export_lambda::http::{Reply, Request, problem, reply};
use export_lambda::metrics::Metric;
use export_lambda::settle::JobReader;
use export_lambda::telemetry::name_job;
use std::time::Duration;

/// Jobs on a page: default and most.
const PAGE: (usize, usize) = (50, 200);
/// Conditional writes of a `DELETE` that may lose against the worker's.
const DELETE_TRIES: u32 = 5;

/// A page of a tenant's jobs as they count now.
struct JobList {
    tenant: TenantId,
    jobs: Vec<Job>,
    next: Option<String>,
}

impl<J, S, T, C> App<J, S, T, C>
where
    J: JobStore + JobLists,
    S: Sessions,
    T: Tenants,
    C: Clock + Ids,
{
    /// Answers one request; every error has become a reply.
    pub async fn handle(&self, request: &Request) -> Reply {
        let began = self.intake.clock.now_ms();
        let named = request.path_parameters.get("jobId");
        if request.method == "GET" && named.is_none() {
            return self.list(request).await;
        }
        let found = match named {
            Some(id) => self.named(request, id).await,
            None => self.described(request).await,
        };
        let found = match found {
            Ok(job) => Ok(self.awaited(job, request, began).await),
            Err(miss) => Err(miss),
        };
        match &found {
            Ok(job) => tracing::info!(tenant = %job.tenant, job.state = ?job.state, "answered a poll"),
            Err(Rejection::NoSuchJob) => tracing::info!("rejected a poll: no such job"),
            Err(rejection) => tracing::info!(?rejection, "rejected a poll"),
        }
        let now = self.intake.clock.now_ms();
        let reply = reply(&answer(Outcome::from(&found), Via::Status, now, self.style));
        match &found {
            Ok(job) if names(request.header("accept").unwrap_or_default(), MEDIA_TYPE) => {
                reply.with_json(MEDIA_TYPE, &resource(job))
            }
            _ => reply,
        }
    }

    /// `GET` and `DELETE /export/status/{jobId}`.
    async fn named(&self, request: &Request, id: &str) -> Result<Job, Rejection> {
        let tenant = self.intake.tenant(request.session().as_ref()).await?.id;
        let job_id = JobId::parse(id).map_err(|_| Rejection::NoSuchJob)?;
        let job = self.job(&tenant, &job_id).await?;
        if request.method == "DELETE" { self.deleted(job).await } else { Ok(job) }
    }

    /// `POST /export/status` with the body of the submission.
    async fn described(&self, request: &Request) -> Result<Job, Rejection> {
        let accepted = self.intake.accept(request.bounded_body(), request.session()).await?;
        self.job(&accepted.tenant.id, &accepted.job_id).await
    }

    /// The job of that name as it counts now.
    async fn job(&self, tenant: &TenantId, job_id: &JobId) -> Result<Job, Rejection> {
        name_job(job_id);
        self.counted(self.jobs.get(tenant, job_id).await?).await
    }

    /// A stored job as it counts now; one whose record expired is as good as unknown.
    async fn counted(&self, found: Option<Job>) -> Result<Job, Rejection> {
        let now = self.intake.clock.now_ms();
        let job = found.filter(|job| !job.is_expired(now)).ok_or(Rejection::NoSuchJob)?;
        Ok(self.reader().settled(job, now).await?)
    }

    fn reader(&self) -> JobReader<'_, J, C> {
        let Self { jobs, times, metrics, .. } = self;
        JobReader { jobs, clock: &self.intake.clock, times, metrics }
    }

    async fn awaited(&self, job: Job, request: &Request, began: i64) -> Job {
        let spent = Duration::from_millis(u64::try_from(self.intake.clock.now_ms() - began).unwrap_or(0));
        let left = request.left.saturating_sub(spent);
        let budget = request.prefers_wait_ms().unwrap_or(0).min(self.intake.limits.max_wait_ms);
        self.reader().until_ended(job, budget, left).await
    }

    /// Cancels a job in work, and forgets one that has ended; the reply says how. One that ends in this moment stays, and so
    /// does one that was cancelled within the last minute.
    async fn deleted(&self, job: Job) -> Result<Job, Rejection> {
        let ended = job.state.is_terminal();
        let (job, cancelled) =
            update(&self.jobs, Some(job), DELETE_TRIES, |found| self.deletion(found, ended)).await?;
        if cancelled {
            self.metrics.emit(self.intake.clock.now_ms(), &[], &[(Metric::Cancelled, 1)]);
        }
        Ok(job)
    }

    /// The write that deletes, with the job that the reply is about and whether that is a cancellation.
    async fn deletion(&self, found: Option<Job>, ended: bool) -> Result<Change<(Job, bool)>, Rejection> {
        let stored = self.counted(found).await?;
        let now = self.intake.clock.now_ms();
        let next =
            if ended { stored.forgotten(now, &self.times) } else { stored.cancelled(now, &self.times) };
        Ok(match next {
            None => Change::Keep((stored, false)),
            Some(next) if ended => Change::write(Some(&stored), next, (stored.clone(), false)),
            Some(next) => Change::write(Some(&stored), next.clone(), (next, true)),
        })
    }

    /// `GET /export/status?limit=&cursor=&state=`.
    async fn list(&self, request: &Request) -> Reply {
        match self.listed(request).await {
            Ok(JobList { tenant, jobs, next }) => {
                tracing::info!(%tenant, jobs = jobs.len(), "listed jobs");
                let page = Page { jobs: jobs.iter().map(resource).collect(), next };
                Reply::new(200).with_json("application/json", &page)
            }
            Err(Rejection::Unavailable(error)) => {
                tracing::warn!(%error, "failed to list jobs");
                problem(503, "try again")
            }
            Err(rejection) => {
                tracing::info!(?rejection, "rejected a job listing");
                match rejection {
                    Rejection::Invalid(error) => problem(400, &error.to_string()),
                    Rejection::Denied => problem(403, "access denied"),
                    _ => problem(401, "session invalid"),
                }
            }
        }
    }

    async fn listed(&self, request: &Request) -> Result<JobList, Rejection> {
        let tenant = self.intake.tenant(request.session().as_ref()).await?.id;
        let parameter = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
        let most = page_size(parameter("limit").as_deref())
            .ok_or_else(|| FieldError::new("limit", "must be a number from 1 to 200"))?;
        let state = parameter("state").as_deref().map(state_named).transpose()?;
        let now = self.intake.clock.now_ms();
        let page = self.jobs.list(&tenant, most, parameter("cursor").as_deref()).await?;
        let page = page.ok_or_else(|| FieldError::new("cursor", "is not one of ours"))?;
        let mut jobs = Vec::new();
        for job in page.jobs.into_iter().filter(|job| !job.is_expired(now)) {
            // The index may be late: what is in work there may have ended.
            let ended = job.state.is_terminal();
            let job = if ended { Some(job) } else { self.jobs.get(&job.tenant, &job.job_id).await? };
            let Some(job) = job else { continue };
            let job = self.reader().settled(job, now).await?;
            if state.is_none_or(|state| job.state == state) {
                jobs.push(job);
            }
        }
        Ok(JobList { tenant, jobs, next: page.next })
    }
}

/// # Errors
/// There is no such state.
fn state_named(word: &str) -> Result<State, FieldError> {
    let state = serde_json::from_value(word.into()).ok();
    // Words that are no state's are read as one that this version does not know.
    let named = |state: &State| serde_json::to_value(state).is_ok_and(|own| own == word);
    state.filter(named).ok_or_else(|| FieldError::new("state", "is not a state of a job"))
}

fn page_size(text: Option<&str>) -> Option<usize> {
    match text {
        None => Some(PAGE.0),
        Some(text) => text.parse().ok().filter(|n| (1..=PAGE.1).contains(n)),
    }
}
