//! Single rules that the golden scenarios do not reach.

use export_mre::document::View;
use export_mre::export::{export_event, export_replay};
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_testkit::mre::MemorySource;

use crate::support::{gunzip, run};

const PROFILE: &str = r#"{"Classifier": {"Name": "C"}, "Labeler": {"Name": "L"}}"#;
const PLUGINS: &str = r#"{"Name": {"S": "C"}, "Version": {"S": "v0"}, "OutputAttributes": {"M": {"Start": {"M": {}}}}},
    {"Name": {"S": "L"}, "Version": {"S": "v0"}, "OutputAttributes": {"M": {"b": {"M": {}}, "a": {"M": {}}}}}"#;

/// Tables with the given members of the event, of one segment and of one replay request.
fn source(event: &str, segment: &str, request: &str) -> MemorySource {
    let text = format!(
        r#"{{"Event": {{"Items": [{{"Name": {{"S": "E"}}, "Program": {{"S": "P"}}{event}}}]}},
            "Plugin": {{"Items": [{PLUGINS}]}},
            "PluginResult": {{"Items": [{{"PK": {{"S": "P#E#C"}}{segment}}}]}},
            "ReplayRequest": {{"Items": [{{"PK": {{"S": "P#E"}}, "ReplayId": {{"S": "r"}}{request}}}]}}}}"#
    );
    let mut source = MemorySource::from_tables(&Json::parse(&text).unwrap(), gunzip).unwrap();
    source.trigger_profiles.push((EventKey::new("E", "P"), PROFILE.to_owned()));
    source
}

/// One member of both views of the event, the guide's first, and the warnings of the guide's.
fn event(event: &str, member: &str) -> [String; 3] {
    let source = source(event, "", "");
    shown(
        |view| run(export_event(&source, &EventKey::new("E", "P"), view, None)),
        |document| document.get("Event").and_then(|event| event.get(member)),
    )
}

/// The segment in both views, the guide's first, and the warnings of the guide's.
fn segment(segment: &str) -> [String; 3] {
    let source = source("", segment, "");
    shown(
        |view| run(export_event(&source, &EventKey::new("E", "P"), view, None)),
        |document| document.get("Segments")?.items().first(),
    )
}

/// The replay in both views, the guide's first, and the warnings of the guide's.
fn replay(request: &str) -> [String; 3] {
    let source = source("", "", request);
    let key = ReplayKey::new(EventKey::new("E", "P"), "r");
    shown(|view| run(export_replay(&source, &key, view)), |document| document.get("Replay"))
}

fn shown<E: std::fmt::Debug>(
    export: impl Fn(View) -> Result<export_mre::document::Export, E>,
    part: impl Fn(&Json) -> Option<&Json>,
) -> [String; 3] {
    let exports = [View::Guide, View::Mre].map(|view| export(view).unwrap());
    let warnings = exports[0].warnings.header().unwrap_or_default();
    let [guide, mre] = exports.map(|export| {
        let document = Json::parse(&export.text).unwrap();
        part(&document).map(Json::to_text).unwrap_or_default()
    });
    [guide, mre, warnings]
}

#[test]
fn a_bare_segment_has_the_guides_empty_values_and_mres_missing_keys() {
    let [guide, mre, _] = segment(r#", "Start": {"N": "5.0"}, "End": {"N": "0.00001"}"#);
    assert_eq!(
        guide,
        r#"{"Start": 5, "End": 1e-05, "OptoStart": {}, "OptoEnd": {}, "OptimizedClipLocation": {}, "OriginalClipLocation": {}, "OriginalThumbnailLocation": "", "FeaturesFound": ["Start"], "Feedback": []}"#
    );
    assert_eq!(mre, r#"{"Start": 5, "End": 1e-05, "FeaturesFound": ["Start"], "Feedback": []}"#);
}

#[test]
fn mre_shows_optimized_borders_together_only() {
    let [guide, mre, _] = segment(
        r#", "Start": {"N": "0"}, "End": {"N": "1"}, "OptoStart": {"M": {"10": {"N": "2"}, "2": {"N": "1.50"}}}, "HourElapsed": {"S": "1"}"#,
    );
    assert!(guide.contains(r#""OptoStart": {"10": 2, "2": 1.5}, "OptoEnd": {}"#), "{guide}");
    assert_eq!(mre, r#"{"Start": 0, "End": 1, "HourElapsed": "1", "FeaturesFound": [], "Feedback": []}"#);
}

#[test]
fn an_empty_optimized_picture_is_left_out_of_the_guides_view() {
    let [guide, mre, _] =
        segment(r#", "Start": {"N": "0"}, "End": {"N": "1"}, "OptimizedThumbnailLocation": {"S": ""}"#);
    assert!(!guide.contains("OptimizedThumbnailLocation"));
    assert!(mre.contains(r#""OptimizedThumbnailLocation": """#));
}

#[test]
fn features_are_what_python_takes_for_true_in_the_order_of_the_attributes() {
    let [guide, mre, _] =
        segment(r#", "Start": {"N": "0"}, "End": {"N": "1"}, "b": {"S": "False"}, "a": {"L": [{"N": "0"}]}"#);
    for text in [guide, mre] {
        assert!(text.contains(r#""FeaturesFound": ["a", "b"]"#), "{text}");
    }
}

#[test]
fn values_of_another_type_are_left_out_of_the_guides_view_and_counted() {
    let [guide, mre, warnings] = segment(
        r#", "Start": {"N": "0"}, "End": {"S": "late"}, "OriginalClipLocation": {"M": {"1": {"N": "1"}, "2": {"S": "s3://b/k"}}},
            "OriginalThumbnailLocation": {"L": []}"#,
    );
    assert!(guide.starts_with(r#"{"Start": 0, "OptoStart""#), "{guide}");
    assert!(
        guide.contains(r#""OriginalClipLocation": {"2": "s3://b/k"}, "OriginalThumbnailLocation": "", "#)
    );
    assert!(
        mre.starts_with(r#"{"Start": 0, "End": "late", "OriginalClipLocation": {"1": 1, "2": "s3://b/k"}"#)
    );
    assert!(warnings.ends_with("value-of-other-type"), "{warnings}");
}

#[test]
fn audio_tracks_are_numbers_in_the_guides_view() {
    let tracks = r#", "AudioTracks": {"L": [{"S": "1"}, {"N": "2.0"}, {"S": "eng"}]}"#;
    let [guide, mre, warnings] = event(tracks, "AudioTracksFound");
    assert_eq!([guide.as_str(), mre.as_str()], ["[1, 2]", r#"["1", 2, "eng"]"#]);
    assert!(warnings.ends_with("value-of-other-type"));
}

#[test]
fn the_timecode_source_is_mres_only() {
    let [guide, mre, _] = event("", "EmbeddedTimecodeSource");
    assert_eq!([guide.as_str(), mre.as_str()], ["", r#""NOT_EMBEDDED""#]);
}

#[test]
fn a_pending_stream_is_a_dash_for_mre_and_empty_in_the_guide() {
    let [guide, mre, _] = replay(
        r#", "AudioTrack": {"N": "1"}, "CreateHls": {"BOOL": true}, "CreateMp4": {"BOOL": false},
            "HlsLocation": {"S": "-"}, "HlsThumbnailLoc": {"S": "s3://b/t"}, "Mp4Location": {"M": {}}"#,
    );
    assert!(guide.contains(r#""ReplayFormat": "Hls""#));
    assert!(guide.ends_with(
        r#""HlsThumbnailLoc": "s3://b/t", "HlsLocation": "", "Mp4Location": {}, "Mp4ThumbnailLocation": {}}"#
    ));
    assert!(
        mre.ends_with(r#""ReplayFormat": "Hls", "HlsThumbnailLoc": "s3://b/t", "HlsLocation": "-"}"#),
        "{mre}"
    );
}

#[test]
fn both_formats_are_called_mp4_and_have_both_locations() {
    let [guide, mre, _] = replay(
        r#", "CreateHls": {"BOOL": true}, "CreateMp4": {"BOOL": true}, "HlsLocation": {"S": "s3://b/h"}, "HlsThumbnailLoc": {"S": "-"},
            "Mp4Location": {"M": {"9:16": {"M": {"ReplayClips": {"L": [{"S": "s3://b/k"}]}, "Other": {"N": "1"}}}}}, "Mp4ThumbnailLocation": {"M": {}}"#,
    );
    assert!(guide.ends_with(
        r#""HlsThumbnailLoc": "", "HlsLocation": "s3://b/h", "Mp4Location": {"9:16": {"ReplayClips": ["s3://b/k"]}}, "Mp4ThumbnailLocation": {}}"#
    ));
    assert!(mre.ends_with(
        r#""ReplayFormat": "Mp4", "HlsThumbnailLoc": "-", "HlsLocation": "s3://b/h", "Mp4Location": {"9:16": {"Other": 1, "ReplayClips": ["s3://b/k"]}}, "Mp4ThumbnailLocation": {}}"#
    ));
}

#[test]
fn a_selected_feature_counts_by_weight_or_by_inclusion() {
    let clips = r#", "Priorities": {"M": {"Clips": {"L": [{"M": {"AttribName": {"S": "a"}, "AttribValue": {"S": "true"}, "Weight": {"N": "7.50"}, "Include": {"BOOL": false}}}, {"S": "x"}]}}}"#;
    let [guide, mre, warnings] = replay(clips);
    assert!(guide.contains(r#"[{"FeatureName": "a", "FeatureValue": "True", "Weight": 7.5}]"#));
    assert!(mre.contains(r#"[{"FeatureName": "a", "FeatureValue": "true", "Weight": 7.5}]"#));
    assert!(warnings.contains("value-of-other-type"), "the clip that is a text");
    let [guide, mre, _] = replay(&format!(r#"{clips}, "ClipfeaturebasedSummarization": {{"BOOL": true}}"#));
    assert!(guide.contains(r#"[{"FeatureName": "a", "FeatureValue": "True", "Include": false}]"#));
    assert!(mre.contains(r#"[{"FeatureName": "a", "FeatureValue": "true", "Include": false}]"#));
}

#[test]
fn a_duration_without_distribution_is_not_distributed_in_the_guide() {
    let [guide, mre, warnings] = replay(r#", "DurationbasedSummarization": {"M": {"Duration": {"N": "5"}}}"#);
    assert!(guide.starts_with(r#"{"Duration": 5.0, "EqualDistribution": "N", "Id": "r""#));
    assert!(mre.starts_with(r#"{"Duration": 5, "Id": "r""#));
    assert!(warnings.contains("request-field-missing"));
}
