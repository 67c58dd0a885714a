//! The commands and their options.

use crate::config::ServiceArgs;
use crate::error::Exit;
use crate::output::OutputArgs;
use crate::times::{Length, Moment};
use clap::{Args, Parser, Subcommand, ValueEnum};
use export_domain::ids::{FolderPath, JobId, LivePath};
use export_domain::timecode::Rate;
use export_domain::version::BuildVersion;
use std::path::PathBuf;
use std::sync::LazyLock;

mod segments;

pub use segments::{ClipAllArgs, DocumentSource, ReelArgs, SegmentArgs, SegmentChoiceName};

const TIMES: &str = "\
Times (T):
  2026-07-04T20:00:00Z, 1562252828133   an instant: a date, or milliseconds since 1970
  00:13:12.500, 00:13:12:08             time of the recording; with frames behind the last colon
  now-30s, live-30s                     before now, or before the end of what is recorded
  +9s                                   after --from
Lengths (D):
  9s, 1m30s, 1500ms, 00:00:09           a time
  225f                                  frames";

/// Cuts frame-exact clips out of recordings, and gets them.
#[derive(Debug, Parser)]
#[command(name = "mex", version = version_line(), about, long_about = None, max_term_width = 100, after_help = exits(), disable_help_subcommand = true)]
pub struct Arguments {
    /// The service.
    #[command(flatten)]
    pub choice: ServiceArgs,
    /// The form of the output.
    #[command(flatten)]
    pub look: OutputArgs,
    /// Stop following after this time; the work goes on
    #[arg(long, global = true, value_name = "D", value_parser = time_length, help_heading = "Output")]
    pub timeout: Option<std::time::Duration>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The text of `--version` behind the name.
fn version_line() -> &'static str {
    static LINE: LazyLock<String> = LazyLock::new(|| BuildVersion::OWN.to_string());
    &LINE
}

/// The exit codes, for the help.
fn exits() -> String {
    let lines = Exit::ALL.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}", exit.code()));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask for a clip, follow it, and get it with -o
    #[command(after_help = TIMES)]
    Clip(ClipArgs),
    /// Ask for the picture at an instant
    #[command(after_help = TIMES)]
    Thumb(ThumbArgs),
    /// Ask for the last seconds of a recording that grows
    #[command(after_help = TIMES)]
    Last(LastArgs),
    /// Follow jobs until they have ended
    Watch(WatchArgs),
    /// List jobs, the newest first
    Jobs(JobsArgs),
    /// Show a job
    Show(JobArgs),
    /// Cancel jobs that are in work
    Cancel(CancelArgs),
    /// Get the files of jobs
    Get(GetArgs),
    /// Print the address of a clip as a playlist, which may be there before its file
    Play(PlayArgs),
    /// List recordings
    Recordings(RecordingsArgs),
    /// Show what a recording holds
    Info(InfoArgs),
    /// Show how a clip would be made, and make nothing
    #[command(after_help = TIMES)]
    Plan(PlanArgs),
    /// Ask for the clips of an edit list, a table or a JSON list, follow them, and get them with -o
    #[command(after_help = TIMES)]
    Batch(BatchArgs),
    /// Ask for a clip of each segment of an event or a replay
    #[command(after_help = TIMES)]
    ClipAll(ClipAllArgs),
    /// Ask for one video of a list, or of the segments of an event or a replay, follow it, and get it with -o
    #[command(after_help = TIMES)]
    Reel(ReelArgs),
    /// Ask once more for a job that has failed
    Retry(RetryArgs),
    /// Get the document of an event, in any format
    Event(EventArgs),
    /// Get the document of a replay, in any format
    Replay(ReplayArgs),
    /// Look at address, clock, session and rights, and name what to mend
    Doctor,
    /// Store an address and a session, read from stdin, as a profile
    Login(LoginArgs),
    /// Show or change the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    Completion(CompletionArgs),
    /// Write the manual pages to a folder
    Man(ManArgs),
}

/// A window of a recording.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("end").required(true).args(["to", "length"]))]
pub struct WindowArgs {
    /// The recording's manifest, as `mex recordings` lists it
    #[arg(value_parser = live_path)]
    pub path: LivePath,
    /// Start of the window
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Moment,
    /// Its end: the first instant that is not in it
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Option<Moment>,
    /// Its length
    #[arg(long = "for", value_name = "D", id = "length")]
    pub length: Option<Length>,
    /// Frames in a second, for times and lengths in frames (else the recording's)
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub fps: Option<Rate>,
}

/// The codec of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecName {
    #[value(help = None)]
    /// As recorded: only what the window cuts off is encoded.
    AsRecorded,
    #[value(help = None)]
    /// All is encoded.
    H264,
    #[value(help = None)]
    /// All is encoded.
    H265,
}

/// The form of a clip, and where the service puts it.
#[derive(Debug, Clone, Args)]
pub struct ClipShape {
    /// Name of the file, without extension
    #[arg(long)]
    pub name: Option<String>,
    /// Codec of the picture; as recorded, only what the window cuts off is encoded
    #[arg(long, value_enum, default_value = "as-recorded")]
    pub codec: CodecName,
    /// Container: mp4 or ts (else the profile's, else mp4)
    #[arg(long, value_parser = ["mp4", "ts"])]
    pub container: Option<String>,
    /// Bucket that the service delivers to, one of the tenant's (else the tenant's first)
    #[arg(long, requires = "region")]
    pub bucket: Option<String>,
    /// Its region
    #[arg(long, requires = "bucket")]
    pub region: Option<String>,
    /// Folder in it
    #[arg(long, requires = "bucket")]
    pub root: Option<String>,
    /// Story that the clip belongs to
    #[arg(long, value_name = "ID:NAME")]
    pub story: Option<String>,
}

/// The use that is made of a request's outcome.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SendingArgs {
    /// Print the job's name and end at once
    #[arg(long, conflicts_with = "output")]
    pub no_wait: bool,
    /// Get the file: to a path, a folder, a template as {id}-{name}.mp4, or - for stdout
    #[arg(short, long, value_name = "FILE|DIR|-")]
    pub output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Take a clip that lacks a part as a success
    #[arg(long)]
    pub allow_lack: bool,
    /// Print the request and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `mex clip`
#[derive(Debug, Clone, Args)]
pub struct ClipArgs {
    /// The window.
    #[command(flatten)]
    pub window: WindowArgs,
    /// The form.
    #[command(flatten)]
    pub shape: ClipShape,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// `mex thumb`
#[derive(Debug, Clone, Args)]
pub struct ThumbArgs {
    /// The recording's manifest, as `mex recordings` lists it
    #[arg(value_parser = live_path)]
    pub path: LivePath,
    /// The instant
    #[arg(long, value_name = "T")]
    pub at: Moment,
    /// Frames in a second, for a time in frames (else the recording's)
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub fps: Option<Rate>,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// `mex last`
#[derive(Debug, Clone, Args)]
pub struct LastArgs {
    /// The recording's manifest, as `mex recordings` lists it
    #[arg(value_parser = live_path)]
    pub path: LivePath,
    /// Length up to the end of what is recorded
    #[arg(value_name = "D")]
    pub length: Length,
    /// The form.
    #[command(flatten)]
    pub shape: ClipShape,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// `mex watch`
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// The jobs
    #[arg(value_name = "JOB", value_parser = job_id, required_unless_present = "all", conflicts_with = "all")]
    pub jobs: Vec<JobId>,
    /// All jobs that have not ended
    #[arg(long)]
    pub all: bool,
    /// Take a clip that lacks a part as a success
    #[arg(long)]
    pub allow_lack: bool,
}

/// A state as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateName {
    /// Waits for a worker
    Queued,
    /// Is made
    Running,
    /// Waits for its recording
    WaitingSource,
    /// The files are there
    Ready,
    /// Ended without files
    Failed,
    /// Ended by a client
    Cancelled,
}

impl StateName {
    /// The service's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::WaitingSource => "WAITING_SOURCE",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// `mex jobs`
#[derive(Debug, Clone, Args)]
pub struct JobsArgs {
    /// Only jobs of this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Vec<StateName>,
    /// Only jobs that were first asked for within this time
    #[arg(long, value_name = "D", value_parser = time_length)]
    pub since: Option<std::time::Duration>,
    /// Only jobs of this recording
    #[arg(long, value_parser = live_path)]
    pub path: Option<LivePath>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
}

/// `mex show`
#[derive(Debug, Clone, Args)]
pub struct JobArgs {
    /// The job
    #[arg(value_parser = job_id)]
    pub job: JobId,
}

/// `mex cancel`
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// The jobs
    #[arg(value_name = "JOB", value_parser = job_id, required_unless_present = "all", conflicts_with = "all")]
    pub jobs: Vec<JobId>,
    /// All jobs of the states that --state names
    #[arg(long, requires = "state")]
    pub all: bool,
    /// Only jobs of this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE", requires = "all")]
    pub state: Vec<StateName>,
}

/// `mex get`
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// The jobs
    #[arg(value_name = "JOB", value_parser = job_id, required = true)]
    pub jobs: Vec<JobId>,
    /// To a path, a folder, a template as {id}-{name}.mp4, or - for stdout (else to the working folder)
    #[arg(short, long, value_name = "FILE|DIR|-")]
    pub output: Option<PathBuf>,
    /// Get the first frame instead of the clip
    #[arg(long)]
    pub image: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Take a clip that lacks a part as a success
    #[arg(long)]
    pub allow_lack: bool,
}

/// `mex play`
#[derive(Debug, Clone, Args)]
pub struct PlayArgs {
    /// The job
    #[arg(value_parser = job_id)]
    pub job: JobId,
    /// As DASH, not HLS
    #[arg(long)]
    pub dash: bool,
    /// Open it with this program, as mpv, ffplay or a browser
    #[arg(long, value_name = "PROGRAM")]
    pub with: Option<String>,
}

/// `mex recordings`
#[derive(Debug, Clone, Args)]
pub struct RecordingsArgs {
    /// The folder (else the top)
    #[arg(value_parser = folder, default_value = "", hide_default_value = true)]
    pub folder: FolderPath,
    /// At most this many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: usize,
}

/// `mex info`
#[derive(Debug, Clone, Args)]
pub struct InfoArgs {
    /// The recording's manifest, as `mex recordings` lists it
    #[arg(value_parser = live_path)]
    pub path: LivePath,
}

/// `mex plan`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The window.
    #[command(flatten)]
    pub window: WindowArgs,
    /// The form.
    #[command(flatten)]
    pub shape: ClipShape,
}

/// `mex batch`
#[derive(Debug, Clone, Args)]
pub struct BatchArgs {
    /// The list: FILE.edl (CMX 3600), FILE.csv, FILE.json, or - for JSON from stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The recording of clips that name none
    #[arg(value_parser = live_path)]
    pub path: Option<LivePath>,
    /// The instant of second 0 and timecode 00:00:00:00 (else the recording's start, for edit lists and tables)
    #[arg(long, value_name = "T")]
    pub zero: Option<Moment>,
    /// Frames in a second of an edit list (else the recording's)
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub fps: Option<Rate>,
    /// The form; --name is a template with {n:03}, {name}, {ref}, {source}, {title}
    #[command(flatten)]
    pub shape: ClipShape,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// `mex retry`
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// The job
    #[arg(value_parser = job_id)]
    pub job: JobId,
    /// The use of its outcome.
    #[command(flatten)]
    pub sending: SendingArgs,
}

/// The form of a document.
#[derive(Debug, Clone, Args)]
pub struct DocumentArgs {
    /// Format
    #[arg(long, value_parser = ["json", "ndjson", "csv", "edl", "otio", "vtt"])]
    pub format: Option<String>,
    /// Whose JSON: the developer guide's or Media Replay Engine's own
    #[arg(long, value_parser = ["guide", "mre"])]
    pub view: Option<String>,
    /// Build it now, or take the last stored export
    #[arg(long, value_parser = ["live", "stored"])]
    pub source: Option<String>,
    /// Audio track whose times are used
    #[arg(long)]
    pub track: Option<u16>,
    /// Times of the segments
    #[arg(long, value_parser = ["best", "optimized", "original"])]
    pub times: Option<String>,
    /// Frames in a second (else the event's)
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub fps: Option<Rate>,
    /// Drop-frame labels
    #[arg(long)]
    pub df: bool,
    /// Cut from the event's recording, or from each segment's own clip
    #[arg(long, value_parser = ["event", "clips"])]
    pub media: Option<String>,
    /// Label of the event's time 0
    #[arg(long, value_name = "LABEL")]
    pub tc: Option<String>,
    /// First label of what is edited together
    #[arg(long, value_name = "LABEL")]
    pub record: Option<String>,
    /// Clock of cues
    #[arg(long, value_parser = ["event", "replay"])]
    pub clock: Option<String>,
    /// Write to a file, or with - to stdout
    #[arg(short, long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// `mex event`
#[derive(Debug, Clone, Args)]
pub struct EventArgs {
    /// Name of the event
    pub event: String,
    /// Its program
    pub program: String,
    /// The form.
    #[command(flatten)]
    pub document: DocumentArgs,
}

/// `mex replay`
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Id of the replay
    pub id: String,
    /// Name of its event
    pub event: String,
    /// Its program
    pub program: String,
    /// The form.
    #[command(flatten)]
    pub document: DocumentArgs,
}

/// `mex login`
#[derive(Debug, Clone, Args)]
pub struct LoginArgs {
    /// Use this profile from now on if none is named
    #[arg(long)]
    pub default: bool,
}

/// `mex config`
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the path of the configuration
    Path,
    /// Print the configuration
    List,
    /// Print a value: default, or PROFILE.KEY
    Get {
        /// The key
        key: String,
    },
    /// Store a value: default, or PROFILE.KEY with url, container, bucket, region, env, session-file, session-command
    Set {
        /// The key
        key: String,
        /// The value; an empty one removes the key
        value: String,
    },
}

/// `mex completion`
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `mex man`
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The folder
    pub folder: PathBuf,
}

fn live_path(text: &str) -> Result<LivePath, String> {
    LivePath::parse(text).map_err(|error| error.to_string())
}

fn folder(text: &str) -> Result<FolderPath, String> {
    FolderPath::parse(text).map_err(|error| error.to_string())
}

fn job_id(text: &str) -> Result<JobId, String> {
    JobId::parse(text).map_err(|error| format!("a job's name is 32 letters and digits: it {error}"))
}

fn rate(text: &str) -> Result<Rate, String> {
    let names = || Rate::ALL.map(|rate| rate.name).join(", ");
    Rate::read(text).ok_or_else(|| format!("must be one of {}, or a fraction such as 30000/1001", names()))
}

/// A length of time alone.
fn time_length(text: &str) -> Result<std::time::Duration, String> {
    match text.parse::<Length>().map_err(|error| error.to_string())? {
        Length::Time(time) => Ok(time.into()),
        Length::Frames(_) => Err("frames are no time here".to_owned()),
    }
}
