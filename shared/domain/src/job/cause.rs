//! Why a job failed: a reason from a closed list, and in words what it is about.

use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a job failed: the closed list of what clients are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    /// There is no manifest at `LivePath` (yet).
    #[error("not such dir")]
    SourceAbsent,
    /// Attempts or time used up.
    #[error("export timed out")]
    TimedOut,
    /// The manifest or a segment cannot be understood.
    #[error("recording not readable")]
    BadRecording,
    /// The recording is encrypted.
    #[error("recording is encrypted")]
    Encrypted,
    /// The video is neither H.264 nor H.265, or no encoder fits it.
    #[error("unsupported codec")]
    UnsupportedCodec,
    /// A thumbnail of a recording without video.
    #[error("no video")]
    NoVideo,
    /// The re-encode would not finish in time.
    #[error("clip too large: the longest possible Duration is {longest_ms}")]
    ClipTooLarge {
        /// Longest window that would finish.
        longest_ms: Millis,
    },
    /// Decoding and encoding the pictures would take more memory than the worker has.
    #[error("pictures too large")]
    PicturesTooLarge,
    /// No recorded frame lies in the window.
    #[error("no media in window")]
    NoMedia,
    /// Every way to make it was refused, or made something that is not as it should be.
    #[error("export not possible")]
    NotPossible,
    /// The tenant may no longer use the target or the source, or the stack's roles may not.
    #[error("access denied")]
    Denied,
    /// The key that the recording or the storage is encrypted with is disabled or deleted, or may not be used.
    #[error("encryption key not usable")]
    KeyNotUsable,
    /// The workers' clock is wrong: S3 refuses what they sign. Tried again as what has timed out is.
    #[error("service clock is wrong")]
    ClockWrong,
    /// One that only a newer version of the service knows; see [`Failure::message`](super::Failure::message).
    #[error("export not possible")]
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// Its code, as it is stored.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceAbsent => "source_absent",
            Self::TimedOut => "timed_out",
            Self::BadRecording => "bad_recording",
            Self::Encrypted => "encrypted",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::NoVideo => "no_video",
            Self::ClipTooLarge { .. } => "clip_too_large",
            Self::PicturesTooLarge => "pictures_too_large",
            Self::NoMedia => "no_media",
            Self::NotPossible => "not_possible",
            Self::Denied => "denied",
            Self::KeyNotUsable => "key_not_usable",
            Self::ClockWrong => "clock_wrong",
            Self::Unknown => "unknown",
        }
    }

    /// This reason, with what it is about.
    #[must_use]
    pub fn because(self, detail: impl Into<Detail>) -> Cause {
        Cause { reason: self, detail: detail.into() }
    }

    /// The detail of a failure of which no more is known.
    fn usual(&self) -> &'static str {
        match self {
            Self::SourceAbsent => "there is no manifest at LivePath",
            Self::TimedOut => "all attempts failed, or the time for the work is over",
            Self::BadRecording => "the manifest or a segment cannot be read",
            Self::Encrypted => "the manifest or an init segment declares encryption",
            Self::UnsupportedCodec => {
                "the picture is neither H.264 nor H.265, or in a format that no encoder takes"
            }
            Self::NoVideo => "the recording has no picture",
            Self::ClipTooLarge { .. } => "encoding the window would take longer than a worker may run",
            Self::PicturesTooLarge => {
                "decoding and encoding the pictures would take more memory than a worker has"
            }
            Self::NoMedia => "no recorded frame lies in the window",
            Self::NotPossible => "every way of making the clip was refused",
            Self::Denied => "the recording or the storage may not be used",
            Self::KeyNotUsable => "the key is disabled or deleted, or the service may not use it",
            Self::ClockWrong => "the storage refuses the time of the service's requests",
            Self::Unknown => "a newer version of the service knows why",
        }
    }
}

/// A [`Reason`] with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Cause {
    /// Why.
    pub reason: Reason,
    /// The thing at fault.
    pub detail: Detail,
}

impl From<Reason> for Cause {
    fn from(reason: Reason) -> Self {
        let detail = reason.usual().into();
        Self { reason, detail }
    }
}

/// A sentence for clients: which segment, track or box is concerned, and what is wrong with it. Never the name of a
/// bucket, a key or another tenant. At most [`Detail::MOST`] characters, and none that does not print.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Detail(String);

impl Detail {
    /// The most characters that are kept.
    pub const MOST: usize = 300;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        let printable = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
        Self(text.trim().chars().map(printable).take(Self::MOST).collect())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Reason; 14] = [
        Reason::SourceAbsent,
        Reason::TimedOut,
        Reason::BadRecording,
        Reason::Encrypted,
        Reason::UnsupportedCodec,
        Reason::NoVideo,
        Reason::ClipTooLarge { longest_ms: Millis::new(1) },
        Reason::PicturesTooLarge,
        Reason::NoMedia,
        Reason::NotPossible,
        Reason::Denied,
        Reason::KeyNotUsable,
        Reason::ClockWrong,
        Reason::Unknown,
    ];

    #[test]
    fn a_reasons_code_is_the_one_that_is_stored() {
        for reason in ALL {
            assert_eq!(serde_json::to_value(&reason).unwrap()["code"], reason.code());
        }
    }

    #[test]
    fn every_reason_is_explained_to_clients_and_operators() {
        for page in ["infra/docs/OPERATIONS.md", "tests/openapi/tests/document/description.md"] {
            let path = format!("{}/../../{page}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            for reason in ALL {
                let told = reason.to_string();
                let told = told.split(':').next().unwrap();
                let row = |line: &str| line.starts_with("| `") && line.contains(&format!("`{told}"));
                assert!(text.lines().any(row), "{page} lacks: {told}");
            }
        }
    }

    #[test]
    fn no_reason_is_without_a_detail() {
        for reason in ALL {
            assert!(!Cause::from(reason).detail.is_empty());
        }
    }

    #[test]
    fn a_detail_is_bounded_and_printable_however_it_is_made() {
        let long = format!(" segment 7\n\u{1b}[31m{}", "x".repeat(400));
        let made = Detail::from(long.as_str());
        assert!(
            made.as_str().starts_with("segment 7  [31mx") && made.as_str().chars().count() == Detail::MOST
        );
        let read: Detail = serde_json::from_value(long.into()).unwrap();
        assert_eq!(read, made);
    }
}
