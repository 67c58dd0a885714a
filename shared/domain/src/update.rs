//! The one loop of compare-and-swap writes: judge the job as it is stored, write what follows, and judge again if another
//! write came first.

use crate::job::Job;
use crate::ports::{JobStore, Unavailable, Written};
use std::future::Future;

/// The decision about a job as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<R> {
    /// Store `next`; the result is `done` once that has happened.
    Write {
        /// The `rev` that the stored job must still have; `None` if there must be no job.
        over: Option<u64>,
        /// The job to store.
        next: Box<Job>,
        /// The result.
        done: R,
    },
    /// Store nothing.
    Keep(R),
}

impl<R> Change<R> {
    /// Store `next` in place of `found`.
    pub fn write(found: Option<&Job>, next: impl Into<Box<Job>>, done: R) -> Self {
        Self::Write { over: found.map(|job| job.rev), next: next.into(), done }
    }
}

/// Every write of an [`update`] met another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("every write of the job met another one")]
pub struct Contended;

impl From<Contended> for Unavailable {
    fn from(contended: Contended) -> Self {
        Self("the jobs table", contended.to_string())
    }
}

/// Judges `found`, the job as it was read, by `step`, and writes what it decides. If another write came first, `step`
/// judges the job that is stored by now, `tries` times at most.
///
/// # Errors
/// Those of `step`; [`Unavailable`] if the table does not answer; [`Contended`].
pub async fn update<R, E, F>(
    jobs: &impl JobStore,
    found: Option<Job>,
    tries: u32,
    mut step: impl FnMut(Option<Job>) -> F,
) -> Result<R, E>
where
    F: Future<Output = Result<Change<R>, E>>,
    E: From<Unavailable> + From<Contended>,
{
    let mut found = found;
    for _ in 0..tries {
        match step(found).await? {
            Change::Keep(done) => return Ok(done),
            Change::Write { over, next, done } => match jobs.write(over, &next).await? {
                Written::Done => return Ok(done),
                Written::Conflict(other) => found = other.map(|job| *job),
            },
        }
    }
    Err(Contended.into())
}
