//! Ends that the clock brings, counted by whoever writes them down.

use crate::metrics::{Metric, Metrics};
use export_domain::job::Job;
use export_domain::ports::{Clock, JobStore, Unavailable};
use export_domain::settings::Lifecycle;
use export_domain::wait::{self, Seen};

/// [`wait::settled`], counted.
///
/// # Errors
/// [`Unavailable`] if the end cannot be written.
pub async fn settled(
    job: Job,
    jobs: &impl JobStore,
    clock: &impl Clock,
    times: &Lifecycle,
    metrics: &Metrics,
) -> Result<Job, Unavailable> {
    Ok(counted(wait::settled(job, jobs, clock, times).await?, clock, metrics))
}

/// [`wait::until_ended`], counted.
pub async fn until_ended(
    job: Job,
    budget_ms: i64,
    jobs: &impl JobStore,
    clock: &impl Clock,
    times: &Lifecycle,
    metrics: &Metrics,
) -> Job {
    counted(wait::until_ended(job, budget_ms, jobs, clock, times).await, clock, metrics)
}

fn counted(seen: Seen, clock: &impl Clock, metrics: &Metrics) -> Job {
    if seen.expired {
        metrics.emit(clock.now_ms(), &[], &[(Metric::TimedOut, 1)]);
    }
    seen.job
}
