//! From a received body to an order, judged in this order: size, JSON, session, fields, tenant and storage. Submit and
//! `POST /export/status` share it, so both name the same job.

use crate::auth::authenticate;
use crate::identity::{DirectoryKey, identify};
use crate::ids::{JobId, SessionId, TenantId};
use crate::job::Order;
use crate::json;
use crate::legacy::Outcome;
use crate::ports::{Clock, Sessions, Tenants, Unavailable};
use crate::request::{self, ExportRequest, FieldError};
use crate::settings::{AuthMode, Limits};
use crate::tenant::Tenant;

/// Largest body in bytes.
pub const MAX_BODY: usize = 64 * 1024;

const DAY_MS: i64 = 24 * 3_600_000;

/// Why a request gets no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// A field is at fault.
    Invalid(FieldError),
    /// The body is larger than the limit.
    TooLarge,
    /// No live session.
    SessionInvalid,
    /// The storage is not the tenant's, or the tenant is gone.
    Denied,
    /// A table did not answer.
    Unavailable(Unavailable),
}

impl Rejection {
    /// The decision table's view of it.
    pub fn outcome(&self) -> Outcome<'_> {
        match self {
            Rejection::Invalid(error) => Outcome::Invalid(error),
            Rejection::TooLarge => Outcome::TooLarge,
            Rejection::SessionInvalid => Outcome::SessionInvalid,
            Rejection::Denied => Outcome::Denied,
            Rejection::Unavailable(_) => Outcome::Unavailable,
        }
    }
}

impl From<Unavailable> for Rejection {
    fn from(error: Unavailable) -> Self {
        Rejection::Unavailable(error)
    }
}

impl From<FieldError> for Rejection {
    fn from(error: FieldError) -> Self {
        Rejection::Invalid(error)
    }
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
        let latest = self.clock.now_ms().saturating_add(days.saturating_mul(DAY_MS));
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
