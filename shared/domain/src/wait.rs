//! The end of a job as clients see it: an end is on record before it is published, and a client may wait for it.

use crate::job::{Job, Swept};
use crate::ports::{Clock, JobStore, Unavailable, Written};
use crate::settings::Lifecycle;

/// Conditional writes of an end that may lose against others.
const WRITE_TRIES: u32 = 5;

/// A job as a reader saw it last.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The job.
    pub job: Job,
    /// `true` if this reader wrote down that its time was over: no other caller did.
    pub expired: bool,
}

impl From<Job> for Seen {
    fn from(job: Job) -> Self {
        Self { job, expired: false }
    }
}

/// `job` as it is to be answered at `now`. One whose time is over has failed, whether or not a sweeper wrote that
/// down: it is written now, since a worker that is late would make another end of it.
///
/// # Errors
/// [`Unavailable`] if that cannot be written.
pub async fn settled(
    job: Job,
    jobs: &impl JobStore,
    now: i64,
    times: &Lifecycle,
) -> Result<Seen, Unavailable> {
    let mut job = job;
    for _ in 0..WRITE_TRIES {
        let Swept::Expire(failed) = job.swept(now, times) else { return Ok(job.into()) };
        match jobs.write(Some(job.rev), &failed).await? {
            Written::Conflict(Some(other)) => job = *other,
            Written::Conflict(None) => return Ok((*failed).into()),
            Written::Done => return Ok(Seen { job: *failed, expired: true }),
        }
    }
    Err(Unavailable("the jobs table", "every write met another one".to_owned()))
}

/// First and longest pause between two looks, in milliseconds. Each is shortened by chance, by a half at most: waits
/// that began together do not look together.
const PAUSES: (u64, u64) = (40, 2000);

/// Looks at `job` until it has ended or `budget_ms` are over; not at all if it sleeps for longer. A table that does not
/// answer ends the wait, not the request.
pub async fn until_ended(
    job: Job,
    budget_ms: i64,
    jobs: &impl JobStore,
    clock: &impl Clock,
    times: &Lifecycle,
) -> Seen {
    let until = clock.now_ms() + budget_ms;
    let (mut seen, mut pause) = (Seen::from(job), PAUSES.0);
    while !seen.job.state.is_terminal()
        && clock.now_ms() < until
        && seen.job.wake_at.is_none_or(|at| at < until)
    {
        let left = u64::try_from(until - clock.now_ms()).unwrap_or(0);
        clock.sleep_ms((pause - clock.chance(pause / 2)).min(left)).await;
        pause = (pause * 4 / 3).min(PAUSES.1);
        let Ok(Some(next)) = jobs.get(&seen.job.tenant, &seen.job.job_id).await else { break };
        match settled(next, jobs, clock.now_ms(), times).await {
            Ok(next) => seen = next,
            Err(_) => break,
        }
    }
    seen
}
