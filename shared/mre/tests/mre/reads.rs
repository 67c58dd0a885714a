//! How much is read, how deep, and what a failed read does.

use export_mre::attr::{Attr, Row};
use export_mre::document::View;
use export_mre::export::{ExportError, export_event, export_replay, export_replay_from_stored};
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::trigger::Trigger;
use export_testkit::mre::MemorySource;
use std::pin::pin;
use std::task::{Context, Waker};

use crate::support::{Scenario, run, scenario};

fn count(source: &MemorySource, what: &str) -> usize {
    source.log().iter().filter(|read| **read == what).count()
}

fn with<const N: usize>(row: &Row, changes: [(&str, Attr); N]) -> Row {
    let mut row = row.clone();
    row.extend(changes.map(|(name, value)| (name.to_owned(), value)));
    row
}

/// The event of the feedback scenario with `segments` segments, all reviewed on both tracks.
fn large(segments: usize) -> (Scenario, MemorySource) {
    let scenario = scenario("event_feedback");
    let mut source = scenario.source();
    let template =
        source.segments.values().flatten().find(|row| row.contains_key("LabelCode")).unwrap().clone();
    let review = source.feedback[0].clone();
    let partition = template.get("PK").and_then(Attr::as_str).unwrap().to_owned();
    source.segments.clear();
    source.feedback.clear();
    let text = |text: String| Attr::S(text);
    let number = |value: usize| Attr::N(value.to_string());
    for at in 0..segments {
        let start = number(at * 10);
        source.add_segment(with(&template, [("Start", start.clone()), ("End", number(at * 10 + 5))]));
        for track in 1..=2 {
            let key = format!("{partition}#{}", at * 10);
            let changes = [
                ("PK", text(format!("{key}#{track}"))),
                ("ProgramEventTrack", text(format!("Wimbledon#Federer-v-Nadal-Final#{track}"))),
                ("ProgramEventClassifierStart", text(key)),
                ("Start", start.clone()),
                ("AudioTrack", number(track)),
            ];
            source.feedback.push(with(&review, changes));
        }
    }
    (scenario, source)
}

#[test]
fn reads_pages_and_tracks_and_nothing_per_segment() {
    let (scenario, mut source) = large(2_300);
    source.page_rows = 1_000;
    let export = scenario.live(&source, View::Guide).unwrap();
    assert_eq!(export.text.matches("\"OriginalFeedback\"").count(), 4_600, "every segment has both reviews");
    assert_eq!(count(&source, "segments"), 5, "the first page, and one of each range");
    assert_eq!(count(&source, "feedback"), 6, "pages of each track");
    assert_eq!(source.log().len(), 5 + 6 + 3, "and the event, the plugins, the last segment");
}

#[test]
fn the_segments_after_the_first_page_are_read_in_four_ranges_side_by_side() {
    let (scenario, mut source) = large(8_500);
    let Trigger::Event { key, info } = scenario.trigger() else { panic!("an event") };
    source.page_rows = 100_000;
    let whole = scenario.live(&source, View::Guide).unwrap();
    source.page_rows = 500;
    assert_eq!(scenario.live(&source, View::Guide).unwrap(), whole);
    source.waits = true;
    source.feedback.clear();
    let trips = round_trips(export_event(&source, &key, View::Guide, info.get("Profile")));
    assert_eq!(trips, 2 + 1 + 4, "16 pages after the first and the last segment");
}

#[test]
fn ranges_lose_no_segment_wherever_segments_lie() {
    let (scenario, mut source) = large(400);
    for (at, row) in source.segments.values_mut().flatten().enumerate() {
        let start = match at {
            0..300 => format!("{at}.001"),
            300..399 => format!("{}.5", 1_000_000 + at),
            _ => "2000000".to_owned(),
        };
        row.insert("Start".to_owned(), Attr::N(start));
    }
    let whole = scenario.live(&source, View::Mre).unwrap();
    assert_eq!(whole.text.matches("\"End\"").count(), 400);
    for page_rows in [1, 3, 50, 299, 399] {
        source.page_rows = page_rows;
        assert_eq!(scenario.live(&source, View::Mre).unwrap(), whole, "{page_rows}");
    }
}

#[test]
fn a_replay_reads_its_segments_by_key_and_all_only_if_one_is_missing() {
    let scenario = scenario("replay_optimizer");
    let mut source = scenario.source();
    source.page_rows = 1;
    let shown = scenario.live(&source, View::Guide).unwrap();
    assert_eq!((count(&source, "segments by start"), count(&source, "segments")), (1, 0));
    // What the results name by a start that no segment has, they still name by the optimized start.
    for results in source.replay_results.values_mut() {
        *results = results.replace("\"Start\": ", "\"Start\": 9");
    }
    assert_eq!(scenario.live(&source, View::Guide).unwrap().text, shown.text);
    assert!(count(&source, "segments") > 1);
}

#[test]
fn an_exact_page_needs_no_further_read() {
    let scenario = scenario("event_200_segments_page_boundary");
    let mut source = scenario.source();
    let rows = source.segments.values().map(Vec::len).max().unwrap();
    let whole = scenario.live(&source, View::Mre).unwrap().text;
    for page_rows in [rows, rows - 1, 1, 7] {
        source.page_rows = page_rows;
        assert_eq!(scenario.live(&source, View::Mre).unwrap().text, whole);
    }
}

#[test]
fn every_failed_read_ends_the_export_without_a_document() {
    for name in ["event_tennis_optimizer", "replay_optimizer", "replay_before_event_export"] {
        let scenario = scenario(name);
        let mut source = scenario.source();
        source.page_rows = 2;
        source.preview_query = Some("x".to_owned());
        run(scenario.trigger().export(&source)).unwrap();
        let reads = source.log().len();
        assert!(reads >= 5, "{name}: {reads} reads");
        for at in 0..reads {
            let mut source = scenario.source();
            source.page_rows = 2;
            source.preview_query = Some("x".to_owned());
            source.failing_read = Some(at);
            assert!(
                matches!(run(scenario.trigger().export(&source)), Err(ExportError::Read(_))),
                "{name}, read {at}"
            );
        }
    }
}

/// Polls until done; with reads that wait one turn each, turns count round trips.
fn round_trips<F: Future>(future: F) -> usize {
    let mut future = pin!(future);
    let mut turns = 0;
    while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        turns += 1;
    }
    turns
}

#[test]
fn exports_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let source = MemorySource::default();
    let key = ReplayKey::new(EventKey::new("a", "b"), "r");
    is_send(&export_event(&source, &key.event, View::Mre, None));
    is_send(&export_replay(&source, &key, View::Mre));
    is_send(&export_replay_from_stored(&source, &key));
}

#[test]
fn a_small_event_is_two_round_trips_deep() {
    let scenario = scenario("event_tennis_optimizer");
    let mut source = scenario.source();
    source.waits = true;
    let Trigger::Event { key, info } = scenario.trigger() else { panic!("an event") };
    assert_eq!(round_trips(export_event(&source, &key, View::Mre, info.get("Profile"))), 2);
    source.trigger_profiles.push((key.clone(), info.get("Profile").unwrap().to_text()));
    assert_eq!(
        round_trips(export_event(&source, &key, View::Guide, None)),
        2,
        "with the last trigger's profile"
    );
    source.trigger_profiles.clear();
    assert_eq!(round_trips(export_event(&source, &key, View::Guide, None)), 3, "the profile row in between");
}

#[test]
fn a_replay_is_two_round_trips_deep() {
    let scenario = scenario("replay_optimizer");
    let mut source = scenario.source();
    source.waits = true;
    source.preview_query = Some("x".to_owned());
    assert_eq!(round_trips(scenario.trigger().export(&source)), 2);
}

#[test]
fn an_unknown_event_costs_one_round_trip() {
    let mut source = MemorySource::default();
    source.waits = true;
    assert_eq!(round_trips(export_event(&source, &EventKey::new("a", "b"), View::Guide, None)), 1);
    assert_eq!(source.log(), ["event", "trigger profile"]);
}
