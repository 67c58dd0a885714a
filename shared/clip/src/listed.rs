//! A clip as a playlist, or the reason for which it has none.

use crate::error::Error;
use bytes::Bytes;
use export_media::entries::EntryError;
use export_media::playlist::{JoinError, Playlist};

/// Why a clip has no playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlaylist {
    /// Every picture is encoded, since none can be copied, or another codec is asked for.
    #[error("the clip is encoded as a whole")]
    Encoded,
    /// Its pictures are HEVC: whether players follow parameter sets of two encoders there is not proven.
    #[error("the pictures are not H.264")]
    Codec,
    /// The recording is interlaced.
    #[error("the recording is interlaced")]
    Interlaced,
    /// There is a hole in the window.
    #[error("the recording has a hole in the window")]
    Hole,
    /// The window reaches over several Periods.
    #[error("the window lies in several Periods")]
    Periods,
    /// The clip has several windows.
    #[error("the clip has several windows")]
    Windows,
    /// Pictures and audio are in one file.
    #[error("the recording has several tracks in a file, or a track has several sample entries")]
    Multiplexed,
    /// The recorded segments do not go with the parameter sets of the rendered pictures.
    #[error("recorded and rendered pictures cannot have one init segment: {0}")]
    Sets(String),
    /// Recorded and rendered segments do not make one continuous track.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Something is left out of the clip, or corrected in it.
    #[error("the recording is damaged: {0}")]
    Damaged(String),
    /// A file of the recording changed between two reads.
    #[error("the recording changed while it was read")]
    Changed,
    /// An audio track cannot be listed.
    #[error("an audio track cannot be listed: {0}")]
    Audio(String),
    /// The recording cannot be read. The text is for the log.
    #[error("the recording cannot be read: {0}")]
    Unread(String),
}

impl NoPlaylist {
    /// Its name, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoded => "encoded",
            Self::Codec => "codec",
            Self::Interlaced => "interlaced",
            Self::Hole => "hole",
            Self::Periods => "periods",
            Self::Windows => "windows",
            Self::Multiplexed => "multiplexed",
            Self::Sets(_) => "parameter_sets",
            Self::Join(_) => "times",
            Self::Damaged(_) => "damaged",
            Self::Changed => "changed",
            Self::Audio(_) => "audio",
            Self::Unread(_) => "unread",
        }
    }
}

impl From<EntryError> for NoPlaylist {
    fn from(error: EntryError) -> Self {
        Self::Sets(error.to_string())
    }
}

impl From<Error> for NoPlaylist {
    fn from(error: Error) -> Self {
        Self::Unread(error.to_string())
    }
}

/// A clip as a playlist, and the files that were made for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePlaylist {
    /// The segments.
    pub playlist: Playlist,
    /// Names and bytes of the files that are not the recording's.
    pub files: Vec<(String, Bytes)>,
}
