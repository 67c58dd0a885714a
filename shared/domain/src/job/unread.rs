//! The members that a newer version of the service stored in a job.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The members of a stored job that this version does not understand, such as those that only a newer version knows. It
/// goes along with the job, so that the store can put it back with the next write; only the store knows what it is.
#[derive(Clone, Default)]
pub struct Unread(Option<Arc<dyn Any + Send + Sync>>);

impl Unread {
    /// Keeps what a store read.
    pub fn new(what: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(what)))
    }

    /// The kept members, if they are a `T`.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_deref().and_then(|what| what.downcast_ref())
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Unread(..)" } else { "Unread" })
    }
}

/// Two are equal if they were read at once, or nothing is in either.
impl PartialEq for Unread {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}
