//! HTTP as every function speaks it: a [`Request`] comes in, a [`Reply`] goes out, by [`serve`] alone.
//!
//! * [`lambda`](self::serve) converts what Lambda hands over, and is the only module that knows its events.
//! * [`negotiate`] decides what the client takes, by the clauses of RFC 9110.
//! * [`problem`] is the one form of an error outside the TVU routes (RFC 9457).
//! * Sizes: a request's body has at most [`MAX_BODY`] bytes, a serialised reply at most [`MAX_REPLY_BYTES`].
//! * CORS is the gateway's: it answers preflights and adds the headers, no function does.

mod correlation;
mod disposition;
pub mod edits;
mod lambda;
pub mod negotiate;
#[cfg(feature = "packed")]
mod packed;
mod query;

pub use correlation::HEADER as CORRELATION_HEADER;
pub use disposition::disposition;
#[cfg(feature = "lambda_http")]
pub use lambda::by_lambda_http;
pub use lambda::{ReadEvent, by_hand, serve};
#[cfg(feature = "packed")]
pub use packed::{fits, gzip, gzip_rows};

use export_domain::ids::SessionId;
use export_domain::intake::Rejection;
use export_domain::request::FieldError;
use export_domain::settings::ReplyStyle;
use export_domain::time::{EpochMs, Millis};
use export_domain::trace::TraceContext;
use export_domain::tvu::{Answer, Outcome, Via, WAIT_UNKNOWN, answer};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

pub use export_domain::intake::MAX_BODY;

/// Bytes that a function's serialised reply may have; Lambda itself ends at 6 MB, headers included.
pub const MAX_REPLY_BYTES: usize = 5_500_000;

/// A request. Never logged: its headers and its body hold credentials.
#[derive(Clone, Default)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The route's path with its placeholders; the request's own path where the gateway names no route.
    pub route: String,
    /// The path as the gateway gives it: decoded except `%25`.
    pub path: String,
    /// The values of the route's placeholders.
    pub path_parameters: HashMap<String, String>,
    /// The query as it was sent.
    pub query: String,
    /// The headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The gateway's name for the request.
    pub request_id: Option<String>,
    /// The time that the invocation has left.
    pub left: Duration,
    /// The names of the request in logs and traces; [`serve`] sets them.
    pub context: TraceContext,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request(***)")
    }
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body; `None` if it has more than [`MAX_BODY`] bytes.
    pub fn bounded_body(&self) -> Option<&[u8]> {
        (self.body.len() <= MAX_BODY).then_some(&self.body)
    }

    /// The session of `X-Session-Id`, else of `Authorization: Bearer`.
    pub fn session(&self) -> Option<SessionId> {
        let ascii = |name: &str| self.header(name).filter(|value| value.is_ascii());
        let bearer = || {
            let (scheme, token) = ascii("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        };
        SessionId::parse(ascii("x-session-id").or_else(bearer)?)
    }

    /// The time of `Prefer: wait=N` (RFC 7240, section 4.3).
    pub fn prefers_wait(&self) -> Option<Millis> {
        let seconds: u64 = self.header("prefer")?.split([',', ';']).find_map(|part| {
            let (name, seconds) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("wait").then(|| seconds.trim().parse().ok()).flatten()
        })?;
        Some(Millis::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }
}

/// A reply, in the form that Lambda passes on to the gateway. Never logged: it may lend a URL.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The status code.
    pub status_code: u16,
    /// The headers by lower-case name.
    pub headers: BTreeMap<&'static str, String>,
    /// The body: text, or base64.
    pub body: String,
    /// `true` if the body is base64.
    pub is_base64_encoded: bool,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.status_code)
    }
}

impl Reply {
    /// A reply with `status` and no body.
    pub fn new(status: u16) -> Self {
        Self { status_code: status, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets a text body and its type.
    #[must_use]
    pub fn with_text(mut self, content_type: &str, body: String) -> Self {
        self.body = body;
        self.with("content-type", content_type)
    }

    /// Sets a JSON body of the type `content_type`, which no cache keeps.
    #[must_use]
    pub fn with_json(self, content_type: &str, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        self.with_text(content_type, text).with("cache-control", "no-store")
    }
}

/// The reply to a request of a TVU route: `Retry-After` whenever the client shall ask again, `Location` of the job.
pub fn reply(answer: &Answer) -> Reply {
    let mut reply = Reply::new(answer.status).with_json("application/json", &answer.reply);
    let wait = answer.reply.time_wait;
    if wait > Millis::ZERO {
        reply = reply.with("retry-after", wait.to_secs_ceil().to_string());
    }
    match &answer.reply.job_id {
        Some(id) => reply.with("location", format!("/export/status/{id}")),
        None => reply,
    }
}

/// The reply of a TVU route to an event that is not a request.
pub fn refuse() -> Reply {
    let error = FieldError::new("body", UNREADABLE);
    let rejection = Rejection::Invalid(error);
    reply(&answer(Outcome::Rejected(&rejection), Via::Submit, EpochMs::ZERO, ReplyStyle::default()))
}

/// The fault of an event that is not a request.
pub const UNREADABLE: &str = "the request cannot be read";

/// A problem (RFC 9457) with `status` and a `detail` for people; a temporary one says when to ask again.
pub fn problem(status: u16, detail: &str) -> Reply {
    told(status, detail, None)
}

/// As [`problem`], with the list `errors` of what is at fault.
pub fn problem_with(status: u16, detail: &str, errors: &impl Serialize) -> Reply {
    told(status, detail, serde_json::to_value(errors).ok())
}

fn told(status: u16, detail: &str, errors: Option<serde_json::Value>) -> Reply {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        503 => "Service Unavailable",
        _ => "Error",
    };
    let mut body =
        serde_json::json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
    if let Some(errors) = errors {
        body["errors"] = errors;
    }
    let reply = Reply::new(status).with_json("application/problem+json", &body);
    if status == 503 { reply.with("retry-after", WAIT_UNKNOWN.to_secs_ceil().to_string()) } else { reply }
}

/// The problem of a rejected request.
pub fn refused(request: &Request, rejection: &Rejection) -> Reply {
    let has_none = ["x-session-id", "authorization"].iter().all(|name| request.header(name).is_none());
    let detail = match rejection {
        Rejection::SessionInvalid if has_none => {
            "no session: send X-Session-Id or Authorization: Bearer".to_owned()
        }
        Rejection::Invalid(error) => error.to_string(),
        Rejection::Unavailable(_) | Rejection::Contended => "try again".to_owned(),
        other => other.text(),
    };
    problem(rejection.status(), &detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request { headers, ..Request::default() }
    }

    #[test]
    fn credentials_come_from_either_header_and_preferences_are_read() {
        const SESSION: &str = "2A39603DDB0F47CFB32E96C8366084AE";
        let bearer = format!("bearer {SESSION}");
        let request = request(&[("authorization", &bearer), ("prefer", "respond-async, wait=7")]);
        assert_eq!(request.session(), SessionId::parse(SESSION));
        assert_eq!(request.prefers_wait(), Some(Millis::from_secs(7)));
    }

    #[test]
    fn a_body_past_the_limit_is_not_looked_at() {
        let sized = |bytes| Request { body: vec![0; bytes], ..Request::default() };
        assert!(sized(MAX_BODY).bounded_body().is_some());
        assert_eq!(sized(MAX_BODY + 1).bounded_body(), None);
    }

    #[test]
    fn neither_credentials_nor_lent_urls_are_shown() {
        let request = Request { query: "secret".to_owned(), ..request(&[("authorization", "secret")]) };
        assert_eq!(format!("{request:?}"), "Request(***)");
        let reply = Reply::new(307).with("location", "secret").with_text("text/plain", "secret".to_owned());
        assert_eq!(format!("{reply:?}"), "Reply(307)");
    }
}
