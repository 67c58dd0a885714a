//! Answers: their bodies, headers and statuses.

use crate::node::{Node, object};
use crate::schemas::schema;
use serde_json::json;

/// An answer with one body.
pub(crate) fn response(description: &str, content_type: &str, schema: Node) -> Node {
    object! {
        "description" => description,
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => object! { content_type => object! { "schema" => schema } },
    }
}

/// An answer without a body.
pub(crate) fn bare(description: &str) -> Node {
    object! { "description" => description, "headers" => headers(&["X-Correlation-Id"]) }
}

/// An answer of API Gateway's own without a body.
pub(crate) fn of_gateway(description: &str) -> Node {
    object! { "description" => description }
}

/// Whatever fits exactly one of `schemas`: generators make a union of it, where they make one type with the members of
/// all of an `anyOf`.
pub(crate) fn one_of(schemas: &[&str]) -> Node {
    object! { "oneOf" => schemas.iter().map(|name| schema(name)).collect::<Vec<_>>() }
}

/// Whatever fits one of `schemas` or several.
pub(crate) fn either(schemas: &[&str]) -> Node {
    object! { "anyOf" => schemas.iter().map(|name| schema(name)).collect::<Vec<_>>() }
}

/// References to headers, all of which are components.
pub(crate) fn headers(names: &[&str]) -> Node {
    Node::Object(
        names
            .iter()
            .map(|name| {
                let component =
                    object! { "$ref" => format!("#/components/headers/{}", name.replace('-', "")) };
                ((*name).to_owned(), component)
            })
            .collect(),
    )
}

/// A reference to an answer that is a component.
pub(crate) fn shared(name: &str) -> Node {
    object! { "$ref" => format!("#/components/responses/{name}") }
}

/// The headers of answers.
pub(crate) fn all_headers() -> Node {
    let header = |description: &str, schema: serde_json::Value| object! { "description" => description, "schema" => schema };
    let text = || json!({"type": "string"});
    object! {
        "XCorrelationId" => header("The request's name in the service's \
            logs.", json!({"type": "string", "minLength": 1, "maxLength": 128})),
        "Location" => header("The job, \
            `/export/status/{jobId}`, or the batch, `/export/batch/{batchId}`.", json!({
            "type": "string", "pattern": "^/export/(status|batch)/[a-z2-7]{32}$",
        })),
        "RetryAfter" => header("Seconds to wait before asking again, when that makes \
            sense.", json!({"type": "integer", "minimum": 1})),
        "ETag" => header("The document, its view or options, format and encoding.", json!({
            "type": "string",
            "pattern": "^\"[0-9a-f]{32}-(guide|mre|[0-9a-f]{8})-(json|blob|bytes|ndjson|csv|edl|edl-blob|edl-bytes|otio|vtt)(-gzip)?\"$",
        })),
        "LastModified" => header("When the document was made.", text()),
        "CacheControl" => header("`private, no-cache`; `no-store` beside a link or an \
            error.", json!({"enum": ["private, no-cache", "no-store"]})),
        "ContentDisposition" => header("The name of a file with the document; not of \
            JSON.", json!({"type": "string", "pattern": "^(attachment|inline); filename=\""})),
        "ContentEncoding" => header("`gzip`, if the request allows it.", json!({"enum": ["gzip"]})),
        "XExportSource" => header("Whether the document was built from the tables now or is the last \
            stored export.", json!({"enum": ["live", "stored"]})),
        "XExportProfileSource" => header("Where `Event.Profile` comes from: the event's last trigger, the \
            stored export, or the tables.", json!({"enum": ["trigger", "stored", "derived"]})),
        "XExportWarnings" => header("Codes of what had to be left out, where Media Replay Engine would \
            have failed.", json!({"type": "string", "pattern": "^[a-z-]+(, [a-z-]+)*$"})),
    }
}

/// Answers that several operations share.
pub(crate) fn all() -> Node {
    let reply = |description: &str| response(description, "application/json", schema("Reply"));
    let retried = |description: &str, schemas: &[&str]| {
        response(description, "application/json", one_of(schemas))
            .with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) })
    };
    let problem = |description: &str| response(description, "application/problem+json", schema("Problem"));
    let gateway = |description: &str| {
        object! {
            "description" => description,
            "content" => object! { "application/json" => object! { "schema" => schema("GatewayError") } },
        }
    };
    object! {
        "Invalid" => reply("The request cannot be read or a field is not acceptable: `invalid request: \
            <field>: <why>`."),
        "SessionInvalid" => reply("`session invalid`: there is no session, or it is unknown or has expired."),
        "Denied" => reply("`access denied`: the target is not the tenant's, or the session's tenant was removed."),
        "NoSuchJob" => reply("`no such job`: unknown, expired, or another tenant's."),
        "TooLarge" => response("`request too large`: the body has more than 64 KiB; from API Gateway \
            itself above 10 MB.", "application/json", one_of(&["Reply", "GatewayError"])),
        "Unavailable" => retried("`service unavailable`: something needed does not answer; nothing was \
            stored. From API Gateway itself when a function did not end in \
            time.", &["Reply", "GatewayError"]),
        "Throttled" => gateway("More requests than the deployment allows; from API Gateway."),
        "Failed" => gateway("A function ended without an answer; from API Gateway. The request can be \
            repeated."),
        "Forbidden" => gateway("The request is not signed, or the caller may not invoke the API; from API \
            Gateway."),
        "GuideInvalid" => problem("A parameter is not acceptable."),
        "GuideNotAcceptable" => problem("`Accept` allows none of the formats."),
        "GuideNotFound" => problem("There is no such event or replay."),
        "GuideUnavailable" => object! {
            "description" => "The data cannot be read at the moment, or not in time. From API Gateway \
                itself when a function did not end in time.",
            "headers" => headers(&["X-Correlation-Id", "Retry-After"]),
            "content" => object! {
                "application/problem+json" => object! { "schema" => schema("Problem") },
                "application/json" => object! { "schema" => schema("GatewayError") },
            },
        },
        "MreInvalid" => response("A parameter is not acceptable.", "application/json", schema("MreError")),
        "MreNotFound" => response("There is no such event or \
            replay.", "application/json", schema("MreError")),
        "MreUnavailable" => retried("The data cannot be read at the moment, or not in time. From API \
            Gateway itself when a function did not end in time.", &["MreError", "GatewayError"]),
    }
}
