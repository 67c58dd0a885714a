//! Links to the media of a recording.

use crate::world::{World, problem};
use export_testkit::recordings::{growing, listed, mpd, pictures, record, set};
use export_testkit::{Call, NOW, ms};
use serde_json::{Value, json};

const PATH: &str = "/recordings/mp4/device/1/stream.mpd";
const FOLDER: &str = "archive/mp4/device/1";

fn world(manifest: &str) -> World {
    let world = World::new();
    record(&world.objects, FOLDER, manifest, &pictures());
    world
}

/// A growing recording of six segments of 4 s that began 24 s before now.
fn six() -> World {
    world(&growing(&listed("video", "avc1.42000a", 6), "2019-07-05T04:12:56Z"))
}

#[tokio::test]
async fn a_part_of_a_recording_is_links_to_its_segments_and_their_times() {
    let world = six();
    let answered = world.get(&format!("{PATH}?from=5000&to=8001")).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    assert_eq!(answered.header("cache-control"), "no-store");
    let media = &answered.json["media"];
    assert_eq!(media["zero_pos_ms"], json!(NOW - ms(24_000)));
    let track = &media["parts"][0]["tracks"][0];
    let said = ["content", "form", "codecs", "shift_s", "shift_ns"].map(|name| &track[name]);
    assert_eq!(said, [&json!("video"), &json!("mp4"), &json!("avc1.42000a"), &json!(0), &json!(0)]);
    let times: Vec<(&Value, &Value)> = track["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (&each["start_time_ms"], &each["duration_ms"]))
        .collect();
    let four = json!(4000);
    assert_eq!(times, [(&four, &four), (&json!(8000), &four)]);
    for file in [&track["init"], &track["segments"][0], &track["segments"][1]] {
        let url = file["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("https://recordings/{FOLDER}/")), "{url}");
        assert!(file["first"].is_null());
    }
    assert_eq!(answered.json["end_time_ms"], json!(24_000), "the rest is as without bounds");
    let reads = world.objects.calls().iter().filter(|call| matches!(call, Call::Read { .. })).count();
    assert_eq!(reads, 2, "no segment is read: the manifest and the init segment");
}

#[tokio::test]
async fn nothing_is_linked_to_that_is_not_listed() {
    let told = six().get(&format!("{PATH}?from=20000&to=90000")).await.json;
    assert_eq!(told["media"]["parts"][0]["tracks"][0]["segments"].as_array().map(Vec::len), Some(1));
    let told = six().get(&format!("{PATH}?from=30000&to=90000")).await.json;
    assert_eq!(told["media"]["parts"], json!([]));
}

#[tokio::test]
async fn times_count_from_the_first_period_and_so_do_shifts() {
    let later = mpd(&set("video", "avc1.42000a", ""), r#"duration="PT24S""#);
    let told = world(&later.replace(r#"start="PT0S""#, r#"start="PT30S""#))
        .get(&format!("{PATH}?from=0&to=1"))
        .await
        .json;
    let part = &told["media"]["parts"][0];
    assert_eq!((&part["start_time_ms"], &part["end_time_ms"]), (&json!(0), &json!(24_000)));
    assert_eq!(part["tracks"][0]["segments"][0]["start_time_ms"], json!(0));
    assert_eq!(told["media"]["zero_pos_ms"], Value::Null);
}

#[tokio::test]
async fn a_part_is_a_minute_from_its_start_and_ten_at_most() {
    let world = world(&growing(&listed("video", "avc1.42000a", 300), "2019-07-05T03:53:20Z"));
    for (query, first, count) in
        [("from=4000", 4000, 15), ("to=4000", 0, 1), ("from=0&to=4294967295", 0, 150), ("from=9&to=9", 0, 0)]
    {
        let told = world.get(&format!("{PATH}?{query}")).await.json;
        let segments = told["media"]["parts"][0]["tracks"][0]["segments"].clone();
        assert_eq!(segments.as_array().map_or(0, Vec::len), count, "{query}");
        assert!(count == 0 || segments[0]["start_time_ms"] == json!(first), "{query}");
    }
    for (query, field) in [("from=-1", "from"), ("from=0&to=4294967296", "to"), ("from=", "from")] {
        let expected = format!("{field}: must be a number of milliseconds");
        assert_eq!(
            problem(&world.get(&format!("{PATH}?{query}")).await),
            (400, expected.as_str()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn links_need_the_operators_switch_and_a_known_owner_of_the_bucket() {
    let mut world = six();
    world.app.source_bucket = "another".to_owned();
    let owner = "the tenant's row does not name the account that owns the bucket";
    assert_eq!(problem(&world.get(&format!("{PATH}?from=0&to=1")).await), (403, owner));
    world.app.signs = false;
    let off = (403, "download links are switched off");
    assert_eq!(problem(&world.get(&format!("{PATH}?from=0&to=1")).await), off);
    assert_eq!(world.get(PATH).await.status, 200);
}
