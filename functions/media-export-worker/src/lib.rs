//! Makes what was ordered: takes a job's message, claims the job, reads only the segments that it needs, publishes the
//! JPEG and the clip, commits.
//!
//! One binary serves two queues, so that a thumbnail never waits behind clips. Nothing is written to disk; pictures go
//! through pipes, clips go to S3 in parts as they are made. Whatever happens, the job item says so afterwards or its
//! lease ends and another worker takes over; the fence in every write keeps the first one out from then on.

mod batch;
mod clear;
mod config;
mod engine;
mod error;
mod lease;
mod pipeline;
mod publish;
mod report;
mod upload;

pub use config::Config;
pub use report::check_cage;

use export_clip::Ffmpeg;
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metrics;
use std::sync::Arc;

/// The function with its ports: jobs, queues, tenants, objects, dead letters, event bus, clock.
#[derive(Debug)]
pub struct App<J, Q, T, O, D, B, C> {
    /// The jobs table.
    pub jobs: J,
    /// The work queues, for wake-ups.
    pub queue: Q,
    /// The tenants table.
    pub tenants: T,
    /// Recordings and clips.
    pub objects: Arc<O>,
    /// Where messages go that are none of ours.
    pub dead_letters: D,
    /// Where completion events go.
    pub bus: B,
    /// The time.
    pub clock: C,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// How many clips are made at the same time; without it tenants do not share.
    pub workers: Option<u32>,
    /// ffmpeg, for what cannot be copied.
    pub ffmpeg: Ffmpeg,
    /// Where metrics go.
    pub metrics: Metrics,
}
