//! From jobs to files: follow, get, print, judge. `mex get` is that alone.

use super::Context;
use super::batch_delivery::{batch_named, deliver_batch};
use super::outcome::JobDelivery;
use crate::api::{JobView, Viewed};
use crate::args::GetArgs;
use crate::download::{DownloadGoal, Downloader, FileKind, WantedFile};
use crate::error::CliError;
use crate::follow::{JobFollower, judge};
use crate::{progress, show, signals};
use export_domain::ids::JobId;
use export_domain::job::State;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Gets files of jobs, or of a batch.
///
/// # Errors
/// [`CliError`] if one does not come.
pub(super) fn get(context: &Context, command: &GetArgs) -> Result<(), CliError> {
    let here = Path::new(".");
    let delivery = JobDelivery {
        output: Some(command.output.as_deref().unwrap_or(here)),
        which: command.image.then_some(FileKind::Image),
        force: command.force,
        allows_lack: command.allow_lack,
        is_foreign: true,
    };
    deliver_either(context, &command.jobs, &delivery)
}

/// Delivers jobs, or the batch of that name.
///
/// # Errors
/// As [`deliver`].
pub(super) fn deliver_either(
    context: &Context,
    ids: &[JobId],
    delivery: &JobDelivery<'_>,
) -> Result<(), CliError> {
    match (deliver(context, ids, delivery), ids) {
        (Err(error), [id]) if error.status() == Some(404) => match batch_named(context, id) {
            Some(batch) => deliver_batch(context, &batch, delivery),
            None => Err(error),
        },
        (result, _) => result,
    }
}

/// Follows jobs to their ends, gets what is wanted of them, and prints both.
///
/// # Errors
/// [`CliError`] if one has failed, lacks something, or its file does not come.
pub(super) fn deliver(context: &Context, ids: &[JobId], delivery: &JobDelivery<'_>) -> Result<(), CliError> {
    let goal = delivery.output.map(|output| DownloadGoal::parse(Some(output)));
    if ids.len() > 1 && goal.as_ref().is_some_and(|goal| !goal.takes_many()) {
        return Err(CliError::usage("-o has room for one file only")
            .help("name a folder, or a template as clips/{n}-{name}.mp4"));
    }
    signals::following(ids, !delivery.is_foreign, resume(ids, delivery));
    let api = context.api();
    let jobs = JobFollower::new(&api, &context.output, context.until).follow(ids)?;
    signals::over();
    let files = match &goal {
        Some(goal) => fetch(context, ids, &jobs, goal, delivery)?,
        None => jobs.iter().map(|_| None).collect(),
    };
    print(context, &jobs, &files, goal == Some(DownloadGoal::Stdout))?;
    judge(&jobs.iter().map(|job| &job.view).collect::<Vec<_>>(), delivery.allows_lack)
}

/// The command that goes on where this one is interrupted.
fn resume(ids: &[JobId], delivery: &JobDelivery<'_>) -> Option<String> {
    let output = delivery.output?;
    let names: Vec<&str> = ids.iter().map(JobId::as_str).collect();
    Some(format!("mex get {} -o {}", names.join(" "), output.display()))
}

/// Gets the files of the jobs that have some.
fn fetch(
    context: &Context,
    ids: &[JobId],
    jobs: &[Viewed<JobView>],
    goal: &DownloadGoal,
    delivery: &JobDelivery<'_>,
) -> Result<Vec<Option<PathBuf>>, CliError> {
    let api = context.api();
    let downloader = Downloader::new(&api, goal, delivery.force, context.output.is_plain());
    let mut files = Vec::new();
    for (n, (id, job)) in ids.iter().zip(jobs).enumerate() {
        let which = delivery.which.unwrap_or(FileKind::of(&job.view));
        let file = match job.view.state {
            State::Ready => downloader.get(WantedFile { id, n: n + 1, which })?,
            _ => None,
        };
        if let Some(path) = &file {
            context.output.event("file", &json!({ "id": id, "path": path }))?;
        }
        files.push(file);
    }
    Ok(files)
}

fn print(
    context: &Context,
    jobs: &[Viewed<JobView>],
    files: &[Option<PathBuf>],
    is_stdout_taken: bool,
) -> Result<(), CliError> {
    if is_stdout_taken {
        for job in jobs {
            progress::say(&show::ended(&job.view));
        }
        return Ok(());
    }
    let raw: Vec<Value> =
        jobs.iter().zip(files).map(|(job, file)| with_file(&job.raw, file.as_deref())).collect();
    let raw = match <[Value; 1]>::try_from(raw) {
        Ok([one]) => one,
        Err(many) => Value::from(many),
    };
    let ready = || jobs.iter().zip(files).filter(|(job, _)| job.view.state == State::Ready);
    let plain = ready().map(|(job, file)| match (file, &job.view.video_path) {
        (Some(path), _) => format!("{}  →  {}", show::ended(&job.view), path.display()),
        (None, Some(path)) => format!("{}  {path}", show::ended(&job.view)),
        (None, None) => {
            format!("{}  {}", show::ended(&job.view), job.view.image_path.as_deref().unwrap_or_default())
        }
    });
    let quiet = ready().map(|(job, file)| {
        file.as_ref().map_or_else(|| job.view.id.clone(), |path| path.display().to_string())
    });
    context.output.result(&raw, &plain.collect::<Vec<_>>(), &quiet.collect::<Vec<_>>())
}

/// A job with the path that its file was saved at.
fn with_file(raw: &Value, file: Option<&Path>) -> Value {
    let mut raw = raw.clone();
    if let (Some(members), Some(file)) = (raw.as_object_mut(), file) {
        members.insert("file".to_owned(), json!(file));
    }
    raw
}
