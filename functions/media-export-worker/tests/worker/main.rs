//! The worker over ports in memory, without ffmpeg: what it claims, how it ends, what it finds after a crash.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod adoption;
mod audio;
mod back;
mod chunks;
mod claims;
mod clears;
mod ends;
mod finals;
mod holes;
mod live;
mod losses;
mod messages;
mod paths;
mod reels;
mod shares;
mod told;
mod world;
