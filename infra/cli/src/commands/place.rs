//! The clocks of the recording that a window is placed on.

use super::Context;
use crate::api::RecordingView;
use crate::error::CliError;
use crate::times::{Moment, RecordingClocks, RecordingTimeline};
use crate::{progress, world};
use export_domain::ids::LivePath;
use export_domain::timecode::Rate;

/// The clocks of a recording. One that is to begin only, and one that may not be looked at, has none yet.
///
/// # Errors
/// [`CliError`] if there is no such recording.
pub(super) fn timeline(
    context: &Context,
    path: &LivePath,
    fps: Option<Rate>,
    from: Option<Moment>,
) -> Result<RecordingTimeline, CliError> {
    let now = world::now();
    match context.api().recording(path) {
        Ok(found) => Ok(RecordingTimeline {
            now,
            recording: Some(clocks(&found.view)),
            rate: fps.or_else(|| rate(&found.view)),
        }),
        Err(error) => {
            let unknown = RecordingTimeline { now, recording: None, rate: fps };
            let begins = from.and_then(|from| unknown.place(from, None).ok()).map(|place| place.at);
            let is_planned = begins.is_some_and(|begins| begins > now);
            match error.status() {
                Some(403) => Ok(unknown),
                Some(404) if is_planned => {
                    progress::say("there is no such recording yet: the job will wait for it");
                    Ok(unknown)
                }
                _ => Err(error),
            }
        }
    }
}

fn clocks(recording: &RecordingView) -> RecordingClocks {
    let origin = recording.start_pos_ms.zip(recording.start_time_ms).map(|(at, time)| at - time);
    RecordingClocks { origin, end: recording.end_time_ms }
}

fn rate(recording: &RecordingView) -> Option<Rate> {
    Rate::read(recording.video.as_ref()?.frame_rate.as_deref()?)
}
