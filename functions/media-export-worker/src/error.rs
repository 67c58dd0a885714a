//! Why work on a job stops before it is done.

use export_domain::job::{Fenced, Reason};
use export_domain::ports::{Unavailable, WriteError};
use export_media::cut::GiveUp;
use export_media::fmp4::Fmp4Error;
use export_media::mpd::MpdError;
use export_media::mux::MuxError;
use export_media::nal::NalError;

/// Decides what becomes of the job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// It cannot succeed.
    #[error("gave up: {0}")]
    GivenUp(Reason),
    /// The recording has not grown far enough.
    #[error("the recording ends before the window")]
    Waiting {
        /// When to look again, milliseconds since the epoch.
        wake_at: i64,
        /// Milliseconds of the window that are there.
        available_ms: i64,
    },
    /// It may succeed another time; the text is for the log.
    #[error("{0}")]
    Passing(String),
    /// The clip cannot be made by copying, or was not made well; it can be rendered as a whole. The text is for people.
    #[error("cannot be copied: {1}")]
    Unfit(Unfit, String),
    /// The claim was lost.
    #[error(transparent)]
    Fenced(#[from] Fenced),
}

/// Why a clip cannot be copied, as far as operators count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The recorded times contradict the order of the pictures.
    Times,
    /// There is nothing to start a copy with.
    NoStart,
    /// Pictures are reordered too far.
    Reordering,
    /// Size, codec or time scale change within the window.
    FormatChange,
    /// The recording is interlaced HEVC.
    Interlaced,
    /// Rendered and copied pictures do not fit into one sample entry.
    ParameterSets,
    /// What was rendered for a join does not go with what is copied.
    Join,
    /// The encoder failed.
    Encoder,
}

impl Unfit {
    /// Its name in metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::NoStart => "no_start",
            Self::Reordering => "reordering",
            Self::FormatChange => "format_change",
            Self::Interlaced => "interlaced",
            Self::ParameterSets => "parameter_sets",
            Self::Join => "join",
            Self::Encoder => "encoder",
        }
    }

    /// `why`, of this kind.
    pub(crate) fn because(self, why: &str) -> WorkError {
        WorkError::Unfit(self, why.to_owned())
    }
}

impl From<Reason> for WorkError {
    fn from(reason: Reason) -> Self {
        WorkError::GivenUp(reason)
    }
}

impl From<GiveUp> for WorkError {
    fn from(reason: GiveUp) -> Self {
        let unfit = match reason {
            GiveUp::Times => Unfit::Times,
            GiveUp::NoStart => Unfit::NoStart,
            GiveUp::Reorder => Unfit::Reordering,
        };
        unfit.because(&reason.to_string())
    }
}

impl From<Unavailable> for WorkError {
    fn from(error: Unavailable) -> Self {
        WorkError::Passing(error.to_string())
    }
}

impl From<WriteError> for WorkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Denied(why) => {
                tracing::warn!(why, "may not write to the target");
                WorkError::GivenUp(Reason::Denied)
            }
            WriteError::Unavailable(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for WorkError {
    fn from(error: std::io::Error) -> Self {
        WorkError::Passing(format!("failed to talk to ffmpeg: {error}"))
    }
}

impl From<MuxError> for WorkError {
    fn from(error: MuxError) -> Self {
        WorkError::Passing(format!("failed to write the clip: {error}"))
    }
}

/// A recording that cannot be understood stays so.
fn unreadable(what: &str, error: &dyn std::fmt::Display) -> WorkError {
    tracing::warn!(%error, "failed to read the {what}");
    WorkError::GivenUp(Reason::BadRecording)
}

impl From<MpdError> for WorkError {
    fn from(error: MpdError) -> Self {
        unreadable("manifest", &error)
    }
}

impl From<Fmp4Error> for WorkError {
    fn from(error: Fmp4Error) -> Self {
        unreadable("segments", &error)
    }
}

impl From<NalError> for WorkError {
    fn from(error: NalError) -> Self {
        unreadable("pictures", &error)
    }
}
