//! HTTP in, use case, HTTP out.

use crate::App;
use export_clip::{Error as ClipError, Kind, Refusal};
use export_domain::intake::Rejection;
use export_domain::ports::{
    Clock, PlayLinks, RecordingError, RecordingLists, Sessions, SourceStore, Tenants, Unavailable,
};
use export_domain::request::FieldError;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_lambda::http::{Reply, Request, problem, refused};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Miss {
    /// The request or its session.
    Rejected(Rejection),
    /// The operator lets no session find recordings.
    Off,
    /// The operator lets no links be signed.
    LinksOff,
    /// The tenant's row does not say which account owns the bucket of another owner than this stack.
    OwnerUnknown,
    /// There is no manifest there, or a store does not let the service look.
    Store(RecordingError),
    /// The recording cannot be understood.
    Recording(Refusal),
    /// The recording does not reach the window's end yet; the time to look again.
    Early(EpochMs),
    /// No way to make the clip is left. The text is for people.
    Unfit(String),
    /// The recording or a store is not there for the moment. The text is for the log.
    Passing(String),
}

impl From<Rejection> for Miss {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<FieldError> for Miss {
    fn from(error: FieldError) -> Self {
        Self::Rejected(error.into())
    }
}

impl From<RecordingError> for Miss {
    fn from(error: RecordingError) -> Self {
        Self::Store(error)
    }
}

impl From<ClipError> for Miss {
    fn from(error: ClipError) -> Self {
        match error {
            ClipError::GivenUp(Refusal { kind: Kind::SourceAbsent, .. }) => {
                Self::Store(RecordingError::NotFound)
            }
            ClipError::GivenUp(refusal) => Self::Recording(refusal),
            ClipError::Waiting { wake_at, .. } => Self::Early(EpochMs::new(wake_at)),
            ClipError::Unfit(_, why) => Self::Unfit(why),
            ClipError::Outside(error) => match error.downcast::<RecordingError>() {
                Ok(own) => Self::Store(*own),
                Err(other) => Self::Passing(other.to_string()),
            },
            other => Self::Passing(other.to_string()),
        }
    }
}

impl<O, S, T, C> App<O, S, T, C>
where
    O: SourceStore + RecordingLists + PlayLinks + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Answers one request; every error has become a reply.
    pub async fn handle(&self, request: &Request) -> Reply {
        let replied = match request.path_parameters.get("path") {
            None if request.route == "/export/plan" => self.planned(request).await,
            Some(path) => self.holds(request, path).await,
            None => self.found(request).await,
        };
        replied.unwrap_or_else(|miss| refuse(request, miss, self.intake.clock.now()))
    }

    /// The tenant whose recordings the request may see.
    pub(crate) async fn tenant(&self, request: &Request) -> Result<Tenant, Miss> {
        let tenant = self.intake.tenant(request.session().as_ref()).await?;
        if self.access { Ok(tenant) } else { Err(Miss::Off) }
    }
}

/// Refuses query parameters that are not among `known`.
pub(crate) fn check_parameters(request: &Request, known: &[&str]) -> Result<(), FieldError> {
    match request.unknown_parameter(known) {
        Some(name) => Err(FieldError::new(name, "is no parameter of this route")),
        None => Ok(()),
    }
}

fn refuse(request: &Request, miss: Miss, now: EpochMs) -> Reply {
    let (status, detail) = match miss {
        Miss::Rejected(rejection) => {
            if let Rejection::Unavailable(error) = &rejection {
                tracing::warn!(%error, "failed to look for recordings");
            } else {
                tracing::info!(?rejection, "rejected a request about recordings");
            }
            return refused(request, &rejection);
        }
        Miss::Off => (403, "recordings access is switched off".to_owned()),
        Miss::LinksOff => (403, "download links are switched off".to_owned()),
        Miss::OwnerUnknown => {
            (403, "the tenant's row does not name the account that owns the bucket".to_owned())
        }
        Miss::Store(RecordingError::NotFound) => (404, "no such recording".to_owned()),
        Miss::Store(error @ (RecordingError::Denied | RecordingError::Key(_))) => {
            tracing::warn!(%error, "the recordings may not be read");
            return problem(403, "access denied");
        }
        Miss::Store(RecordingError::TooLarge) => (422, "a file of the recording is too large".to_owned()),
        Miss::Store(error @ (RecordingError::Clock(_) | RecordingError::Unavailable(_))) => {
            tracing::warn!(%error, "failed to read a recording");
            return problem(503, "try again");
        }
        Miss::Early(wake_at) => {
            tracing::info!("planned no clip of a window that is not recorded yet");
            let seconds = (wake_at - now).max(Millis::from_secs(1)).to_secs_ceil();
            let reply = problem(409, "the recording does not reach the window's end yet");
            return reply.with("retry-after", seconds.to_string());
        }
        Miss::Unfit(why) => (422, format!("the clip cannot be made: {why}")),
        Miss::Recording(Refusal { kind, detail }) if detail.is_empty() => (422, kind.to_string()),
        Miss::Recording(refusal) => (422, refusal.to_string()),
        Miss::Passing(error) => {
            tracing::warn!(error, "failed to read a recording");
            return problem(503, "try again");
        }
    };
    tracing::info!(status, detail, "found no answer about recordings");
    problem(status, &detail)
}

impl From<Unavailable> for Miss {
    fn from(error: Unavailable) -> Self {
        Self::Rejected(error.into())
    }
}
