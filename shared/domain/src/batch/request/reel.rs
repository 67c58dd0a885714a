//! A list whose entries make one clip together.

use super::members::Faults;
use super::{BatchCommon, name, request_of};
use crate::batch::{ClipEntry, ClipSpan};
use crate::reel::{MOST_REEL_BYTES, OrderedWindow, stored_bytes};
use crate::request::{ExportRequest, Wanted};
use crate::time::Millis;

/// The request for one clip of all `clips`; of one, it is that for the clip itself.
pub(super) fn reel(
    clips: &[ClipEntry],
    common: &BatchCommon,
    template: Option<&str>,
    faults: &mut Faults,
) -> Option<ExportRequest> {
    let first = clips.first()?;
    let live_path = first.live_path.clone().or_else(|| common.live_path.clone())?;
    let named = match clips {
        [only] => name::of(template, only, &live_path),
        _ => name::of_reel(template, first, &live_path),
    };
    let file_name = named.map_err(|detail| faults.push("/name", detail)).ok()?;
    let request = request_of(first.span, live_path, file_name);
    if clips.len() == 1 {
        return Some(request);
    }
    let windows = clips.iter().map(|clip| {
        let live_path = clip.live_path.clone().or_else(|| common.live_path.clone());
        let ClipSpan { start_pos_ms, start_time_ms, duration_ms, pts } = clip.span;
        OrderedWindow {
            n: clip.n,
            live_path: live_path.filter(|path| *path != request.live_path),
            start_pos_ms,
            start_time_ms,
            duration_ms,
            pts,
            name: name::of_chapter(clip),
        }
    });
    let windows: Vec<_> = windows.collect();
    if stored_bytes(&windows) > MOST_REEL_BYTES {
        faults.push("", format!("has recordings and names of more than {MOST_REEL_BYTES} bytes together"));
        return None;
    }
    let duration_ms = windows.iter().fold(Millis::ZERO, |sum, window| sum + window.duration_ms);
    Some(ExportRequest { wanted: Wanted::Reel, duration_ms, windows, ..request })
}
