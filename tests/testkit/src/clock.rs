//! Time that tests own.

use crate::fault::{give_way, lock};
use export_domain::ports::{Clock, Ids};
use export_domain::time::{EpochMs, Millis};
use std::future::poll_fn;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// A clock that moves only when told, or jumps to the end of every sleep. Clones show the same time.
#[derive(Debug, Clone)]
pub struct TestClock {
    shared: Arc<Shared>,
    ahead_ms: i64,
}

#[derive(Debug)]
struct Shared {
    now: AtomicI64,
    names: AtomicU64,
    jumps: bool,
    /// Milliseconds that pass with every look at the clock.
    ticks: i64,
    sleepers: Mutex<Vec<Waker>>,
}

impl TestClock {
    /// Sleeps take no real time: the clock jumps to their end.
    pub fn jumping(now: EpochMs) -> Self {
        Self::new(now, true, 0)
    }

    /// A millisecond passes with every look at the clock.
    pub fn ticking(now: EpochMs) -> Self {
        Self::new(now, true, 1)
    }

    /// Sleeps last until the clock is moved past their end.
    pub fn standing(now: EpochMs) -> Self {
        Self::new(now, false, 0)
    }

    fn new(now: EpochMs, jumps: bool, ticks: i64) -> Self {
        let now = AtomicI64::new(now.get());
        let shared = Shared { now, names: AtomicU64::new(0), jumps, ticks, sleepers: Mutex::default() };
        Self { shared: Arc::new(shared), ahead_ms: 0 }
    }

    /// The same clock as a machine sees it that is `ahead_ms` milliseconds ahead (or, if negative, behind).
    #[must_use]
    pub fn skewed(&self, ahead_ms: i64) -> Self {
        Self { shared: Arc::clone(&self.shared), ahead_ms: self.ahead_ms + ahead_ms }
    }

    /// Moves the clock on by `ms` milliseconds.
    pub fn advance(&self, ms: i64) {
        self.shared.now.fetch_add(ms, Ordering::SeqCst);
        for sleeper in lock(&self.shared.sleepers).drain(..) {
            sleeper.wake();
        }
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: EpochMs) {
        self.advance((now - self.now()).get());
    }
}

impl Clock for TestClock {
    fn now(&self) -> EpochMs {
        EpochMs::new(self.shared.now.fetch_add(self.shared.ticks, Ordering::SeqCst) + self.ahead_ms)
    }

    async fn sleep(&self, length: Millis) {
        let until = self.shared.now.load(Ordering::SeqCst).saturating_add(length.get().max(0));
        give_way().await;
        if self.shared.jumps {
            self.shared.now.fetch_max(until, Ordering::SeqCst);
            return;
        }
        poll_fn(|context| {
            let mut sleepers = lock(&self.shared.sleepers);
            if self.shared.now.load(Ordering::SeqCst) >= until {
                return Poll::Ready(());
            }
            sleepers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Ids for TestClock {
    /// The same names in every run.
    fn unique(&self) -> String {
        format!("{:032x}", self.shared.names.fetch_add(1, Ordering::SeqCst))
    }
}
