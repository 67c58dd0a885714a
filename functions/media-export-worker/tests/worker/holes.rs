//! Manifests that list more than was recorded: what that costs is bounded, and what was recorded is found.

use crate::world::World;
use export_domain::job::{Job, Reason, State, WarningCode};
use export_testkit::recordings::{DIRECTORY, SEGMENT_MS, SMALL, mpd, record, set, sound_body, sound_of};
use export_testkit::with;

/// Longest window that may be asked for.
const LONG_MS: i64 = 4 * 3_600_000;

/// The job of a window of `length_ms` from 0 on, and how often the store was read for it.
async fn ended(world: &World, length_ms: i64) -> (Job, usize) {
    let body = with(sound_body(length_ms), "StartTime", 0);
    let job = world.has(&body, |job| job);
    let ended = world.work(&job).await;
    (ended, world.objects.faults.calls("read"))
}

fn of_an_hour_and_more() -> String {
    mpd(&set("audio", "mp4a.40.2", ""), "").replace("PT1H", "PT5H")
}

#[tokio::test]
async fn a_manifest_of_segments_that_do_not_exist_costs_a_bounded_number_of_requests() {
    let world = World::new();
    let every_microsecond = r#"timescale="1000000" duration="1""#;
    let manifest = of_an_hour_and_more().replace(r#"timescale="1" duration="4""#, every_microsecond);
    record(&world.objects, DIRECTORY, &manifest, &sound_of(SMALL, []));
    let (job, reads) = ended(&world, 9000).await;
    let failure = job.failure.unwrap();
    assert_eq!((job.state, failure.reason), (State::Failed, Reason::BadRecording));
    assert!(failure.detail.to_string().contains("a window may have 20000 segments"), "{}", failure.detail);
    assert!(reads < 2500, "{reads} reads");
}

#[tokio::test]
async fn what_was_recorded_within_hours_of_nothing_is_in_the_clip() {
    let world = World::new();
    let recorded = [1, 1500, 1501, 1502, 1503, 3599, 3600];
    record(&world.objects, DIRECTORY, &of_an_hour_and_more(), &sound_of(SMALL, recorded));
    let (job, reads) = ended(&world, LONG_MS).await;
    assert_eq!(job.state, State::Ready, "{:?}", job.failure);
    let video = job.video.as_ref().unwrap();
    assert_eq!(video.lack_ms, LONG_MS - i64::try_from(recorded.len()).unwrap() * SEGMENT_MS);
    assert!(job.warnings().iter().any(|warning| warning.code == WarningCode::SegmentsLeftOut));
    assert!(reads < 3600, "{reads} reads");
}

#[tokio::test]
async fn a_shorter_hole_is_looked_through_segment_by_segment() {
    let world = World::new();
    let recorded = [1, 600, 950];
    record(&world.objects, DIRECTORY, &of_an_hour_and_more(), &sound_of(SMALL, recorded));
    let (job, _) = ended(&world, 1000 * SEGMENT_MS).await;
    assert_eq!(job.video.as_ref().unwrap().lack_ms, 997 * SEGMENT_MS);
    assert!(job.warnings().is_empty());
}
