//! The name of a request in logs and traces.

use super::{MAX_BODY, Request};
use export_domain::ids::SessionId;
use export_domain::json;
use export_domain::request::sessions_said;
use export_domain::trace::CorrelationId;

/// Header by which a client names its request, and the reply says what it is called in the logs.
pub const HEADER: &str = "x-correlation-id";

/// The name of a request: what its client calls it, else the trace it belongs to, else what the gateway calls it.
pub(super) fn correlation_id(request: &Request) -> Option<CorrelationId> {
    let header = |name: &str| request.header(name);
    let credentials = [header("x-session-id"), header("authorization")];
    let open = |id: &CorrelationId| {
        let told = credentials.into_iter().flatten().any(|text| tells(id.as_str(), text));
        !told && !tells_of_body(id.as_str(), &request.body)
    };
    let given = header(HEADER).and_then(CorrelationId::parse).filter(open);
    given
        .or_else(|| header("traceparent").and_then(CorrelationId::of_traceparent).filter(open))
        .or_else(|| request.request_id.as_deref().and_then(CorrelationId::parse))
}

/// Returns `true` if `id` would take a session of `text` into the logs, whatever stands around it there.
fn tells(id: &str, text: &str) -> bool {
    let words = text.split_whitespace().flat_map(|word| word.split(',').chain([word]));
    words.filter(|word| SessionId::parse(word).is_some()).any(|session| id.contains(session))
}

/// Returns `true` if `id` would take a session of `body` into the logs, or might: in what is no strict JSON (a comment,
/// a form, a text that was cut off) a session can hide anywhere and in any spelling.
fn tells_of_body(id: &str, body: &[u8]) -> bool {
    let may_tell = id.split(' ').any(|word| SessionId::parse(word).is_some());
    if body.is_empty() || !may_tell {
        return false;
    }
    let parsed = (body.len() <= MAX_BODY).then(|| json::parse(body, false).ok()).flatten();
    let said = parsed.as_ref().and_then(sessions_said);
    said.is_none_or(|texts| texts.iter().any(|text| tells(id, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "2A39603DDB0F47CFB32E96C8366084AE";
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn named(headers: &[(&str, &str)], body: &str) -> Option<String> {
        named_of(headers, body.as_bytes())
    }

    fn named_of(headers: &[(&str, &str)], body: &[u8]) -> Option<String> {
        let request = Request {
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.to_vec(),
            request_id: Some("gateway".to_owned()),
            ..Request::default()
        };
        correlation_id(&request).map(|id| id.to_string())
    }

    #[test]
    fn the_clients_name_comes_before_the_trace_and_the_gateways_last() {
        let own = (HEADER, "order 7");
        assert_eq!(named(&[own, ("traceparent", TRACEPARENT)], "").as_deref(), Some("order 7"));
        let trace = Some("0af7651916cd43dd8448eb211c80319c");
        assert_eq!(named(&[("traceparent", TRACEPARENT)], "").as_deref(), trace);
        assert_eq!(named(&[(HEADER, "a\nb"), ("traceparent", TRACEPARENT)], "").as_deref(), trace);
        assert_eq!(named(&[("traceparent", "00-x")], "").as_deref(), Some("gateway"));
        assert_eq!(correlation_id(&Request::default()), None);
    }

    #[test]
    fn a_name_that_holds_the_requests_session_is_ignored() {
        let told = format!("request of {SESSION}");
        let (bearer, several) = (format!("Bearer {SESSION}"), format!("other,{SESSION}"));
        let body = format!(r#"{{"FileName": "x", "SessionId" : "{SESSION}"}}"#);
        for (header, body) in [
            (("x-session-id", SESSION), ""),
            (("authorization", bearer.as_str()), ""),
            (("x-session-id", several.as_str()), ""),
            (("accept", "*/*"), body.as_str()),
        ] {
            assert_eq!(named(&[(HEADER, &told), header], body).as_deref(), Some("gateway"));
            assert_eq!(named(&[(HEADER, "order 7"), header], body).as_deref(), Some("order 7"));
        }
        assert_eq!(named(&[(HEADER, "order 7")], r#"{"SessionId":""}"#).as_deref(), Some("order 7"));
    }

    #[test]
    fn a_session_is_found_wherever_a_body_says_it() {
        let escaped = format!("\\u0032{}", &SESSION[1..]);
        for body in [
            format!(r#"{{"FileName":"SessionId","SessionId":"{SESSION}"}}"#),
            format!(r#"{{"SessionId":"other","SessionId":"{SESSION}"}}"#),
            format!(r#"{{"SessionId":" {SESSION} "}}"#),
            format!(r#"{{"SessionId":["x",{{"is":"{SESSION}"}}]}}"#),
            format!(r#"{{"SessionId":"{escaped}"}}"#),
            format!(r#"{{"\u0053essionId":"{SESSION}"}}"#),
            format!("// \"SessionId\": \"old\"\n{{\"SessionId\":\"{SESSION}\"}}"),
            format!("{{\"SessionId\":\"new\"}} // was {SESSION}"),
            format!(r#"{{"SessionId":"{escaped}""#),
            format!(r#"["{SESSION}"]"#),
            format!("SessionId={SESSION}"),
            format!(r#"{{"SessionId":"{SESSION}","x":"{}"}}"#, "x".repeat(MAX_BODY)),
        ] {
            for id in [SESSION.to_owned(), format!("of {SESSION}"), format!("a-{SESSION}-b")] {
                assert_eq!(named(&[(HEADER, &id)], &body).as_deref(), Some("gateway"), "{id}: {body:.99}");
            }
            assert_eq!(named(&[(HEADER, "order 7")], &body).as_deref(), Some("order 7"));
        }
        let bytes = [b"{\"x\":\"\xff\",\"SessionId\":\"", SESSION.as_bytes(), b"\"}"].concat();
        assert_eq!(named_of(&[(HEADER, SESSION)], &bytes).as_deref(), Some("gateway"));
    }

    #[test]
    fn a_long_name_is_kept_beside_json_that_does_not_hold_it_as_its_session() {
        let uuid = "0b5f2a52-6c1e-4d7e-9a64-0d4b6f1c9e77";
        for body in [
            "",
            "{}",
            r#"{"SessionId":"2A39603DDB0F47CFB32E96C8366084AE"}"#,
            &format!(r#"{{"FileName":"{uuid}"}}"#),
        ] {
            assert_eq!(named(&[(HEADER, uuid)], body).as_deref(), Some(uuid), "{body}");
        }
        assert_eq!(named(&[(HEADER, uuid)], "{").as_deref(), Some("gateway"));
    }
}
