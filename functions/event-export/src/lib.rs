//! Media Replay Engine's event documents over HTTP: the developer guide's routes and MRE's own.
//!
//! A document is built from the tables at each request, or is the last stored export. Nothing is written but documents
//! that are too large for a reply.

mod config;
mod handler;

pub use config::Config;

/// The function with its ports: MRE's data, links to large documents, clock.
#[derive(Debug)]
pub struct App<S, L, C> {
    /// MRE's tables and stored exports.
    pub source: S,
    /// Where documents go that are too large for a reply.
    pub links: L,
    /// The time.
    pub clock: C,
}
