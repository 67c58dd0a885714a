use crate::world::World;
use export_domain::job::{Job, Reason, State};
use export_domain::settings::Lifecycle;
use export_testkit::{NOW, body, claimed, with};

#[tokio::test]
async fn a_tenant_at_its_limit_is_told_when_to_come_back() {
    let world = World::new();
    world.allow(2);
    for duration in [1000, 2000] {
        assert_eq!(world.submit(&with(body(), "Duration", duration)).await.status, 200);
    }
    let answer = world.submit(&with(body(), "Duration", 3000)).await;
    let (code, wait) = answer.codes();
    assert_eq!((answer.status, code), (429, -1));
    assert!((2000..=10_000).contains(&wait), "{wait}");
    assert_eq!(answer.header("retry-after"), ((wait + 999) / 1000).to_string());
    assert_eq!(answer.json["ErrorMessage"], "too many concurrent requests");
    assert_eq!((world.jobs.all().len(), world.queue.take().len()), (2, 2));
}

#[tokio::test]
async fn the_waits_of_refused_submissions_differ() {
    let world = World::new();
    world.allow(0);
    let mut waits = std::collections::HashSet::new();
    for _ in 0..16 {
        waits.insert(world.submit(&body()).await.codes().1);
    }
    assert!(waits.len() > 8, "{waits:?}");
}

#[tokio::test]
async fn a_job_that_exists_is_never_refused_admission() {
    let world = World::new();
    world.submit(&body()).await;
    world.allow(0);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    world.clock.advance(61_000);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000), "nor is its healing");
    assert_eq!(world.queue.take().len(), 2);
}

#[tokio::test]
async fn jobs_that_have_ended_do_not_count() {
    let world = World::new();
    world.allow(1);
    world.has(&with(body(), "Duration", 1000), |job| job.cancelled(NOW, &Lifecycle::default()).unwrap());
    assert_eq!(world.submit(&body()).await.status, 200);
    assert_eq!(world.submit(&with(body(), "Duration", 2000)).await.status, 429);
}

#[tokio::test]
async fn another_tenants_jobs_do_not_count() {
    let world = World::new();
    world.allow(1);
    let other = export_domain::ids::TenantId::parse("other").unwrap();
    world.has(&body(), |job| Job { tenant: other, ..job });
    assert_eq!(world.submit(&body()).await.status, 200);
}

#[tokio::test]
async fn a_failed_job_starts_again_only_if_there_is_room() {
    let world = World::new();
    world.allow(0);
    let timed_out =
        |job: Job| claimed(&job, NOW).given_up(1, Reason::TimedOut, NOW, &Lifecycle::default()).unwrap();
    world.has(&body(), timed_out);
    let answer = world.submit(&body()).await;
    assert_eq!((answer.status, answer.codes()), (200, (-1, 2000)), "whoever polls by POST hears of the job");
    assert_eq!((world.jobs.only().state, world.queue.take().len()), (State::Failed, 0));
}
