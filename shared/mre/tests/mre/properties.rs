//! Whatever the tables hold, both views are complete JSON, and the guide's has its types.

use std::collections::HashSet;

use export_domain::timecode::Rate;
use export_mre::attr::{Attr, Row};
use export_mre::document::{Export, View};
use export_mre::export::{export_event, export_replay, export_replay_from_stored};
use export_mre::format::{EditMedia, Format, Rendering};
use export_mre::keys::{EventKey, ReplayKey, event_export_key};
use export_mre::trigger::Trigger;
use export_mre::warnings::ExportWarning;
use export_testkit::mre::MemorySource;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::run;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,3}",
        "-?[0-9]{1,38}",
        "-?[0-9]{1,5}\\.[0-9]{1,20}",
        "[0-9]{1,3}E[+-]?[0-9]{1,3}",
        Just("9.9999999999999999999999999999999999999E+125".to_owned()),
        "[a-z.]{0,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("-".to_owned()),
        Just("False".to_owned()),
        Just("1".to_owned()),
        "[abc\"\\\\\u{0}\u{1f}\u{7f}\u{85}\u{2028}\u{1f600}#/]{1,6}",
    ]
}

fn attr() -> impl Strategy<Value = Attr> {
    let leaf = prop_oneof![
        text().prop_map(Attr::S),
        number().prop_map(Attr::N),
        any::<bool>().prop_map(Attr::Bool),
        Just(Attr::Null),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Attr::B),
        prop::collection::vec(text(), 0..3).prop_map(Attr::Ss),
        prop::collection::vec(number(), 0..3).prop_map(Attr::Ns),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Attr::L),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(Attr::M),
        ]
    })
}

/// Names that mean something somewhere, and others.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "1",
        "2",
        "Name",
        "Configuration",
        "DependentPlugins",
        "DependentFor",
        "Version",
        "ModelEndpoint",
        "Feedback",
        "Duration",
        "EqualDistribution",
        "ReplayClips",
        "16:9",
        "Clips",
        "AttribName",
        "Label",
        "a",
        "b",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), text()]
}

/// A row with its key, some of `names`, each with a value of the expected kind or any other.
fn row(key: &[(&str, &str)], names: &'static [(&'static str, &'static str)]) -> impl Strategy<Value = Row> {
    let key: Row =
        key.iter().map(|(name, value)| ((*name).to_owned(), Attr::S((*value).to_owned()))).collect();
    let values =
        prop::collection::vec((prop::sample::select(names.to_vec()), 0..3_u8, attr()), 0..names.len() * 2);
    values.prop_map(move |values| {
        let mut row = key.clone();
        for ((name, usual), choice, any) in values {
            let usual = export_mre::json::Json::parse(usual).unwrap();
            let value = if choice == 0 { any } else { Attr::from_dynamo_json(&usual).unwrap() };
            row.insert(name.to_owned(), value);
        }
        row
    })
}

const PLUGIN_ENTRY: &str =
    r#"{"M": {"Name": {"S": "C"}, "DependentPlugins": {"L": [{"M": {"Name": {"S": "D"}}}]}}}"#;

const EVENT: &[(&str, &str)] = &[
    ("Id", r#"{"S": "id"}"#),
    ("Start", r#"{"S": "2026-01-01T00:00:00Z"}"#),
    ("AudioTracks", r#"{"L": [{"N": "1"}, {"S": "2"}]}"#),
    ("Profile", r#"{"S": "P"}"#),
    ("SourceVideoMetadata", r#"{"M": {"x": {"N": "1.50"}}}"#),
    ("ProgramId", r#"{"S": "x"}"#),
    ("TimecodeSource", r#"{"S": "UTC_BASED"}"#),
    ("FrameRate", r#"{"S": "30"}"#),
    ("EventDataExportLocation", r#"{"S": "s3://b/base_event_export/id/id_event_export.json"}"#),
];
const PROFILE: &[(&str, &str)] = &[
    ("Classifier", PLUGIN_ENTRY),
    ("Labeler", PLUGIN_ENTRY),
    ("Optimizer", PLUGIN_ENTRY),
    ("Featurers", r#"{"L": [{"M": {"Name": {"S": "D"}}}, {"M": {"Name": {"S": "C"}}}]}"#),
    ("ChunkSize", r#"{"N": "20"}"#),
];
const PLUGIN: &[(&str, &str)] = &[
    (
        "OutputAttributes",
        r#"{"M": {"a": {"M": {}}, "b": {"M": {}}, "Label": {"M": {}}, "Start": {"M": {}}}}"#,
    ),
    ("SupportedMediaType", r#"{"S": "Video"}"#),
    ("Configuration", r#"{"M": {"k": {"S": "v"}}}"#),
];
const SEGMENT: &[(&str, &str)] = &[
    ("Start", r#"{"N": "1"}"#),
    ("End", r#"{"N": "9.5"}"#),
    ("HourElapsed", r#"{"S": "1"}"#),
    ("OptoStart", r#"{"M": {"1": {"N": "1.5"}}}"#),
    ("OptoEnd", r#"{"M": {"1": {"N": "9"}}}"#),
    ("OptimizedClipLocation", r#"{"M": {"1": {"S": "s3://b/o.mp4"}}}"#),
    ("OriginalClipLocation", r#"{"M": {"1": {"S": "s3://b/c.mp4"}}}"#),
    ("OriginalThumbnailLocation", r#"{"S": "s3://b/t.jpg"}"#),
    ("OptimizedThumbnailLocation", r#"{"S": "s3://b/u.jpg"}"#),
    ("a", r#"{"BOOL": true}"#),
    ("b", r#"{"S": "False"}"#),
];
const FEEDBACK: &[(&str, &str)] = &[
    ("ProgramEventTrack", r#"{"S": "P#E#1"}"#),
    ("ProgramEventClassifierStart", r#"{"S": "P#E#C#1"}"#),
    ("Program", r#"{"S": "P"}"#),
    ("Event", r#"{"S": "E"}"#),
    ("Classifier", r#"{"S": "C"}"#),
    ("Start", r#"{"N": "1"}"#),
    ("AudioTrack", r#"{"N": "1"}"#),
    ("OriginalFeedback", r#"{"M": {"Feedback": {"S": "Like"}}}"#),
    ("OptimizedFeedback", r#"{"M": {"Feedback": {"S": "-"}}}"#),
];
const REQUEST: &[(&str, &str)] = &[
    ("AudioTrack", r#"{"N": "1"}"#),
    ("DurationbasedSummarization", r#"{"M": {"Duration": {"N": "5"}, "EqualDistribution": {"BOOL": true}}}"#),
    (
        "Priorities",
        r#"{"M": {"Clips": {"L": [{"M": {"AttribName": {"S": "a"}, "AttribValue": {"BOOL": true}, "Weight": {"N": "5"}, "Include": {"BOOL": true}}}]}}}"#,
    ),
    ("ClipfeaturebasedSummarization", r#"{"BOOL": true}"#),
    ("CreateMp4", r#"{"BOOL": true}"#),
    ("CreateHls", r#"{"BOOL": true}"#),
    ("Resolutions", r#"{"L": [{"S": "16:9"}]}"#),
    ("Catchup", r#"{"BOOL": true}"#),
    ("HlsLocation", r#"{"S": "-"}"#),
    ("TransitionName", r#"{"S": "Fade"}"#),
    ("Mp4Location", r#"{"M": {"16:9": {"M": {"ReplayClips": {"L": [{"S": "s3://b/k"}]}}}}}"#),
    ("Mp4ThumbnailLocation", r#"{"M": {"16:9": {"M": {"ReplayThumbnails": {"L": [{"S": "s3://b/k"}]}}}}}"#),
];

fn results() -> impl Strategy<Value = Option<String>> {
    let feature = prop::sample::select(vec![
        r#"{"Name": "P | a | true", "AttribName": "a", "PluginName": "P", "AttribValue": true, "Weight": 1e2}"#,
        r#"{"Reason": "ClassifiedSegment manually included"}"#,
        r#"{"Weight": 1e400, "MultiplierChosen": "x", "AttribValue": [1], "Include": 5}"#,
        "NaN",
        r#"{"Weight": "5", "Weight": 7, "Name": "\ud800"}"#,
    ]);
    let result = (0..4_u8, prop::collection::vec(feature, 0..3), prop::option::of(0..3_u8)).prop_map(
        |(start, features, opto)| {
            let opto = opto.map(|start| format!(r#""OptoStart": {start}.5, "#)).unwrap_or_default();
            format!(r#"{{"Start": {start}.0, {opto}"Features": [{}]}}"#, features.join(", "))
        },
    );
    prop_oneof![
        prop::collection::vec(result, 0..6).prop_map(|list| Some(format!("[{}]", list.join(", ")))),
        text().prop_map(Some),
        Just(None),
    ]
}

prop_compose! {
    fn tables()(
        event in row(&[("Name", "E"), ("Program", "P")], EVENT),
        profile in row(&[("Name", "P")], PROFILE),
        classifier in row(&[("Name", "C"), ("Version", "v0")], PLUGIN),
        dependent in row(&[("Name", "D"), ("Version", "v0")], PLUGIN),
        segments in prop::collection::vec(row(&[("PK", "P#E#C")], SEGMENT), 0..6),
        feedback in prop::collection::vec(row(&[("PK", "x")], FEEDBACK), 0..5),
        request in row(&[("PK", "P#E"), ("ReplayId", "r")], REQUEST),
        results in results(),
        page_rows in 1..4_usize,
    ) -> MemorySource {
        let mut source = MemorySource::default();
        source.events.push(event);
        source.profiles.push(profile);
        source.plugins = vec![classifier, dependent];
        for row in segments {
            source.add_segment(row);
        }
        source.feedback = feedback;
        source.replay_requests.push(request);
        source.replay_results.extend(results.map(|text| ("P#E#r".to_owned(), text)));
        source.page_rows = page_rows;
        source.preview_query = Some("q".to_owned());
        source
    }
}

fn json(export: &Export) -> Value {
    serde_json::from_str(&export.text).unwrap_or_else(|error| panic!("{error}: {}", export.text))
}

fn first_occurrences(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn assert_typed_segment(segment: &Value) {
    assert!(segment["Start"].is_number() && segment.get("End").is_none_or(Value::is_number), "{segment}");
    for name in ["OptoStart", "OptoEnd"] {
        assert!(segment[name].as_object().unwrap().values().all(Value::is_number), "{segment}");
    }
    for name in ["OptimizedClipLocation", "OriginalClipLocation"] {
        assert!(segment[name].as_object().unwrap().values().all(Value::is_string), "{segment}");
    }
    assert!(segment["OriginalThumbnailLocation"].is_string(), "{segment}");
    for entry in segment["Feedback"].as_array().unwrap() {
        assert_eq!(entry.as_object().unwrap().len(), 1, "{segment}");
    }
    assert!(segment["FeaturesFound"].is_array(), "{segment}");
}

fn assert_typed_event(event: &Value) {
    for name in ["Name", "Id", "Program", "Start", "ProgramId"] {
        assert!(event[name].is_string(), "{event}");
    }
    assert!(event["AudioTracksFound"].as_array().unwrap().iter().all(Value::is_number), "{event}");
    assert!(event["Profile"].is_object() && event["SourceVideoMetadata"].is_object(), "{event}");
}

fn assert_typed_replay(replay: &Value) {
    for name in ["Id", "ReplayFormat", "Catchup"] {
        assert!(replay[name].is_string(), "{replay}");
    }
    for name in ["Duration", "AudioTrack"] {
        assert!(replay.get(name).is_none_or(Value::is_f64), "{replay}");
    }
    for feature in replay["FeaturesSelected"].as_array().unwrap() {
        assert!(feature["FeatureName"].is_string() && feature["FeatureValue"].is_string(), "{replay}");
    }
    for name in ["Mp4Location", "Mp4ThumbnailLocation"] {
        assert!(replay[name].as_object().unwrap().values().all(Value::is_object), "{replay}");
    }
    strings(&replay["Resolutions"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn both_views_of_any_event_are_json_and_agree_on_the_attributes(source in tables()) {
        let key = EventKey::new("E", "P");
        let [guide, mre] = [View::Guide, View::Mre].map(|view| run(export_event(&source, &key, view, None)).unwrap());
        prop_assert_eq!(&run(export_event(&source, &key, View::Mre, None)).unwrap(), &mre, "same state, same bytes");
        let (guide, mre) = (json(&guide), json(&mre));
        assert_typed_event(&guide["Event"]);
        guide["Segments"].as_array().unwrap().iter().for_each(assert_typed_segment);
        prop_assert_eq!(guide["Segments"].as_array().unwrap().len(), mre["Segments"].as_array().unwrap().len());
        let slots = guide["Event"]["AllOutputAttributes"].as_object().unwrap();
        let slots = ["Optimizer", "Labeler", "Featurer", "Classifier"].iter().filter_map(|slot| slots.get(*slot));
        let flat = first_occurrences(slots.flat_map(strings));
        prop_assert_eq!(flat, first_occurrences(strings(&mre["Event"]["AllOutputAttributes"])));
        for (ours, theirs) in guide["Segments"].as_array().unwrap().iter().zip(mre["Segments"].as_array().unwrap()) {
            prop_assert_eq!(&ours["FeaturesFound"], &theirs["FeaturesFound"]);
        }
    }

    #[test]
    fn every_document_of_any_replay_is_json(mut source in tables()) {
        let key = ReplayKey::new(EventKey::new("E", "P"), "r");
        let guide = json(&run(export_replay(&source, &key, View::Guide)).unwrap());
        assert_typed_event(&guide["Event"]);
        assert_typed_replay(&guide["Replay"]);
        guide["Segments"].as_array().unwrap().iter().for_each(assert_typed_segment);
        let mre = json(&run(export_replay(&source, &key, View::Mre)).unwrap());
        prop_assert_eq!(guide["Segments"].as_array().unwrap().len(), mre["Segments"].as_array().unwrap().len());
        json(&run(export_replay_from_stored(&source, &key)).unwrap());
        let stored = run(export_event(&source, &key.event, View::Mre, None)).unwrap().text;
        source.objects.insert(event_export_key("id"), stored);
        json(&run(export_replay_from_stored(&source, &key)).unwrap());
    }

    #[test]
    fn every_format_of_any_event_and_replay_has_each_segment_once(source in tables(), clips in any::<bool>()) {
        let (event, replay) = (EventKey::new("E", "P"), ReplayKey::new(EventKey::new("E", "P"), "r"));
        let export = |format: Format, is_replay: bool| {
            let mut rendering = Rendering { format, ..View::Guide.into() };
            rendering.edits.fps = Rate::named("25");
            rendering.edits.media = if clips { EditMedia::Clips } else { EditMedia::Event };
            if is_replay {
                run(export_replay(&source, &replay, rendering)).unwrap()
            } else {
                run(export_event(&source, &event, rendering, None)).unwrap()
            }
        };
        for is_replay in [false, true] {
            let document = json(&export(Format::Json, is_replay));
            let segments = document["Segments"].as_array().unwrap();
            let lines = export(Format::Ndjson, is_replay).text;
            let lines: Vec<Value> = lines.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(&lines, segments);
            // A name with a line end is in quotes, and its quotes are doubled.
            let csv = export(Format::Csv, is_replay).text;
            let outside = csv.split('"').step_by(2).map(|part| part.matches("\r\n").count()).sum::<usize>();
            prop_assert_eq!(outside, segments.len() + 1, "{}", csv);
            let edl = export(Format::Edl, is_replay);
            let without = edl.warnings.count(ExportWarning::SegmentWithoutFrames);
            let edits = segments.len() - usize::try_from(without).unwrap();
            let timeline = json(&export(Format::Otio, is_replay));
            for track in timeline["tracks"]["children"].as_array().unwrap() {
                prop_assert_eq!(track["children"].as_array().unwrap().len(), edits);
            }
            let events = edl.text.lines().filter(|line| line.starts_with(|sign: char| sign.is_ascii_digit())).count();
            let split = edl.warnings.count(ExportWarning::TimecodeWrapped) > 0;
            prop_assert!(if split { events > edits } else { events == edits }, "{}", edl.text);
            let vtt = export(Format::Vtt, is_replay);
            let without = vtt.warnings.count(ExportWarning::SegmentWithoutFrames);
            prop_assert_eq!(vtt.text.matches(" --> ").count() + usize::try_from(without).unwrap(), segments.len());
        }
    }

    #[test]
    fn no_trigger_text_panics(text in "\\PC{0,40}", body in r#"[{}":,a-zA-Z\[\]0-9]{0,40}"#) {
        let _ = Trigger::parse(&text);
        let _ = Trigger::parse(&format!(r#"{{"detail": {{"Event": {body}}}}}"#));
    }
}
