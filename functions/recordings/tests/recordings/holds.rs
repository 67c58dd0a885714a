//! What one recording holds.

use crate::world::{STRANGERS_SESSION, World, problem};
use export_testkit::recordings::{growing, listed, mpd, pictures, record, set};
use export_testkit::{Call, Fault, NOW, ms};
use serde_json::{Value, json};

const PATH: &str = "/recordings/mp4/device/1/stream.mpd";
const FOLDER: &str = "archive/mp4/device/1";

/// A growing recording of six segments of 4 s that began 24 s before now.
fn six() -> String {
    growing(&listed("video", "avc1.42000a", 6), "2019-07-05T04:12:56Z")
}

fn world(manifest: &str) -> World {
    let world = World::new();
    record(&world.objects, FOLDER, manifest, &pictures());
    world
}

#[tokio::test]
async fn a_recording_tells_its_range_its_clock_and_its_tracks() {
    let audio = r#"<AdaptationSet contentType="audio" lang="en"><Label>Commentary</Label>
        <Role schemeIdUri="urn:mpeg:dash:role:2011" value="commentary"/>
        <SegmentTemplate media="a-$Number$.m4s" initialization="a.mp4" duration="4"/>
        <Representation id="a" bandwidth="1" codecs="mp4a.40.2" audioSamplingRate="48000"/></AdaptationSet>"#;
    let manifest = six().replace("</Period>", &format!("{audio}</Period>"));
    let world = world(&manifest);
    let answered = world.get(PATH).await;
    let expected = json!({
        "live_path": "mp4/device/1/stream.mpd",
        "live": true,
        "clock": "wall",
        "start_pos_ms": NOW - ms(24_000),
        "end_pos_ms": NOW,
        "start_time_ms": 0,
        "end_time_ms": 24_000,
        "holes": [],
        "periods": 1,
        "video": {"codec": "h264", "codecs": "avc1.42000a", "width": 32, "height": 32},
        "audio": [{
            "language": "en", "roles": ["commentary"], "label": "Commentary", "codecs": "mp4a.40.2",
            "sample_rate": 48000,
        }],
    });
    assert_eq!((answered.status, answered.json), (200, expected));
    let calls = world.objects.calls();
    let reads = calls.iter().filter(|call| matches!(call, Call::Read { .. })).count();
    assert_eq!((reads, calls.len()), (2, 2), "the manifest and the init segment: {calls:?}");
}

#[tokio::test]
async fn a_recording_is_live_until_nothing_more_is_waited_for() {
    let world = world(&six());
    let live = async |ms| {
        world.clock.advance(ms);
        world.get(PATH).await.json["live"].clone()
    };
    assert_eq!([live(0).await, live(11_999).await, live(1).await], [json!(true), json!(true), json!(false)]);
}

#[tokio::test]
async fn a_recording_without_a_clock_counts_from_its_first_period() {
    let later = mpd(&set("video", "avc1.42000a", ""), r#"duration="PT24S""#);
    let world = world(&later.replace(r#"start="PT0S""#, r#"start="PT30S""#));
    let told = world.get(PATH).await.json;
    let expected = json!({"clock": "recording", "live": false, "start_time_ms": 0, "end_time_ms": 24_000});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    assert_eq!((&told["start_pos_ms"], &told["end_pos_ms"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn holes_are_what_the_manifest_leaves_out_and_no_more_than_a_thousand() {
    let entries =
        |count: i64| (0..count).map(|n| format!(r#"<S t="{}" d="4"/>"#, n * 8)).collect::<Vec<_>>().concat();
    let gaps = |count| six().replace(r#"<S t="0" d="4" r="5"/>"#, &entries(count));
    let told = world(&gaps(3)).get(PATH).await.json;
    let hole =
        |at: i64| json!({"start_pos_ms": NOW - ms(24_000 - at), "start_time_ms": at, "duration_ms": 4000});
    assert_eq!(told["holes"], json!([hole(4000), hole(12_000)]));
    let many = world(&gaps(10_000)).get(PATH).await.json;
    assert_eq!(many["holes"].as_array().map(Vec::len), Some(1000));
}

#[tokio::test]
async fn an_init_segment_that_cannot_be_read_is_a_problem_of_the_picture_alone() {
    let world = world(&six());
    world.objects.remove("recordings", &format!("{FOLDER}/video-init.mp4"));
    let told = world.get(PATH).await;
    let problem =
        "the recording cannot be read: the init segment of the video track: it is listed and does not exist";
    assert_eq!(
        (told.status, &told.json["video"]),
        (200, &json!({"codecs": "avc1.42000a", "problem": problem}))
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_with_its_fault() {
    for (manifest, detail) in [
        ("", "the recording cannot be read: the manifest: the manifest ends before it is complete"),
        ("<html/>", "the recording cannot be read: the manifest: the document is not an MPD"),
        ("<MPD></Period>", "the recording cannot be read: the manifest: malformed XML near byte 14"),
        (
            "<!DOCTYPE x><MPD/>",
            "the recording cannot be read: the manifest: the manifest declares or uses an entity",
        ),
    ] {
        let answered = world(manifest).get(PATH).await;
        assert_eq!(problem(&answered), (422, detail), "{manifest}");
    }
}

#[tokio::test]
async fn a_recording_that_lists_nothing_yet_has_no_range_and_is_live() {
    let told =
        world(&growing(&listed("video", "avc1.42000a", 0), "2019-07-05T04:12:56Z")).get(PATH).await.json;
    assert_eq!(
        (&told["live"], &told["start_pos_ms"], &told["holes"]),
        (&json!(true), &Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn nothing_outside_the_tenants_recordings_is_read() {
    let world = world(&six());
    for path in
        ["mp4/../../archive2/stream.mpd", "/etc/x.mpd", "mp4/%2e%2e/stream.mpd", "mp4/1/stream.mov", "x.mpd"]
    {
        let answered = world.get(&format!("/recordings/{path}")).await;
        assert_eq!(answered.status, 400, "{path}");
        assert!(problem(&answered).1.starts_with("path: "), "{path}");
    }
    assert!(world.objects.calls().is_empty());
    let elsewhere = world.get_as(STRANGERS_SESSION, PATH).await;
    assert_eq!(problem(&elsewhere), (404, "no such recording"));
    assert_eq!(problem(&world.get(&format!("{PATH}?x=1")).await), (400, "x: is no parameter of this route"));
}

#[tokio::test]
async fn a_store_that_refuses_or_is_silent_says_so() {
    let world = world(&six());
    world.objects.faults.always("read", Fault::Before);
    assert_eq!(problem(&world.get(PATH).await), (503, "try again"));
    let world = World::new();
    world.objects.deny("recordings");
    assert_eq!(problem(&world.get(PATH).await), (403, "access denied"));
}
