//! The sessions and the tenants table.

use crate::fault::{Faults, lock};
use export_domain::ids::{SessionId, TenantId};
use export_domain::ports::{Session, Sessions, Tenants, Unavailable};
use export_domain::tenant::Tenant;
use export_domain::time::EpochSecs;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Who may call and what they own. Operations: `session`, `tenant`.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// What goes wrong.
    pub faults: Faults,
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    sessions: HashMap<String, Session>,
    tenants: HashMap<TenantId, Tenant>,
}

impl Directory {
    /// The same tables over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Adds or replaces a tenant.
    pub fn add_tenant(&self, tenant: Tenant) {
        lock(&self.tables).tenants.insert(tenant.id.clone(), tenant);
    }

    /// Takes a tenant away; its sessions stay.
    pub fn remove_tenant(&self, id: &TenantId) {
        lock(&self.tables).tenants.remove(id);
    }

    /// Adds or replaces a session, good until `expires_at`.
    ///
    /// # Panics
    /// If `session` is no session id.
    pub fn add_session(&self, session: &str, tenant: &TenantId, expires_at: EpochSecs) {
        let id = SessionId::parse(session).expect("a session id");
        lock(&self.tables).sessions.insert(id.key(), Session { tenant: tenant.clone(), expires_at });
    }
}

impl Sessions for Directory {
    async fn session(&self, key: &str) -> Result<Option<Session>, Unavailable> {
        let (tables, key) = (Arc::clone(&self.tables), key.to_owned());
        let find = move || Ok(lock(&tables).sessions.get(&key).cloned());
        self.faults.run("the sessions table", "session", find).await
    }
}

impl Tenants for Directory {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Unavailable> {
        let (tables, id) = (Arc::clone(&self.tables), id.clone());
        let find = move || Ok(lock(&tables).tenants.get(&id).cloned());
        self.faults.run("the tenants table", "tenant", find).await
    }
}
