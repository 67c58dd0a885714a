//! The loop of an HTTP function, for any event.
//!
//! `lambda_http` panics on events that are no HTTP requests after all: a body that claims to be base64 and is not, a
//! host that is no host. API Gateway sends none, but a direct invocation can; it gets a refusal like everyone else.

use super::reply::with_header;
use super::request::trace_context;
use crate::correlation::HEADER;
use crate::telemetry::request_span;
use lambda_http::http::header::X_CONTENT_TYPE_OPTIONS;
use lambda_http::http::{HeaderMap, HeaderName, Response};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, Error, LambdaEvent, Request, Service, lambda_runtime, service_fn};
use serde_json::{Map, Value, json};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tracing::Instrument;

/// Serves requests with `handle` for as long as the environment lives; `refuse` answers what is no request.
///
/// # Errors
/// If the Runtime API fails.
pub async fn serve<H, F>(handle: H, refuse: fn() -> Response<Body>) -> Result<(), Error>
where
    H: Fn(Request) -> F + Clone + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        answer(event.payload, event.context, handle, refuse).await
    }))
    .await
}

async fn answer<H, F>(
    payload: Value,
    context: Context,
    handle: H,
    refuse: fn() -> Response<Body>,
) -> Result<Value, Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let Ok(request) = serde_json::from_value::<LambdaRequest>(payload) else {
        return Ok(as_event(typed(refuse())));
    };
    let mut adapter = Adapter::from(service_fn(|mut request: Request| {
        let context = trace_context(&request);
        request.extensions_mut().insert(context.clone());
        let span = request_span(&context);
        let reply = handle(request);
        let named = async move {
            let reply = reply.await;
            let reply = typed(reply);
            Ok::<_, Error>(match &context.correlation_id {
                Some(id) => with_header(reply, HeaderName::from_static(HEADER), id.as_str()),
                None => reply,
            })
        };
        named.instrument(span)
    }));
    let called = catch_unwind(AssertUnwindSafe(|| adapter.call(LambdaEvent::new(request, context))));
    match called {
        Ok(reply) => Ok(serde_json::to_value(reply.await?)?),
        Err(_) => Ok(as_event(typed(refuse()))),
    }
}

/// No browser takes a reply for anything but what its `Content-Type` says.
fn typed(reply: Response<Body>) -> Response<Body> {
    with_header(reply, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// A reply in the HTTP API's payload format 2.0.
fn as_event(response: Response<Body>) -> Value {
    let (parts, body) = response.into_parts();
    let text = |headers: &HeaderMap| -> Map<String, Value> {
        headers.iter().filter_map(|(n, v)| Some((n.to_string(), v.to_str().ok()?.into()))).collect()
    };
    let body = match body {
        Body::Text(text) => text,
        _ => String::new(),
    };
    json!({
        "statusCode": parts.status.as_u16(), "headers": text(&parts.headers), "body": body, "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{problem, receive};
    use export_domain::trace::TraceContext;
    use lambda_http::http::StatusCode;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    fn refuse() -> Response<Body> {
        problem(StatusCode::BAD_REQUEST, "the request cannot be read")
    }

    async fn reply(payload: Value) -> Value {
        let handle = |_: Request| async { Response::new(Body::Empty) };
        answer(payload, Context::default(), handle, refuse).await.unwrap()
    }

    async fn status(payload: Value) -> Value {
        reply(payload).await["statusCode"].clone()
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
        assert_eq!(status(event("a.execute-api.eu-west-1.amazonaws.com", "e30=")).await, 200);
        assert_eq!(status(event("a.execute-api.eu-west-1.amazonaws.com", "%%%")).await, 400);
        assert_eq!(status(json!({"Records": []})).await, 400);
        assert_eq!(status(json!(7)).await, 400);
    }

    #[tokio::test]
    async fn no_reply_may_be_taken_for_another_type() {
        let host = "a.execute-api.eu-west-1.amazonaws.com";
        for payload in [event(host, "e30="), event(host, "%%%"), json!(7)] {
            assert_eq!(reply(payload).await["headers"]["x-content-type-options"], "nosniff");
        }
    }

    #[tokio::test]
    async fn a_reply_says_what_its_request_is_called() {
        for (given, called) in [("order 7", "order 7"), ("Am\u{e9}lie", "r"), ("", "r")] {
            let mut event = event("a.execute-api.eu-west-1.amazonaws.com", "");
            event["headers"][HEADER] = given.into();
            assert_eq!(reply(event).await["headers"][HEADER], called, "{given}");
        }
    }

    #[tokio::test]
    async fn a_handler_is_told_what_the_reply_says_and_the_trace() {
        let mut event = event("a.execute-api.eu-west-1.amazonaws.com", "");
        event["headers"][HEADER] = "order 7".into();
        let mut context = Context::default();
        context.xray_trace_id = Some(format!("{ROOT};Sampled=1;Lineage=x"));
        let handle = |request: Request| async move {
            let TraceContext { correlation_id, trace } = receive(&request).context;
            let told = [correlation_id.unwrap().to_string(), trace.unwrap().as_str().to_owned()];
            Response::new(Body::Text(told.join(" ")))
        };
        let reply = answer(event, context, handle, refuse).await.unwrap();
        assert_eq!(reply["body"], format!("order 7 {ROOT};Sampled=1"));
        assert_eq!(reply["headers"][HEADER], "order 7");
    }
}
