use crate::world::{World, origin, times};
use export_domain::job::{Begun, Job, Manifest, ObjectKind, State};
use export_domain::ports::Origin;
use export_testkit::{Fault, NOW, body, claimed, manifest, ms, thumbnail_body};
use serde_json::Value;

const IMAGE: &[u8] = b"jpeg";
const VIDEO: &[u8] = b"a clip";

fn made(content: &[u8], lack_ms: i64) -> Manifest {
    Manifest { lack_ms: ms(lack_ms), ..manifest(u64::try_from(content.len()).unwrap()) }
}

/// A worker staged both files and died a minute ago.
fn crashed(job: &Job) -> Job {
    let job = claimed(job, NOW - ms(60_000));
    let job = job.with_staged(1, ObjectKind::Image, made(IMAGE, 0), NOW - ms(60_000)).unwrap();
    job.with_staged(1, ObjectKind::Video, made(VIDEO, 40), NOW - ms(60_000)).unwrap()
}

fn published(world: &World, body: &Value) -> Job {
    let job = world.has(body, |job| crashed(&job));
    world.published(&job, ObjectKind::Image, IMAGE);
    world.published(&job, ObjectKind::Video, VIDEO);
    job
}

#[tokio::test]
async fn what_was_published_before_a_crash_is_committed_without_making_it_again() {
    let world = World::new();
    let job = published(&world, &body());
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.fence), (State::Ready, 2));
    assert_eq!((ended.image, ended.video), (Some(made(IMAGE, 0)), Some(made(VIDEO, 40))));
    for operation in ["read", "put", "begin"] {
        assert_eq!(world.objects.faults.calls(operation), 0, "{operation}");
    }
}

#[tokio::test]
async fn what_is_adopted_leaves_no_upload_of_a_dead_worker_open() {
    let world = World::new();
    let job = published(&world, &body());
    let upload = world.objects.begun(&job.order.key(ObjectKind::Video), &origin(&job));
    world.jobs.put(&Job { uploads: vec![Begun { fence: 1, id: upload.id }], ..job.clone() });
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.video), (State::Ready, Some(made(VIDEO, 40))));
    assert!(world.objects.open_uploads().is_empty());
}

#[tokio::test]
async fn a_published_thumbnail_is_adopted_too() {
    let world = World::new();
    let job = world.has(&thumbnail_body(), |job| crashed(&job));
    world.published(&job, ObjectKind::Image, IMAGE);
    assert_eq!(world.work(&job).await.state, State::Ready);
    assert_eq!(world.objects.faults.calls("read"), 0);
}

#[tokio::test]
async fn a_later_generation_adopts_what_an_earlier_one_published() {
    let world = World::new();
    let job = published(&world, &body());
    let next = Job { generation: 2, attempts: 0, lease_until: None, state: State::Queued, ..job };
    world.jobs.put(&next);
    let ended = world.work(&next).await;
    assert_eq!((ended.state, ended.generation, ended.fence), (State::Ready, 2, 2));
    assert_eq!(ended.video, Some(made(VIDEO, 40)));
}

type Case = (&'static str, fn(Origin) -> Option<Origin>, &'static [u8]);

#[tokio::test]
async fn an_object_that_nobody_has_a_record_of_is_not_adopted() {
    let others: [Case; 5] = [
        ("nobody's", |_| None, VIDEO),
        (
            "another job's",
            |o| Some(Origin { job_id: export_domain::ids::JobId::parse(&"a".repeat(32)).unwrap(), ..o }),
            VIDEO,
        ),
        ("another fence's", |o| Some(Origin { fence: 7, ..o }), VIDEO),
        ("another generation's", |o| Some(Origin { generation: 7, ..o }), VIDEO),
        ("another size", Some, b"another clip"),
    ];
    for (whose, change, content) in others {
        let world = World::new();
        let job = world.has(&body(), |job| crashed(&job));
        let key = job.order.key(ObjectKind::Video);
        world.objects.add("clips", &key, content, change(origin(&job)));
        let ended = world.work(&job).await;
        assert_eq!((ended.state, ended.video), (State::Failed, None), "{whose}");
        assert_eq!(world.objects.object("clips", &key).unwrap().body, content, "{whose}");
    }
}

#[tokio::test]
async fn what_was_staged_but_never_published_is_made_anew() {
    let world = World::new();
    let job = world.has(&body(), |job| crashed(&job));
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.image, ended.video), (State::Failed, None, None));
    assert_eq!(world.objects.faults.calls("read"), 1, "the recording was looked for");
}

#[tokio::test]
async fn a_picture_is_adopted_although_the_clip_is_not_there_yet() {
    let world = World::new();
    let job = world.has(&body(), |job| crashed(&job));
    world.published(&job, ObjectKind::Image, IMAGE);
    let ended = world.work(&job).await;
    assert_eq!((ended.image, ended.video), (Some(made(IMAGE, 0)), None));
}

#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_a_commit() {
    // The claim is the first write, the picture the second, the clip the third; whoever knows of it tells it.
    for (fault, writes) in [(Fault::Again, 4), (Fault::After, 3)] {
        let world = World::new();
        let job = published(&world, &body());
        world.jobs.faults.plan("write", 3, fault);
        let ended = world.work(&job).await;
        assert_eq!((ended.state, ended.rev), (State::Ready, job.rev + writes), "{fault:?}");
        assert_eq!(world.work(&job).await, ended, "delivered again");
    }
}

#[tokio::test]
async fn a_commit_that_never_landed_is_made_up_for_by_the_next_worker() {
    let world = World::new();
    let job = published(&world, &body());
    world.jobs.faults.plan("write", 3, Fault::Before);
    world.jobs.faults.plan("write", 4, Fault::Before);
    assert_eq!(world.work(&job).await.state, State::Running);
    world.clock.advance(60_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.video), (State::Ready, Some(made(VIDEO, 40))));
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_leaves_the_job_for_another_try() {
    let world = World::new();
    let job = published(&world, &body());
    world.objects.faults.plan("head", 1, Fault::Before);
    assert_eq!(world.work(&job).await.state, State::Queued);
    world.clock.advance(20_000);
    assert_eq!(world.work(&job).await.state, State::Ready);
}

#[tokio::test]
async fn a_job_cancelled_before_its_commit_stays_cancelled() {
    let world = World::new();
    let job = published(&world, &body());
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 3, move || {
        table.put(&table.only().cancelled(NOW, &times()).unwrap());
    });
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.video), (State::Cancelled, None));
}
