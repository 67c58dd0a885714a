//! Many clips in one request: `/export/batch`.
//!
//! A batch is one item beside the jobs that it asks for. It is stored before the first job is, so that whatever goes
//! wrong then is healed by the next request for it or by the sweeper.

mod config;
mod handler;
mod reel;

pub use config::Config;

use export_domain::intake::Intake;
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metrics;

/// The function with its ports: batches, jobs, queue, event bus, sessions, tenants, clock, documents.
#[derive(Debug)]
pub struct App<B, J, Q, E, S, T, C, D> {
    /// The batches.
    pub batches: B,
    /// The jobs table.
    pub jobs: J,
    /// The work queues.
    pub queue: Q,
    /// The bus of completion events.
    pub bus: E,
    /// Judges callers, and has the limits of requests.
    pub intake: Intake<S, T, C>,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// Media Replay Engine's events and replays; `None` in a deployment without them.
    pub documents: Option<D>,
    /// The sink of metrics.
    pub metrics: Metrics,
}
