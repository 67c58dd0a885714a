use crate::world::World;
use export_domain::job::Job;
use export_domain::ports::Clock;
use export_domain::time::Millis;
use export_testkit::{Answered, NOW, ask, body, claimed, ms, ready, thumbnail_body};
use serde_json::Value;

/// Submits while a worker finishes the job `after` it was stored.
async fn submitted(world: &World, headers: &[(&str, &str)], body: &Value, after: Millis) -> Answered {
    let worker = async {
        while world.jobs.all().is_empty() {
            tokio::task::yield_now().await;
        }
        world.clock.sleep(after).await;
        let job: Job = claimed(&world.jobs.only(), world.clock.now());
        world.jobs.put(&ready(&job, world.clock.now()));
    };
    let request = ask("POST", "/export", headers, body.to_string());
    tokio::join!(world.ask(request), worker).0
}

#[tokio::test]
async fn a_thumbnail_made_within_three_seconds_is_in_the_first_reply() {
    let world = World::new();
    let answer = submitted(&world, &[], &thumbnail_body(), ms(1500)).await;
    assert_eq!((answer.status, answer.codes()), (200, (0, 0)));
    assert_eq!(answer.json["ErrorMessage"], "Success");
    assert_eq!(answer.json["ImagePath"], world.jobs.only().order.image_path.as_str());
    assert!(answer.json.get("VideoPath").is_none() && answer.json.get("LackLength").is_none());
    assert!(world.clock.now() < NOW + ms(3000));
}

#[tokio::test]
async fn a_thumbnail_that_takes_longer_is_in_work_after_three_seconds() {
    let world = World::new();
    let answer = world.ask(export_testkit::post("/export", &thumbnail_body())).await;
    assert_eq!((answer.codes(), answer.header("retry-after")), ((1, 500), "1"));
    assert_eq!(world.clock.now() - NOW, ms(3000));
    assert!(world.jobs.faults.calls("get") < 16, "the table is asked a bounded number of times");
}

#[tokio::test]
async fn a_clip_is_not_waited_for_unless_the_client_prefers_to() {
    let world = World::new();
    world.submit(&body()).await;
    assert_eq!(world.clock.now(), NOW);
}

#[tokio::test]
async fn a_client_that_prefers_to_wait_gets_the_clip_in_the_first_reply() {
    let world = World::new();
    let answer = submitted(&world, &[("Prefer", "wait=10")], &body(), ms(1000)).await;
    assert_eq!(answer.codes(), (5, 0));
    assert!(world.clock.now() < NOW + ms(10_000));
}

#[tokio::test]
async fn nobody_waits_longer_than_twenty_seconds() {
    let world = World::new();
    let request = ask("POST", "/export", &[("Prefer", "wait=4000000000")], body().to_string());
    let answer = world.ask(request).await;
    assert_eq!(answer.codes(), (1, 2000));
    assert_eq!(world.clock.now() - NOW, ms(20_000));
}

#[tokio::test]
async fn a_client_may_prefer_not_to_wait_for_a_thumbnail() {
    let world = World::new();
    let request = ask("POST", "/export", &[("Prefer", "wait=0")], thumbnail_body().to_string());
    assert_eq!((world.ask(request).await.codes(), world.clock.now()), ((1, 500), NOW));
}
