//! Jobs as clients see them. An end that the clock brings is on record before a client learns of it, and the function
//! that writes it counts it.

use crate::metrics::{Metric, Metrics};
use export_domain::job::{Job, Swept};
use export_domain::ports::{Clock, Ids, JobStore, Unavailable};
use export_domain::settings::Lifecycle;
use export_domain::time::{EpochMs, Millis};
use export_domain::update::{Change, update};
use std::future::ready;
use std::time::Duration;

/// Conditional writes of an end that may lose against others.
const WRITE_TRIES: u32 = 5;
/// Kept back for the reply from the time that an invocation has.
const REPLY: Duration = Duration::from_secs(5);
/// The first pause between two looks. Each is shortened by chance, by a half at most: waits that began
/// together do not look together.
const FIRST_PAUSE: Millis = Millis::new(40);
/// The longest pause between two looks.
const LONGEST_PAUSE: Millis = Millis::from_secs(2);

/// The jobs table with what it takes to see an end that the clock brings.
#[derive(Debug, Clone, Copy)]
pub struct JobReader<'a, J, C> {
    /// The jobs table.
    pub jobs: &'a J,
    /// The time.
    pub clock: &'a C,
    /// Times of a job's life.
    pub times: &'a Lifecycle,
    /// The function's metrics.
    pub metrics: &'a Metrics,
}

impl<J: JobStore, C: Clock + Ids> JobReader<'_, J, C> {
    /// `job` as it is to be answered at `now`. If the job is past its deadline, its failure is stored before it is
    /// returned, so that a late worker cannot end the job differently.
    ///
    /// # Errors
    /// [`Unavailable`] if that cannot be written.
    pub async fn settled(&self, job: Job, now: EpochMs) -> Result<Job, Unavailable> {
        let mut last = job.clone();
        let settled = update(self.jobs, Some(job), WRITE_TRIES, |found| {
            // A record that is gone leaves the failure that was to be stored.
            let Some(job) = found else {
                return ready(Ok::<_, Unavailable>(Change::Keep((last.clone(), false))));
            };
            let Swept::Expire(failed) = job.swept(now, self.times) else {
                return ready(Ok(Change::Keep((job, false))));
            };
            last = (*failed).clone();
            ready(Ok(Change::write(Some(&job), failed, (last.clone(), true))))
        });
        let (job, expired) = Box::pin(settled).await?;
        if expired {
            self.metrics.emit(now, &[], &[(Metric::TimedOut, 1)]);
        }
        Ok(job)
    }

    /// Looks at `job` until it has ended or the `budget` is over; not at all if it sleeps for longer. `left` is what the
    /// invocation still has: a look that takes too long ends the wait, not the request.
    pub async fn until_ended(&self, job: Job, budget: Millis, left: Duration) -> Job {
        let most = left.saturating_sub(REPLY);
        let budget = budget.min(most.into());
        if budget <= Millis::ZERO {
            return job;
        }
        let waited = tokio::time::timeout(most, Box::pin(self.watch(job.clone(), budget))).await;
        waited.unwrap_or(job)
    }

    /// A table that does not answer ends the wait.
    async fn watch(&self, job: Job, budget: Millis) -> Job {
        let until = self.clock.now() + budget;
        let (mut job, mut pause) = (job, FIRST_PAUSE);
        while !job.state.is_terminal() && self.clock.now() < until && job.wake_at.is_none_or(|at| at < until)
        {
            let left = until - self.clock.now();
            self.clock.sleep((pause - self.clock.chance_below(pause / 2)).min(left)).await;
            pause = (pause * 4 / 3).min(LONGEST_PAUSE);
            let Ok(Some(next)) = self.jobs.get(&job.tenant, &job.job_id).await else { break };
            match self.settled(next, self.clock.now()).await {
                Ok(next) => job = next,
                Err(_) => break,
            }
        }
        job
    }
}
