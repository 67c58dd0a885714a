use crate::world::{STRANGERS_SESSION, World, path};
use export_domain::job::{Job, Posted, State};
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metric;
use export_testkit::{Fault, NOW, SESSION, ask, body, claimed, ms, post, progressed, ready};

#[tokio::test]
async fn a_job_that_has_not_ended_is_cancelled_and_stays_so() {
    let changes: [fn(Job) -> Job; 2] = [|job| job, |job| claimed(&job, NOW)];
    for change in changes {
        let world = World::new();
        let job = world.has(&body(), change);
        let first = world.delete(&job).await;
        assert_eq!((first.status, first.codes()), (200, (-1, 0)));
        assert_eq!(first.json["ErrorMessage"], "cancelled");
        let stored = world.jobs.only();
        assert_eq!((stored.state, stored.lease_until), (State::Cancelled, None));
        assert_eq!(stored.due_at, Some(NOW + ms(10_000)), "the sweeper tells of it");
        assert!(stored.expires_at.is_some());
        assert_eq!(world.get(&path(&job)).await, first);
        assert_eq!(world.jobs.only(), stored);
        assert_eq!(world.counted(Metric::Cancelled), 1, "it was cancelled once");
    }
}

#[tokio::test]
async fn a_job_that_has_ended_is_forgotten_and_its_end_still_told() {
    let ends: [fn(Job) -> Job; 2] = [
        |job| ready(&claimed(&job, NOW), NOW),
        |job| job.cancelled(NOW - ms(60_000), &Lifecycle::default()).unwrap(),
    ];
    for end in ends {
        let world = World::new();
        let job = world.has(&body(), end);
        let known = world.get(&path(&job)).await;
        assert_eq!(world.delete(&job).await, known, "the reply says how it ended");
        for again in [
            world.get(&path(&job)).await,
            world.delete(&job).await,
            world.ask(post("/export/status", &body())).await,
        ] {
            assert_eq!((again.status, again.json["ErrorMessage"].as_str()), (404, Some("no such job")));
        }
        let listed = world.ask(ask("GET", "/export/status", &[("X-Session-Id", SESSION)], "")).await;
        assert_eq!(listed.json["jobs"], serde_json::json!([]));
        let stored = world.jobs.only();
        assert_eq!((stored.due_at, stored.expires_at), (job.due_at, job.expires_at));
        assert_eq!(world.counted(Metric::Cancelled), 0);
        let Posted::Restart(next) = stored.posted(&stored.order, NOW, &Lifecycle::default()) else {
            panic!("the next POST starts afresh")
        };
        assert_eq!((next.state, next.retries), (State::Queued, 1));
        assert_eq!(next.untold.len(), 1, "the end is told all the same");
    }
}

#[tokio::test]
async fn a_cancellation_that_is_repeated_within_a_minute_says_the_same() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let first = world.delete(&job).await;
    world.clock.advance(59_999);
    assert_eq!(world.delete(&job).await, first, "the first reply may have been lost");
    assert_eq!(world.get(&path(&job)).await, first);
    world.clock.advance(1);
    assert_eq!(world.delete(&job).await, first);
    assert_eq!(world.get(&path(&job)).await.status, 404);
}

#[tokio::test]
async fn a_job_past_its_deadline_has_failed_and_is_not_cancelled() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    world.clock.advance(31 * 60_000);
    assert_eq!(world.delete(&job).await.json["ErrorMessage"], "export timed out");
    assert_eq!(world.jobs.only().state, State::Failed);
}

#[tokio::test]
async fn a_cancellation_wins_against_a_workers_renewal() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let renewed = progressed(&job, 100, NOW);
    let table = world.jobs.clone();
    world.jobs.faults.meanwhile("write", 1, move || table.put(&renewed));
    let answer = world.delete(&job).await;
    assert_eq!(answer.json["ErrorMessage"], "cancelled");
    assert_eq!((world.jobs.only().state, world.jobs.only().done_ms), (State::Cancelled, ms(100)));
}

#[tokio::test]
async fn a_cancellation_does_not_undo_a_success_that_came_first() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let table = world.jobs.clone();
    let success = ready(&job, NOW);
    world.jobs.faults.meanwhile("write", 1, move || table.put(&success));
    let answer = world.delete(&job).await;
    assert_eq!((answer.codes(), world.jobs.only().state), ((5, 0), State::Ready));
}

#[tokio::test]
async fn a_cancellation_whose_reply_was_lost_is_a_success() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.jobs.faults.plan("write", 1, Fault::Again);
    assert_eq!(world.delete(&job).await.json["ErrorMessage"], "cancelled");
    assert_eq!(world.jobs.writes(), 1);
}

#[tokio::test]
async fn a_cancellation_that_cannot_be_stored_is_not_reported_as_one() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.jobs.faults.always("write", Fault::Before);
    let answer = world.delete(&job).await;
    assert_eq!((answer.status, answer.codes()), (503, (-1, 2000)));
    assert_eq!(world.jobs.only(), job);
}

#[tokio::test]
async fn a_stranger_cancels_nothing() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let answer = world.ask(ask("DELETE", &path(&job), &[("X-Session-Id", STRANGERS_SESSION)], "")).await;
    assert_eq!((answer.status, world.jobs.only()), (404, job));
}
