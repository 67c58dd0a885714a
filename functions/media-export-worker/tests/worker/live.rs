//! A recording that still grows.

use crate::world::World;
use export_domain::job::{Job, State};
use export_domain::request::Wanted;
use export_testkit::recordings::{MANIFEST, growing, listed, record_sound, set, sound_body};
use export_testkit::{Fault, NOW, with};

const BEGAN: &str = "2019-07-05T04:13:12Z";

/// The recording began 8 s ago; the job wants the 9 s from now on.
fn live() -> (World, Job) {
    let world = World::new();
    record_sound(&world.objects, 100);
    let manifest = growing(&set("audio", "mp4a.40.2", ""), BEGAN);
    world.objects.add("recordings", MANIFEST, manifest, None);
    let job = world.has(&with(sound_body(9000), "StartPos", NOW), |job| job);
    (world, job)
}

#[tokio::test]
async fn a_job_ahead_of_its_recording_sleeps_until_the_window_and_a_segment_are_over() {
    let (world, job) = live();
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.attempts, asleep.lease_until), (State::WaitingSource, 0, None));
    assert_eq!((asleep.wake_at, asleep.due_at), (Some(NOW + 13_000), Some(NOW + 73_000)));
    let sent = world.queue.take();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].wanted, &sent[0].message, sent[0].delay_s), (Wanted::Media, &job.message(), 13));
    assert_eq!(asleep.deadline_at, Some(NOW + 9000 + 30 * 60_000), "counted from the window's end");
}

#[tokio::test]
async fn a_job_that_slept_makes_its_whole_clip() {
    let (world, job) = live();
    world.work(&job).await;
    world.clock.advance(13_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.fence), (State::Ready, 2));
    assert_eq!(ended.video.unwrap().lack_ms, 0);
}

#[tokio::test]
async fn a_wait_that_no_message_can_last_is_left_to_the_sweeper() {
    let world = World::new();
    record_sound(&world.objects, 100);
    world.objects.add("recordings", MANIFEST, growing(&set("audio", "mp4a.40.2", ""), BEGAN), None);
    let job = world.has(&with(sound_body(9000), "StartPos", NOW + 3_600_000), |job| job);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.wake_at, asleep.due_at), (Some(NOW + 3_613_000), Some(NOW + 2_773_000)));
    assert!(world.queue.take().is_empty());
}

#[tokio::test]
async fn a_wake_up_that_cannot_be_sent_is_left_to_the_sweeper() {
    let (world, job) = live();
    world.queue.faults.plan("send", 1, Fault::Before);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.due_at), (State::WaitingSource, Some(NOW + 73_000)));
}

#[tokio::test]
async fn a_recording_that_stopped_growing_is_cut_short_after_a_grace() {
    let (world, job) = live();
    for number in 4..=6 {
        world.objects.remove("recordings", &export_testkit::recordings::segment(number));
    }
    world.work(&job).await;
    world.clock.advance(9000 + 12_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.video.unwrap().lack_ms), (State::Ready, 5000));
}

#[tokio::test]
async fn a_recording_whose_timeline_lists_nothing_yet_is_waited_for() {
    let (world, job) = live();
    world.objects.add("recordings", MANIFEST, growing(&listed("audio", "mp4a.40.2", 0), BEGAN), None);
    assert_eq!(world.work(&job).await.state, State::WaitingSource);
    world.objects.add("recordings", MANIFEST, growing(&listed("audio", "mp4a.40.2", 6), BEGAN), None);
    world.clock.advance(13_000);
    assert_eq!(world.work(&job).await.video.map(|video| video.lack_ms), Some(0));
}
