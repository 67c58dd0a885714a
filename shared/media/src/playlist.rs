//! Clips that are played before they are files: a rendered head and tail as media segments of their own, and between them
//! the recording's segments where they are.
//!
//! [`Joiner`] builds one track's segments from the pictures that a clip is joined of. A [`Playlist`] lists the segments of
//! all tracks, and is written as an HLS playlist ([`hls`]) or as a DASH manifest ([`dash`]). All segments of a track follow
//! one init segment and one clock, that of the recording: players know one continuous track, without a discontinuity.

mod codecs;
pub mod dash;
pub mod hls;
mod join;
#[cfg(test)]
mod testing;

use crate::time::Nanos;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use codecs::codecs;
pub use join::{JoinError, JoinedSample, JoinedTrack, Joiner, RecordedSegment};

/// The place of an init segment or a media segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaPlace {
    /// A file that was made for the clip, by its name.
    Made(String),
    /// A file of the recording: its path below the manifest's folder, and the first and last byte of a part of it.
    Recorded(String, Option<(u64, u64)>),
}

impl MediaPlace {
    /// The path of a file of the recording.
    pub fn recorded(&self) -> Option<&str> {
        match self {
            Self::Made(_) => None,
            Self::Recorded(path, _) => Some(path),
        }
    }

    /// The first and the last byte, if only a part of the file is meant.
    pub fn range(&self) -> Option<(u64, u64)> {
        match self {
            Self::Made(_) => None,
            Self::Recorded(_, range) => *range,
        }
    }
}

/// Names what is at a place.
pub type PlaceUri<'a> = dyn FnMut(&MediaPlace) -> Cow<'a, str> + 'a;

/// One media segment. Times are in ticks of its track, after the edit list of its init segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSegment {
    /// Its bytes.
    #[serde(rename = "p")]
    pub place: MediaPlace,
    /// The presentation time of the sample that is shown first.
    #[serde(rename = "t")]
    pub time: i64,
    /// The time to the next segment's, or to the end of the last sample.
    #[serde(rename = "d")]
    pub duration: i64,
}

/// One track of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaylistTrack {
    /// Codec as RFC 6381 names it; empty if that is not known.
    #[serde(default)]
    pub codecs: String,
    /// Bits a second, by the recording's manifest.
    #[serde(default)]
    pub bandwidth: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// The tick at which the clip starts.
    pub zero: i64,
    /// Columns and rows of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u16, u16)>,
    /// Language as the recording's manifest names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Label by the recording's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Every segment starts with a sample that decoding can start with.
    #[serde(default)]
    pub independent: bool,
    /// Its init segment.
    pub init: MediaPlace,
    /// Its segments, in order and without a gap.
    pub segments: Vec<ListedSegment>,
}

impl PlaylistTrack {
    /// All places that are named, that of the init segment first.
    pub fn places(&self) -> impl Iterator<Item = &MediaPlace> {
        std::iter::once(&self.init).chain(self.segments.iter().map(|segment| &segment.place))
    }

    /// The tick behind the last one.
    pub fn end(&self) -> i64 {
        self.segments.last().map_or(self.zero, |last| last.time.saturating_add(last.duration))
    }

    /// The seconds from the clip's start to a tick, rounded down to six decimals; 0 before it.
    fn seconds(&self, tick: i64) -> DecimalSeconds {
        let ticks = i128::from(tick).saturating_sub(self.zero.into()).max(0);
        DecimalSeconds(ticks.saturating_mul(1_000_000) / i128::from(self.timescale.max(1)))
    }
}

/// A clip as a list of segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playlist {
    /// The pictures.
    pub video: PlaylistTrack,
    /// All audio tracks.
    #[serde(default)]
    pub audio: Vec<PlaylistTrack>,
    /// Names of the contents of recorded files in their store, by the files' paths: other content is another recording.
    #[serde(default)]
    pub contents: BTreeMap<String, String>,
}

impl Playlist {
    /// All tracks, the pictures first.
    pub fn tracks(&self) -> impl Iterator<Item = &PlaylistTrack> {
        std::iter::once(&self.video).chain(&self.audio)
    }

    /// Paths of the recorded files that are named.
    pub fn recorded(&self) -> BTreeSet<&str> {
        self.tracks().flat_map(PlaylistTrack::places).filter_map(MediaPlace::recorded).collect()
    }

    /// The length in milliseconds.
    pub fn length_ms(&self) -> i64 {
        i64::try_from(self.video.seconds(self.video.end()).0 / 1000).unwrap_or(i64::MAX)
    }
}

/// A window by whole segments of the recording, while its ends are not made yet: up to a segment more at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeSegments {
    /// The segments that share time with the window, so far.
    pub playlist: Playlist,
    /// The time from the start of the first picture segment to that of the window.
    pub lead: Nanos,
    /// More segments will follow.
    pub grows: bool,
}

/// The ends of a playlist against those of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The window itself.
    Exact,
    /// Whole segments around it, as [`WholeSegments`] has them.
    Whole {
        /// The time from the first one's start to the window's.
        lead: Nanos,
        /// More will follow.
        grows: bool,
    },
}

impl WholeSegments {
    /// Its ends against those of the window.
    pub fn ends(&self) -> Ends {
        Ends::Whole { lead: self.lead, grows: self.grows }
    }
}

/// Microseconds, written as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct DecimalSeconds(i128);

impl DecimalSeconds {
    /// A length of time, rounded down; 0 for a negative one.
    fn of(length: Nanos) -> Self {
        Self(length.get().max(0) / 1000)
    }

    /// Whole seconds, rounded up.
    fn ceil(self) -> i128 {
        (self.0 + 999_999) / 1_000_000
    }
}

impl std::fmt::Display for DecimalSeconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
