//! HTTP in, use case, HTTP out.

use crate::App;
use export_domain::files::{Files, LinkedFile};
use export_domain::ids::{JobId, TenantId};
use export_domain::intake::Rejection;
use export_domain::job::{Job, Manifest, ObjectKind, State};
use export_domain::ports::{
    ClipLinks, ClipRead, Clock, FileLink, JobStore, LinkHeaders, PlayLinks, Sessions, SourceStore, Tenants,
    Unavailable,
};
use export_domain::request::FieldError;
use export_domain::settings::ReplyStyle;
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_domain::tvu::{Outcome, Via, answer};
use export_lambda::http::{Reply, Request, disposition, problem, refused};
use export_lambda::metrics::Metric;
use export_lambda::telemetry::name_job;

/// Why there are no links.
pub(crate) enum NoLinks {
    /// The request, its session or its job.
    Rejected(Rejection),
    /// The operator lets none be signed.
    Off,
    /// The job has not ended. Clients ask again after so many seconds.
    NotReady(u64),
    /// The job has ended without the file.
    NoFile(&'static str),
    /// The operator has playlists switched off.
    PlaybackOff,
    /// The job has no playlist, and why.
    NoPlaylist(String),
    /// The tenant may not have files there any more.
    Moved,
    /// The tenant's row does not say which account owns the bucket of another owner than this stack.
    OwnerUnknown,
}

impl From<Rejection> for NoLinks {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<FieldError> for NoLinks {
    fn from(error: FieldError) -> Self {
        Self::Rejected(error.into())
    }
}

impl From<Unavailable> for NoLinks {
    fn from(error: Unavailable) -> Self {
        Self::Rejected(error.into())
    }
}

/// A link to one of a job's files.
struct LentFile<'a> {
    file: LinkedFile<'a>,
    expires_at: EpochMs,
}

impl<J, L, S, T, C> App<J, L, S, T, C>
where
    J: JobStore,
    L: ClipLinks + ClipRead + PlayLinks + SourceStore + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Answers one request; every error has become a reply.
    pub async fn handle(&self, request: &Request) -> Reply {
        let replied = match request.route.rsplit('/').next() {
            Some("video") => self.video(request).await,
            Some("{file}") => Box::pin(self.play(request)).await,
            _ => self.files(request).await,
        };
        replied.unwrap_or_else(|refusal| refuse(request, &refusal))
    }

    /// `GET /export/jobs/{jobId}/files`: links to all files.
    async fn files(&self, request: &Request) -> Result<Reply, NoLinks> {
        check_parameters(request, &["inline"])?;
        let (job, kind) = (self.ready(request).await?, inline(request)?);
        let video = self.lent(&job, ObjectKind::Video, job.video.as_ref(), kind).await?;
        let image = self.lent(&job, ObjectKind::Image, job.image.as_ref(), kind).await?;
        let lent = [&video, &image].into_iter().flatten();
        let expires_at = lent.clone().map(|lent| lent.expires_at).min().ok_or(NO_FILES)?;
        self.count(&job, lent.count());
        let [video, image] = [video, image].map(|lent| lent.map(|lent| lent.file));
        Ok(private(Reply::new(200).with_json("application/json", &Files::new(expires_at, video, image))))
    }

    /// `GET /export/jobs/{jobId}/video?redirect=1`: to the clip itself.
    async fn video(&self, request: &Request) -> Result<Reply, NoLinks> {
        check_parameters(request, &["inline", "redirect"])?;
        if request.parameter("redirect").as_deref() != Some("1") {
            return Err(FieldError::new("redirect", "must be 1").into());
        }
        if request.header("x-session-id").is_some() {
            let why =
                "is sent on by clients that follow a redirect: send the session as Authorization: Bearer";
            return Err(FieldError::new("X-Session-Id", why).into());
        }
        let (job, kind) = (self.ready(request).await?, inline(request)?);
        let lent = self.lent(&job, ObjectKind::Video, job.video.as_ref(), kind).await?;
        let lent = lent.ok_or(NoLinks::NoFile("the job has no clip: only a picture was asked for"))?;
        self.count(&job, 1);
        let reply = Reply::new(302).with("cache-control", "no-store").with("location", lent.file.url);
        Ok(private(reply))
    }

    /// The job that the path names, if its files are there and the tenant may have them.
    async fn ready(&self, request: &Request) -> Result<Job, NoLinks> {
        let tenant = self.intake.tenant(request.session().as_ref()).await?;
        if !self.signs {
            return Err(NoLinks::Off);
        }
        let job = self.job(&tenant.id, request).await?;
        if job.state != State::Ready {
            return Err(self.unready(&job));
        }
        self.check_target(&tenant, &job)?;
        Ok(job)
    }

    pub(crate) async fn job(&self, tenant: &TenantId, request: &Request) -> Result<Job, NoLinks> {
        let id = request.path_parameters.get("jobId").map(String::as_str).unwrap_or_default();
        let id = JobId::parse(id).map_err(|_| Rejection::NoSuchJob)?;
        name_job(&id);
        let now = self.intake.clock.now();
        let found = self.jobs.get(tenant, &id).await?.filter(|job| !job.is_expired(now));
        Ok(found.ok_or(Rejection::NoSuchJob)?)
    }

    pub(crate) fn unready(&self, job: &Job) -> NoLinks {
        if job.state.is_terminal() {
            return NO_FILES;
        }
        let now = self.intake.clock.now();
        let told = answer(Outcome::Job(job), Via::Status, now, ReplyStyle::default());
        NoLinks::NotReady(u64::from(told.reply.time_wait.to_secs_ceil()).max(1))
    }

    /// A link cannot be bound to a bucket's owner, as every other request to a bucket is. So the tenant's row must still
    /// have the target, with its owner, before a file of a bucket other than the stack's is opened.
    pub(crate) fn check_target(&self, tenant: &Tenant, job: &Job) -> Result<(), NoLinks> {
        let target = &job.order.target;
        if !tenant.allows(target) {
            return Err(NoLinks::Moved);
        }
        let is_owned = target.bucket == self.bucket || !target.owner.is_empty();
        is_owned.then_some(()).ok_or(NoLinks::OwnerUnknown)
    }

    async fn lent<'a>(
        &self,
        job: &'a Job,
        object: ObjectKind,
        manifest: Option<&'a Manifest>,
        kind: &str,
    ) -> Result<Option<LentFile<'a>>, Unavailable> {
        let Some(manifest) = manifest else { return Ok(None) };
        let (file_name, content_type) = (job.order.file_name(object), job.order.content_type(object));
        let headers = LinkHeaders { content_type, disposition: Some(disposition(kind, file_name)) };
        let FileLink { url, expires_at } =
            self.links.lend(&job.order.target, &job.order.key(object), &headers).await?;
        let file = LinkedFile::new(url, manifest, content_type, file_name);
        Ok(Some(LentFile { file, expires_at }))
    }

    fn count(&self, job: &Job, links: usize) {
        tracing::info!(tenant = %job.tenant, links, "signed links to a job's files");
        let links = u64::try_from(links).unwrap_or_default();
        self.metrics.emit(self.intake.clock.now(), &[], &[(Metric::LinksSigned, links)]);
    }
}

fn refuse(request: &Request, refusal: &NoLinks) -> Reply {
    let (status, detail) = match refusal {
        NoLinks::Rejected(rejection) => {
            if let Rejection::Unavailable(error) = rejection {
                tracing::warn!(%error, "failed to sign links");
            } else {
                tracing::info!(?rejection, "rejected a request for links");
            }
            return refused(request, rejection);
        }
        NoLinks::Off => (403, "download links are switched off"),
        NoLinks::PlaybackOff => (403, "instant playback is switched off"),
        NoLinks::NoPlaylist(why) => (404, why.as_str()),
        NoLinks::NotReady(_) => (409, "not ready"),
        NoLinks::NoFile(why) => (409, *why),
        NoLinks::Moved => (403, "access denied"),
        NoLinks::OwnerUnknown => (403, "the tenant's row does not name the account that owns the bucket"),
    };
    tracing::info!(status, detail, "refused links to a job's files");
    let reply = problem(status, detail);
    match refusal {
        NoLinks::NotReady(seconds) => reply.with("retry-after", seconds.to_string()),
        _ => reply,
    }
}

/// The job has no playlist.
pub(crate) fn none(why: &str) -> NoLinks {
    NoLinks::NoPlaylist(format!("the job has no playlist: {why}"))
}

const NO_FILES: NoLinks = NoLinks::NoFile("the job has ended without files");

/// The reply holds a URL that opens a file to everyone who has it.
pub(crate) fn private(reply: Reply) -> Reply {
    reply.with("referrer-policy", "no-referrer")
}

pub(crate) fn check_parameters(request: &Request, known: &[&str]) -> Result<(), FieldError> {
    match request.unknown_parameter(known) {
        Some(name) => Err(FieldError::new(name, "is no parameter of this route")),
        None => Ok(()),
    }
}

/// The type of a `Content-Disposition`: files are saved unless the request wants them shown.
fn inline(request: &Request) -> Result<&'static str, FieldError> {
    match request.parameter("inline").as_deref() {
        None | Some("0") => Ok("attachment"),
        Some("1") => Ok("inline"),
        Some(_) => Err(FieldError::new("inline", "must be 0 or 1")),
    }
}
