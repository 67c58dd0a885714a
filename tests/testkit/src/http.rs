//! Requests as the gateway's events give them, and what a function answers.

use export_lambda::http::{Reply, Request};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A request; `target` is path and query. The segment behind `/export/status/` or `/export/jobs/` is the path parameter
/// `jobId`, the one behind `/export/batch/` the parameter `batchId`, and the one behind `/play/` the parameter `file`.
pub fn ask(method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let named = |of: &'static str| Some((of, path.strip_prefix(of)?));
    let found = ["/export/status/", "/export/jobs/", "/export/batch/"].into_iter().find_map(named);
    let (route, id) = match found {
        Some((of, rest)) => {
            let name = if of == "/export/batch/" { "batchId" } else { "jobId" };
            let (id, below) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            (format!("{of}{{{name}}}{below}"), Some((name.to_owned(), id.to_owned())))
        }
        None => (path.to_owned(), None),
    };
    let mut path_parameters: HashMap<String, String> = id.into_iter().collect();
    let (route, file) = match route.split_once("/play/") {
        Some((above, file)) => (format!("{above}/play/{{file}}"), Some(file.to_owned())),
        None => (route, None),
    };
    path_parameters.extend(file.map(|file| ("file".to_owned(), file)));
    let lower = |(name, value): &(&str, &str)| (name.to_ascii_lowercase(), (*value).to_owned());
    Request {
        method: method.to_owned(),
        route,
        path: path.to_owned(),
        path_parameters,
        query: query.to_owned(),
        headers: headers.iter().map(lower).collect(),
        body: body.into(),
        left: Duration::from_secs(29),
        ..Request::default()
    }
}

/// A POST of `body` to `path`.
pub fn post(path: &str, body: &Value) -> Request {
    ask("POST", path, &[], body.to_string())
}

/// A reply, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// HTTP status code.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: BTreeMap<&'static str, String>,
    /// The body's text.
    pub text: String,
    /// The body; `null` if it is a text.
    pub json: Value,
}

impl Answered {
    /// Reads a reply.
    ///
    /// # Panics
    /// If its body is neither strict JSON nor a text.
    pub fn read(reply: Reply) -> Self {
        let is_text = reply.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/"));
        let json =
            if is_text { Value::Null } else { serde_json::from_str(&reply.body).expect("strict JSON") };
        Self { status: reply.status_code, headers: reply.headers, text: reply.body, json }
    }

    /// `ErrorCode` and `TimeWait`.
    pub fn codes(&self) -> (i64, i64) {
        let number = |name: &str| self.json[name].as_i64().unwrap_or(i64::MIN);
        (number("ErrorCode"), number("TimeWait"))
    }

    /// A header's value, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name.to_ascii_lowercase().as_str()).map_or("", String::as_str)
    }
}
