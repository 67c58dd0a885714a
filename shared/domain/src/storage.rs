//! `storage_info` and `slug_info`: base64 of JSON in the spellings that clients use.

use crate::json::{self, RequestJson, has_at_most};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest base64 text that is looked at, in bytes.
pub const MAX_BASE64: usize = 8 * 1024;

/// The clip's container (`storage_purpose`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// MPEG-2 transport stream, the default.
    Ts,
    /// ISO BMFF with its `moov` first.
    Mp4,
    /// One that only a newer version of the service makes: no worker of this one claims such a job.
    #[serde(other)]
    Unknown,
}

impl Container {
    /// The file name's extension, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Container::Ts => "ts",
            Container::Mp4 => "mp4",
            Container::Unknown => "",
        }
    }

    /// The media type that the clip is stored with.
    pub fn content_type(self) -> &'static str {
        match self {
            Container::Ts => "video/mp2t",
            Container::Mp4 => "video/mp4",
            Container::Unknown => "application/octet-stream",
        }
    }
}

/// One enabled S3 entry of `storage_info`. Only the tenant's allow-list decides whether it may be used. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageEntry {
    /// Container that `storage_purpose` asks for.
    pub container: Container,
    /// Bucket (`storage_name`).
    pub bucket: String,
    /// Region (`storage_location`).
    pub region: String,
    /// Key prefix (`storage_root_folder`), without leading or trailing `/`.
    pub root: String,
}

impl fmt::Debug for StorageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageEntry(***)")
    }
}

/// The clip's place in a rundown, by its story (`slug_info`); every member is free text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Slug {
    /// `slug_id`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug_id: Option<String>,
    /// `slug_name`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug_name: Option<String>,
    /// `slug_date`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug_date: Option<String>,
    /// `clipped_date`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped_date: Option<String>,
    /// `clip_length`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_length: Option<String>,
}

/// Parses `storage_info`. `None` if it counts as absent (empty, or the placeholder of TVU's examples).
///
/// # Errors
/// The reason, which completes "invalid request: `storage_info`: ".
pub fn parse_storage_info(text: &str, lenient: bool) -> Result<Option<Vec<StorageEntry>>, String> {
    let Some(value) = decode(text, lenient)? else { return Ok(None) };
    let list = match &value {
        RequestJson::List(items) => Some(items.as_slice()),
        RequestJson::Object(_) => match member(&value, "storage_info")? {
            Some(RequestJson::List(items)) => Some(items.as_slice()),
            _ => None,
        },
        _ => None,
    };
    let items = list.ok_or("must be a list of storages")?;
    let mut entries = Vec::new();
    for item in items {
        entries.extend(parse_entry(item)?);
    }
    Ok(Some(entries))
}

/// Parses `slug_info`. `None` if it counts as absent.
///
/// # Errors
/// The reason, which completes "invalid request: `story.slug_info`: ".
pub fn parse_slug_info(text: &str, lenient: bool) -> Result<Option<Slug>, String> {
    let Some(value) = decode(text, lenient)? else { return Ok(None) };
    let inner = member(&value, "slug_info")?.unwrap_or(&value);
    if inner.as_object().is_none() {
        return Err("must be an object".to_owned());
    }
    let text = |name| optional_text(inner, name, 256);
    Ok(Some(Slug {
        slug_id: text("slug_id")?,
        slug_name: text("slug_name")?,
        slug_date: text("slug_date")?,
        clipped_date: text("clipped_date")?,
        clip_length: text("clip_length")?,
    }))
}

/// Entries that are switched off or not on S3 are no candidates and give `None`.
fn parse_entry(item: &RequestJson) -> Result<Option<StorageEntry>, String> {
    if item.as_object().is_none() {
        return Err("must be a list of objects".to_owned());
    }
    let enabled = match member(item, "storage_enable")? {
        None | Some(RequestJson::Null) => true,
        Some(RequestJson::Bool(on)) => *on,
        Some(_) => return Err("storage_enable must be true or false".to_owned()),
    };
    let kind = optional_text(item, "storage_type", 64)?;
    if !enabled || kind.is_some_and(|kind| kind != "S3") {
        return Ok(None);
    }
    let container = match optional_text(item, "storage_purpose", 64)?.as_deref() {
        Some("ts") => Container::Ts,
        Some("mp4") => Container::Mp4,
        _ => return Err("storage_purpose must be ts or mp4".to_owned()),
    };
    let bucket = optional_text(item, "storage_name", 255)?.ok_or("storage_name is required")?;
    Ok(Some(StorageEntry {
        container,
        bucket,
        region: optional_text(item, "storage_location", 64)?.unwrap_or_default(),
        root: trim_root(&optional_text(item, "storage_root_folder", 512)?.unwrap_or_default()),
    }))
}

/// A root folder as keys use it: without leading and trailing `/`.
pub fn trim_root(root: &str) -> String {
    root.trim_matches('/').to_owned()
}

fn optional_text(item: &RequestJson, name: &str, most: usize) -> Result<Option<String>, String> {
    match member(item, name)? {
        None | Some(RequestJson::Null) => Ok(None),
        Some(RequestJson::Text(text)) if has_at_most(text, most) => Ok(Some(text.clone())),
        Some(RequestJson::Text(_)) => Err(format!("{name} is too long")),
        Some(_) => Err(format!("{name} must be a string")),
    }
}

fn member<'a>(item: &'a RequestJson, name: &str) -> Result<Option<&'a RequestJson>, String> {
    let mut found = item.as_object().unwrap_or_default().iter().filter(|(key, _)| key == name);
    let first = found.next();
    if found.next().is_some() {
        Err(format!("{name} is given twice"))
    } else {
        Ok(first.map(|(_, value)| value))
    }
}

/// Base64 (standard or URL-safe, padded or not) of an array, an object, or a bare `"name": value` fragment.
fn decode(text: &str, lenient: bool) -> Result<Option<RequestJson>, String> {
    if text.len() > MAX_BASE64 {
        return Err("is too long".to_owned());
    }
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if compact.is_empty() || text.trim().eq_ignore_ascii_case("BASE64 string") {
        return Ok(None);
    }
    let standard = compact.replace('-', "+").replace('_', "/");
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&base64::alphabet::STANDARD, config)
        .decode(standard)
        .map_err(|_| "is not base64".to_owned())?;
    let fragment = bytes.trim_ascii_start().starts_with(b"\"");
    let body = if fragment { [b"{".as_slice(), &bytes, b"}"].concat() } else { bytes };
    json::parse(&body, lenient).map(Some).map_err(|error| format!("after base64 decoding {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    const LIST: &str = r#"[{"storage_purpose":"ts","storage_type":"S3","storage_enable":true,
        "storage_name":"mma-video-archive","storage_location":"us-west-1","storage_description":"~~??>>",
        "storage_root_folder":"/root/"}]"#;

    fn expected() -> Vec<StorageEntry> {
        vec![StorageEntry {
            container: Container::Ts,
            bucket: "mma-video-archive".to_owned(),
            region: "us-west-1".to_owned(),
            root: "root".to_owned(),
        }]
    }

    #[test]
    fn accepts_every_base64_spelling_of_every_json_form() {
        let wrapped = format!("{{\"storage_info\":{LIST}}}");
        let bare = format!("\t\"storage_info\" : {LIST}\n");
        for body in [LIST, &wrapped, &bare] {
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                assert_eq!(parse_storage_info(&engine.encode(body), true), Ok(Some(expected())));
            }
        }
    }

    #[test]
    fn the_seeds_placeholder_counts_as_absent() {
        for text in ["BASE64 string", "base64 string", ""] {
            assert_eq!(parse_storage_info(text, true), Ok(None));
            assert_eq!(parse_slug_info(text, true), Ok(None));
        }
    }

    #[test]
    fn entries_that_are_off_or_not_s3_are_left_out() {
        let body = LIST.replace("true", "false");
        assert_eq!(parse_storage_info(&STANDARD.encode(body), true), Ok(Some(vec![])));
        let body = LIST.replace("\"S3\"", "\"FTP\"");
        assert_eq!(parse_storage_info(&STANDARD.encode(body), true), Ok(Some(vec![])));
    }

    #[test]
    fn bad_texts_are_refused_with_a_reason() {
        let encoded = |body: &str| STANDARD.encode(body);
        let deep = "[".repeat(4000);
        for (text, why) in [
            ("%%%".to_owned(), "is not base64"),
            ("A".repeat(MAX_BASE64 + 1), "is too long"),
            (encoded("nonsense"), "after base64 decoding is not JSON (line 1, column 2)"),
            (encoded(&deep), "after base64 decoding is not JSON (line 1, column 128)"),
            (encoded("7"), "must be a list of storages"),
            (encoded("[7]"), "must be a list of objects"),
            (encoded(r#"[{"storage_purpose":"avi"}]"#), "storage_purpose must be ts or mp4"),
            (
                encoded(r#"[{"storage_name":"a","storage_name":"b","storage_purpose":"ts"}]"#),
                "storage_name is given twice",
            ),
        ] {
            assert_eq!(parse_storage_info(&text, true), Err(why.to_owned()));
        }
    }

    #[test]
    fn reads_the_seeds_slug_in_all_three_forms() {
        let inner = r#"{"slug_id":"abcdefghig","slug_name":"test","slug_date":"","clipped_date":"","clip_length":""}"#;
        for body in
            [inner.to_owned(), format!("{{\"slug_info\":{inner}}}"), format!("\"slug_info\" : {inner}")]
        {
            let slug = parse_slug_info(&STANDARD.encode(body), true).unwrap().unwrap();
            assert_eq!(
                (slug.slug_id.as_deref(), slug.slug_name.as_deref()),
                (Some("abcdefghig"), Some("test"))
            );
        }
    }
}
