//! HTTP in, use case, HTTP out.

use crate::App;
use crate::edit::{EDIT_ROUTE, PARAMETERS};
use crate::version::VERSION_ROUTE;
use export_domain::ids::{JobId, TenantId};
use export_domain::intake::Rejection;
use export_domain::job::{Job, State};
use export_domain::ports::{Clock, Ids, JobLists, JobStore, Sessions, Tenants, Unavailable};
use export_domain::request::FieldError;
use export_domain::resource::{MEDIA_TYPE, Page, full_resource, resource};
use export_domain::time::EpochMs;
use export_domain::tvu::{Outcome, Via, answer};
use export_domain::update::{Change, update};
use export_lambda::http::negotiate::names;
use export_lambda::http::{self, Reply, Request, problem, reply};
use export_lambda::metrics::Metric;
use export_lambda::settle::JobReader;
use export_lambda::telemetry::name_job;

/// Jobs on a page: default and most.
const PAGE: (usize, usize) = (50, 200);
/// Queries for the jobs of one state that may fill a page: a tenant's seven days can hold many others.
const FILLING: usize = 5;
/// Query parameters of a list.
const LISTS: [&str; 3] = ["limit", "cursor", "state"];
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
        if request.route == VERSION_ROUTE {
            return self.version(request).await;
        }
        let began = self.intake.clock.now();
        let named = request.path_parameters.get("jobId");
        let known: &[&str] = match named {
            None => &LISTS,
            Some(_) if request.route == EDIT_ROUTE => &PARAMETERS,
            Some(_) => &[],
        };
        if is_of_jobs(request)
            && let Some(name) = request.unknown_parameter(known)
        {
            tracing::info!("rejected a request with an unknown query parameter");
            return problem(400, &format!("{name}: is no parameter of this route"));
        }
        if request.method == "GET" && named.is_none() {
            return self.list(request).await;
        }
        if request.route == EDIT_ROUTE {
            return Box::pin(self.edit(request)).await.unwrap_or_else(|rejection| {
                tracing::info!(?rejection, "rejected a request for an edit list");
                refused(request, &rejection)
            });
        }
        let found = match named {
            Some(id) => self.named(request, id).await,
            None => self.described(request).await,
        };
        let found = match found {
            Ok(job) => Ok(Box::pin(self.awaited(job, request, began)).await),
            Err(miss) => Err(miss),
        };
        match &found {
            Ok(job) => tracing::info!(tenant = %job.tenant, job.state = ?job.state, "answered a poll"),
            Err(Rejection::NoSuchJob) => tracing::info!("rejected a poll: no such job"),
            Err(rejection) => tracing::info!(?rejection, "rejected a poll"),
        }
        let now = self.intake.clock.now();
        if let Err(rejection) = &found
            && is_of_jobs(request)
        {
            return refused(request, rejection);
        }
        let reply = reply(&answer(Outcome::from(&found), Via::Status, now, self.style));
        match &found {
            Ok(job) if is_of_jobs(request) => {
                reply.without("location").with_json("application/json", &full_resource(job))
            }
            Ok(job) if names(request.header("accept").unwrap_or_default(), MEDIA_TYPE) => {
                reply.with_json(MEDIA_TYPE, &full_resource(job))
            }
            _ => reply,
        }
    }

    /// `GET` and `DELETE` of `/export/status/{jobId}` and `/export/jobs/{jobId}`.
    pub(crate) async fn named(&self, request: &Request, id: &str) -> Result<Job, Rejection> {
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

    /// A stored job as it counts now; one whose record expired counts as unknown.
    async fn counted(&self, found: Option<Job>) -> Result<Job, Rejection> {
        let now = self.intake.clock.now();
        let job = found.filter(|job| !job.is_expired(now)).ok_or(Rejection::NoSuchJob)?;
        Ok(self.reader().settled(job, now).await?)
    }

    fn reader(&self) -> JobReader<'_, J, C> {
        let Self { jobs, times, metrics, .. } = self;
        JobReader { jobs, clock: &self.intake.clock, times, metrics }
    }

    async fn awaited(&self, job: Job, request: &Request, began: EpochMs) -> Job {
        let left = request.left.saturating_sub((self.intake.clock.now() - began).into());
        let budget = request.prefers_wait().unwrap_or_default().min(self.intake.limits.max_wait_ms);
        self.reader().until_ended(job, budget, left).await
    }

    /// Cancels a job in work, and forgets one that has ended; the reply says how. One that ends in this moment stays,
    /// and so does one that was cancelled within the last minute.
    async fn deleted(&self, job: Job) -> Result<Job, Rejection> {
        let ended = job.state.is_terminal();
        let (job, cancelled) =
            update(&self.jobs, Some(job), DELETE_TRIES, |found| Box::pin(self.deletion(found, ended)))
                .await?;
        if cancelled {
            self.metrics.emit(self.intake.clock.now(), &[], &[(Metric::Cancelled, 1)]);
        }
        Ok(job)
    }

    /// The write that deletes, with the job that the reply is about and whether that is a cancellation.
    async fn deletion(&self, found: Option<Job>, ended: bool) -> Result<Change<(Job, bool)>, Rejection> {
        let stored = self.counted(found).await?;
        let now = self.intake.clock.now();
        let next =
            if ended { stored.forgotten(now, &self.times) } else { stored.cancelled(now, &self.times) };
        Ok(match next {
            None => Change::Keep((stored, false)),
            Some(next) if ended => Change::write(Some(&stored), next, (stored.clone(), false)),
            Some(next) => Change::write(Some(&stored), next.clone(), (next, true)),
        })
    }

    /// `GET` of `/export/status` and `/export/jobs`, with `limit`, `cursor` and `state`.
    async fn list(&self, request: &Request) -> Reply {
        match self.listed(request).await {
            Ok(JobList { tenant, jobs, next }) => {
                tracing::info!(%tenant, jobs = jobs.len(), "listed jobs");
                let page = Page { jobs: jobs.iter().map(resource).collect(), next };
                Reply::new(200).with_json("application/json", &page)
            }
            Err(rejection) => {
                if let Rejection::Unavailable(error) = &rejection {
                    tracing::warn!(%error, "failed to list jobs");
                } else {
                    tracing::info!(?rejection, "rejected a job listing");
                }
                refused(request, &rejection)
            }
        }
    }

    async fn listed(&self, request: &Request) -> Result<JobList, Rejection> {
        let tenant = self.intake.tenant(request.session().as_ref()).await?.id;
        let parameter = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
        let most = page_size(parameter("limit").as_deref())
            .ok_or_else(|| FieldError::new("limit", "must be a number from 1 to 200"))?;
        let state = parameter("state").as_deref().map(state_named).transpose()?;
        let (mut jobs, mut next) = (Vec::new(), parameter("cursor"));
        // Pages of `/export/status` are counted before jobs of other states are left out.
        let fills = state.is_some() && is_of_jobs(request);
        let (queries, size) = if fills { (FILLING, PAGE.1) } else { (1, most) };
        for _ in 0..queries {
            let page = self.jobs.list(&tenant, size, next.as_deref()).await?;
            let page = page.ok_or_else(|| FieldError::new("cursor", "is not one of ours"))?;
            next = page.next;
            let mut found = page.jobs.into_iter();
            while let Some(job) = found.next() {
                let Some(job) = self.listed_job(job, state).await? else { continue };
                jobs.push(job);
                if let Some(last) = jobs.last().filter(|_| jobs.len() == most && found.len() > 0) {
                    next = Some(self.jobs.cursor_behind(last));
                    break;
                }
            }
            if jobs.len() == most || next.is_none() {
                break;
            }
        }
        Ok(JobList { tenant, jobs, next })
    }

    /// A listed job as it counts now, unless it has expired or is in another state than `wanted`.
    async fn listed_job(&self, job: Job, wanted: Option<State>) -> Result<Option<Job>, Unavailable> {
        let now = self.intake.clock.now();
        if job.is_expired(now) {
            return Ok(None);
        }
        // The index may be late: what is in work there may have ended.
        let ended = job.state.is_terminal();
        let job = if ended { Some(job) } else { self.jobs.get(&job.tenant, &job.job_id).await? };
        let Some(job) = job else { return Ok(None) };
        let job = self.reader().settled(job, now).await?;
        Ok(wanted.is_none_or(|state| job.shown_state() == state).then_some(job))
    }
}

/// True for the routes of the job resource, which answer with the resource and with problems.
fn is_of_jobs(request: &Request) -> bool {
    request.route.starts_with("/export/jobs")
}

/// The problem of a rejected request. The list of `/export/status` has one text for all that is wrong with a session.
fn refused(request: &Request, rejection: &Rejection) -> Reply {
    match rejection {
        Rejection::SessionInvalid if !is_of_jobs(request) => problem(rejection.status(), &rejection.text()),
        other => http::refused(request, other),
    }
}

/// The states that a list may be of.
const STATES: &str = "must be QUEUED, RUNNING, WAITING_SOURCE, READY, FAILED or CANCELLED";

/// # Errors
/// There is no such state.
fn state_named(word: &str) -> Result<State, FieldError> {
    let state = serde_json::from_value(word.into()).ok();
    // Words that are no state's are read as one that this version does not know.
    let named = |state: &State| serde_json::to_value(state).is_ok_and(|own| own == word);
    let shown = |state: &State| *state != State::Fanned;
    state.filter(named).filter(shown).ok_or_else(|| FieldError::new("state", STATES))
}

fn page_size(text: Option<&str>) -> Option<usize> {
    match text {
        None => Some(PAGE.0),
        Some(text) => text.parse().ok().filter(|n| (1..=PAGE.1).contains(n)),
    }
}
