//! Commands for the segments of an event or a replay.

use super::{ClipShape, SendingArgs, live_path, rate};
use crate::times::Moment;
use clap::{Args, ValueEnum};
use export_domain::ids::LivePath;
use export_domain::timecode::Rate;
use std::path::PathBuf;

/// The times of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SegmentChoiceName {
    /// As detected.
    Original,
    /// As optimized.
    Optimized,
    /// As optimized where there are such.
    OptimizedElseOriginal,
}

/// A document with segments.
#[derive(Debug, Clone, Args)]
pub struct DocumentSource {
    /// Name of the event
    #[arg(long, requires = "program")]
    pub event: Option<String>,
    /// Program of the event
    #[arg(long, requires = "event")]
    pub program: Option<String>,
    /// Id of a replay, whose segments are meant
    #[arg(long, value_name = "ID", requires = "event")]
    pub replay: Option<String>,
    /// File with the document, as `mex event` prints it, in place of --event
    #[arg(long, value_name = "FILE")]
    pub document: Option<PathBuf>,
}

/// The segments of a document that are meant.
#[derive(Debug, Clone, Args)]
pub struct SegmentArgs {
    /// The times of the segments
    #[arg(long, value_enum, value_name = "TIMES")]
    pub segments: Option<SegmentChoiceName>,
    /// Only segments with this feature; may be repeated
    #[arg(long, value_name = "NAME")]
    pub feature: Vec<String>,
    /// Only segments that a reviewer likes
    #[arg(long)]
    pub liked: bool,
    /// Audio track of the optimized times and of feedback
    #[arg(long, value_name = "TRACK")]
    pub audio_track: Option<u16>,
}

/// `mex clip-all`
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("list").required(true).args(["event", "document"]))]
pub struct ClipAllArgs {
    /// The recording of the event
    #[arg(value_parser = live_path)]
    pub path: LivePath,
    /// The document.
    #[command(flatten)]
    pub source: DocumentSource,
    /// The instant of second 0 (else the event's start, where its times count from that)
    #[arg(long, value_name = "T")]
    pub zero: Option<Moment>,
    /// The segments.
    #[command(flatten)]
    pub choice: SegmentArgs,
    /// The form; --name is a template with {n:03}, {event}, {program}, {replay}, {features}
    #[command(flatten)]
    pub shape: ClipShape,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// `mex reel`
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("windows").required(true).args(["list", "event", "document"]))]
pub struct ReelArgs {
    /// The recording
    #[arg(value_parser = live_path)]
    pub path: LivePath,
    /// The list: FILE.edl (CMX 3600), FILE.csv, FILE.json, or - for JSON from stdin
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// The document.
    #[command(flatten)]
    pub source: DocumentSource,
    /// The instant of second 0 and timecode 00:00:00:00 (else the recording's start for a list, and the event's for a document)
    #[arg(long, value_name = "T")]
    pub zero: Option<Moment>,
    /// Frames in a second of an edit list (else the recording's)
    #[arg(long, value_name = "RATE", value_parser = rate, requires = "list")]
    pub fps: Option<Rate>,
    /// The segments.
    #[command(flatten)]
    pub choice: SegmentArgs,
    /// The form; --name is a template as of mex batch and mex clip-all, filled in from the first entry
    #[command(flatten)]
    pub shape: ClipShape,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}
