//! The route of the service's version.

use crate::media::problems;
use crate::node::{Node, object};
use crate::parameters::{correlation, parameter};
use crate::responses::headers;
use crate::schemas::schema;
use export_domain::version::BuildVersion;
use serde_json::json;

/// The name that the document lists the route under.
pub(crate) const TAG: &str = "Service";

/// The route with its operation.
pub(crate) fn paths() -> Node {
    object! { "/export/version" => object! { "get" => get() } }
}

fn get() -> Node {
    let what = "The release that the service was deployed from, and the commit. A session is asked for, as on every route of the media: \
        strangers do not learn how old a service is. Caches keep the answer, and ask each time whether it still counts. An unknown query \
        parameter is refused.";
    let known = parameter(
        "header",
        "If-None-Match",
        "`ETag` of an answer that the client has.",
        json!({"type": "string"}),
    );
    let found = object! {
        "description" => "The version.",
        "headers" => answered(),
        "content" => object! {
            "application/json" => object! { "schema" => schema("Version"), "examples" => examples() },
        },
    };
    let same = object! { "description" => "The client's answer still counts.", "headers" => answered() };
    object! {
        "tags" => json!([TAG]),
        "operationId" => "getVersion",
        "summary" => "Get the version of the service",
        "description" => what,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => vec![correlation(), known],
        "responses" => object! { "200" => found, "304" => same }.with(problems()),
    }
}

fn answered() -> Node {
    let tag = json!({
        "description": "The version and its commit.",
        "schema": {"type": "string", "pattern": "^\"[0-9]+\\.[0-9]+\\.[0-9]+[^\"]*\"$"},
    });
    headers(&["X-Correlation-Id", "Cache-Control"]).with(object! { "ETag" => tag })
}

fn examples() -> Node {
    let released = BuildVersion { version: "0.2.0", commit: Some("0123456789ab") };
    object! { "released" => object! { "summary" => "A release", "value" => Node::of(&released) } }
}
