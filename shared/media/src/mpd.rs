//! DASH manifests (ISO/IEC 23009-1): hostile XML in, timed segments and their keys out.
//!
//! Our own reader over `quick-xml`, because the published MPD crates model the whole schema, accept remote
//! references and have no caps. This one keeps what a cut needs, refuses document types, entities, remote content and
//! every reference that leaves the recording's directory, and never expands `S@r`: a timeline stays a list of runs,
//! searched by bisection. `Location`, `PatchLocation`, `UTCTiming` and events are ignored, since nothing is ever
//! fetched by URL. Reading bytes and asking the clock is left to the caller.

mod file;
mod gzip;
mod lexical;
mod named;
mod path;
mod range;
mod raw;
mod resolve;
mod segments;
mod template;
mod timeline;
mod xml;

#[cfg(test)]
mod tests;

pub use file::{SingleFile, SingleStream, single_file, single_stream};
pub(crate) use lexical::{decimal_nanos, frame_rate, lenient_date_time};
pub(crate) use named::{Named, NamedSegment};
pub(crate) use path::join;
pub use path::{is_inside, resolve};
pub use range::ByteRange;
pub(crate) use segments::UrlRef;
pub use segments::{ListedSpan, ObjectRange, Segment};

use crate::time::{Nanos, Timeline};
use segments::Addressing;
use std::sync::Arc;

/// The largest manifest that is read, in bytes, packed or not: two days of segments of 2 s in eight tracks that each
/// have an element of their own.
pub const MAX_BYTES: usize = 32 << 20;

/// Why a manifest, or one of its references, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MpdError {
    /// More than [`MAX_BYTES`].
    #[error("the manifest has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// The text is not UTF-8.
    #[error("the manifest is not UTF-8")]
    NotUtf8,
    /// Nothing, or the beginning of a manifest: its writer may not be done.
    #[error("the manifest ends before it is complete")]
    Incomplete,
    /// Packed with gzip, but not so that it can be unpacked.
    #[error("the manifest cannot be unpacked")]
    Packed,
    /// The XML is not well-formed; the position is in bytes.
    #[error("malformed XML near byte {0}")]
    Xml(u64),
    /// A document type declaration or an entity other than XML's five.
    #[error("the manifest declares or uses an entity")]
    Entity,
    /// Remote content by `xlink:href`.
    #[error("the manifest refers to remote content")]
    Remote,
    /// The text is not an HLS playlist.
    #[error("the document is not an HLS playlist")]
    NotAPlaylist,
    /// The root is not an `MPD`.
    #[error("the document is not an MPD")]
    NotAnMpd,
    /// A cap was exceeded.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// An attribute or element holds no legal value.
    #[error("the value of {0} is not valid")]
    BadValue(&'static str),
    /// A segment timeline that overflows or says nothing about a length.
    #[error("the segment timeline is not valid")]
    BadTimeline,
    /// A template with an unknown identifier, a missing value or an absurd width.
    #[error("the segment template is not valid")]
    BadTemplate,
    /// A reference that is absolute, has a query or leaves the recording's directory.
    #[error("a reference leads outside the recording")]
    OutsideRecording,
    /// A Representation that names no media.
    #[error("the representation names no segments")]
    NoSegments,
}

/// A manifest with every inherited attribute resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mpd {
    /// `@type` is `dynamic`: the recording may still grow.
    pub dynamic: bool,
    /// Time zero of the presentation, since the Unix epoch.
    pub availability_start: Option<Nanos>,
    /// When this version was written, since the Unix epoch.
    pub publish_time: Option<Nanos>,
    /// Length of the whole presentation.
    pub media_presentation_duration: Option<Nanos>,
    /// The time for which this version stays valid.
    pub minimum_update_period: Option<Nanos>,
    /// In presentation order, each with a known start.
    pub periods: Vec<Period>,
}

/// A stretch of the presentation with one set of Representations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// `@id`.
    pub id: Option<String>,
    /// Start on the presentation's clock (5.3.2.1).
    pub start: Nanos,
    /// Length, never reaching into the next Period; unknown for the last one of a growing recording.
    pub duration: Option<Nanos>,
    /// The Representations of all adaptation sets, in document order.
    pub representations: Vec<Representation>,
    /// The place of its media on the presentation's clock, if the manifest names no time stamps.
    pub placing: Option<Placing>,
}

/// The place of a Period's media on the presentation's clock: it follows from the first picture in decode order of a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placing {
    /// Positions of segments in the first Representation and when they start on the presentation's clock; at least one.
    pub anchors: Arc<[(u64, Nanos)]>,
    /// The Period starts where the media of the one before really end.
    pub follows: bool,
}

impl Placing {
    /// The last anchor that is not after `at`; before all of them, the first.
    pub fn anchor(&self, at: Nanos) -> Option<(u64, Nanos)> {
        let before = self.anchors.iter().filter(|(_, instant)| *instant <= at);
        before.max_by_key(|(_, instant)| *instant).or(self.anchors.first()).copied()
    }

    /// The segments that may place the media at `at`, in the order to try them: the anchor, up to `most` anchors before it,
    /// as many behind it, and at last so many segments behind it, whose times the playlist does not say.
    pub fn candidates(&self, at: Nanos, most: usize) -> Vec<(u64, Option<Nanos>)> {
        let Some((first, _)) = self.anchor(at) else { return Vec::new() };
        let place = self.anchors.iter().position(|(index, _)| *index == first).unwrap_or(0);
        let (before, behind) = self.anchors.split_at(place);
        let (here, behind) = behind.split_at(behind.len().min(1));
        let dated = here.iter().chain(before.iter().rev().take(most)).chain(behind.iter().take(most));
        let undated = (first..).skip(1).take(most).map(|index| (index, None));
        dated.map(|(index, at)| (*index, Some(*at))).chain(undated).collect()
    }
}

impl Period {
    /// Places its media: their time stamps count on `timeline`.
    pub fn place(&mut self, timeline: Timeline) {
        self.representations.iter_mut().for_each(|found| found.media = Some(timeline));
    }

    /// Moves it and its media to `start`.
    pub fn move_to(&mut self, start: Nanos) {
        let later = start - self.start;
        self.start = start;
        for found in &mut self.representations {
            found.timeline = found.timeline.later_by(later);
            found.media = found.media.map(|media| media.later_by(later));
        }
    }
}

/// The content of a Representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// Moving pictures, perhaps with audio in the same file.
    Video,
    /// Audio.
    Audio,
    /// Subtitles or captions.
    Text,
    /// Still pictures, such as thumbnail tiles.
    Image,
    /// Anything else, or not said.
    Other,
}

/// Frames per second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Frames.
    pub numerator: u32,
    /// In how many seconds; never zero.
    pub denominator: u32,
}

/// One coding of some content, with the attributes of its adaptation set filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation {
    /// `@id`.
    pub id: String,
    /// Index of the adaptation set within the Period, in document order.
    pub adaptation_set: usize,
    /// From `@contentType`, `@mimeType` or `@codecs`.
    pub content: ContentType,
    /// RFC 6381 list, possibly empty.
    pub codecs: String,
    /// Bits per second.
    pub bandwidth: u64,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// `@frameRate`.
    pub frame_rate: Option<FrameRate>,
    /// The (first) `@audioSamplingRate` in Hz.
    pub audio_sampling_rate: Option<u32>,
    /// `@lang` as written.
    pub lang: Option<String>,
    /// `Label`.
    pub label: Option<String>,
    /// `Role@value`s of the adaptation set.
    pub roles: Arc<[String]>,
    /// For fast forward only: an essential or supplemental trick mode property.
    pub trick_mode: bool,
    /// There is a `ContentProtection`.
    pub encrypted: bool,
    /// The manifest's ticks on the presentation's clock.
    pub timeline: Timeline,
    /// The media's ticks on the presentation's clock, if they are others than the manifest's.
    pub media: Option<Timeline>,
    /// By how much the media may end before the listed end, as the lengths of segments are rounded.
    pub rounded: Nanos,
    /// By how much the length of a segment may be off, as it is rounded.
    pub rounding: Nanos,
    /// The place of the media near the window, if that was looked at.
    pub measured: Option<Measured>,
    /// The form of the file that it is, if that has no segments of its own.
    pub file: Option<FileForm>,
    pub(crate) addressing: Addressing,
}

/// The form of a file that has no segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// MP4 with tables of all samples.
    Tables,
    /// A transport stream, which may be cut between any packets.
    Stream,
}

/// The place of the media of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// The position of the segment.
    pub index: u64,
    /// By how much its media are later than listed.
    pub drift: Nanos,
}

/// Reads a manifest, which may be packed with gzip: so it is stored where it is to be delivered with
/// `ContentType-Encoding: gzip`.
///
/// # Errors
/// Any [`MpdError`] but [`MpdError::BadTemplate`] and [`MpdError::NoSegments`], which the segments report when asked
/// for.
pub fn parse(xml: &[u8]) -> Result<Mpd, MpdError> {
    if xml.len() > MAX_BYTES {
        return Err(MpdError::TooLarge);
    }
    let unpacked = gzip::unpacked(xml, MAX_BYTES)?;
    let text =
        std::str::from_utf8(unpacked.as_deref().unwrap_or(xml)).map_err(|error| match error.error_len() {
            None => MpdError::Incomplete,
            Some(_) => MpdError::NotUtf8,
        })?;
    resolve::mpd(raw::read(text)?)
}
