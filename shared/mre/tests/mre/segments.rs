//! Segments for clips: of the documents in both views, and of the tables.

use crate::support::{gunzip, run, scenario, scenarios};
use export_domain::batch::segments::{EventSegment, EventSegments, SecondZero};
use export_domain::json;
use export_domain::time::EpochMs;
use export_mre::document::View;
use export_mre::export::ExportError;
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::segments::{of_event, of_replay, read};
use export_mre::trigger::Trigger;
use export_testkit::mre::MemorySource;
use std::collections::BTreeSet;

fn segments(text: &str) -> EventSegments {
    read(&json::parse(text.as_bytes(), false).unwrap(), "/document").unwrap()
}

/// Everything but the verdicts, which MRE's own view mixes up between tracks.
fn unjudged(found: EventSegments) -> EventSegments {
    let segments = found.segments.into_iter().map(|each| EventSegment { liked: BTreeSet::new(), ..each });
    EventSegments { segments: segments.collect(), ..found }
}

#[test]
fn both_views_and_the_tables_have_the_same_segments() {
    let mut seen = 0;
    for scenario in scenarios() {
        let mut source = scenario.source();
        let trigger = scenario.trigger();
        if let Trigger::Event { key, info } = &trigger {
            source
                .trigger_profiles
                .extend(info.get("Profile").map(|profile| (key.clone(), profile.to_text())));
        }
        let Ok(guide) = scenario.live(&source, View::Guide) else { continue };
        let [guide, native] =
            [guide.text, scenario.live(&source, View::Mre).unwrap().text].map(|text| segments(&text));
        let live = match &trigger {
            Trigger::Event { key, .. } => run(of_event(&source, key)),
            Trigger::Replay(key) => run(of_replay(&source, key)),
        };
        let live = live.unwrap();
        assert_eq!(live.segments, guide.segments, "{}", scenario.name);
        assert_eq!(unjudged(live.clone()), unjudged(native), "{}", scenario.name);
        assert_eq!(
            (live.track, live.start_ms, live.replay),
            (guide.track, guide.start_ms, guide.replay),
            "{}",
            scenario.name
        );
        assert_eq!(guide.second_zero, SecondZero::FirstChunk, "the guide's view does not say more");
        seen += usize::from(!guide.segments.is_empty());
    }
    assert!(seen > 15, "{seen} scenarios have segments");
}

#[test]
fn a_document_says_what_clips_need() {
    let text = r#"{"Event": {"Name": "E", "Program": "P", "Start": "2026-01-12T20:01:14.25Z", "AudioTracksFound": [2, 1],
        "EmbeddedTimecodeSource": "UTC_BASED"}, "Segments": [
        {"Start": 222.2, "End": 256, "OptoStart": {"1": 221.781, "2": "220.5"}, "OptoEnd": {"1": 256.646},
            "FeaturesFound": ["Ace", {"AttribName": "Score", "Name": "x"}, {"AttribName": "", "Name": "y"}, {"Reason": "z"}],
            "Feedback": [{"1": {"OriginalFeedback": "Dislike"}}, {"2": {"OptimizedFeedback": "Like"}}]},
        {"Start": "", "End": {}, "OptoStart": [], "FeaturesFound": null, "Feedback": "x"}]}"#;
    let found = segments(text);
    assert_eq!((found.event.as_str(), found.program.as_str(), found.replay.as_deref()), ("E", "P", None));
    assert_eq!(
        (found.start_ms, found.second_zero, found.track.as_str()),
        (Some(EpochMs::new(1_768_248_074_250)), SecondZero::EventStart, "2")
    );
    let [first, second] = found.segments.as_slice() else { panic!("{found:?}") };
    let border = |text: &str| Some(text.to_owned());
    assert_eq!(first.original, [border("222.2"), border("256")]);
    assert_eq!(first.optimized["1"], [border("221.781"), border("256.646")]);
    assert_eq!(first.optimized["2"], [border("220.5"), None]);
    assert_eq!(first.features, ["Ace", "Score", "y"]);
    assert_eq!(first.liked, BTreeSet::from(["2".to_owned()]));
    assert_eq!(*second, EventSegment::default());
    let replay = text.replacen("\"Segments\"", r#""Replay": {"Id": "r", "AudioTrack": 1.0}, "Segments""#, 1);
    let replay = segments(&replay.replace("UTC_BASED", "ZERO_BASED"));
    assert_eq!(
        (replay.replay.as_deref(), replay.track.as_str(), replay.second_zero),
        (Some("r"), "1", SecondZero::Timecode)
    );
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    for (text, pointer) in [
        ("[]", "/document"),
        ("\"x\"", "/document"),
        ("{}", "/document"),
        (r#"{"Event": [], "Segments": []}"#, "/document"),
        (r#"{"Event": {}}"#, "/document"),
        (r#"{"Event": {}, "Segments": {}}"#, "/document"),
        (r#"{"Event": {}, "Segments": [{}, 7]}"#, "/document/Segments/1"),
    ] {
        let fault = read(&json::parse(text.as_bytes(), false).unwrap(), "/document").unwrap_err();
        assert_eq!(fault.pointer, pointer, "{text}");
    }
}

#[test]
fn an_event_or_a_replay_that_is_not_there_is_said_so() {
    let source = MemorySource::from_tables(&Json::parse("{}").unwrap(), gunzip).unwrap();
    let key = EventKey::new("E", "P");
    assert!(matches!(run(of_event(&source, &key)), Err(ExportError::EventNotFound)));
    let scenario = scenario("event_tennis_optimizer");
    let Trigger::Event { key, .. } = scenario.trigger() else { panic!("it is an event's") };
    let found = run(of_replay(&scenario.source(), &ReplayKey::new(key, "none")));
    assert!(matches!(found, Err(ExportError::ReplayNotFound)));
}
