//! The body of `POST /export/batch`.

use super::{story, target};
use crate::args::{ClipShape, CodecName};
use crate::config::Settings;
use crate::error::CliError;
use crate::world;
use export_domain::batch::{Fault, request};
use export_domain::ids::LivePath;
use export_domain::json;
use export_domain::settings::Limits;
use export_domain::time::Millis;
use serde_json::{Map, Value, json};

/// A request for the clips of a list: `list` are the members that bring it.
///
/// # Errors
/// [`CliError`] if an option cannot be spelled.
pub fn batch(
    list: Map<String, Value>,
    path: Option<&LivePath>,
    shape: &ClipShape,
    settings: &Settings,
) -> Result<Value, CliError> {
    let mut body = list;
    let container = shape.container.as_deref().or(settings.container.as_deref());
    let codec = match shape.codec {
        CodecName::AsRecorded => None,
        CodecName::H264 => Some("h264"),
        CodecName::H265 => Some("h265"),
    };
    // What the list itself says counts, unless an option says otherwise.
    body.entry("container").or_insert_with(|| Value::from("mp4"));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("live_path", path.map(|path| json!(path)));
    set("container", container.map(Value::from));
    set("export_type", codec.map(Value::from));
    set("name", shape.name.clone().map(Value::from));
    set("story", shape.story.as_deref().map(story).transpose()?);
    set("target", target(shape, settings).map(|(bucket, region, root)| place(&bucket, &region, &root)));
    Ok(Value::Object(body))
}

fn place(bucket: &str, region: &str, root: &str) -> Value {
    let mut place = json!({ "bucket": bucket, "region": region });
    if let (false, Some(members)) = (root.is_empty(), place.as_object_mut()) {
        members.insert("root".to_owned(), Value::from(root));
    }
    place
}

/// Judges a list as the service does, except for the limits that an operator may set, and counts its clips. The segments of
/// documents are left to the service: `None`.
///
/// # Errors
/// [`CliError`] with the faults.
pub fn check_batch(body: &Value) -> Result<Option<usize>, CliError> {
    if body.get("document").is_some() || body.get("mre").is_some() {
        return Ok(None);
    }
    let usual = Limits::default();
    let limits = Limits { max_duration_ms: Millis::MAX, max_batch_duration_ms: Millis::MAX, ..usual };
    let text = json::parse(body.to_string().as_bytes(), false);
    let text = text.map_err(|error| CliError::usage(format!("the list {error}")))?;
    let judged = request::parse(&text, &limits, world::now(), |_, place| {
        Err(Fault::at(place, "is left to the service"))
    });
    judged.map(|batch| Some(batch.reel.map_or(batch.wishes.len(), |reel| reel.windows.len().max(1)))).map_err(
        |faults| {
            let count = faults.len();
            let message = format!("the list has {count} {}", if count == 1 { "fault" } else { "faults" });
            faults.iter().map(told).fold(CliError::usage(message), CliError::because)
        },
    )
}

/// A fault with its place.
fn told(fault: &Fault) -> String {
    let line = fault.line.map_or_else(String::new, |line| format!(", line {line}"));
    let column = fault.column.map_or_else(String::new, |column| format!(", column {column}"));
    format!("{}{line}{column}: {}", fault.pointer, fault.detail)
}
