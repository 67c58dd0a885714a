//! Completion events.

use crate::world::World;
use export_domain::completion::notification;
use export_domain::job::State;
use export_testkit::recordings::{record_sound, sound_body};
use export_testkit::{Fault, body};

#[tokio::test]
async fn a_clip_is_told_of_once_it_is_there() {
    let world = World::new();
    record_sound(&world.objects, 1 << 10);
    let job = world.has(&sound_body(240), |job| job);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.due_at), (State::Ready, None));
    assert_eq!(world.bus.told(), [notification(&ended)]);
    world.work(&job).await;
    assert_eq!(world.bus.told().len(), 1, "a message again tells nothing");
}

#[tokio::test]
async fn a_job_that_failed_is_told_of() {
    let world = World::new();
    let ended = world.work(&world.has(&body(), |job| job)).await;
    assert_eq!(ended.state, State::Failed);
    assert_eq!(world.bus.told(), [notification(&ended)]);
}

#[tokio::test]
async fn a_bus_that_is_down_is_no_failure_and_the_job_stays_due() {
    let world = World::new();
    world.bus.faults.always("put_event", Fault::Before);
    let ended = world.work(&world.has(&body(), |job| job)).await;
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
    let (job, began) = (world.has(&body(), |job| job), tokio::time::Instant::now());
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.due_at.is_some()), (State::Failed, true));
    assert_eq!(began.elapsed(), std::time::Duration::from_secs(2));
}
