//! Plans of clips.

use crate::world::{World, problem};
use export_clip::{FanOut, Machine};
use export_testkit::recordings::{growing, listed, mpd, pictures, record, set};
use export_testkit::{Call, Fault, body, thumbnail_body, with};
use serde_json::{Value, json};
use std::time::Duration;

const FOLDER: &str = "archive/mp4/device/1";

/// 24 s of pictures that need no others but those before them, a key picture each second.
fn world() -> World {
    let world = World::new();
    record(&world.objects, FOLDER, &mpd(&set("video", "avc1.42000a", ""), ""), &pictures());
    world
}

fn clip(start_ms: i64, duration_ms: i64) -> Value {
    with(with(body(), "StartTime", start_ms), "Duration", duration_ms)
}

#[tokio::test]
async fn a_plan_tells_what_is_copied_and_what_is_encoded() {
    let world = world();
    for (start, duration, kind, copied, head, keys) in [
        (8000, 2000, "copy", 50, 0, vec![8000, 9000]),
        (8300, 1700, "smart", 25, 17, vec![9000]),
        (8040, 900, "reencode", 0, 23, vec![]),
    ] {
        let plan = world.plan(&clip(start, duration)).await;
        assert_eq!(plan.status, 200, "{}", plan.text);
        let plan = plan.json;
        let counts = json!([plan["frames_copied"], plan["frames_encoded_head"], plan["frames_encoded_tail"]]);
        assert_eq!((&plan["kind"], counts), (&json!(kind), json!([copied, head, 0])), "{start}");
        assert_eq!(
            (&plan["frames_encoded"], &plan["key_frames_ms"]),
            (&json!(head), &json!(keys)),
            "{start}"
        );
        let told = (&plan["exact"], &plan["lack_ms"], &plan["clock"]);
        assert_eq!(told, (&json!(true), &json!(0), &json!("recording")), "{start}");
        assert!(plan["bytes_read"].as_u64() >= plan["bytes_written"].as_u64(), "{plan}");
        assert!(plan["estimate_ms"].as_u64() > Some(0), "{plan}");
    }
    let other = world.plan(&with(clip(8000, 2000), "export_type", 2)).await.json;
    assert_eq!((&other["kind"], &other["frames_encoded"]), (&json!("reencode"), &json!(50)));
}

#[tokio::test]
async fn a_clip_in_another_codec_is_planned_in_chunks_where_workers_make_it_so_and_refused_where_none_does() {
    let (mut world, second) = (world(), Duration::from_secs(1));
    let slow = Machine { memory: 3 << 30, cores: 1 };
    let fan_out = FanOut {
        above: Some(Duration::ZERO),
        at_once: 2,
        least: 4 * second,
        chunk_work: 442 * second,
        machine: slow,
        most: 9,
    };
    let body = with(clip(0, 24_000), "export_type", 2);
    let whole = world.plan(&body).await.json;
    assert_eq!(whole.get("chunks"), None);
    world.app.fan_out = Some(fan_out);
    let plan = world.plan(&body).await.json;
    assert_eq!(
        (&plan["chunks"], &plan["kind"], &plan["frames_encoded"]),
        (&json!(2), &json!("reencode"), &json!(600))
    );
    assert_eq!(world.plan(&clip(0, 24_000)).await.json.get("chunks"), None, "a copy takes no chunks");
    let refused = FanOut { chunk_work: Duration::from_nanos(1), ..fan_out };
    world.app.fan_out = Some(refused);
    let refused = world.plan(&body).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("the clip is too long"), "{}", refused.text);
}

#[tokio::test]
async fn a_plan_creates_nothing() {
    let world = world();
    let before = world.objects.keys("recordings");
    world.plan(&clip(8300, 2000)).await;
    assert_eq!((world.objects.keys("recordings"), world.objects.keys("clips")), (before, vec![]));
    assert!(world.objects.calls().iter().all(|call| matches!(call, Call::Read { .. })));
}

#[tokio::test]
async fn of_a_long_window_the_ends_are_read_and_the_rest_is_estimated() {
    let world = World::new();
    let long = mpd(&set("video", "avc1.42000a", ""), r#"duration="PT24S""#);
    record(&world.objects, FOLDER, &long, &pictures());
    // More than is recorded: what is lacking is told, too.
    let plan = world.plan(&clip(300, 40_000)).await.json;
    assert_eq!((&plan["kind"], &plan["exact"]), (&json!("smart"), &json!(false)), "{plan}");
    assert_eq!(plan["frames_encoded_head"], json!(17));
    let frames = plan["frames_copied"].as_u64().unwrap_or_default() + 17;
    assert!((560..=600).contains(&frames), "{plan}");
    let lack = plan["lack_ms"].as_i64().unwrap_or_default();
    assert!((16_000..=16_600).contains(&lack), "{plan}");
}

#[tokio::test]
async fn what_has_no_plan_says_why() {
    let world = world();
    let late = world.plan(&clip(7_200_000, 2000)).await;
    let nothing = "nothing is recorded in the window: no Period of the manifest lies in the window: the manifest lists \
                   StartTime 0 to 3600000";
    assert_eq!(problem(&late), (422, nothing));
    let still = world.plan(&thumbnail_body()).await;
    assert_eq!(problem(&still), (400, "FetchMedia: must be true: only clips have a plan"));
    let absent = world.plan(&with(clip(0, 2000), "LivePath", "mp4/other/1/stream.mpd")).await;
    assert_eq!(problem(&absent), (404, "no such recording"));
    let invalid = world.plan(&with(clip(0, 2000), "Duration", -1)).await;
    assert_eq!(problem(&invalid).0, 400);
    world.objects.faults.always("read", Fault::Before);
    assert_eq!(problem(&world.plan(&clip(8000, 2000)).await), (503, "try again"));
}

#[tokio::test]
async fn a_window_that_is_not_recorded_yet_has_no_plan_and_a_time_to_ask_again() {
    let world = World::new();
    let manifest = growing(&listed("video", "avc1.42000a", 6), "2019-07-05T04:12:56Z");
    record(&world.objects, FOLDER, &manifest, &pictures());
    let begin = export_testkit::NOW.get() - 24_000;
    let early =
        world.plan(&with(with(clip(20_000, 8000), "StartPos", begin + 20_000), "Duration", 8000)).await;
    assert_eq!(problem(&early), (409, "the recording does not reach the window's end yet"));
    assert!(early.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 4), "{early:?}");
}
