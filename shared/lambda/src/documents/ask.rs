//! The options of a request for a document.

use super::failure::DocumentFailure;
use super::formats::{disposition, named_alone, preferred, wants_bytes};
use super::names::Refused;
use super::style::Style;
use crate::http::Request;
use crate::http::negotiate::takes_gzip;
use export_mre::document::View;
use export_mre::format::{Format, Rendering};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// The delivery of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As the body, or where that is too large, by a redirect.
    Document,
    /// A link to it.
    Link,
}

/// The options of a request for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The format that the document is rendered in.
    pub rendering: Rendering,
    /// The options of its format, as they were given.
    pub options: BTreeMap<String, String>,
    /// `true` if the last stored export is wanted.
    pub stored: bool,
    /// The form of the body.
    pub form: Form,
    /// The delivery of the document.
    pub delivery: Delivery,
    /// `true` if only the headers of the reply are wanted.
    pub head: bool,
    /// `true` if the body may be compressed.
    pub gzip: bool,
    /// The entity tags that the client has (`If-None-Match`).
    pub if_none_match: Option<String>,
    /// The way in which a client stores the document (`Content-Disposition`).
    pub disposition: Option<String>,
}

impl Ask {
    /// Reads a request.
    ///
    /// # Errors
    /// When a parameter has a value that is not known or does not go with the format, and on the guide's routes also when
    /// a parameter is not known or `Accept` allows no format. MRE passes over both, and so do its routes.
    pub fn read(request: &Request) -> Result<Self, DocumentFailure> {
        let style = Style::of(request);
        if style == Style::Guide {
            known_only(request)?;
        }
        let accept = request.header("accept").unwrap_or_default();
        let format = format(request, style, accept)?;
        let view = match request.query("view")?.as_deref() {
            Some(_) if !format.has_views() => {
                return Err(Refused::new("view", "is no option of this format").into());
            }
            None if style == Style::Guide || !format.has_views() => View::Guide,
            None => View::Mre,
            Some(text) => View::parse(text).ok_or(Refused::new("view", "must be guide or mre"))?,
        };
        let stored = match request.query("source")?.as_deref() {
            None => style == Style::Mre,
            Some("live") => false,
            Some("stored") if !format.has_views() => {
                return Err(Refused::new("source", "this format is built from the tables").into());
            }
            Some("stored") => true,
            Some(_) => return Err(Refused::new("source", "must be live or stored").into()),
        };
        let delivery = match request.query("delivery")?.as_deref() {
            None => Delivery::Document,
            Some("link") => Delivery::Link,
            Some(_) => return Err(Refused::new("delivery", "must be link").into()),
        };
        let form = match style {
            Style::Mre if wants_bytes(accept) && has_blob(request, format) => Form::Line,
            Style::Mre if has_blob(request, format) => Form::Blob,
            _ => Form::Bare,
        };
        let options = options(request)?;
        Ok(Self {
            rendering: Rendering::read(format, view, &options)
                .map_err(|unfit| Refused::new(unfit.parameter, unfit.reason))?,
            options,
            // Only MRE's own document is ever stored.
            stored: stored && view == View::Mre,
            form,
            delivery,
            head: request.method == "HEAD",
            gzip: takes_gzip(request.header("accept-encoding").unwrap_or_default()),
            if_none_match: request.header("if-none-match").map(str::to_owned),
            disposition: None,
        })
    }

    /// The same of a document about `subject`, by which its file is called.
    #[must_use]
    pub(super) fn about(self, subject: &str) -> Self {
        let is_file = self.form == Form::Bare;
        let disposition = disposition(self.rendering.format, subject).filter(|_| is_file);
        Self { disposition, ..self }
    }
}

/// The format that `format` names, else the one that `Accept` asks for.
fn format(request: &Request, style: Style, accept: &str) -> Result<Format, DocumentFailure> {
    let given = request.query("format")?;
    if is_edl_route(request) {
        return match given.as_deref() {
            None | Some("edl") => Ok(Format::Edl),
            Some(_) => Err(Refused::new("format", "must be edl").into()),
        };
    }
    match (given, style) {
        (Some(name), _) => Format::parse(&name)
            .ok_or_else(|| Refused::new("format", "must be json, ndjson, csv, edl, otio or vtt").into()),
        (None, Style::Guide) => preferred(accept).ok_or(DocumentFailure::NotAcceptable),
        (None, Style::Mre) => Ok(named_alone(accept).unwrap_or(Format::Json)),
    }
}

/// Returns `true` if MRE's own route of edit lists was called: the only one with a track in its path.
fn is_edl_route(request: &Request) -> bool {
    request.path_parameters.contains_key("track")
}

/// Returns `true` if MRE wraps a document of this format into its blob.
fn has_blob(request: &Request, format: Format) -> bool {
    format == Format::Json || is_edl_route(request)
}

/// The options that are given.
fn options(request: &Request) -> Result<BTreeMap<String, String>, Refused> {
    let mut options = BTreeMap::new();
    for name in Rendering::OPTIONS {
        let value = match name {
            "track" if is_edl_route(request) => Some(request.name(name)?),
            _ => request.query(name)?,
        };
        options.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(options)
}

/// Refuses a parameter that no document has, or that stands in the path already.
fn known_only(request: &Request) -> Result<(), DocumentFailure> {
    let is_in_path = |name: &str| request.path_parameters.contains_key(name);
    let is_known = |name: &str| match name {
        "view" | "source" | "delivery" | "format" => true,
        _ if Rendering::OPTIONS.contains(&name) => true,
        "id" | "event" | "program" => !is_in_path(name),
        _ => false,
    };
    let mut names = request.parameters().map(|(name, _)| String::from_utf8_lossy(&name).into_owned());
    match names.find(|name| !is_known(name)) {
        Some(name) => Err(DocumentFailure::UnknownParameter(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(route: &str, query: &str, headers: &[(&str, &str)]) -> Result<Ask, DocumentFailure> {
        Ask::read(&Request {
            route: route.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Request::default()
        })
    }

    const GUIDE: &str = "/export/data/event/{event}/program/{program}";
    const MRE: &str = "/event/{event}/export/data/program/{program}";
    const MRE_REPLAY: &str = "/replay/export/data/{id}/event/{event}/program/{program}";

    #[test]
    fn routes_have_their_own_defaults() {
        let guide = ask(GUIDE, "", &[]).unwrap();
        assert_eq!((guide.rendering.view, guide.stored, guide.form), (View::Guide, false, Form::Bare));
        for route in [MRE, MRE_REPLAY] {
            let mre = ask(route, "", &[]).unwrap();
            assert_eq!((mre.rendering.view, mre.stored, mre.form), (View::Mre, true, Form::Blob));
        }
        assert_eq!(ask("/export/data/replay", "", &[]).unwrap().form, Form::Bare);
    }

    #[test]
    fn parameters_override_them() {
        let guide = ask(GUIDE, "view=mre&source=stored&delivery=link", &[]).unwrap();
        assert_eq!((guide.rendering.view, guide.stored, guide.delivery), (View::Mre, true, Delivery::Link));
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
            for (query, refusal) in [
                ("format=xml", "format: must be json, ndjson, csv, edl, otio or vtt"),
                ("format=CSV", "format: must be json, ndjson, csv, edl, otio or vtt"),
                ("format=csv&view=guide", "view: is no option of this format"),
                ("format=edl&source=stored", "source: this format is built from the tables"),
                ("fps=25", "fps: is no option of this format"),
                ("format=vtt&clock=x", "clock: must be event or replay"),
                ("format=edl&fps=25&fps=25", "fps: is given more than once"),
            ] {
                assert_eq!(ask(route, query, &[]).unwrap_err().to_string(), refusal, "{route} {query}");
            }
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_on_the_guides_routes() {
        for query in ["page=2", "view=mre&Format=csv", "&%66oo=1"] {
            assert!(matches!(ask(GUIDE, query, &[]), Err(DocumentFailure::UnknownParameter(_))), "{query}");
            assert!(ask(MRE, query, &[]).is_ok(), "{query}");
        }
        let by_query = "event=e&program=p&id=r&view=mre";
        assert!(ask("/export/data/replay", by_query, &[]).is_ok());
    }

    #[test]
    fn accept_chooses_among_the_formats_and_format_counts_before_it() {
        let format = |route, query, accept| {
            let asked = ask(route, query, &[("accept", accept)]);
            asked.map(|ask| (ask.rendering.format, ask.form, ask.stored))
        };
        let csv = (Format::Csv, Form::Bare);
        for (route, query, accept, (expected, form), stored) in [
            (GUIDE, "", "text/csv", csv, false),
            (GUIDE, "format=json", "text/csv", (Format::Json, Form::Bare), false),
            (GUIDE, "format=edl", "text/html", (Format::Edl, Form::Bare), false),
            (GUIDE, "source=stored&view=mre", "application/jsonl", (Format::Ndjson, Form::Bare), true),
            (MRE, "", "text/csv", csv, false),
            (MRE, "format=csv", "application/octet-stream", csv, false),
            (MRE, "format=ndjson", "", (Format::Ndjson, Form::Bare), true),
            (MRE, "", "text/csv, */*", (Format::Json, Form::Blob), true),
            (MRE, "format=json", "text/csv", (Format::Json, Form::Blob), true),
        ] {
            let asked = format(route, query, accept).unwrap();
            assert_eq!((asked.0, asked.1), (expected, form), "{route} {query} {accept}");
            // Only MRE's own view is ever stored, and only of formats that have it.
            assert!(!stored || asked.2 || expected == Format::Csv, "{route} {query}");
        }
        for accept in ["text/plain", "application/octet-stream", "text/csv;q=0"] {
            assert!(matches!(format(GUIDE, "", accept), Err(DocumentFailure::NotAcceptable)), "{accept}");
            assert!(format(MRE, "", accept).is_ok(), "{accept}");
        }
    }

    #[test]
    fn mres_route_of_edit_lists_has_its_track_in_the_path() {
        let edl = |query: &str, accept: &str, track: &str| {
            let parameters = [("track".to_owned(), track.to_owned())];
            Ask::read(&Request {
                route: "/event/{event}/edl/program/{program}/track/{track}".to_owned(),
                query: query.to_owned(),
                headers: [("accept".to_owned(), accept.to_owned())].into(),
                path_parameters: parameters.into(),
                ..Request::default()
            })
        };
        let asked = edl("fps=25&track=x", "text/csv", "2").unwrap();
        assert_eq!((asked.rendering.format, asked.form, asked.stored), (Format::Edl, Form::Blob, false));
        assert_eq!(asked.rendering.edits.track.as_deref(), Some("2"));
        assert_eq!(asked.about("E").disposition, None);
        assert_eq!(edl("", "application/octet-stream", "2").unwrap().form, Form::Line);
        assert_eq!(edl("format=csv", "", "2").unwrap_err().to_string(), "format: must be edl");
        assert_eq!(edl("", "", "x").unwrap_err().to_string(), "track: must be the number of an audio track");
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
            assert_eq!(ask(GUIDE, "", &[("accept-encoding", encodings)]).unwrap().gzip, gzip, "{encodings}");
        }
    }
}
