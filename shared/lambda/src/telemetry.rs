//! Logs: one JSON object a line on standard output, which CloudWatch Logs takes as it is.

use tracing::Level;
use tracing_subscriber::fmt;

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`, `trace`; anything else means `info`).
pub fn init(level: Option<&str>) {
    let level = level.and_then(|text| text.parse().ok()).unwrap_or(Level::INFO);
    let subscriber = fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        .finish();
    // A second call in the same process (tests) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
