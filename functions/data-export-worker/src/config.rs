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
            tables: MreTables {
                event: env.required("EVENT_TABLE_NAME"),
                plugin: env.required("PLUGIN_TABLE_NAME"),
                profile: env.required("PROFILE_TABLE_NAME"),
                model: env.required("MODEL_TABLE_NAME"),
                plugin_result: env.required("PLUGIN_RESULT_TABLE_NAME"),
                feedback: env.required("CLIP_PREVIEW_FEEDBACK_TABLE_NAME"),
                replay_request: env.required("REPLAY_REQUEST_TABLE_NAME"),
                replay_result: env.required("REPLAY_RESULT_TABLE_NAME"),
            },
            states: env.required("EXPORT_STATE_TABLE_NAME"),
            bucket: env.required("EXPORT_OUTPUT_BUCKET"),
            bus: env.required("EVENT_BUS_NAME"),
            queue: env.required("DATA_EXPORT_QUEUE_URL"),
            dead_letter_queue: env.required("DATA_EXPORT_DEAD_LETTER_QUEUE_URL"),
            coalesce_s: env.parsed("COALESCE_SECONDS", 5),
            previews: if env.switch("MRE_PREVIEW_URLS", false) {
                Previews::In(env.optional("MRE_MEDIA_BUCKET"))
            } else {
                Previews::Off
            },
        };
        env.finish().map(|()| config)
    }
}
