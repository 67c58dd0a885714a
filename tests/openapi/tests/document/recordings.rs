//! The routes of recordings.

use crate::examples;
use crate::media::{page_parameter, problems};
use crate::node::{Node, object};
use crate::parameters::{correlation, required};
use crate::responses::{headers, response};
use crate::schemas::schema;
use serde_json::json;

/// The name that the document lists the routes under.
pub(crate) const TAG: &str = "Recordings";
/// `LivePath`'s pattern for folders; a `/` may stand behind the last one.
const FOLDER: &str =
    r"^((?!\.{1,2}(/|$))[A-Za-z0-9._=@+ -]{1,128}(/(?!\.{1,2}(/|$))[A-Za-z0-9._=@+ -]{1,128}){0,14}/?)?$";
/// `LivePath`'s own.
const PATH: &str = r"^((?!\.{1,2}/)[A-Za-z0-9._=@+ -]{1,128}/){1,15}([A-Za-z0-9._=@+ -]{0,124}\.mp[d4]|[A-Za-z0-9._=@+ -]{0,123}\.m(3u8|2ts)|[A-Za-z0-9._=@+ -]{0,125}\.ts)$";

/// The routes with their operations.
pub(crate) fn paths() -> Node {
    object! {
        "/recordings" => object! { "get" => list() },
        "/recordings/{path}" => object! { "get" => get() },
        "/export/plan" => object! { "post" => plan() },
    }
}

fn list() -> Node {
    let what = "What lies in a folder of the tenant's recordings, in the order of the names: its folders, and the recordings in it and \
        in its folders. A folder that has a `stream.mpd` or a `manifest.mpd` is a recording; manifests of other names are found when \
        the folder that they lie in is listed. Segments are never listed: below a recording there is nothing to find. An unknown \
        query parameter is refused. A service deployed without `RecordingsAccess` refuses the request.";
    let folder = json!({"type": "string", "maxLength": 512, "pattern": FOLDER, "default": ""});
    let size = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
    let parameters = vec![
        page_parameter("under", "The folder; by default the top.", folder.into()),
        page_parameter("limit", "Names on a page.", size.into()),
        page_parameter("cursor", "`next` of the page before.", json!({"type": "string"}).into()),
        correlation(),
    ];
    let page = found("A page.", "RecordingPage", examples::recording_page());
    operation(["listRecordings", "List recordings", what], parameters, page, object! {})
}

fn get() -> Node {
    let what = "What a recording holds, by its manifest and an init segment: the range that a window can lie in, whether more may come, \
        which clock a window counts by, the parts that nothing is listed for, and the tracks. What is listed and was never stored is \
        not known here. With `from` or `to` also its media there, for a player: links to the segments, and when they are shown. An \
        unknown query parameter is refused. A service deployed without `RecordingsAccess` refuses the request, and one without \
        `DownloadLinks` one with `from` or `to`.";
    let bound = |name: &str, description: &str| {
        object! {
            "name" => name, "in" => "query", "description" => description,
            "schema" => json!({"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32}),
        }
    };
    let bounds = [
        bound(
            "from",
            "Start of the media to give links to, in milliseconds as `StartTime`; 0 if only `to` is given.",
        ),
        bound(
            "to",
            "Its end: a minute later if only `from` is given, ten minutes later at most, and sooner if there are many segments.",
        ),
    ];
    let path = required(
        "path",
        "path",
        "`LivePath` of the recording, with `/` as it is or as `%2F`.",
        json!({"type": "string", "maxLength": 512, "pattern": PATH}),
    );
    let parameters = [vec![path], bounds.into(), vec![correlation()]].concat();
    let recording = found("The recording.", "Recording", examples::recordings());
    let own = object! {
        "404" => problem("`no such recording`: there is no manifest at this path of the tenant's."),
        "422" => problem("The recording cannot be read: which part of it, and what is wrong with that."),
    };
    operation(["getRecording", "Get what a recording holds", what], parameters, recording, own)
}

fn plan() -> Node {
    let what = "How the clip of this request would be made: which frames are copied bit by bit and which are encoded, which frames a copy can \
        start with, what is lacking, and about how long it takes. Nothing is created. The worker's own planner decides, on the \
        recording as it is now. An unknown query parameter is refused. A service deployed without `RecordingsAccess` refuses the \
        request.";
    let found = found("The plan.", "ClipPlan", examples::plans());
    let early = problem("The recording does not reach the window's end yet; `Retry-After` says when it may.")
        .with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) });
    let own = object! {
        "404" => problem("`no such recording`: there is no manifest at `LivePath`."),
        "409" => early,
        "413" => problem("The body has more than 64 KiB."),
        "422" => problem("No such clip can be made: nothing is recorded in the window, or the recording cannot be read. The text says \
            what the manifest lists, or which part of the recording is at fault."),
    };
    let body = object! { "requestBody" => examples::requests() };
    let operation =
        operation(["planExport", "Ask how a clip would be made", what], vec![correlation()], found, own);
    operation.with(object! { "security" => json!([{"sessionHeader": []}, {"bearer": []}, {}]) }).with(body)
}

fn problem(description: &str) -> Node {
    response(description, "application/problem+json", schema("Problem"))
}

fn found(description: &str, name: &str, examples: Node) -> Node {
    object! {
        "description" => description,
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => object! { "application/json" => object! { "schema" => schema(name), "examples" => examples } },
    }
}

fn operation([id, summary, what]: [&str; 3], parameters: Vec<Node>, found: Node, own: Node) -> Node {
    let denied = "The session's tenant was removed; or `recordings access is switched off`; or, for links, `download links \
        are switched off`, or the account that owns the bucket is not known; or the recordings may not be read.";
    let denied = object! { "403" => problem(denied) };
    object! {
        "tags" => json!([TAG]),
        "operationId" => id,
        "summary" => summary,
        "description" => what,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => parameters,
        "responses" => object! { "200" => found }.with(problems()).with(denied).with(own),
    }
}
