//! Clips of an edit decision list (CMX 3600): the source timecodes of its cuts.

use super::{ClipEntry, ClipList, Fault, MOST_FAULTS, Skipped, SpanBounds};
use crate::edl::{self, EdlEvent};
use crate::timecode::Rate;

/// The member that is the text.
const TEXT: &str = "/edl/text";

/// The clips of the list `text`, whose timecodes count from `zero`. `is_drop` says how they count up to the first `FCM`
/// line.
///
/// # Errors
/// The faults in the order of the lines, at most [`MOST_FAULTS`].
pub fn clips(text: &str, rate: Rate, is_drop: bool, bounds: &SpanBounds) -> Result<ClipList, Vec<Fault>> {
    let zero = bounds
        .base
        .zero_ms
        .ok_or_else(|| vec![Fault::at("/zero", "is required: the timecodes count from it")])?;
    if is_drop && !rate.drops() {
        return Err(vec![Fault::at(
            "/edl/drop",
            "must be false: only 30000/1001 and 60000/1001 have drop-frame timecodes",
        )]);
    }
    let list = edl::read(text, rate, is_drop, MOST_FAULTS);
    let list = list
        .map_err(|faults| faults.into_iter().map(|fault| Fault::of_text(TEXT, fault)).collect::<Vec<_>>())?;
    let title = list.title.unwrap_or_default();
    let (mut listed, mut faults) = (ClipList::default(), Vec::new());
    for (n, event) in (1..).zip(list.events) {
        if let Some(why) = skipped(&event) {
            listed.skipped.push(Skipped { n, why: why.to_owned() });
            continue;
        }
        let [start, end] = [event.source.start, event.source.end].map(|frame| zero + rate.start(frame));
        match bounds.span(start, end) {
            Ok(span) => listed.clips.push(ClipEntry {
                n,
                span,
                name: event.name,
                mark: None,
                live_path: None,
                labels: vec![("title", title.clone())],
            }),
            Err(wrong) => faults.push(Fault::in_text(TEXT, event.line, 1, wrong.detail)),
        }
        if faults.len() >= MOST_FAULTS || listed.clips.len() > bounds.most_clips {
            break;
        }
    }
    if faults.is_empty() { Ok(listed) } else { Err(faults) }
}

/// Why an event makes no clip.
fn skipped(event: &EdlEvent) -> Option<&'static str> {
    if event.is_black {
        return Some("the source is black");
    }
    (!event.has_picture).then_some("the track has no picture")
}

#[cfg(test)]
mod tests;
