//! What a request wants.

use super::gateway::Call;
use super::names::Refused;
use export_domain::mre::document::View;

/// Whose route was called. It decides the defaults and how errors look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The developer guide's.
    Guide,
    /// MRE's own.
    Mre,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The document.
    Bare,
    /// `{"BlobContent": …}`.
    Blob,
    /// The inside of the blob: the document and a line end.
    Line,
}

/// How much of a reply is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The document.
    Document,
    /// Only its headers.
    Headers,
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
    /// How much of a reply is wanted.
    pub delivery: Delivery,
    /// Whether the body may be compressed.
    pub gzip: bool,
    /// What the client has (`If-None-Match`).
    pub if_none_match: Option<String>,
}

impl Style {
    /// The style of the route that was called.
    pub fn of(call: &Call) -> Self {
        let route = call.route_key.split_once(' ').map_or(call.raw_path.as_str(), |(_, path)| path);
        if route.starts_with("/export/data/") { Self::Guide } else { Self::Mre }
    }
}

impl Ask {
    /// Reads a request.
    ///
    /// # Errors
    /// When a parameter has a value that is not known.
    pub fn read(call: &Call) -> Result<Self, Refused> {
        let style = Style::of(call);
        let view = match call.query("view")?.as_deref() {
            None if style == Style::Guide => View::Guide,
            None => View::Mre,
            Some(text) => View::parse(text).ok_or(Refused::new("view", "must be guide or mre"))?,
        };
        let stored = match call.query("source")?.as_deref() {
            None => style == Style::Mre,
            Some("live") => false,
            Some("stored") => true,
            Some(_) => return Err(Refused::new("source", "must be live or stored")),
        };
        let delivery = match call.query("delivery")?.as_deref() {
            Some("link") | None if call.request_context.http.method == "HEAD" => Delivery::Headers,
            None => Delivery::Document,
            Some("link") => Delivery::Link,
            Some(_) => return Err(Refused::new("delivery", "must be link")),
        };
        let form = match style {
            Style::Guide => Form::Bare,
            Style::Mre if wants_bytes(call.header("accept").unwrap_or_default()) => Form::Line,
            Style::Mre => Form::Blob,
        };
        Ok(Self {
            view,
            // Only MRE's own document is ever stored.
            stored: stored && view == View::Mre,
            form,
            delivery,
            gzip: takes_gzip(call.header("accept-encoding").unwrap_or_default()),
            if_none_match: call.header("if-none-match").map(str::to_owned),
        })
    }
}

/// Whether `Accept` prefers bytes to JSON.
fn wants_bytes(accept: &str) -> bool {
    let quality = |wanted| weighted(accept).find(|(name, _)| *name == wanted).map(|(_, quality)| quality);
    let bytes = quality("application/octet-stream").unwrap_or(0);
    bytes > 0 && bytes > quality("application/json").unwrap_or(0)
}

/// Whether `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3).
fn takes_gzip(accept: &str) -> bool {
    let quality = |wanted| weighted(accept).find(|(name, _)| *name == wanted).map(|(_, quality)| quality);
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality| quality > 0)
}

/// The items of a list and their quality in thousandths; one that cannot be read counts as 0.
fn weighted(list: &str) -> impl Iterator<Item = (&str, u32)> {
    list.split(',').map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
        });
        (name.trim(), quality.unwrap_or(1000))
    })
}

fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<3}");
    digits.get(..whole.len() + 3).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(route: &str, query: &str, headers: &[(&str, &str)]) -> Result<Ask, Refused> {
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
            assert_eq!(ask(GUIDE, query, &[]).unwrap_err().parameter, parameter);
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
        ] {
            assert_eq!(ask(MRE, "", &[("accept", accept)]).unwrap().form, form, "{accept}");
        }
        for (encodings, gzip) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.2", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*", true),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(ask(GUIDE, "", &[("Accept-Encoding", encodings)]).unwrap().gzip, gzip, "{encodings}");
        }
    }
}
