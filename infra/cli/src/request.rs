//! The body of `POST /export`, made of options and judged by the service's own rules.

mod batch;

pub use batch::{batch, check_batch};

use crate::args::{ClipShape, CodecName};
use crate::config::Settings;
use crate::error::CliError;
use crate::times::{PlaceError, WindowPoint};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use export_domain::ids::LivePath;
use export_domain::json;
use export_domain::request::{FieldError, parse};
use export_domain::settings::Limits;
use export_domain::time::Millis;
use serde_json::{Map, Value, json};

/// A request for the picture at a place.
pub fn picture(path: &LivePath, at: WindowPoint) -> Value {
    json!({
        "ServiceCaller": "mma",
        "StartPos": at.at,
        "StartTime": at.time,
        "Duration": 0,
        "LivePath": path,
        "FetchMedia": false,
    })
}

/// A request for the clip of a window.
///
/// # Errors
/// [`CliError`] if an option cannot be spelled.
pub fn clip(
    path: &LivePath,
    from: WindowPoint,
    length: Millis,
    shape: &ClipShape,
    settings: &Settings,
) -> Result<Value, CliError> {
    let container = shape.container.as_deref().or(settings.container.as_deref()).unwrap_or("mp4");
    let codec = match shape.codec {
        CodecName::AsRecorded => 0,
        CodecName::H264 => 1,
        CodecName::H265 => 2,
    };
    let mut body = json!({
        "ServiceCaller": "mma",
        "StartPos": from.at,
        "StartTime": from.time,
        "Duration": length,
        "LivePath": path,
        "FetchMedia": true,
        "export_type": codec,
        "container": container,
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let (Some(members), Some(value)) = (body.as_object_mut(), value) {
            members.insert(name.to_owned(), value);
        }
    };
    add("FileName", shape.name.clone().map(Value::from));
    add("storage_info", target(shape, settings).map(|target| storage_info(&target, container)));
    add("story", shape.story.as_deref().map(story).transpose()?);
    Ok(body)
}

/// A place to deliver to: bucket, region, root.
type TargetParts = (String, String, String);

fn target(shape: &ClipShape, settings: &Settings) -> Option<TargetParts> {
    let given = shape.bucket.clone().zip(shape.region.clone());
    let (bucket, region) = given.or_else(|| settings.target.clone())?;
    Some((bucket, region, shape.root.clone().unwrap_or_default()))
}

fn storage_info((bucket, region, root): &TargetParts, container: &str) -> Value {
    let mut entry = Map::new();
    for (name, value) in [
        ("storage_purpose", container),
        ("storage_type", "S3"),
        ("storage_name", bucket),
        ("storage_location", region),
        ("storage_root_folder", root),
    ] {
        entry.insert(name.to_owned(), Value::from(value));
    }
    Value::from(STANDARD.encode(Value::from(vec![Value::Object(entry)]).to_string()))
}

fn story(text: &str) -> Result<Value, CliError> {
    match text.split_once(':') {
        Some((id, name)) => Ok(json!({ "id": id, "name": name })),
        None => {
            Err(CliError::usage(format!("--story {text:?} has no name"))
                .help("write it as ID:NAME, as 42:Final"))
        }
    }
}

/// Judges a body as the service does, except for the limits that an operator may set.
///
/// # Errors
/// [`CliError`] that names the option at fault.
pub fn check(body: &Value) -> Result<(), CliError> {
    let limits = Limits { max_duration_ms: Millis::MAX, ..Limits::default() };
    let text = json::parse(body.to_string().as_bytes(), false);
    let text = text.map_err(|error| CliError::usage(format!("the request {error}")))?;
    parse(&text, &limits).map(drop).map_err(|error| misused(&error))
}

/// A refused field by the option that it comes from.
fn misused(error: &FieldError) -> CliError {
    let option = match error.field.as_str() {
        "StartPos" | "StartTime" => "--from",
        "Duration" => "--for",
        "LivePath" => "PATH",
        "FileName" => "--name",
        "story.id" | "story.name" => "--story",
        "storage_info" => "--bucket",
        other => other,
    };
    CliError::usage(format!("{option} {}", error.why)).because(format!("{}: {}", error.field, error.why))
}

/// An instant without a place, by the option that it comes from.
pub fn misplaced(option: &str, error: PlaceError) -> CliError {
    CliError::usage(format!("{option}: {error}"))
}

#[cfg(test)]
mod tests;
