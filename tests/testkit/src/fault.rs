//! Faults by plan: which call of which operation goes wrong, and how.

use export_domain::ports::Unavailable;
use std::collections::HashMap;
use std::fmt;
use std::future::{pending, poll_fn};
use std::ops::Range;
use std::pin::Pin;
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

/// What a store does when a request reaches it; again if the request does.
pub type Act = Box<dyn FnMut() + Send>;

/// The line between a process and its stores: carries requests there and replies back, in its own time or never.
pub trait Line: fmt::Debug + Send + Sync {
    /// Carries one call; `false` if its caller has to do without a reply. `act` may take effect all the same, also
    /// later, also when the caller is gone.
    fn carry(&self, operation: &'static str, act: Act) -> Pin<Box<dyn Future<Output = bool> + Send>>;
}

/// The plan of one port. Operations are known by their method's name.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
    line: Option<Arc<dyn Line>>,
}

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
    /// Leaves everything to `line`.
    pub fn over(line: Arc<dyn Line>) -> Self {
        Self { plan: Arc::default(), line: Some(line) }
    }

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

    /// Gives way, then does `act` as the plan says; or leaves it to the line.
    ///
    /// # Errors
    /// What `act` says, or that its reply does not come.
    pub async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        operation: &'static str,
        mut act: impl FnMut() -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, Unavailable> {
        if let Some(line) = &self.line {
            let reply = Arc::new(Mutex::new(None));
            let replied = Arc::clone(&reply);
            let heard = line.carry(operation, Box::new(move || *lock(&replied) = Some(act()))).await;
            let reply = lock(&reply).take().filter(|_| heard);
            return reply.unwrap_or_else(|| Err(Unavailable(what, format!("no reply to {operation}"))));
        }
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
        lock(&self.plan)
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
