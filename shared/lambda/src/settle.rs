//! Ends that the clock brings, counted by the writer.

use crate::metrics::{Metric, Metrics};
use export_domain::job::Job;
use export_domain::ports::{Clock, JobStore, Unavailable};
use export_domain::settings::Lifecycle;
use export_domain::wait::{self, Seen};
use std::time::Duration;

/// [`wait::settled`], counted.
///
/// # Errors
/// [`Unavailable`] if the end cannot be written.
pub async fn settled(
    job: Job,
    jobs: &impl JobStore,
    now: i64,
    times: &Lifecycle,
    metrics: &Metrics,
) -> Result<Job, Unavailable> {
    Ok(counted(wait::settled(job, jobs, now, times).await?, now, metrics))
}

/// Kept back for the reply from the time that an invocation has.
const REPLY: Duration = Duration::from_secs(5);

/// [`wait::until_ended`], counted, and over in time: `left` is what the invocation still has, and a look that takes too
/// long does not take the reply along.
pub async fn until_ended(
    job: Job,
    budget_ms: i64,
    left: Duration,
    jobs: &impl JobStore,
    clock: &impl Clock,
    times: &Lifecycle,
    metrics: &Metrics,
) -> Job {
    let most = left.saturating_sub(REPLY);
    let budget_ms = budget_ms.min(i64::try_from(most.as_millis()).unwrap_or(i64::MAX));
    if budget_ms <= 0 {
        return job;
    }
    let seen =
        tokio::time::timeout(most, Box::pin(wait::until_ended(job.clone(), budget_ms, jobs, clock, times)))
            .await;
    seen.map_or(job, |seen| counted(seen, clock.now_ms(), metrics))
}

fn counted(seen: Seen, now: i64, metrics: &Metrics) -> Job {
    if seen.expired {
        metrics.emit(now, &[], &[(Metric::TimedOut, 1)]);
    }
    seen.job
}
