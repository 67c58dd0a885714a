//! Writing MP4 (ISO/IEC 14496-12): the head of a progressive file, and fragments.
//!
//! A progressive clip is uploaded before its head is known, so [`Mp4Tables`] holds only the tables: the media bytes
//! pass by, and `finish` returns what goes in front of them. [`FragmentWriter`] feeds a remuxer over a pipe, which
//! cannot wait for a `moov` at the end.

mod boxes;
mod edit;
mod fragment;
mod movie;
mod progressive;
mod table;
#[cfg(test)]
mod testing;

use crate::display::Matrix;
use crate::time::Nanos;
use bytes::Bytes;

pub use self::edit::{edits, movie_timescale};
pub use self::fragment::{FragmentWriter, media_segment};
pub use self::progressive::Mp4Tables;

/// Why an MP4 cannot be written. `track` is the index into the list of tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MuxError {
    /// The movie or a track has no ticks per second.
    #[error("a timescale is zero")]
    ZeroTimescale,
    /// A track has no sample entry, or one that is not a whole box naming data reference 1.
    #[error("track {track} has no usable sample entry")]
    SampleEntry {
        /// The track.
        track: usize,
    },
    /// A sample or a list names a track that was not declared, or too few were given.
    #[error("the tracks given are not the tracks declared")]
    UnknownTrack,
    /// A sample names a sample entry that its track does not have.
    #[error("track {track} has no sample entry {entry}")]
    UnknownEntry {
        /// The track.
        track: usize,
        /// The entry asked for, counted from 0.
        entry: u32,
    },
    /// A decode time is negative, not after the one before, too far from it, or not 0 at the start of a progressive
    /// track.
    #[error("track {track} cannot decode a sample at {dts}")]
    DecodeTime {
        /// The track.
        track: usize,
        /// The refused time, in ticks of the track.
        dts: i64,
    },
    /// A presentation time is too far from its decode time.
    #[error("track {track} cannot present a sample at {pts}")]
    PresentationTime {
        /// The track.
        track: usize,
        /// The refused time, in ticks of the track.
        pts: i64,
    },
    /// A sample's bytes are not as many as announced.
    #[error("a sample of track {track} has not the announced size")]
    SampleSize {
        /// The track.
        track: usize,
    },
    /// An edit has no duration or a negative media time, or the last one is empty.
    #[error("the edit list of track {track} is not valid")]
    EditList {
        /// The track.
        track: usize,
    },
    /// No track received a sample.
    #[error("there is no sample to write")]
    NoSamples,
    /// A count, a size or a sum does not fit the field that holds it.
    #[error("the file is too large for its tables")]
    TooLarge,
}

/// The media of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackMedia {
    /// Pictures.
    Video {
        /// Display width in pixels, the sample aspect ratio applied.
        width: u16,
        /// Display height in pixels.
        height: u16,
        /// The turn for display.
        matrix: Matrix,
    },
    /// Audio.
    Audio,
}

/// The description of a track before its first sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackSpec {
    /// The media.
    pub kind: TrackMedia,
    /// Ticks per second of its samples and of the media times of its edits.
    pub timescale: u32,
    /// ISO 639-2/T code; anything but three lower-case letters is written as `und`.
    pub language: [u8; 3],
    /// Whole sample entry boxes (`avc1`, `hvc1`, `mp4a` and so on), copied as they are.
    pub sample_entries: Vec<Bytes>,
    /// The `roll` distance of every sample (-1 for AAC: one frame primes the decoder).
    pub roll: Option<i16>,
}

/// One sample's place in time and in its track. Times are in ticks of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MuxSample {
    /// Decode time, never negative.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// Duration; only the last sample's counts where the next decode time is known.
    pub duration: u32,
    /// `true` if decoding can start here.
    pub sync: bool,
    /// Which sample entry describes it, counted from 0.
    pub entry: u32,
    /// Bytes.
    pub size: u32,
}

impl MuxSample {
    fn composition_offset(&self, track: usize) -> Result<i32, MuxError> {
        let offset = self.pts.checked_sub(self.dts).and_then(|ticks| i32::try_from(ticks).ok());
        offset.ok_or(MuxError::PresentationTime { track, pts: self.pts })
    }

    /// The ticks from this sample's decode time to the `next` one's.
    fn delta_to(&self, track: usize, next: &Self) -> Result<u32, MuxError> {
        let delta = next.dts.checked_sub(self.dts).and_then(|ticks| u32::try_from(ticks).ok());
        delta.filter(|ticks| *ticks > 0).ok_or(MuxError::DecodeTime { track, dts: next.dts })
    }
}

/// One entry of an edit list, played at normal speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditEntry {
    /// The start of the edit in the track's presentation times, in ticks of the track. `None` shows nothing.
    pub media_time: Option<i64>,
    /// The length, in ticks of the movie.
    pub duration: u64,
}

/// A chapter of a file, which lasts until the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Its start on the presentation's clock.
    pub start: Nanos,
    /// The title; its first 255 bytes count.
    pub title: String,
}

/// Refuses what no sample could repair later.
fn check_specs(tracks: &[TrackSpec], movie_timescale: u32) -> Result<(), MuxError> {
    if movie_timescale == 0 || tracks.iter().any(|track| track.timescale == 0) {
        return Err(MuxError::ZeroTimescale);
    }
    let usable = |spec: &TrackSpec| {
        !spec.sample_entries.is_empty() && spec.sample_entries.iter().all(|entry| is_sample_entry(entry))
    };
    match tracks.iter().position(|spec| !usable(spec)) {
        Some(track) => Err(MuxError::SampleEntry { track }),
        None => Ok(()),
    }
}

/// Returns `true` if `entry` is one whole box whose media is in this file (8.5.2.2).
fn is_sample_entry(entry: &[u8]) -> bool {
    let size_matches =
        entry.first_chunk().is_some_and(|size| usize::try_from(u32::from_be_bytes(*size)) == Ok(entry.len()));
    size_matches && entry.get(14..16) == Some(&[0, 1])
}

/// Refuses an entry index beyond the track's sample entries.
fn check_entry(track: usize, spec: &TrackSpec, entry: u32) -> Result<(), MuxError> {
    let known = usize::try_from(entry).is_ok_and(|index| index < spec.sample_entries.len());
    if known { Ok(()) } else { Err(MuxError::UnknownEntry { track, entry }) }
}
