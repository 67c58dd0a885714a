use crate::world::World;
use export_domain::job::{Counted, Job, Reason, State};
use export_domain::settings::Lifecycle;
use export_testkit::{NOW, body, claimed, job, ms, tenant, with};
use serde_json::Value;

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
    let text = "too many concurrent requests: at most 2 whose window has begun may be unfinished";
    assert_eq!(answer.json["ErrorMessage"], text);
    assert_eq!((world.jobs.all().len(), world.queue.take().len()), (2, 2));
}

/// A window that begins `ahead` ms after [`NOW`].
fn planned(ahead: i64) -> Value {
    with(body(), "StartPos", NOW.get() + ahead)
}

#[tokio::test]
async fn windows_that_have_not_begun_have_a_limit_of_their_own() {
    let world = World::new();
    world.allow(1);
    for ahead in 1..=10 {
        assert_eq!(world.submit(&planned(ahead * 60_000)).await.status, 200, "{ahead}");
    }
    assert_eq!(world.submit(&body()).await.status, 200, "what is wanted now is not held up by plans");
    let answer = world.submit(&planned(11 * 60_000)).await;
    let text = "too many concurrent requests: at most 10 whose window has not begun may be unfinished";
    assert_eq!((answer.status, answer.json["ErrorMessage"].as_str()), (429, Some(text)));
    assert_eq!(world.submit(&planned(0)).await.status, 429, "a window that begins now has begun");
}

#[tokio::test]
async fn a_plan_counts_as_active_from_the_claim_on_that_finds_its_window_begun() {
    let world = World::new();
    world.allow(1);
    let times = Lifecycle::default();
    let plan = world.has(&planned(60_000), |job| claimed(&job, NOW));
    assert_eq!(plan.counted(), Some(Counted::Scheduled), "a worker that looks too early changes nothing");
    let waiting = plan.waiting(plan.fence, NOW + ms(60_000), ms(0), NOW, &times).unwrap();
    world.jobs.put(&waiting);
    world.clock.advance(60_000);
    assert_eq!(world.submit(&body()).await.status, 200);
    let ended = world.jobs.current(&job(&tenant(), &body(), NOW)).unwrap();
    world.jobs.put(&ended.cancelled(NOW + ms(60_000), &times).unwrap());
    world.jobs.put(&claimed(&waiting, NOW + ms(60_000)));
    assert_eq!(world.submit(&with(body(), "Duration", 1000)).await.status, 429);
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
