//! Whose request this is, as far as logs and traces go.

use export_domain::ids::SessionId;
use export_domain::trace::CorrelationId;

/// Header by which a client names its request, and the reply says what it is called in the logs.
pub const HEADER: &str = "x-correlation-id";

/// The name of a request: what its client calls it, else the trace it belongs to, else what the gateway calls it.
pub fn correlation_id<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    request_id: Option<&str>,
) -> Option<CorrelationId> {
    let secrets = [header("x-session-id"), header("authorization"), session(body)];
    let open = |id: &CorrelationId| !secrets.iter().flatten().any(|secret| tells(id.as_str(), secret));
    let given = header(HEADER).and_then(CorrelationId::parse).filter(open);
    given
        .or_else(|| header("traceparent").and_then(CorrelationId::of_traceparent).filter(open))
        .or_else(|| request_id.and_then(CorrelationId::parse))
}

/// Whether `id` would take a session id into the logs; `secret` is one, maybe behind a scheme.
fn tells(id: &str, secret: &str) -> bool {
    let session = secret.split_whitespace().next_back().unwrap_or_default();
    SessionId::parse(session).is_some() && id.contains(session)
}

/// The `SessionId` of a body, roughly: whether it is one is not decided here.
fn session(body: &[u8]) -> Option<&str> {
    let (_, behind) = std::str::from_utf8(body).ok()?.split_once("\"SessionId\"")?;
    behind.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "2A39603DDB0F47CFB32E96C8366084AE";
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn named(headers: &[(&str, &str)], body: &str) -> Option<String> {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        correlation_id(header, body.as_bytes(), Some("gateway")).map(|id| id.to_string())
    }

    #[test]
    fn the_clients_name_comes_before_the_trace_and_the_gateways_last() {
        let own = (HEADER, "order 7");
        assert_eq!(named(&[own, ("traceparent", TRACEPARENT)], "").as_deref(), Some("order 7"));
        let trace = Some("0af7651916cd43dd8448eb211c80319c");
        assert_eq!(named(&[("traceparent", TRACEPARENT)], "").as_deref(), trace);
        assert_eq!(named(&[(HEADER, "a\nb"), ("traceparent", TRACEPARENT)], "").as_deref(), trace);
        assert_eq!(named(&[("traceparent", "00-x")], "").as_deref(), Some("gateway"));
        assert_eq!(correlation_id(|_| None, b"", None), None);
    }

    #[test]
    fn a_name_that_holds_the_requests_session_is_ignored() {
        let told = format!("request of {SESSION}");
        let bearer = format!("Bearer {SESSION}");
        let body = format!(r#"{{"FileName": "x", "SessionId" : "{SESSION}"}}"#);
        for (header, body) in [
            (("x-session-id", SESSION), ""),
            (("authorization", bearer.as_str()), ""),
            (("accept", "*/*"), body.as_str()),
        ] {
            assert_eq!(named(&[(HEADER, &told), header], body).as_deref(), Some("gateway"));
            assert_eq!(named(&[(HEADER, "order 7"), header], body).as_deref(), Some("order 7"));
        }
        assert_eq!(named(&[(HEADER, "order 7")], r#"{"SessionId":""}"#).as_deref(), Some("order 7"));
    }
}
