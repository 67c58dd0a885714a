//! Many windows in one clip.

use crate::world::World;
use export_domain::job::{Job, Reason, State, WarningCode};
use export_testkit::recordings::{MANIFEST, SEGMENT_MS, SEGMENTS, audio_body, growing, record_audio, set};
use export_testkit::{NOW, ms, reel_job, tenant, with};
use serde_json::Value;

/// A reel of those windows of a recording of 24 s, each its start and its length.
fn reel(world: &World, body: &Value, windows: &[(i64, i64)]) -> Job {
    let job = reel_job(&tenant(), body, windows, NOW);
    world.jobs.put(&job);
    job
}

fn parts(job: &Job) -> Vec<(i64, i64, i64)> {
    let windows = &job.video.as_ref().unwrap().windows;
    windows.iter().map(|made| (made.at_ms.get(), made.length_ms.get(), made.lack_ms.get())).collect()
}

#[tokio::test]
async fn a_reel_has_its_windows_in_their_order() {
    let world = World::new();
    record_audio(&world.objects, 100);
    let job = reel(&world, &audio_body(1), &[(14_000, 2000), (8000, 1000), (9000, 3000), (8000, 1000)]);
    let ended = world.work(&job).await;
    assert_eq!(ended.state, State::Ready, "{:?}", ended.failure);
    assert_eq!(parts(&ended), [(0, 2000, 0), (2000, 1000, 0), (3000, 3000, 0), (6000, 1000, 0)]);
    let (video, plan) = (ended.video.as_ref().unwrap(), ended.plan.as_ref().unwrap());
    assert_eq!((video.duration_ms, video.lack_ms), (ms(7000), ms(0)));
    assert_eq!(plan.kind, "copy");
}

#[tokio::test]
async fn a_window_that_holds_nothing_is_left_out_and_told_of() {
    let world = World::new();
    record_audio(&world.objects, 100);
    let behind = SEGMENTS * SEGMENT_MS + 1000;
    let job =
        reel(&world, &audio_body(1), &[(8000, 1000), (behind, 3000), (SEGMENTS * SEGMENT_MS - 1000, 2000)]);
    let ended = world.work(&job).await;
    assert_eq!(ended.state, State::Ready, "{:?}", ended.failure);
    assert_eq!(parts(&ended), [(0, 1000, 0), (1000, 0, 3000), (1000, 1000, 1000)]);
    let video = ended.video.as_ref().unwrap();
    let left_out: Vec<_> = video.windows.iter().map(|made| made.left_out.clone()).collect();
    assert_eq!(left_out, [None, Some(Reason::NoMedia), None]);
    assert_eq!((video.duration_ms, video.lack_ms), (ms(2000), ms(4000)));
    let warnings = ended.warnings();
    let told = warnings.iter().find(|warning| warning.code == WarningCode::WindowsLeftOut).unwrap();
    assert!(told.detail.as_str().starts_with("window 2: "), "{}", told.detail);
    let holes: Vec<_> =
        video.holes.iter().map(|hole| (hole.at_ms.get() + 8000, hole.length_ms.get())).collect();
    assert_eq!(holes, [(behind, 3000), (SEGMENTS * SEGMENT_MS, 1000)], "each where it is not recorded");
}

#[tokio::test]
async fn a_reel_of_nothing_fails_as_its_first_window_does() {
    let world = World::new();
    record_audio(&world.objects, 100);
    let job = reel(&world, &audio_body(1), &[(40_000, 1000), (50_000, 3000)]);
    let failure = world.work(&job).await.failure.unwrap();
    assert_eq!(failure.reason, Reason::NoMedia);
    assert!(failure.detail.as_str().starts_with("window 1: "), "{}", failure.detail);
}

#[tokio::test]
async fn a_reel_whose_last_window_is_not_recorded_yet_waits_for_it() {
    let world = World::new();
    record_audio(&world.objects, 100);
    let began = "2019-07-05T04:13:12Z";
    let manifest = growing(&set("audio", "mp4a.40.2", ""), began);
    world.objects.add("recordings", MANIFEST, manifest, None);
    let body = with(with(audio_body(1), "StartPos", NOW.get()), "StartTime", 8000);
    let job = reel(&world, &body, &[(10_000, 2000), (1000, 2000)]);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.attempts), (State::WaitingSource, 0), "{:?}", asleep.failure);
    world.clock.advance(9000);
    let ended = world.work(&job).await;
    assert_eq!(ended.state, State::Ready, "{:?}", ended.failure);
    assert_eq!(parts(&ended), [(0, 2000, 0), (2000, 2000, 0)]);
}
