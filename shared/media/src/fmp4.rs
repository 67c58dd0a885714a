//! Fragmented MP4 (ISO/IEC 14496-12): init segments, fragments and indexes become samples in integer ticks.
//!
//! Boxes are hostile: every size is checked against what holds it, every count against a cap before memory is taken
//! for it, and anything that would make the timing a guess (a segment without decode time, a rate of play) is an error.
//! Which bytes to fetch is left to the caller; [`read_moof`] works on the first few KiB of a segment.

mod boxes;
mod codec;
mod described;
mod fragment;
mod init;
mod sidx;
mod stream;
mod table;

#[cfg(test)]
mod tests;

pub use boxes::BoxHeader;
pub use codec::{Codec, SampleEntry};
pub use described::described;
pub use fragment::{MoofRead, read_fragments, read_moof, read_readable, unwrap_times};
pub use init::{Defaults, Init, InitTrack};
pub use sidx::{Index, IndexEntry};
pub use stream::{FragmentEvent, FragmentReader, FragmentSample};
pub use table::{FileSamples, TableSamples};

/// The largest `moof` that is read, in bytes.
pub const MAX_MOOF: usize = 16 << 20;

/// The most samples that one call returns for one track.
pub const MAX_SAMPLES: usize = 1 << 18;

/// The kind of a track, by its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// `vide`.
    Video,
    /// `soun`.
    Audio,
    /// Anything else.
    Other,
}

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fmp4Error {
    /// A box or field reaches beyond the data.
    #[error("the data ends within a box")]
    Truncated,
    /// A box is smaller than its own header, or a field holds an illegal value.
    #[error("malformed {0} box")]
    Malformed(&'static str),
    /// A box that must be there is not.
    #[error("no {0} box")]
    Missing(&'static str),
    /// A cap was exceeded.
    #[error("too many or too large: {0}")]
    TooMany(&'static str),
    /// The file is not a file of ISO/IEC 14496-12.
    #[error("the file is {0}, not MP4")]
    NotMp4(&'static str),
    /// Legal, but beyond what a cut can follow exactly.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// A sample's bytes or time lie outside the file or the range of the arithmetic.
    #[error("a sample is out of range")]
    SampleOutOfRange,
}
