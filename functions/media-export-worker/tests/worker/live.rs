//! A recording that still grows.

use crate::world::World;
use export_domain::job::WorkQueue;
use export_domain::job::{Hole, Job, Reason, State};
use export_testkit::recordings::{
    DIRECTORY, MANIFEST, audio_body, audio_files, growing, listed, pictures, record, record_audio, segment,
    set,
};
use export_testkit::{Fault, NOW, ms, with};

const BEGAN: &str = "2019-07-05T04:13:12Z";

/// The recording began 8 s ago; the job wants the 9 s from now on.
fn live() -> (World, Job) {
    let world = World::new();
    record_audio(&world.objects, 100);
    let manifest = growing(&set("audio", "mp4a.40.2", ""), BEGAN);
    world.objects.add("recordings", MANIFEST, manifest, None);
    let job = world.has(&with(audio_body(9000), "StartPos", NOW.get()), |job| job);
    (world, job)
}

#[tokio::test]
async fn a_job_ahead_of_its_recording_sleeps_until_the_window_and_a_segment_are_over() {
    let (world, job) = live();
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.attempts, asleep.lease_until), (State::WaitingSource, 0, None));
    assert_eq!((asleep.wake_at, asleep.due_at), (Some(NOW + ms(13_000)), Some(NOW + ms(73_000))));
    let sent = world.queue.take();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].queue, &sent[0].message, sent[0].delay_s), (WorkQueue::Clips, &job.message(), 13));
    assert_eq!(asleep.deadline_at, None, "time to wait is no time for the work");
    assert_eq!(
        (asleep.live_edge_ms(), asleep.percent()),
        (Some(NOW - ms(4000)), 0),
        "a segment behind the clock"
    );
}

#[tokio::test]
async fn a_job_that_slept_makes_its_whole_clip() {
    let (world, job) = live();
    world.work(&job).await;
    world.clock.advance(13_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.fence), (State::Ready, 2));
    assert_eq!(ended.video.unwrap().lack_ms, ms(0));
}

#[tokio::test]
async fn a_job_that_waits_is_played_by_whole_segments_and_keeps_their_address() {
    let (world, job) = live();
    assert_eq!(world.work(&job).await.play, None, "there is no picture");
    let sets = [set("video", "avc1.42000a", ""), set("audio", "mp4a.40.2", "")].concat();
    record(&world.objects, DIRECTORY, &growing(&sets, BEGAN), &[pictures(), audio_files(100)].concat());
    world.clock.advance(5000);
    world.jobs.put(&job);
    let asleep = world.work(&job).await;
    assert_eq!(asleep.state, State::WaitingSource);
    let early = asleep.play.clone().unwrap();
    assert!(early.early.is_some() && early.key.is_none() && early.files.is_empty(), "{early:?}");
    world.clock.advance(13_000);
    // Without an ffmpeg nothing else becomes of it.
    let again = world.work(&job).await;
    assert_eq!(again.state, State::Queued);
    assert_eq!(again.playlist().and_then(|play| play.early.clone()), early.early);
}

#[tokio::test]
async fn a_wait_that_no_message_can_last_is_left_to_the_sweeper() {
    let world = World::new();
    record_audio(&world.objects, 100);
    world.objects.add("recordings", MANIFEST, growing(&set("audio", "mp4a.40.2", ""), BEGAN), None);
    let job = world.has(&with(audio_body(9000), "StartPos", (NOW + ms(3_600_000)).get()), |job| job);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.wake_at, asleep.due_at), (Some(NOW + ms(3_613_000)), Some(NOW + ms(2_773_000))));
    assert!(world.queue.take().is_empty());
}

#[tokio::test]
async fn a_wake_up_that_cannot_be_sent_is_left_to_the_sweeper() {
    let (world, job) = live();
    world.queue.faults.plan("send", 1, Fault::Before);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.due_at), (State::WaitingSource, Some(NOW + ms(73_000))));
}

#[tokio::test]
async fn a_recording_that_stopped_growing_is_cut_short_after_a_grace() {
    let (world, job) = live();
    for number in 4..=6 {
        world.objects.remove("recordings", &segment(number));
    }
    world.work(&job).await;
    world.clock.advance(9000 + 12_000);
    let ended = world.work(&job).await;
    let video = ended.video.unwrap();
    assert_eq!((ended.state, video.lack_ms), (State::Ready, ms(5000)));
    assert_eq!(video.holes, [Hole { at_ms: ms(4000), length_ms: ms(5000) }]);
}

#[tokio::test]
async fn a_recording_whose_timeline_lists_nothing_yet_is_waited_for() {
    let (world, job) = live();
    world.objects.add("recordings", MANIFEST, growing(&listed("audio", "mp4a.40.2", 0), BEGAN), None);
    assert_eq!(world.work(&job).await.state, State::WaitingSource);
    world.objects.add("recordings", MANIFEST, growing(&listed("audio", "mp4a.40.2", 6), BEGAN), None);
    world.clock.advance(13_000);
    assert_eq!(world.work(&job).await.video.map(|video| video.lack_ms), Some(ms(0)));
}

#[tokio::test]
async fn what_is_listed_or_due_before_it_is_stored_is_waited_for() {
    for set in [listed("audio", "mp4a.40.2", 6), set("audio", "mp4a.40.2", "")] {
        let (world, job) = live();
        world.objects.add("recordings", MANIFEST, growing(&set, BEGAN), None);
        let late = segment(5);
        let stored = world.objects.object("recordings", &late).unwrap().body;
        world.objects.remove("recordings", &late);
        world.clock.advance(13_000);
        let asleep = world.work(&job).await;
        assert_eq!((asleep.state, asleep.wake_at), (State::WaitingSource, Some(NOW + ms(14_000))));
        assert_eq!((asleep.attempts, asleep.done_ms), (0, ms(8000)), "the two segments before are there");
        world.objects.add("recordings", &late, stored, None);
        world.clock.advance(1000);
        let ended = world.work(&job).await;
        assert_eq!((ended.state, ended.video.map(|video| video.lack_ms)), (State::Ready, Some(ms(0))));
    }
}

#[tokio::test]
async fn a_hole_that_is_older_than_the_grace_is_not_waited_for() {
    let (world, job) = live();
    world.objects.remove("recordings", &segment(4));
    world.clock.advance(19_999);
    let asleep = world.work(&job).await;
    assert_eq!((asleep.state, asleep.done_ms), (State::WaitingSource, ms(4000)), "it ended not yet 12 s ago");
    world.clock.advance(1);
    assert_eq!(world.work(&job).await.video.map(|video| video.lack_ms), Some(ms(4000)));
}

#[tokio::test]
async fn an_end_that_is_announced_is_not_reached_before_the_clock_does() {
    let set = set("audio", "mp4a.40.2", "");
    let timeline = "<SegmentTimeline><S t=\"0\" d=\"4\" r=\"-1\"/></SegmentTimeline></SegmentTemplate>";
    let open_run = set.replace("duration=\"4\"", "").replace("</SegmentTemplate>", timeline);
    for set in [set, open_run] {
        let mpd = growing(&set, BEGAN);
        for (from, to) in [
            ("type=\"dynamic\"", "type=\"dynamic\" mediaPresentationDuration=\"PT1H\""),
            ("<Period start=\"PT0S\"", "<Period start=\"PT0S\" duration=\"PT1H\""),
            ("</MPD>", "<Period start=\"PT1H\"/></MPD>"),
        ] {
            let (world, job) = live();
            world.objects.add("recordings", MANIFEST, mpd.replace(from, to), None);
            for number in 4..=6 {
                world.objects.remove("recordings", &segment(number));
            }
            let asleep = world.work(&job).await;
            assert_eq!(
                (asleep.state, asleep.wake_at),
                (State::WaitingSource, Some(NOW + ms(13_000))),
                "{to}"
            );
            record_audio(&world.objects, 100);
            world.objects.add("recordings", MANIFEST, mpd.replace(from, to), None);
            world.clock.advance(13_000);
            let ended = world.work(&job).await;
            assert_eq!(ended.video.map(|video| video.lack_ms), Some(ms(0)), "{to}");
        }
    }
}

#[tokio::test]
async fn a_period_that_is_announced_without_content_is_waited_for() {
    let (world, job) = live();
    let period = "</Period><Period start=\"PT8S\"/></MPD>";
    let mpd = growing(&set("audio", "mp4a.40.2", ""), BEGAN).replace("</Period></MPD>", period);
    world.objects.add("recordings", MANIFEST, mpd, None);
    assert_eq!(world.work(&job).await.state, State::WaitingSource);
    world.clock.advance(9000 + 10_000);
    let ended = world.work(&job).await;
    assert_eq!(ended.failure.map(|failure| failure.reason), Some(Reason::NoMedia));
}

#[tokio::test]
async fn an_init_segment_that_is_not_there_yet_is_waited_for() {
    let (world, job) = live();
    let init = "mp4/device/1/audio-init.mp4";
    let stored = world.objects.object("recordings", init).unwrap().body;
    world.objects.remove("recordings", init);
    world.clock.advance(13_000);
    assert_eq!(world.work(&job).await.state, State::WaitingSource);
    world.objects.add("recordings", init, stored, None);
    world.clock.advance(1000);
    assert_eq!(world.work(&job).await.state, State::Ready);
}

#[tokio::test]
async fn a_manifest_in_the_middle_of_being_written_is_waited_for() {
    let (world, _) = live();
    let whole = growing(&set("audio", "mp4a.40.2", ""), BEGAN);
    world.clock.advance(13_000);
    for part in ["", &whole[..whole.len() / 2], "<MPD></Period>"] {
        let job = world.has(&with(audio_body(9000), "StartPos", NOW.get()), |job| job);
        world.objects.add("recordings", MANIFEST, part.to_owned(), None);
        assert_eq!(world.work(&job).await.state, State::WaitingSource, "{part}");
        world.objects.add("recordings", MANIFEST, whole.clone(), None);
        world.clock.advance(1000);
        assert_eq!(world.work(&job).await.state, State::Ready);
    }
    let job = world.has(&with(audio_body(9000), "StartPos", NOW.get()), |job| job);
    world.objects.add("recordings", MANIFEST, String::new(), None);
    world.work(&job).await;
    world.clock.advance(20_000);
    let ended = world.work(&job).await;
    assert_eq!(ended.failure.map(|failure| failure.reason), Some(Reason::BadRecording));
}
