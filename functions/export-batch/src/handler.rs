//! HTTP in, use case, HTTP out.

use crate::App;
use crate::reel::ReelAsked;
use export_domain::batch::delivered::{self, EdlForm};
use export_domain::batch::life::{Batch, BatchClip, BatchState, Stage};
use export_domain::batch::request::reference::{document_name, with_document};
use export_domain::batch::request::{self, BatchRequest, MAX_BODY};
use export_domain::batch::resource::{BatchList, ClipPage, ClipState, batch_resource, needed, summary};
use export_domain::batch::{Fault, MOST_CLIPS};
use export_domain::identity::identify;
use export_domain::ids::{BatchId, JobId};
use export_domain::intake::{Rejection, key_of};
use export_domain::json::{self, RequestJson};
use export_domain::ports::{
    BatchStore, Clock, EventBus, IdempotencyKeys, Ids, JobQueue, JobStore, ManyJobs, Sessions, Tenants,
    Unavailable,
};
use export_domain::request::FieldError;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_lambda::batches::BatchMover;
use export_lambda::http::edits::edl_form;
use export_lambda::http::{Reply, Request, problem, problem_with};
use export_mre::document::View;
use export_mre::export::{ExportError, export_event, export_replay};
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::segments;
use export_mre::source::ExportSource;
use std::time::Duration;

/// Clips on a page.
const CLIPS: usize = 100;
/// Batches on a page: default and most. A batch is larger than a job, and a page is read at once.
const PAGE: (usize, usize) = (10, 20);
/// Kept back for the reply from the time that an invocation has.
const REPLY: Duration = Duration::from_secs(5);
/// Between two looks of a request that waits.
const PAUSE: Millis = Millis::from_secs(1);
/// Seconds after which a batch that is not done may be asked about again.
const RETRY_AFTER_S: u32 = 5;

/// Why a request is refused.
#[derive(Debug)]
enum BatchRefusal {
    /// As a single request would be.
    Rejected(Rejection),
    /// The body has these faults.
    Faulty(Vec<Fault>),
    /// There is no such batch.
    NoSuchBatch,
}

impl From<Rejection> for BatchRefusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<FieldError> for BatchRefusal {
    fn from(error: FieldError) -> Self {
        Self::Rejected(error.into())
    }
}

impl From<Unavailable> for BatchRefusal {
    fn from(error: Unavailable) -> Self {
        Self::Rejected(error.into())
    }
}

impl<B, J, Q, E, S, T, C, D> App<B, J, Q, E, S, T, C, D>
where
    B: BatchStore,
    J: JobStore + ManyJobs + IdempotencyKeys,
    Q: JobQueue,
    E: EventBus,
    S: Sessions,
    T: Tenants,
    C: Clock + Ids,
    D: ExportSource,
{
    /// Answers one request; every error has become a reply.
    pub async fn handle(&self, request: &Request) -> Reply {
        let answered = match (request.method.as_str(), request.path_parameters.get("batchId")) {
            ("POST", None) => self.submit(request).await,
            ("GET", None) => self.list(request).await,
            (method, Some(id)) => self.named(request, method, id).await,
            _ => Err(BatchRefusal::NoSuchBatch),
        };
        let reply = answered.unwrap_or_else(|refusal| {
            match &refusal {
                BatchRefusal::Rejected(Rejection::Unavailable(error)) => {
                    tracing::warn!(%error, "failed to answer a request for a batch");
                }
                BatchRefusal::Faulty(faults) => {
                    tracing::info!(faults = faults.len(), "rejected a batch: its body has faults");
                }
                refusal => tracing::info!(?refusal, "rejected a request for a batch"),
            }
            refused(request, &refusal)
        });
        tracing::info!(status = reply.status_code, "answered a request for a batch");
        reply
    }

    /// `POST /export/batch`
    async fn submit(&self, request: &Request) -> Result<Reply, BatchRefusal> {
        known_parameters(request, &[])?;
        if request.body.len() > MAX_BODY {
            return Err(Rejection::TooLarge.into());
        }
        let body = json::parse(&request.body, false);
        let tenant = self.intake.tenant(request.session().as_ref()).await?;
        let body = body.map_err(|error| BatchRefusal::Faulty(vec![Fault::at("", error.to_string())]))?;
        let body = self.resolved(body, &tenant).await?;
        let now = self.intake.clock.now();
        let asked =
            request::parse(&body, &self.intake.limits, now, segments::read).map_err(BatchRefusal::Faulty)?;
        let key = request.header("idempotency-key").map(key_of).transpose()?;
        if let Some(reel) = asked.reel.clone() {
            let asked = ReelAsked { tenant: &tenant, reel: *reel, list: asked, key, began: now };
            return Ok(Box::pin(self.reel(request, asked)).await?);
        }
        let batch = self.batch_of(request, &tenant, asked, now)?;
        if let Some(key) = key {
            self.bind(&tenant, key, &batch, now).await?;
        }
        let batch = self.stored(batch, now).await?;
        tracing::info!(
            tenant = %tenant.id, batch.id = %batch.batch_id, clips = batch.clips.len(),
            generation = batch.generation, "took a batch"
        );
        let wait = request.prefers_wait().unwrap_or_default();
        let batch = self.moved(batch, &tenant, request, wait).await?;
        let status = if batch.state == BatchState::Done { 200 } else { 202 };
        let location = format!("/export/batch/{}", batch.batch_id);
        let page = ClipPage { state: None, from: 0, most: CLIPS };
        Ok(self.shown(&batch, status, page).await?.with("location", location))
    }

    /// The body, with the document of the event or replay that it names in the place of the name.
    async fn resolved(&self, body: RequestJson, tenant: &Tenant) -> Result<RequestJson, BatchRefusal> {
        let faulty = |pointer: &str, detail: &str| BatchRefusal::Faulty(vec![Fault::at(pointer, detail)]);
        let Some(name) = document_name(&body).map_err(BatchRefusal::Faulty)? else { return Ok(body) };
        if !tenant.may_name_program(&name.program) {
            tracing::info!(tenant = %tenant.id, "the tenant's row does not list the program of the event");
            return Err(Rejection::Denied.into());
        }
        let Some(source) = &self.documents else {
            return Err(faulty("/mre", "needs a deployment that exports Media Replay Engine's documents"));
        };
        let unread = |error| match error {
            ExportError::EventNotFound => faulty("/mre/event", "is no event of this program"),
            ExportError::ReplayNotFound => faulty("/mre/replay", "is no replay of this event"),
            error => Unavailable("Media Replay Engine's tables", error.to_string()).into(),
        };
        let key = EventKey::new(name.event, name.program);
        let found = match name.replay {
            None => Box::pin(export_event(source, &key, View::Mre, None)).await,
            Some(id) => Box::pin(export_replay(source, &ReplayKey::new(key.clone(), id), View::Mre)).await,
        };
        let export = found.map_err(unread)?;
        let document = json::parse(export.text.as_bytes(), false);
        let document = document.map_err(|error| faulty("/mre", &format!("has a document that {error}")))?;
        let document = segments::with_first_pts(source, &key, document).await.map_err(unread)?;
        Ok(with_document(body, document))
    }

    /// The batch of a request, as it is when it is new.
    fn batch_of(
        &self,
        request: &Request,
        tenant: &Tenant,
        asked: BatchRequest,
        now: EpochMs,
    ) -> Result<Batch, BatchRefusal> {
        let BatchRequest { container, target, export_type, story, wishes, skipped, guesses, .. } = asked;
        let target = tenant.target_named(target.as_ref(), container).ok_or(Rejection::Denied)?;
        let directories = self.intake.directories.as_ref();
        let clips = wishes.into_iter().map(|wish| {
            let job_id = identify(&tenant.id, &wish.request, &target, directories).job_id;
            BatchClip::new(wish, job_id)
        });
        let clips = clips.collect();
        let batch = Batch::new(&tenant.id, target, clips, now, &self.times);
        let skipped = skipped.into_iter().chain(batch.skipped.clone()).collect();
        let context = request.context.clone();
        Ok(Batch {
            export_type,
            story,
            skipped,
            guesses,
            correlation_id: context.correlation_id,
            trace: context.trace,
            ..batch
        })
    }

    async fn bind(
        &self,
        tenant: &Tenant,
        key: &str,
        batch: &Batch,
        now: EpochMs,
    ) -> Result<(), BatchRefusal> {
        let named = JobId::from(&batch.batch_id);
        let expires_at = (now + self.times.terminal_ttl_ms).to_secs();
        let bound = self.jobs.bind(&tenant.id, key, &named, now, expires_at).await?;
        if bound == named { Ok(()) } else { Err(Rejection::KeyReused.into()) }
    }

    /// The batch as it is on record when this returns: the new one, the one that is there, or its next generation.
    async fn stored(&self, new: Batch, now: EpochMs) -> Result<Batch, BatchRefusal> {
        if self.batches.write_batch(None, &new).await? {
            return Ok(new);
        }
        let found = self.batches.batch(&new.tenant, &new.batch_id).await?.ok_or(Rejection::Contended)?;
        let Some(next) = found.posted(now, &self.times) else { return Ok(found) };
        if self.batches.write_batch(Some(found.rev), &next).await? {
            return Ok(next);
        }
        Ok(self.batches.batch(&new.tenant, &new.batch_id).await?.ok_or(Rejection::Contended)?)
    }

    /// Moves the batch on while that gets it further, and for `wait` if the client wants to wait for its end.
    async fn moved(
        &self,
        batch: Batch,
        tenant: &Tenant,
        request: &Request,
        wait: Millis,
    ) -> Result<Batch, Unavailable> {
        let clock = &self.intake.clock;
        let most = Millis::from(request.left.saturating_sub(REPLY));
        let wait = wait.min(self.intake.limits.max_wait_ms).min(most);
        let (began, mut batch) = (clock.now(), batch);
        loop {
            let (next, moved) = self.mover().step(batch, tenant).await?;
            batch = next;
            let spent = clock.now() - began;
            if batch.state == BatchState::Done || spent >= most || moved == 0 && spent >= wait {
                break;
            }
            if moved == 0 {
                clock.sleep(PAUSE.min(wait - spent)).await;
            }
        }
        match self.mover().told(batch.clone(), &self.bus).await {
            Ok(told) => Ok(told),
            Err(error) => {
                tracing::warn!(%error, "failed to publish a batch's event; the sweeper retries it");
                Ok(batch)
            }
        }
    }

    fn mover(&self) -> BatchMover<'_, B, J, Q, C> {
        let Self { batches, jobs, queue, times, metrics, intake, .. } = self;
        let directories = intake.directories.as_ref();
        BatchMover { batches, jobs, queue, clock: &intake.clock, times, directories, metrics }
    }

    /// `GET` and `DELETE` of `/export/batch/{batchId}`.
    async fn named(&self, request: &Request, method: &str, id: &str) -> Result<Reply, BatchRefusal> {
        let is_shown = method == "GET";
        known_parameters(request, if is_shown { &SHOWN } else { &[] })?;
        let list = if is_shown { ListForm::read(request)? } else { None };
        let page =
            if is_shown { clip_page(request)? } else { ClipPage { state: None, from: 0, most: CLIPS } };
        let tenant = self.intake.tenant(request.session().as_ref()).await?;
        let id = BatchId::parse(id).map_err(|_| BatchRefusal::NoSuchBatch)?;
        let now = self.intake.clock.now();
        let found = self.batches.batch(&tenant.id, &id).await?;
        let mut batch = found.filter(|batch| !batch.is_expired(now)).ok_or(BatchRefusal::NoSuchBatch)?;
        if !is_shown {
            batch = self.cancelled(batch, now).await?;
        }
        // A cancellation has no end to wait for.
        let wait = if is_shown { request.prefers_wait().unwrap_or_default() } else { Millis::ZERO };
        let batch = self.moved(batch, &tenant, request, wait).await?;
        match list {
            Some(form) => self.listed(&batch, form).await,
            None => Ok(self.shown(&batch, 200, page).await?),
        }
    }

    /// The batch, cancelled unless it is done.
    async fn cancelled(&self, batch: Batch, now: EpochMs) -> Result<Batch, BatchRefusal> {
        const TRIES: u32 = 5;
        let mut batch = batch;
        for _ in 0..TRIES {
            let Some(next) = batch.cancelled(now) else { return Ok(batch) };
            if self.batches.write_batch(Some(batch.rev), &next).await? {
                return Ok(next);
            }
            let stored = self.batches.batch(&batch.tenant, &batch.batch_id).await?;
            batch = stored.ok_or(BatchRefusal::NoSuchBatch)?;
        }
        Err(Rejection::Contended.into())
    }

    async fn shown(&self, batch: &Batch, status: u16, page: ClipPage) -> Result<Reply, Unavailable> {
        let ids = needed(batch, page).into_iter().cloned().collect();
        let jobs = self.mover().jobs_of(batch, ids).await?;
        let reply = Reply::new(status).with_json("application/json", &batch_resource(batch, &jobs, page));
        Ok(if batch.state == BatchState::Done {
            reply
        } else {
            reply.with("retry-after", RETRY_AFTER_S.to_string())
        })
    }

    /// The delivered clips as a list of their own.
    async fn listed(&self, batch: &Batch, form: ListForm) -> Result<Reply, BatchRefusal> {
        let ready = batch.clips.iter().filter(|clip| matches!(clip.stage, Stage::Started | Stage::Ready));
        let jobs = self.mover().jobs_of(batch, ready.map(|clip| clip.job_id.clone()).collect()).await?;
        let clips = delivered::clips(batch, |id| jobs.get(id));
        let id = batch.batch_id.as_str();
        let (kind, extension, text) = match form {
            ListForm::Csv => ("text/csv; charset=utf-8; header=present", "csv", delivered::table(&clips)),
            ListForm::Edl(form) => {
                ("text/plain; charset=utf-8", "edl", delivered::edit_list(id, &clips, &form))
            }
        };
        let name = format!("attachment; filename=\"batch-{id}.{extension}\"");
        let reply = Reply::new(200).with_text(kind, text);
        Ok(reply.with("content-disposition", name).with("cache-control", "no-store"))
    }

    /// `GET /export/batch`
    async fn list(&self, request: &Request) -> Result<Reply, BatchRefusal> {
        known_parameters(request, &["limit", "cursor"])?;
        let most = number(request, "limit", PAGE.0, PAGE.1)?;
        let tenant = self.intake.tenant(request.session().as_ref()).await?;
        let cursor = request.parameter("cursor").filter(|text| !text.is_empty());
        let page = self.batches.batches(&tenant.id, most, cursor.as_deref()).await?;
        let page = page.ok_or_else(|| FieldError::new("cursor", "is not one of ours"))?;
        let now = self.intake.clock.now();
        let live = page.batches.iter().filter(|batch| !batch.is_expired(now));
        let list = BatchList { batches: live.map(summary).collect(), next: page.next };
        Ok(Reply::new(200).with_json("application/json", &list))
    }
}

/// The parameters of one batch.
const SHOWN: [&str; 7] = ["clips", "limit", "cursor", "format", "fps", "df", "zero"];

/// The form of a list of delivered clips.
#[derive(Debug, Clone, Copy)]
enum ListForm {
    Csv,
    Edl(EdlForm),
}

impl ListForm {
    /// `None` for the batch itself.
    fn read(request: &Request) -> Result<Option<Self>, FieldError> {
        let parameter = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
        let unfit: &[&str] = match parameter("format").as_deref() {
            None | Some("json") => &["fps", "df", "zero"],
            Some("csv") => &["clips", "limit", "cursor", "fps", "df", "zero"],
            Some("edl") => &["clips", "limit", "cursor"],
            Some(_) => return Err(FieldError::new("format", "must be json, csv or edl")),
        };
        if let Some(name) = unfit.iter().find(|name| parameter(name).is_some()) {
            return Err(FieldError::new(*name, "is no option of this format"));
        }
        match parameter("format").as_deref() {
            Some("csv") => Ok(Some(Self::Csv)),
            Some("edl") => edl_form(request).map(|form| Some(Self::Edl(form))),
            _ => Ok(None),
        }
    }
}

/// Refuses parameters that the route does not have.
fn known_parameters(request: &Request, known: &[&str]) -> Result<(), FieldError> {
    let mut names = request.parameters().map(|(name, _)| String::from_utf8_lossy(&name).into_owned());
    match names.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(FieldError::new(name, "is no parameter of this route")),
        None => Ok(()),
    }
}

fn number(request: &Request, name: &str, usual: usize, most: usize) -> Result<usize, FieldError> {
    match request.parameter(name).filter(|text| !text.is_empty()) {
        None => Ok(usual),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=most).contains(n))
            .ok_or_else(|| FieldError::new(name, format!("must be a number from 1 to {most}"))),
    }
}

fn clip_page(request: &Request) -> Result<ClipPage, FieldError> {
    let parameter = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
    let state = match parameter("clips").as_deref() {
        None | Some("all") => None,
        Some("failed") => Some(ClipState::Failed),
        Some("ready") => Some(ClipState::Ready),
        Some(_) => return Err(FieldError::new("clips", "must be all, failed or ready")),
    };
    let from = match parameter("cursor") {
        None => 0,
        Some(text) => text
            .parse()
            .ok()
            .filter(|from| *from <= MOST_CLIPS)
            .ok_or_else(|| FieldError::new("cursor", "is not one of ours"))?,
    };
    Ok(ClipPage { state, from, most: number(request, "limit", CLIPS, MOST_CLIPS)? })
}

/// The problem of a refused request.
fn refused(request: &Request, refusal: &BatchRefusal) -> Reply {
    let has_none = ["x-session-id", "authorization"].iter().all(|name| request.header(name).is_none());
    match refusal {
        BatchRefusal::Faulty(faults) => {
            let detail = match faults.first() {
                Some(fault) if fault.pointer.is_empty() => format!("body: {}", fault.detail),
                Some(fault) => format!("{}: {}", fault.pointer, fault.detail),
                None => "body: has faults".to_owned(),
            };
            problem_with(400, &detail, faults)
        }
        BatchRefusal::NoSuchBatch => problem(404, "no such batch"),
        BatchRefusal::Rejected(Rejection::SessionInvalid) if has_none => {
            problem(401, "no session: send X-Session-Id or Authorization: Bearer")
        }
        BatchRefusal::Rejected(Rejection::Invalid(error)) => problem(400, &error.to_string()),
        BatchRefusal::Rejected(rejection @ (Rejection::Unavailable(_) | Rejection::Contended)) => {
            problem(rejection.status(), "try again")
        }
        BatchRefusal::Rejected(rejection @ Rejection::TooMany { wait_ms, .. }) => {
            let again = wait_ms.to_secs_ceil().to_string();
            problem(rejection.status(), &rejection.text()).with("retry-after", again)
        }
        BatchRefusal::Rejected(rejection) => problem(rejection.status(), &rejection.text()),
    }
}
