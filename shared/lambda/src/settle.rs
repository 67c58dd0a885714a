//! Ends that the clock brings, counted.

use crate::metrics::{Metric, Metrics};
use export_domain::job::{Job, State};
use export_domain::ports::{Clock, JobStore, Unavailable};
use export_domain::settings::Lifecycle;
use export_domain::wait;

/// [`wait::settled`]; an end that this wrote down counts as [`Metric::TimedOut`].
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
    let lived = !job.state.is_terminal();
    let seen = wait::settled(job, jobs, clock, times).await?;
    if lived && seen.state == State::Failed {
        metrics.emit(clock.now_ms(), None, &[(Metric::TimedOut, 1)]);
    }
    Ok(seen)
}
