//! `mex watch`, `jobs`, `show` and `cancel`.

use super::batch_delivery::batch_named;
use super::delivery::deliver_either;
use super::outcome::JobDelivery;
use super::{Context, partly};
use crate::api::{JobView, Viewed};
use crate::args::{CancelArgs, JobArgs, JobsArgs, StateName, WatchArgs};
use crate::error::{CliError, Exit};
use crate::times::length_text;
use crate::{progress, show, world};
use export_domain::ids::{BatchId, JobId, LivePath};
use export_domain::time::{EpochMs, Millis};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Jobs on a page of the service's list.
const PAGE: usize = 100;
/// The states of jobs that have not ended.
const OPEN: [StateName; 3] = [StateName::Running, StateName::Queued, StateName::WaitingSource];

/// Follows jobs to their ends.
///
/// # Errors
/// [`CliError`] if one has failed.
pub(super) fn watch(context: &Context, command: &WatchArgs) -> Result<(), CliError> {
    let ids = if command.all { ids_of(context, &OPEN)? } else { command.jobs.clone() };
    if ids.is_empty() {
        progress::say("no job is under way");
        return Ok(());
    }
    deliver_either(
        context,
        &ids,
        &JobDelivery { allows_lack: command.allow_lack, is_foreign: true, ..JobDelivery::default() },
    )
}

/// Lists jobs.
///
/// # Errors
/// [`CliError`] if the service does not list them.
pub(super) fn list(context: &Context, command: &JobsArgs) -> Result<(), CliError> {
    let oldest = command.since.map(|since| world::now() - Millis::from(since));
    let found = find(
        context,
        &JobSearch {
            states: &command.state,
            oldest,
            path: command.path.as_ref().map(LivePath::as_str),
            limit: command.limit,
        },
    )?;
    let raw = Value::Array(found.iter().map(|job| job.raw.clone()).collect());
    let quiet: Vec<String> = found.iter().map(|job| job.view.id.clone()).collect();
    let rows = found.iter().map(|job| row(&job.view, context));
    let head = ["JOB", "STATE", "CREATED", "LENGTH", "FILE", "RECORDING"].map(str::to_owned).to_vec();
    let table =
        if found.is_empty() { Vec::new() } else { show::table([head].into_iter().chain(rows).collect()) };
    if found.is_empty() && context.output.is_plain() {
        progress::say("there are no such jobs");
    }
    context.output.result(&raw, &table, &quiet)
}

fn row(job: &JobView, context: &Context) -> Vec<String> {
    let percent = if job.state == export_domain::job::State::Running {
        format!(" {} %", job.percent)
    } else {
        String::new()
    };
    let file = job.file_name.clone().unwrap_or_else(|| "(picture)".to_owned());
    let length = if job.is_clip() { length_text(job.request.duration_ms) } else { String::new() };
    vec![
        job.id.clone(),
        format!("{}{percent}", show::state(job.state)),
        context.output.time_of(&job.created),
        length,
        file,
        job.request.live_path.clone(),
    ]
}

/// Shows one job.
///
/// # Errors
/// [`CliError`] if there is no such job.
pub(super) fn show(context: &Context, command: &JobArgs) -> Result<(), CliError> {
    let (job, _) = context.api().job(&command.job, Duration::ZERO)?;
    let quiet = [show::state(job.view.state).to_owned()];
    context.output.result(&job.raw, &show::job(&job.view, &context.output), &quiet)
}

/// Cancels jobs that are in work; one that has ended is left alone, since the service would forget it.
///
/// # Errors
/// [`CliError`] if one was not cancelled.
pub(super) fn cancel(context: &Context, command: &CancelArgs) -> Result<(), CliError> {
    let ids = if command.all { ids_of(context, &command.state)? } else { command.jobs.clone() };
    let (mut failed, mut cancelled) = (Vec::new(), Vec::new());
    for id in &ids {
        match cancel_one(context, id) {
            Ok(job) => cancelled.push(job),
            Err(error) => failed.push(error),
        }
    }
    let raw = Value::Array(cancelled.iter().map(|job| job.raw.clone()).collect());
    let plain: Vec<String> = cancelled.iter().map(|job| format!("cancelled {}", job.view.id)).collect();
    let quiet: Vec<String> = cancelled.iter().map(|job| job.view.id.clone()).collect();
    context.output.result(&raw, &plain, &quiet)?;
    if let [id] = ids.as_slice() {
        return failed.pop().map_or(Ok(()), |error| cancel_batch(context, id, error));
    }
    for error in &failed {
        progress::say(&error.to_string());
    }
    partly(ids.len() - cancelled.len(), ids.len(), "cancelled")
}

/// Cancels the batch of a name that no job has.
fn cancel_batch(context: &Context, id: &JobId, error: CliError) -> Result<(), CliError> {
    match BatchId::parse(id.as_str()) {
        Ok(batch) if error.status() == Some(404) && batch_named(context, id).is_some() => {
            context.api().cancel_batch(&batch)?;
            if context.output.is_plain() {
                context.output.line(&format!("cancelled {batch}"))
            } else {
                Ok(())
            }
        }
        _ => Err(error),
    }
}

fn cancel_one(context: &Context, id: &JobId) -> Result<Viewed<JobView>, CliError> {
    let api = context.api();
    let (job, _) = api.job(id, Duration::ZERO)?;
    if job.view.state.is_terminal() {
        let message = format!("{id} has ended already: it is {}", show::state(job.view.state));
        return Err(CliError::new(Exit::Refused, message).help("only a job in work can be cancelled"));
    }
    api.delete(id)
}

/// Which jobs are looked for.
struct JobSearch<'a> {
    states: &'a [StateName],
    oldest: Option<EpochMs>,
    path: Option<&'a str>,
    limit: usize,
}

impl JobSearch<'_> {
    fn takes(&self, job: &JobView, raw: &Value) -> bool {
        let state = raw.get("state").and_then(Value::as_str).unwrap_or_default();
        let of_state = self.states.is_empty() || self.states.iter().any(|name| name.word() == state);
        of_state && self.path.is_none_or(|path| job.request.live_path == path)
    }

    fn is_too_old(&self, job: &JobView) -> bool {
        let created = job.created.parse::<Timestamp>().ok().map(|at| EpochMs::new(at.as_millisecond()));
        self.oldest.zip(created).is_some_and(|(oldest, created)| created < oldest)
    }
}

fn find(context: &Context, search: &JobSearch<'_>) -> Result<Vec<Viewed<JobView>>, CliError> {
    let state = match search.states {
        [one] => Some(one.word().to_owned()),
        _ => None,
    };
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = context.api().jobs(PAGE.min(search.limit.max(1)), state.clone(), cursor)?;
        for raw in page.list("jobs") {
            let job: Viewed<JobView> = Viewed::of(raw)?;
            if search.is_too_old(&job.view) {
                return Ok(found);
            }
            if search.takes(&job.view, &job.raw) {
                found.push(job);
            }
            if found.len() == search.limit {
                return Ok(found);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// The names of all jobs of these states.
fn ids_of(context: &Context, states: &[StateName]) -> Result<Vec<JobId>, CliError> {
    let mut ids = Vec::new();
    for state in states {
        let search =
            JobSearch { states: std::slice::from_ref(state), oldest: None, path: None, limit: usize::MAX };
        ids.extend(find(context, &search)?.iter().filter_map(|job| JobId::parse(&job.view.id).ok()));
    }
    Ok(ids)
}
