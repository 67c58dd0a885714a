//! Cuts frame-exact clips and thumbnails out of DASH and HLS recordings, with ffmpeg for what cannot be copied.
//!
//! [`Clip`] and [`Still`] say what to make. A recording is read through a [`Source`], a clip is written to a [`Sink`],
//! and an [`Observer`] gets the first frame while the clip is made; a [`Gauge`] tells the progress. ffmpeg runs as a child process
//! with nothing but pipes; nothing is written to disk. This crate knows no cloud service, no queue and no job.
//!
//! A clip of two seconds out of a folder, the first frame left alone:
//!
//! ```
//! use export_clip::{Asked, Clip, ClipFile, Ffmpeg, FileFormat, Folder, Selection};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! # let program = std::env::var("FFMPEG").unwrap_or_else(|_| "ffmpeg".to_owned());
//! # let folder = std::env::temp_dir().join(format!("export-clip-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let recorded = std::process::Command::new(&program)
//! #     .args("-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -c:v libx264 -g 50".split(' '))
//! #     .args("-pix_fmt yuv420p -f dash -seg_duration 2".split(' '))
//! #     .arg(folder.join("stream.mpd"))
//! #     .status()?;
//! # assert!(recorded.success());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // From 1.3 s after the recording's start on.
//! let (start_ms, duration_ms) = (1300, 2000);
//! let window = Asked {
//!     start_pos_ms: start_ms, // counts in recordings that say when on the wall clock they started
//!     start_time_ms: Some(start_ms), // counts in all others
//!     pts: None,
//!     duration_ms,
//!     wall_end_ms: start_ms + duration_ms,
//!     still: false,
//! };
//! let clip = Clip {
//!     selection: Selection { manifest: "stream.mpd".to_owned(), window, codec: None, now_ms: 0, asked_at_ms: 0 },
//!     container: FileFormat::Mp4,
//!     left: Duration::from_secs(60),
//!     last_try: false,
//!     gauge: Default::default(),
//!     fan_out: None,
//! };
//! let ffmpeg = Ffmpeg::at(&program, Duration::from_secs(30));
//! let (source, sink) = (Arc::new(Folder::new(&folder)), ClipFile::new(folder.join("clip.mp4")));
//! let made = clip.make(source, &ffmpeg, &sink, &()).await?;
//!
//! assert_eq!(made.plan.frames_copied + made.plan.frames_encoded, 50);
//! assert_eq!(made.length.to_millis_floor(), 2000);
//! assert_eq!(made.written, std::fs::metadata(folder.join("clip.mp4"))?.len());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod audio;
mod audio_only;
mod budget;
mod chunk;
mod chunked;
mod clip;
mod codec;
mod error;
mod fan;
mod fanning;
mod ffmpeg;
mod files;
mod footage;
mod forecast;
mod foresee;
mod gauge;
mod listed;
mod machine;
mod making;
mod notes;
mod overview;
mod plan;
mod planner;
mod playlist;
mod ports;
mod recording;
mod reel;
mod sequence;
mod source;
mod stats;
mod still;
mod task;
mod video;
mod whole;
mod write;

pub use chunk::{Chunk, ChunkJoin, MadeChunk};
pub use chunked::{ChunkFault, ChunkPlan};
pub use clip::Clip;
pub use error::{Error, Kind, Refusal, Unfit};
pub use export_media::coverage::Uncovered;
pub use export_media::ffmpeg::FileFormat;
pub use export_media::nal::VideoCodec;
pub use export_media::playlist::{MediaPlace, Playlist, WholeSegments};
pub use export_media::window::Asked;
pub use fanning::FanOut;
pub use ffmpeg::{Coder, Ffmpeg, cage, children};
pub use files::{ChunkFolder, ClipFile, FileWriter, Folder};
pub use footage::{FootagePart, FootageSegment, FootageTrack};
pub use foresee::Foreseen;
pub use gauge::{Gauge, Underway};
pub use listed::{MadePlaylist, NoPlaylist};
pub use machine::Machine;
pub use notes::{Warning, WarningCode};
pub use overview::{AudioOverview, Overview, PictureOverview, manifest};
pub use plan::{ClipPhase, Plan};
pub use ports::{Chunks, ClipWriter, Observer, ReadFailure, Sink, Source, Thumbnail};
pub use recording::Selection;
pub use reel::{Made, MadePart, Reel, ReelWindow};
pub use still::Still;
pub use task::Task;
pub use whole::{NoSegments, whole_segments};
