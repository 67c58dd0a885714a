//! Every scenario that MRE survives: its bytes, keys, attributes and events. Every scenario of the guide: its tokens.

use export_mre::attr::Attr;
use export_mre::document::{View, blob};
use export_mre::export::{stored_event, stored_replay};
use export_mre::json::Json;
use export_mre::keys::object_key;
use export_mre::trigger::Trigger;
use export_testkit::mre::MemorySource;
use sha2::{Digest, Sha256};

use crate::order::{by_name, unordered};
use crate::support::{Scenario, run, scenario, scenarios};

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn ok_scenarios() -> Vec<Scenario> {
    let all: Vec<Scenario> = scenarios().into_iter().filter(Scenario::is_ok).collect();
    assert!(all.len() >= 21, "only {} scenarios", all.len());
    all
}

#[test]
fn reading_and_writing_gives_the_bytes_that_python_wrote() {
    for scenario in ok_scenarios() {
        let text = scenario.get("expected.document").unwrap().to_text();
        let sum = scenario.get("expected.document_sha256").and_then(Json::as_str);
        assert_eq!(Some(sha256(&text).as_str()), sum, "{}", scenario.name);
    }
}

#[test]
fn the_event_driven_export_writes_the_bytes_that_mre_writes() {
    for scenario in ok_scenarios() {
        let mut source = scenario.source();
        source.preview_query = Some("<SIGV4-QUERY>".to_owned());
        let trigger = scenario.trigger();
        let export = run(trigger.export(&source)).unwrap();
        let expected = by_name(scenario.get("expected.document").unwrap().clone(), &source.plugins);
        assert_eq!(export.text, expected.to_text(), "{}", scenario.name);
        let location = scenario.get("expected.document_location").and_then(Json::as_str).unwrap();
        assert_eq!(Some(trigger.object_key(&export).as_str()), object_key(location), "{}", scenario.name);
    }
}

#[test]
fn previews_are_left_out_unless_switched_on() {
    let scenario = scenario("replay_clip_feature_include");
    let export = run(scenario.trigger().export(&scenario.source())).unwrap();
    assert!(!export.text.contains("PreviewVideoUrl"));
}

#[test]
fn sets_the_attribute_and_tells_the_event_that_mre_does() {
    for scenario in ok_scenarios() {
        let trigger = scenario.trigger();
        let location = scenario.get("expected.document_location").and_then(Json::as_str).unwrap();
        let [update] = scenario.get("expected.table_updates").unwrap().items() else { panic!("one update") };
        let set = format!(r#"{{"{}": {{"S": "{location}"}}}}"#, trigger.location_attribute());
        assert_eq!(update.get("set").unwrap().to_text(), set);
        let [event] = scenario.get("expected.events_emitted").unwrap().items() else { panic!("one event") };
        let told = trigger.exported(location, 1024 * 1024);
        assert_eq!(event.get("Source").and_then(Json::as_str), Some("awsmre"));
        assert_eq!(event.get("DetailType").and_then(Json::as_str), Some(told.detail_type));
        assert_eq!(event.get("Detail").unwrap().to_text(), told.detail, "{}", scenario.name);
    }
}

#[test]
fn a_stored_export_is_found_by_its_row() {
    for scenario in ok_scenarios() {
        let mut source = scenario.source();
        let trigger = scenario.trigger();
        let export = run(trigger.export(&source)).unwrap();
        let location = format!("s3://any/{}", trigger.object_key(&export));
        let rows = if matches!(trigger, Trigger::Event { .. }) {
            &mut source.events
        } else {
            &mut source.replay_requests
        };
        rows[0].insert(trigger.location_attribute().to_owned(), Attr::S(location));
        source.objects.insert(trigger.object_key(&export), export.text.clone());
        let stored = |source: &MemorySource| match &trigger {
            Trigger::Event { key, .. } => run(stored_event(source, key)).unwrap().text().map(str::to_owned),
            Trigger::Replay(key) => run(stored_replay(source, key)).unwrap().text().map(str::to_owned),
        };
        assert_eq!(stored(&source), Some(export.text), "{}", scenario.name);
        source.objects.clear();
        assert_eq!(stored(&source), None, "expired");
    }
}

#[test]
fn mres_own_route_answers_the_document_as_a_blob() {
    for scenario in ok_scenarios() {
        let answer = scenario.get("expected.get_export_response").unwrap();
        let text = scenario.get("expected.document").unwrap().to_text();
        let read = Json::parse(&blob(&format!("{text}\n"))).unwrap();
        assert_eq!(read.get("BlobContent").and_then(Json::as_str), Some(format!("{text}\n").as_str()));
        let has_previews = text.contains("PreviewVideoUrl");
        let is_intact = answer.get("blob_is").and_then(Json::as_str) == Some("document text + \"\\n\"");
        if is_intact && !has_previews {
            let bytes = answer.get("response_body_bytes").and_then(Json::as_number);
            assert_eq!(
                bytes,
                Some(blob(&format!("{text}\n")).len().to_string().as_str()),
                "{}",
                scenario.name
            );
        }
    }
}

#[test]
fn the_guides_view_has_the_tokens_of_every_scenario_of_the_guide() {
    let mut seen = 0;
    for scenario in scenarios() {
        let Some(expected) = scenario.get("guide") else { continue };
        let export = scenario.live(&scenario.source(), View::Guide).unwrap();
        let document = Json::parse(&export.text).unwrap();
        assert_eq!(document.to_text(), export.text, "{}: our text is canonical", scenario.name);
        let (ours, theirs) = (unordered(document), unordered(expected.clone()));
        assert_eq!(ours.to_text(), theirs.to_text(), "{}", scenario.name);
        seen += 1;
    }
    assert_eq!(seen, 21);
}
