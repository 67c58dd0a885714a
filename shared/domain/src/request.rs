//! `POST /export`: from a JSON body to a request in which every field has passed its rule.

use crate::ids::{FileName, LivePath, PeerId, SessionId};
use crate::json::{RequestJson, has_at_most};
use crate::reel::OrderedWindow;
use crate::settings::Limits;
use crate::storage::{Container, Slug, StorageEntry, parse_slug_info, parse_storage_info};
use crate::time::{EpochMs, Millis, Pts};
use serde::{Deserialize, Serialize};
use std::ops::{Range, RangeInclusive};

#[cfg(feature = "openapi")]
pub mod body;

/// Latest `StartPos` that is accepted: 2100-01-01T00:00:00Z.
pub const MAX_START_POS: EpochMs = EpochMs::new(4_102_444_800_000);

/// A `StartPos` that was counted in seconds: from September 2001 on in seconds, and up to March 1973 in milliseconds.
/// Smaller ones are what recordings without a clock of their own come with, whose window `StartTime` alone decides.
const IN_SECONDS: Range<i64> = 1_000_000_000..100_000_000_000;

/// A refused field; its text is "FIELD: WHY".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct FieldError {
    /// The field's name as the client spells it, or `body`.
    pub field: String,
    /// Why, in words that hold nothing of what the client sent.
    pub why: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}

/// The codec of the clip (`export_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExportType {
    /// 0: as recorded.
    AsRecorded,
    /// 1: H.264.
    H264,
    /// 2: H.265.
    H265,
    /// One that only a newer version of the service makes: no worker of this one claims such a job.
    #[serde(other)]
    Unknown,
}

impl ExportType {
    /// The number that requests give it.
    pub fn number(self) -> u8 {
        match self {
            ExportType::AsRecorded | ExportType::Unknown => 0,
            ExportType::H264 => 1,
            ExportType::H265 => 2,
        }
    }
}

/// The files that the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The clip and its first frame (`FetchMedia`).
    Media,
    /// A clip of many windows, and its first frame.
    Reel,
    /// The clip and its first frame, of a window that a time stamp places. Stored orders alone have it: one that reads no time
    /// stamps must not carry them out.
    Stamped,
    /// Only the frame at `StartPos`.
    Thumbnail,
    /// Something that only a newer version of the service makes: no worker of this one claims such a job.
    #[serde(other)]
    Unknown,
}

/// The story that a clip belongs to; kept with the job, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Story {
    /// `story.id`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `story.name`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `story.slug_info`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Slug>,
}

/// A valid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// Clip and frame, or the frame alone.
    pub wanted: Wanted,
    /// `FetchThumb`; no other meaning than being part of the request's identity.
    pub fetch_thumb: bool,
    /// Start of the window.
    pub start_pos_ms: EpochMs,
    /// Start of the window, from the recording's start.
    pub start_time_ms: Millis,
    /// Length of the window.
    pub duration_ms: Millis,
    /// The manifest.
    pub live_path: LivePath,
    /// The clip's file stem.
    pub file_name: FileName,
    /// The recording device.
    pub peer_id: Option<PeerId>,
    /// The codec asked for.
    pub export_type: ExportType,
    /// The clip's container; `None` leaves it to `storage`, and without that to the default.
    pub container: Option<Container>,
    /// Candidate targets, of `container` if that is given; `None` without `storage_info`.
    pub storage: Option<Vec<StorageEntry>>,
    /// The deprecated (`S3Region`, `S3Bucket`) pair, if both are strings.
    pub deprecated_target: Option<(String, String)>,
    /// The story, if one is given.
    pub story: Option<Story>,
    /// The start as a time stamp of the transport stream that is recorded, which then decides in place of the other two.
    pub pts: Option<Pts>,
    /// The windows of a reel, of which the first one's members stand above, with the length of all; empty for everything else.
    pub windows: Vec<OrderedWindow>,
}

/// Members that are judged; all others are ignored, except the deprecated pair.
pub const KNOWN: [&str; 18] = [
    "_ServiceName",
    "_UrlPath",
    "_Version",
    "ServiceCaller",
    "StartPos",
    "StartTime",
    "Duration",
    "LivePath",
    "FetchMedia",
    "FetchThumb",
    "FileName",
    "PeerId",
    "SessionId",
    "export_type",
    "container",
    "storage_info",
    "userid",
    "story",
];

/// The `SessionId` of a body, looked at before anything else in it.
pub fn session_of(body: &RequestJson) -> Option<SessionId> {
    let mut ids = session_members(body)?;
    let id = ids.next()?.as_text()?;
    if ids.next().is_some() { None } else { SessionId::parse(id) }
}

/// Every text that a body gives as its `SessionId`, also where [`session_of`] finds none; `None` if it is no object.
pub fn sessions_said(body: &RequestJson) -> Option<Vec<&str>> {
    Some(session_members(body)?.flat_map(RequestJson::texts).collect())
}

fn session_members(body: &RequestJson) -> Option<impl Iterator<Item = &RequestJson>> {
    Some(body.as_object()?.iter().filter(|(key, _)| key == "SessionId").map(|(_, value)| value))
}

/// Judges every field in turn.
///
/// # Errors
/// [`FieldError`] that names the first field at fault.
pub fn parse(body: &RequestJson, limits: &Limits) -> Result<ExportRequest, FieldError> {
    let members = body.as_object().ok_or_else(|| FieldError::new("body", "must be a JSON object"))?;
    let fields = Fields::new("", members, &KNOWN)?;
    check_envelope(&fields)?;
    let fetch_media = fields.boolean("FetchMedia")?.unwrap_or(false);
    let caller = fields.text("ServiceCaller", 64)?;
    match caller {
        Some("mma" | "search") => {}
        Some(_) => return Err(FieldError::new("ServiceCaller", "must be mma or search")),
        None if fetch_media => {
            return Err(FieldError::new("ServiceCaller", "is required when FetchMedia is true"));
        }
        None => {}
    }
    let start_pos = fields.required_ms("StartPos", " since 1970", 0..=MAX_START_POS.get())?;
    if IN_SECONDS.contains(&start_pos) {
        return Err(FieldError::new("StartPos", "looks like seconds: must be milliseconds since 1970"));
    }
    let start_pos_ms = EpochMs::new(start_pos);
    let start_time_ms = start_time(fields.get("StartTime"))?;
    let duration_ms = duration(&fields, fetch_media, limits)?;
    let live_path = fields.required_text("LivePath", 512)?;
    let live_path = LivePath::parse(live_path).map_err(|e| FieldError::new("LivePath", e.to_string()))?;
    let fetch_thumb = fields.boolean("FetchThumb")?.unwrap_or(false);
    if fetch_media && fetch_thumb {
        return Err(FieldError::new("FetchThumb", "must be false when FetchMedia is true"));
    }
    // Kept nowhere, but what is said must be sayable.
    fields.text("userid", 256)?;
    let container = container(&fields)?;
    Ok(ExportRequest {
        wanted: if fetch_media { Wanted::Media } else { Wanted::Thumbnail },
        fetch_thumb,
        start_pos_ms,
        start_time_ms,
        duration_ms,
        live_path,
        file_name: file_name(&fields, start_pos_ms)?,
        peer_id: peer_id(&fields)?,
        export_type: export_type(&fields)?,
        deprecated_target: deprecated_target(members),
        container,
        storage: storage(&fields, container, limits)?,
        story: story(&fields, limits)?,
        pts: None,
        windows: Vec::new(),
    })
}

fn check_envelope(fields: &Fields<'_>) -> Result<(), FieldError> {
    for (name, value) in [("_ServiceName", "resourceservice"), ("_UrlPath", "export")] {
        if fields.text(name, 64)?.is_some_and(|given| given != value) {
            return Err(FieldError::new(name, format!("must be {value}")));
        }
    }
    match fields.get("_Version") {
        None => Ok(()),
        Some(version) if version.as_integer() == Some(1) || version.as_text() == Some("1") => Ok(()),
        Some(_) => Err(FieldError::new("_Version", "unsupported version")),
    }
}

fn duration(fields: &Fields<'_>, media: bool, limits: &Limits) -> Result<Millis, FieldError> {
    let bounds = if media { 1..=limits.max_duration_ms.get() } else { 0..=MAX_START_POS.get() };
    fields.required_ms("Duration", "", bounds).map(Millis::new)
}

fn file_name(fields: &Fields<'_>, start_pos_ms: EpochMs) -> Result<FileName, FieldError> {
    match fields.text("FileName", 4096)? {
        None => Ok(FileName::for_start(start_pos_ms)),
        Some(name) => FileName::parse(name).map_err(|e| FieldError::new("FileName", e.to_string())),
    }
}

fn peer_id(fields: &Fields<'_>) -> Result<Option<PeerId>, FieldError> {
    let parse =
        |id: &str| PeerId::parse(id).map_err(|_| FieldError::new("PeerId", "must be 1 to 32 hex digits"));
    fields.text("PeerId", 4096)?.map(parse).transpose()
}

fn export_type(fields: &Fields<'_>) -> Result<ExportType, FieldError> {
    match fields.get("export_type") {
        None => Ok(ExportType::AsRecorded),
        Some(number) => match number.as_integer() {
            Some(0) => Ok(ExportType::AsRecorded),
            Some(1) => Ok(ExportType::H264),
            Some(2) => Ok(ExportType::H265),
            _ => Err(FieldError::new("export_type", "must be 0, 1 or 2")),
        },
    }
}

fn container(fields: &Fields<'_>) -> Result<Option<Container>, FieldError> {
    match fields.text("container", 64)? {
        None => Ok(None),
        Some("ts") => Ok(Some(Container::Ts)),
        Some("mp4") => Ok(Some(Container::Mp4)),
        Some(_) => Err(FieldError::new("container", "must be ts or mp4")),
    }
}

/// The entries of `storage_info` that a clip in `container` may go to.
fn storage(
    fields: &Fields<'_>,
    container: Option<Container>,
    limits: &Limits,
) -> Result<Option<Vec<StorageEntry>>, FieldError> {
    let Some(text) = fields.text("storage_info", usize::MAX)? else { return Ok(None) };
    let entries =
        parse_storage_info(text, limits.lenient_json).map_err(|why| FieldError::new("storage_info", why))?;
    let (Some(container), Some(entries)) = (container, &entries) else { return Ok(entries) };
    let same: Vec<_> = entries.iter().filter(|entry| entry.container == container).cloned().collect();
    if same.is_empty() && !entries.is_empty() {
        let why = format!("is {}, but no entry of storage_info has that purpose", container.extension());
        return Err(FieldError::new("container", why));
    }
    Ok(Some(same))
}

/// Deprecated fields never make a request fail: whatever is no pair of strings counts as absent.
fn deprecated_target(members: &[(String, RequestJson)]) -> Option<(String, String)> {
    let text =
        |name: &str| members.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_text());
    Some((text("S3Region")?.to_owned(), text("S3Bucket")?.to_owned()))
}

fn story(fields: &Fields<'_>, limits: &Limits) -> Result<Option<Story>, FieldError> {
    let Some(value) = fields.get("story") else { return Ok(None) };
    let members = value.as_object().ok_or_else(|| FieldError::new("story", "must be an object"))?;
    let story = Fields::new("story.", members, &["id", "name", "slug_info"])?;
    let id = story.text("id", 64)?.map(str::to_owned);
    if let Some(at) = id.as_ref().and_then(|id| id.chars().position(|c| !c.is_ascii_alphanumeric())) {
        let why = format!("may have letters and digits of ASCII only: see position {}", at + 1);
        return Err(FieldError::new("story.id", why));
    }
    let slug = match story.text("slug_info", usize::MAX)? {
        None => None,
        Some(text) => parse_slug_info(text, limits.lenient_json)
            .map_err(|why| FieldError::new("story.slug_info", why))?,
    };
    Ok(Some(Story { id, name: story.text("name", 256)?.map(str::to_owned), slug }))
}

/// The most that `StartTime` may be.
pub(crate) const MAX_START_TIME: Millis = Millis::from_days(30);

/// `StartTime`: TVU's description calls it milliseconds and writes `00:13:12`; both are accepted and mean milliseconds.
/// `H+:MM:SS(.fff)?`, a decimal string of milliseconds, or a JSON number of milliseconds; 0 to 30 days.
fn start_time(value: Option<&RequestJson>) -> Result<Millis, FieldError> {
    let error = |why: &str| FieldError::new("StartTime", why);
    let value = value.ok_or_else(|| error("is required"))?;
    let time = match value {
        RequestJson::Text(text) => clock(text).or_else(|| digits(text, 15).map(Millis::new)),
        other => other.as_integer().map(Millis::new),
    };
    let time = time.ok_or_else(|| error("must be HH:MM:SS or milliseconds"))?;
    if (Millis::ZERO..=MAX_START_TIME).contains(&time) {
        Ok(time)
    } else {
        Err(error("must be from 0 to 30 days"))
    }
}

fn clock(text: &str) -> Option<Millis> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let thousandths = digits(fraction, 3)? * [100, 10, 1].get(fraction.len() - 1)?;
    let (hours, minutes) = (Millis::from_hours(digits(hours, 6)?), Millis::from_mins(sixty(minutes)?));
    Some(hours + minutes + Millis::from_secs(sixty(seconds)?) + Millis::new(thousandths))
}

fn sixty(text: &str) -> Option<i64> {
    if text.len() == 2 { digits(text, 2).filter(|n| *n < 60) } else { None }
}

fn digits(text: &str, most: usize) -> Option<i64> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The members of one object.
struct Fields<'a> {
    prefix: &'static str,
    members: &'a [(String, RequestJson)],
}

impl<'a> Fields<'a> {
    /// Refuses a known key that is given twice: the two may differ.
    fn new(
        prefix: &'static str,
        members: &'a [(String, RequestJson)],
        known: &[&str],
    ) -> Result<Self, FieldError> {
        let twice = known.iter().find(|name| members.iter().filter(|(key, _)| key == *name).count() > 1);
        match twice {
            Some(name) => Err(FieldError::new(format!("{prefix}{name}"), "is given twice")),
            None => Ok(Self { prefix, members }),
        }
    }

    /// A member; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&'a RequestJson> {
        let found = self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        found.filter(|value| **value != RequestJson::Null)
    }

    /// A text of at most `most` characters.
    fn text(&self, name: &str, most: usize) -> Result<Option<&'a str>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(RequestJson::Text(text)) if has_at_most(text, most) => Ok(Some(text)),
            Some(RequestJson::Text(_)) => Err(self.error(name, "is too long")),
            Some(_) => Err(self.error(name, "must be a string")),
        }
    }

    fn required_text(&self, name: &str, most: usize) -> Result<&'a str, FieldError> {
        self.text(name, most)?.ok_or_else(|| self.error(name, "is required"))
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(RequestJson::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.error(name, "must be true or false")),
        }
    }

    /// A number of milliseconds within `bounds`; `since` completes "milliseconds" in the error.
    fn required_ms(&self, name: &str, since: &str, bounds: RangeInclusive<i64>) -> Result<i64, FieldError> {
        let value = self.get(name).ok_or_else(|| self.error(name, "is required"))?;
        let number = value
            .as_integer()
            .ok_or_else(|| self.error(name, &format!("must be an integer of milliseconds{since}")))?;
        if bounds.contains(&number) {
            Ok(number)
        } else {
            Err(self.error(name, &format!("must be from {} to {}", bounds.start(), bounds.end())))
        }
    }

    fn error(&self, name: &str, why: &str) -> FieldError {
        FieldError::new(format!("{}{name}", self.prefix), why)
    }
}

#[cfg(test)]
mod tests;
