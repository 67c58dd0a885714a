//! Why a clip or a still was not made.

use crate::chunked::{ChunkFault, ChunkPlan};
use export_media::cut::GiveUp;
use export_media::entries::EntryError;
use export_media::fmp4::Fmp4Error;
use export_media::mpd::MpdError;
use export_media::mux::MuxError;
use export_media::nal::NalError;
use tokio::task::JoinError;

/// The kinds of refusals: a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Kind {
    /// There is no manifest (yet).
    #[error("there is no manifest")]
    SourceAbsent,
    /// The manifest or a segment cannot be understood.
    #[error("the recording cannot be read")]
    BadRecording,
    /// The recording is encrypted.
    #[error("the recording is encrypted")]
    Encrypted,
    /// The video is neither H.264 nor H.265, or no encoder fits it.
    #[error("the codec is not supported")]
    UnsupportedCodec,
    /// A still of a recording without video.
    #[error("the recording has no video")]
    NoVideo,
    /// The encoding would not finish in time.
    #[error("the clip is too long: the longest that can be made has {longest_ms} ms")]
    ClipTooLarge {
        /// Longest window in milliseconds that would finish.
        longest_ms: i64,
    },
    /// Decoding and encoding the pictures would take more memory than there is.
    #[error("the pictures are too large")]
    PicturesTooLarge,
    /// No recorded frame lies in the window.
    #[error("nothing is recorded in the window")]
    NoMedia,
    /// Every way to make it was refused, or made something that is not as it should be.
    #[error("the clip cannot be made")]
    NotPossible,
    /// The recording may not be read.
    #[error("access is denied")]
    Denied,
}

impl Kind {
    /// Its name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceAbsent => "source_absent",
            Self::BadRecording => "bad_recording",
            Self::Encrypted => "encrypted",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::NoVideo => "no_video",
            Self::ClipTooLarge { .. } => "clip_too_large",
            Self::PicturesTooLarge => "pictures_too_large",
            Self::NoMedia => "no_media",
            Self::NotPossible => "not_possible",
            Self::Denied => "denied",
        }
    }

    /// This reason, with what it is about.
    #[must_use]
    pub fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal { kind: self, detail: detail.into() }
    }
}

/// A [`Kind`] with what it is about: which segment, track or box, and what is wrong with it. The detail is empty if
/// the reason says all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct Refusal {
    /// Why.
    pub kind: Kind,
    /// The segment, track or box at fault, and its fault.
    pub detail: String,
}

impl From<Kind> for Refusal {
    fn from(kind: Kind) -> Self {
        Self { kind, detail: String::new() }
    }
}

/// Why a clip or a still was not made, by what another try may bring.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot succeed.
    #[error("gave up: {0}")]
    GivenUp(Refusal),
    /// The recording has not grown far enough.
    #[error("the recording ends before the window")]
    Waiting {
        /// When to look again, milliseconds since the epoch.
        wake_at: i64,
        /// Milliseconds of the window that are there.
        available_ms: i64,
        /// The time up to which the recording is known to be complete, milliseconds since the epoch; `None` if nothing is
        /// recorded yet.
        live_edge_ms: Option<i64>,
    },
    /// A service did not answer: the recording has no part in it. The text is for the log.
    #[error("{0}")]
    Unanswered(String),
    /// ffmpeg was killed, the time is up, something came in between: another attempt may succeed. The text is for the
    /// log.
    #[error("{0}")]
    Passing(String),
    /// Something is missing from what was made, without a complaint: lost on its way, or always so. Once more tells.
    /// The text is for people.
    #[error("{0}")]
    Unexplained(String),
    /// A clip that is made in this way, of this recording, is refused or wrong, and would be so again. Another way
    /// to make it may do. The text is for people.
    #[error("cannot be made in this way: {1}")]
    Unfit(Unfit, String),
    /// It takes longer than there is time for, and is to be made in the chunks of this plan.
    #[error("to be made in {} chunks", .0.count())]
    FanOut(Box<ChunkPlan>),
    /// A chunk of a plan cannot be made, or the chunks cannot be joined. The text is for the log.
    #[error("{1}")]
    Chunk(ChunkFault, String),
    /// The sink or the observer failed with an error of its own.
    #[error(transparent)]
    Outside(Box<dyn std::error::Error + Send + Sync>),
}

/// Why a clip cannot be made in one way, as operators count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
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
    /// The pictures that were rendered for a join do not go with those that are copied.
    Join,
    /// The encoder failed.
    Encoder,
    /// The container cannot hold what it was given.
    Container,
}

impl Unfit {
    const ALL: [Self; 9] = [
        Self::Times,
        Self::NoStart,
        Self::Reordering,
        Self::FormatChange,
        Self::Interlaced,
        Self::ParameterSets,
        Self::Join,
        Self::Encoder,
        Self::Container,
    ];

    /// Its name in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::NoStart => "no_start",
            Self::Reordering => "reordering",
            Self::FormatChange => "format_change",
            Self::Interlaced => "interlaced",
            Self::ParameterSets => "parameter_sets",
            Self::Join => "join",
            Self::Encoder => "encoder",
            Self::Container => "container",
        }
    }

    /// The one that metrics name so.
    pub(crate) fn with_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unfit| unfit.code() == code)
    }

    /// `why`, of this kind.
    pub(crate) fn because(self, why: &str) -> Error {
        Error::Unfit(self, why.to_owned())
    }
}

impl ChunkFault {
    /// `why`, of this kind.
    pub(crate) fn because(self, why: impl Into<String>) -> Error {
        Error::Chunk(self, why.into())
    }
}

impl From<ChunkFault> for Error {
    fn from(fault: ChunkFault) -> Self {
        fault.because("the plan is not one of this program's")
    }
}

/// Says what an error is about.
pub(crate) trait About<T> {
    /// Puts the name of the segment, track or box in front of an error's text: "segment 12 of the video track". It goes
    /// to the client and must not name a bucket, a key or a tenant.
    fn about<D: std::fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T, Error>;
}

impl<T, E: Into<Error>> About<T> for Result<T, E> {
    fn about<D: std::fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T, Error> {
        self.map_err(|error| error.into().about(place()))
    }
}

impl Error {
    fn about(self, place: impl std::fmt::Display) -> Self {
        match self {
            Self::GivenUp(Refusal { kind, detail }) => {
                Self::GivenUp(kind.because(format!("{place}: {detail}")))
            }
            Self::Unanswered(why) => Self::Unanswered(format!("{place}: {why}")),
            Self::Passing(why) => Self::Passing(format!("{place}: {why}")),
            Self::Unexplained(why) => Self::Unexplained(format!("{place}: {why}")),
            Self::Unfit(unfit, why) => Self::Unfit(unfit, format!("{place}: {why}")),
            Self::Chunk(fault, why) => Self::Chunk(fault, format!("{place}: {why}")),
            other @ (Self::Waiting { .. } | Self::FanOut(_) | Self::Outside(_)) => other,
        }
    }
}

impl From<Refusal> for Error {
    fn from(cause: Refusal) -> Self {
        Error::GivenUp(cause)
    }
}

impl From<GiveUp> for Error {
    fn from(reason: GiveUp) -> Self {
        let unfit = match reason {
            GiveUp::Times => Unfit::Times,
            GiveUp::NoStart | GiveUp::Held => Unfit::NoStart,
            GiveUp::Reorder => Unfit::Reordering,
        };
        unfit.because(&reason.to_string())
    }
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        Unfit::ParameterSets.because(&error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Passing(format!("failed to talk to ffmpeg: {error}"))
    }
}

/// A panic is a fault of the worker that the same input would meet again: once more tells, and another way may not meet
/// it.
impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        if error.is_panic() {
            return Error::Unexplained("the worker failed on this recording".to_owned());
        }
        Error::Passing(format!("a task was stopped: {error}"))
    }
}

impl From<MuxError> for Error {
    fn from(error: MuxError) -> Self {
        Unfit::Container.because(&format!("the clip's container: {error}"))
    }
}

/// A recording that cannot be understood stays so.
fn unreadable(what: impl std::fmt::Display) -> Error {
    Kind::BadRecording.because(what.to_string()).into()
}

impl From<MpdError> for Error {
    fn from(error: MpdError) -> Self {
        unreadable(format_args!("the manifest: {error}"))
    }
}

impl From<Fmp4Error> for Error {
    fn from(error: Fmp4Error) -> Self {
        if matches!(error, Fmp4Error::NotMp4(_)) {
            return Kind::UnsupportedCodec.because(error.to_string()).into();
        }
        unreadable(error)
    }
}

impl From<NalError> for Error {
    fn from(error: NalError) -> Self {
        unreadable(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_no_failure_that_passes() {
        let panicked = crate::task::Task::<()>::spawn(async { panic!("as planned") }).await;
        assert!(matches!(panicked.map_err(Error::from), Err(Error::Unexplained(_))));
    }

    #[test]
    fn a_reason_is_found_by_its_name() {
        assert!(Unfit::ALL.into_iter().all(|unfit| Unfit::with_code(unfit.code()) == Some(unfit)));
        assert_eq!(Unfit::with_code("mood"), None);
    }

    #[test]
    fn an_error_says_which_part_of_the_recording_it_is_about() {
        let error: Result<(), _> = Err(Fmp4Error::Malformed("trun"));
        let error = error.about(|| "segment 12").about(|| "the video track").unwrap_err();
        let Error::GivenUp(cause) = error else { panic!("{error}") };
        assert_eq!(cause, Kind::BadRecording.because("the video track: segment 12: malformed trun box"));
    }
}
