use crate::world::{World, path};
use export_domain::job::Reason;
use export_domain::ports::Clock;
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metric;
use export_testkit::{Answered, NOW, body, claimed, ms, progressed, ready};

async fn get(world: &World, prefer: &str) -> Answered {
    let job = world.jobs.only();
    world.send("GET", &path(&job), ("Prefer", prefer)).await
}

#[tokio::test]
async fn a_client_that_prefers_to_wait_is_answered_when_the_job_ends() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let worker = async {
        world.clock.sleep(ms(2000)).await;
        world.jobs.put(&ready(&job, NOW + ms(2000)));
    };
    let (answer, ()) = tokio::join!(get(&world, "wait=10"), worker);
    assert_eq!(answer.codes(), (5, 0));
    assert!(world.clock.now() < NOW + ms(10_000));
}

#[tokio::test]
async fn without_a_preference_nobody_waits() {
    let world = World::new();
    world.has(&body(), |job| job);
    for prefer in ["respond-async", "wait=0", "wait=x"] {
        assert_eq!(get(&world, prefer).await.codes(), (1, 2000), "{prefer}");
    }
    assert_eq!(world.clock.now(), NOW);
}

#[tokio::test]
async fn nobody_waits_longer_than_twenty_seconds() {
    let world = World::new();
    world.has(&body(), |job| job);
    assert_eq!(get(&world, "wait=3600").await.codes(), (1, 2000));
    assert_eq!(world.clock.now() - NOW, ms(20_000));
    let looks = world.jobs.faults.calls("get");
    assert!((15..32).contains(&looks), "{looks} looks");
}

#[tokio::test]
async fn the_estimate_after_a_wait_is_of_the_time_after_it() {
    let world = World::new();
    world.has(&body(), |job| progressed(&claimed(&job, NOW), 4500, NOW));
    let (code, wait) = get(&world, "wait=1").await.codes();
    let waited = world.clock.now() - NOW;
    assert_eq!((code, wait), (1, waited.get()), "half is done, so the other half takes as long");
}

#[tokio::test]
async fn a_job_that_runs_out_of_time_during_the_wait_has_failed() {
    let world = World::new();
    world.has(&body(), |job| claimed(&job, NOW));
    world.clock.advance(30 * 60_000 - 1000);
    let answer = get(&world, "wait=5").await;
    assert_eq!(answer.json["ErrorMessage"], "export timed out");
    assert_eq!(world.counted(Metric::TimedOut), 1);
    get(&world, "wait=5").await;
    assert_eq!(world.counted(Metric::TimedOut), 1, "it ended once");
}

#[tokio::test]
async fn an_end_that_another_one_wrote_down_is_counted_by_them() {
    for prefer in ["wait=0", "wait=5"] {
        let world = World::new();
        let job = world.has(&body(), |job| claimed(&job, NOW));
        let late = 30 * 60_000 + i64::from(prefer == "wait=0");
        world.clock.advance(late - if prefer == "wait=0" { 0 } else { 1000 });
        let (table, times) = (world.jobs.clone(), Lifecycle::default());
        let ended = job.given_up(1, Reason::NoMedia, NOW + ms(late), &times).unwrap();
        world.jobs.faults.meanwhile("write", 1, move || table.put(&ended));
        assert_eq!(get(&world, prefer).await.json["ErrorMessage"], "no media in window", "{prefer}");
        assert_eq!(world.counted(Metric::TimedOut), 0, "{prefer}");
    }
}
