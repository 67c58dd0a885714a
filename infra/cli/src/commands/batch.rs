//! `mex batch`, `clip-all` and `reel`: from a list to its clips, or to one video.

use super::Context;
use super::batch_delivery::{ask, deliver_batch, tell_skipped};
use super::delivery::deliver;
use super::place::timeline;
use crate::args::{
    BatchArgs, ClipAllArgs, DocumentSource, ReelArgs, SegmentArgs, SegmentChoiceName, SendingArgs,
};
use crate::error::{CliError, Exit};
use crate::request::{batch as body_of, check_batch, misplaced};
use crate::times::{Moment, RecordingTimeline};
use crate::{progress, world};
use export_domain::ids::{JobId, LivePath};
use export_domain::time::EpochMs;
use export_domain::timecode::Rate;
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
    let list = listed(context, &command.file, command.path.as_ref(), command.fps, command.zero)?;
    let body = body_of(list, command.path.as_ref(), &command.shape, &context.settings)?;
    send(context, &body, &command.sending)
}

/// The members of a list in a file.
fn listed(
    context: &Context,
    file: &Path,
    path: Option<&LivePath>,
    fps: Option<Rate>,
    zero: Option<Moment>,
) -> Result<Map<String, Value>, CliError> {
    let form = ListFile::of(file)?;
    let text = read(file)?;
    let timeline = match path {
        Some(path) => timeline(context, path, fps, None)?,
        None => RecordingTimeline { now: world::now(), recording: None, rate: fps },
    };
    let mut list = match form {
        ListFile::Edl => members([("edl", edl(&text, &timeline)?)]),
        ListFile::Csv => members([("csv", Value::from(text))]),
        ListFile::Json => of_json(&text, file)?,
    };
    let given = zero.map(|zero| instant(&timeline, zero)).transpose()?;
    let usual = timeline.recording.and_then(|clocks| clocks.origin).filter(|_| form != ListFile::Json);
    if let Some(zero) = given.or(usual) {
        list.insert("zero".to_owned(), json!(zero.to_rfc3339()));
    }
    Ok(list)
}

/// Asks for the clips of an event's or a replay's segments.
///
/// # Errors
/// [`CliError`] if one of them is not there in the end.
pub(super) fn clip_all(context: &Context, command: &ClipAllArgs) -> Result<(), CliError> {
    let list = segments(context, &command.path, &command.source, &command.choice, command.zero)?;
    let body = body_of(list, Some(&command.path), &command.shape, &context.settings)?;
    send(context, &body, &command.sending)
}

/// The members of the segments of a document.
fn segments(
    context: &Context,
    path: &LivePath,
    source: &DocumentSource,
    choice: &SegmentArgs,
    zero: Option<Moment>,
) -> Result<Map<String, Value>, CliError> {
    let mut list = match (&source.document, &source.event, &source.program) {
        (Some(file), ..) => members([("document", parsed(&read(file)?, file)?)]),
        (None, event, program) => {
            members([("mre", named(event.as_deref(), program.as_deref(), source.replay.as_deref()))])
        }
    };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            list.insert(name.to_owned(), value);
        }
    };
    set("segments", choice.segments.map(|times| Value::from(word(times))));
    set("features", Some(json!(choice.feature)).filter(|_| !choice.feature.is_empty()));
    set("liked", choice.liked.then_some(Value::Bool(true)));
    set("audio_track", choice.audio_track.map(Value::from));
    if let Some(zero) = zero {
        let timeline = timeline(context, path, None, None)?;
        set("zero", Some(json!(instant(&timeline, zero)?.to_rfc3339())));
    }
    Ok(list)
}

/// Asks for one video of a list or of segments.
///
/// # Errors
/// [`CliError`] if it is not there in the end.
pub(super) fn reel(context: &Context, command: &ReelArgs) -> Result<(), CliError> {
    let ReelArgs { path, list, source, zero, fps, choice, shape, sending } = command;
    let mut list = match list {
        Some(file) => listed(context, file, Some(path), *fps, *zero)?,
        None => segments(context, path, source, choice, *zero)?,
    };
    list.insert("deliver".to_owned(), Value::from("reel"));
    let body = body_of(list, Some(path), shape, &context.settings)?;
    let count = check_batch(&body)?;
    if sending.dry_run {
        return show_request(context, &body, count, "windows");
    }
    let job = context.api().submit_reel(&body)?;
    tell_skipped(context, &job.view.skipped);
    let unknown = |_| CliError::new(Exit::Unreachable, "the service names a job that is none");
    let id = JobId::parse(&job.view.id).map_err(unknown)?;
    if sending.no_wait {
        return context.output.result(&job.raw, &[id.to_string()], &[id.to_string()]);
    }
    deliver(context, &[id], &sending.into())
}

/// Shows what would be sent.
fn show_request(context: &Context, body: &Value, count: Option<usize>, of: &str) -> Result<(), CliError> {
    if let Some(count) = count.filter(|_| context.output.is_plain()) {
        progress::say(&format!("{count} {of}"));
    }
    context.output.line(&format!("{body:#}"))
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
        return show_request(context, body, count, "clips");
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
