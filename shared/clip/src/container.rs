//! The containers of clips.

/// A clip's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MPEG-2 transport stream.
    Ts,
    /// ISO BMFF with its `moov` first.
    Mp4,
}
