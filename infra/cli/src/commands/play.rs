//! `mex play`: a clip as a playlist, which may be there before its file.

use super::Context;
use crate::args::PlayArgs;
use crate::error::{CliError, Exit};
use crate::http::left_until;
use crate::progress;
use export_domain::job::State;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// The time that the service holds a request.
const HOLD: Duration = Duration::from_secs(1);

/// Prints the address of a playlist as soon as it is there, or has a player open it.
///
/// # Errors
/// [`CliError`] if the clip has no playlist, or the player fails.
pub(super) fn play(context: &Context, command: &PlayArgs) -> Result<(), CliError> {
    let play = found(context, command)?;
    let name = if command.dash { "dash" } else { "hls" };
    let Some(path) = play.get(name).and_then(Value::as_str) else { return Err(refused(&play, command)) };
    if play.get("exact") == Some(&Value::Bool(false)) {
        progress::say("whole segments of the recording are played until the clip's ends are made");
    }
    let address = format!("{}{path}", context.client.base());
    let Some(player) = &command.with else {
        return context.output.result(&play, std::slice::from_ref(&address), std::slice::from_ref(&address));
    };
    let failed =
        |why: String| CliError::new(Exit::Failed, format!("{player} could not play it")).because(why);
    let ended = Command::new(player).arg(&address).status().map_err(|error| failed(error.to_string()))?;
    if ended.success() { Ok(()) } else { Err(failed(ended.to_string())) }
}

/// The addresses of the playlist, or why there is none, once the job has either.
fn found(context: &Context, command: &PlayArgs) -> Result<Value, CliError> {
    let mut hold = Duration::ZERO;
    loop {
        let (job, _) = context.api().job(&command.job, hold)?;
        // The ends of a clip at work are about to be made; a window that is not recorded yet may take hours.
        let exact_soon = matches!(job.view.state, State::Queued | State::Running);
        let play = job.raw.get("play").filter(|play| !play.is_null());
        if let Some(play) = play.filter(|play| !(exact_soon && play["exact"] == Value::Bool(false))) {
            return Ok(play.clone());
        }
        if job.view.state.is_terminal() {
            let message = format!("{} has no playlist", command.job);
            let help = format!("an operator sets InstantPlayback=on; the file: mex get {}", command.job);
            return Err(CliError::new(Exit::Refused, message).help(help));
        }
        if left_until(context.until).is_some_and(|left| left.is_zero()) {
            let help = format!("the work goes on: mex play {}", command.job);
            return Err(CliError::new(Exit::TimedOut, "the time of --timeout is over").help(help));
        }
        hold = HOLD;
    }
}

fn refused(play: &Value, command: &PlayArgs) -> CliError {
    let text = |name| play.get(name).and_then(Value::as_str);
    let error = CliError::new(Exit::Refused, format!("{} has no playlist", command.job));
    let error = text("detail").or(text("refused")).into_iter().fold(error, CliError::because);
    error.help(format!("the file: mex get {}", command.job))
}
