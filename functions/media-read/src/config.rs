//! The environment of this function.

use export_domain::settings::AuthMode;
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `JOBS_TABLE_NAME`
    pub jobs_table: String,
    /// `SESSIONS_TABLE_NAME`
    pub sessions_table: String,
    /// `TENANTS_TABLE_NAME`
    pub tenants_table: String,
    /// `EXPORT_BUCKET`
    pub bucket: String,
    /// `SOURCE_BUCKET`
    pub source_bucket: String,
    /// `DATA_ROLE_ARN`: who reaches recordings, if the function itself does not.
    pub data_role: Option<String>,
    /// `INSTANT_PLAYBACK`
    pub plays: bool,
    /// `DOWNLOAD_LINKS`
    pub signs: bool,
    /// The callers that are admitted.
    pub auth: AuthMode,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is missing or wrong.
    pub fn read(mut env: Env) -> Result<Self, ConfigError> {
        let config = Self {
            jobs_table: env.required("JOBS_TABLE_NAME"),
            sessions_table: env.required("SESSIONS_TABLE_NAME"),
            tenants_table: env.required("TENANTS_TABLE_NAME"),
            bucket: env.required("EXPORT_BUCKET"),
            source_bucket: env.required("SOURCE_BUCKET"),
            data_role: env.optional("DATA_ROLE_ARN"),
            plays: env.switch("INSTANT_PLAYBACK", false),
            signs: env.switch("DOWNLOAD_LINKS", false),
            auth: settings::auth(&mut env),
        };
        env.finish().map(|()| config)
    }
}
