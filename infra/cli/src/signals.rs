//! Ctrl-C and SIGTERM: the work at the service goes on, unless a second Ctrl-C cancels it.

use crate::api::Api;
use crate::error::Exit;
use crate::http::Client;
use crate::progress;
use export_domain::ids::{BatchId, JobId};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time for a second Ctrl-C.
const SECOND: Duration = Duration::from_secs(2);

/// The work that this run has asked the service for, or follows.
#[derive(Debug, Default)]
struct RunState {
    jobs: Vec<JobId>,
    batches: Vec<BatchId>,
    /// It was this run that asked for them.
    is_own: bool,
    /// The command that goes on where this run ends, if there is a better one than `mex watch`.
    resume: Option<String>,
}

static RUN: Mutex<RunState> =
    Mutex::new(RunState { jobs: Vec::new(), batches: Vec::new(), is_own: false, resume: None });

fn run() -> MutexGuard<'static, RunState> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes jobs that this run follows; `is_own` if it has asked for them.
pub fn following(jobs: &[JobId], is_own: bool, resume: Option<String>) {
    let mut run = run();
    (run.jobs, run.is_own, run.resume) = (jobs.to_vec(), is_own, resume);
}

/// Notes a batch that this run follows to `output`; `is_own` if it has asked for it.
pub fn following_batch(id: &BatchId, is_own: bool, output: Option<&Path>) {
    let mut run = run();
    (run.batches, run.is_own) = (vec![id.clone()], is_own);
    run.resume = output.map(|output| format!("mex get {id} -o {}", output.display()));
}

/// Notes that all work has ended.
pub fn over() {
    *run() = RunState::default();
}

/// Waits for signals in a thread of its own, since the main one may wait for the service.
///
/// # Errors
/// [`std::io::Error`] if the system refuses.
pub fn listen(client: Arc<Client>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            progress::close();
            detach(&mut signals, signal, &client);
            std::process::exit(Exit::Interrupted.code().into());
        }
    });
    Ok(())
}

/// Says how to go on, and cancels on a second Ctrl-C.
fn detach(signals: &mut Signals, signal: i32, client: &Client) {
    let run = std::mem::take(&mut *run());
    let jobs: Vec<&str> = run.jobs.iter().map(JobId::as_str).collect();
    let names: Vec<&str> = run.batches.iter().map(BatchId::as_str).chain(jobs).collect();
    if names.is_empty() {
        return;
    }
    let resume = run.resume.clone().unwrap_or_else(|| format!("mex watch {}", names.join(" ")));
    progress::say(&format!("detached; the work goes on: {resume}"));
    if !run.is_own || signal != SIGINT {
        return;
    }
    progress::say("Ctrl-C again within 2 s cancels it");
    for _ in 0..20 {
        std::thread::sleep(SECOND / 20);
        if signals.pending().any(|signal| signal == SIGINT) && confirmed(&run) {
            return cancel(&run, client);
        }
    }
}

/// Many jobs are cancelled only if the person says so.
fn confirmed(run: &RunState) -> bool {
    if run.jobs.len() < 2 {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let _ = write!(std::io::stderr(), "cancel {} jobs? [y/N] ", run.jobs.len());
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    answer.trim().eq_ignore_ascii_case("y")
}

fn cancel(run: &RunState, client: &Client) {
    let api = Api::new(client);
    for batch in &run.batches {
        told(batch.as_str(), api.cancel_batch(batch).err());
    }
    for job in &run.jobs {
        told(job.as_str(), api.delete(job).err());
    }
}

fn told(name: &str, error: Option<crate::error::CliError>) {
    match error {
        None => progress::say(&format!("cancelled {name}")),
        Some(error) => progress::say(&format!("{error}\n  {name} is not cancelled")),
    }
}
