//! The queues.

use crate::fault::{Faults, lock};
use export_domain::job::WorkQueue;
use export_domain::message::Message;
use export_domain::ports::{self, JobQueue, Unavailable};
use std::sync::{Arc, Mutex};

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Which queue.
    pub queue: WorkQueue,
    /// What.
    pub message: Message,
    /// Seconds until it is seen.
    pub delay_s: u32,
}

/// The work queues: a record of what was sent. Operation: `send`.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    /// What goes wrong.
    pub faults: Faults,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl MemoryQueue {
    /// Everything that was sent since the last call, in order.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *lock(&self.sent))
    }
}

impl JobQueue for MemoryQueue {
    async fn send(&self, queue: WorkQueue, message: &Message, delay_s: u32) -> Result<(), Unavailable> {
        let (line, message) = (Arc::clone(&self.sent), message.clone());
        let send = move || {
            lock(&line).push(Sent { queue, message: message.clone(), delay_s });
            Ok(())
        };
        self.faults.run("the queue", "send", send).await
    }
}

/// The dead-letter queue. Operation: `keep`.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    /// What goes wrong.
    pub faults: Faults,
    kept: Arc<Mutex<Vec<String>>>,
}

impl DeadLetters {
    /// The same queue over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Everything that was kept, in order.
    pub fn kept(&self) -> Vec<String> {
        lock(&self.kept).clone()
    }
}

impl ports::DeadLetters for DeadLetters {
    async fn keep(&self, body: &str) -> Result<(), Unavailable> {
        let (kept, body) = (Arc::clone(&self.kept), body.to_owned());
        let keep = move || {
            lock(&kept).push(body.clone());
            Ok(())
        };
        self.faults.run("the dead-letter queue", "keep", keep).await
    }
}
