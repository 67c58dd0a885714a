//! Faults by plan: which call of which operation goes wrong, and how.

use export_domain::ports::Unavailable;
use std::collections::HashMap;
use std::fmt;
use std::future::{pending, poll_fn};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not get through: nothing happens, the caller sees the store unavailable.
    Before,
    /// It takes effect, its reply is lost: the caller sees the store unavailable.
    After,
    /// It takes effect, its reply is lost, and the client library sends the very same call again.
    Again,
    /// It neither takes effect nor returns.
    Never,
}

/// The plan of one port. Operations are known by their method's name.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: HashMap<&'static str, usize>,
    faults: Vec<(&'static str, Range<usize>, Fault)>,
    others: Vec<(&'static str, usize, Other)>,
}

/// What somebody else does.
struct Other(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Other")
    }
}

impl Faults {
    /// The `nth` call of `operation` from now on (1 is the next) goes wrong.
    pub fn plan(&self, operation: &'static str, nth: usize, fault: Fault) {
        let first = self.calls(operation) + nth.saturating_sub(1);
        self.lock().faults.push((operation, first..first + 1, fault));
    }

    /// Every call of `operation` goes wrong from now on.
    pub fn always(&self, operation: &'static str, fault: Fault) {
        let first = self.calls(operation);
        self.lock().faults.push((operation, first..usize::MAX, fault));
    }

    /// Just before the `nth` call of `operation` from now on takes effect, somebody else does `act`.
    pub fn meanwhile(&self, operation: &'static str, nth: usize, act: impl FnOnce() + Send + 'static) {
        let at = self.calls(operation) + nth.saturating_sub(1);
        self.lock().others.push((operation, at, Other(Box::new(act))));
    }

    /// Everything works again.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// Calls of `operation` so far.
    pub fn calls(&self, operation: &str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// Gives way, then does `act` as the plan says.
    pub(crate) async fn run<T>(
        &self,
        what: &'static str,
        operation: &'static str,
        mut act: impl FnMut() -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        give_way().await;
        let (fault, other) = self.next(operation);
        if let Some(Other(act)) = other {
            act();
        }
        match fault {
            None => act(),
            Some(Fault::Before) => Err(Unavailable(what, format!("{operation} did not get through"))),
            Some(Fault::After) => {
                act()?;
                Err(Unavailable(what, format!("the reply to {operation} was lost")))
            }
            Some(Fault::Never) => pending().await,
            Some(Fault::Again) => {
                act()?;
                act()
            }
        }
    }

    fn next(&self, operation: &'static str) -> (Option<Fault>, Option<Other>) {
        let mut plan = self.lock();
        let count = plan.calls.entry(operation).or_default();
        let at = *count;
        *count += 1;
        let fault = plan.faults.iter().find(|(name, calls, _)| *name == operation && calls.contains(&at));
        let fault = fault.map(|(_, _, fault)| *fault);
        let other = plan.others.iter().position(|(name, nth, _)| *name == operation && *nth == at);
        let other = other.map(|place| plan.others.remove(place).2);
        (fault, other)
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        lock(&self.0)
    }
}

/// A panic elsewhere in the test does not make the stores unreadable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets other tasks run once.
pub(crate) async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
