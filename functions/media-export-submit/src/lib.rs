//! Takes orders: `POST /export`.
//!
//! The job item is the outbox: it is stored if absent, then its message is sent. Whatever goes wrong behind the
//! stored item is healed by the next POST or by the sweeper, so the reply is "Work Not Finish" from then on. A request
//! that is not stored is never answered with `ErrorCode` 1.

mod config;
mod handler;

pub use config::Config;

use export_domain::intake::Intake;
use export_domain::settings::{Lifecycle, ReplyStyle};
use export_lambda::metrics::Metrics;

/// The function with its ports: jobs, queue, objects, sessions, tenants, clock.
#[derive(Debug)]
pub struct App<J, Q, O, S, T, C> {
    /// The jobs table.
    pub jobs: J,
    /// The work queues.
    pub queue: Q,
    /// The store of clips.
    pub objects: O,
    /// Judges requests.
    pub intake: Intake<S, T, C>,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// The form of replies.
    pub style: ReplyStyle,
    /// The sink of metrics.
    pub metrics: Metrics,
}
