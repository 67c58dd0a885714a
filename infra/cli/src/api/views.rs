//! The parts of the service's answers that commands look at. What a newer service adds is kept in the raw document.

use crate::error::{CliError, Exit};
use export_domain::job::{Phase, PlanSummary, State, Warning};
use export_domain::time::{EpochMs, Millis};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A document with the parts of it that are looked at.
#[derive(Debug, Clone)]
pub struct Viewed<T> {
    /// The document.
    pub raw: Value,
    /// The parts.
    pub view: T,
}

impl<T: DeserializeOwned> Viewed<T> {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if it is not of that form.
    pub fn of(raw: Value) -> Result<Self, CliError> {
        Ok(Self { view: read(raw.clone())?, raw })
    }
}

pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, CliError> {
    serde_json::from_value(value).map_err(|error| {
        CliError::new(Exit::Unreachable, "the answer is not what the service sends")
            .because(error)
            .help("is the address right? is this mex as new as the service?")
    })
}

/// The version of the service.
#[derive(Debug, Clone, Deserialize)]
pub struct VersionView {
    /// The release.
    pub version: String,
    /// The commit, if the service knows it.
    pub commit: Option<String>,
}

/// The request of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobRequestView {
    /// `media`, `reel` or `thumbnail`.
    pub wanted: String,
    /// The recording.
    pub live_path: String,
    /// Start of the window.
    pub start_pos_ms: EpochMs,
    /// Start of the window since the recording began.
    pub start_time_ms: Millis,
    /// Its length.
    pub duration_ms: Millis,
}

/// A window of a reel.
#[derive(Debug, Clone, Deserialize)]
pub struct WindowView {
    /// Its place in the list, from 1.
    pub n: usize,
    /// Its name.
    pub name: Option<String>,
    /// Its start in the reel, once that is made.
    pub at_ms: Option<Millis>,
    /// Its length in the reel.
    pub delivered_ms: Option<Millis>,
    /// The part of it that no recorded frame covers.
    pub lack_ms: Option<Millis>,
    /// Why it is not in the reel.
    pub left_out: Option<String>,
}

/// The chunks of a job.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct ChunksView {
    /// Those that are made.
    pub made: u32,
    /// All of them.
    pub count: u32,
}

/// A job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobView {
    /// Its name.
    pub id: String,
    /// The state.
    pub state: State,
    /// The step that it is at.
    pub phase: Option<Phase>,
    /// The part that is made.
    pub percent: i64,
    /// The chunks that many functions make at the same time.
    pub chunks: Option<ChunksView>,
    /// First request for it (RFC 3339).
    pub created: String,
    /// The request.
    pub request: JobRequestView,
    /// The clip's file name.
    pub file_name: Option<String>,
    /// Size of the clip.
    pub bytes: Option<u64>,
    /// When the recording is looked at again (RFC 3339).
    pub ready_after: Option<String>,
    /// The recording is complete up to here.
    pub live_edge_ms: Option<EpochMs>,
    /// Length of the clip.
    pub delivered_ms: Option<Millis>,
    /// The part of the window that no recorded frame covers.
    pub lack_ms: Option<Millis>,
    /// Key of the picture.
    pub image_path: Option<String>,
    /// Key of the clip.
    pub video_path: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The same request may do better at once.
    pub retriable: Option<bool>,
    /// The thing that the error is about.
    pub detail: Option<String>,
    /// Parts that were left out or corrected.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The way in which it is made.
    pub plan: Option<PlanSummary>,
    /// The windows of a reel.
    #[serde(default)]
    pub windows: Vec<WindowView>,
    /// The entries of a reel's list that make no window.
    #[serde(default)]
    pub skipped: Vec<SkippedView>,
}

impl JobView {
    /// Returns `true` if the job makes a clip, not a picture alone.
    pub fn is_clip(&self) -> bool {
        self.request.wanted != "thumbnail"
    }

    /// The name that a person knows it by.
    pub fn label(&self) -> &str {
        match &self.file_name {
            Some(name) => name,
            None => self.id.get(..8).unwrap_or(&self.id),
        }
    }
}

/// A file with its link.
#[derive(Clone, Deserialize)]
pub struct FileView {
    /// The link. It opens the file to its holder, so it is not shown.
    pub url: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, unless it was uploaded in parts.
    pub sha256: Option<String>,
    /// The name that it is saved by.
    pub file_name: String,
}

/// The files of a job.
#[derive(Clone, Deserialize)]
pub struct FilesView {
    /// The clip.
    pub video: Option<FileView>,
    /// The first frame.
    pub image: Option<FileView>,
}

/// The picture of a recording.
#[derive(Debug, Clone, Deserialize)]
pub struct PictureView {
    /// `h264` or `h265`.
    pub codec: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Frames in a second: `25` or `30000/1001`.
    pub frame_rate: Option<String>,
    /// Why no clip with a picture can be made now.
    pub problem: Option<String>,
}

/// An audio track of a recording.
#[derive(Debug, Clone, Deserialize)]
pub struct AudioView {
    /// The language.
    pub language: Option<String>,
    /// The codec.
    pub codecs: Option<String>,
    /// Samples in a second.
    pub sample_rate: Option<u32>,
}

/// A part that a recording lists nothing for.
#[derive(Debug, Clone, Deserialize)]
pub struct HoleView {
    /// Its start since the recording began.
    pub start_time_ms: Millis,
    /// Its length.
    pub duration_ms: Millis,
}

/// A recording.
#[derive(Debug, Clone, Deserialize)]
pub struct RecordingView {
    /// Its name.
    pub live_path: String,
    /// More may come.
    pub live: bool,
    /// Its start.
    pub start_pos_ms: Option<EpochMs>,
    /// Its end.
    pub end_pos_ms: Option<EpochMs>,
    /// Its start since the first Period began.
    pub start_time_ms: Option<Millis>,
    /// Its end since then.
    pub end_time_ms: Option<Millis>,
    /// The parts that are missing in between.
    #[serde(default)]
    pub holes: Vec<HoleView>,
    /// The picture.
    pub video: Option<PictureView>,
    /// The audio tracks.
    #[serde(default)]
    pub audio: Vec<AudioView>,
}

/// The way in which a clip would be made.
#[derive(Debug, Clone, Deserialize)]
pub struct PlanView {
    /// `copy`, `smart` or `reencode`.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// The counts are not estimates.
    pub exact: bool,
    /// Frames as recorded.
    pub frames_copied: u64,
    /// Frames that are encoded.
    pub frames_encoded: u64,
    /// Of these, before the first copied one.
    pub frames_encoded_head: u64,
    /// Of these, behind copied ones.
    pub frames_encoded_tail: u64,
    /// The part that no recorded frame covers.
    pub lack_ms: Millis,
    /// Size of the clip, about.
    pub bytes_written: u64,
    /// The time that it takes, about.
    pub estimate_ms: Millis,
    /// The chunks that it would be made in.
    pub chunks: Option<u32>,
}

/// Clips of a batch by their state.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct CountsView {
    /// All clips.
    pub total: usize,
    /// Those that are made now.
    pub running: usize,
    /// Those that wait for their recording.
    pub waiting: usize,
    /// Those whose files are there.
    pub ready: usize,
    /// Those that ended without files.
    pub failed: usize,
    /// Those that were cancelled.
    pub cancelled: usize,
}

/// A clip of a batch.
#[derive(Debug, Clone, Deserialize)]
pub struct ClipView {
    /// Its place in the list, from 1.
    pub n: usize,
    /// The file's name without extension.
    pub name: String,
    /// Its job.
    pub job_id: String,
    /// The state, in the service's word.
    pub state: String,
    /// The part that no recorded frame covers.
    pub lack_ms: Option<Millis>,
    /// Why it failed.
    pub error: Option<String>,
    /// The thing that the error is about.
    pub detail: Option<String>,
}

impl ClipView {
    /// Returns `true` if its files are there.
    pub fn is_ready(&self) -> bool {
        self.state == "READY"
    }
}

/// An entry of a list that makes no clip.
#[derive(Debug, Clone, Deserialize)]
pub struct SkippedView {
    /// Its place in the list, from 1.
    pub n: usize,
    /// Why.
    pub why: String,
}

/// A batch.
#[derive(Debug, Clone, Deserialize)]
pub struct BatchView {
    /// Its name.
    pub id: String,
    /// The state, in the service's word.
    pub state: String,
    /// The part that is made.
    pub percent: i64,
    /// Its clips by their state.
    pub counts: CountsView,
    /// A page of its clips.
    pub clips: Vec<ClipView>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// The entries of the list that make no clip.
    #[serde(default)]
    pub skipped: Vec<SkippedView>,
}

impl BatchView {
    /// Returns `true` once all clips have ended.
    pub fn is_done(&self) -> bool {
        let counts = &self.counts;
        counts.ready + counts.failed + counts.cancelled == counts.total
    }
}
