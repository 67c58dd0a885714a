//! Exports what Media Replay Engine's events ask for: its keys, attributes and events, so that it can stand in for
//! MRE's own exporter.
//!
//! Triggers come late, twice, in any order and in bursts. A trigger that an export covers is done without work; one
//! worker builds, no two; a trigger that meets another worker waits in the queue. What can never be exported is told on
//! the bus and kept as a dead letter; a transient failure comes back, and is a dead letter after five times.
//!
//! Documents that take too long for the reply to a request are built here as well.

mod config;
mod handler;

pub use config::Config;

/// The function with its ports: MRE's data, exports, states and rows, bus, queue, dead letters, clock.
#[derive(Debug)]
pub struct App<S, E, T, B, Q, D, C> {
    /// MRE's tables and stored exports.
    pub source: S,
    /// The store of exports.
    pub exports: E,
    /// The states of the builds, and the rows that point at exports.
    pub states: T,
    /// MRE's bus.
    pub bus: B,
    /// The queue that the triggers come from.
    pub queue: Q,
    /// The queue of triggers that can never be exported.
    pub dead_letters: D,
    /// The time.
    pub clock: C,
    /// Seconds that a trigger waits for a worker that builds the same export, at least 1.
    pub wait_s: u32,
    /// Bytes from which on the bus refuses an entry.
    pub entry_bytes: usize,
}
