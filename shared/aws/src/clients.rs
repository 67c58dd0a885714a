//! The SDK's configuration: where to call, how long to wait, how often to try again.
//!
//! The SDK itself sets no operation timeout. An operation timeout ends with the reply's headers; what comes after them
//! is bounded by stalled-stream protection.

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use export_domain::ports::Unavailable;
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// The time that calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// One try.
    attempt: Duration,
    /// All tries of a call, with the pauses between them.
    operation: Duration,
    /// Mean of the first pause; later ones are longer.
    pause: Duration,
}

impl Patience {
    /// For small items, several one after another, within 29 s.
    pub const ITEMS: Self = Self {
        attempt: Duration::from_secs(4),
        operation: Duration::from_secs(12),
        pause: Duration::from_millis(100),
    };
    /// For a document that is read and perhaps written, within 29 s.
    pub const DOCUMENTS: Self = Self {
        attempt: Duration::from_secs(9),
        operation: Duration::from_secs(25),
        pause: Duration::from_millis(100),
    };
    /// For work that takes minutes.
    pub const WORK: Self = Self {
        attempt: Duration::from_secs(20),
        operation: Duration::from_mins(1),
        pause: Duration::from_secs(1),
    };
}

/// Loads region, credentials and endpoint as Lambda's environment gives them.
pub async fn load(patience: Patience) -> SdkConfig {
    configured(aws_config::defaults(BehaviorVersion::latest()), patience).load().await
}

pub(crate) fn configured(loader: ConfigLoader, patience: Patience) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2).min(patience.attempt))
        .operation_attempt_timeout(patience.attempt)
        .operation_timeout(patience.operation)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(patience.pause);
    let streams = StalledStreamProtectionConfig::enabled().grace_period(patience.attempt).build();
    loader.timeout_config(timeouts).retry_config(retries).stalled_stream_protection(streams)
}

/// Turns any SDK error into the port's, with the whole chain of causes for the log.
pub(crate) fn unavailable(what: &'static str, error: &(dyn Error + 'static)) -> Unavailable {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    Unavailable(what, text)
}

#[cfg(all(test, feature = "dynamodb", feature = "s3"))]
mod tests;
