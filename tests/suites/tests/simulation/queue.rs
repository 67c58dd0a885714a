//! The two queues as SQS keeps them: delivered at least once, in any order, and hidden while somebody works on them.

use crate::sim::Sim;
use export_domain::job::WorkQueue;
use export_domain::message::Message;
use export_domain::ports::{JobQueue, Unavailable};
use export_domain::time::{EpochMs, Millis};
use export_testkit::{Faults, ms};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Six times the worker's timeout.
const VISIBILITY: Millis = Millis::from_mins(90);
/// Deliveries after which a message goes to the dead letters.
const MOST_RECEIVES: u32 = 5;

/// A message that is there.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) id: u64,
    pub(crate) body: String,
    queue: WorkQueue,
    seen_at: EpochMs,
    receives: u32,
}

#[derive(Debug, Default)]
struct Letters {
    there: Vec<Letter>,
    /// Bodies of those that were delivered too often.
    dead: Vec<String>,
    sent: u64,
    /// The next one gets lost.
    lossy: bool,
}

/// Both queues. Operation: `send`.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    pub(crate) faults: Faults,
    sim: Sim,
    letters: Arc<Mutex<Letters>>,
    arrived: Arc<Notify>,
}

impl Queues {
    pub(crate) fn new(sim: &Sim) -> Self {
        let (faults, letters, arrived) = (Faults::default(), Arc::default(), Arc::default());
        Self { faults, sim: sim.clone(), letters, arrived }
    }

    /// The same queues over another line.
    pub(crate) fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, queue: WorkQueue, body: String, delay: Millis) {
        let seen_at = self.sim.now() + delay;
        let mut letters = self.letters();
        letters.sent += 1;
        if std::mem::take(&mut letters.lossy) {
            return;
        }
        let id = letters.sent;
        letters.there.push(Letter { id, body, queue, seen_at, receives: 0 });
        self.arrived.notify_waiters();
    }

    /// The next message of a queue, when there is one.
    pub(crate) async fn receive(&self, queue: WorkQueue) -> Letter {
        loop {
            let arrived = self.arrived.notified();
            if let Some(letter) = self.take(queue) {
                return letter;
            }
            let next = self.letters().there.iter().filter(|l| l.queue == queue).map(|l| l.seen_at).min();
            let wait = next.map_or(Millis::from_hours(1), |at| (at - self.sim.now()).max(ms(1)));
            let _ = timeout(wait.into(), arrived).await;
        }
    }

    fn take(&self, queue: WorkQueue) -> Option<Letter> {
        let now = self.sim.now();
        let redelivered = self.sim.weather().redelivered;
        let mut letters = self.letters();
        let letters = &mut *letters;
        let (dead, there): (Vec<_>, Vec<_>) = std::mem::take(&mut letters.there)
            .into_iter()
            .partition(|letter| letter.seen_at <= now && letter.receives >= MOST_RECEIVES);
        letters.there = there;
        letters.dead.extend(dead.into_iter().map(|letter| letter.body));
        let visible = letters.there.iter_mut().filter(|l| l.queue == queue && l.seen_at <= now);
        let mut visible: Vec<&mut Letter> = visible.collect();
        if visible.is_empty() {
            return None;
        }
        let (place, hidden) = self.sim.chance(|chance| {
            let place = chance.between(0, u64::try_from(visible.len()).unwrap());
            // At least once: sometimes SQS shows a message that is being worked on.
            let twice = chance.happens(redelivered);
            let soon = ms(i64::try_from(chance.between(0, 30_000)).unwrap());
            (usize::try_from(place).unwrap(), if twice { soon } else { VISIBILITY })
        });
        let letter = visible.swap_remove(place);
        (letter.seen_at, letter.receives) = (now + hidden, letter.receives + 1);
        Some(letter.clone())
    }

    /// Deletes a message that was worked on.
    pub(crate) fn delete(&self, letter: &Letter) {
        let lost = self.sim.weather().redelivered;
        if !self.sim.chance(|chance| chance.happens(lost)) {
            self.letters().there.retain(|there| there.id != letter.id);
        }
    }

    /// Loses the next message that is sent.
    pub(crate) fn lose_next(&self) {
        self.letters().lossy = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.letters().there.is_empty()
    }

    /// Messages that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.letters().sent
    }

    /// Bodies of messages that were delivered too often.
    pub(crate) fn dead(&self) -> Vec<String> {
        self.letters().dead.clone()
    }
}

impl JobQueue for Queues {
    async fn send(&self, queue: WorkQueue, message: &Message, delay_s: u32) -> Result<(), Unavailable> {
        let (queues, body) = (self.clone(), message.encode());
        let send = move || {
            queues.put(queue, body.clone(), Millis::from_secs(delay_s.into()));
            Ok(())
        };
        self.faults.run("the queue", "send", send).await
    }
}
