//! The window of a selection on its recording's clock.

use crate::error::Error;
use crate::source::Track;
use export_media::time::Nanos;
use export_media::window::Listed;

pub(crate) use export_media::window::{Edge, Window};

/// The media that the manifest lists of `track`, to the extent that a window from `start` on needs it.
pub(crate) fn listed(track: &Track, start: Nanos) -> Result<Listed, Error> {
    let segment = track.segment(track.index_at(start))?.map_or(Nanos::ZERO, |segment| {
        let (from, to) = track.span(&segment);
        to - from
    });
    let (first, end) = (track.listed_start(), track.listed_end());
    Ok(Listed { start: first, end, open_ended: track.is_open_ended(), segment })
}

/// Looks again at `wake_at`; `available` is how much of the `asked_ms` milliseconds is there.
pub(crate) fn waiting(wake_at: i64, available: Nanos, asked_ms: i64) -> Error {
    Error::Waiting { wake_at, available_ms: available.to_millis_floor().clamp(0, asked_ms) }
}
