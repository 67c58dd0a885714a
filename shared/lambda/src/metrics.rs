//! Metrics in CloudWatch's embedded metric format: a log line that CloudWatch Logs turns into metrics.

use serde_json::{Map, Value, json};
use std::io::Write;

/// Where CloudWatch keeps the metrics of all functions.
pub const NAMESPACE: &str = "MediaExport";

/// What a metric's numbers count.
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
    fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Bytes => "Bytes",
            Unit::Milliseconds => "Milliseconds",
        }
    }
}

/// Writes `values` (name, unit, value) to the log, summed up by the `dimension` (name, value).
///
/// `now_ms` is the time in milliseconds since the Unix epoch. A line that cannot be written is lost: metrics never stop
/// the work that they tell of.
pub fn emit(now_ms: i64, dimension: (&str, &str), values: &[(&str, Unit, u64)]) {
    let line = line(now_ms, dimension, values);
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn line(now_ms: i64, dimension: (&str, &str), values: &[(&str, Unit, u64)]) -> Value {
    let metrics: Vec<Value> =
        values.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit.name() })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[dimension.0]], "Metrics": metrics });
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({ "Timestamp": now_ms, "CloudWatchMetrics": [directive] }));
    line.insert(dimension.0.to_owned(), dimension.1.into());
    line.extend(values.iter().map(|(name, _, value)| ((*name).to_owned(), (*value).into())));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_metrics_and_holds_their_values() {
        let line = line(
            1_562_253_612_833,
            ("PlanKind", "smart"),
            &[("Clips", Unit::Count, 1), ("BytesRead", Unit::Bytes, 7)],
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&line["_aws"]["Timestamp"], &line["PlanKind"]),
            (&json!(1_562_253_612_833_i64), &json!("smart"))
        );
        assert_eq!(directive["Dimensions"], json!([["PlanKind"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
        }
        assert_eq!(directive["Metrics"][1], json!({ "Name": "BytesRead", "Unit": "Bytes" }));
    }
}
