//! A request as an HTTP API hands it over (payload 2.0), and the reply it takes.
//!
//! Read leniently, without building a URL out of it: the path comes decoded, so it may hold anything.

use export_domain::trace::TraceHeader;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// A request. Never logged: its headers hold credentials.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Call {
    /// Method and path of the route, with placeholders.
    pub route_key: String,
    /// The path, decoded except `%25`.
    pub raw_path: String,
    /// The query as it was sent.
    pub raw_query_string: String,
    /// Headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// The values of the path's placeholders.
    pub path_parameters: Option<HashMap<String, String>>,
    /// The rest.
    pub request_context: Context,
    /// The trace of the invocation, which does not come with the event.
    #[serde(skip)]
    pub trace: Option<TraceHeader>,
}

/// The gateway's knowledge of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// Its name for the request.
    pub request_id: Option<String>,
    /// Its HTTP part.
    pub http: Http,
}

/// The HTTP part of a request's context.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Http {
    /// The method.
    pub method: String,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call(***)")
    }
}

impl Call {
    /// The request as part of the trace that `header` of its invocation names.
    #[must_use]
    pub fn traced(self, header: Option<&str>) -> Self {
        Self { trace: header.and_then(TraceHeader::parse), ..self }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let exact = self.headers.get(name);
        let found = exact.or_else(|| {
            self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        });
        found.map(String::as_str)
    }
}

/// A reply. Never logged: it may lend a URL.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentReply {
    /// The status code.
    pub status_code: u16,
    /// Headers by name.
    pub headers: BTreeMap<&'static str, String>,
    /// The body: text, or base64.
    pub body: String,
    /// `true` if the body is base64.
    pub is_base64_encoded: bool,
}

impl fmt::Debug for DocumentReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentReply({})", self.status_code)
    }
}

impl DocumentReply {
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

    /// Sets a text body and its type.
    #[must_use]
    pub fn with_text(mut self, content_type: &str, body: String) -> Self {
        self.body = body;
        self.with("content-type", content_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_credentials_nor_lent_urls_are_shown() {
        let headers = HashMap::from([("authorization".to_owned(), "secret".to_owned())]);
        let call = Call { headers, raw_query_string: "secret".to_owned(), ..Call::default() };
        assert_eq!(format!("{call:?}"), "Call(***)");
        let reply =
            DocumentReply::new(307).with("location", "secret").with_text("text/plain", "secret".to_owned());
        assert_eq!(format!("{reply:?}"), "DocumentReply(307)");
    }

    #[test]
    fn the_trace_is_the_invocations_and_no_part_of_the_event() {
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let call: Call = serde_json::from_value(serde_json::json!({ "trace": root })).unwrap();
        assert_eq!(call.trace, None);
        assert_eq!(call.clone().traced(Some("Root=x")).trace, None);
        assert_eq!(call.traced(Some(&format!("{root};Lineage=x"))).trace, TraceHeader::parse(root));
    }
}
