//! An event bus.

use crate::fault::{Faults, lock};
use export_domain::ports::{EventBus, Notification, Unavailable};
use std::sync::{Arc, Mutex};

/// Keeps what it is told. Operation: `put_event`.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    /// What goes wrong.
    pub faults: Faults,
    told: Arc<Mutex<Vec<Notification>>>,
}

impl MemoryBus {
    /// The same bus over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Every event that it took, oldest first.
    pub fn told(&self) -> Vec<Notification> {
        lock(&self.told).clone()
    }
}

impl EventBus for MemoryBus {
    async fn put(&self, event: &Notification) -> Result<(), Unavailable> {
        let (told, event) = (Arc::clone(&self.told), event.clone());
        let put = move || {
            lock(&told).push(event.clone());
            Ok(())
        };
        self.faults.run("the event bus", "put_event", put).await
    }
}
