//! The request of a legacy route: a body of bounded size and the credentials in its headers.

use crate::correlation::correlation_id;
use crate::deadline::left;
use export_domain::ids::SessionId;
use export_domain::intake::MAX_BODY;
use export_domain::trace::{TraceContext, TraceHeader};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use std::fmt;
use std::time::Duration;

/// The longest invocation that answers a request.
const LONGEST: Duration = Duration::from_secs(29);

/// A received request, to the extent that the rules look at it. Never logged.
#[derive(Clone, Default)]
pub struct Received {
    /// The body's bytes; `None` if there are more than [`MAX_BODY`].
    pub body: Option<Vec<u8>>,
    /// `X-Session-Id`, else `Authorization: Bearer`.
    pub session: Option<SessionId>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Milliseconds of `Prefer: wait=N` (RFC 7240), as the client prefers.
    pub wait_ms: Option<i64>,
    /// The time that the invocation has left.
    pub left: Duration,
    /// `Accept`.
    pub accept: String,
    /// The names of the request in logs and traces, as [`serve`](super::serve) left them among its extensions.
    pub context: TraceContext,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received(***)")
    }
}

/// Takes from a request what the rules look at.
pub fn receive(request: &Request) -> Received {
    let bytes = bytes(request.body());
    let headers = request.headers();
    Received {
        body: (bytes.len() <= MAX_BODY).then(|| bytes.to_vec()),
        session: session(headers),
        // One that is no ASCII is to be refused, not passed over.
        idempotency_key: headers
            .get("idempotency-key")
            .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned()),
        wait_ms: text(headers, "prefer").and_then(prefer_wait),
        left: request.lambda_context_ref().map_or(LONGEST, |context| left(context.deadline())).min(LONGEST),
        accept: text(headers, "accept").unwrap_or_default().to_owned(),
        context: request.extensions().get().cloned().unwrap_or_default(),
    }
}

/// The names of a request in logs and traces.
pub(super) fn trace_context(request: &Request) -> TraceContext {
    let request_id = request.request_context_ref().and_then(|context| match context {
        RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
        RequestContext::ApiGatewayV1(context) => context.request_id.as_deref(),
        _ => None,
    });
    let header = |name: &str| text(request.headers(), name);
    let trace = request.lambda_context_ref().and_then(|context| context.xray_trace_id.as_deref());
    TraceContext {
        correlation_id: correlation_id(header, bytes(request.body()), request_id),
        trace: trace.and_then(TraceHeader::parse),
    }
}

fn bytes(body: &Body) -> &[u8] {
    match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn session(headers: &HeaderMap) -> Option<SessionId> {
    let bearer = || {
        let (scheme, token) = text(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    };
    SessionId::parse(text(headers, "x-session-id").or_else(bearer)?)
}

fn prefer_wait(value: &str) -> Option<i64> {
    let seconds: u64 = value.split([',', ';']).find_map(|part| {
        let (name, seconds) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| seconds.trim().parse().ok()).flatten()
    })?;
    Some(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_from_either_header_and_preferences_are_read() {
        let request = lambda_http::http::Request::builder()
            .header("Authorization", "bearer 2A39603DDB0F47CFB32E96C8366084AE")
            .header("Prefer", "respond-async, wait=7")
            .body(Body::Text("x".repeat(MAX_BODY)))
            .unwrap();
        let received = receive(&request);
        assert_eq!(received.session, SessionId::parse("2A39603DDB0F47CFB32E96C8366084AE"));
        assert_eq!(received.wait_ms, Some(7000));
        assert_eq!(format!("{received:?}"), "Received(***)");
        assert_eq!(received.body.map(|b| b.len()), Some(MAX_BODY));
    }

    #[test]
    fn a_key_that_is_no_ascii_is_kept_for_judgement() {
        let request = lambda_http::http::Request::builder().header("Idempotency-Key", "Zoë");
        assert_eq!(receive(&request.body(Body::Empty).unwrap()).idempotency_key.as_deref(), Some("Zoë"));
    }

    #[test]
    fn a_body_past_the_limit_is_not_kept() {
        let request = lambda_http::http::Request::new(Body::Binary(vec![0; MAX_BODY + 1]));
        assert_eq!(receive(&request).body, None);
    }
}
