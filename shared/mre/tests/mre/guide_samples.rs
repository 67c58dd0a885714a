//! The guide's two samples, rendered from rows written by hand, and its single values.

use export_mre::document::View;
use export_mre::export::{export_event, export_replay};
use export_mre::guide::write_result_features;
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::number;
use export_mre::writer::Writer;
use export_testkit::mre::MemorySource;

use crate::order::unordered;
use crate::support::{data, gunzip, run};

fn source(file: &str) -> MemorySource {
    MemorySource::from_tables(&Json::parse(&data(file)).unwrap(), gunzip).unwrap()
}

fn assert_renders(text: &str, sample: &str) {
    let sample = Json::parse(&data(sample)).unwrap();
    assert_eq!(unordered(Json::parse(text).unwrap()).to_text(), unordered(sample).to_text());
}

#[test]
fn rows_of_the_event_sample_render_it() {
    let source = source("guide_event_tables.json");
    let export = run(export_event(&source, &EventKey::new("", ""), View::Guide, None)).unwrap();
    assert_renders(&export.text, "guide_event_sample.json");
}

#[test]
fn rows_of_the_replay_sample_render_it() {
    let mut source = source("guide_replay_tables.json");
    let key = ReplayKey::new(EventKey::new("", ""), "2eae3581-5057-4274-a5c2-1d6cc4e10dab");
    source.replay_results.insert(key.results_partition(), data("guide_replay_results.json"));
    let export = run(export_replay(&source, &key, View::Guide)).unwrap();
    assert_renders(&export.text, "guide_replay_sample.json");
    assert_eq!(export.warnings.header(), None);
}

/// The one feature that a result with `feature` shows.
fn feature_text(feature: &Json, choice: &str) -> String {
    let mut writer = Writer::default();
    write_result_features(&Json::Array(vec![feature.clone()]), choice, &mut writer);
    let text = writer.into_text();
    text[1..text.len() - 1].to_owned()
}

fn member_of(feature: &Json, name: &str) -> String {
    Json::parse(&feature_text(feature, "Weight")).unwrap().get(name).unwrap().to_text()
}

#[test]
fn single_values_have_the_guides_tokens() {
    let object = |members: &[(&str, &Json)]| {
        Json::Object(members.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect())
    };
    let vectors = data("vectors.jsonl");
    for vector in vectors.lines().map(|line| Json::parse(line).unwrap()) {
        let value = |name| vector.get(name);
        let token = match value("rule").and_then(Json::as_str).unwrap() {
            "N1" => number::plain(value("dynamodb_N").and_then(Json::as_str).unwrap()).unwrap().into_owned(),
            "N2" => number::float(value("dynamodb_N").and_then(Json::as_str).unwrap()).unwrap(),
            "V1" => member_of(&object(&[("AttribValue", value("json").unwrap())]), "AttribValue"),
            "M1" => member_of(&object(&[("Weight", value("weight").unwrap())]), "MultiplierChosen"),
            "M1 recorded" => member_of(
                &object(&[
                    ("Weight", value("weight").unwrap()),
                    ("MultiplierChosen", value("recorded").unwrap()),
                ]),
                "MultiplierChosen",
            ),
            "feature" => {
                let include = value("include_mode") == Some(&Json::Bool(true));
                feature_text(value("json").unwrap(), if include { "Include" } else { "Weight" })
            }
            rule => panic!("unknown rule {rule}"),
        };
        assert_eq!(Some(token.as_str()), value("token").and_then(Json::as_str), "{}", vector.to_text());
    }
    assert!(vectors.lines().count() >= 49);
}

#[test]
fn the_note_of_a_manual_inclusion_is_no_feature() {
    let note = Json::parse(r#"{"Reason": "ClassifiedSegment manually included"}"#).unwrap();
    assert_eq!(feature_text(&note, "Weight"), "");
}
