//! The routes of batches.

use crate::node::{Node, object};
use crate::parameters::{correlation, parameter, prefer, required};
use crate::responses::{headers, response, shared};
use crate::schemas::schema;
use export_domain::batch::MOST_CLIPS;
use serde_json::json;

const TAG: &str = "Batches";
/// The values of `fps`.
pub(crate) const RATES: [&str; 10] =
    ["23.976", "24", "25", "29.97", "30", "47.952", "48", "50", "59.94", "60"];

/// The routes with their operations.
pub(crate) fn paths() -> Node {
    object! {
        "/export/batch" => object! { "post" => submit(), "get" => list() },
        "/export/batch/{batchId}" => object! { "get" => show(), "delete" => cancel() },
    }
}

fn submit() -> Node {
    let key = "Binds the request to this key: a later request with the same key and another content is refused with 409.";
    let key =
        parameter("header", "Idempotency-Key", key, json!({"type": "string", "pattern": "^[!-~]{1,64}$"}));
    let problem = |description: &str| response(description, "application/problem+json", schema("Problem"));
    let faulty = "The body, a header or a parameter is not acceptable. `errors` names up to 50 faults of a body, each with \
        a JSON pointer (RFC 6901). Nothing is stored.";
    object! {
        "tags" => json!([TAG]),
        "operationId" => "submitBatch",
        "summary" => "Ask for many clips, or how far they are",
        "description" => "Stores the batch if there is none of these clips yet, and asks for its clips one after the other, as \
            far as the tenant's limits leave room; a fifth of the places stays for single requests. Each clip is \
            the job that `POST /export` would make of it. The same request again is the poll, and after a minute it starts \
            clips over that failed. A clip that is listed twice is made once. \
            With `deliver` as `reel` the list becomes one clip in its order, with hard cuts that are exact: one job as any other, whose resource \
            is the reply, and no batch. The same list is the same job, and a list of one clip is that clip's job.",
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => vec![correlation(), key, prefer()],
        "requestBody" => object! {
            "required" => json!(true),
            "content" => object! { "application/json" => object! { "schema" => schema("BatchRequest") } },
        },
        "responses" => object! {
            "200" => batch_or_job("All clips have ended, or the reel's job has.", &["X-Correlation-Id", "Location"]),
            "202" => batch_or_job(
                "Some clips have not ended, or the reel's job has not.",
                &["X-Correlation-Id", "Location", "Retry-After"],
            ),
            "400" => response(faulty, "application/problem+json", schema("BatchProblem")),
            "401" => problem("There is no session, or it is unknown or has expired."),
            "403" => problem("The target is not the tenant's, or the tenant was removed."),
            "409" => problem("The `Idempotency-Key` belongs to another request."),
            "413" => either_large(),
            "429" => throttled(),
            "500" => shared("Failed"),
            "503" => shared("GuideUnavailable"),
        },
    }
}

/// A batch waits for room; a reel is refused as a clip is.
fn throttled() -> Node {
    let what = "From API Gateway above the deployment's rate; or the tenant has no room for the job of a reel, which takes a place for each \
        length of the longest clip that it has.";
    let mut throttled = response(what, "application/problem+json", schema("Problem"));
    let gateways = object! { "schema" => schema("GatewayError") };
    throttled.at("content").members().insert("application/json".to_owned(), gateways);
    throttled.with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) })
}

fn either_large() -> Node {
    let what = "The body has more than 1 MiB.";
    let mut large = response(what, "application/problem+json", schema("Problem"));
    let gateways = object! { "schema" => schema("GatewayError") };
    large.at("content").members().insert("application/json".to_owned(), gateways);
    large
}

fn batch(description: &str, names: &[&str]) -> Node {
    object! {
        "description" => description,
        "headers" => headers(names),
        "content" => object! { "application/json" => object! { "schema" => schema("Batch") } },
    }
}

fn batch_or_job(description: &str, names: &[&str]) -> Node {
    let mut either = batch(description, names);
    *either.at("content").at("application/json").at("schema") =
        object! { "oneOf" => vec![schema("Batch"), schema("Job")] };
    either
}

fn page_parameter(name: &str, description: &str, schema: serde_json::Value) -> Node {
    object! {
        "name" => name, "in" => "query", "description" => description, "allowEmptyValue" => json!(true),
        "schema" => Node::from(schema),
    }
}

fn cursor() -> Node {
    page_parameter("cursor", "`next` of the page before.", json!({"type": "string"}))
}

fn show() -> Node {
    let state =
        page_parameter("clips", "Only clips of this state.", json!({"enum": ["all", "failed", "ready"]}));
    let size = json!({"type": "integer", "minimum": 1, "maximum": MOST_CLIPS, "default": 100});
    let mut more = vec![state, page_parameter("limit", "Clips on a page.", size), cursor(), prefer()];
    more.extend(list_parameters());
    let what = "The batch with a page of its clips. Moves it on, as the request that made it does. With another `format` it is the \
        list of all clips that are ready, which can be posted again; `clips`, `limit` and `cursor` are no options of it.";
    let mut operation = of_one("getBatch", "Get a batch, or the list of its clips", what, more);
    let found = operation.at("responses").at("200");
    *found.at("description") = "The batch, or the list.".into();
    *found.at("headers") = headers(&["X-Correlation-Id", "Retry-After", "Content-Disposition"]);
    let text = |what: &str| object! { "schema" => json!({"type": "string", "description": what}) };
    let content = found.at("content").members();
    content.insert("text/csv".to_owned(), text("A table (RFC 4180)."));
    content.insert("text/plain".to_owned(), text("An edit decision list (CMX 3600)."));
    operation
}

/// The parameters of the list of clips.
fn list_parameters() -> Vec<Node> {
    let zero = "`edl`: the instant of `00:00:00:00`, RFC 3339 or milliseconds since 1970. By default that of the request that made \
        the batch, else the midnight (UTC) before the first clip.";
    vec![
        page_parameter(
            "format",
            "The batch, a table, or an edit decision list.",
            json!({"enum": ["json", "csv", "edl"], "default": "json"}),
        ),
        page_parameter("fps", "`edl`: frames in a second; required.", json!({"enum": RATES})),
        page_parameter(
            "df",
            "`edl`: 1 for drop-frame labels, with 29.97 and 59.94.",
            json!({"enum": ["0", "1"], "default": "0"}),
        ),
        page_parameter("zero", zero, json!({"type": "string"})),
    ]
}

fn cancel() -> Node {
    let what = "Clips that are pending never start. Jobs that the batch made, and that no other request has asked for since, \
        are cancelled. A batch that is done stays as it is.";
    of_one("cancelBatch", "Cancel a batch, and get it", what, vec![])
}

fn of_one(id: &str, summary: &str, description: &str, more: Vec<Node>) -> Node {
    let named = required("path", "batchId", "`id` of the batch.", json!({"type": "string"}));
    let missing = "There is no such batch: unknown, expired, or another tenant's.";
    let missing = response(missing, "application/problem+json", schema("Problem"));
    let found = object! { "200" => batch("The batch.", &["X-Correlation-Id", "Retry-After"]) };
    object! {
        "tags" => json!([TAG]),
        "operationId" => id,
        "summary" => summary,
        "description" => description,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => [named, correlation()].into_iter().chain(more).collect::<Vec<_>>(),
        "responses" => found.with(problems()).with(object! { "404" => missing }),
    }
}

fn list() -> Node {
    let size = json!({"type": "integer", "minimum": 1, "maximum": 20, "default": 10});
    let page = object! {
        "description" => "A page of batches.",
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => object! { "application/json" => object! { "schema" => schema("BatchPage") } },
    };
    object! {
        "tags" => json!([TAG]),
        "operationId" => "listBatches",
        "summary" => "List the tenant's batches",
        "description" => "Newest first, without their clips. A batch that is done stays on record for seven days.",
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => vec![page_parameter("limit", "Batches on a page.", size), cursor(), correlation()],
        "responses" => object! { "200" => page }.with(problems()),
    }
}

fn problems() -> Node {
    let problem = |description: &str| response(description, "application/problem+json", schema("Problem"));
    object! {
        "400" => problem("A parameter is not acceptable."),
        "401" => problem("There is no session, or it is unknown or has expired."),
        "403" => problem("The session's tenant was removed."),
        "429" => shared("Throttled"),
        "500" => shared("Failed"),
        "503" => shared("GuideUnavailable"),
    }
}

/// A time of a list.
fn time(description: &str) -> serde_json::Value {
    json!({
        "description": description,
        // No format: generators make a date of it, and no union of a date and a number.
        "oneOf": [{"type": "string", "examples": ["2019-07-04T15:07:11Z"]}, {"type": "number"}],
    })
}

fn live_path(description: &str) -> serde_json::Value {
    json!({
        "type": ["string", "null"], "maxLength": 512, "description": description,
        "pattern": r"^((?!\.{1,2}/)[A-Za-z0-9._=@+ -]{1,128}/){1,15}([A-Za-z0-9._=@+ -]{0,124}\.mp[d4]|[A-Za-z0-9._=@+ -]{0,123}\.m(3u8|2ts)|[A-Za-z0-9._=@+ -]{0,125}\.ts)$",
    })
}

fn edit_list() -> serde_json::Value {
    json!({
        "type": ["object", "null"], "required": ["text", "fps"], "additionalProperties": false,
        "description": "An edit decision list (CMX 3600). Each cut with picture is a clip of its source's frames; timecodes count from \
            `zero`.",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 1_048_576},
            "fps": {"oneOf": [{"type": "string"}, {"type": "number"}],
                "description": "Frames in a second: 24000/1001, 24, 25, 30000/1001, 30, 48000/1001, 48, 50, 60000/1001 or 60, or \
                    their decimals, such as 29.97."},
            "drop": {"type": ["boolean", "null"],
                "description": "`true` if timecodes are drop-frame up to the first `FCM` line."},
        },
    })
}

/// A text of a request.
fn text(least: usize, most: usize, what: &str) -> serde_json::Value {
    json!({"type": ["string", "null"], "minLength": least, "maxLength": most, "description": what})
}

/// A clip of a request.
fn clip() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["start"],
        "additionalProperties": false,
        "properties": {
            "start": time("Start of the window: RFC 3339, milliseconds since 1970, or seconds since `zero` if that is given. \
                Fractions of a millisecond are rounded down."),
            "end": time("End of the window, in the same forms, rounded up. Either this or `duration_ms`."),
            "duration_ms": {"type": ["integer", "null"], "minimum": 1, "maximum": 14_400_000,
                "description": "Length of the window in milliseconds."},
            "name": text(1, 128, "The clip's name, as `FileName` of `POST /export`."),
            "ref": text(1, 64, "The client's own mark of the clip; comes back in the batch."),
            "live_path": live_path("Another recording than the batch's, as of a second camera."),
        },
    })
}

/// The members of lists in other forms than JSON, and those that choose segments.
fn lists() -> Node {
    json!({
        "edl": edit_list(),
        "csv": text(1, 1_048_576, "A table (RFC 4180). Its first line names the columns: `start`, one of `end`, `duration` and \
            `duration_ms`, and perhaps `name`, `ref` and `live_path`. Times are seconds since `zero`, `HH:MM:SS.mmm` \
            since `zero`, RFC 3339, or milliseconds since 1970, in one form throughout."),
        "document": {
            "type": ["object", "null"], "required": ["Event", "Segments"],
            "description": "The document of an event or a replay, in either view. Each of its segments that is chosen is a clip.",
            "properties": {"Event": {"type": "object"}, "Segments": {"type": "array", "items": {"type": "object"}}},
        },
        "mre": {
            "type": ["object", "null"], "required": ["event", "program"], "additionalProperties": false,
            "description": "An event of Media Replay Engine, or a replay of it, of a program that the tenant's row lists in `mre_programs`: \
                as if its document came along.",
            "properties": {
                "event": {"type": "string", "minLength": 1, "maxLength": 512, "description": "The event's name."},
                "program": {"type": "string", "minLength": 1, "maxLength": 512, "description": "The program's name."},
                "replay": {"type": ["string", "null"], "minLength": 1, "maxLength": 512, "description": "The replay's id."},
            },
        },
        "segments": {"enum": ["original", "optimized", "optimized_else_original", null],
            "description": "`document` and `mre`: the times of the segments; by default the optimized ones where there are both."},
        "audio_track": {"type": ["integer", "null"], "minimum": 0, "maximum": 10_000,
            "description": "`document` and `mre`: the audio track of optimized times and of feedback; by default the document's first."},
        "features": {"type": ["array", "null"], "minItems": 1, "maxItems": 100,
            "items": {"type": "string", "minLength": 1, "maxLength": 256},
            "description": "`document` and `mre`: only segments that have one of these features."},
        "liked": {"type": ["boolean", "null"],
            "description": "`document` and `mre`: `true` for segments only that a reviewer likes."},
    })
    .into()
}

/// `BatchRequest`
pub(crate) fn request() -> Node {
    let shift = |least: i64, what: &str| json!({"type": ["integer", "null"], "minimum": least, "maximum": 2_592_000_000_i64, "description": what});
    let mut request = Node::from(json!({
        "description": "A batch of clips. Exactly one of `clips`, `edl`, `csv`, `document` and `mre` is there. Unknown members are \
            refused; `null` counts as absent.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "live_path": live_path("The recording of clips that name none, as `LivePath` of `POST /export`."),
            "deliver": {"enum": ["clips", "reel", null],
                "description": "`clips`, the default, makes a clip of each entry; `reel` makes one clip of all of them in their order."},
            "container": {"enum": ["ts", "mp4", null], "description": "The clips' container; `ts` by default."},
            "target": {
                "type": ["object", "null"], "required": ["bucket"], "additionalProperties": false,
                "description": "One of the tenant's targets; by default the first.",
                "properties": {
                    "bucket": {"type": "string", "minLength": 1, "maxLength": 255},
                    "region": text(1, 64, "Region of the bucket, as the tenant's target has it."),
                    "root": text(1, 512, "Prefix of the keys, as the tenant's target has it."),
                },
            },
            "export_type": {"enum": ["as_recorded", "h264", "h265", null], "description": "The clips' codec."},
            "story": {
                "type": ["object", "null"], "additionalProperties": false,
                "description": "The story that the clips belong to.",
                "properties": {
                    "id": {"type": ["string", "null"], "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9]*$"},
                    "name": text(1, 256, "Its name."),
                },
            },
            "name": text(1, 256, "A template of the files' names: `{n}`, `{n:03}`, `{name}`, `{ref}` and `{source}`, the \
                recording's name, `{title}` of an edit list, and `{event}`, `{program}`, `{replay}` and `{features}` of a document. By \
                default a clip's own name, else `{source}-{n:03}`. A reel's is filled in from the first clip, and is `{source}-reel` by default."),
            "zero": {
                "description": "The instant of second 0 or timecode `00:00:00:00`: RFC 3339 or milliseconds since 1970. Numbers of \
                    clips then are seconds, and `StartTime` counts from it. A recording without a clock has no clips without it. \
                    `event_start` takes the start of a document's event, though its seconds may count from elsewhere. Without `zero`, \
                    segments of an event that Media Replay Engine saw in chunks are found by their time stamps in an HLS playlist.",
                "oneOf": [{"type": "string", "examples": ["2019-07-04T15:07:00.833Z", "event_start"]}, {"type": "number"}],
            },
            "shift_ms": shift(-2_592_000_000, "Added to both ends of every window."),
            "pad_before_ms": shift(0, "Added in front of every window."),
            "pad_after_ms": shift(0, "Added behind every window."),
            "clips": {"type": ["array", "null"], "minItems": 1, "maxItems": MOST_CLIPS, "items": clip()},
        },
        "examples": [{
            "live_path": "mp4/55524C2004E/55524C2041268-6bdb82b53e0a/1/stream.mpd", "container": "mp4",
            "clips": [
                {"start": 1_562_253_612_833_i64, "duration_ms": 4000, "name": "goal 1", "ref": "a"},
                {"start": "2019-07-04T15:20:16.833Z", "end": "2019-07-04T15:20:21.833Z"},
            ],
        }],
    }));
    request.at("properties").members().append(lists().members());
    request
}
