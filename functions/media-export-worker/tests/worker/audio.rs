//! Clips of audio alone are made without ffmpeg: from claim to commit, and every way to lose a reply on it.

use crate::world::{World, origin};
use export_domain::ids::hex;
use export_domain::job::{Job, ObjectKind, State};
use export_domain::request::Wanted;
use export_lambda::batch::Disposition;
use export_testkit::recordings::{
    DIRECTORY, FRAME_MS, SMALL, audio_body, audio_files, frame, mpd, record, record_audio, segment, set,
};
use export_testkit::{Call, Fault, NOW, Object, claimed, manifest, ms};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Twelve frames of this size are three parts.
const LARGE: usize = 1 << 20;
const FAULTS: [Fault; 3] = [Fault::Before, Fault::After, Fault::Again];

fn recorded(bytes: usize, body: &Value) -> (World, Job) {
    let world = World::new();
    record_audio(&world.objects, bytes);
    let job = world.has(body, |job| job);
    (world, job)
}

fn clip(world: &World, job: &Job) -> Option<Object> {
    world.objects.object("clips", &job.order.key(ObjectKind::Video))
}

/// A ready job's clip is what its manifest says, and nothing is left behind.
fn assert_complete(world: &World, job: &Job) -> Object {
    assert_eq!((job.state, job.order.wanted), (State::Ready, Wanted::Media));
    let (made, video) = (clip(world, job).unwrap(), job.video.clone().unwrap());
    assert_eq!(u64::try_from(made.body.len()), Ok(video.bytes));
    let digest = |bytes: &[u8]| Sha256::digest(bytes);
    if video.parts == 0 {
        assert_eq!(hex(&digest(&made.body)), video.sha256);
    }
    assert!(world.objects.open_uploads().is_empty());
    assert_eq!(world.objects.keys("clips").len(), 1);
    made
}

#[tokio::test]
async fn a_clip_holds_the_frames_of_its_window_and_is_its_manifest() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let ended = world.work(&job).await;
    let made = assert_complete(&world, &ended);
    let video = ended.video.clone().unwrap();
    assert_eq!((video.duration_ms, video.lack_ms, video.parts), (ms(9000), ms(0), 0));
    assert_eq!((made.content_type.as_str(), made.origin), ("video/mp4", Some(origin(&ended))));
    let frames: Vec<u8> =
        (0..9000 / FRAME_MS).flat_map(|n| frame(8000 + n * FRAME_MS, SMALL).to_vec()).collect();
    assert!(made.body.ends_with(&frames), "the frames, in order, at the end");
    assert_eq!((ended.image, ended.plan.unwrap().frames_encoded), (None, 0));
}

#[tokio::test]
async fn what_the_recording_lacks_is_measured() {
    for (missing, lack_ms) in [(vec![4], 4000), (vec![4, 5, 6], 5000), (vec![1, 2, 6], 0)] {
        let (world, job) = recorded(SMALL, &audio_body(9000));
        for number in &missing {
            world.objects.remove("recordings", &segment(*number));
        }
        let ended = world.work(&job).await;
        assert_complete(&world, &ended);
        assert_eq!(ended.video.unwrap().lack_ms, ms(lack_ms), "{missing:?}");
    }
}

#[tokio::test]
async fn an_object_that_nobody_has_a_record_of_is_replaced() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    world.objects.add("clips", &job.order.key(ObjectKind::Video), "old", None);
    let ended = world.work(&job).await;
    assert_eq!(assert_complete(&world, &ended).origin, Some(origin(&ended)));
}

#[tokio::test]
async fn a_clip_that_a_slower_worker_published_first_is_adopted() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let slow = claimed(&job, NOW - ms(60_000)).with_staged(1, ObjectKind::Video, manifest(5), NOW).unwrap();
    world.jobs.put(&slow);
    let (objects, key) = (world.objects.clone(), job.order.key(ObjectKind::Video));
    let theirs = origin(&slow);
    world.objects.faults.meanwhile("put", 1, move || objects.add("clips", &key, "first", Some(theirs)));
    let ended = world.work(&slow).await;
    assert_eq!((ended.state, ended.video), (State::Ready, Some(manifest(5))));
    assert_eq!(clip(&world, &job).unwrap().body, "first");
}

#[tokio::test]
async fn a_worker_that_lost_its_claim_does_not_replace_what_the_next_one_published() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let (table, objects, key) = (world.jobs.clone(), world.objects.clone(), job.order.key(ObjectKind::Video));
    world.objects.faults.meanwhile("put", 1, move || {
        let next = claimed(&table.only(), NOW + ms(60_001));
        table.put(&next.with_staged(next.fence, ObjectKind::Video, manifest(6), NOW + ms(60_002)).unwrap());
        objects.add("clips", &key, "theirs", Some(origin(&next)));
    });
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fence), (State::Running, 2));
    assert!(clip(&world, &job).unwrap().body == "theirs");
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_replaced_is_looked_at_again() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let key = job.order.key(ObjectKind::Video);
    world.objects.add("clips", &key, "old", None);
    let objects = world.objects.clone();
    world.objects.faults.meanwhile("put", 2, move || objects.add("clips", &key, "newer", None));
    assert_eq!(world.work(&job).await.state, State::Queued);
    assert_eq!(clip(&world, &job).unwrap().body, "newer");
    world.clock.advance(20_000);
    assert_complete(&world, &world.work(&job).await);
}

#[tokio::test]
async fn a_worker_whose_claim_is_lost_before_it_publishes_publishes_nothing() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 2, move || table.put(&claimed(&table.only(), NOW + ms(60_001))));
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fence, clip(&world, &job)), (State::Running, 2, None));
}

#[tokio::test]
async fn a_clip_whose_worker_lost_its_claim_before_the_commit_is_adopted_by_the_next() {
    let (world, job) = recorded(SMALL, &audio_body(9000));
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 3, move || table.put(&claimed(&table.only(), NOW + ms(60_001))));
    assert_eq!(world.work(&job).await.fence, 2);
    let made = clip(&world, &job).unwrap();
    world.clock.advance(2 * 60_001);
    let ended = world.work(&job).await;
    assert_eq!((assert_complete(&world, &ended), ended.fence), (made, 3));
    assert_eq!(world.objects.faults.calls("put"), 1);
}

#[tokio::test]
async fn a_large_clip_is_uploaded_in_parts() {
    let (world, job) = recorded(LARGE, &audio_body(240));
    let ended = world.work(&job).await;
    let made = assert_complete(&world, &ended);
    let video = ended.video.unwrap();
    assert_eq!((video.parts, world.objects.faults.calls("part")), (3, 3));
    let (first, rest) = made.body.split_at(made.body.len() - 2 * LARGE - (5 << 20));
    let parts = [first, &rest[..5 << 20], &rest[5 << 20..]];
    let composite: Vec<u8> = parts.iter().flat_map(|part| Sha256::digest(part).to_vec()).collect();
    assert_eq!(hex(&Sha256::digest(&composite)), video.sha256, "as S3's composite checksums are made");
}

/// Delivers the message until the job has ended, a lease apart.
async fn until_ended(world: &World, job: &Job) -> Job {
    for _ in 0..4 {
        let disposition = world.receive(job.message().encode()).await;
        let now = world.jobs.current(job).unwrap();
        if now.state.is_terminal() {
            assert_eq!(disposition, Disposition::Acknowledge);
            return now;
        }
        world.clock.advance(60_001);
    }
    world.jobs.current(job).unwrap()
}

/// Makes the clip as often as there are calls of `operations` and faults, with one of them going wrong; returns how
/// often that was.
async fn survives_every_fault(frame_bytes: usize, duration_ms: i64, operations: &[&'static str]) -> usize {
    let body = audio_body(duration_ms);
    let (world, job) = recorded(frame_bytes, &body);
    let expected = assert_complete(&world, &world.work(&job).await).body;
    let mut runs = 0;
    for operation in operations {
        let calls: usize = world.faults().iter().map(|faults| faults.calls(operation)).sum();
        for (nth, fault) in (1..=calls).flat_map(|nth| FAULTS.map(|fault| (nth, fault))) {
            let (world, job) = recorded(frame_bytes, &body);
            world.faults().iter().for_each(|faults| faults.plan(operation, nth, fault));
            let ended = until_ended(&world, &job).await;
            assert_eq!(ended.state, State::Ready, "{operation} {nth} {fault:?}");
            if *operation == "begin" && fault != Fault::Before {
                // Nobody knows this upload's name: the bucket's lifecycle rule throws it away.
                world.objects.forget_uploads();
            }
            assert!(assert_complete(&world, &ended).body == expected, "{operation} {nth} {fault:?}");
            runs += 1;
        }
    }
    runs
}

#[tokio::test]
async fn whichever_call_goes_wrong_a_small_clip_is_the_same() {
    let operations = ["get", "write", "tenant", "read", "put"];
    assert!(survives_every_fault(SMALL, 9000, &operations).await >= 30);
}

#[tokio::test]
async fn whichever_call_goes_wrong_a_large_clip_is_the_same() {
    assert_eq!(survives_every_fault(LARGE, 240, &["begin", "part", "complete"]).await, 15);
}

/// A manifest of so many audio adaptation sets in a Period. All are of the same files, but for their init segments if
/// these are `apart`.
pub(crate) fn many(sets: usize, apart: bool) -> String {
    let one = |n: usize| {
        let text = set("audio", "mp4a.40.2", "").replace(r#"id="audio""#, &format!(r#"id="a{n}""#));
        if apart { text.replace("audio-init", &format!("init-{n}")) } else { text }
    };
    mpd(&(0..sets).map(one).collect::<String>(), "")
}

#[tokio::test]
async fn a_clip_has_the_first_32_audio_tracks_and_says_that_there_are_more() {
    let world = World::new();
    record(&world.objects, DIRECTORY, &many(40, false), &audio_files(SMALL));
    let job = world.has(&audio_body(2000), |job| job);
    let ended = world.work(&job).await;
    let made = assert_complete(&world, &ended);
    assert_eq!(made.body.windows(4).filter(|bytes| bytes == b"trak").count(), 32);
    let warnings = ended.video.unwrap().warnings;
    let detail = "a clip has at most 32 audio tracks: the last 8 of a Period are left out";
    assert!(warnings.iter().any(|warning| warning.detail.as_str() == detail), "{warnings:?}");
    let of_init = |call: &Call| matches!(call, Call::Read { key, .. } if key.ends_with("init.mp4"));
    assert_eq!(world.objects.calls().iter().filter(|call| of_init(call)).count(), 1, "they share one");
}

#[tokio::test(start_paused = true)]
async fn audio_tracks_are_opened_a_few_at_a_time() {
    let world = World::new();
    record(&world.objects, DIRECTORY, &many(40, true), &[]);
    let job = world.has(&audio_body(2000), |job| job);
    let faults = world.objects.faults.clone();
    world.objects.faults.meanwhile("read", 1, move || faults.always("read", Fault::Never));
    assert_eq!(world.work(&job).await.state, State::Queued);
    let heads = world.objects.calls().len() - 1;
    assert!((1..=4).contains(&heads), "{heads} at the same time");
}
