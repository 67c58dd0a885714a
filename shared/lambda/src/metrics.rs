//! Metrics in CloudWatch's embedded metric format: a log line that CloudWatch Logs turns into metrics.
//!
//! This is their one list. Each is summed up by stack, those of how clips are made by [`BY_PLAN`] as well, and what
//! goes wrong by [`BY_REASON`].

use crate::config::Env;
use export_domain::time::EpochMs;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The namespace of all functions' metrics in CloudWatch.
pub const NAMESPACE: &str = "MediaExport";

/// Dimension that every metric has: the stack's name.
const BY_STACK: &str = "Stack";

/// Dimension of a clip's metrics: `copy`, `smart` or `reencode`.
pub const BY_PLAN: &str = "PlanKind";

/// Dimension of jobs that failed, of clips that could not be copied and of warnings: why, from a closed list.
pub const BY_REASON: &str = "Reason";

/// The unit of a metric's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Bytes => "Bytes",
            Unit::Milliseconds => "Milliseconds",
        }
    }
}

/// A number that operators watch, under its name in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Metric::meaning` says what each is")]
pub enum Metric {
    Ready,
    Failed,
    TimedOut,
    Cancelled,
    JobTime,
    QueueTime,
    Takeovers,
    Resent,
    Untold,
    SweepLeft,
    DueAge,
    TellsLeft,
    LinksSigned,
    ColdStarts,
    Uncaged,
    Clips,
    Fallbacks,
    Warnings,
    FramesEncoded,
    FramesCopied,
    BytesRead,
    BytesWritten,
    RenderTime,
    CheckTime,
    TotalTime,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Ready,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::JobTime,
        Self::QueueTime,
        Self::Takeovers,
        Self::Resent,
        Self::Untold,
        Self::SweepLeft,
        Self::DueAge,
        Self::TellsLeft,
        Self::LinksSigned,
        Self::ColdStarts,
        Self::Uncaged,
        Self::Clips,
        Self::Fallbacks,
        Self::Warnings,
        Self::FramesEncoded,
        Self::FramesCopied,
        Self::BytesRead,
        Self::BytesWritten,
        Self::RenderTime,
        Self::CheckTime,
        Self::TotalTime,
    ];

    /// The unit of its numbers.
    pub fn unit(self) -> Unit {
        match self {
            Self::BytesRead | Self::BytesWritten => Unit::Bytes,
            Self::JobTime
            | Self::QueueTime
            | Self::DueAge
            | Self::RenderTime
            | Self::CheckTime
            | Self::TotalTime => Unit::Milliseconds,
            _ => Unit::Count,
        }
    }

    /// The meaning of its numbers.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ready => "jobs whose files are there",
            Self::Failed => {
                "jobs that ended without files, for whatever reason but time or their client's cancel"
            }
            Self::TimedOut => "jobs that ran out of attempts or time",
            Self::Cancelled => "jobs that their client cancelled",
            Self::JobTime => "from the request to the files; for a window in the future, from its end",
            Self::QueueTime => "from the request to the first claim by a worker",
            Self::Takeovers => "claims of jobs whose worker had died",
            Self::Resent => "messages that the sweeper sent again",
            Self::Untold => "completion events that the sweeper published: of expired jobs, and missed ones",
            Self::SweepLeft => "due jobs that a sweep had no time for",
            Self::DueAge => "how long the job had been due that a sweep found due longest",
            Self::TellsLeft => "completion events that a sweep could not send",
            Self::LinksSigned => "links to files and to segments that were signed",
            Self::ColdStarts => "processes started",
            Self::Uncaged => "workers started where the platform refuses a part of ffmpeg's cage",
            Self::Clips => "clips published",
            Self::Fallbacks => "clips that were to be copied and had to be rendered",
            Self::Warnings => "clips that are ready with a warning, for each code",
            Self::FramesEncoded => "pictures that went through an encoder",
            Self::FramesCopied => "pictures that are as recorded",
            Self::BytesRead => "bytes read from recordings",
            Self::BytesWritten => "bytes written to targets",
            Self::RenderTime => "decoding and encoding, all runs added up",
            Self::CheckTime => "checking joins, all added up",
            Self::TotalTime => "from opening the recording to publishing the clip",
        }
    }
}

/// A sink of metrics, a line each.
pub trait MetricSink: fmt::Debug + Send + Sync {
    /// Takes one.
    fn take(&self, line: Value);
}

/// The log. A line that cannot be written is lost: metrics never stop the work that they measure.
#[derive(Debug)]
struct Log;

impl MetricSink for Log {
    fn take(&self, line: Value) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// Keeps them.
impl MetricSink for Mutex<Vec<Value>> {
    fn take(&self, line: Value) {
        self.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Writes metrics.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    stack: String,
    sink: Option<Arc<dyn MetricSink>>,
}

impl Metrics {
    /// Those of the stack of that name, to the log.
    pub fn of(stack: impl Into<String>) -> Self {
        Self::to(stack, Arc::new(Log))
    }

    /// Those of the stack of that name, to `sink`.
    pub fn to(stack: impl Into<String>, sink: Arc<dyn MetricSink>) -> Self {
        Self { stack: stack.into(), sink: Some(sink) }
    }

    /// Those of this process, of the stack that `STACK_NAME` says; counts its start.
    pub fn of_process(env: &Env, now: EpochMs) -> Self {
        let metrics = Self::of(env.optional("STACK_NAME").unwrap_or_default());
        let function = env.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        metrics.emit(now, &[("Function", &function)], &[(Metric::ColdStarts, 1)]);
        metrics
    }

    /// Writes nothing.
    pub fn silent() -> Self {
        Self::default()
    }

    /// Writes `values`, at `now`. Each of `dimensions` (name, value) sums them up
    /// once more.
    pub fn emit(&self, now: EpochMs, dimensions: &[(&str, &str)], values: &[(Metric, u64)]) {
        if let Some(sink) = &self.sink
            && !values.is_empty()
        {
            sink.take(line(&self.stack, now, dimensions, values));
        }
    }
}

fn line(stack: &str, now: EpochMs, dimensions: &[(&str, &str)], values: &[(Metric, u64)]) -> Value {
    let metrics: Vec<Value> = values
        .iter()
        .map(|(metric, _)| json!({ "Name": format!("{metric:?}"), "Unit": metric.unit().name() }))
        .collect();
    let mut sets = vec![vec![BY_STACK]];
    sets.extend(dimensions.iter().map(|(name, _)| vec![BY_STACK, *name]));
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics });
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({ "Timestamp": now, "CloudWatchMetrics": [directive] }));
    line.insert(BY_STACK.to_owned(), stack.into());
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    line.extend(values.iter().map(|(metric, value)| (format!("{metric:?}"), (*value).into())));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_metrics_and_holds_their_values() {
        let values = [(Metric::Clips, 1), (Metric::BytesRead, 7)];
        let line = line(
            "west",
            EpochMs::new(1_562_253_612_833),
            &[(BY_PLAN, "smart"), (BY_REASON, "join")],
            &values,
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], json!(1_562_253_612_833_i64));
        assert_eq!(
            (&line["Stack"], &line["PlanKind"], &line["Reason"]),
            (&json!("west"), &json!("smart"), &json!("join"))
        );
        assert_eq!(directive["Dimensions"], json!([["Stack"], ["Stack", "PlanKind"], ["Stack", "Reason"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
        }
        assert_eq!(directive["Metrics"][1], json!({ "Name": "BytesRead", "Unit": "Bytes" }));
    }

    #[test]
    fn what_has_no_dimension_of_its_own_is_summed_up_by_stack_alone() {
        let line = line("west", EpochMs::ZERO, &[], &[(Metric::Ready, 1)]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
    }

    #[test]
    fn the_operators_table_lists_every_metric_as_it_is() {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/docs/OPERATIONS.md"))
                .unwrap();
        for metric in Metric::ALL {
            let row = format!("| `{metric:?}` | {} | {} |", metric.unit().name(), metric.meaning());
            assert!(readme.contains(&row), "infra/docs/OPERATIONS.md lacks: {row}");
        }
    }

    #[test]
    fn alarms_and_dashboard_show_only_metrics_that_there_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sam/template.yaml");
        let template = std::fs::read_to_string(path).unwrap();
        let shown = template.split("[\"MediaExport\", \"").skip(1).filter_map(|rest| rest.split('"').next());
        let named = template.split("Namespace: MediaExport\n      MetricName: ").skip(1);
        let watched = named.filter_map(|rest| rest.lines().next());
        let all: Vec<&str> = shown.chain(watched).collect();
        assert!(all.len() > 10, "{all:?}");
        for name in all {
            assert!(Metric::ALL.iter().any(|metric| format!("{metric:?}") == name), "{name}");
        }
    }
}
