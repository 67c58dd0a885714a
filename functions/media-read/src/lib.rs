//! Lends links to the files of jobs: `GET /export/jobs/{jobId}/files` and `/export/jobs/{jobId}/video`, and plays clips as
//! playlists: `/export/jobs/{jobId}/play/{file}`.
//!
//! A link is signed by the function's own role, without a call to S3. It opens its file to everyone who has it until it
//! ends, so no link is logged, and no cache keeps a reply. Nothing here writes.

mod config;
mod handler;
mod play;
mod whole;

pub use config::Config;

use export_domain::intake::Intake;
use export_lambda::metrics::Metrics;
use std::sync::Arc;

/// The function with its ports: jobs, links, sessions, tenants, clock.
#[derive(Debug)]
pub struct App<J, L, S, T, C> {
    /// The jobs table.
    pub jobs: J,
    /// The signer of links, who also reads recordings.
    pub links: Arc<L>,
    /// Judges sessions and tenants.
    pub intake: Intake<S, T, C>,
    /// The stack's own bucket for clips.
    pub bucket: String,
    /// The stack's own bucket of recordings.
    pub source_bucket: String,
    /// `true` if the operator lets links be signed.
    pub signs: bool,
    /// `true` if the operator lets clips be played as playlists.
    pub plays: bool,
    /// The sink of metrics.
    pub metrics: Metrics,
}
