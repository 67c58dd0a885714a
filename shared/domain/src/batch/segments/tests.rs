use super::super::Base;
use super::*;
use crate::job::testing::{at, ms};

const START: EpochMs = at(1_768_248_074_000);

fn bounds(zero_ms: Option<EpochMs>) -> SpanBounds {
    let base = Base { zero_ms, pad_before_ms: ms(500), pad_after_ms: ms(1_000), ..Base::default() };
    SpanBounds {
        base,
        max_duration_ms: Millis::from_hours(4),
        latest_ms: at(4_000_000_000_000),
        max_ahead_days: 30,
        most_clips: 500,
    }
}

fn borders(start: &str, end: &str) -> SegmentBorders {
    [start, end].map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

fn segment(start: &str, end: &str, features: &[&str]) -> EventSegment {
    let features = features.iter().map(|name| (*name).to_owned()).collect();
    EventSegment { original: borders(start, end), features, ..EventSegment::default() }
}

fn document(segments: Vec<EventSegment>) -> EventSegments {
    EventSegments {
        event: "Final".to_owned(),
        program: "Tennis".to_owned(),
        replay: None,
        start_ms: Some(START),
        second_zero: SecondZero::EventStart,
        first_pts: None,
        track: "1".to_owned(),
        segments,
    }
}

/// Numbers, starts since the event's start, and lengths.
fn found(of: &EventSegments, choice: &SegmentChoice) -> Vec<(usize, i64, i64)> {
    let listed = clips(of, choice, &bounds(None), "/document").unwrap();
    let spans = listed.clips.iter().map(|clip| (clip.n, clip.span));
    spans.map(|(n, span)| (n, (span.start_pos_ms - START).get(), span.duration_ms.get())).collect()
}

#[test]
fn an_events_segments_come_by_start_and_a_replays_in_its_order() {
    let mut of = document(vec![
        segment("30", "40.0001", &[]),
        segment("2.7", "9.25", &[]),
        segment("2.70", "9.250", &[]),
    ]);
    assert_eq!(found(&of, &SegmentChoice::default()), [(2, 2_200, 8_050), (1, 29_500, 11_501)]);
    of.replay = Some("r".to_owned());
    assert_eq!(found(&of, &SegmentChoice::default()), [(1, 29_500, 11_501), (2, 2_200, 8_050)]);
    let listed = clips(&of, &SegmentChoice::default(), &bounds(None), "/document").unwrap();
    assert_eq!(listed.skipped, [Skipped { n: 3, why: "has the times of segment 2".to_owned() }]);
    assert_eq!(listed.clips[0].span.start_time_ms, ms(29_500));
    assert_eq!(
        listed.clips[0].labels[..3].iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["Final", "Tennis", "r"]
    );
}

#[test]
fn optimized_times_are_those_of_the_track_and_both_or_none() {
    let mut both = segment("10", "20", &[]);
    both.optimized =
        BTreeMap::from([("1".to_owned(), borders("9", "21")), ("2".to_owned(), borders("8", ""))]);
    let of = document(vec![both, segment("30", "40", &[])]);
    let choose = |times, track: Option<&str>| SegmentChoice {
        times,
        track: track.map(str::to_owned),
        ..SegmentChoice::default()
    };
    let starts = |choice: &SegmentChoice| {
        found(&of, choice).into_iter().map(|(n, start, _)| (n, start + 500)).collect::<Vec<_>>()
    };
    assert_eq!(starts(&choose(SegmentTimes::Original, None)), [(1, 10_000), (2, 30_000)]);
    assert_eq!(starts(&choose(SegmentTimes::Optimized, None)), [(1, 9_000)]);
    assert_eq!(starts(&choose(SegmentTimes::OptimizedElseOriginal, None)), [(1, 9_000), (2, 30_000)]);
    assert_eq!(starts(&choose(SegmentTimes::OptimizedElseOriginal, Some("2"))), [(1, 10_000), (2, 30_000)]);
    let listed = clips(&of, &choose(SegmentTimes::Optimized, Some("7")), &bounds(None), "").unwrap();
    assert!(listed.clips.is_empty() && listed.skipped.len() == 2, "{listed:?}");
}

#[test]
fn features_and_likes_choose_segments() {
    let mut liked = segment("10", "20", &["Ace"]);
    liked.liked.insert("2".to_owned());
    let of = document(vec![liked, segment("30", "40", &["Ace", "Score"]), segment("50", "60", &[])]);
    let numbers =
        |choice: &SegmentChoice| found(&of, choice).into_iter().map(|(n, ..)| n).collect::<Vec<_>>();
    let features = |names: &[&str]| SegmentChoice {
        features: names.iter().map(|name| (*name).to_owned()).collect(),
        ..SegmentChoice::default()
    };
    assert_eq!(numbers(&features(&["Ace"])), [1, 2]);
    assert_eq!(numbers(&features(&["Score", "Serve"])), [2]);
    let is_liked = SegmentChoice { is_liked: true, ..SegmentChoice::default() };
    assert_eq!(numbers(&is_liked), [1]);
    assert_eq!(numbers(&SegmentChoice { track: Some("2".to_owned()), ..is_liked.clone() }), [1]);
    assert_eq!(numbers(&SegmentChoice { track: Some("1".to_owned()), ..is_liked }), [0; 0]);
}

#[test]
fn segments_without_a_length_are_skipped_with_the_reason() {
    let of = document(vec![
        segment("1", "", &[]),
        segment("", "1", &[]),
        segment("5", "5", &[]),
        segment("5", "4", &[]),
        segment("1e300", "2e300", &[]),
    ]);
    let listed = clips(&of, &SegmentChoice::default(), &bounds(None), "").unwrap();
    let told: Vec<_> = listed.skipped.iter().map(|skipped| (skipped.n, skipped.why.as_str())).collect();
    let reversed = "does not end after its start";
    assert_eq!(
        told,
        [
            (1, "has no End"),
            (2, "has no Start"),
            (3, reversed),
            (4, reversed),
            (5, "has times that are out of range")
        ]
    );
}

#[test]
fn second_zero_is_the_events_start_only_by_a_clock_or_by_consent() {
    let mut of = document(vec![segment("1", "2", &[])]);
    let consent = SegmentChoice { is_zero_event_start: true, ..SegmentChoice::default() };
    let fault = |of: &EventSegments, choice: &SegmentChoice| {
        clips(of, choice, &bounds(None), "").unwrap_err().remove(0)
    };
    assert!(clips(&of, &SegmentChoice::default(), &bounds(None), "").unwrap().guesses.is_empty());
    for (kind, words) in
        [(SecondZero::FirstChunk, "MRE's first chunk"), (SecondZero::Timecode, "timecode 00:00:00:00")]
    {
        of.second_zero = kind;
        let refused = fault(&of, &SegmentChoice::default());
        assert_eq!(refused.pointer, "/zero");
        assert!(refused.detail.contains(words), "{}", refused.detail);
        let guessed = clips(&of, &consent, &bounds(None), "").unwrap();
        assert_eq!(
            (guessed.guesses, guessed.clips[0].span.start_pos_ms),
            (vec![Guess::ZeroAssumed], START + ms(500))
        );
        let told = clips(&of, &SegmentChoice::default(), &bounds(Some(at(5_000))), "").unwrap();
        assert_eq!((told.guesses.len(), told.clips[0].span.start_pos_ms), (0, at(5_500)));
    }
    of.start_ms = None;
    assert!(fault(&of, &consent).detail.contains("does not say"));
    of.second_zero = SecondZero::EventStart;
    assert!(fault(&of, &SegmentChoice::default()).detail.contains("does not say"));
}

#[test]
fn a_segment_out_of_bounds_is_a_fault_that_points_to_it() {
    let of = document(vec![segment("1", "2", &[]), segment("1", "99999", &[])]);
    let faults = clips(&of, &SegmentChoice::default(), &bounds(None), "/document").unwrap_err();
    assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, "/document/Segments/1"));
}

#[test]
fn segments_of_recorded_chunks_are_found_by_their_time_stamps() {
    let of = EventSegments {
        second_zero: SecondZero::FirstChunk,
        first_pts: Some(Pts::new(129_000)),
        ..document(vec![
            segment("2.7", "9.25", &[]),
            segment("0.2", "1", &[]),
            segment("95440", "95441", &[]),
        ])
    };
    let choice = SegmentChoice { has_time_stamps: true, ..SegmentChoice::default() };
    let stamps = |bounds: &SpanBounds, choice: &SegmentChoice| {
        let listed = clips(&of, choice, bounds, "/document").ok()?;
        let stamps = listed.clips.iter().map(|clip| clip.span.pts.map(Pts::get)).collect::<Vec<_>>();
        Some((stamps, listed.guesses))
    };
    // Less half a second of pad, and the millisecond that rounding may take away.
    let expected = [(1 << 33) + 129_000 - 301 * 90, 129_000 + 2_199 * 90, 129_000 + (95_440_000 - 501) * 90];
    let expected = expected.map(|ticks| Some(Pts::new(ticks).get())).to_vec();
    assert_eq!(stamps(&bounds(None), &choice), Some((expected, Vec::new())));
    let lengths = clips(&of, &choice, &bounds(None), "/document").unwrap();
    assert_eq!(lengths.clips[1].span.duration_ms, ms(8_050));

    let none = vec![None; 3];
    assert_eq!(stamps(&bounds(Some(START)), &choice), Some((none.clone(), Vec::new())));
    let consent = SegmentChoice { is_zero_event_start: true, ..choice.clone() };
    assert_eq!(stamps(&bounds(None), &consent), Some((none, vec![Guess::ZeroAssumed])));
    assert_eq!(stamps(&bounds(None), &SegmentChoice::default()), None, "no transport streams");
    let by_timecode = EventSegments { second_zero: SecondZero::Timecode, ..of.clone() };
    assert!(clips(&by_timecode, &choice, &bounds(None), "/document").is_err());
}
