//! Formats over HTTP: their media types, which one a client wants, and the names of their files.

use crate::http::disposition as disposition_of;
use crate::http::negotiate::{names, quality};
use export_mre::format::Format;

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const OTIO: &str = "application/vnd.pixar.opentimelineio+json";

/// Longest name of a file without its extension, in characters.
const MAX_CHARS: usize = 100;

/// The media type of a format's documents.
pub(super) fn media_type(format: Format) -> &'static str {
    match format {
        Format::Json => JSON,
        Format::Ndjson => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Edl => "text/plain; charset=utf-8",
        Format::Otio => OTIO,
        Format::Vtt => "text/vtt; charset=utf-8",
    }
}

/// The media types by which `Accept` asks for a format. An edit list has none of its own.
fn acceptable(format: Format) -> &'static [&'static str] {
    match format {
        Format::Json => &[JSON],
        Format::Ndjson => &["application/x-ndjson", "application/jsonl"],
        Format::Csv => &["text/csv"],
        Format::Edl => &[],
        Format::Otio => &[OTIO],
        Format::Vtt => &["text/vtt"],
    }
}

/// The formats that there are, for a client that takes none of them.
pub(super) fn on_offer() -> String {
    let types: Vec<&str> = Format::ALL.into_iter().flat_map(acceptable).copied().collect();
    format!("the document is one of {}", types.join(", "))
}

/// The format that `accept` prefers, of equals the first in the order of [`Format::ALL`]; `None` when it takes none.
pub(super) fn preferred(accept: &str) -> Option<Format> {
    let wanted = |format: &Format| acceptable(*format).iter().map(|media| quality(accept, media).0).max();
    // Of equals the last is found.
    let best = Format::ALL.into_iter().rev().max_by_key(wanted)?;
    wanted(&best).filter(|quality| *quality > 0).map(|_| best)
}

/// The one format that `accept` names, if it takes neither JSON nor bytes nor whatever there is.
pub(super) fn named_alone(accept: &str) -> Option<Format> {
    let takes = |media| quality(accept, media).0 > 0;
    if accept.contains('*') || takes(JSON) || takes(BYTES) {
        return None;
    }
    let is_named = |format: &Format| acceptable(*format).iter().any(|media| names(accept, media));
    let mut named = Format::ALL.into_iter().filter(is_named);
    named.next().filter(|_| named.next().is_none())
}

/// Returns `true` if `accept` prefers bytes to JSON; of two ranges of equal quality the one that says more.
pub(super) fn wants_bytes(accept: &str) -> bool {
    let bytes = quality(accept, BYTES);
    bytes.0 > 0 && bytes > quality(accept, JSON)
}

/// `Content-Disposition` of a document about `subject`; JSON has none.
pub(super) fn disposition(format: Format, subject: &str) -> Option<String> {
    let kind = match format {
        Format::Json => return None,
        Format::Ndjson | Format::Vtt => "inline",
        Format::Csv | Format::Edl | Format::Otio => "attachment",
    };
    let stem: String = subject.chars().take(MAX_CHARS).collect();
    Some(disposition_of(kind, &format!("{stem}.{}", format.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_format_is_chosen_and_of_equals_the_first() {
        use Format::{Csv, Json, Ndjson, Otio, Vtt};
        for (accept, format) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("Application/*", Some(Json)),
            ("text/html, */*;q=0.1", Some(Json)),
            ("APPLICATION/JSON;charset=utf-8", Some(Json)),
            ("text/csv", Some(Csv)),
            ("TEXT/CSV; header=present", Some(Csv)),
            ("text/*", Some(Csv)),
            ("application/jsonl", Some(Ndjson)),
            ("application/x-ndjson", Some(Ndjson)),
            ("text/vtt", Some(Vtt)),
            ("application/vnd.pixar.opentimelineio+json", Some(Otio)),
            ("application/json;q=0.5, text/csv", Some(Csv)),
            ("text/csv;q=0.5, */*;q=0.4", Some(Csv)),
            ("text/csv, */*", Some(Json)),
            ("text/vtt, text/csv", Some(Csv)),
            ("application/json;q=0, */*", Some(Ndjson)),
            ("text/plain", None),
            ("application/octet-stream", None),
            ("text/csv;q=0", None),
        ] {
            assert_eq!(preferred(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_format_counts_as_named_only_where_nothing_else_would_do() {
        for (accept, format) in [
            ("text/csv", Some(Format::Csv)),
            ("text/csv, text/html", Some(Format::Csv)),
            ("application/jsonl, application/x-ndjson", Some(Format::Ndjson)),
            ("text/csv, text/vtt", None),
            ("text/csv, application/json;q=0.1", None),
            ("text/csv, application/octet-stream", None),
            ("text/csv, */*;q=0", None),
            ("text/*", None),
            ("text/csv;q=0", None),
            ("", None),
        ] {
            assert_eq!(named_alone(accept), format, "{accept}");
        }
    }

    #[test]
    fn files_are_named_safely() {
        assert_eq!(disposition(Format::Json, "x"), None);
        for (format, subject, value) in [
            (Format::Csv, "Final", "attachment; filename=\"Final.csv\"; filename*=UTF-8''Final.csv"),
            (Format::Vtt, "A b-r", "inline; filename=\"A b-r.vtt\"; filename*=UTF-8''A%20b-r.vtt"),
            (
                Format::Edl,
                "../é\"\r\nX: 1\u{202e}🎾%;'",
                "attachment; filename=\".._____X_ 1__%;'.edl\"; filename*=UTF-8''.._%C3%A9___X_%201_%F0%9F%8E%BE%25%3B%27.edl",
            ),
        ] {
            assert_eq!(disposition(format, subject).as_deref(), Some(value), "{subject}");
        }
        let long = disposition(Format::Otio, &"é".repeat(300)).unwrap();
        assert_eq!(long.matches("%C3%A9").count(), MAX_CHARS);
    }
}
