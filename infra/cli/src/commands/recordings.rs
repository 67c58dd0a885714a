//! `mex recordings` and `info`.

use super::Context;
use crate::args::{InfoArgs, RecordingsArgs};
use crate::error::CliError;
use crate::{progress, show};
use serde_json::{Value, json};

/// Names on a page of the service's list.
const PAGE: usize = 50;

/// Lists a folder.
///
/// # Errors
/// [`CliError`] if the service does not list it.
pub(super) fn list(context: &Context, command: &RecordingsArgs) -> Result<(), CliError> {
    let (mut folders, mut recordings, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page =
            context.api().recordings(command.folder.as_str(), PAGE.min(command.limit.max(1)), cursor)?;
        folders.extend(page.list("folders"));
        recordings.extend(page.list("recordings"));
        cursor = page.next;
        if cursor.is_none() || folders.len() + recordings.len() >= command.limit {
            break;
        }
    }
    if context.output.is_plain() && cursor.is_some() {
        progress::say(&format!(
            "there are more: mex recordings --limit {}",
            command.limit.saturating_mul(10)
        ));
    } else if context.output.is_plain() && folders.is_empty() && recordings.is_empty() {
        progress::say("there are no recordings in this folder");
    }
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = folders.iter().map(|folder| vec![folder.as_str().unwrap_or_default().to_owned()]);
    let rows = recordings
        .iter()
        .map(|each| vec![text(each, "live_path"), context.output.time_of(&text(each, "updated"))]);
    let quiet: Vec<String> = recordings.iter().map(|each| text(each, "live_path")).collect();
    let plain = show::table(names.chain(rows).collect());
    context.output.result(&json!({ "folders": folders, "recordings": recordings }), &plain, &quiet)
}

/// Shows a recording.
///
/// # Errors
/// [`CliError`] if there is none.
pub(super) fn info(context: &Context, command: &InfoArgs) -> Result<(), CliError> {
    let found = context.api().recording(&command.path)?;
    let quiet = [found.view.live_path.clone()];
    context.output.result(&found.raw, &show::recording(&found.view, &context.output), &quiet)
}
