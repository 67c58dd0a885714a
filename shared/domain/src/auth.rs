//! The callers' authentication: a session id to a tenant (`AuthMode`).

use crate::ids::{SessionId, TenantId};
use crate::ports::{Clock, Sessions, Unavailable};
use crate::settings::AuthMode;

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
            let live = row.filter(|row| !row.expires_at.has_come(clock.now_ms()));
            Ok(live.map(|row| row.tenant))
        }
    }
}
