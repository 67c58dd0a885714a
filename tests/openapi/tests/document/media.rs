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
        "`too many concurrent requests`: the tenant has as many unfinished jobs as it may; nothing was \
            stored. From API Gateway itself above the deployment's rate.",
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

fn cancel() -> Node {
    let what = "Ends the job, if it has not ended: no files, `cancelled`. One that has ended is forgotten: \
        no request knows it any more, its files stay, and the same POST makes them anew. One that was cancelled \
        less than a minute ago stays: the request repeats a cancellation. The answer is the job as it is or was then.";
    named("cancelExport", "Cancel or forget a job", what, vec![])
}

fn named(id: &str, summary: &str, description: &str, more: Vec<Node>) -> Node {
    let job = required("path", "jobId", "`JobId` of the reply.", json!({"type": "string"}));
    let parameters: Vec<Node> = [job, correlation()].into_iter().chain(more).collect();
    object! {
        "tags" => json!([TAG]),
        "operationId" => id,
        "summary" => summary,
        "description" => description,
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => parameters,
        "responses" => object! {
            "200" => job_or_reply("How far the job is."),
            "400" => shared("Invalid"),
            "401" => shared("SessionInvalid"),
            "403" => shared("Denied"),
            "404" => shared("NoSuchJob"),
            "429" => shared("Throttled"),
            "500" => shared("Failed"),
            "503" => shared("Unavailable"),
        },
    }
}

fn list() -> Node {
    // One that is empty is as good as absent.
    let filter = |name: &str, description: &str, schema: Node| {
        object! {
            "name" => name, "in" => "query", "description" => description, "allowEmptyValue" => json!(true),
            "schema" => schema,
        }
    };
    let page = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
    let limit = filter(
        "limit",
        "Jobs on a page. Those of other states than `state` are left out after counting.",
        page.into(),
    );
    let cursor = filter("cursor", "`next` of the page before.", json!({"type": "string"}).into());
    let state = filter("state", "Only jobs of this state.", schema("State"));
    let mut refused =
        response("A parameter is not acceptable.", "application/problem+json", schema("Problem"));
    refused
        .at("content")
        .members()
        .insert("application/json".to_owned(), object! { "schema" => schema("Reply") });
    object! {
        "tags" => json!([TAG]),
        "operationId" => "listExports",
        "summary" => "List the tenant's jobs",
        "description" => "Newest first. A finished job stays on record for seven days.",
        "security" => json!([{"sessionHeader": []}, {"bearer": []}]),
        "parameters" => vec![limit, cursor, state, correlation()],
        "responses" => object! {
            "200" => object! {
                "description" => "A page of jobs.",
                "headers" => headers(&["X-Correlation-Id"]),
                "content" => object! {
                    "application/json" => object! { "schema" => schema("JobPage"), "examples" => examples::page() },
                },
            },
            "400" => refused,
            "401" => response("There is no session, or it is unknown or has \
                expired.", "application/problem+json", schema("Problem")),
            "403" => response("The session's tenant was removed.", "application/problem+json", schema("Problem")),
            "429" => shared("Throttled"),
            "500" => shared("Failed"),
            "503" => shared("GuideUnavailable"),
        },
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
        "cancellation" => link("cancelExport", "Ends the job."),
    }
}
