//! Answers how far jobs are: `GET` and `POST /export/status`, with cancel and list; and of which version the service is.
//!
//! Nothing here creates a job or sends a message. What a job is at the moment follows from its item and the time, so
//! a sweeper that stands still cannot make a dead job look alive.

mod config;
mod edit;
mod handler;
mod version;

pub use config::Config;

use export_domain::intake::Intake;
use export_domain::settings::{Lifecycle, ReplyStyle};
use export_lambda::metrics::Metrics;

/// The function with its ports: jobs, sessions, tenants, clock.
#[derive(Debug)]
pub struct App<J, S, T, C> {
    /// The jobs table.
    pub jobs: J,
    /// Judges requests.
    pub intake: Intake<S, T, C>,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// The form of replies.
    pub style: ReplyStyle,
    /// The sink of metrics.
    pub metrics: Metrics,
}
