//! Completion events, without waiting for the listener.

use export_domain::completion;
use export_domain::job::Job;
use export_domain::ports::{EventBus, JobStore, Unavailable};
use std::time::Duration;

/// The most that an event may cost its teller. An end stays due until its event is on the bus, so nothing is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// [`completion::tell`], bounded to two seconds.
///
/// # Errors
/// [`Unavailable`] if the bus did not take the event in time or that could not be noted; the sweeper does it again.
pub async fn tell(job: &Job, bus: &impl EventBus, jobs: &impl JobStore) -> Result<(), Unavailable> {
    let told = tokio::time::timeout(PATIENCE, completion::tell(job, bus, jobs)).await;
    told.unwrap_or_else(|_| Err(Unavailable("the event bus", "no answer within 2 s".to_owned())))
}
