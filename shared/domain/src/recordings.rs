//! Recordings as clients see them: those that lie in a folder, and what the manifest of one lists.

use crate::ids::{FolderPath, LivePath, NameError};
use crate::tenant::Tenant;
use crate::time::{EpochMs, Millis};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// Names of manifests that are looked for in the folders of a folder.
pub const MANIFEST_NAMES: [&str; 4] = ["stream.mpd", "manifest.mpd", "master.m3u8", "index.m3u8"];

/// A recording that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundRecording {
    /// `LivePath` of its manifest.
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub live_path: String,
    /// When its manifest was written.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub updated: String,
}

impl FoundRecording {
    /// A recording whose manifest was written at `written`.
    pub fn new(path: &LivePath, written: EpochMs) -> Self {
        Self { live_path: path.to_string(), updated: written.to_rfc3339() }
    }
}

/// A part of what lies in a folder, in the order of the names.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordingPage {
    /// Folders without a manifest of their own, each as `under` takes it.
    pub folders: Vec<String>,
    /// Recordings: manifests in the folder, and those of its folders that have one.
    pub recordings: Vec<FoundRecording>,
    /// Names on this page that no request can give are left out; their number, if there are any.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "openapi", schema(required = false, minimum = 1))]
    pub left_out: usize,
    /// `cursor` of the next page; `null` on the last. A page may be empty although there is a next one.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub next: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The name that a page ended with, as an opaque text.
pub fn cursor_behind(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// The name of such a text; `None` for any other text.
pub fn name_before(cursor: &str) -> Option<String> {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let plain = name.strip_suffix('/').unwrap_or(&name);
    let is_one = !plain.is_empty() && !plain.contains(['/', '\0']) && name.len() <= MAX_KEY;
    is_one.then_some(name)
}

/// S3's limit for a key, in bytes.
const MAX_KEY: usize = 1024;

/// The clock that a window of a recording counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordingClock {
    /// The manifest has an `availabilityStartTime`: `StartPos` counts.
    Wall,
    /// It has none: only `StartTime` counts.
    Recording,
}

/// A part of a recording that its manifest lists nothing for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordingHole {
    /// Its start on the wall clock; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub start_pos_ms: Option<EpochMs>,
    /// Its start since the first Period began.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub start_time_ms: Millis,
    /// Its length in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub duration_ms: Millis,
}

/// The codec of pictures that clips are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PictureCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
}

/// The picture that clips are made of: the largest that the manifest lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedPicture {
    /// The codec, by the init segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<PictureCodec>,
    /// The codec as the manifest writes it (RFC 6381).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codecs: Option<String>,
    /// Width in pixels as shown, by the init segment, else by the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Frames per second as the manifest writes them: `25` or `30000/1001`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]+(/[0-9]+)?$"))]
    pub frame_rate: Option<String>,
    /// Why no clip with a picture can be made now: what is wrong with the init segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An audio track, by the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedAudio {
    /// The language as the manifest writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Roles, such as `main` or `commentary`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub roles: Vec<String>,
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The codec (RFC 6381).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codecs: Option<String>,
    /// Samples per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
}

/// A recording, by its manifest and an init segment. What is listed and was never stored is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Recording))]
pub struct RecordingResource {
    /// `LivePath`.
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub live_path: String,
    /// More may come.
    pub live: bool,
    /// The clock that a window counts by.
    pub clock: RecordingClock,
    /// Start of the listed media on the wall clock; absent without one, or if nothing is recorded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub start_pos_ms: Option<EpochMs>,
    /// Its end; absent if the manifest does not say how far the recording has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub end_pos_ms: Option<EpochMs>,
    /// Start of the listed media since the first Period began, which is what `StartTime` counts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub start_time_ms: Option<Millis>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub end_time_ms: Option<Millis>,
    /// The parts in between that nothing is listed for, in their order: the first 1000 of them.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub holes: Vec<RecordingHole>,
    /// Periods of the manifest.
    pub periods: usize,
    /// The picture of the last Period that has media; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<RecordedPicture>,
    /// Its audio tracks.
    pub audio: Vec<RecordedAudio>,
    /// Its media from `from` to `to`, if these are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<RecordedMedia>,
}

/// The media of a part of a recording, for a player: links to its segments, and when they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedMedia {
    /// End of the links, at most 15 minutes from now.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: String,
    /// `StartPos` of `StartTime` 0, rounded down; absent without a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub zero_pos_ms: Option<EpochMs>,
    /// The Periods that share time with what is asked for.
    pub parts: Vec<RecordedPart>,
}

/// A Period's part of a recording's media. Its segments are shown within its bounds only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedPart {
    /// The Period's start, as `StartTime`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub start_time_ms: Millis,
    /// Its end; absent for the last one of a recording that grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub end_time_ms: Option<Millis>,
    /// The picture that clips are made of, and the audio; what cannot be read is left out.
    pub tracks: Vec<RecordedTrack>,
}

/// The content of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordedContent {
    /// The picture, perhaps with the audio in the same segments.
    Video,
    /// Audio.
    Audio,
}

/// The form of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordedForm {
    /// Fragmented MP4.
    Mp4,
    /// MPEG transport streams.
    Ts,
}

/// A track with its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedTrack {
    /// The content.
    pub content: RecordedContent,
    /// The form of its segments.
    pub form: RecordedForm,
    /// The codecs as the manifest writes them (RFC 6381).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codecs: Option<String>,
    /// The language as the manifest writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Seconds and nanoseconds to add to a time stamp of the media, its edit list applied, for the time since the first
    /// Period began: this is the whole seconds, rounded down.
    pub shift_s: i64,
    /// The nanoseconds of the same.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 999_999_999))]
    pub shift_ns: u32,
    /// The init segment; absent if segments describe themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<RecordedFile>,
    /// The segments that share time with what is asked for, in their order.
    pub segments: Vec<RecordedPiece>,
}

/// A file of a recording, or the bytes `first` to `last` of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedFile {
    /// Opens the file by `GET` to everyone who has it. To be read without credentials.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub url: String,
    /// The first byte; absent for a whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

/// A segment of a recording. What is listed may not be stored yet, or never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedPiece {
    /// Its start by the manifest, as `StartTime`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub start_time_ms: Millis,
    /// Its length by the manifest, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub duration_ms: Millis,
    /// Opens its file by `GET` to everyone who has it. To be read without credentials.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub url: String,
    /// Its first byte in the file; absent if it is all of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Its last byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

/// The way in which a clip is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClipPlanKind {
    /// All pictures are copied.
    Copy,
    /// Only what the window's ends cut off is encoded.
    Smart,
    /// All pictures are encoded.
    Reencode,
}

/// How a clip would be made now. What only making it shows is not in it: a join whose check fails, or a segment in the middle of a
/// long window that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClipPlan {
    /// The way in which it would be made.
    pub kind: ClipPlanKind,
    /// Why in this way.
    pub reason: String,
    /// `false` for a window of more than 30 s: of that only the beginning and the end are read, and the counts are estimates.
    pub exact: bool,
    /// The clock that `key_frames_ms` counts by.
    pub clock: RecordingClock,
    /// Frames that are copied bit by bit.
    pub frames_copied: u64,
    /// Frames that are encoded.
    pub frames_encoded: u64,
    /// Of these, the ones before the first copied frame; all of them if none is copied.
    pub frames_encoded_head: u64,
    /// Of these, the ones behind copied frames.
    pub frames_encoded_tail: u64,
    /// Frames of the window that a copy can start with: a window that starts with one needs no frame encoded before it. As
    /// `StartPos`, or as `StartTime` without a clock; the first 1000 of those that were read.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub key_frames_ms: Vec<i64>,
    /// The part of the window that no recorded frame covers, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub lack_ms: Millis,
    /// Bytes that making it reads, about.
    pub bytes_read: u64,
    /// Bytes that the clip has, about.
    pub bytes_written: u64,
    /// The time that making it takes once a worker has it, about, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub estimate_ms: Millis,
    /// The chunks that it would be made in, by many functions at the same time, about; absent if one makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub chunks: Option<u32>,
}

impl Tenant {
    /// The common beginning of the keys of what lies in a folder.
    pub fn folder_key(&self, folder: &FolderPath) -> String {
        format!("{}{folder}", self.source().prefix)
    }
}

/// The path of the recording with this manifest in a folder.
///
/// # Errors
/// [`NameError`] if no request can give it.
pub fn recording_in(folder: &FolderPath, manifest: &str) -> Result<LivePath, NameError> {
    LivePath::parse(&format!("{folder}{manifest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_names_are_cursors() {
        for name in ["stream.mpd", "1/", " ", "\u{e9}"] {
            assert_eq!(name_before(&cursor_behind(name)).as_deref(), Some(name));
        }
        for name in ["", "/", "a/b", "../", "a//", &"x".repeat(1025)] {
            let refused = name_before(&cursor_behind(name));
            assert_eq!(refused, (name == "../").then(|| name.to_owned()), "{name}");
        }
        assert_eq!(name_before("%%"), None);
    }

    proptest! {
        #[test]
        fn no_cursor_names_another_folder(text in "\\PC{0,40}") {
            if let Some(name) = name_before(&text) {
                prop_assert!(!name.trim_end_matches('/').contains('/'));
            }
        }
    }
}
