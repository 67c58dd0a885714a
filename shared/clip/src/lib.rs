//! Cuts frame-exact clips and thumbnails out of DASH recordings, with ffmpeg for what cannot be copied.
//!
//! [`Clip`] and [`Still`] say what to make. A recording is read through a [`Source`], a clip is written to a [`Sink`],
//! and an [`Observer`] gets the first frame and the progress while the clip is made. ffmpeg runs as a child process
//! with nothing but pipes; nothing is written to disk. This crate knows no cloud service, no queue and no job.

mod alone;
mod assemble;
mod audio;
mod budget;
pub mod cage;
pub mod children;
mod clip;
mod decode;
mod error;
mod excerpt;
mod ffmpeg;
mod join;
mod notes;
mod output;
mod planner;
mod ports;
mod recording;
mod render;
mod seam;
mod source;
mod still;
mod task;
mod video;
mod watch;
mod ways;
mod window;
mod work;

pub use error::{Cause, Reason, Unfit, WorkError as Error};
pub use export_media::nal::VideoCodec;
pub use export_media::window::Asked;
pub use ffmpeg::{Coder, Ffmpeg};
pub use notes::{Warning, WarningCode};
pub use output::Container;
pub use ports::{Observer, ReadError, Sink, Source, Writer};
pub use recording::Selection;
pub use still::{Still, Thumbnail};
pub use task::Task;
pub use ways::{Clip, Made, Plan};
