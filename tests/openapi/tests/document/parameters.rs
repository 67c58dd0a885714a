//! Parameters that several operations share.

use crate::node::{Node, object};
use serde_json::{Value, json};

/// A parameter that may be left out.
pub(crate) fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Node {
    object! { "name" => name, "in" => place, "description" => description, "schema" => schema }
}

/// A parameter that must be there.
pub(crate) fn required(place: &str, name: &str, description: &str, schema: Value) -> Node {
    parameter(place, name, description, schema).with(object! { "required" => json!(true) })
}

/// The request's name in logs.
pub(crate) fn correlation() -> Node {
    let what = "Names the request in the service's logs; 1 to 128 printable ASCII characters. Any other is \
        ignored, and so is one that holds the request's session, or may hold it.";
    parameter("header", "X-Correlation-Id", what, json!({"type": "string"}))
}

/// How long to wait.
pub(crate) fn prefer() -> Node {
    let what = "`wait=N` (RFC 7240): answer when the job has ended, or after N seconds, 20 at most; \
        an operator may set less.";
    parameter("header", "Prefer", what, json!({"type": "string", "examples": ["wait=20"]}))
}
