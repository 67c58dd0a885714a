//! The environment of this function.

use export_aws::s3::Distribution;
use export_domain::settings::AuthMode;
use export_lambda::config::{ConfigError, Env};
use export_lambda::settings;

/// Names and settings.
#[derive(Debug)]
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
    /// The distribution that serves what playlists name: `PLAYBACK_DOMAIN`, `PLAYBACK_KEY_PAIR_ID` and `PLAYBACK_KEY`.
    pub distribution: Option<Distribution>,
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
        let distribution = distribution(&mut env);
        let config = Self {
            jobs_table: env.required("JOBS_TABLE_NAME"),
            sessions_table: env.required("SESSIONS_TABLE_NAME"),
            tenants_table: env.required("TENANTS_TABLE_NAME"),
            bucket: env.required("EXPORT_BUCKET"),
            source_bucket: env.required("SOURCE_BUCKET"),
            data_role: env.optional("DATA_ROLE_ARN"),
            plays: env.switch("INSTANT_PLAYBACK", false),
            distribution,
            signs: env.switch("DOWNLOAD_LINKS", false),
            auth: settings::auth(&mut env),
        };
        env.finish().map(|()| config)
    }
}

/// The distribution of `PLAYBACK_DOMAIN`; `None` if that is not set.
fn distribution(env: &mut Env) -> Option<Distribution> {
    let domain = env.optional("PLAYBACK_DOMAIN")?;
    let [key_pair, pem, recordings, clips] =
        ["PLAYBACK_KEY_PAIR_ID", "PLAYBACK_KEY", "SOURCE_BUCKET", "EXPORT_BUCKET"]
            .map(|name| env.required(name));
    let distribution = Distribution::new(domain, key_pair, &pem, recordings, clips);
    if distribution.is_none() && !pem.is_empty() {
        env.problem("PLAYBACK_KEY", "is not a private key of the curve P-256 in PEM");
    }
    distribution
}
