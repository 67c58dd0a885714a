use super::super::Base;
use super::*;
use crate::edl::EdlWriter;
use crate::job::testing::at;
use crate::time::{EpochMs, Millis};
use crate::timecode::Labels;
use proptest::prelude::*;

const ZERO: EpochMs = at(1_768_248_074_000);

fn bounds(zero_ms: Option<EpochMs>) -> SpanBounds {
    let base = Base { zero_ms, ..Base::default() };
    SpanBounds {
        base,
        max_duration_ms: Millis::from_hours(4),
        latest_ms: at(4_000_000_000_000),
        max_ahead_days: 30,
        most_clips: 500,
    }
}

fn rate(name: &str) -> Rate {
    Rate::named(name).unwrap()
}

#[test]
fn cuts_become_windows_and_events_without_picture_are_skipped() {
    let text = "TITLE: Final\n\
        001 AX  V    C 00:00:01:00 00:00:02:01 01:00:00:00 01:00:01:01\n* FROM CLIP NAME: Ace\n\
        001 AX  A    C 00:00:01:00 00:00:02:01 01:00:00:00 01:00:01:01\n\
        002 BL  V    C 00:00:00:00 00:00:01:00 01:00:01:01 01:00:02:01\n\
        003 AX  AA/V C 00:01:00:02 00:01:00:03 01:00:02:01 01:00:02:02\n";
    let listed = clips(text, rate("29.97"), false, &bounds(Some(ZERO))).unwrap();
    let found: Vec<_> = listed
        .clips
        .iter()
        .map(|clip| (clip.n, (clip.span.start_pos_ms - ZERO).get(), clip.span.duration_ms.get()))
        .collect();
    // Frame 30 begins at 1001 ms, frame 61 at 2035.37 ms, frames 1802 and 1803 at 60,126.7 and 60,160.1 ms.
    assert_eq!(found, [(1, 1_001, 1_034), (4, 60_126, 34)]);
    assert_eq!(listed.clips[0].name.as_deref(), Some("Ace"));
    assert_eq!(listed.clips[1].labels, [("title", "Final".to_owned())]);
    let skipped: Vec<_> = listed.skipped.iter().map(|skipped| (skipped.n, skipped.why.as_str())).collect();
    assert_eq!(skipped, [(2, "the track has no picture"), (3, "the source is black")]);
}

#[test]
fn faults_point_to_the_member_the_line_and_the_column() {
    let event = "001 AX V C 00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00";
    let missing = clips(event, rate("25"), false, &bounds(None)).unwrap_err();
    assert_eq!(missing[0].pointer, "/zero");
    let drop = clips(event, rate("25"), true, &bounds(Some(ZERO))).unwrap_err();
    assert_eq!(drop[0].pointer, "/edl/drop");
    let wrong = clips(&format!("{event}\nxx"), rate("25"), false, &bounds(Some(ZERO))).unwrap_err();
    assert_eq!((wrong[0].pointer.as_str(), wrong[0].line, wrong[0].column), (TEXT, Some(2), Some(1)));
    let long = "001 AX V C 00:00:00:00 05:00:00:00 01:00:00:00 06:00:00:00";
    let long = clips(&format!("TITLE: x\n{long}"), rate("25"), false, &bounds(Some(ZERO))).unwrap_err();
    assert_eq!((long[0].pointer.as_str(), long[0].line), (TEXT, Some(2)));
}

/// A list, its edits by another reader, and the times of the pictures at their borders.
#[derive(Debug, serde::Deserialize)]
struct Golden {
    fps: String,
    drop: bool,
    timescale: i64,
    edl: String,
    frames: Vec<[i64; 2]>,
    ticks: Vec<[Option<i64>; 4]>,
}

#[test]
fn the_windows_of_a_list_hold_exactly_its_pictures_of_a_real_recording() {
    let lines = include_str!("../../../../../tests/data/edl/golden.jsonl").lines();
    let golden: Vec<Golden> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        golden.iter().map(|list| (list.fps.as_str(), list.drop)).collect::<Vec<_>>(),
        [("25", false), ("29.97", false), ("29.97", true), ("59.94", false), ("59.94", true),]
    );
    for list in golden {
        let rate = rate(&list.fps);
        let found = clips(&list.edl, rate, false, &bounds(Some(ZERO))).unwrap().clips;
        assert_eq!(found.len(), list.frames.len());
        let read = edl::read(&list.edl, rate, false, 1).unwrap().events;
        assert_eq!(
            read.iter().map(|event| [event.source.start, event.source.end]).collect::<Vec<_>>(),
            list.frames
        );
        for (clip, ticks) in found.iter().zip(&list.ticks) {
            let start = (clip.span.start_pos_ms - ZERO).get() * list.timescale;
            let end = start + clip.span.duration_ms.get() * list.timescale;
            // A picture belongs to a window if it begins in it.
            let holds = ticks.map(|tick| tick.map(|tick| (start..end).contains(&(tick * 1_000))));
            let [before, first, last, behind] = holds;
            assert_eq!(
                (before.unwrap_or(false), first, last, behind),
                (false, Some(true), Some(true), Some(false))
            );
        }
    }
}

proptest! {
    #[test]
    fn a_list_that_became_windows_and_a_list_again_has_every_frame_number(
        (rate, is_drop) in prop::sample::select(Rate::ALL.into_iter().flat_map(|rate| [(rate, false), (rate, true)])
            .filter(|(rate, is_drop)| !is_drop || rate.drops()).collect::<Vec<_>>()),
        events in prop::collection::vec((0..1_900_000_i64, 1..100_000_i64), 1..20),
    ) {
        let labels = Labels::new(rate, is_drop).unwrap();
        let written = |events: &[(i64, i64)]| {
            let mut writer = EdlWriter::new("x", labels, 0);
            for (number, (start, length)) in (1..).zip(events) {
                writer.event(&format!("{number:03}"), "AX", &(*start..start + length), 0);
            }
            writer.finish()
        };
        let text = written(&events);
        let listed = clips(&text, rate, false, &bounds(Some(ZERO))).unwrap();
        let again: Vec<_> = listed.clips.iter().map(|clip| {
            let start = clip.span.start_pos_ms - ZERO;
            let first = rate.frame_at(start);
            (first, rate.frame_at(start + clip.span.duration_ms) - first)
        }).collect();
        prop_assert_eq!(&again, &events);
        prop_assert_eq!(written(&again), text);
    }
}
