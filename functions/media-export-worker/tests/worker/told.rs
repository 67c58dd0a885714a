//! Completion events.

use crate::world::{World, origin, times};
use export_domain::completion::notification;
use export_domain::job::{Begun, Job, ObjectKind, Posted, Reason, State};
use export_testkit::recordings::{audio_body, record_audio};
use export_testkit::{Fault, NOW, body, claimed, ms};
use serde_json::{Value, json};

/// A job whose recording is absent for good.
fn absent(world: &World) -> Job {
    world.has(&body(), |job| Job { source_missing_since: Some(NOW - ms(900_000)), ..job })
}

#[tokio::test]
async fn a_clip_is_told_of_once_it_is_there() {
    let world = World::new();
    record_audio(&world.objects, 1 << 10);
    let job = world.has(&audio_body(240), |job| job);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.due_at), (State::Ready, None));
    assert_eq!(world.bus.told(), [notification(&ended)]);
    world.work(&job).await;
    assert_eq!(world.bus.told().len(), 1, "a message again tells nothing");
}

#[tokio::test]
async fn a_job_that_failed_is_told_of() {
    let world = World::new();
    let ended = world.work(&absent(&world)).await;
    assert_eq!(ended.state, State::Failed);
    assert_eq!(world.bus.told(), [notification(&ended)]);
}

#[tokio::test]
async fn a_bus_that_is_down_is_no_failure_and_the_job_stays_due() {
    let world = World::new();
    world.bus.faults.always("put_event", Fault::Before);
    let ended = world.work(&absent(&world)).await;
    assert_eq!((ended.state, world.bus.told().len()), (State::Failed, 0));
    assert!(ended.due_at.is_some());
}

#[tokio::test]
async fn nobody_is_told_of_a_job_that_goes_on() {
    let world = World::new();
    world.objects.faults.always("read", Fault::Before);
    let left = world.work(&world.has(&body(), |job| job)).await;
    assert_eq!((left.state, world.bus.told().len()), (State::Queued, 0));
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_does_not_answer_keeps_no_worker_longer_than_two_seconds() {
    let world = World::new();
    world.bus.faults.always("put_event", Fault::Never);
    let (job, began) = (absent(&world), tokio::time::Instant::now());
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.due_at.is_some()), (State::Failed, true));
    assert_eq!(began.elapsed(), std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn an_absent_recording_is_not_told_of_and_not_counted_while_it_may_appear() {
    let world = World::new();
    let ended = world.work(&world.has(&body(), |job| job)).await;
    assert!(ended.is_looked_for() && world.bus.told().is_empty());
    assert!(world.lines.lock().unwrap().iter().all(|line| line["Failed"].is_null()));
}

#[tokio::test]
async fn the_end_of_an_earlier_generation_that_nobody_told_of_is_told_with_the_next_attempt() {
    let world = World::new();
    let failed = claimed(&absent(&world), NOW - ms(70_000));
    let failed = failed.given_up(failed.fence, Reason::Denied, NOW - ms(70_000), &times()).unwrap();
    let Posted::Restart(again) = failed.posted(&failed.order, NOW, &times()) else { panic!("no restart") };
    world.jobs.put(&Job { source_missing_since: Some(NOW - ms(900_000)), ..(*again).clone() });
    let ended = world.work(&again).await;
    let ids: Vec<Value> = world
        .bus
        .told()
        .iter()
        .map(|event| {
            let detail: Value = serde_json::from_str(&event.detail).unwrap();
            json!([detail["id"], detail["job"]["error"], detail["job"]["retriable"]])
        })
        .collect();
    let id = |generation: u32| format!("{}-{generation}", ended.job_id);
    assert_eq!(ids, [json!([id(1), "access denied", false]), json!([id(2), "not such dir", false])]);
}

#[tokio::test]
async fn a_clip_that_is_there_is_told_of_however_long_its_worker_takes_to_tidy_up() {
    let world = World::new();
    record_audio(&world.objects, 1 << 20);
    let job = world.has(&audio_body(240), |job| job);
    let upload = world.objects.begun(&job.order.key(ObjectKind::Video), &origin(&job));
    world.jobs.put(&Job { uploads: vec![Begun { fence: job.fence, id: upload.id }], ..job.clone() });
    let clock = world.clock.clone();
    world.objects.faults.meanwhile("abort", 1, move || clock.advance(25_000));
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.due_at), (State::Ready, None));
    let lines = world.lines.lock().unwrap().clone();
    assert!(lines.iter().any(|line| line["Ready"] == 1), "{lines:?}");
}
