//! The environment of this function.

use export_aws::dynamodb::mre::{MreTables, Previews};
use export_lambda::config::{ConfigError, Env};

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `EVENT_TABLE_NAME` and the other names of MRE's tables
    pub tables: MreTables,
    /// `EXPORT_STATE_TABLE_NAME`
    pub states: String,
    /// `EXPORT_OUTPUT_BUCKET`
    pub bucket: String,
    /// `EVENT_BUS_NAME`
    pub bus: String,
    /// `DATA_EXPORT_QUEUE_URL`
    pub queue: String,
    /// `DATA_EXPORT_DEAD_LETTER_QUEUE_URL`
    pub dead_letter_queue: String,
    /// `COALESCE_SECONDS`
    pub coalesce_s: u32,
    /// `EVENT_ENTRY_BYTES`
    pub entry_bytes: usize,
    /// `MRE_PREVIEW_URLS` and `MRE_MEDIA_BUCKET`
    pub previews: Previews,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing or wrong.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let config = Self {
            tables: MreTables::of_replays(|name| env.required(name)),
            states: env.required("EXPORT_STATE_TABLE_NAME"),
            bucket: env.required("EXPORT_OUTPUT_BUCKET"),
            bus: env.required("EVENT_BUS_NAME"),
            queue: env.required("DATA_EXPORT_QUEUE_URL"),
            dead_letter_queue: env.required("DATA_EXPORT_DEAD_LETTER_QUEUE_URL"),
            coalesce_s: env.parsed("COALESCE_SECONDS", 5),
            entry_bytes: env.parsed("EVENT_ENTRY_BYTES", 1024 * 1024),
            previews: Previews::of(env.switch("MRE_PREVIEW_URLS", false), env.optional("MRE_MEDIA_BUCKET")),
        };
        env.finish().map(|()| config)
    }
}
