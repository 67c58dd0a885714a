//! The data exports of Media Replay Engine (MRE): what its tables say about an event or a replay, as one JSON document.
//!
//! Two views of the same model: [`guide`], the JSON of MRE's developer guide, and [`native`], MRE's own, byte for
//! byte. Neither reads the other's output. Everything here is pure except for the reads, which go through
//! [`source::ExportSource`]; storing, serving and notifying are left to the caller.

pub mod attr;
pub mod body;
pub mod csv;
pub mod document;
pub mod edit;
pub mod edl;
pub mod export;
pub mod feedback;
pub mod format;
pub mod guide;
pub mod json;
pub mod keys;
pub mod live_join;
pub mod model;
pub mod native;
pub mod number;
pub mod otio;
pub mod outputs;
pub mod ports;
pub mod profile;
pub mod replay;
pub mod seconds;
pub mod segments;
pub mod source;
pub mod state;
pub mod stored;
pub mod trigger;
pub mod vtt;
pub mod warnings;
pub mod writer;
