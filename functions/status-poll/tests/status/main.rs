//! `/export/status` over ports in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cancel;
mod edit;
mod jobs;
mod list;
mod one;
mod resource;
mod version;
mod waits;
mod world;
