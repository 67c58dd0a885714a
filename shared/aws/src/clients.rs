//! The SDK's configuration: where to call, how long to wait, how often to try again.
//!
//! The SDK itself sets no operation timeout. Stalled-stream protection stays on, which bounds the reading of bodies.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use export_domain::ports::Unavailable;
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// Loads region, credentials and endpoint as Lambda's environment gives them.
pub async fn load() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_mins(1))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .load()
        .await
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
