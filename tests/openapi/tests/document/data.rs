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
    /// The edit list, on Media Replay Engine's own route.
    Edl,
}

impl Form {
    /// Whether the route is Media Replay Engine's own.
    fn is_own(self) -> bool {
        matches!(self, Self::Mre | Self::Edl)
    }
}

/// The routes with their operations.
pub(crate) fn paths() -> Node {
    use Form::{Edl, Guide, Mre, Query};
    use Kind::{Event, Replay};
    object! {
        "/export/data/event/{event}/program/{program}" => route(Event, Guide),
        "/export/data/replay/{id}/event/{event}/program/{program}" => route(Replay, Guide),
        "/export/data/event" => route(Event, Query),
        "/export/data/replay" => route(Replay, Query),
        "/event/{event}/export/data/program/{program}" => route(Event, Mre),
        "/replay/export/data/{id}/event/{event}/program/{program}" => route(Replay, Mre),
        "/event/{event}/edl/program/{program}/track/{track}" => route(Event, Edl),
    }
}

fn route(kind: Kind, form: Form) -> Node {
    object! { "get" => get(kind, form), "head" => head(kind, form) }
}

fn get(kind: Kind, form: Form) -> Node {
    let (summary, description) = words(kind, form);
    let errors = if form.is_own() { "Mre" } else { "Guide" };
    let mut responses = object! {
            "200" => object! {
                "description" => "The document, or with `delivery=link` where it is.",
                "headers" => headers(&DOCUMENT).with(headers(&["Content-Encoding", "Content-Disposition"])),
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
                    that signs its requests must not sign this one; `delivery=link` spares it the redirect. Most clients send \
                    `X-Session-Id` on to S3: these routes need no session, so send none.",
                "headers" => redirect(),
            },
            "400" => shared(&format!("{errors}Invalid")),
            "403" => shared("Forbidden"),
            "404" => shared(&format!("{errors}NotFound")),
            "429" => shared("Throttled"),
            "500" => shared("Failed"),
            "503" => shared(&format!("{errors}Unavailable")),
    };
    if !form.is_own() {
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
                "headers" => headers(&DOCUMENT).with(headers(&["Content-Encoding", "Content-Disposition"])),
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
    if !form.is_own() {
        responses = responses.with(object! { "406" => bare("`Accept` allows none of the formats.") });
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
        (_, Form::Edl) => (
            "Edit list, Media Replay Engine's route",
            "The event's segments as an edit list (CMX 3600), built from the tables now. Where the event has no \
                frame rate and none is given, `BlobContent` is `No Content found`.",
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
        Form::Edl => "EditList",
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
    if form == Form::Edl {
        parameters.push(required("path", "track", TRACK, track()));
    } else {
        parameters.extend(choices(form));
    }
    parameters.push(parameter(
        "query",
        "delivery",
        "`link` answers where the document is, at any size.",
        json!({"type": "string", "enum": ["link"]}),
    ));
    parameters.extend(options(form));
    parameters.extend([
        parameter(
            "header",
            "If-None-Match",
            "`ETag` of the document that the client \
            has.",
            json!({"type": "string"}),
        ),
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

const TRACK: &str = "Audio track whose borders and clips are used.";

fn track() -> serde_json::Value {
    json!({"type": "string", "pattern": "^[0-9]{1,5}$"})
}

/// What a route with a choice of documents can be asked for.
fn choices(form: Form) -> Vec<Node> {
    let own = form.is_own();
    vec![
        parameter(
            "query",
            "format",
            "The document's format; it counts before `Accept`, which asks for one of the media types of the reply. Only \
                `json` and `ndjson` have a `view` and a `source`, and each format its options.",
            json!({"type": "string", "enum": ["json", "ndjson", "csv", "edl", "otio", "vtt"], "default": "json"}),
        ),
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
    ]
}

/// The options of formats with edits.
fn options(form: Form) -> Vec<Node> {
    let label =
        || json!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][:;][0-9]{2}$"});
    let one_of = |values: &[&str]| json!({"type": "string", "enum": values});
    let rates = ["23.976", "24", "25", "29.97", "30", "47.952", "48", "50", "59.94", "60"];
    let options = [
        ("track", "edl, otio, vtt", TRACK, track()),
        (
            "times",
            "edl, otio, vtt",
            "Which borders of the segments are used: `best` takes the optimized ones where the track has them.",
            one_of(&["best", "optimized", "original"]),
        ),
        ("fps", "edl, otio", "The frame rate; without it that of the event.", one_of(&rates)),
        ("df", "edl", "`1` for drop-frame labels, with 29.97 or 59.94.", one_of(&["0", "1"])),
        (
            "media",
            "edl, otio",
            "What the edits are cut from: the recording of the event, or each segment's own clip.",
            one_of(&["event", "clips"]),
        ),
        ("tc", "edl", "Label of the event's time 0.", label()),
        ("record", "edl, otio", "First label of what is edited together; without it 01:00:00:00.", label()),
        (
            "clock",
            "vtt",
            "Whether cues count from the event's time 0 or follow one another, as in the replay's video.",
            one_of(&["event", "replay"]),
        ),
    ];
    let is_of =
        |formats: &str, name: &str| form != Form::Edl || (formats.starts_with("edl") && name != "track");
    let options = options.into_iter().filter(|(name, formats, ..)| is_of(formats, name));
    options
        .map(|(name, formats, what, schema)| {
            let what = if form == Form::Edl { what.to_owned() } else { format!("{what} For {formats}.") };
            parameter("query", name, &what, schema)
        })
        .collect()
}

fn content(kind: Kind, form: Form) -> Node {
    let guide = match kind {
        Kind::Event => "GuideEventExport",
        Kind::Replay => "GuideReplayExport",
    };
    let wrapped = object! { "schema" => one_of(&["Blob", "DocumentLink"]) };
    if form == Form::Edl {
        return object! { "application/json" => wrapped, "application/octet-stream" => text() };
    }
    if form == Form::Mre {
        let bytes = object! { "schema" => either(&[guide, "MreDocument"]) };
        return object! {
            "application/json" => wrapped,
            "application/octet-stream" => bytes,
        }
        .with(formats());
    }
    let sample = match kind {
        Kind::Event => examples::event(),
        Kind::Replay => examples::replay(),
    };
    let document =
        object! { "schema" => either(&[guide, "MreDocument", "DocumentLink"]), "examples" => sample };
    object! { "application/json" => document }.with(formats())
}

/// The formats beside JSON.
fn formats() -> Node {
    object! {
        "application/x-ndjson" => text(),
        "text/csv" => text(),
        "text/plain" => text(),
        "application/vnd.pixar.opentimelineio+json" => object! { "schema" => json!({"type": "object"}) },
        "text/vtt" => text(),
    }
}

fn text() -> Node {
    object! { "schema" => json!({"type": "string"}) }
}
