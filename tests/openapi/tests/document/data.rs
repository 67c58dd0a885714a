//! The routes of event and replay documents.

use crate::examples;
use crate::node::{Node, object};
use crate::parameters::{correlation, parameter, required};
use crate::responses::{bare, either, headers, of_gateway, one_of, shared};
use serde_json::json;

const TAG: &str = "Event and replay documents";

/// Headers of every document.
const DOCUMENT: [&str; 7] = [
    "X-Correlation-Id",
    "ETag",
    "Last-Modified",
    "Cache-Control",
    "X-Export-Source",
    "X-Export-Profile-Source",
    "X-Export-Warnings",
];

/// Whose document.
#[derive(Clone, Copy)]
enum Kind {
    Event,
    Replay,
}

/// How a route gives it.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// As the developer guide shows it, names in the path.
    Guide,
    /// The same, names in the query.
    Query,
    /// On Media Replay Engine's own route.
    Mre,
}

/// The routes with their operations.
pub(crate) fn paths() -> Node {
    use Form::{Guide, Mre, Query};
    use Kind::{Event, Replay};
    object! {
        "/export/data/event/{event}/program/{program}" => route(Event, Guide),
        "/export/data/replay/{id}/event/{event}/program/{program}" => route(Replay, Guide),
        "/export/data/event" => route(Event, Query),
        "/export/data/replay" => route(Replay, Query),
        "/event/{event}/export/data/program/{program}" => route(Event, Mre),
        "/replay/export/data/{id}/event/{event}/program/{program}" => route(Replay, Mre),
    }
}

fn route(kind: Kind, form: Form) -> Node {
    object! { "get" => get(kind, form), "head" => head(kind, form) }
}

fn get(kind: Kind, form: Form) -> Node {
    let (summary, description) = words(kind, form);
    let errors = if form == Form::Mre { "Mre" } else { "Guide" };
    let mut responses = object! {
            "200" => object! {
                "description" => "The document, or with `delivery=link` where it is.",
                "headers" => headers(&DOCUMENT).with(headers(&["Content-Encoding"])),
                "content" => content(kind, form),
            },
            "202" => object! {
                "description" => "The document takes longer than a reply may and is being built: ask again after \
                    `Retry-After` seconds. It is there for five minutes then, by a redirect.",
                "headers" => headers(&["X-Correlation-Id", "Retry-After"]),
                "content" => object! { "application/json" => object! { "schema" => building() } },
            },
            "304" => bare("The document is the one of \
                `If-None-Match`.").with(object! { "headers" => headers(&DOCUMENT) }),
            "307" => object! {
                "description" => "The document does not fit into a reply: `Location` opens it in S3, for \
                    everyone who has it and without credentials, for up to 15 minutes. A client \
                    that signs its requests must not sign this one; `delivery=link` spares it the redirect.",
                "headers" => redirect(),
            },
            "400" => shared(&format!("{errors}Invalid")),
            "403" => shared("Forbidden"),
            "404" => shared(&format!("{errors}NotFound")),
            "429" => shared("Throttled"),
            "500" => shared("Failed"),
            "503" => shared(&format!("{errors}Unavailable")),
    };
    if form != Form::Mre {
        responses = responses.with(object! { "406" => shared("GuideNotAcceptable") });
    }
    operation(kind, form, "get", summary, description).with(object! { "responses" => responses })
}

/// The body while a document is being built.
fn building() -> Node {
    json!({
        "type": "object",
        "required": ["Status", "Message"],
        "properties": {"Status": {"const": "BUILDING"}, "Message": {"type": "string"}},
    })
    .into()
}

fn redirect() -> Node {
    headers(&["X-Correlation-Id", "ETag"]).with(object! {
        "Location" => json!({"description": "The document.", "schema": {"type": "string", "format": "uri"}}),
    })
}

fn head(kind: Kind, form: Form) -> Node {
    let (summary, _) = words(kind, form);
    let summary = format!("{summary}: headers only");
    let mut responses = object! {
            "200" => object! {
                "description" => "There is such a document.",
                "headers" => headers(&DOCUMENT).with(headers(&["Content-Encoding"])),
            },
            "202" => bare("The document is being built.").with(object! {
                "headers" => headers(&["X-Correlation-Id", "Retry-After"]),
            }),
            "304" => bare("The document is the one of \
                `If-None-Match`.").with(object! { "headers" => headers(&DOCUMENT) }),
            "307" => object! {
                "description" => "The document does not fit into a reply: `Location` answers `HEAD` in S3.",
                "headers" => redirect(),
            },
            "400" => bare("A parameter is not acceptable."),
            "403" => of_gateway("The request is not signed, or the caller may not invoke the API."),
            "404" => bare("There is no such event or replay."),
            "429" => of_gateway("More requests than the deployment allows."),
            "500" => of_gateway("A function ended without an answer. The request can be repeated."),
            "503" => bare("The data cannot be read at the moment, or not in \
                time.").with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) }),
    };
    if form != Form::Mre {
        responses = responses.with(object! { "406" => bare("`Accept` allows no `application/json`.") });
    }
    let description = "The status and the headers of GET, and the length of its body.";
    operation(kind, form, "head", &summary, description).with(object! { "responses" => responses })
}

fn words(kind: Kind, form: Form) -> (&'static str, &'static str) {
    match (kind, form) {
        (Kind::Event, Form::Guide) => {
            ("Event", "The event as Media Replay Engine's developer guide shows it.")
        }
        (Kind::Replay, Form::Guide) => {
            ("Replay", "The replay as Media Replay Engine's developer guide shows it.")
        }
        (Kind::Event, Form::Query) => {
            ("Event, any name", "The same for every name, also with `/` or `?` in it.")
        }
        (Kind::Replay, Form::Query) => {
            ("Replay, any name", "The same for every name, also with `/` or `?` in it.")
        }
        (Kind::Event, Form::Mre) => (
            "Event, Media Replay Engine's route",
            "The event as Media Replay Engine gives it. With `Accept: application/octet-stream` the \
                document itself, and a line end.",
        ),
        (Kind::Replay, Form::Mre) => (
            "Replay, Media Replay Engine's route",
            "The replay as Media Replay Engine gives it. With `Accept: application/octet-stream` the \
                document itself, and a line end.",
        ),
    }
}

fn operation(kind: Kind, form: Form, method: &str, summary: &str, description: &str) -> Node {
    let kind_name = match kind {
        Kind::Event => "Event",
        Kind::Replay => "Replay",
    };
    let form_name = match form {
        Form::Guide => "",
        Form::Query => "ByQuery",
        Form::Mre => "AsMre",
    };
    let place = if form == Form::Query { "query" } else { "path" };
    let name = || json!({"type": "string", "minLength": 1, "maxLength": 256});
    let mut parameters = match kind {
        Kind::Event => vec![],
        Kind::Replay => vec![required(place, "id", "The replay's id.", name())],
    };
    parameters.extend([
        required(place, "event", "The event's name.", name()),
        required(place, "program", "The event's program.", name()),
    ]);
    let own = form == Form::Mre;
    parameters.extend([
        parameter(
            "query",
            "view",
            "Whose JSON: the developer guide's or Media Replay Engine's own.",
            json!({"type": "string", "enum": ["guide", "mre"], "default": if own { "mre" } else { "guide" }}),
        ),
        parameter(
            "query",
            "source",
            "`live` builds the document from the tables; `stored` takes the last event-driven export where \
                there is one and the view is `mre`.",
            json!({"type": "string", "enum": ["live", "stored"], "default": if own { "stored" } else { "live" }}),
        ),
        parameter(
            "query",
            "delivery",
            "`link` answers where the document is, at any size.",
            json!({"type": "string", "enum": ["link"]}),
        ),
        parameter("query", "format", "The document's form.", json!({"type": "string", "enum": ["json"]})),
        parameter("header", "If-None-Match", "`ETag` of the document that the client \
            has.", json!({"type": "string"})),
        correlation(),
    ]);
    object! {
        "tags" => json!([TAG]),
        "operationId" => format!("{method}{kind_name}{form_name}"),
        "summary" => summary,
        "description" => description,
        "security" => json!([{"awsSigV4": []}]),
        "parameters" => parameters,
    }
}

fn content(kind: Kind, form: Form) -> Node {
    let guide = match kind {
        Kind::Event => "GuideEventExport",
        Kind::Replay => "GuideReplayExport",
    };
    if form == Form::Mre {
        return object! {
            "application/json" => object! { "schema" => one_of(&["Blob", "DocumentLink"]) },
            "application/octet-stream" => object! { "schema" => either(&[guide, "MreDocument"]) },
        };
    }
    let sample = match kind {
        Kind::Event => examples::event(),
        Kind::Replay => examples::replay(),
    };
    let document =
        object! { "schema" => either(&[guide, "MreDocument", "DocumentLink"]), "examples" => sample };
    object! { "application/json" => document }
}
