//! `/recordings` over ports in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod found;
mod holds;
mod media;
mod planned;
mod world;
