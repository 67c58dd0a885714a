//! Work that hangs: the clock jumps from renewal to renewal.

use crate::world::{World, origin, times};
use export_domain::job::{Job, ObjectKind, Phase, State};
use export_testkit::recordings::{audio_body, record_audio};
use export_testkit::{Fault, NOW, TestClock, body, claimed, ms};

/// A worker whose source never answers.
fn hanging() -> (World, Job) {
    let world = World::at(TestClock::jumping(NOW));
    world.objects.faults.always("read", Fault::Never);
    let job = world.has(&body(), |job| job);
    (world, job)
}

#[tokio::test]
async fn a_job_that_is_cancelled_stops_its_worker_at_the_next_renewal() {
    let (world, job) = hanging();
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 3, move || {
        table.put(&table.only().cancelled(NOW, &times()).unwrap());
    });
    assert_eq!(world.work(&job).await.state, State::Cancelled);
    assert_eq!(
        world.jobs.faults.calls("write"),
        3,
        "the claim, one renewal, the one that met the cancellation"
    );
}

#[tokio::test]
async fn a_job_that_was_taken_over_stops_its_first_worker_and_is_left_alone() {
    let (world, job) = hanging();
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 2, move || table.put(&claimed(&table.only(), NOW + ms(61_000))));
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fence, left.attempts), (State::Running, 2, 2));
}

#[tokio::test]
async fn a_record_that_is_gone_stops_its_worker() {
    let (world, job) = hanging();
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 2, move || table.clear());
    let disposition = world.receive(job.message().encode()).await;
    assert_eq!(disposition, export_lambda::batch::Disposition::Acknowledge);
    assert!(world.jobs.all().is_empty());
}

#[tokio::test]
async fn a_worker_that_cannot_renew_for_a_whole_lease_stops() {
    let (world, job) = hanging();
    let faults = world.jobs.faults.clone();
    world.objects.faults.meanwhile("read", 1, move || faults.always("write", Fault::Before));
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fence), (State::Running, 1));
    world.jobs.faults.clear();
    world.objects.faults.clear();
    assert_eq!(world.work(&job).await.fence, 2, "its lease has ended with it");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_without_time_left_gives_the_job_back() {
    let world = World::new();
    world.objects.faults.always("read", Fault::Never);
    let job = world.has(&body(), |job| job);
    let left = world.work(&job).await;
    assert_eq!((left.state, left.attempts, left.lease_until), (State::Queued, 1, None));
    assert_eq!(left.wake_at, Some(NOW + ms(20_000)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_past_a_jobs_deadline() {
    let world = World::new();
    world.objects.faults.always("read", Fault::Never);
    let deadline = NOW + ms(5000);
    let job = world.has(&body(), |job| Job { deadline_at: Some(deadline), ..job });
    let began = tokio::time::Instant::now();
    assert_eq!(world.work(&job).await.state, State::Queued);
    assert_eq!(began.elapsed().as_secs(), 5);
}

/// A worker in the midst of an upload whose next part is never stored.
fn uploading(clock: TestClock) -> (World, Job) {
    let world = World::at(clock);
    record_audio(&world.objects, 1 << 20);
    world.objects.faults.plan("part", 1, Fault::Never);
    let job = world.has(&audio_body(240), |job| job);
    (world, job)
}

#[tokio::test]
async fn an_upload_of_a_job_that_was_cancelled_is_thrown_away() {
    let (world, job) = uploading(TestClock::jumping(NOW));
    let table = world.jobs.clone();
    world.objects.faults.meanwhile("part", 1, move || {
        table.put(&table.only().cancelled(NOW, &times()).unwrap());
    });
    assert_eq!(world.work(&job).await.state, State::Cancelled);
    assert_eq!((world.objects.faults.calls("begin"), world.objects.open_uploads().len()), (1, 0));
}

#[tokio::test]
async fn a_worker_that_wakes_after_its_claim_throws_no_upload_of_its_successor_away() {
    let world = World::new();
    record_audio(&world.objects, 1 << 20);
    let job = world.has(&audio_body(240), |job| Job { attempts: 1, ..job });
    let (table, objects) = (world.jobs.clone(), world.objects.clone());
    world.directory.faults.meanwhile("tenant", 1, move || {
        let next = claimed(&table.only(), NOW + ms(61_000));
        objects.begun(&next.order.key(ObjectKind::Video), &origin(&next));
        table.put(&next);
    });
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fence), (State::Running, 2));
    assert!(world.objects.open_origins().contains(&origin(&left)), "{:?}", world.objects.open_origins());
}

#[tokio::test]
async fn the_upload_of_a_worker_that_died_is_thrown_away_by_the_next_one() {
    let (world, job) = uploading(TestClock::standing(NOW));
    let noted = async {
        while world.jobs.only().uploads.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        left = world.work(&job) => panic!("{left:?}"),
        () = noted => {}
    }
    assert_eq!(world.objects.open_uploads().len(), 1);
    world.clock.advance(61_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.fence, ended.uploads), (State::Ready, 2, Vec::new()));
    assert!(world.objects.open_uploads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_an_invocation_without_time_left_is_thrown_away() {
    let (world, job) = uploading(TestClock::standing(NOW));
    assert_eq!(world.work(&job).await.state, State::Queued);
    assert_eq!((world.objects.faults.calls("begin"), world.objects.open_uploads().len()), (1, 0));
}

#[tokio::test]
async fn progress_is_stored_within_two_seconds_and_renews_no_claim() {
    let (world, job) = uploading(TestClock::standing(NOW));
    let settle = async || {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let watched = async {
        while world.objects.faults.calls("part") == 0 {
            tokio::task::yield_now().await;
        }
        settle().await;
        world.clock.advance(2000);
        settle().await;
        let told = world.jobs.only();
        assert_eq!(told.phase(), Some(Phase::Copying));
        assert!((1..100).contains(&told.percent()), "{}", told.percent());
        assert_eq!(told.plan.as_ref().map(|plan| plan.kind.as_str()), Some("copy"));
        assert_eq!(told.lease_until, Some(NOW + ms(60_000)));
        for _ in 0..8 {
            world.clock.advance(2000);
            settle().await;
        }
        assert_eq!(world.jobs.only(), told, "nothing moves");
        world.clock.advance(2000);
        settle().await;
        assert_eq!(world.jobs.only().lease_until, Some(NOW + ms(80_000)));
    };
    tokio::select! {
        left = world.work(&job) => panic!("{left:?}"),
        () = watched => {}
    }
}
