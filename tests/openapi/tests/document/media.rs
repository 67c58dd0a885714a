//! The routes of clips and pictures.

use crate::examples;
use crate::node::{Node, object};
use crate::parameters::{correlation, parameter, prefer, required};
use crate::responses::{headers, one_of, response, shared};
use crate::schemas::schema;
use export_domain::resource::MEDIA_TYPE;
use serde_json::json;

const TAG: &str = "Clips and pictures";

/// The routes with their operations.
pub(crate) fn paths() -> Node {
    object! {
        "/export" => object! { "post" => submit() },
        "/export/status" => object! { "post" => ask(), "get" => list() },
        "/export/status/{jobId}" => object! { "get" => poll(), "delete" => cancel() },
        "/export/jobs" => object! { "get" => jobs() },
        "/export/jobs/{jobId}" => object! { "get" => job(), "delete" => delete_job() },
        "/export/jobs/{jobId}/edit" => object! { "get" => edit() },
        "/export/jobs/{jobId}/files" => object! { "get" => files() },
        "/export/jobs/{jobId}/video" => object! { "get" => video() },
        "/export/jobs/{jobId}/play/{file}" => object! { "get" => play() },
    }
}

fn submit() -> Node {
    let key = parameter(
        "header",
        "Idempotency-Key",
        "Binds the request to this key: a later request with the same key and another content is refused \
            with 409.",
        json!({"type": "string", "pattern": "^[!-~]{1,64}$"}),
    );
    let throttled = response(
        "`too many concurrent requests`: the tenant has as many unfinished jobs as it may; the text says whether \
            those count whose window has begun, or those whose window has not. Nothing was stored. From API Gateway itself above the deployment's rate.",
        "application/json",
        one_of(&["Reply", "GatewayError"]),
    );
    object! {
        "tags" => json!([TAG]),
        "operationId" => "submitExport",
        "summary" => "Ask for a clip or a picture, or how far it is",
        "description" => "Stores the job of this request if there is none yet, and tells how far it is. \
            Send the same request again after `TimeWait` until the answer is final. A picture is \
            waited for up to three seconds, a clip not at all, unless `Prefer` says otherwise.",
        "security" => json!([{"sessionHeader": []}, {"bearer": []}, {}]),
        "parameters" => vec![correlation(), key, prefer()],
        "requestBody" => examples::requests(),
        "responses" => object! {
            "200" => job_reply("How far the job is.").with(object! { "links" => links() }),
            "400" => shared("Invalid"),
            "401" => shared("SessionInvalid"),
            "403" => shared("Denied"),
            "409" => response("The `Idempotency-Key` belongs to another \
                request.", "application/json", schema("Reply")),
            "413" => shared("TooLarge"),
            "429" => throttled.with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) }),
            "500" => shared("Failed"),
            "503" => shared("Unavailable"),
        },
    }
}

fn ask() -> Node {
    object! {
        "tags" => json!([TAG]),
        "operationId" => "askForExport",
        "summary" => "Ask how far a job is, by its request",
        "description" => "As `POST /export`, but never stores a job, and never starts a failed one again.",
        "security" => json!([{"sessionHeader": []}, {"bearer": []}, {}]),
        "parameters" => vec![correlation(), prefer()],
        "requestBody" => examples::requests(),
        "responses" => object! {
            "200" => job_or_reply("How far the job is."),
            "400" => shared("Invalid"),
            "401" => shared("SessionInvalid"),
            "403" => shared("Denied"),
            "404" => shared("NoSuchJob"),
            "413" => shared("TooLarge"),
            "429" => shared("Throttled"),
            "500" => shared("Failed"),
            "503" => shared("Unavailable"),
        },
    }
}

fn poll() -> Node {
    named(
        "getExport",
        "Ask how far a job is, by its name",
        "Never starts a failed job again.",
        vec![prefer()],
    )
}

/// What a `DELETE` does.
const DELETES: &str = "Ends the job, if it has not ended: no files, `cancelled`. One that has ended is forgotten: \
    no request knows it any more, its files stay, and the same POST makes them anew. One that was cancelled \
    less than a minute ago stays: the request repeats a cancellation. The answer is the job as it is or was then.";

fn cancel() -> Node {
    named("cancelExport", "Cancel or forget a job", DELETES, vec![])
}

fn job() -> Node {
    let what = "The job resource. Never starts a failed job again. An unknown query parameter is refused.";
    of_jobs("getJob", "Get a job", what, vec![prefer()])
}

fn delete_job() -> Node {
    of_jobs("deleteJob", "Cancel or forget a job, and get it", DELETES, vec![])
}

fn edit() -> Node {
    let what = "Where in the clip which part of which recording stands, so that an editor can relink the clip to the recordings: an event for \
        each window of a reel that is in it, one for a clip. `edl` is an edit decision list (CMX 3600) whose records begin at one hour, \
        `otio` a timeline of OpenTimelineIO. A source's time counts from `zero`, else as `StartTime` where the request tells it, else from \
        midnight (UTC). An unknown query parameter is refused, and so is one that the format does not have.";
    let found = object! {
        "description" => "The list.",
        "headers" => headers(&["X-Correlation-Id", "Content-Disposition"]),
        "content" => object! {
            "application/json" => object! { "schema" => json!({"oneOf": [
                {"$ref": "#/components/schemas/ClipEdits"},
                {"type": "object", "required": ["OTIO_SCHEMA"], "description": "A timeline of OpenTimelineIO.",
                    "properties": {"OTIO_SCHEMA": {"const": "Timeline.1"}}},
            ]}) },
            "text/plain" => object! { "schema" => json!({"type": "string", "description": "An edit decision list."}) },
        },
    };
    let format = json!({"type": "string", "enum": ["json", "edl", "otio"], "default": "json"});
    let fps = "`edl` and `otio`: frames in a second. `edl` needs it; without it `otio` counts milliseconds.";
    let zero = "`edl` and `otio`: the instant at which the recordings' time is 0, RFC 3339 or milliseconds since 1970.";
    let df = "`edl`: 1 for drop-frame labels, which 29.97 and 59.94 have.";
    let more = vec![
        page_parameter("format", "The form of the list.", format.into()),
        page_parameter("fps", fps, json!({"type": "string", "enum": crate::batch::RATES}).into()),
        page_parameter("df", df, json!({"type": "string", "enum": ["0", "1"], "default": "0"}).into()),
        page_parameter("zero", zero, json!({"type": "string"}).into()),
    ];
    let mut operation = linked("getJobEdit", "Get the edit list of a job's clip", what, more, ("200", found));
    let denied = response("The session's tenant was removed.", "application/problem+json", schema("Problem"));
    *operation.at("responses").at("403") = denied;
    operation
}

fn files() -> Node {
    let what = "Links that open the files without credentials, for 15 minutes at most, signed when the job is ready. Keep them as \
        secret as the session. An unknown query parameter is refused. A service deployed without `DownloadLinks` refuses the request.";
    let found = object! {
        "description" => "The links.",
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => object! {
            "application/json" => object! { "schema" => schema("JobFiles"), "examples" => examples::files() },
        },
    };
    linked("getJobFiles", "Get links to a job's files", what, vec![inline()], ("200", found))
}

fn video() -> Node {
    let what = "For clients that follow redirects and cannot read JSON. Clients send their headers on to where they are redirected: \
        browsers and curl keep `X-Session-Id` and drop `Authorization`. So the session must be a bearer token.";
    let redirect = required("query", "redirect", "Must be 1.", json!({"type": "string", "enum": ["1"]}));
    let link = json!({"description": "The clip.", "schema": {"type": "string", "format": "uri"}});
    let told = headers(&["X-Correlation-Id"]).with(object! { "Location" => link });
    let found = object! { "description" => "`Location` opens the clip in S3, without credentials.", "headers" => told };
    let own = object! { "security" => json!([{"bearer": []}]) };
    linked("getJobVideo", "Be redirected to a job's clip", what, vec![redirect, inline()], ("302", found))
        .with(own)
}

fn play() -> Node {
    let what = "The clip as a playlist: `stream.m3u8` (HLS, which names `video.m3u8` and `audio-0.m3u8` and so on) or `stream.mpd` (DASH). \
        Frame-exact: the clip's rendered ends are segments of their own, and between them stand links to the recording's segments. \
        Until the ends are rendered the same playlists list the recording's segments around the window (`segments-video.m3u8`, \
        `segments.mpd` and so on, which never list anything else), and grow while the window is not recorded yet: `exact` of the resource is `false`. \
        The links open without credentials until twice the clip's length and a quarter of an hour have passed, six hours at most; they may end earlier \
        with the service's own credentials. \
        The resource of a job has the addresses with their `key`, as soon as the manifest is read: the file may be there later. A key opens the \
        playlist to everyone who has it, until the job is forgotten. Without `key` the session does. An unknown query parameter is refused. \
        A service deployed without `InstantPlayback` refuses the request.";
    let file = required(
        "path",
        "file",
        "The playlist.",
        json!({"type": "string", "pattern": "^(stream\\.(mpd|m3u8)|segments\\.mpd|(segments-)?(video|audio-[0-9]+)\\.m3u8)$"}),
    );
    let key =
        parameter("query", "key", "Opens the playlist in place of a session.", json!({"type": "string"}));
    let text = json!({"schema": {"type": "string"}});
    let found = object! {
        "description" => "The playlist.",
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => json!({"application/vnd.apple.mpegurl": text, "application/dash+xml": text}),
    };
    let missing = "There is no such job: unknown, expired, another tenant's, or the key is wrong; or it has no playlist, and `detail` says why.";
    let security = object! { "security" => json!([{"sessionHeader": []}, {"bearer": []}, {}]) };
    let mut operation =
        linked("playJob", "Play a job's clip", what, vec![file, key], ("200", found)).with(security);
    let missing = response(missing, "application/problem+json", schema("Problem"));
    operation.at("responses").members().insert("404".to_owned(), missing);
    operation
}

fn inline() -> Node {
    let what = "1 has browsers show the files; else they save them.";
    parameter("query", "inline", what, json!({"type": "string", "enum": ["0", "1"], "default": "0"}))
}

fn linked(
    id: &str,
    summary: &str,
    description: &str,
    more: Vec<Node>,
    (status, found): (&str, Node),
) -> Node {
    let problem = |what: &str| response(what, "application/problem+json", schema("Problem"));
    let missing = problem("There is no such job: unknown, expired, or another tenant's.");
    let unready = problem(
        "`not ready`: the job is in work, and `Retry-After` says when to ask again. Without that header the job has ended without \
            such a file.",
    )
    .with(object! { "headers" => headers(&["X-Correlation-Id", "Retry-After"]) });
    let denied = problem(
        "The session's tenant was removed or may not have files there any more; or `download links are switched off`; or the \
            tenant's row does not name the account that owns the bucket.",
    );
    let own = object! { "403" => denied, "404" => missing, "409" => unready };
    let first = Node::Object([(status.to_owned(), found)].into_iter().collect());
    let responses = first.with(problems()).with(own);
    of_one_job([id, summary, description], "`JobId` of the reply, `id` of the resource.", more, responses)
}

fn of_jobs(id: &str, summary: &str, description: &str, more: Vec<Node>) -> Node {
    let found = object! {
        "description" => "The job.",
        "headers" => headers(&["X-Correlation-Id", "Retry-After"]),
        "content" => object! {
            "application/json" => object! { "schema" => schema("Job"), "examples" => examples::of_jobs() },
        },
    };
    let missing = "There is no such job: unknown, expired, or another tenant's.";
    let missing = response(missing, "application/problem+json", schema("Problem"));
    let responses = object! { "200" => found }.with(problems()).with(object! { "404" => missing });
    of_one_job([id, summary, description], "`JobId` of the reply, `id` of the resource.", more, responses)
}

/// An operation on the job that the path names, with `more` parameters than that.
fn of_one_job([id, summary, description]: [&str; 3], named: &str, more: Vec<Node>, responses: Node) -> Node {
    let job = required("path", "jobId", named, json!({"type": "string"}));
    let parameters: Vec<Node> = [job, correlation()].into_iter().chain(more).collect();
    object! {
        "tags" => json!([TAG]),
        "operationId" => id,
        "summary" => summary,
        "description" => description,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => parameters,
        "responses" => responses,
    }
}

/// The refusals of the routes below `/export/jobs`.
pub(crate) fn problems() -> Node {
    let problem = |description: &str| response(description, "application/problem+json", schema("Problem"));
    let mut invalid = problem("A parameter is not acceptable.");
    invalid
        .at("content")
        .members()
        .insert("application/json".to_owned(), object! { "schema" => schema("Reply") });
    object! {
        "400" => invalid,
        "401" => problem("There is no session, or it is unknown or has expired."),
        "403" => problem("The session's tenant was removed."),
        "429" => shared("Throttled"),
        "500" => shared("Failed"),
        "503" => shared("GuideUnavailable"),
    }
}

fn jobs() -> Node {
    let limit = page_parameter("limit", "Jobs on a page.", page_size());
    let what = "Newest first. A finished job stays on record for seven days. An unknown query parameter is refused. \
        A page of one state may have fewer jobs than `limit`, and still a `next`, if there are few such jobs among many.";
    listed("listJobs", "List the tenant's jobs, of one state if wanted", what, limit)
}

fn named(id: &str, summary: &str, description: &str, more: Vec<Node>) -> Node {
    let responses = object! {
        "200" => job_or_reply("How far the job is."),
        "400" => shared("Invalid"),
        "401" => shared("SessionInvalid"),
        "403" => shared("Denied"),
        "404" => shared("NoSuchJob"),
        "429" => shared("Throttled"),
        "500" => shared("Failed"),
        "503" => shared("Unavailable"),
    };
    of_one_job([id, summary, description], "`JobId` of the reply.", more, responses)
}

fn list() -> Node {
    let limit = page_parameter(
        "limit",
        "Jobs on a page. Those of other states than `state` are left out after counting.",
        page_size(),
    );
    let what = "Newest first. A finished job stays on record for seven days.";
    listed("listExports", "List the tenant's jobs", what, limit)
}

/// A parameter of a list. One that is empty is as good as absent.
pub(crate) fn page_parameter(name: &str, description: &str, schema: Node) -> Node {
    object! {
        "name" => name, "in" => "query", "description" => description, "allowEmptyValue" => json!(true),
        "schema" => schema,
    }
}

fn page_size() -> Node {
    json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}).into()
}

fn listed(id: &str, summary: &str, description: &str, limit: Node) -> Node {
    let cursor = page_parameter("cursor", "`next` of the page before.", json!({"type": "string"}).into());
    let state = page_parameter("state", "Only jobs of this state.", schema("State"));
    let page = object! {
        "description" => "A page of jobs.",
        "headers" => headers(&["X-Correlation-Id"]),
        "content" => object! {
            "application/json" => object! { "schema" => schema("JobPage"), "examples" => examples::page() },
        },
    };
    let responses = object! { "200" => page }.with(problems());
    object! {
        "tags" => json!([TAG]),
        "operationId" => id,
        "summary" => summary,
        "description" => description,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => vec![limit, cursor, state, correlation()],
        "responses" => responses,
    }
}

fn job_reply(description: &str) -> Node {
    object! {
        "description" => description,
        "headers" => headers(&["X-Correlation-Id", "Location", "Retry-After"]),
        "content" => object! {
            "application/json" => object! { "schema" => schema("Reply"), "examples" => examples::of_replies() },
        },
    }
}

/// The job itself instead of the reply, with `Accept: application/vnd.export.job+json`.
fn job_or_reply(description: &str) -> Node {
    let mut answer = job_reply(&format!("{description} With `Accept: {MEDIA_TYPE}` the job as a resource."));
    let job = object! { "schema" => schema("Job"), "examples" => examples::of_jobs() };
    answer.at("content").members().insert(MEDIA_TYPE.to_owned(), job);
    answer
}

fn links() -> Node {
    let link = |operation: &str, description: &str| {
        object! {
            "operationId" => operation,
            "parameters" => json!({"jobId": "$response.body#/JobId"}),
            "description" => description,
        }
    };
    object! {
        "job" => link("getExport", "The job by its name."),
        "resource" => link("getJob", "The job as a resource."),
        "cancellation" => link("cancelExport", "Ends the job."),
    }
}
