//! The way in which a clip is made, and the steps of that.

use crate::error::Unfit;

/// The way in which a clip is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `copy`, `smart` (copied except for its ends) or `reencode`.
    pub kind: &'static str,
    /// Why in this way.
    pub reason: String,
    /// Why it could not be copied, if that was tried.
    pub fell_back: Option<Unfit>,
    /// Frames that went through an encoder.
    pub frames_encoded: u64,
    /// Frames that are as recorded.
    pub frames_copied: u64,
    /// Milliseconds of decoding and encoding, all runs added up.
    pub render_ms: u64,
    /// Milliseconds of checking the joins, all added up.
    pub check_ms: u64,
    /// The number of chunks that it was joined of; 0 if it was made in one piece.
    pub chunks: u32,
}

/// The step that the making of a clip is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipPhase {
    /// The recording is read, and nothing is made yet.
    Reading,
    /// Pictures or audio are copied.
    Copying,
    /// Pictures are encoded; others may be copied at the same time.
    Encoding,
    /// Encoded pictures are played beside the copied ones.
    Checking,
}
