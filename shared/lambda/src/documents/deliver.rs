//! A document as a reply.

use super::ask::{Ask, Delivery, Form};
use super::encode::{decoded_bytes, sha256};
use super::formats::media_type;
use crate::http::negotiate::knows;
use crate::http::{Reply, fits, gzip};
use bytes::Bytes;
use export_domain::ports::Unavailable;
use export_domain::time::EpochMs;
use export_mre::document::{Export, blob};
use export_mre::format::Format;
use export_mre::ports::{DocumentLink, DocumentLinks, LinkHeaders, LinkMethod};
use export_mre::profile::ProfileSource;
use export_mre::source::StoredText;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// The origin of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentOrigin {
    /// Built from the tables now.
    Live,
    /// The last event-driven export.
    Stored,
}

/// A document to serve.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// The document.
    pub(super) text: String,
    /// The origin of the document.
    pub(super) origin: DocumentOrigin,
    /// The origin of its profile.
    pub(super) profile_source: Option<&'static str>,
    /// Warning codes.
    pub(super) warnings: Option<String>,
    /// When it was made, in milliseconds since the epoch.
    pub(super) modified: EpochMs,
}

impl Served {
    /// A document that was built at `now`.
    pub(super) fn live(export: Export, now: EpochMs) -> Self {
        Self {
            origin: DocumentOrigin::Live,
            profile_source: export.profile_source.map(ProfileSource::name),
            warnings: export.warnings.header(),
            text: export.text,
            modified: now,
        }
    }

    /// A document that was stored earlier, served at `now`.
    pub(super) fn stored(stored: StoredText, now: EpochMs) -> Self {
        Self {
            text: stored.text,
            origin: DocumentOrigin::Stored,
            profile_source: Some("stored"),
            warnings: stored.warnings,
            modified: stored.modified.unwrap_or(now),
        }
    }
}

impl DocumentOrigin {
    fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stored => "stored",
        }
    }
}

/// The reply that serves a document as `ask` wants it.
///
/// # Errors
/// [`Unavailable`] when a document that does not fit into a reply cannot be kept.
pub(super) async fn deliver<L: DocumentLinks>(
    ask: &Ask,
    served: Served,
    links: &L,
) -> Result<Reply, Unavailable> {
    let reply = whole(ask, served, links).await?;
    Ok(if ask.head { without_body(reply) } else { reply })
}

/// The reply to a `HEAD`: the headers of the `GET`, and the length of its body.
fn without_body(mut reply: Reply) -> Reply {
    let bytes = if reply.is_base64_encoded { decoded_bytes(&reply.body) } else { reply.body.len() };
    reply.body = String::new();
    reply.is_base64_encoded = false;
    if reply.status_code == 200 { reply.with("content-length", bytes.to_string()) } else { reply }
}

async fn whole<L: DocumentLinks>(ask: &Ask, served: Served, links: &L) -> Result<Reply, Unavailable> {
    let headers = headers(&served);
    let method =
        if ask.head && ask.delivery == Delivery::Document { LinkMethod::Head } else { LinkMethod::Get };
    let body = formed(ask.form, ask.rendering.format, served.text);
    let hash = sha256(body.as_bytes());
    let told = link_headers(ask);
    if ask.delivery == Delivery::Link {
        return lent(headers(200), &told, body, &hash, links).await;
    }
    let tag = etag(ask, &hash);
    if ask.if_none_match.as_deref().is_some_and(|known| knows(known, &tag)) {
        return Ok(headers(304).with("etag", tag));
    }
    let whole = |text| {
        let reply = headers(200).with("etag", tag.clone()).with_text(told.content_type, text);
        match &told.disposition {
            Some(disposition) => reply.with("content-disposition", disposition.clone()),
            None => reply,
        }
    };
    if ask.gzip
        && let Some(packed) = gzip(&body)
    {
        let reply = whole(packed).with("content-encoding", "gzip");
        return Ok(Reply { is_base64_encoded: true, ..reply });
    }
    if fits(&body) {
        return Ok(whole(body));
    }
    let link = links.lend(Bytes::from(body), &hash, &told, method).await?;
    Ok(ephemeral(headers(307)).with("etag", tag).with("location", link.url))
}

/// The headers of the document that `ask` wants, as a URL gives them.
pub(super) fn link_headers(ask: &Ask) -> LinkHeaders {
    LinkHeaders {
        content_type: content_type(ask.form, ask.rendering.format),
        disposition: ask.disposition.clone(),
    }
}

const JSON: &str = "application/json";

/// The media type of a body.
pub fn content_type(form: Form, format: Format) -> &'static str {
    match form {
        Form::Bare => media_type(format),
        Form::Blob => JSON,
        Form::Line => "application/octet-stream",
    }
}

/// The body of a document. MRE ends a JSON document with a line end; an edit list has its own.
pub fn formed(form: Form, format: Format, mut text: String) -> String {
    if form != Form::Bare && format == Format::Json {
        text.push('\n');
    }
    if form == Form::Blob { blob(&text) } else { text }
}

/// `?delivery=link`: where the document is, for clients that sign their requests and must not follow a redirect.
async fn lent<L: DocumentLinks>(
    reply: Reply,
    headers: &LinkHeaders,
    body: String,
    hash: &str,
    links: &L,
) -> Result<Reply, Unavailable> {
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let link = links.lend(Bytes::from(body), hash, headers, LinkMethod::Get).await?;
    Ok(told(reply, &link, bytes, hash))
}

/// Adds the headers that say where a document is, how long, and what it is.
pub(super) fn told(reply: Reply, link: &DocumentLink, bytes: u64, hash: &str) -> Reply {
    let ends = Timestamp::from_millisecond(link.expires_at.to_secs().start().get()).unwrap_or_default();
    let told = serde_json::json!({
        "Location": link.url, "ExpiresAt": ends.to_string(), "Bytes": bytes, "Sha256": hash,
    });
    ephemeral(reply).with_text(JSON, told.to_string())
}

/// The reply holds a URL that opens the document to everyone who has it.
pub(super) fn ephemeral(reply: Reply) -> Reply {
    reply.with("cache-control", "no-store").with("referrer-policy", "no-referrer")
}

fn headers(served: &Served) -> impl Fn(u16) -> Reply + use<> {
    let mut common = Reply::default()
        .with("cache-control", "private, no-cache")
        .with("vary", "Accept, Accept-Encoding")
        .with("x-export-source", served.origin.name());
    let made = Timestamp::from_millisecond(served.modified.get()).ok();
    if let Some(date) = made.and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()) {
        common = common.with("last-modified", date);
    }
    if let Some(source) = served.profile_source {
        common = common.with("x-export-profile-source", source);
    }
    if let Some(codes) = &served.warnings {
        common = common.with("x-export-warnings", codes.as_str());
    }
    move |status| Reply { status_code: status, ..common.clone() }
}

/// The tag of a body with this SHA-256, in hex; view or options, format, form and encoding make different
/// representations.
pub(super) fn etag(ask: &Ask, hash: &str) -> String {
    let format = ask.rendering.format;
    let form = match (ask.form, format) {
        (Form::Bare, format) => format.name(),
        (Form::Blob, Format::Json) => "blob",
        (Form::Line, Format::Json) => "bytes",
        (Form::Blob, _) => "edl-blob",
        (Form::Line, _) => "edl-bytes",
    };
    let variant = if format.has_views() { ask.rendering.view.name().to_owned() } else { options_tag(ask) };
    let encoding = if ask.gzip { "-gzip" } else { "" };
    let hash = hash.get(..32).unwrap_or(hash);
    format!("\"{hash}-{variant}-{form}{encoding}\"")
}

/// Tells options apart.
fn options_tag(ask: &Ask) -> String {
    let options: Vec<String> = ask.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    sha256(options.join("&").as_bytes()).chars().take(8).collect()
}

#[cfg(test)]
mod tests;
