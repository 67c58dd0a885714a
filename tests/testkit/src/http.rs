//! Requests as API Gateway hands them over, and what a function answers.

use lambda_http::http::{self, HeaderMap, Method};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::Value;
use std::collections::HashMap;

/// A request; `target` is path and query. The last segment behind `/export/status/` is the path parameter `jobId`.
///
/// # Panics
/// If a part of it is not HTTP.
pub fn ask(method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("an HTTP request");
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), vec![value.to_owned()]))
    };
    let query: HashMap<String, Vec<String>> = query.split('&').filter_map(pair).collect();
    let id = path.strip_prefix("/export/status/").map(|id| ("jobId".to_owned(), vec![id.to_owned()]));
    let parameters: HashMap<String, Vec<String>> = id.into_iter().collect();
    request.with_query_string_parameters(query).with_path_parameters(parameters)
}

/// A POST of `body` to `path`.
pub fn post(path: &str, body: &Value) -> Request {
    ask(Method::POST, path, &[], body.to_string())
}

/// A response, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// HTTP status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body's text.
    pub text: String,
    /// The body.
    pub json: Value,
}

impl Answered {
    /// Reads a response.
    ///
    /// # Panics
    /// If its body is not strict JSON.
    pub fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let Body::Text(text) = body else { panic!("a body that is no text") };
        let json = serde_json::from_str(&text).expect("strict JSON");
        Self { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    /// `ErrorCode` and `TimeWait`.
    pub fn codes(&self) -> (i64, i64) {
        let number = |name: &str| self.json[name].as_i64().unwrap_or(i64::MIN);
        (number("ErrorCode"), number("TimeWait"))
    }

    /// A header's value, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
