use super::*;
use crate::http::{UNREADABLE, problem};
use serde_json::json;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const HOST: &str = "a.execute-api.eu-west-1.amazonaws.com";

fn refuse() -> Reply {
    problem(400, UNREADABLE)
}

async fn reply(payload: Value) -> Reply {
    let handle = |_: Request| async { Reply::new(200) };
    respond(by_lambda_http(payload), &Context::default(), refuse, &handle).await
}

fn event(host: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "POST /export", "rawPath": "/export", "rawQueryString": "",
        "headers": {"host": host}, "body": body, "isBase64Encoded": true,
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": host, "domainPrefix": "a", "requestId": "r",
            "routeKey": "POST /export", "stage": "$default", "time": "x", "timeEpoch": 1,
            "http": {"method": "POST", "path": "/export", "protocol": "HTTP/1.1", "sourceIp": "1.1.1.1", "userAgent": "t"},
        },
    })
}

#[tokio::test]
async fn requests_are_handled_and_anything_else_is_refused() {
    assert_eq!(reply(event(HOST, "e30=")).await.status_code, 200);
    for payload in [event(HOST, "%%%"), event("a b", "e30="), json!({"Records": []}), json!(7)] {
        assert_eq!(reply(payload).await.status_code, 400);
    }
}

#[tokio::test]
async fn no_reply_may_be_taken_for_another_type() {
    for payload in [event(HOST, "e30="), event(HOST, "%%%"), json!(7)] {
        assert_eq!(reply(payload).await.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn a_reply_says_what_its_request_is_called() {
    for (given, called) in [("order 7", "order 7"), ("Am\u{e9}lie", "r"), ("", "r")] {
        let mut event = event(HOST, "");
        event["headers"][HEADER] = given.into();
        assert_eq!(reply(event).await.headers[HEADER], called, "{given}");
    }
}

#[tokio::test]
async fn a_handler_is_told_what_the_reply_says_and_the_trace() {
    let mut event = event(HOST, "");
    event["headers"][HEADER] = "order 7".into();
    event["trace"] = "Root=x".into();
    let readers: [ReadEvent; 2] = [by_lambda_http, by_hand];
    for read in readers {
        let mut context = Context::default();
        context.xray_trace_id = Some(format!("{ROOT};Sampled=1;Lineage=x"));
        let handle = |request: Request| async move {
            let TraceContext { correlation_id, trace } = request.context;
            let told = [correlation_id.unwrap().to_string(), trace.unwrap().as_str().to_owned()];
            Reply::new(200).with_text("text/plain", told.join(" "))
        };
        let reply = respond(read(event.clone()), &context, refuse, &handle).await;
        assert_eq!(reply.body, format!("order 7 {ROOT};Sampled=1"));
        assert_eq!(reply.headers[HEADER], "order 7");
    }
}

#[test]
fn both_readers_make_the_same_request_of_an_event() {
    let mut event = event(HOST, "");
    event["rawPath"] = "/export/status/abc".into();
    event["routeKey"] = "GET /export/status/{jobId}".into();
    event["requestContext"]["routeKey"] = event["routeKey"].clone();
    event["rawQueryString"] = "limit=2&state=%46AILED".into();
    event["pathParameters"] = json!({"jobId": "abc"});
    event["headers"] = json!({"host": HOST, "Accept": "a/b", "Idempotency-Key": "Zo\u{eb}"});
    for request in [by_lambda_http(event.clone()).unwrap(), by_hand(event).unwrap()] {
        assert_eq!((request.method.as_str(), request.route.as_str()), ("POST", "/export/status/{jobId}"));
        assert_eq!(
            (request.path.as_str(), &*request.path_parameters["jobId"]),
            ("/export/status/abc", "abc")
        );
        assert_eq!(request.parameter("state").as_deref(), Some("FAILED"));
        assert_eq!((request.header("accept"), request.header("idempotency-key")), (Some("a/b"), Some("Zoë")));
        assert_eq!(request.request_id.as_deref(), Some("r"));
    }
}

#[test]
fn a_rest_apis_event_is_read_too() {
    let event = json!({
        "resource": "/export/status", "path": "/export/status", "httpMethod": "GET",
        "headers": {"Accept": "a/b"}, "multiValueHeaders": {"Accept": ["a/b"]},
        "queryStringParameters": {"state": "a b"}, "multiValueQueryStringParameters": {"state": ["a b"]},
        "pathParameters": null, "stageVariables": null, "body": "e30=", "isBase64Encoded": true,
        "requestContext": {"requestId": "r", "resourcePath": "/export/status", "httpMethod": "GET", "stage": "s"},
    });
    let request = by_lambda_http(event).unwrap();
    assert_eq!((request.method.as_str(), request.route.as_str()), ("GET", "/export/status"));
    assert_eq!((request.parameter("state").as_deref(), request.body.as_slice()), (Some("a b"), &b"{}"[..]));
    assert_eq!((request.header("accept"), request.request_id.as_deref()), (Some("a/b"), Some("r")));
}

#[test]
fn a_name_with_a_question_mark_is_carried_by_hand_alone() {
    let mut event = event(HOST, "");
    event["rawPath"] = "/event/Final? A/export/data/program/p".into();
    event["rawQueryString"] = "view=guide".into();
    event["pathParameters"] = json!({"event": "Final? A", "program": "p"});
    let view = |request: Request| request.parameter("view");
    assert_eq!(view(by_hand(event.clone()).unwrap()).as_deref(), Some("guide"));
    assert_eq!(view(by_lambda_http(event).unwrap()), None);
}
