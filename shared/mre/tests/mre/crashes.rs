//! States on which MRE fails: a document all the same, and what was lenient about it.

use export_mre::attr::{Attr, Row};
use export_mre::document::{Export, View};
use export_mre::export::ExportError;
use export_mre::json::Json;
use export_mre::profile::ProfileSource;
use export_mre::trigger::Trigger;
use export_mre::warnings::ExportWarning;
use export_testkit::mre::MemorySource;

use crate::support::{Scenario, run, scenario, scenarios};

/// The event-driven export and both live views.
fn exports(scenario: &Scenario, source: &MemorySource) -> [Export; 3] {
    [
        run(scenario.trigger().export(source)).unwrap(),
        scenario.live(source, View::Mre).unwrap(),
        scenario.live(source, View::Guide).unwrap(),
    ]
}

fn document(export: &Export) -> Json {
    let document = Json::parse(&export.text).unwrap();
    assert_eq!(document.to_text(), export.text);
    document
}

fn at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(json, |json, name| json.get(name))
}

fn starts(export: &Export) -> Vec<String> {
    let document = document(export);
    let segments = document.get("Segments").unwrap().items().iter();
    segments.map(|segment| segment.get("Start").unwrap().to_text()).collect()
}

fn header(export: &Export) -> String {
    export.warnings.header().unwrap_or_default()
}

/// A scenario with its rows changed.
fn changed(name: &str, change: impl Fn(&mut MemorySource)) -> [Export; 3] {
    let scenario = scenario(name);
    let mut source = scenario.source();
    change(&mut source);
    exports(&scenario, &source)
}

#[test]
fn every_state_that_mre_fails_on_gives_documents_or_not_found() {
    let mut seen = 0;
    for scenario in scenarios().iter().filter(|scenario| !scenario.is_ok()) {
        let source = scenario.source();
        if scenario.name == "replay_unknown_id" {
            assert!(matches!(run(scenario.trigger().export(&source)), Err(ExportError::ReplayNotFound)));
            assert!(matches!(scenario.live(&source, View::Guide), Err(ExportError::ReplayNotFound)));
        } else {
            for export in exports(scenario, &source) {
                document(&export);
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[test]
fn unknown_audio_tracks_are_an_empty_list() {
    let scenario = scenario("event_live_no_audio_tracks");
    for export in exports(&scenario, &scenario.source()) {
        assert_eq!(at(&document(&export), "Event.AudioTracksFound").unwrap().to_text(), "[]");
        assert_eq!(header(&export), "audio-tracks-missing");
    }
}

#[test]
fn an_unknown_start_is_left_out_or_empty() {
    let [driven, mre, guide] = changed("event_tennis_optimizer", |source| {
        source.events[0].remove("Start");
    });
    assert_eq!(at(&document(&driven), "Event.Start"), None);
    assert_eq!(driven, mre);
    assert_eq!(at(&document(&guide), "Event.Start"), Some(&Json::from("")));
    assert_eq!([header(&mre), header(&guide)], ["start-missing", "start-missing"]);
}

#[test]
fn a_plugin_that_is_gone_contributes_nothing() {
    let scenario = scenario("event_plugin_deleted");
    for export in exports(&scenario, &scenario.source()) {
        assert!(!export.text.contains("\"Left\""), "an attribute of the deleted plugin");
        assert!(export.text.contains("\"MatchPoint\""));
        assert_eq!(header(&export), "plugin-missing");
        assert_eq!(export.warnings.count(ExportWarning::PluginMissing), 1);
    }
}

#[test]
fn a_plugin_without_output_attributes_contributes_nothing() {
    let without = |row: &mut Row| {
        if row.get("Name").and_then(Attr::as_str) == Some("TennisScoreBoxDetection") {
            row.remove("OutputAttributes");
        }
    };
    for export in changed("event_tennis_optimizer", |source| source.plugins.iter_mut().for_each(without)) {
        assert!(!export.text.contains("\"Left\""));
        assert_eq!(header(&export), "output-attributes-missing");
    }
}

#[test]
fn a_segment_without_end_is_left_out() {
    let scenario = scenario("event_segment_missing_end");
    let source = scenario.source();
    let rows = source.segments.values().flatten();
    let phantoms = rows.clone().filter(|row| !row.contains_key("End")).count();
    let segments = rows.filter(|row| row.contains_key("LabelCode") && row.contains_key("End")).count();
    assert!(phantoms > 0 && segments > 0);
    for export in exports(&scenario, &source) {
        assert_eq!(starts(&export).len(), segments);
        assert_eq!(header(&export), "segment-without-end");
    }
}

#[test]
fn names_that_break_mres_urls_work() {
    for (name, event) in [("event_name_percent", "100%41 effort"), ("event_name_slash", "Round 1/Match 2")] {
        let scenario = scenario(name);
        for export in exports(&scenario, &scenario.source()) {
            assert_eq!(at(&document(&export), "Event.Name"), Some(&Json::from(event)));
            assert_eq!(header(&export), "");
        }
    }
}

#[test]
fn a_replay_before_any_event_export_is_built_from_the_tables() {
    let scenario = scenario("replay_before_event_export");
    let [driven, mre, guide] = exports(&scenario, &scenario.source());
    assert_eq!(header(&driven), "stored-export-missing");
    assert_eq!([driven.text.as_str(), mre.profile_source.unwrap().name()], [mre.text.as_str(), "derived"]);
    assert_eq!(guide.profile_source, Some(ProfileSource::Derived));
    assert!(!starts(&guide).is_empty());
    assert_eq!(starts(&guide), starts(&mre));
}

#[test]
fn a_stored_export_that_cannot_be_read_is_replaced_by_the_tables() {
    let [driven, ..] = changed("replay_optimizer", |source| {
        source.objects.values_mut().for_each(|text| text.truncate(500));
    });
    assert_eq!(header(&driven), "stored-export-unreadable");
    assert!(!starts(&driven).is_empty());
}

#[test]
fn optional_fields_that_a_request_lacks_are_left_out_or_empty() {
    let scenario = scenario("replay_minimal_request");
    let [driven, mre, guide] = exports(&scenario, &scenario.source());
    for export in [&driven, &mre] {
        let document = document(export);
        for field in ["Resolutions", "Catchup"] {
            assert_eq!(at(&document, "Replay").unwrap().get(field), None);
        }
        let first = &at(&document, "Replay.FeaturesSelected").unwrap().items()[0];
        assert_eq!(first.to_text(), r#"{"FeatureName": "MatchPoint", "FeatureValue": true, "Weight": 100}"#);
        assert_eq!(header(export), "request-field-missing");
    }
    assert_eq!(at(&document(&guide), "Replay.Catchup"), Some(&Json::from("N")));
}

#[test]
fn a_request_with_nothing_optional_has_documents() {
    let keep = ["PK", "ReplayId", "Program", "Event", "AudioTrack", "SpecifiedTimestamps"];
    let [driven, mre, guide] = changed("replay_mp4_weight", |source| {
        source.replay_requests.iter_mut().for_each(|row| row.retain(|name, _| keep.contains(&name.as_str())));
    });
    let replay = |export: &Export| document(export).get("Replay").unwrap().to_text();
    let id = at(&document(&guide), "Replay.Id").unwrap().to_text();
    assert_eq!(replay(&driven), format!(r#"{{"Id": {id}, "AudioTrack": 1}}"#));
    assert_eq!(replay(&mre), replay(&driven));
    assert_eq!(
        replay(&guide),
        format!(
            r#"{{"Id": {id}, "AudioTrack": 1.0, "FeaturesSelected": [], "ReplayFormat": "N/A", "Resolutions": [], "Catchup": "N", "Mp4Location": {{}}, "Mp4ThumbnailLocation": {{}}}}"#
        )
    );
}

#[test]
fn a_clip_without_weight_has_none() {
    let exports = changed("replay_mp4_weight", |source| {
        let Some(Attr::M(priorities)) = source.replay_requests[0].get_mut("Priorities") else {
            panic!("priorities")
        };
        let Some(Attr::L(clips)) = priorities.get_mut("Clips") else { panic!("clips") };
        let Some(Attr::M(clip)) = clips.first_mut() else { panic!("a clip") };
        clip.remove("Weight");
    });
    for export in exports {
        let document = document(&export);
        let [first, second, ..] = at(&document, "Replay.FeaturesSelected").unwrap().items() else {
            panic!("features")
        };
        assert_eq!((first.get("Weight"), second.get("Weight").is_some()), (None, true));
        assert_eq!(export.warnings.count(ExportWarning::RequestFieldMissing), 1);
    }
}

#[test]
fn a_segment_not_optimized_for_the_track_is_matched_by_its_start() {
    let scenario = scenario("replay_optimizer_missing_track");
    let [driven, mre, guide] = exports(&scenario, &scenario.source());
    assert_eq!(header(&driven), "optimizer-track-missing");
    assert!(!starts(&guide).is_empty());
    assert_eq!([starts(&driven), starts(&mre)], [starts(&guide), starts(&guide)]);
}

#[test]
fn a_deleted_event_is_not_found_and_so_is_what_an_update_left_of_it() {
    for scenario in [scenario("event_tennis_optimizer"), scenario("replay_optimizer")] {
        let mut source = scenario.source();
        source.events.clear();
        assert!(matches!(run(scenario.trigger().export(&source)), Err(ExportError::EventNotFound)));
        assert!(matches!(scenario.live(&source, View::Guide), Err(ExportError::EventNotFound)));
    }
    let scenario = scenario("event_tennis_optimizer");
    let mut source = scenario.source();
    source.events[0]
        .retain(|name, _| ["Name", "Program", "EventDataExportLocation"].contains(&name.as_str()));
    assert!(matches!(run(scenario.trigger().export(&source)), Err(ExportError::EventNotFound)));
    assert_eq!(
        header(&scenario.live(&source, View::Guide).unwrap()),
        "audio-tracks-missing, start-missing, id-missing"
    );
}

#[test]
fn an_event_without_any_profile_has_no_segments() {
    let scenario = scenario("replay_no_results");
    let mut source = scenario.source();
    source.profiles.clear();
    source.objects.clear();
    let Trigger::Replay(key) = scenario.trigger() else { panic!("a replay") };
    for view in [View::Guide, View::Mre] {
        let export = run(export_mre::export::export_event(&source, &key.event, view, None)).unwrap();
        assert!(starts(&export).is_empty());
        assert_eq!(header(&export), "profile-missing, stored-export-missing");
        assert_eq!(export.profile_source, None);
    }
}

/// Whether `export` says that its replay's or event's stored export could not be used.
fn warns(export: &Export, code: &str) -> bool {
    header(export).split(", ").any(|known| known == code)
}

#[test]
fn a_stored_export_that_nobody_can_read_costs_a_warning() {
    for name in ["replay_optimizer", "replay_mp4_weight"] {
        let scenario = scenario(name);
        let sound = scenario.live(&scenario.source(), View::Guide).unwrap();
        let mut source = scenario.source();
        source.objects_are_unreadable = true;
        for export in exports(&scenario, &source) {
            assert!(warns(&export, "stored-export-unreadable"), "{name}: {}", header(&export));
            assert_eq!(export.profile_source, Some(ProfileSource::Derived), "{name}");
            assert_eq!(starts(&export), starts(&sound), "{name}");
        }
    }
}

#[test]
fn a_stored_export_that_is_gone_or_no_document_costs_a_warning() {
    for (text, code) in [
        (None, "stored-export-missing"),
        (Some("\u{1f}gzip"), "stored-export-unreadable"),
        (Some("[]"), "stored-export-unreadable"),
    ] {
        for export in changed("replay_optimizer", |source| {
            source.objects = text
                .map(|text| (source.objects.keys().next().unwrap().clone(), text.to_owned()))
                .into_iter()
                .collect();
        }) {
            assert!(warns(&export, code), "{text:?}: {}", header(&export));
            assert_eq!(export.profile_source, Some(ProfileSource::Derived));
        }
    }
}

/// A replay of clips by time, as a search of MRE's interface makes it.
fn timed(source: &mut MemorySource) {
    let text = |text: &str| Attr::S(text.to_owned());
    let number = |text: &str| Attr::N(text.to_owned());
    let clip = |name: &str, start: Attr, end: Attr| {
        Attr::M(Row::from([
            ("Name".to_owned(), text(name)),
            ("StartTime".to_owned(), start),
            ("EndTime".to_owned(), end),
        ]))
    };
    let clips = vec![
        clip("second half", number("300"), number("307.25")),
        clip("opening", text("1.5"), text("9")),
        clip("again", number("300"), number("301")),
    ];
    source.replay_requests[0].extend([
        ("SpecifiedTimestamps".to_owned(), text("300,307.25\n1.5,9\n300,301")),
        ("Priorities".to_owned(), Attr::M(Row::from([("Clips".to_owned(), Attr::L(clips))]))),
    ]);
}

#[test]
fn a_replay_of_clips_by_time_lists_them_in_order() {
    let [driven, mre, guide] = changed("replay_mp4_weight", timed);
    let segment = |start: &str, end: &str| {
        format!(
            r#"{{"Start": {start}, "End": {end}, "OptoStart": {{}}, "OptoEnd": {{}}, "OptimizedClipLocation": {{}}, "OriginalClipLocation": {{}}, "OriginalThumbnailLocation": "", "Feedback": [], "FeaturesFound": []}}"#
        )
    };
    let guides = document(&guide);
    let segments = guides.get("Segments").unwrap().to_text();
    let expected = [segment("300", "307.25"), segment("1.5", "9"), segment("300", "301")].join(", ");
    assert_eq!(segments, format!("[{expected}]"));
    assert_eq!(at(&guides, "Replay.FeaturesSelected").unwrap().to_text(), "[]");
    for export in [&driven, &mre] {
        let document = document(export);
        assert_eq!(
            document.get("Segments").unwrap().items()[1].to_text(),
            r#"{"Start": 1.5, "End": 9, "FeaturesFound": [], "Feedback": []}"#
        );
        assert_eq!(starts(export), ["300", "1.5", "300"]);
        assert_eq!(at(&document, "Replay.FeaturesSelected").unwrap().to_text(), "[]");
    }
    for export in [driven, mre, guide] {
        assert!(warns(&export, "segments-from-timestamps"), "{}", header(&export));
        assert!(!warns(&export, "request-field-missing"), "{}", header(&export));
    }
}

#[test]
fn a_clip_by_time_that_names_an_attribute_is_a_selected_feature() {
    let [_, mre, guide] = changed("replay_mp4_weight", |source| {
        timed(source);
        let named = ["AttribName", "AttribValue"].map(|name| (name.to_owned(), Attr::S("Ace".to_owned())));
        if let Some(Attr::M(priorities)) = source.replay_requests[0].get_mut("Priorities")
            && let Some(Attr::L(clips)) = priorities.get_mut("Clips")
            && let Some(Attr::M(clip)) = clips.get_mut(1)
        {
            clip.extend(named);
        }
    });
    for export in [mre, guide] {
        let document = document(&export);
        let selected = at(&document, "Replay.FeaturesSelected").unwrap();
        assert_eq!(selected.to_text(), r#"[{"FeatureName": "Ace", "FeatureValue": "Ace"}]"#);
    }
}

/// Files every review of the event under track 7, which its row does not list.
fn review_on_track_seven(source: &mut MemorySource, seen: bool) {
    for review in &mut source.feedback {
        let partition = review.get("ProgramEventTrack").and_then(Attr::as_str).unwrap();
        let (names, _) = partition.rsplit_once('#').unwrap();
        let partition = Attr::S(format!("{names}#7"));
        review.extend([
            ("ProgramEventTrack".to_owned(), partition),
            ("AudioTrack".to_owned(), Attr::N("7".to_owned())),
        ]);
    }
    for segment in source.segments.values_mut().flatten().filter(|_| seen) {
        let clips = Attr::M(Row::from([("7".to_owned(), Attr::S("s3://b/clip".to_owned()))]));
        segment.insert("OriginalClipLocation".to_owned(), clips);
    }
}

#[test]
fn feedback_on_a_track_that_only_the_segments_know_is_found() {
    for export in changed("event_feedback", |source| review_on_track_seven(source, true)) {
        assert!(export.text.contains(r#"{"7": {"#), "{}", export.text);
        assert!(!warns(&export, "track-not-listed"), "{}", header(&export));
    }
}

#[test]
fn a_track_that_only_later_segments_know_is_warned_of() {
    let exports = changed("event_feedback", |source| {
        review_on_track_seven(source, true);
        source.page_rows = 1;
        for rows in source.segments.values_mut() {
            rows[0].remove("OriginalClipLocation");
        }
    });
    for export in exports {
        assert!(warns(&export, "track-not-listed"), "{}", header(&export));
    }
}

#[test]
fn feedback_on_a_replays_own_track_is_found() {
    let exports = changed("replay_mp4_weight", |source| {
        let feedback = scenario("event_feedback").source().feedback;
        source.feedback = feedback;
        review_on_track_seven(source, false);
        source.replay_requests[0].insert("AudioTrack".to_owned(), Attr::N("7".to_owned()));
    });
    let shown = exports[1..].iter().filter(|export| export.text.contains(r#"{"7": {"#)).count();
    assert_eq!(shown, 2, "{}", exports[2].text);
}
