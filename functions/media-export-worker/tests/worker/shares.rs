//! No tenant has more than half of the workers while another one's clip waits.

use crate::world::World;
use export_domain::ids::TenantId;
use export_domain::job::{Job, Lane, State};
use export_testkit::{Fault, NOW, body, claimed, ms, with};

/// The other tenant's job.
fn of_another(job: Job) -> Job {
    Job { tenant: TenantId::parse("quiet").unwrap(), ..job }
}

/// A world of four workers in which our tenant has `held` of them, and the job that its next message is of.
fn busy(held: i64) -> (World, Job) {
    let world = World::new();
    for number in 0..held {
        world.has(&with(body(), "Duration", 1000 + number), |job| claimed(&job, NOW));
    }
    let next = world.has(&body(), |job| job);
    (world, next)
}

#[tokio::test]
async fn who_has_half_of_the_workers_lets_another_tenants_clip_go_first() {
    for (held, state) in [(1, State::Failed), (2, State::Queued), (3, State::Queued)] {
        let (world, job) = busy(held);
        let other = world.has(&with(body(), "Duration", 500), of_another);
        let left = world.work(&job).await;
        assert_eq!(left.state, state, "{held} of 4");
        if state == State::Queued {
            let sent = world.queue.take();
            assert_eq!((sent.len(), &sent[0].message, sent[0].delay_s), (1, &job.message(), 2));
            assert_eq!((left.attempts, left.deadline_at), (0, None), "no attempt is lost");
            assert_eq!(left.due_at, Some(NOW + ms(62_000)), "the sweeper wakes it if the message is lost");
        }
        assert_ne!(world.work(&other).await.state, State::Queued, "the other is served");
    }
}

#[tokio::test]
async fn a_lone_tenant_has_all_workers() {
    let (world, job) = busy(3);
    world.has(&with(body(), "Duration", 500), |job| claimed(&of_another(job), NOW));
    assert_ne!(world.work(&job).await.state, State::Queued, "the other's clip has its worker");
}

#[tokio::test]
async fn clips_of_batches_neither_take_up_the_workers_nor_wait_for_them() {
    let bulk = |job: Job| Job { lane: Some(Lane::Bulk), ..job };
    let (world, job) = busy(1);
    for number in 0..3 {
        world.has(&with(body(), "Duration", 2000 + number), |job| claimed(&bulk(job), NOW));
    }
    let other = world.has(&with(body(), "Duration", 500), of_another);
    assert_ne!(world.work(&job).await.state, State::Queued, "one of four is not half of them");
    world.work(&other).await;

    let (world, job) = busy(3);
    world.has(&with(body(), "Duration", 500), |job| bulk(of_another(job)));
    assert_ne!(world.work(&job).await.state, State::Queued, "the other's clip has workers of its own");
}

#[tokio::test]
async fn claims_of_dead_workers_do_not_count() {
    let (world, job) = busy(4);
    world.has(&with(body(), "Duration", 500), of_another);
    world.clock.advance(66_000);
    assert_ne!(world.work(&job).await.state, State::Queued);
}

#[tokio::test]
async fn who_cannot_tell_works() {
    for operation in ["clips_at_work", "others_wait"] {
        let (world, job) = busy(3);
        world.has(&with(body(), "Duration", 500), of_another);
        world.jobs.faults.always(operation, Fault::Before);
        assert_ne!(world.work(&job).await.state, State::Queued, "{operation}");
    }
}

#[tokio::test]
async fn a_job_that_had_a_worker_already_is_not_put_back() {
    let (world, job) = busy(3);
    world.has(&with(body(), "Duration", 500), of_another);
    let times = &world.app.times;
    let again = claimed(&job, NOW).released(job.fence + 1, NOW, times).unwrap();
    world.jobs.put(&again);
    world.clock.advance(20_000);
    assert_ne!(world.work(&job).await.state, State::Queued);
}
