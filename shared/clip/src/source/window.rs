//! The window of a selection on its recording's clock.

use crate::error::Error;
use crate::source::Track;
use export_media::time::Nanos;
use export_media::window::{Asked, Listed};

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

/// Looks again at `wake_at`; the recording is complete up to `edge`, and the window that is `asked` for begins at
/// `start`.
pub(crate) fn waiting(wake_at: i64, edge: Nanos, start: Nanos, asked: &Asked) -> Error {
    let available_ms = (edge - start).to_millis_floor();
    let at_ms = asked.start_pos_ms.saturating_add(available_ms);
    Error::Waiting {
        wake_at,
        available_ms: available_ms.clamp(0, asked.duration_ms.max(0)),
        live_edge_ms: Some(at_ms).filter(|at_ms| edge > Nanos::ZERO && *at_ms >= 0),
    }
}
