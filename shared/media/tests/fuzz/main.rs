//! Fuzz targets: whatever the bytes, a parser neither panics nor hangs, and takes no more memory than its caps allow.
//!
//! Random bytes hardly get past a box header, so inputs are recordings with damage that knows where a field, a box, an
//! attribute or a syntax element is. What is accepted must also make sense: samples lie in the file, segments in the
//! recording, and what a writer took reads back.
//!
//! `export-fuzz` says how they run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod attacks;
mod boxes;
mod fragments;
mod manifests;
mod pictures;
mod playlists;
mod seeds;
mod syntax;
mod times;
mod transport;
mod writers;
