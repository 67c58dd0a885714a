//! From a received body to an order, judged in this order: size, JSON, session, fields, tenant and storage. Submit and
//! `POST /export/status` share it, so both name the same job.

use crate::identity::{DirectoryKey, identify};
use crate::ids::{JobId, SessionId, TenantId};
use crate::job::{Counted, Order};
use crate::json;
use crate::ports::{Clock, Sessions, Tenants, Unavailable};
use crate::request::{self, ExportRequest, FieldError};
use crate::settings::{AuthMode, Limits};
use crate::tenant::Tenant;
use crate::time::Millis;
use crate::update::Contended;

/// Largest body in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// The reason for which a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The body or one of its fields is at fault.
    Invalid(FieldError),
    /// The body is larger than the limit.
    TooLarge,
    /// There is no live session.
    SessionInvalid,
    /// The storage is not the tenant's, or the tenant is gone.
    Denied,
    /// The tenant has as many unfinished jobs of a kind as it may.
    TooMany {
        /// Of which kind.
        counted: Counted,
        /// The most of that kind.
        most: u32,
        /// The time until the request may be sent again: 2 to 10 s, jittered.
        wait_ms: Millis,
    },
    /// The tenant has no job of that name.
    NoSuchJob,
    /// The `Idempotency-Key` belongs to another request.
    KeyReused,
    /// A table did not answer.
    Unavailable(Unavailable),
    /// Other writes of the job came first, every time.
    Contended,
}

impl Rejection {
    /// The HTTP status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::SessionInvalid => 401,
            Self::Denied => 403,
            Self::NoSuchJob => 404,
            Self::KeyReused => 409,
            Self::TooLarge => 413,
            Self::TooMany { .. } => 429,
            Self::Unavailable(_) | Self::Contended => 503,
        }
    }

    /// The text for the client.
    pub fn text(&self) -> String {
        match self {
            Self::Invalid(error) => format!("invalid request: {error}"),
            Self::SessionInvalid => "session invalid".to_owned(),
            Self::Denied => "access denied".to_owned(),
            Self::NoSuchJob => "no such job".to_owned(),
            Self::KeyReused => "Idempotency-Key belongs to another request".to_owned(),
            Self::TooLarge => "request too large".to_owned(),
            Self::TooMany { counted, most, .. } => {
                format!("too many concurrent requests: {}", counted.limit(*most))
            }
            Self::Unavailable(_) | Self::Contended => "service unavailable".to_owned(),
        }
    }
}

impl From<Unavailable> for Rejection {
    fn from(error: Unavailable) -> Self {
        Rejection::Unavailable(error)
    }
}

impl From<Contended> for Rejection {
    fn from(_: Contended) -> Self {
        Rejection::Contended
    }
}

impl From<FieldError> for Rejection {
    fn from(error: FieldError) -> Self {
        Rejection::Invalid(error)
    }
}

/// An `Idempotency-Key` as it may be.
///
/// # Errors
/// [`Rejection::Invalid`]
pub fn key_of(key: &str) -> Result<&str, Rejection> {
    if key.is_empty() || key.len() > 64 || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let error = FieldError::new("Idempotency-Key", "must be 1 to 64 visible ASCII characters");
        return Err(Rejection::Invalid(error));
    }
    Ok(key)
}

/// A request that passed every judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The tenant with its limits.
    pub tenant: Tenant,
    /// The job's name.
    pub job_id: JobId,
    /// The order.
    pub order: Order,
}

/// The judge of requests: the tables and the settings.
#[derive(Debug, Clone)]
pub struct Intake<S, T, C> {
    /// The sessions table.
    pub sessions: S,
    /// The tenants table.
    pub tenants: T,
    /// The time.
    pub clock: C,
    /// The callers that are admitted.
    pub auth: AuthMode,
    /// The limits of a request.
    pub limits: Limits,
    /// The key that the names of new jobs' directories are made with; functions that only read jobs need none.
    pub directories: Option<DirectoryKey>,
}

impl<S: Sessions, T: Tenants, C: Clock> Intake<S, T, C> {
    /// Judges a body (`None` if it has more than [`MAX_BODY`]) and the session of its headers.
    ///
    /// # Errors
    /// The first [`Rejection`] in the module's order.
    pub async fn accept(
        &self,
        body: Option<&[u8]>,
        session: Option<SessionId>,
    ) -> Result<Accepted, Rejection> {
        let body = body.ok_or(Rejection::TooLarge)?;
        let parsed = json::parse(body, self.limits.lenient_json);
        let body = parsed.map_err(|e| FieldError::new("body", e.to_string()))?;
        let session = request::session_of(&body).or(session);
        let caller = self.caller(session.as_ref()).await?;
        let request = request::parse(&body, &self.limits)?;
        self.near(&request)?;
        let tenant = self.row(&caller).await?;
        let target = tenant.resolve_target(&request).ok_or(Rejection::Denied)?;
        let identity = identify(&tenant.id, &request, &target, self.directories.as_ref());
        let job_id = identity.job_id.clone();
        Ok(Accepted { tenant, job_id, order: Order::new(request, identity, target) })
    }

    /// Refuses a window that begins too far ahead: its job would stay on record, and count, until then.
    fn near(&self, request: &ExportRequest) -> Result<(), FieldError> {
        let days = self.limits.max_ahead_days;
        let latest = self.clock.now() + Millis::from_days(days);
        let near = request.start_pos_ms <= latest;
        near.then_some(())
            .ok_or_else(|| FieldError::new("StartPos", format!("must be at most {days} days ahead")))
    }

    /// The tenant of a session. A session outlives its tenant's row, and opens nothing then.
    ///
    /// # Errors
    /// [`Rejection::SessionInvalid`], [`Rejection::Denied`] if the tenant was removed, or [`Rejection::Unavailable`].
    pub async fn tenant(&self, session: Option<&SessionId>) -> Result<Tenant, Rejection> {
        let caller = self.caller(session).await?;
        self.row(&caller).await
    }

    async fn caller(&self, session: Option<&SessionId>) -> Result<TenantId, Rejection> {
        let found = authenticate(&self.auth, session, &self.sessions, &self.clock).await?;
        found.ok_or(Rejection::SessionInvalid)
    }

    async fn row(&self, id: &TenantId) -> Result<Tenant, Rejection> {
        self.tenants.tenant(id).await?.ok_or(Rejection::Denied)
    }
}

/// Finds the tenant of a request. `None` means that the session is missing, unknown or expired, in one answer for
/// all three.
///
/// # Errors
/// [`Unavailable`] if the sessions table does not answer.
pub async fn authenticate(
    mode: &AuthMode,
    session: Option<&SessionId>,
    sessions: &impl Sessions,
    clock: &impl Clock,
) -> Result<Option<TenantId>, Unavailable> {
    match (mode, session) {
        (AuthMode::None(tenant), _) => Ok(Some(tenant.clone())),
        (AuthMode::Session, None) => Ok(None),
        (AuthMode::Session, Some(id)) => {
            let row = sessions.session(&id.key()).await?;
            let live = row.filter(|row| !row.expires_at.has_come(clock.now()));
            Ok(live.map(|row| row.tenant))
        }
    }
}
