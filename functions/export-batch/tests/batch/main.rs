//! `/export/batch` over ports in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod crashes;
mod life;
mod lists;
mod reels;
mod requests;
mod world;
