//! What a request wants.

use super::failure::DocumentFailure;
use super::gateway::Call;
use super::names::Refused;
use super::style::Style;
use crate::negotiate::{quality, takes_gzip};
use export_mre::document::View;
use serde::{Deserialize, Serialize};

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The document.
    Bare,
    /// `{"BlobContent": …}`.
    Blob,
    /// The inside of the blob: the document and a line end.
    Line,
}

/// How a document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As the body, or where that is too large, by a redirect.
    Document,
    /// A link to it.
    Link,
}

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which JSON.
    pub view: View,
    /// Whether the last stored export is wanted.
    pub stored: bool,
    /// The form of the body.
    pub form: Form,
    /// How the document is wanted.
    pub delivery: Delivery,
    /// Whether only the headers of the reply are wanted.
    pub head: bool,
    /// Whether the body may be compressed.
    pub gzip: bool,
    /// What the client has (`If-None-Match`).
    pub if_none_match: Option<String>,
}

impl Ask {
    /// Reads a request.
    ///
    /// # Errors
    /// When a parameter has a value that is not known, and on the guide's routes also when a parameter is not known or
    /// `Accept` allows no JSON. MRE passes over both, and so do its routes.
    pub fn read(call: &Call) -> Result<Self, DocumentFailure> {
        let style = Style::of(call);
        if style == Style::Guide {
            known_only(call)?;
        }
        match call.query("format")?.as_deref() {
            None | Some("json") => {}
            Some(_) => return Err(Refused::new("format", "must be json").into()),
        }
        let view = match call.query("view")?.as_deref() {
            None if style == Style::Guide => View::Guide,
            None => View::Mre,
            Some(text) => View::parse(text).ok_or(Refused::new("view", "must be guide or mre"))?,
        };
        let stored = match call.query("source")?.as_deref() {
            None => style == Style::Mre,
            Some("live") => false,
            Some("stored") => true,
            Some(_) => return Err(Refused::new("source", "must be live or stored").into()),
        };
        let delivery = match call.query("delivery")?.as_deref() {
            None => Delivery::Document,
            Some("link") => Delivery::Link,
            Some(_) => return Err(Refused::new("delivery", "must be link").into()),
        };
        let accept = call.header("accept").unwrap_or_default();
        let form = match style {
            Style::Guide if quality(accept, JSON).0 == 0 => return Err(DocumentFailure::NotAcceptable),
            Style::Guide => Form::Bare,
            Style::Mre if wants_bytes(accept) => Form::Line,
            Style::Mre => Form::Blob,
        };
        Ok(Self {
            view,
            // Only MRE's own document is ever stored.
            stored: stored && view == View::Mre,
            form,
            delivery,
            head: call.request_context.http.method == "HEAD",
            gzip: takes_gzip(call.header("accept-encoding").unwrap_or_default()),
            if_none_match: call.header("if-none-match").map(str::to_owned),
        })
    }
}

/// Refuses a parameter that no document has, or that stands in the path already.
fn known_only(call: &Call) -> Result<(), DocumentFailure> {
    let is_in_path = |name: &str| call.path_parameters.as_ref().is_some_and(|names| names.contains_key(name));
    let is_known = |name: &str| match name {
        "view" | "source" | "delivery" | "format" => true,
        "id" | "event" | "program" => !is_in_path(name),
        _ => false,
    };
    match call.parameters().find(|name| !is_known(name)) {
        Some(name) => Err(DocumentFailure::UnknownParameter(name)),
        None => Ok(()),
    }
}

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Whether `Accept` prefers bytes to JSON; of two ranges of equal quality the one that says more.
fn wants_bytes(accept: &str) -> bool {
    let bytes = quality(accept, BYTES);
    bytes.0 > 0 && bytes > quality(accept, JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(route: &str, query: &str, headers: &[(&str, &str)]) -> Result<Ask, DocumentFailure> {
        Ask::read(&Call {
            route_key: route.to_owned(),
            raw_query_string: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Call::default()
        })
    }

    const GUIDE: &str = "GET /export/data/event/{event}/program/{program}";
    const MRE: &str = "GET /event/{event}/export/data/program/{program}";
    const MRE_REPLAY: &str = "GET /replay/export/data/{id}/event/{event}/program/{program}";

    #[test]
    fn routes_have_their_own_defaults() {
        let guide = ask(GUIDE, "", &[]).unwrap();
        assert_eq!((guide.view, guide.stored, guide.form), (View::Guide, false, Form::Bare));
        for route in [MRE, MRE_REPLAY] {
            let mre = ask(route, "", &[]).unwrap();
            assert_eq!((mre.view, mre.stored, mre.form), (View::Mre, true, Form::Blob));
        }
        assert_eq!(ask("GET /export/data/replay", "", &[]).unwrap().form, Form::Bare);
    }

    #[test]
    fn parameters_override_them() {
        let guide = ask(GUIDE, "view=mre&source=stored&delivery=link", &[]).unwrap();
        assert_eq!((guide.view, guide.stored, guide.delivery), (View::Mre, true, Delivery::Link));
        assert!(!ask(MRE, "source=live", &[]).unwrap().stored);
        assert!(!ask(MRE, "view=guide", &[]).unwrap().stored);
    }

    #[test]
    fn an_unknown_value_is_refused_by_its_parameter() {
        for (query, parameter) in
            [("view=xml", "view"), ("view=", "view"), ("source=x", "source"), ("delivery=mail", "delivery")]
        {
            assert!(ask(GUIDE, query, &[]).unwrap_err().to_string().starts_with(&format!("{parameter}: ")));
        }
        for route in [GUIDE, MRE] {
            assert_eq!(ask(route, "format=csv", &[]).unwrap_err().to_string(), "format: must be json");
            assert!(ask(route, "format=json", &[]).is_ok());
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_on_the_guides_routes() {
        for query in ["page=2", "view=mre&Format=csv", "&%66oo=1"] {
            assert!(matches!(ask(GUIDE, query, &[]), Err(DocumentFailure::UnknownParameter(_))), "{query}");
            assert!(ask(MRE, query, &[]).is_ok(), "{query}");
        }
        let by_query = "event=e&program=p&id=r&view=mre";
        assert!(ask("GET /export/data/replay", by_query, &[]).is_ok());
    }

    #[test]
    fn the_guides_routes_have_json_only() {
        for (accept, is_ok) in [
            ("", true),
            ("*/*", true),
            ("Application/*", true),
            ("text/html, */*;q=0.1", true),
            ("APPLICATION/JSON;charset=utf-8", true),
            ("text/csv", false),
            ("application/octet-stream", false),
            ("*/*, application/json;q=0", false),
        ] {
            let asked = ask(GUIDE, "", &[("accept", accept)]);
            assert_eq!(asked.is_ok(), is_ok, "{accept}");
            assert!(is_ok || matches!(asked, Err(DocumentFailure::NotAcceptable)));
            assert!(ask(MRE, "", &[("accept", accept)]).is_ok(), "{accept}");
        }
    }

    #[test]
    fn headers_choose_form_and_encoding() {
        for (accept, form) in [
            ("application/octet-stream", Form::Line),
            ("text/html, application/octet-stream;q=0.5", Form::Line),
            ("application/octet-stream;q=0", Form::Blob),
            ("application/json, application/octet-stream", Form::Blob),
            ("application/json;q=0.1, application/octet-stream;q=0.2", Form::Line),
            ("*/*", Form::Blob),
            ("Application/Octet-Stream", Form::Line),
            ("application/octet-stream, */*", Form::Line),
            ("application/octet-stream;q=0.5, */*", Form::Blob),
            ("application/json;q=0.5, application/*", Form::Line),
            ("*/*;q=0.2, application/json;q=0", Form::Line),
            ("text/html, application/*;q=0.3", Form::Blob),
        ] {
            assert_eq!(ask(MRE, "", &[("accept", accept)]).unwrap().form, form, "{accept}");
        }
        for (encodings, gzip) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.2", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("identity, gzip;q=0.5", false),
            ("identity;q=0.5, gzip;Q=0.5", true),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(ask(GUIDE, "", &[("Accept-Encoding", encodings)]).unwrap().gzip, gzip, "{encodings}");
        }
    }
}
