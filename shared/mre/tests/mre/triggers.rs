//! Triggers, and what is told afterwards.

use export_domain::ports::Notification;
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::trigger::{Trigger, TriggerError};

/// Bytes of an entry that the bus refuses.
const LIMIT: usize = 256 * 1024;

fn trigger(body: &str) -> Result<Option<Trigger>, TriggerError> {
    Trigger::parse(&format!(r#"{{"detail": {{"State": "x", "Event": {body}}}}}"#))
}

fn event_trigger(info: &str) -> Trigger {
    trigger(&format!(r#"{{"EventType": "EVENT_CLIP_GEN", "EventInfo": {info}}}"#)).unwrap().unwrap()
}

#[test]
fn reads_both_kinds_and_ignores_the_rest() {
    let event =
        event_trigger(r#"{"Event": {"Name": "E/1", "Program": "P"}, "Profile": {"Name": "p", "x": 5.0}}"#);
    assert!(matches!(&event, Trigger::Event { key, .. } if *key == EventKey::new("E/1", "P")));
    assert_eq!(event.profile().unwrap().to_text(), r#"{"Name": "p", "x": 5.0}"#);
    for kind in ["REPLAY_GEN_DONE", "REPLAY_GEN_DONE_WITH_CLIP"] {
        let body = format!(r#"{{"EventType": "{kind}", "Event": "E", "Program": "P", "ReplayId": "r"}}"#);
        assert_eq!(trigger(&body), Ok(Some(Trigger::Replay(ReplayKey::new(EventKey::new("E", "P"), "r")))));
    }
    for other in [r#"{"EventType": "EVENT_DATA"}"#, "{}", r#"{"EventType": 1}"#] {
        assert_eq!(trigger(other), Ok(None));
    }
}

#[test]
fn a_trigger_that_names_nothing_is_an_error() {
    assert_eq!(Trigger::parse("{"), Err(TriggerError::NotJson));
    assert_eq!(Trigger::parse("{}"), Err(TriggerError::Lacks("detail.Event")));
    for (body, lack) in [
        (r#"{"EventType": "EVENT_CLIP_GEN"}"#, "EventInfo"),
        (r#"{"EventType": "EVENT_CLIP_GEN", "EventInfo": {}}"#, "EventInfo.Event"),
        (r#"{"EventType": "EVENT_CLIP_GEN", "EventInfo": {"Event": {"Name": "a"}}}"#, "Program"),
        (r#"{"EventType": "REPLAY_GEN_DONE", "Event": "E", "Program": "P"}"#, "ReplayId"),
        (r#"{"EventType": "REPLAY_GEN_DONE", "Event": {}, "Program": "P", "ReplayId": "r"}"#, "Event"),
    ] {
        assert_eq!(trigger(body), Err(TriggerError::Lacks(lack)));
    }
}

fn info_of(told: &Notification) -> Json {
    let detail = Json::parse(&told.detail).unwrap();
    detail.get("Event").and_then(|event| event.get("EventInfo")).unwrap().clone()
}

/// `EventInfo` with parts of the given sizes in bytes.
fn sized(segments: usize, input: usize, other: usize, event: usize) -> Trigger {
    let text = |bytes: usize| "x".repeat(bytes);
    event_trigger(&format!(
        r#"{{"GenerateOriginal": true, "Event": {{"Name": "E", "Program": "P", "More": "{}"}}, "Input": "{}", "Other": "{}", "Segments": "{}", "Profile": {{"Name": "p"}}}}"#,
        text(event),
        text(input),
        text(other),
        text(segments),
    ))
}

#[test]
fn an_entry_that_fits_echoes_everything() {
    let trigger = sized(200_000, 1_000, 0, 0);
    let Trigger::Event { info, .. } = &trigger else { panic!("an event") };
    let told = trigger.exported("s3://b/k", LIMIT);
    assert_eq!(info_of(&told), *info);
    assert!(told.entry_bytes() < LIMIT);
}

#[test]
fn an_entry_that_is_too_large_leaves_out_the_segments_first() {
    let names = |told: &Notification| -> Vec<String> {
        let info = info_of(told);
        info.members().iter().map(|(name, _)| name.clone()).collect()
    };
    let told = |trigger: Trigger| {
        let told = trigger.exported("s3://b/k", LIMIT);
        assert!(told.entry_bytes() < LIMIT, "{}", told.entry_bytes());
        told
    };
    let without_segments = told(sized(300_000, 1_000, 1_000, 0));
    assert_eq!(
        names(&without_segments),
        ["GenerateOriginal", "Event", "Input", "Other", "Profile", "Reduced"]
    );
    assert_eq!(info_of(&without_segments).get("Reduced").unwrap().to_text(), r#"["Segments"]"#);
    let without_other = told(sized(100_000, 100_000, 300_000, 0));
    assert_eq!(names(&without_other), ["GenerateOriginal", "Event", "Profile", "Reduced"]);
    let names_only = told(sized(0, 0, 0, 300_000));
    assert_eq!(info_of(&names_only).get("Event").unwrap().to_text(), r#"{"Name": "E", "Program": "P"}"#);
    assert!(names_only.detail.contains(r#""EventExportS3Location": "s3://b/k""#));
}

#[test]
fn the_limit_is_met_to_the_byte() {
    let size = |segments| sized(segments, 0, 0, 0).exported("s3://b/k", LIMIT).entry_bytes();
    let free = LIMIT - 1 - size(0);
    assert_eq!(size(free), LIMIT - 1);
    assert!(size(free + 1) < 1_000, "reduced");
    assert!(
        sized(free + 1, 0, 0, 0).exported("s3://b/k", 4 * LIMIT).entry_bytes() >= LIMIT,
        "the limit is a setting"
    );
}

#[test]
fn a_failure_names_what_failed() {
    let event = event_trigger(r#"{"Event": {"Name": "E", "Program": "P", "Start": "x"}, "Segments": [1]}"#);
    let told = event.failed("event-not-found", "event not found");
    assert_eq!(told.detail_type, "Base Event Data Export Failed");
    assert_eq!(
        told.detail,
        r#"{"State": "BASE_EVENT_DATA_EXPORT_FAILED", "Event": {"EventInfo": {"Event": {"Name": "E", "Program": "P"}}, "ErrorCode": "event-not-found", "ErrorMessage": "event not found", "EventType": "EVENT_DATA"}}"#
    );
    let replay = Trigger::Replay(ReplayKey::new(EventKey::new("E", "P"), "r"));
    assert_eq!(
        replay.failed("c", "m").detail,
        r#"{"State": "BASE_REPLAY_DATA_EXPORT_FAILED", "Event": {"Event": "E", "Program": "P", "ReplayId": "r", "ErrorCode": "c", "ErrorMessage": "m", "EventType": "REPLAY_DATA_EXPORT"}}"#
    );
}
