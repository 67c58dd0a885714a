//! Logs: one JSON object a line on standard output, which CloudWatch Logs takes as it is.

use crate::config::Env;
use crate::metrics::Metrics;
use std::panic;
use tracing::{Level, Subscriber};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging, at the level that `RUST_LOG` says, and metrics; `now_ms` is the time in milliseconds since the epoch.
pub fn start(env: &Env, now_ms: i64) -> Metrics {
    init(env.optional("RUST_LOG").as_deref());
    Metrics::of_process(env, now_ms)
}

/// Starts logging at `level` (`error`, `warn` or `info`; anything else means `info`), panics included.
pub fn init(level: Option<&str>) {
    // A second call in the same process (tests) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber(level, std::io::stdout));
    panic::set_hook(Box::new(|panic| report(panic.location())));
}

/// Nothing in detail: at `debug` and `trace` the Lambda runtime and the SDK write down whole requests with their secrets.
fn subscriber(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber {
    let level = level.and_then(|text| text.parse().ok()).unwrap_or(Level::INFO).min(Level::INFO);
    fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(writer)
        .finish()
}

/// The place alone: a panic's message may quote what a client wrote.
fn report(location: Option<&panic::Location<'_>>) {
    let place = location.map(ToString::to_string);
    tracing::error!(place, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io::{Result, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// What is logged at `level` while `act` runs.
    fn logged(level: &str, act: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(Some(level), move || writer.clone()), act);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn whatever_a_field_holds_an_event_is_one_line() {
        for hostile in
            ["a\nb", "a\r\n{\"level\":\"ERROR\"}", "a\u{1b}[2Jb", "\"}", "a\0b", "\u{2028}\u{85}", "\\"]
        {
            let lines = logged("info", || {
                tracing::info!(text = hostile, shown = %hostile, debugged = ?hostile, "said {hostile}");
            });
            let [line] = lines.as_slice() else { panic!("{lines:?}") };
            assert_eq!((line["text"].as_str(), line["shown"].as_str()), (Some(hostile), Some(hostile)));
            assert_eq!(line["message"], format!("said {hostile}"));
        }
    }

    #[test]
    fn details_are_never_logged() {
        for (level, count) in [("error", 1), ("warn", 2), ("info", 3), ("debug", 3), ("trace", 3), ("?", 3)] {
            let lines = logged(level, || {
                tracing::error!("e");
                tracing::warn!("w");
                tracing::info!("i");
                tracing::debug!(target: "lambda_runtime", body = "secret", "d");
                tracing::trace!(target: "lambda_runtime", body = "secret", "t");
            });
            assert_eq!(lines.len(), count, "{level}");
        }
    }

    #[test]
    fn a_panic_is_one_line_that_says_where_and_not_with_what() {
        let lines = logged("info", || report(Some(panic::Location::caller())));
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["message"], "panicked");
        assert!(line["place"].as_str().unwrap().contains("telemetry.rs:"), "{line}");
    }
}
