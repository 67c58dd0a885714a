//! Sessions and tenants, remembered for a minute: a poll then costs one read of the jobs table.
//!
//! The times bound how long a revoked session or a changed tenant stays in force.

use crate::ids::TenantId;
use crate::ports::{Clock, Session, Sessions, Tenants, Unavailable};
use crate::tenant::Tenant;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long a found row is good, in milliseconds.
const FOUND_MS: i64 = 60_000;
/// How long "there is none" is good, in milliseconds.
const ABSENT_MS: i64 = 30_000;
/// Most entries; past that the cache starts anew.
const CAPACITY: usize = 4096;

/// A port with a memory in front.
#[derive(Debug)]
pub struct Cached<P, C, V> {
    inner: P,
    clock: C,
    entries: Mutex<HashMap<String, Entry<V>>>,
}

/// What a look-up found, and until when that is good.
#[derive(Debug, Clone)]
struct Entry<V> {
    until: i64,
    found: Option<V>,
}

impl<P, C: Clock, V: Clone> Cached<P, C, V> {
    /// Puts a memory in front of `inner`.
    pub fn new(inner: P, clock: C) -> Self {
        Self { inner, clock, entries: Mutex::new(HashMap::new()) }
    }

    fn recall(&self, key: &str) -> Option<Entry<V>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|entry| entry.until > self.clock.now_ms()).cloned()
    }

    fn remember(&self, key: &str, value: Option<&V>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        let age = if value.is_some() { FOUND_MS } else { ABSENT_MS };
        entries.insert(key.to_owned(), Entry { until: self.clock.now_ms() + age, found: value.cloned() });
    }
}

impl<P: Sessions, C: Clock> Sessions for Cached<P, C, Session> {
    async fn session(&self, key: &str) -> Result<Option<Session>, Unavailable> {
        if let Some(known) = self.recall(key) {
            return Ok(known.found);
        }
        let found = self.inner.session(key).await?;
        self.remember(key, found.as_ref());
        Ok(found)
    }
}

impl<P: Tenants, C: Clock> Tenants for Cached<P, C, Tenant> {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Unavailable> {
        if let Some(known) = self.recall(id.as_str()) {
            return Ok(known.found);
        }
        let found = self.inner.tenant(id).await?;
        self.remember(id.as_str(), found.as_ref());
        Ok(found)
    }
}
