//! What tables and queues hand over.

use crate::FIXED;
use export_domain::completion::notification;
use export_domain::job::Job;
use export_domain::message::{Message, VERSION};
use export_domain::resource::resource;
use export_fuzz::values::texts;
use export_fuzz::{config, measured};
use export_testkit::{NOW, body, claimed, job, ready, tenant, thumbnail_body, with};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a value in memory takes for each byte of its text, at most.
const PER_BYTE: usize = 80;

fn jobs() -> Vec<Value> {
    let clip = job(&tenant(), &body(), NOW);
    let picture = claimed(&job(&tenant(), &thumbnail_body(), NOW), NOW);
    [clip.clone(), ready(&claimed(&clip, NOW), NOW), ready(&picture, NOW), picture]
        .map(|job| with(serde_json::to_value(&job).unwrap(), "resends", 3))
        .to_vec()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn messages(text in texts(vec![json!({"v": 1, "tenant": "demo", "job_id": "a".repeat(32), "generation": 1})],
        &["v", "tenant", "job_id", "generation"]))
    {
        let (message, peak) = measured(|| Message::decode(&text));
        prop_assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
        if let Ok(message) = message {
            prop_assert_eq!(message.v, VERSION);
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn items(text in texts(jobs(), &["state", "failure", "staged", "video", "plan", "resends", "expires_at", "trace"])) {
        let (job, peak) = measured(|| serde_json::from_str::<Job>(&text));
        prop_assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
        let Ok(job) = job else { return Ok(()) };
        prop_assert_eq!(&serde_json::from_value::<Job>(serde_json::to_value(&job).unwrap()).unwrap(), &job);
        serde_json::to_string(&resource(&job)).unwrap();
        serde_json::from_str::<Value>(&notification(&job).detail).unwrap();
        prop_assert_eq!(Message::decode(&job.message().encode()).unwrap().job_id, job.job_id);
    }
}
