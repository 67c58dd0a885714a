//! `mex retry`: the request of a job that has failed, once more.

use super::Context;
use super::delivery::deliver;
use crate::api::JobView;
use crate::args::RetryArgs;
use crate::error::{CliError, Exit};
use crate::show;
use export_domain::ids::JobId;
use export_domain::job::State;
use serde_json::{Value, json};
use std::time::Duration;

/// Asks once more for a job.
///
/// # Errors
/// [`CliError`] if it did not fail, or its request cannot be told from it.
pub(super) fn retry(context: &Context, command: &RetryArgs) -> Result<(), CliError> {
    let api = context.api();
    let (job, _) = api.job(&command.job, Duration::ZERO)?;
    if !matches!(job.view.state, State::Failed | State::Cancelled) {
        let message = format!("{} has not failed: it is {}", job.view.id, show::state(job.view.state));
        return Err(CliError::new(Exit::Refused, message).help(format!("mex get {}", job.view.id)));
    }
    let body = request_of(context, &command.job, &job.view, &job.raw)?;
    if command.sending.dry_run {
        return context.output.line(&format!("{body:#}"));
    }
    let id = api.submit(&body)?;
    let (again, _) = api.job(&id, Duration::ZERO)?;
    if again.view.state.is_terminal() && again.raw.get("generation") == job.raw.get("generation") {
        let message = format!("{id} is not tried again yet: it is {}", show::state(again.view.state));
        return Err(CliError::new(Exit::Refused, message)
            .help("the service tries again a minute after the end of a job"));
    }
    if command.sending.no_wait {
        return context.output.result(&again.raw, &[id.to_string()], &[id.to_string()]);
    }
    deliver(context, &[id], &(&command.sending).into())
}

/// The request that the job came of. A job does not say everything of it, so the service is asked which one it is; that
/// makes nothing.
fn request_of(context: &Context, id: &JobId, job: &JobView, raw: &Value) -> Result<Value, CliError> {
    if job.request.wanted == "reel" {
        let message = format!("the list of {id} cannot be told from the job");
        return Err(CliError::new(Exit::Refused, message).help("run the mex reel again that asked for it"));
    }
    for body in candidates(job, raw) {
        if context.api().known(&body)?.as_ref() == Some(id) {
            return Ok(body);
        }
    }
    let message =
        format!("the request of {id} cannot be told from the job: it names another bucket or a device");
    Err(CliError::new(Exit::Refused, message).help("send the first request again: it is the same job"))
}

/// The requests that a job may have come of: with its file's name as it is, or without its extension.
fn candidates(job: &JobView, raw: &Value) -> Vec<Value> {
    let request = &job.request;
    let codec = raw.pointer("/request/export_type").and_then(Value::as_str);
    let mut body = json!({
        "ServiceCaller": "mma",
        "StartPos": request.start_pos_ms,
        "StartTime": request.start_time_ms,
        "Duration": request.duration_ms,
        "LivePath": request.live_path,
        "FetchMedia": job.is_clip(),
        "export_type": match codec { Some("h264") => 1, Some("h265") => 2, _ => 0 },
    });
    let Some(members) = body.as_object_mut().filter(|_| job.is_clip()) else { return vec![body] };
    members.extend(raw.get("container").map(|container| ("container".to_owned(), container.clone())));
    // Only what a request spells in the same way; a story is no part of a job's name.
    let story = raw.get("story").map(|story| json!({ "id": story.get("id"), "name": story.get("name") }));
    members.extend(story.map(|story| ("story".to_owned(), story)));
    let name = job.file_name.as_deref().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let named = |name: &str| {
        let mut body = body.clone();
        body.as_object_mut().map(|members| members.insert("FileName".to_owned(), Value::from(name)));
        body
    };
    vec![named(stem), named(name)]
}
