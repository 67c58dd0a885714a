//! Fuzz target: whatever MRE's bus and tables say, their readers neither panic nor hang, and take no more memory than
//! their input accounts for. `export-fuzz` says how it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use export_fuzz::values::texts;
use export_fuzz::{config, measured};
use export_mre::attr::row_from_dynamo_json;
use export_mre::json::Json;
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

proptest! {
    #![proptest_config(config())]

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
