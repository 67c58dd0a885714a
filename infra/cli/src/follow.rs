//! Jobs until their ends.

use crate::api::{Api, JobView, Viewed};
use crate::error::{CliError, Exit};
use crate::http::left_until;
use crate::output::{Output, OutputForm};
use crate::progress::{self, ProgressBoard, ProgressItem, ProgressPace};
use crate::show;
use crate::times::clock_text;
use export_domain::ids::JobId;
use export_domain::job::State;
use export_domain::time::{EpochMs, Millis};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The time that the service holds a request, where a person looks on and where none does.
const WATCHED: Duration = Duration::from_secs(2);
const UNWATCHED: Duration = Duration::from_secs(20);
/// The time between two rounds through several jobs.
const ROUND: Duration = Duration::from_secs(1);
/// The most that a job which waits for its recording is left alone.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Follows jobs.
pub struct JobFollower<'a> {
    api: &'a Api<'a>,
    output: &'a Output,
    until: Option<Instant>,
}

/// A job that is followed.
struct Followed {
    id: JobId,
    job: Option<Viewed<JobView>>,
    said: String,
    pace: ProgressPace,
    left: Option<Duration>,
}

impl Followed {
    fn is_over(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.view.state.is_terminal())
    }

    fn item(&self) -> ProgressItem {
        let Some(Viewed { view, .. }) = &self.job else {
            let label = self.id.as_str().get(..8).unwrap_or_default().to_owned();
            return ProgressItem { label, step: "asking".to_owned(), ..ProgressItem::default() };
        };
        let moves = view.state == State::Running && view.percent > 0;
        let length = view.request.duration_ms;
        ProgressItem {
            label: view.label().to_owned(),
            step: show::step(view).to_owned(),
            percent: moves.then_some(view.percent),
            numbers: if let Some(chunks) = view.chunks {
                format!("{} of {} chunks", chunks.made, chunks.count)
            } else if moves {
                format!("{}/{}", clock_text(length * view.percent / 100), clock_text(length))
            } else {
                String::new()
            },
            until: view.ready_after.as_deref().and_then(instant),
            left: self.left.filter(|_| moves),
            is_over: self.is_over(),
        }
    }
}

fn instant(text: &str) -> Option<EpochMs> {
    text.parse::<Timestamp>().ok().map(|at| EpochMs::new(at.as_millisecond()))
}

impl<'a> JobFollower<'a> {
    /// Follows until `until` at the latest.
    pub fn new(api: &'a Api<'a>, output: &'a Output, until: Option<Instant>) -> Self {
        Self { api, output, until }
    }

    /// Waits until all jobs have ended, and returns them in their order.
    ///
    /// # Errors
    /// [`Exit::TimedOut`] if the time is over first; [`CliError`] if there is no such job, or no answer.
    pub fn follow(&self, ids: &[JobId]) -> Result<Vec<Viewed<JobView>>, CliError> {
        let board = ProgressBoard::start(self.output.is_plain());
        let mut all: Vec<Followed> = ids.iter().map(followed).collect();
        while all.iter().any(|one| !one.is_over()) {
            let is_alone = all.iter().filter(|one| !one.is_over()).count() == 1;
            let mut rest = if is_alone { Duration::ZERO } else { ROUND };
            for at in 0..all.len() {
                board.show(all.iter().map(Followed::item).collect());
                if let Some(one) = all.get_mut(at).filter(|one| !one.is_over()) {
                    rest = rest.max(self.ask(one, is_alone, &board)?);
                }
            }
            if all.iter().any(|one| !one.is_over()) {
                board.show(all.iter().map(Followed::item).collect());
                std::thread::sleep(self.bounded(rest, ids)?);
            }
        }
        Ok(all.into_iter().filter_map(|one| one.job).collect())
    }

    /// Asks for one job, and returns how long it wants to be left alone.
    fn ask(&self, one: &mut Followed, is_alone: bool, board: &ProgressBoard) -> Result<Duration, CliError> {
        let hold =
            if board.is_drawn() || self.output.form == OutputForm::JsonLines { WATCHED } else { UNWATCHED };
        let is_first = one.job.is_none();
        let hold = if is_alone && !is_first { hold } else { Duration::ZERO };
        let hold = self.bounded(hold, std::slice::from_ref(&one.id))?;
        let (job, again) = self.api.job(&one.id, hold)?;
        one.left = one.pace.at(job.view.percent);
        let said = format!("{}: {}", job.view.label(), show::step(&job.view));
        let is_news = one.job.as_ref().is_none_or(|before| before.raw != job.raw);
        if said != one.said && self.output.is_plain() && !board.is_drawn() && !job.view.state.is_terminal() {
            progress::say(&said);
        }
        if is_news {
            self.output.event("job", &job.raw)?;
        }
        let waits = job.view.state == State::WaitingSource;
        (one.said, one.job) = (said, Some(job));
        // A request that is not held would come again at once.
        let least = if is_first || hold.as_secs() > 0 { Duration::ZERO } else { ROUND / 4 };
        Ok(again.filter(|_| waits).unwrap_or_default().min(LONGEST_REST).max(least))
    }

    /// No longer than until the end of the time.
    fn bounded(&self, time: Duration, ids: &[JobId]) -> Result<Duration, CliError> {
        match left_until(self.until) {
            None => Ok(time),
            Some(left) if left.is_zero() => {
                let names: Vec<&str> = ids.iter().map(JobId::as_str).collect();
                let help = format!("the work goes on: mex watch {}", names.join(" "));
                Err(CliError::new(Exit::TimedOut, "the time of --timeout is over").help(help))
            }
            Some(left) => Ok(time.min(left)),
        }
    }
}

fn followed(id: &JobId) -> Followed {
    Followed { id: id.clone(), job: None, said: String::new(), pace: ProgressPace::default(), left: None }
}

/// The end of the process after these jobs: an error that says what is wrong with the first of them.
///
/// # Errors
/// [`CliError`] if one has no files, or lacks a part that is not allowed to be missing.
pub fn judge(jobs: &[&JobView], allows_lack: bool) -> Result<(), CliError> {
    let bad: Vec<&&JobView> = jobs.iter().filter(|job| job.state != State::Ready).collect();
    if let Some(first) = bad.first() {
        let exit = if bad.len() < jobs.len() { Exit::Partly } else { Exit::Failed };
        let message = format!(
            "{} {}: {}",
            first.label(),
            show::state(first.state),
            first.error.as_deref().unwrap_or("cancelled")
        );
        let error = first.detail.iter().fold(CliError::new(exit, message), CliError::because);
        let more = bad.len() - 1;
        let error =
            if more > 0 { error.because(format!("and {more} more: mex jobs --state failed")) } else { error };
        return Err(error.maybe_help(remedy(first)));
    }
    let lack = jobs.iter().find(|job| job.lack_ms.is_some_and(|lack| lack > Millis::ZERO));
    match lack {
        Some(job) if !allows_lack => {
            let missing = crate::times::length_text(job.lack_ms.unwrap_or_default());
            let message = format!("{} is there, but the recording lacks {missing} of it", job.label());
            Err(CliError::new(Exit::Lacking, message)
                .help("--allow-lack takes it as it is; `mex show` names the holes"))
        }
        _ => Ok(()),
    }
}

/// The remedy for a failure.
fn remedy(job: &JobView) -> Option<String> {
    let error = job.error.as_deref()?;
    let help = match error {
        "not such dir" => {
            format!("is the path right? `mex recordings` lists those there are; then: mex retry {}", job.id)
        }
        "no media in window" => format!("`mex info {}` says what is recorded", job.request.live_path),
        "access denied" => {
            "the service may not read the recording or write there: an operator sees why in the log"
                .to_owned()
        }
        "recording is encrypted" | "unsupported codec" | "no video" => return None,
        _ if job.retriable == Some(true) => format!("it may do at the next try: mex retry {}", job.id),
        _ if error.starts_with("clip too large") => {
            "ask for a shorter window, or --codec as-recorded".to_owned()
        }
        _ => format!("a minute after its end it can be tried again: mex retry {}", job.id),
    };
    Some(help)
}
