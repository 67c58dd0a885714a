//! Finds recordings: `GET /recordings` lists those in a folder, `GET /recordings/{path}` says what one holds, and
//! `POST /export/plan` how a clip of one would be made.
//!
//! Nothing here writes, and no list of segments is ever asked for: what a recording holds follows from its manifest.

mod config;
mod found;
mod handler;
mod holds;
mod media;
mod planned;

pub use config::Config;

use export_clip::{FanOut, Machine};
use export_domain::intake::Intake;
use std::sync::Arc;

/// The function with its ports: recordings, sessions, tenants, clock.
#[derive(Debug)]
pub struct App<O, S, T, C> {
    /// Recordings.
    pub objects: Arc<O>,
    /// `true` if the operator lets sessions find recordings.
    pub access: bool,
    /// `true` if the operator lets links be signed.
    pub signs: bool,
    /// The stack's own bucket of recordings.
    pub source_bucket: String,
    /// The machine that clips are made on.
    pub machine: Machine,
    /// When they are made in chunks.
    pub fan_out: Option<FanOut>,
    /// Judges requests.
    pub intake: Intake<S, T, C>,
}
