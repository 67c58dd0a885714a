//! The engine's report on a clip and its windows, as it is stored. A clip has one window, a reel several.

use crate::error::given_up;
use export_clip::MadePart;
use export_domain::job::{DeliveredWindow, Hole, Order, Warning, WarningCode};
use export_domain::time::{EpochMs, Millis};
use export_media::time::Nanos;

/// Holes that are kept.
const MOST_HOLES: usize = 100;

/// The outcome of each window of a reel; none for a clip, whose file has it.
pub(crate) fn made_windows(order: &Order, parts: &[MadePart]) -> Vec<DeliveredWindow> {
    let mut end = Millis::ZERO;
    let windows = parts.iter().filter(|_| order.reel.is_some()).map(|part| {
        let mut warnings: Vec<_> =
            stored_warnings(part.warnings.clone()).into_iter().map(|warning| warning.code).collect();
        warnings.dedup();
        // One that is left out stands where it would stand.
        let at_ms = if part.left_out.is_none() { nearest(part.start) } else { end };
        end = at_ms + nearest(part.length);
        DeliveredWindow {
            at_ms,
            length_ms: nearest(part.length),
            lack_ms: Millis::new(part.lack_ms).clamp(Millis::ZERO, Millis::new(part.asked_ms)),
            warnings,
            left_out: part.left_out.clone().map(|refusal| given_up(refusal).reason),
        }
    });
    windows.collect()
}

/// The holes of all windows, each from the order's start on: so every one is at the instant that is not recorded.
pub(crate) fn holes(order: &Order, parts: &[MadePart]) -> Vec<Hole> {
    let starts: Vec<EpochMs> = match order.windows() {
        [] => vec![order.start_pos_ms],
        windows => windows.iter().map(|window| window.start_pos_ms).collect(),
    };
    let of_part = |(start, part): (EpochMs, &MadePart)| {
        let behind = start - order.start_pos_ms;
        let hole = move |hole: &export_clip::Uncovered| Hole {
            at_ms: behind + Millis::new(hole.at_ms),
            length_ms: Millis::new(hole.length_ms),
        };
        part.holes.iter().map(hole).collect::<Vec<_>>()
    };
    starts.into_iter().zip(parts).flat_map(of_part).take(MOST_HOLES).collect()
}

/// To the nearest millisecond.
pub(crate) fn nearest(length: Nanos) -> Millis {
    Millis::new((length + Nanos::new(500_000)).to_millis_floor())
}

/// The engine's warnings as they are stored.
pub(crate) fn stored_warnings(warnings: Vec<export_clip::Warning>) -> Vec<Warning> {
    use export_clip::WarningCode as Engine;
    let stored = |warning: export_clip::Warning| {
        let code = match warning.code {
            Engine::SegmentsLeftOut => WarningCode::SegmentsLeftOut,
            Engine::PicturesLeftOut => WarningCode::PicturesLeftOut,
            Engine::PicturesDamaged => WarningCode::PicturesDamaged,
            Engine::PicturesScaled => WarningCode::PicturesScaled,
            Engine::PicturesConverted => WarningCode::PicturesConverted,
            Engine::MetadataLeftOut => WarningCode::MetadataLeftOut,
            Engine::AudioLeftOut => WarningCode::AudioLeftOut,
            Engine::AudioEncoded => WarningCode::AudioEncoded,
            Engine::TracksMatchedByPosition => WarningCode::TracksMatchedByPosition,
            Engine::RatesCorrected => WarningCode::RatesCorrected,
            Engine::StartTimeDiffers => WarningCode::StartTimeDiffers,
            Engine::WindowsLeftOut => WarningCode::WindowsLeftOut,
        };
        Warning { code, count: warning.count, detail: warning.detail.into() }
    };
    warnings.into_iter().map(stored).collect()
}
