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
            previews: if env.switch("MRE_PREVIEW_URLS", false) {
                Previews::In(env.optional("MRE_MEDIA_BUCKET"))
            } else {
                Previews::Off
            },
        };
        env.finish().map(|()| config)
    }
}
