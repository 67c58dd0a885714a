//! `mex event` and `replay`: documents of Media Replay Engine.

use super::Context;
use crate::api::with_query;
use crate::args::{DocumentArgs, EventArgs, ReplayArgs};
use crate::error::{CliError, Exit};
use crate::http::{HttpAnswer, ServiceCall, plain};
use crate::output::written;
use crate::sign::{AwsKeys, signed};
use crate::{progress, world};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

/// The most times that a document is asked for while it is built.
const MOST_ASKED: usize = 120;

/// Gets the document of an event.
///
/// # Errors
/// [`CliError`] if there is none.
pub(super) fn event(context: &Context, command: &EventArgs) -> Result<(), CliError> {
    let names = [("event", Some(command.event.clone())), ("program", Some(command.program.clone()))];
    get(context, "/export/data/event", &names, &command.document)
}

/// Gets the document of a replay.
///
/// # Errors
/// [`CliError`] if there is none.
pub(super) fn replay(context: &Context, command: &ReplayArgs) -> Result<(), CliError> {
    let names = [
        ("id", Some(command.id.clone())),
        ("event", Some(command.event.clone())),
        ("program", Some(command.program.clone())),
    ];
    get(context, "/export/data/replay", &names, &command.document)
}

fn get(
    context: &Context,
    route: &str,
    names: &[(&str, Option<String>)],
    document: &DocumentArgs,
) -> Result<(), CliError> {
    let parameters = [names, &parameters(document)].concat();
    let path = with_query(route, &parameters);
    let answer = built(context, &path)?;
    if let Some(warnings) = answer.header("X-Export-Warnings").filter(|warnings| !warnings.is_empty()) {
        progress::say(&format!("left out: {warnings}"));
    }
    let bytes = match answer.header("Location").filter(|_| answer.status == 307) {
        Some(link) => linked(context, link)?,
        None => answer.body,
    };
    match &document.output {
        Some(path) if path.as_os_str() != "-" => save(path, &bytes, document.force),
        _ => written(std::io::stdout().write_all(&bytes)),
    }
}

fn parameters(document: &DocumentArgs) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("format", document.format.clone()),
        ("view", document.view.clone()),
        ("source", document.source.clone()),
        ("track", document.track.map(|track| track.to_string())),
        ("times", document.times.clone()),
        ("fps", document.fps.map(|rate| rate.name.to_owned())),
        ("df", document.df.then(|| "1".to_owned())),
        ("media", document.media.clone()),
        ("tc", document.tc.clone()),
        ("record", document.record.clone()),
        ("clock", document.clock.clone()),
    ]
}

/// The answer once the document is built.
fn built(context: &Context, path: &str) -> Result<HttpAnswer, CliError> {
    for _ in 0..MOST_ASKED {
        // A signature names the second, so each request has one of its own.
        let mut call = ServiceCall::get(path).without_session();
        if let Some(keys) = AwsKeys::from_environment(context.client.base()) {
            for (name, value) in signed(&keys, context.client.base(), path, world::now()) {
                call = call.header(name, value);
            }
        }
        let answer = context.client.send(&call)?;
        if answer.status != 202 {
            return Ok(answer);
        }
        std::thread::sleep(
            answer.retry_after().unwrap_or(Duration::from_secs(1)).min(Duration::from_secs(10)),
        );
    }
    Err(CliError::new(Exit::Unreachable, "the document is still being built").help("try again later"))
}

/// A document that does not fit into a reply.
fn linked(context: &Context, link: &str) -> Result<Vec<u8>, CliError> {
    let failed = |why: String| CliError::new(Exit::Unreachable, "the document does not come").because(why);
    let mut stream = context.client.open(link, 0).map_err(|error| failed(plain(&error)))?;
    if stream.status != 200 {
        return Err(failed(format!("the store answers {}", stream.status)));
    }
    let mut bytes = Vec::new();
    stream.body.read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

/// Writes a file whole, and in the place of another one only with `--force`.
fn save(path: &Path, bytes: &[u8], may_replace: bool) -> Result<(), CliError> {
    let failed =
        |error: &std::io::Error| CliError::file(format!("{} cannot be written", path.display()), error);
    let mut options = OpenOptions::new();
    options.write(true);
    if may_replace {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            CliError::usage(format!("{} exists", path.display())).help("choose another name, or --force")
        }
        _ => failed(&error),
    })?;
    let saved = file.write_all(bytes).and_then(|()| file.sync_all());
    saved.map_err(|error| {
        if !may_replace {
            let _ = std::fs::remove_file(path);
        }
        failed(&error)
    })
}
