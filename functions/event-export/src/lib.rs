//! Media Replay Engine's event documents over HTTP: the developer guide's routes and MRE's own.
//!
//! A document is built from the tables at each request, or is the last stored export. Nothing is written but documents
//! that are too large for a reply, and orders of those that take too long for one.

mod config;
mod handler;

pub use config::Config;

/// The function with its ports: MRE's data, links to large documents, the queue of the worker, clock.
#[derive(Debug)]
pub struct App<S, L, Q, C> {
    /// MRE's tables and stored exports.
    pub source: S,
    /// Where documents go that are too large for a reply.
    pub links: L,
    /// Where documents are ordered that take too long for a reply.
    pub queue: Q,
    /// The time.
    pub clock: C,
}
