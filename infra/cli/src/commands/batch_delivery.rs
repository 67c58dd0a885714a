//! From a batch to its files: follow, get, print, judge.

use super::Context;
use super::outcome::JobDelivery;
use crate::api::{BatchView, ClipView, ClipsAsked, SkippedView, Viewed};
use crate::download::{DownloadGoal, Downloader, FileKind, WantedFile};
use crate::error::{CliError, Exit};
use crate::http::left_until;
use crate::progress::{ProgressBoard, ProgressItem, ProgressPace};
use crate::times::length_text;
use crate::{progress, show, signals};
use export_domain::ids::{BatchId, JobId};
use export_domain::time::Millis;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Clips on a page.
const PAGE: usize = 500;
/// The time that the service holds a request, where a person looks on and where none does.
const WATCHED: Duration = Duration::from_secs(2);
const UNWATCHED: Duration = Duration::from_secs(20);

/// A clip of a batch with the file that was gotten of it.
struct GottenClip {
    clip: Viewed<ClipView>,
    file: Option<PathBuf>,
    problem: Option<CliError>,
}

/// Asks for a batch, and says what of the list makes no clip.
///
/// # Errors
/// [`CliError`] with every fault of the list.
pub(super) fn ask(context: &Context, body: &Value) -> Result<Viewed<BatchView>, CliError> {
    let batch = context.api().submit_batch(body)?;
    tell_skipped(context, &batch.view.skipped);
    Ok(batch)
}

/// Says what of a list makes no clip.
pub(super) fn tell_skipped(context: &Context, skipped: &[SkippedView]) {
    for skipped in skipped.iter().filter(|_| context.output.is_plain()) {
        progress::say(&format!("no clip of entry {}: {}", skipped.n, skipped.why));
    }
}

/// Follows a batch to its end, gets what is wanted of it, and prints both.
///
/// # Errors
/// [`CliError`] if a clip has failed, lacks something, or its file does not come.
pub(super) fn deliver_batch(
    context: &Context,
    batch: &Viewed<BatchView>,
    delivery: &JobDelivery<'_>,
) -> Result<(), CliError> {
    let unknown = |_| CliError::new(Exit::Unreachable, "the service names a batch that is none");
    let id = BatchId::parse(&batch.view.id).map_err(unknown)?;
    let goal = delivery.output.map(|output| DownloadGoal::parse(Some(output)));
    if batch.view.counts.total > 1 && goal.as_ref().is_some_and(|goal| !goal.takes_many()) {
        return Err(CliError::usage("-o has room for one file only")
            .help("name a folder, as clips/, or a template as clips/{n}-{name}.mp4"));
    }
    signals::following_batch(&id, !delivery.is_foreign, delivery.output);
    let batch = follow(context, &id, batch)?;
    signals::over();
    let clips = clips_of(context, &id)?;
    let gotten = fetch(context, clips, goal.as_ref(), delivery);
    print(context, &batch, &gotten, goal == Some(DownloadGoal::Stdout))?;
    judge(&gotten, delivery.allows_lack)
}

/// The batch of a name that no job has.
pub(super) fn batch_named(context: &Context, id: &JobId) -> Option<Viewed<BatchView>> {
    let id = BatchId::parse(id.as_str()).ok()?;
    context.api().batch(&id, Duration::ZERO, &ClipsAsked { limit: 1, cursor: None }).ok()
}

fn follow(context: &Context, id: &BatchId, first: &Viewed<BatchView>) -> Result<Viewed<BatchView>, CliError> {
    let board = ProgressBoard::start(context.output.is_plain());
    let (mut batch, mut pace, mut said) = (first.clone(), ProgressPace::default(), String::new());
    loop {
        let item = item(&batch.view, &mut pace);
        if context.output.is_plain() && !board.is_drawn() && item.step != said && !batch.view.is_done() {
            progress::say(&format!("{}: {}", item.label, item.step));
        }
        said.clone_from(&item.step);
        board.show(vec![item]);
        context.output.event("batch", &batch.raw)?;
        if batch.view.is_done() {
            return Ok(batch);
        }
        let hold = if board.is_drawn() { WATCHED } else { UNWATCHED };
        let hold = match left_until(context.until) {
            Some(left) if left.is_zero() => {
                let error = CliError::new(Exit::TimedOut, "the time of --timeout is over");
                return Err(error.help(format!("the work goes on: mex watch {id}")));
            }
            Some(left) => hold.min(left.max(Duration::from_secs(1))),
            None => hold,
        };
        batch = context.api().batch(id, hold, &ClipsAsked { limit: 1, cursor: None })?;
    }
}

fn item(batch: &BatchView, pace: &mut ProgressPace) -> ProgressItem {
    let counts = &batch.counts;
    let mut step = format!("{} of {} clips ready", counts.ready, counts.total);
    for (count, what) in [(counts.running, "running"), (counts.waiting, "waiting"), (counts.failed, "failed")]
    {
        if count > 0 {
            step = format!("{step}, {count} {what}");
        }
    }
    let left = pace.at(batch.percent).filter(|_| counts.waiting == 0);
    let label = format!("batch {}", batch.id.get(..8).unwrap_or(&batch.id));
    ProgressItem { label, step, percent: Some(batch.percent), left, ..ProgressItem::default() }
}

/// All clips of a batch.
fn clips_of(context: &Context, id: &BatchId) -> Result<Vec<Viewed<ClipView>>, CliError> {
    let (mut clips, mut cursor) = (Vec::new(), None);
    loop {
        let page = context.api().batch(id, Duration::ZERO, &ClipsAsked { limit: PAGE, cursor })?;
        let raw = page.raw.get("clips").and_then(Value::as_array).cloned().unwrap_or_default();
        clips.extend(raw.into_iter().map(Viewed::of).collect::<Result<Vec<_>, _>>()?);
        cursor = page.view.next;
        if cursor.is_none() {
            return Ok(clips);
        }
    }
}

/// Gets the files of clips; one that does not come does not keep the others back.
fn fetch(
    context: &Context,
    clips: Vec<Viewed<ClipView>>,
    goal: Option<&DownloadGoal>,
    delivery: &JobDelivery<'_>,
) -> Vec<GottenClip> {
    let api = context.api();
    let downloader = goal.map(|goal| Downloader::new(&api, goal, delivery.force, context.output.is_plain()));
    let which = delivery.which.unwrap_or(FileKind::Video);
    let get = |clip: &ClipView| match (&downloader, JobId::parse(&clip.job_id)) {
        (Some(downloader), Ok(id)) if clip.is_ready() => {
            downloader.get(WantedFile { id: &id, n: clip.n, which })
        }
        _ => Ok(None),
    };
    let gotten = clips.into_iter().map(|clip| {
        let (file, problem) = get(&clip.view).map_or_else(|error| (None, Some(error)), |file| (file, None));
        GottenClip { clip, file, problem }
    });
    gotten.collect()
}

fn print(
    context: &Context,
    batch: &Viewed<BatchView>,
    clips: &[GottenClip],
    is_stdout_taken: bool,
) -> Result<(), CliError> {
    let mut raw = batch.raw.clone();
    if let Some(members) = raw.as_object_mut() {
        members.insert("clips".to_owned(), clips.iter().map(with_file).collect());
        members.insert("next".to_owned(), Value::Null);
    }
    let rows = show::table(clips.iter().map(row).collect());
    for problem in clips.iter().filter_map(|clip| clip.problem.as_ref()) {
        progress::say(&problem.to_string());
    }
    if is_stdout_taken {
        for row in &rows {
            progress::say(row);
        }
        return Ok(());
    }
    let ready = clips.iter().filter(|clip| clip.clip.view.is_ready());
    let quiet = ready.map(|clip| {
        clip.file.as_ref().map_or_else(|| clip.clip.view.job_id.clone(), |path| path.display().to_string())
    });
    context.output.result(&raw, &rows, &quiet.collect::<Vec<_>>())
}

fn with_file(clip: &GottenClip) -> Value {
    let mut raw = clip.clip.raw.clone();
    if let (Some(members), Some(file)) = (raw.as_object_mut(), &clip.file) {
        members.insert("file".to_owned(), json!(file));
    }
    raw
}

fn row(clip: &GottenClip) -> Vec<String> {
    let view = &clip.clip.view;
    let lack = view.lack_ms.filter(|lack| *lack > Millis::ZERO);
    let file = clip.file.as_ref().map(|path| format!("→  {}", path.display()));
    let what = [
        file,
        view.error.clone(),
        view.detail.clone(),
        lack.map(|lack| format!("{} are missing", length_text(lack))),
    ];
    let what = what.into_iter().flatten().collect::<Vec<_>>().join("  ");
    vec![view.n.to_string(), view.name.clone(), view.state.to_ascii_lowercase(), view.job_id.clone(), what]
}

fn judge(clips: &[GottenClip], allows_lack: bool) -> Result<(), CliError> {
    let is_bad = |clip: &&GottenClip| !clip.clip.view.is_ready() || clip.problem.is_some();
    let bad = clips.iter().filter(is_bad).count();
    if bad > 0 {
        let exit = if bad < clips.len() { Exit::Partly } else { Exit::Failed };
        let help = "the same command a minute later asks once more for those that failed";
        return Err(CliError::new(exit, format!("{bad} of {} clips are not there", clips.len())).help(help));
    }
    let lacking =
        clips.iter().filter(|clip| clip.clip.view.lack_ms.is_some_and(|lack| lack > Millis::ZERO)).count();
    if lacking > 0 && !allows_lack {
        let message = format!("the recording lacks parts of {lacking} of {} clips", clips.len());
        return Err(CliError::new(Exit::Lacking, message).help("--allow-lack takes them as they are"));
    }
    Ok(())
}
