//! Lambda's side of HTTP: what it hands over becomes a [`Request`], and a [`Reply`] goes back.
//!
//! There are two readers of events.
//!
//! * [`by_lambda_http`], for submit and status. `lambda_http` reads the payloads of HTTP APIs (2.0) and REST APIs (1.0),
//!   and builds a URL out of the host, the path and the query. It panics on events that are no HTTP requests after all: a
//!   body that claims to be base64 and is not (`"body": "%%%"`), a host that is no host (`"host": "a b"`). API Gateway
//!   sends neither, but a direct invocation can. This is what the `catch_unwind` is for: such an event is refused as any
//!   other that is not a request.
//! * [`by_hand`], for the documents. Their routes have names of events in the path, and the gateway decodes the path, so
//!   a name may hold whatever a URL gives a meaning. In the URL of the event `Final? A` the query begins inside the name:
//!   `lambda_http` then gives ` A/export/…` for the query, and the parameters are lost. This reader builds no URL. It reads
//!   payload 2.0 and no body, as the routes have no other.

use super::correlation::{self, HEADER};
use super::{Reply, Request};
use crate::deadline::left;
use crate::telemetry::request_span;
use export_domain::trace::{TraceContext, TraceHeader};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tracing::Instrument;

/// The time that an invocation has to answer a request: the gateway gives up after 30 s.
const LONGEST: Duration = Duration::from_secs(29);

/// Makes a request of an event; `None` if the event is not a request.
pub type ReadEvent = fn(Value) -> Option<Request>;

/// Serves requests with `handle` for as long as the environment lives; `refuse` answers events that are not requests.
///
/// # Errors
/// If the Runtime API fails.
pub async fn serve<H, F>(read: ReadEvent, refuse: fn() -> Reply, handle: H) -> Result<(), Error>
where
    H: Fn(Request) -> F + Send + Sync,
    F: Future<Output = Reply> + Send,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let (payload, context) = event.into_parts();
        Ok::<_, Error>(respond(read(payload), &context, refuse, handle).await)
    }))
    .await
}

/// Names the request in the logs and in its reply, and answers it.
async fn respond<H, F>(
    request: Option<Request>,
    context: &Context,
    refuse: fn() -> Reply,
    handle: &H,
) -> Reply
where
    H: Fn(Request) -> F,
    F: Future<Output = Reply> + Send,
{
    let Some(request) = request else { return typed(refuse()) };
    let names = TraceContext {
        correlation_id: correlation::correlation_id(&request),
        trace: context.xray_trace_id.as_deref().and_then(TraceHeader::parse),
    };
    let left = left(context.deadline()).min(LONGEST);
    let span = request_span(&names);
    // Boxed: the futures of a handler are nested deeper than the compiler likes to lay out.
    let answered = Box::pin(handle(Request { left, context: names.clone(), ..request }));
    let reply = answered.instrument(span).await;
    match &names.correlation_id {
        Some(id) => typed(reply).with(HEADER, id.as_str()),
        None => typed(reply),
    }
}

/// No browser takes a reply for anything but what its `Content-Type` says.
fn typed(reply: Reply) -> Reply {
    reply.with("x-content-type-options", "nosniff")
}

/// Reads an event by `lambda_http`.
#[cfg(feature = "lambda_http")]
pub fn by_lambda_http(event: Value) -> Option<Request> {
    use lambda_http::request::{LambdaRequest, RequestContext};
    use lambda_http::{Body, RequestExt};

    let event: LambdaRequest = serde_json::from_value(event).ok()?;
    let request = std::panic::catch_unwind(move || lambda_http::Request::from(event)).ok()?;
    let (route, request_id) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(it)) => {
            (it.route_key.as_deref().map(path_of), it.request_id.clone())
        }
        Some(RequestContext::ApiGatewayV1(it)) => (it.resource_path.clone(), it.request_id.clone()),
        _ => (None, None),
    };
    let path = request.raw_http_path().to_owned();
    let parameters = request.path_parameters();
    let (parts, body) = request.into_parts();
    // A header that is no ASCII is to be judged, not passed over. Of several with one name the first counts.
    let text =
        |name| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Some(Request {
        method: parts.method.to_string(),
        route: route.unwrap_or_else(|| path.clone()),
        path,
        path_parameters: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.keys().filter_map(|name| Some((name.to_string(), text(name)?))).collect(),
        body: match body {
            Body::Text(text) => text.into_bytes(),
            Body::Binary(bytes) => bytes,
            _ => Vec::new(),
        },
        request_id,
        ..Request::default()
    })
}

/// Reads an event of payload 2.0 without building a URL.
pub fn by_hand(event: Value) -> Option<Request> {
    let event: GatewayEvent = serde_json::from_value(event).ok()?;
    Some(Request {
        method: event.request_context.http.method,
        route: if event.route_key.is_empty() { event.raw_path.clone() } else { path_of(&event.route_key) },
        path: event.raw_path,
        path_parameters: event.path_parameters.unwrap_or_default(),
        query: event.raw_query_string,
        headers: event.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        request_id: event.request_context.request_id,
        ..Request::default()
    })
}

/// The path of a route key (`GET /export/{id}`).
fn path_of(route_key: &str) -> String {
    route_key.split_once(' ').map_or(route_key, |(_, path)| path).to_owned()
}

/// The members of an event that [`by_hand`] reads; none is required.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GatewayEvent {
    route_key: String,
    raw_path: String,
    raw_query_string: String,
    headers: HashMap<String, String>,
    path_parameters: Option<HashMap<String, String>>,
    request_context: EventContext,
}

/// The gateway's part of an event.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventContext {
    request_id: Option<String>,
    http: EventHttp,
}

/// The HTTP part of an event's context.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EventHttp {
    method: String,
}

#[cfg(all(test, feature = "lambda_http"))]
mod tests;
