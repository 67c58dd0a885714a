//! The environment variables that several functions read, in one place with their names.

use crate::config::Env;
use export_domain::identity::DirectoryKey;
use export_domain::ids::TenantId;
use export_domain::settings::{AuthMode, Lifecycle, Limits, MOST_CLIPS, QueueUrls, ReplyStyle};
use export_domain::time::Millis;

/// In seconds. The HTTP API itself ends a request after 30 s.
const MOST_WAIT_S: i64 = 20;

/// `CLIP_QUEUE_URL`, `BULK_QUEUE_URL`, `THUMBNAIL_QUEUE_URL`.
pub fn queues(env: &mut Env) -> QueueUrls {
    QueueUrls {
        clips: env.required("CLIP_QUEUE_URL"),
        bulk: env.optional("BULK_QUEUE_URL"),
        thumbnails: env.required("THUMBNAIL_QUEUE_URL"),
    }
}

/// `LENIENT_JSON`, `MAX_DURATION_MS`, `MAX_AHEAD_DAYS`, `MAX_BATCH_CLIPS`, `MAX_BATCH_DURATION_MS`, `MAX_WAIT_SECONDS`.
pub fn limits(env: &mut Env) -> Limits {
    let defaults = Limits::default();
    Limits {
        max_duration_ms: env.parsed("MAX_DURATION_MS", defaults.max_duration_ms),
        max_ahead_days: env.parsed("MAX_AHEAD_DAYS", defaults.max_ahead_days),
        max_batch_clips: env.parsed("MAX_BATCH_CLIPS", defaults.max_batch_clips).clamp(1, MOST_CLIPS),
        max_batch_duration_ms: env.parsed("MAX_BATCH_DURATION_MS", defaults.max_batch_duration_ms),
        max_wait_ms: Millis::from_secs(env.parsed("MAX_WAIT_SECONDS", MOST_WAIT_S).clamp(0, MOST_WAIT_S)),
        lenient_json: env.switch("LENIENT_JSON", defaults.lenient_json),
    }
}

/// `DIRECTORY_KEY`. A function without one, as between the two steps of its own update, serves on, and its clips'
/// directories can be computed from their requests.
pub fn directory_key(env: &mut Env) -> Option<DirectoryKey> {
    let Some(text) = env.optional("DIRECTORY_KEY") else {
        tracing::warn!("DIRECTORY_KEY is not set: directories can be computed from requests");
        return None;
    };
    let key = DirectoryKey::parse(&text);
    if key.is_none() {
        env.problem("DIRECTORY_KEY", "must have 32 bytes or more");
    }
    key
}

/// `AUTH_MODE`, `DEFAULT_TENANT`.
pub fn auth(env: &mut Env) -> AuthMode {
    match env.optional("AUTH_MODE").as_deref() {
        None | Some("session") => AuthMode::Session,
        Some("none") => {
            let tenant = env.required("DEFAULT_TENANT");
            TenantId::parse(&tenant).map_or_else(
                |_| {
                    env.problem("DEFAULT_TENANT", "is not a tenant's name");
                    AuthMode::Session
                },
                AuthMode::None,
            )
        }
        Some(_) => {
            env.problem("AUTH_MODE", "must be session or none");
            AuthMode::Session
        }
    }
}

/// `LEGACY_HTTP`, `PREDICT_PATHS`.
pub fn reply_style(env: &mut Env) -> ReplyStyle {
    let always_200 = match env.optional("LEGACY_HTTP").as_deref() {
        None => false,
        Some("200") => true,
        Some(_) => {
            env.problem("LEGACY_HTTP", "must be empty or 200");
            false
        }
    };
    ReplyStyle { always_200, predict_paths: env.switch("PREDICT_PATHS", false) }
}

/// `COMPLETION_BUS_NAME`; without it no completion events are sent.
pub fn completion_bus(env: &Env) -> Option<String> {
    env.optional("COMPLETION_BUS_NAME")
}

/// `LEASE_MS` and the other times of [`Lifecycle`], in milliseconds, for tests on a scaled clock. Without a
/// [`completion_bus`] no completion events are due.
pub fn lifecycle(env: &mut Env) -> Lifecycle {
    let defaults = Lifecycle::default();
    Lifecycle {
        lease_ms: env.parsed("LEASE_MS", defaults.lease_ms),
        renew_ms: env.parsed("RENEW_MS", defaults.renew_ms),
        max_attempts: env.parsed("MAX_ATTEMPTS", defaults.max_attempts),
        work_ms: env.parsed("WORK_MS", defaults.work_ms),
        max_queue_age_ms: env.parsed("MAX_QUEUE_AGE_MS", defaults.max_queue_age_ms),
        source_wait_ms: env.parsed("SOURCE_WAIT_MS", defaults.source_wait_ms),
        resend_ms: env.parsed("RESEND_MS", defaults.resend_ms),
        tell_ms: completion_bus(env).and(defaults.tell_ms),
        ..defaults
    }
}
