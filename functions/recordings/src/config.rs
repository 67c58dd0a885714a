//! The environment of this function.

use export_clip::{FanOut, Machine};
use export_domain::settings::{AuthMode, CHUNK_WORK, CHUNKS_AT_ONCE, LEAST_CHUNK, Limits, MOST_CHUNKS};
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;
use std::time::Duration;

/// Memory of a clip worker unless the stack says otherwise, in MiB.
const CLIP_MEMORY_MIB: u64 = 3008;
/// Memory that comes with one core on Lambda, in MiB.
const CORE_MIB: u64 = 1769;

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SESSIONS_TABLE_NAME`
    pub sessions_table: String,
    /// `TENANTS_TABLE_NAME`
    pub tenants_table: String,
    /// `RECORDINGS_ACCESS`: the operator lets sessions find recordings.
    pub access: bool,
    /// `DOWNLOAD_LINKS`: the operator lets links be signed.
    pub signs: bool,
    /// `SOURCE_BUCKET`
    pub source_bucket: String,
    /// `DATA_ROLE_ARN`: the role whose rights to recordings are lent for each tenant; the function's own without one.
    pub data_role: Option<String>,
    /// The machine that clips are made on, by `CLIP_MEMORY_MB`.
    pub machine: Machine,
    /// When clips are made in chunks, by `FAN_OUT`, `FAN_OUT_PER_CLIP` and `FAN_OUT_ABOVE` (seconds, 0 is never); `None` if none
    /// is.
    pub fan_out: Option<FanOut>,
    /// The callers that are admitted.
    pub auth: AuthMode,
    /// The limits of a request.
    pub limits: Limits,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing or wrong.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let machine = machine(env.parsed("CLIP_MEMORY_MB", CLIP_MEMORY_MIB));
        let config = Self {
            sessions_table: env.required("SESSIONS_TABLE_NAME"),
            tenants_table: env.required("TENANTS_TABLE_NAME"),
            access: env.switch("RECORDINGS_ACCESS", false),
            signs: env.switch("DOWNLOAD_LINKS", false),
            source_bucket: env.required("SOURCE_BUCKET"),
            data_role: env.optional("DATA_ROLE_ARN"),
            machine,
            fan_out: env.switch("FAN_OUT", false).then(|| fan_out(&mut env, machine)),
            auth: settings::auth(&mut env),
            limits: settings::limits(&mut env),
        };
        env.finish().map(|()| config)
    }
}

/// Chunks as the workers make them.
fn fan_out(env: &mut Env, machine: Machine) -> FanOut {
    FanOut {
        above: Some(env.parsed("FAN_OUT_ABOVE", 0)).filter(|above| *above > 0).map(Duration::from_secs),
        at_once: env.parsed("FAN_OUT_PER_CLIP", CHUNKS_AT_ONCE).max(1),
        least: LEAST_CHUNK.into(),
        chunk_work: CHUNK_WORK.into(),
        machine,
        most: MOST_CHUNKS,
    }
}

/// A worker with so much memory, in MiB.
fn machine(memory: u64) -> Machine {
    let cores = usize::try_from(memory.div_ceil(CORE_MIB)).unwrap_or(1).max(1);
    Machine { memory: memory.saturating_mul(1 << 20), cores }
}
