//! The environment of this function.

use export_domain::identity::DirectoryKey;
use export_domain::settings::{AuthMode, Lifecycle, Limits, QueueUrls, ReplyStyle};
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
    /// The queues in which jobs wait for a worker.
    pub queues: QueueUrls,
    /// The callers that are admitted.
    pub auth: AuthMode,
    /// The limits of a request.
    pub limits: Limits,
    /// The key that the names of clips' directories are made with.
    pub directories: Option<DirectoryKey>,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// The form of replies.
    pub style: ReplyStyle,
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
            queues: settings::queues(&mut env),
            auth: settings::auth(&mut env),
            limits: settings::limits(&mut env),
            directories: settings::directory_key(&mut env),
            times: settings::lifecycle(&mut env),
            style: settings::reply_style(&mut env),
        };
        env.finish().map(|()| config)
    }
}
