//! The environment of this function.

use export_domain::settings::{AuthMode, Limits};
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;

/// Names and settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SESSIONS_TABLE_NAME`
    pub sessions_table: String,
    /// `TENANTS_TABLE_NAME`
    pub tenants_table: String,
    /// `RECORDINGS_ACCESS`: the operator lets sessions find recordings.
    pub access: bool,
    /// `DATA_ROLE_ARN`: the role whose rights to recordings are lent for each tenant; the function's own without one.
    pub data_role: Option<String>,
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
        let config = Self {
            sessions_table: env.required("SESSIONS_TABLE_NAME"),
            tenants_table: env.required("TENANTS_TABLE_NAME"),
            access: env.switch("RECORDINGS_ACCESS", false),
            data_role: env.optional("DATA_ROLE_ARN"),
            auth: settings::auth(&mut env),
            limits: settings::limits(&mut env),
        };
        env.finish().map(|()| config)
    }
}
