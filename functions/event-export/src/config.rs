//! The environment of this function.

use export_aws::dynamodb::mre::{MreTables, Previews};
use export_lambda::config::{ConfigError, Env};

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `EVENT_TABLE_NAME` and the other names of MRE's tables that an event's export reads.
    pub tables: MreTables,
    /// `EXPORT_STATE_TABLE_NAME`
    pub states: String,
    /// `EXPORT_OUTPUT_BUCKET`
    pub bucket: String,
    /// `DATA_EXPORT_QUEUE_URL`
    pub queue: String,
}

impl Config {
    /// Event documents show no replay clips.
    pub const PREVIEWS: Previews = Previews::Off;

    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let config = Self {
            tables: MreTables::of_events(|name| env.required(name)),
            states: env.required("EXPORT_STATE_TABLE_NAME"),
            bucket: env.required("EXPORT_OUTPUT_BUCKET"),
            queue: env.required("DATA_EXPORT_QUEUE_URL"),
        };
        env.finish().map(|()| config)
    }
}
