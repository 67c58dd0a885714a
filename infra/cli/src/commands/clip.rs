//! `mex clip`, `thumb`, `last` and `plan`: from a window as it is written to a request.

use super::Context;
use super::delivery::deliver;
use super::place::timeline;
use crate::args::{ClipArgs, ClipShape, LastArgs, PlanArgs, SendingArgs, ThumbArgs, WindowArgs};
use crate::error::CliError;
use crate::request::{self, misplaced};
use crate::show;
use crate::times::{Length, Moment, PlaceError, RecordingTimeline, WindowPoint};
use export_domain::ids::LivePath;
use export_domain::time::Millis;
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

/// Asks for what a body says, unless it is only to be shown.
///
/// # Errors
/// [`CliError`] if it is not there in the end.
pub(super) fn send(context: &Context, body: &Value, sending: &SendingArgs) -> Result<(), CliError> {
    request::check(body)?;
    if sending.dry_run {
        return context.output.line(&format!("{body:#}"));
    }
    let id = context.api().submit(body)?;
    if sending.no_wait {
        let raw = serde_json::json!({ "id": id });
        return context.output.result(&raw, &[id.to_string()], &[id.to_string()]);
    }
    deliver(context, &[id], &sending.into())
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
