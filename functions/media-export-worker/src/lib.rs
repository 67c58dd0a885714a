//! Makes what was ordered: takes a job's message, claims the job, reads only the segments that it needs, publishes the
//! JPEG and the clip, commits.
//!
//! One binary serves the queues, so that a thumbnail never waits behind clips, and makes the chunks of clips that take more
//! than one function's time. Nothing is written to disk; pictures go
//! through pipes, clips go to S3 in parts as they are made. Whatever happens, the job item says so afterwards or its
//! lease ends and another worker takes over; the fence in every write keeps the first one out from then on.

mod attempt;
mod chunk;
mod chunks;
mod clear;
mod config;
mod deployed;
mod error;
mod fan;
mod handler;
mod lease;
mod play;
mod publish;
mod recording;
mod report;
mod steps;
mod threads;
mod upload;
mod windows;

pub use chunk::{ChunkAsked, ChunkFailed, ChunkTold};
pub use chunks::FanOutSettings;
pub use config::{Config, WorkerKind};
pub use deployed::Deployed;
pub use report::check_cage;
pub use threads::block_on;

use export_clip::Ffmpeg;
use export_domain::ports::{
    ChunkNotes, ClipLine, ClipStore, Clock, DeadLetters, Engine, EventBus, Ids, JobQueue, JobStore,
    SourceStore, Tenants,
};
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metrics;
use std::fmt::Debug;
use std::sync::Arc;

/// The ports of one deployment, so that everything else has one type parameter.
pub trait World: Debug + Send + Sync + 'static {
    /// The jobs table.
    type Jobs: JobStore + ClipLine + ChunkNotes + Debug;
    /// The work queues.
    type Queue: JobQueue + Debug;
    /// The tenants table.
    type Tenants: Tenants + Debug;
    /// Recordings and clips.
    type Objects: SourceStore + ClipStore + Debug + 'static;
    /// The engine that runs a function for each chunk of a clip.
    type Engine: Engine + Debug;
    /// The dead-letter queue.
    type DeadLetters: DeadLetters + Debug;
    /// The bus of completion events.
    type Bus: EventBus + Debug;
    /// The time, and names of claims.
    type Clock: Clock + Ids + Debug;
}

/// The function with its ports and settings.
#[derive(Debug)]
pub struct App<W: World> {
    /// The jobs table.
    pub jobs: W::Jobs,
    /// The work queues, for wake-ups.
    pub queue: W::Queue,
    /// The tenants table.
    pub tenants: W::Tenants,
    /// Recordings and clips.
    pub objects: Arc<W::Objects>,
    /// The engine that runs a function for each chunk of a clip.
    pub engine: W::Engine,
    /// The settings of clips in chunks; without, a clip that does not fit into an invocation is refused.
    pub fan_out: Option<FanOutSettings>,
    /// The queue that keeps unrecognised messages.
    pub dead_letters: W::DeadLetters,
    /// The bus of completion events.
    pub bus: W::Bus,
    /// The time.
    pub clock: W::Clock,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// `true` if clips are published as playlists besides.
    pub plays: bool,
    /// The number of clips that are made at the same time; without it tenants do not share.
    pub workers: Option<u32>,
    /// ffmpeg, for what cannot be copied.
    pub ffmpeg: Ffmpeg,
    /// The function's metrics.
    pub metrics: Metrics,
}
