//! What jobs without files left in their targets, and how it goes.

use crate::world::{World, origin, times};
use export_domain::job::{Begun, INDEX, Job, ObjectKind, Play, PlayKey, Posted, Reason, State};
use export_domain::ports::{ClipStore, Origin, Precondition};
use export_testkit::{Fault, NOW, TestClock, body, claimed, manifest, ms};

const HALF_HOUR: i64 = 30 * 60_000;
const KINDS: [ObjectKind; 2] = [ObjectKind::Image, ObjectKind::Video];

/// A job whose worker published its files and lost the job to `end`.
async fn left(end: fn(&Job) -> Job) -> (World, Job) {
    let world = World::at(TestClock::standing(NOW));
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let staged =
        KINDS.iter().fold(job.clone(), |job, kind| job.with_staged(1, *kind, manifest(1), NOW).unwrap());
    for kind in KINDS {
        put(&world, &staged, kind, &origin(&staged), "x").await;
    }
    let upload = world.objects.begun(&job.order.key(ObjectKind::Video), &origin(&staged));
    let uploads = vec![Begun { fence: 1, id: upload.id }];
    let ended = end(&Job { uploads, ..staged });
    let ended = ended.told().unwrap_or(ended);
    world.jobs.put(&ended);
    (world, ended)
}

async fn put(world: &World, job: &Job, kind: ObjectKind, origin: &Origin, content: &'static str) {
    let (target, key) = (&job.order.target, job.order.key(kind));
    let body = bytes::Bytes::from(content).into();
    world.objects.put(target, &key, "video/mp4", origin, &Precondition::Absent, body).await.unwrap();
}

fn cancelled(job: &Job) -> Job {
    job.cancelled(NOW, &times()).unwrap()
}

fn failed(job: &Job) -> Job {
    job.given_up(1, Reason::BadRecording, NOW, &times()).unwrap()
}

#[tokio::test]
async fn what_a_job_without_files_left_is_removed_half_an_hour_after_its_end() {
    let ends: [fn(&Job) -> Job; 2] = [cancelled, failed];
    for end in ends {
        let (world, ended) = left(end).await;
        assert_eq!(ended.due_at, Some(NOW + ms(HALF_HOUR)), "then the sweeper sends its message");
        world.clock.advance(HALF_HOUR - 1);
        assert_eq!(world.work(&ended).await, ended, "workers of it may still be alive");
        world.clock.advance(1);
        let after = world.work(&ended).await;
        assert!(world.objects.keys("clips").is_empty() && world.objects.open_uploads().is_empty());
        assert_eq!(
            (after.state, &after.failure, after.updated_at),
            (ended.state, &ended.failure, ended.updated_at)
        );
        assert_eq!((after.due_at, after.staged.len(), after.uploads.len()), (None, 0, 0));
        let calls = world.objects.faults.calls("remove");
        assert_eq!(world.work(&after).await, after, "once");
        assert_eq!(world.objects.faults.calls("remove"), calls);
    }
}

#[tokio::test]
async fn only_what_the_job_itself_left_is_removed() {
    let others: [fn(Origin) -> Option<Origin>; 3] =
        [|_| None, |o| Some(Origin { generation: 2, ..o }), |o| Some(Origin { fence: 2, ..o })];
    for other in others {
        let (world, ended) = left(cancelled).await;
        let key = ended.order.key(ObjectKind::Video);
        world.objects.add("clips", &key, "x", other(Origin { fence: 1, ..origin(&ended) }));
        world.clock.advance(HALF_HOUR);
        assert_eq!(world.work(&ended).await.due_at, None);
        assert_eq!(world.objects.keys("clips"), [key]);
    }
}

#[tokio::test]
async fn a_job_that_starts_over_meanwhile_begins_when_nothing_is_removed_any_more() {
    let (world, ended) = left(failed).await;
    world.clock.advance(HALF_HOUR);
    let table = world.jobs.clone();
    world.objects.faults.meanwhile("remove", 1, move || {
        let Posted::Restart(next) = table.only().posted(&table.only().order, NOW + ms(HALF_HOUR), &times())
        else {
            panic!("no restart")
        };
        table.put(&next);
    });
    let next = world.work(&ended).await;
    assert_eq!((next.state, next.generation, next.staged.len()), (State::Queued, 2, 0), "nothing is adopted");
    assert_eq!(next.wake_at, Some(NOW + ms(HALF_HOUR) + ms(15 * 60_000)));
    assert_eq!(world.work(&next).await, next, "it sleeps");
}

#[tokio::test]
async fn who_wakes_too_late_removes_nothing() {
    let (world, ended) = left(failed).await;
    world.clock.advance(HALF_HOUR);
    let clock = world.clock.clone();
    world.objects.faults.meanwhile("head", 1, move || clock.advance(8 * 60_000));
    let again = world.work(&ended).await;
    assert_eq!((world.objects.faults.calls("remove"), world.objects.keys("clips").len()), (0, 2));
    assert!(again.due_at.is_some(), "somebody else does");
}

#[tokio::test]
async fn what_cannot_be_removed_now_is_due_again_and_what_may_not_be_stays() {
    for operation in ["head", "remove", "abort", "tenant"] {
        let (world, ended) = left(failed).await;
        world.clock.advance(HALF_HOUR);
        world.faults().iter().for_each(|faults| faults.plan(operation, 1, Fault::Before));
        let again = world.work(&ended).await;
        assert_eq!(again.due_at, Some(NOW + ms(HALF_HOUR) + ms(60_000)), "{operation}");
        world.clock.advance(60_000);
        assert_eq!(world.work(&again).await.due_at, None, "{operation}");
        assert!(world.objects.keys("clips").is_empty(), "{operation}");
    }
    let (world, ended) = left(failed).await;
    world.clock.advance(HALF_HOUR);
    world.objects.deny("clips");
    assert_eq!(world.work(&ended).await.due_at, None);
}

#[tokio::test]
async fn the_objects_of_a_playlist_are_removed_and_those_of_another_job_are_not() {
    let world = World::at(TestClock::standing(NOW));
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let play = Play {
        generation: job.generation,
        fence: job.fence,
        key: Some(PlayKey::new("0".repeat(32))),
        early: None,
        files: ["video-0.m4s", "video.mp4", INDEX].map(|name| Play::object(job.fence, name)).to_vec(),
        refused: String::new(),
        detail: "".into(),
    };
    let [own, foreign, index] =
        ["video-0.m4s", "video.mp4", INDEX].map(|name| job.order.play_key(job.fence, name));
    world.objects.add("clips", &own, "x", Some(origin(&job)));
    world.objects.add("clips", &foreign, "x", None);
    world.objects.add("clips", &index, "x", Some(origin(&job)));
    let ended = cancelled(&job.with_play(job.fence, play, NOW).unwrap());
    let ended = ended.told().unwrap_or(ended);
    world.jobs.put(&ended);
    world.clock.advance(HALF_HOUR);
    let cleared = world.work(&ended).await;
    assert_eq!((cleared.play, world.objects.keys("clips")), (None, vec![foreign]));
}
