//! The world in memory: every port of `export-domain`, with a clock that tests own and faults that tests plan.
//!
//! The ports keep their stores' promises (conditional writes, `If-None-Match`, uploads in parts) and give way once in
//! every call, so that tasks interleave where they would over a network. A clone is the same store.
#![expect(clippy::expect_used, clippy::panic, reason = "a kit for tests")]

mod batches;
mod bus;
mod clock;
mod directory;
mod engine;
mod fault;
#[cfg(feature = "http")]
mod http;
mod jobs;
#[cfg(feature = "mre")]
pub mod mre;
mod objects;
mod queue;
#[cfg(feature = "media")]
pub mod recordings;
mod samples;

pub use batches::{MemoryBatches, batch};
pub use bus::MemoryBus;
pub use clock::TestClock;
pub use directory::Directory;
pub use engine::{MemoryEngine, Started};
pub use fault::{Act, Fault, Faults, Line};
#[cfg(feature = "http")]
pub use http::{Answered, ask, post};
pub use jobs::{Flaws, MemoryJobs};
pub use objects::{Call, LINKS_END, MemoryObjects, Object};
pub use queue::{DeadLetters, MemoryQueue, Sent};
pub use samples::{
    NOW, SESSION, body, claimed, directory, job, manifest, ms, progressed, ready, reel_job, tenant,
    thumbnail_body, with,
};
