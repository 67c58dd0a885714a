//! The environment of this function.

use export_aws::dynamodb::mre::MreTables;
use export_domain::identity::DirectoryKey;
use export_domain::settings::{AuthMode, Lifecycle, Limits, QueueUrls};
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;

/// Where events and replays are read.
#[derive(Debug, Clone)]
pub struct DocumentTables {
    /// Media Replay Engine's tables.
    pub tables: MreTables,
    /// `EXPORT_STATE_TABLE_NAME`
    pub states: String,
    /// `EXPORT_OUTPUT_BUCKET`
    pub bucket: String,
}

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
    /// `COMPLETION_BUS_NAME`; empty if completion events are off.
    pub bus: String,
    /// `EVENT_TABLE_NAME` and the other names of Media Replay Engine's tables, `EXPORT_STATE_TABLE_NAME` and
    /// `EXPORT_OUTPUT_BUCKET`; `None` in a deployment without them.
    pub documents: Option<DocumentTables>,
    /// The callers that are admitted.
    pub auth: AuthMode,
    /// The limits of a request.
    pub limits: Limits,
    /// The key that the names of clips' directories are made with.
    pub directories: Option<DirectoryKey>,
    /// Times of a job's life.
    pub times: Lifecycle,
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
            bus: settings::completion_bus(&env).unwrap_or_default(),
            documents: documents(&mut env),
            auth: settings::auth(&mut env),
            limits: settings::limits(&mut env),
            directories: settings::directory_key(&mut env),
            times: settings::lifecycle(&mut env),
        };
        env.finish().map(|()| config)
    }
}

fn documents(env: &mut Env) -> Option<DocumentTables> {
    env.optional("EXPORT_STATE_TABLE_NAME").map(|states| DocumentTables {
        tables: MreTables::of_replays(|name| env.required(name)),
        states,
        bucket: env.required("EXPORT_OUTPUT_BUCKET"),
    })
}
