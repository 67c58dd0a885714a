//! Waiting for a job to end, for clients that asked to wait and for thumbnails.

use crate::job::Job;
use crate::ports::{Clock, JobStore};
use crate::settings::Lifecycle;

/// First and longest pause between two looks, in milliseconds.
const PAUSES: (u64, u64) = (40, 400);

/// Looks at `job` until it has ended or `budget_ms` are over; returns it as it was seen last. A table that does not
/// answer ends the wait, not the request.
pub async fn until_ended(
    job: Job,
    budget_ms: i64,
    jobs: &impl JobStore,
    clock: &impl Clock,
    times: &Lifecycle,
) -> Job {
    let until = clock.now_ms() + budget_ms;
    let (mut seen, mut pause) = (job, PAUSES.0);
    while !seen.state.is_terminal() && clock.now_ms() < until {
        clock.sleep_ms(pause).await;
        pause = (pause * 3 / 2).min(PAUSES.1);
        match jobs.get(&seen.tenant, &seen.job_id).await {
            Ok(Some(next)) => seen = next.effective(clock.now_ms(), times),
            Ok(None) | Err(_) => break,
        }
    }
    seen
}
