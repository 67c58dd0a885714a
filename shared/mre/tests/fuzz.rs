//! Fuzz target: whatever MRE's bus and tables say, their readers neither panic nor hang, and take no more memory than
//! their input accounts for. `export-fuzz` says how it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use export_domain::batch::segments::{SegmentChoice, clips};
use export_domain::batch::{Base, Fault, SpanBounds};
use export_domain::json;
use export_domain::time::{EpochMs, Millis};
use export_fuzz::values::texts;
use export_fuzz::{config, measured};
use export_mre::attr::{Attr, Row, row_from_dynamo_json};
use export_mre::body::DocumentBody;
use export_mre::document::View;
use export_mre::feedback::Feedback;
use export_mre::format::{Format, Rendering};
use export_mre::json::Json;
use export_mre::keys::EventKey;
use export_mre::model::{ClassifiedSegment, Event};
use export_mre::outputs::Outputs;
use export_mre::segments;
use export_mre::trigger::Trigger;
use export_testkit::mre::scenario;
use proptest::prelude::*;
use serde_json::Value;

/// What any call may hold besides what its input and output account for.
const FIXED: usize = 64 << 10;

/// What a value in memory takes for each byte of its text, at most.
const PER_BYTE: usize = 80;

fn triggers_of_mre() -> Vec<Value> {
    ["event_feedback", "replay_before_event_export"]
        .map(|name| serde_json::from_str(&scenario(name).trigger_text()).unwrap())
        .to_vec()
}

/// Documents of an event and of a replay, in both views.
fn documents_of_mre() -> Vec<Value> {
    let known = ["event_feedback", "replay_mp4_weight"].map(scenario);
    let parts = known.iter().flat_map(|scenario| [scenario.get("expected.document"), scenario.get("guide")]);
    parts.map(|part| serde_json::from_str(&part.unwrap().to_text()).unwrap()).collect()
}

/// Values that options know, and others.
fn option() -> impl Strategy<Value = String> {
    let known =
        ["0", "1", "2", "best", "optimized", "original", "event", "clips", "replay", "25", "29.97", "59.94"];
    prop_oneof![
        3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => "[0-2][0-9]:[0-6][0-9]:[0-6][0-9][:;][0-9]{2}",
        1 => "\\PC{0,14}",
    ]
}

/// Numbers that are times, and others.
fn time() -> impl Strategy<Value = Attr> {
    let number = prop_oneof![
        3 => "[0-9]{1,5}(\\.[0-9]{1,3})?",
        1 => "-?[0-9]{1,12}(\\.[0-9]{1,20})?(E-?[0-9]{1,3})?",
    ];
    number.prop_map(Attr::N)
}

prop_compose! {
    fn segment()(start in time(), end in time(), opto in prop::option::of((time(), time()))) -> Row {
        let mut row = Row::from([("Start".to_owned(), start), ("End".to_owned(), end)]);
        if let Some((start, end)) = opto {
            row.insert("OptoStart".to_owned(), Attr::M(Row::from([("1".to_owned(), start)])));
            row.insert("OptoEnd".to_owned(), Attr::M(Row::from([("1".to_owned(), end)])));
        }
        row
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn options(
        format in prop::sample::select(Format::ALL.to_vec()),
        given in prop::collection::btree_map(prop::sample::select(Rendering::OPTIONS.to_vec()), option(), 0..4),
        [name, start, rate] in ["\\PC{0,40}", "[0-9T:.-]{0,30}", "[0-9.]{0,6}"],
        segments in prop::collection::vec(segment(), 0..6),
    ) {
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let Ok(rendering) = Rendering::read(format, View::Guide, &given) else { return Ok(()) };
        let text = |value: &str| Attr::S(value.to_owned());
        let row = [("Start", text(&start)), ("FrameRate", text(&rate)), ("TimecodeSource", text("UTC_BASED"))];
        let row = row.map(|(name, value)| (name.to_owned(), value)).into();
        let event = Event::from_row(EventKey::new(name, "P"), row);
        let Ok(mut body) = DocumentBody::new(&rendering, &event, None) else { return Ok(()) };
        let (outputs, feedback) = (Outputs::default(), Feedback::default());
        let (length, peak) = measured(|| {
            body.event(&event, &outputs, None);
            body.segments();
            for row in segments {
                if let Ok(segment) = ClassifiedSegment::from_row(row, &outputs) {
                    body.segment(&segment, &outputs, &feedback);
                }
            }
            body.finish().0.len()
        });
        prop_assert!(peak <= FIXED + 3 * length, "{} bytes for {}", peak, length);
    }

    #[test]
    fn documents(text in texts(documents_of_mre(), &["Event", "Segments", "Start", "End", "OptoStart", "Feedback", "Replay"])) {
        let Ok(document) = json::parse(text.as_bytes(), false) else { return Ok(()) };
        let (read, peak) = measured(|| segments::read(&document, "/document"));
        prop_assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
        let Ok(found) = read else { return Ok(()) };
        let bounds = SpanBounds {
            base: Base::default(),
            max_duration_ms: Millis::from_hours(4),
            latest_ms: EpochMs::new(4_000_000_000_000),
            max_ahead_days: 30,
            most_clips: 500,
        };
        let choice = SegmentChoice { is_zero_event_start: true, ..SegmentChoice::default() };
        let (listed, peak) = measured(|| clips(&found, &choice, &bounds, "/document"));
        prop_assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
        match listed {
            Ok(listed) => {
                prop_assert!(listed.clips.len() + listed.skipped.len() <= found.segments.len());
                for clip in listed.clips {
                    prop_assert!((Millis::new(1)..=Millis::from_hours(4)).contains(&clip.span.duration_ms));
                    prop_assert!(clip.span.start_pos_ms >= EpochMs::ZERO);
                }
            }
            Err(faults) => {
                let known = |fault: &Fault| fault.pointer == "/zero" || fault.pointer.starts_with("/document/Segments/");
                prop_assert!(!faults.is_empty() && faults.iter().all(known), "{faults:?}");
            }
        }
    }

    #[test]
    fn triggers(text in texts(triggers_of_mre(), &["detail", "EventType", "EventInfo", "Name", "Profile"])) {
        let (read, peak) = measured(|| Json::parse(&text));
        prop_assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
        let Ok(read) = read else { return Ok(()) };
        prop_assert_eq!(Json::parse(&read.to_text()), Ok(read.clone()));
        let _ = row_from_dynamo_json(&read);
        if let Ok(Some(trigger)) = Trigger::parse(&text) {
            for told in [trigger.exported("s3://b/k", 256 * 1024), trigger.failed("code", "message")] {
                serde_json::from_str::<Value>(&told.detail).unwrap();
            }
        }
    }
}
