//! The environment of this function.

use export_aws::dynamodb::mre::{MreTables, Previews};
use export_lambda::config::{ConfigError, Env};

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `EVENT_TABLE_NAME` and the other names of MRE's tables.
    pub tables: MreTables,
    /// `EXPORT_STATE_TABLE_NAME`
    pub states: String,
    /// `EXPORT_OUTPUT_BUCKET`
    pub bucket: String,
    /// `DATA_EXPORT_QUEUE_URL`
    pub queue: String,
    /// `MRE_PREVIEW_URLS` and `MRE_MEDIA_BUCKET`
    pub previews: Previews,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let config = Self {
            tables: MreTables::of_replays(|name| env.required(name)),
            states: env.required("EXPORT_STATE_TABLE_NAME"),
            bucket: env.required("EXPORT_OUTPUT_BUCKET"),
            queue: env.required("DATA_EXPORT_QUEUE_URL"),
            previews: Previews::of(env.switch("MRE_PREVIEW_URLS", false), env.optional("MRE_MEDIA_BUCKET")),
        };
        env.finish().map(|()| config)
    }
}
