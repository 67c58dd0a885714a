//! Sessions and tenants, remembered for a minute: a poll then costs one read of the jobs table.
//!
//! The times bound how long a revoked session or a changed tenant stays in force. What exists and what does not are
//! remembered apart, so that guessing session ids pushes no valid session out. An environment answers one request after
//! the other: no key is looked up twice at once.

use crate::ids::TenantId;
use crate::ports::{Clock, Session, Sessions, Tenants, Unavailable};
use crate::tenant::Tenant;
use crate::time::{EpochMs, Millis};
use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// The time for which a found row holds.
const FOUND: Millis = Millis::from_mins(1);
/// The time for which an absent row holds.
const ABSENT: Millis = Millis::from_secs(30);
/// Most entries of each kind.
const CAPACITY: usize = 4096;

/// A port with a memory in front.
#[derive(Debug)]
pub struct Cached<P, C, V> {
    inner: P,
    clock: C,
    memory: Mutex<Memory<V>>,
}

/// The results of look-ups.
#[derive(Debug)]
struct Memory<V> {
    found: Recent<V>,
    absent: Recent<()>,
}

/// Values by key, each with the time until which it is good. The older half goes when the younger is full, except for
/// keys that were looked up meanwhile.
#[derive(Debug)]
struct Recent<V> {
    young: HashMap<String, (EpochMs, V)>,
    old: HashMap<String, (EpochMs, V)>,
}

impl<V: Clone> Recent<V> {
    fn get(&mut self, key: &str, now: EpochMs) -> Option<V> {
        if !self.young.contains_key(key) {
            let (until, value) = self.old.remove(key)?;
            self.put(key, until, value);
        }
        self.young.get(key).filter(|(until, _)| *until > now).map(|(_, value)| value.clone())
    }

    fn put(&mut self, key: &str, until: EpochMs, value: V) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key.to_owned(), (until, value));
    }
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<P, C: Clock, V: Clone> Cached<P, C, V> {
    /// Puts a memory in front of `inner`.
    pub fn new(inner: P, clock: C) -> Self {
        let memory = Memory { found: Recent::default(), absent: Recent::default() };
        Self { inner, clock, memory: Mutex::new(memory) }
    }

    /// The known result for `key`: `Some(None)` is an absent row.
    #[expect(clippy::option_option, reason = "unknown and none are different")]
    fn recall(&self, key: &str) -> Option<Option<V>> {
        let now = self.clock.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let found = memory.found.get(key, now).map(Some);
        found.or_else(|| memory.absent.get(key, now).map(|()| None))
    }

    fn remember(&self, key: &str, value: Option<&V>) {
        let now = self.clock.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => memory.found.put(key, now + FOUND, value.clone()),
            None => memory.absent.put(key, now + ABSENT, ()),
        }
    }
}

impl<P: Sessions, C: Clock> Sessions for Cached<P, C, Session> {
    async fn session(&self, key: &str) -> Result<Option<Session>, Unavailable> {
        if let Some(known) = self.recall(key) {
            return Ok(known);
        }
        let found = self.inner.session(key).await?;
        self.remember(key, found.as_ref());
        Ok(found)
    }
}

impl<P: Tenants, C: Clock> Tenants for Cached<P, C, Tenant> {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Unavailable> {
        if let Some(known) = self.recall(id.as_str()) {
            return Ok(known);
        }
        let found = self.inner.tenant(id).await?;
        self.remember(id.as_str(), found.as_ref());
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
