//! The environment of this function.

use export_clip::cage::CagePolicy;
use export_domain::settings::{CHUNKS_AT_ONCE, LEAST_CHUNK, Lifecycle, QueueUrls};
use export_domain::time::Millis;
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;
use std::time::Duration;

/// The time that ffmpeg may hang, in milliseconds.
const PATIENCE_MS: u64 = 30_000;
/// MiB of the largest function.
const MOST_MEMORY_MIB: u64 = 10_240;

/// The task of this function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerKind {
    /// Messages of a queue.
    Messages,
    /// Chunks of clips.
    Chunks,
}

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// By `WORKER_KIND`: `chunk`, or one of the queues.
    pub kind: WorkerKind,
    /// `JOBS_TABLE_NAME`
    pub jobs_table: String,
    /// `TENANTS_TABLE_NAME`
    pub tenants_table: String,
    /// The queues in which jobs wait for a worker.
    pub queues: QueueUrls,
    /// `CLIP_DEAD_LETTER_QUEUE_URL`, `BULK_DEAD_LETTER_QUEUE_URL` or `THUMBNAIL_DEAD_LETTER_QUEUE_URL`, by `WORKER_KIND`
    /// (`clip`, `bulk` or `thumbnail`); empty for `chunk`.
    pub dead_letter_queue: String,
    /// `COMPLETION_BUS_NAME`; empty if completion events are off.
    pub bus: String,
    /// `DATA_ROLE_ARN`: who reaches recordings and clips, if the function itself does not.
    pub data_role: Option<String>,
    /// `FFMPEG`
    pub ffmpeg: String,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, which Lambda sets, in bytes.
    pub memory: u64,
    /// `FFMPEG_CAGE`: `required` or `preferred`.
    pub cage: CagePolicy,
    /// `FFMPEG_PATIENCE_MS`, for tests on a scaled clock.
    pub patience: Duration,
    /// `WORKERS`: how many clips are made at the same time; 0 if tenants do not share.
    pub workers: Option<u32>,
    /// `FAN_OUT_MACHINE_ARN`: the state machine that runs the functions of chunks; empty if clips are not made in chunks.
    pub machine: String,
    /// `FAN_OUT_PER_CLIP`: how many of them a clip may have at the same time.
    pub per_clip: u32,
    /// `FAN_OUT_ABOVE`, in seconds: the estimate above which a clip is made in chunks although it would fit; 0 is never.
    pub above: Option<Duration>,
    /// `FAN_OUT_LEAST_MS`: the shortest chunk, for tests with short recordings.
    pub least: Duration,
    /// `INSTANT_PLAYBACK`
    pub plays: bool,
    /// Times of a job's life.
    pub times: Lifecycle,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing or wrong.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let dead_letters = match env.required("WORKER_KIND").as_str() {
            "thumbnail" => Some("THUMBNAIL_DEAD_LETTER_QUEUE_URL"),
            "bulk" => Some("BULK_DEAD_LETTER_QUEUE_URL"),
            "clip" | "" => Some("CLIP_DEAD_LETTER_QUEUE_URL"),
            "chunk" => None,
            _ => {
                env.problem("WORKER_KIND", "must be clip, bulk, thumbnail or chunk");
                None
            }
        };
        let config = Self {
            kind: if dead_letters.is_some() { WorkerKind::Messages } else { WorkerKind::Chunks },
            jobs_table: env.required("JOBS_TABLE_NAME"),
            tenants_table: env.required("TENANTS_TABLE_NAME"),
            queues: settings::queues(&mut env),
            dead_letter_queue: dead_letters.map(|name| env.required(name)).unwrap_or_default(),
            machine: env.optional("FAN_OUT_MACHINE_ARN").unwrap_or_default(),
            per_clip: env.parsed("FAN_OUT_PER_CLIP", CHUNKS_AT_ONCE).max(1),
            above: Some(env.parsed("FAN_OUT_ABOVE", 0)).filter(|above| *above > 0).map(Duration::from_secs),
            least: Millis::new(env.parsed("FAN_OUT_LEAST_MS", LEAST_CHUNK.get())).into(),
            bus: settings::completion_bus(&env).unwrap_or_default(),
            data_role: env.optional("DATA_ROLE_ARN"),
            ffmpeg: env.required("FFMPEG"),
            memory: env.parsed("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MOST_MEMORY_MIB).saturating_mul(1 << 20),
            cage: env.parsed("FFMPEG_CAGE", CagePolicy::Preferred),
            patience: Duration::from_millis(env.parsed("FFMPEG_PATIENCE_MS", PATIENCE_MS)),
            workers: Some(env.parsed("WORKERS", 0)).filter(|workers| *workers > 0),
            plays: env.switch("INSTANT_PLAYBACK", false),
            times: settings::lifecycle(&mut env),
        };
        env.finish().map(|()| config)
    }
}
