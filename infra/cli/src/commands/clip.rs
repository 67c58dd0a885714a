//! `mex clip`, `thumb`, `last` and `plan`: from a window as it is written to a request.

use super::Context;
use super::delivery::{JobDelivery, deliver};
use crate::api::RecordingView;
use crate::args::{ClipArgs, ClipShape, LastArgs, PlanArgs, SendingArgs, ThumbArgs, WindowArgs};
use crate::error::CliError;
use crate::request::{self, misplaced};
use crate::times::{Length, Moment, PlaceError, RecordingClocks, RecordingTimeline, WindowPoint};
use crate::{progress, show, world};
use export_domain::ids::LivePath;
use export_domain::time::Millis;
use export_domain::timecode::Rate;
use serde_json::Value;

/// Asks for a clip.
///
/// # Errors
/// [`CliError`] if there is none in the end.
pub(super) fn clip(context: &Context, command: &ClipArgs) -> Result<(), CliError> {
    let (from, length) = placed(context, &command.window)?;
    send_clip(context, &command.window.path, (from, length), &command.shape, &command.sending)
}

/// Asks for the end of a recording.
///
/// # Errors
/// [`CliError`] if there is no clip in the end.
pub(super) fn last(context: &Context, command: &LastArgs) -> Result<(), CliError> {
    let timeline = timeline(context, &command.path, None, None)?;
    let length = timeline.length(command.length).map_err(|error| misplaced("D", error))?;
    let from = timeline.place(Moment::Live(Millis::ZERO - length), None);
    let from = from.map_err(|error| misplaced("PATH", error))?;
    send_clip(context, &command.path, (from, length), &command.shape, &command.sending)
}

fn send_clip(
    context: &Context,
    path: &LivePath,
    (from, length): (WindowPoint, Millis),
    shape: &ClipShape,
    sending: &SendingArgs,
) -> Result<(), CliError> {
    send(context, &request::clip(path, from, length, shape, &context.settings)?, sending)
}

/// Asks for a picture.
///
/// # Errors
/// [`CliError`] if there is none in the end.
pub(super) fn thumb(context: &Context, command: &ThumbArgs) -> Result<(), CliError> {
    let timeline = timeline(context, &command.path, command.fps, Some(command.at))?;
    let at = timeline.place(command.at, None).map_err(|error| misplaced("--at", error))?;
    send(context, &request::picture(&command.path, at), &command.sending)
}

/// Shows how a clip would be made.
///
/// # Errors
/// [`CliError`] if none can be made now.
pub(super) fn plan(context: &Context, command: &PlanArgs) -> Result<(), CliError> {
    let (from, length) = placed(context, &command.window)?;
    let body = request::clip(&command.window.path, from, length, &command.shape, &context.settings)?;
    request::check(&body)?;
    let plan = context.api().plan(&body)?;
    context.output.result(&plan.raw, &show::plan(&plan.view), std::slice::from_ref(&plan.view.kind))
}

fn send(context: &Context, body: &Value, sending: &SendingArgs) -> Result<(), CliError> {
    request::check(body)?;
    if sending.dry_run {
        return context.output.line(&format!("{body:#}"));
    }
    let id = context.api().submit(body)?;
    if sending.no_wait {
        let raw = serde_json::json!({ "id": id });
        return context.output.result(&raw, &[id.to_string()], &[id.to_string()]);
    }
    let delivery = JobDelivery {
        output: sending.output.as_deref(),
        force: sending.force,
        allows_lack: sending.allow_lack,
        ..JobDelivery::default()
    };
    deliver(context, &[id], &delivery)
}

/// The start and the length of a window.
fn placed(context: &Context, window: &WindowArgs) -> Result<(WindowPoint, Millis), CliError> {
    let timeline = timeline(context, &window.path, window.fps, Some(window.from))?;
    let from = timeline.place(window.from, None).map_err(|error| misplaced("--from", error))?;
    let (option, length) = match (window.length, window.to) {
        (Some(length), _) => ("--for", timeline.length(length)),
        (None, to) => {
            ("--to", span(&timeline, from, to.unwrap_or(Moment::After(Length::Time(Millis::ZERO)))))
        }
    };
    let length = length.map_err(|error| misplaced(option, error))?;
    if length <= Millis::ZERO {
        return Err(misplaced(option, PlaceError::Empty));
    }
    Ok((from, length))
}

fn span(timeline: &RecordingTimeline, from: WindowPoint, to: Moment) -> Result<Millis, PlaceError> {
    let to = timeline.place(to, Some(from))?;
    // Where only one clock is known, the other stands still.
    Ok(if timeline.recording.is_some_and(|clocks| clocks.origin.is_none()) {
        to.time - from.time
    } else {
        to.at - from.at
    })
}

/// The clocks of a recording. One that is to begin only, and one that may not be looked at, has none yet.
fn timeline(
    context: &Context,
    path: &LivePath,
    fps: Option<Rate>,
    from: Option<Moment>,
) -> Result<RecordingTimeline, CliError> {
    let now = world::now();
    match context.api().recording(path) {
        Ok(found) => Ok(RecordingTimeline {
            now,
            recording: Some(clocks(&found.view)),
            rate: fps.or_else(|| rate(&found.view)),
        }),
        Err(error) => {
            let unknown = RecordingTimeline { now, recording: None, rate: fps };
            let begins = from.and_then(|from| unknown.place(from, None).ok()).map(|place| place.at);
            let is_planned = begins.is_some_and(|begins| begins > now);
            match error.status() {
                Some(403) => Ok(unknown),
                Some(404) if is_planned => {
                    progress::say("there is no such recording yet: the job will wait for it");
                    Ok(unknown)
                }
                _ => Err(error),
            }
        }
    }
}

fn clocks(recording: &RecordingView) -> RecordingClocks {
    let origin = recording.start_pos_ms.zip(recording.start_time_ms).map(|(at, time)| at - time);
    RecordingClocks { origin, end: recording.end_time_ms }
}

fn rate(recording: &RecordingView) -> Option<Rate> {
    Rate::read(recording.video.as_ref()?.frame_rate.as_deref()?)
}
