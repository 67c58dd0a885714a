//! `mex batch` and `clip-all`: from a list to its clips.

use super::Context;
use super::batch_delivery::{ask, deliver_batch};
use super::place::timeline;
use crate::args::{BatchArgs, ClipAllArgs, SegmentChoiceName, SendingArgs};
use crate::error::CliError;
use crate::request::{batch as body_of, check_batch, misplaced};
use crate::times::{Moment, RecordingTimeline};
use crate::{progress, world};
use export_domain::time::EpochMs;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

/// The forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListFile {
    Edl,
    Csv,
    Json,
}

impl ListFile {
    fn of(path: &Path) -> Result<Self, CliError> {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        match (end.as_str(), path.as_os_str() == "-") {
            ("edl", _) => Ok(Self::Edl),
            ("csv", _) => Ok(Self::Csv),
            ("json", _) | (_, true) => Ok(Self::Json),
            _ => Err(CliError::usage(format!("{} is no list by its name", path.display()))
                .help("name it .edl, .csv or .json")),
        }
    }
}

/// Asks for the clips of a list.
///
/// # Errors
/// [`CliError`] if one of them is not there in the end.
pub(super) fn batch(context: &Context, command: &BatchArgs) -> Result<(), CliError> {
    let form = ListFile::of(&command.file)?;
    let text = read(&command.file)?;
    let timeline = match &command.path {
        Some(path) => timeline(context, path, command.fps, None)?,
        None => RecordingTimeline { now: world::now(), recording: None, rate: command.fps },
    };
    let mut list = match form {
        ListFile::Edl => members([("edl", edl(&text, &timeline)?)]),
        ListFile::Csv => members([("csv", Value::from(text))]),
        ListFile::Json => of_json(&text, &command.file)?,
    };
    let given = command.zero.map(|zero| instant(&timeline, zero)).transpose()?;
    let usual = timeline.recording.and_then(|clocks| clocks.origin).filter(|_| form != ListFile::Json);
    if let Some(zero) = given.or(usual) {
        list.insert("zero".to_owned(), json!(zero.to_rfc3339()));
    }
    let body = body_of(list, command.path.as_ref(), &command.shape, &context.settings)?;
    send(context, &body, &command.sending)
}

/// Asks for the clips of an event's or a replay's segments.
///
/// # Errors
/// [`CliError`] if one of them is not there in the end.
pub(super) fn clip_all(context: &Context, command: &ClipAllArgs) -> Result<(), CliError> {
    let mut list = match (&command.document, &command.event, &command.program) {
        (Some(file), ..) => members([("document", parsed(&read(file)?, file)?)]),
        (None, event, program) => {
            members([("mre", named(event.as_deref(), program.as_deref(), command.replay.as_deref()))])
        }
    };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            list.insert(name.to_owned(), value);
        }
    };
    set("segments", command.segments.map(|times| Value::from(word(times))));
    set("features", Some(json!(command.feature)).filter(|_| !command.feature.is_empty()));
    set("liked", command.liked.then_some(Value::Bool(true)));
    set("audio_track", command.audio_track.map(Value::from));
    if let Some(zero) = command.zero {
        let timeline = timeline(context, &command.path, None, None)?;
        set("zero", Some(json!(instant(&timeline, zero)?.to_rfc3339())));
    }
    let body = body_of(list, Some(&command.path), &command.shape, &context.settings)?;
    send(context, &body, &command.sending)
}

fn word(times: SegmentChoiceName) -> &'static str {
    match times {
        SegmentChoiceName::Original => "original",
        SegmentChoiceName::Optimized => "optimized",
        SegmentChoiceName::OptimizedElseOriginal => "optimized_else_original",
    }
}

fn named(event: Option<&str>, program: Option<&str>, replay: Option<&str>) -> Value {
    let mut name = json!({ "event": event, "program": program });
    if let (Some(members), Some(replay)) = (name.as_object_mut(), replay) {
        members.insert("replay".to_owned(), Value::from(replay));
    }
    name
}

fn send(context: &Context, body: &Value, sending: &SendingArgs) -> Result<(), CliError> {
    let count = check_batch(body)?;
    if sending.dry_run {
        if let Some(count) = count.filter(|_| context.output.is_plain()) {
            progress::say(&format!("{count} clips"));
        }
        return context.output.line(&format!("{body:#}"));
    }
    let batch = ask(context, body)?;
    if sending.no_wait {
        let id = batch.view.id.clone();
        return context.output.result(&batch.raw, std::slice::from_ref(&id), std::slice::from_ref(&id));
    }
    deliver_batch(context, &batch, &sending.into())
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn edl(text: &str, timeline: &RecordingTimeline) -> Result<Value, CliError> {
    let help = "give --fps, as --fps 25 or --fps 30000/1001";
    let rate =
        timeline.rate.ok_or_else(|| CliError::usage("the frame rate of the list is not known").help(help))?;
    Ok(json!({ "fps": rate.name, "text": text }))
}

/// A whole body, or the list alone.
fn of_json(text: &str, file: &Path) -> Result<Map<String, Value>, CliError> {
    match parsed(text, file)? {
        Value::Object(body) => Ok(body),
        list @ Value::Array(_) => Ok(members([("clips", list)])),
        _ => Err(CliError::usage(format!("{} is neither a list of clips nor a batch", file.display()))),
    }
}

fn parsed(text: &str, file: &Path) -> Result<Value, CliError> {
    serde_json::from_str(text)
        .map_err(|error| CliError::usage(format!("{} is not JSON", file.display())).because(error))
}

fn read(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| CliError::usage(format!("{} cannot be read", path.display())).because(error))?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| {
        CliError::usage(format!("{} is not UTF-8", path.display())).help("iconv -t UTF-8 converts it")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn instant(timeline: &RecordingTimeline, zero: Moment) -> Result<EpochMs, CliError> {
    timeline.place(zero, None).map(|point| point.at).map_err(|error| misplaced("--zero", error))
}
