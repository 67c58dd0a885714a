//! The links to a job's files over ports in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod links;
mod play;
mod redirect;
mod refusals;
mod segments;
mod world;
