//! Logs: one JSON object a line on standard output, which CloudWatch Logs takes as it is.

use export_domain::ids::JobId;
use export_domain::job::Job;
use export_domain::trace::{CorrelationId, TraceContext, TraceHeader};
use export_domain::version::BuildVersion;
use std::panic;
use tracing::field::{Empty, display};
use tracing::{Level, Span, Subscriber};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging at `level` (`error`, `warn` or `info`; anything else means `info`), panics included. The first line names
/// the version, at every level.
pub fn init(level: Option<&str>) {
    tracing::subscriber::with_default(subscriber(None, std::io::stdout), || announce(BuildVersion::OWN));
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
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(writer)
        .finish()
}

fn announce(BuildVersion { version, commit }: BuildVersion) {
    tracing::info!(version, commit, "started the function");
}

/// Around the work for one request: what its lines have in common. At this level since a filter leaves out spans as it
/// does events.
pub fn request_span(context: &TraceContext) -> Span {
    let span = tracing::error_span!("request", correlation.id = Empty, trace.id = Empty, job.id = Empty);
    name_context(&span, context.correlation_id.as_ref(), context.trace.as_ref());
    span
}

/// Around the work for one job: what its lines have in common.
pub fn job_span(job_id: &JobId) -> Span {
    tracing::error_span!("job", job.id = %job_id, correlation.id = Empty, trace.id = Empty)
}

/// From here on the lines of the request that is at work name this job.
pub fn name_job(job_id: &JobId) {
    Span::current().record("job.id", display(job_id));
}

/// From here on the lines of the job that is at work name the request that it is for.
pub fn name_cause(job: &Job) {
    name_context(&Span::current(), job.correlation_id.as_ref(), job.trace.as_ref());
}

fn name_context(span: &Span, correlation_id: Option<&CorrelationId>, trace: Option<&TraceHeader>) {
    if let Some(id) = correlation_id {
        span.record("correlation.id", display(id));
    }
    if let Some(trace) = trace {
        span.record("trace.id", trace.root());
    }
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
    fn lines_name_request_and_job_at_every_level() {
        let context = TraceContext {
            correlation_id: CorrelationId::parse("\"} order 7"),
            trace: TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"),
        };
        let job_id = JobId::parse(&"a".repeat(32)).unwrap();
        for level in ["error", "info"] {
            let lines = logged(level, || {
                tracing::error!("outside");
                let _request = request_span(&context).entered();
                tracing::error!("before");
                name_job(&job_id);
                tracing::error!("then");
                let _job = job_span(&job_id).entered();
                tracing::error!("alone");
            });
            assert_eq!(lines[0].get("span"), None);
            let named = |n: usize| {
                let field = |name: &str| lines[n]["span"][name].as_str();
                (field("correlation.id"), field("trace.id"), field("job.id"))
            };
            let (correlation, trace) = (Some("\"} order 7"), Some("1-5759e988-bd862e3fe1be46a994272793"));
            assert_eq!(named(1), (correlation, trace, None));
            assert_eq!(named(2), (correlation, trace, Some(job_id.as_str())));
            assert_eq!(named(3), (None, None, Some(job_id.as_str())));
        }
    }

    #[test]
    fn a_start_names_version_and_commit() {
        let commit = Some("0123456789ab");
        let started = logged("info", || announce(BuildVersion { version: "1.2.3", commit }));
        assert_eq!(
            (started[0]["version"].as_str(), started[0]["commit"].as_str()),
            (Some("1.2.3"), commit),
            "{started:?}"
        );
        let unknown = logged("info", || announce(BuildVersion { version: "1.2.3", commit: None }));
        assert!(unknown[0].get("commit").is_none(), "{unknown:?}");
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
