use crate::world::World;
use export_domain::identity::DirectoryKey;
use export_domain::job::{Job, Reason, State};
use export_domain::settings::Lifecycle;
use export_lambda::http::Request;
use export_testkit::{Answered, Fault, NOW, ask, body, claimed, job, ms, ready, tenant, with};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// `storage_info` that asks for MP4 in the bucket `clips`.
const AS_MP4: &str =
    "W3sic3RvcmFnZV9wdXJwb3NlIjoibXA0Iiwic3RvcmFnZV90eXBlIjoiUzMiLCJzdG9yYWdlX25hbWUiOiJjbGlwcyJ9XQ==";

async fn at_once(world: &Arc<World>, count: usize) -> Vec<Answered> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let world = Arc::clone(world);
        tasks.spawn(async move { world.submit(&body()).await });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn a_thousand_identical_submissions_at_once_make_one_job_and_one_message() {
    let world = Arc::new(World::new());
    let answers = at_once(&world, 1000).await;
    assert_eq!((world.jobs.writes(), world.queue.take().len()), (1, 1));
    assert!(world.jobs.faults.calls("write") > 1, "submissions met each other");
    let names: HashSet<_> =
        answers.iter().map(|a| (a.status, a.codes(), a.json["JobId"].to_string())).collect();
    let id = Value::from(world.jobs.only().job_id.as_str()).to_string();
    assert_eq!(names, HashSet::from([(200, (1, 2000), id)]));
}

#[tokio::test]
async fn submissions_at_once_start_a_failed_job_once() {
    let world = Arc::new(World::new());
    world.has(&body(), |job| job);
    world.clock.advance(6 * 3_600_000 + 1);
    let answers = at_once(&world, 100).await;
    assert!(answers.iter().all(|answer| answer.codes() == (1, 2000)));
    let job = world.jobs.only();
    assert_eq!((job.generation, job.state), (2, State::Queued));
    assert_eq!(world.jobs.writes(), 2, "the end of the first generation and the start of the second");
    assert_eq!(world.queue.take().len(), 1);
}

#[tokio::test]
async fn submissions_at_once_send_an_overdue_message_once() {
    let with_dead_lease = |job: Job| claimed(&job, job.created_at);
    let changes: [fn(Job) -> Job; 2] = [|job| job, with_dead_lease];
    for change in changes {
        let world = Arc::new(World::new());
        let stored = world.has(&body(), change);
        world.clock.advance(65_000);
        at_once(&world, 100).await;
        let sent = world.queue.take();
        assert_eq!((sent.len(), &sent[0].message), (1, &stored.message()), "{:?}", stored.state);
        assert_eq!(world.jobs.writes(), 1);
    }
}

#[tokio::test]
async fn a_container_is_the_same_job_as_the_storage_that_asks_for_it() {
    let world = World::new();
    let id = async |body: Value| world.submit(&body).await.json["JobId"].as_str().unwrap().to_owned();
    let (absent, stored) = (id(body()).await, id(with(body(), "storage_info", AS_MP4)).await);
    assert_ne!(absent, stored);
    for (container, same) in [(Value::from("ts"), &absent), (Value::Null, &absent), ("mp4".into(), &stored)] {
        assert_eq!(&id(with(body(), "container", container)).await, same);
    }
    let both = with(with(body(), "storage_info", AS_MP4), "container", "mp4");
    assert_eq!(id(both.clone()).await, stored);
    assert_eq!(world.jobs.all().len(), 2);
    assert_eq!(world.submit(&with(both, "container", "ts")).await.status, 400);
}

#[tokio::test]
async fn spelling_does_not_make_another_job() {
    let world = World::new();
    let first = world.submit(&body()).await;
    let other = with(with(body(), "StartTime", 792_000), "userid", "someone");
    assert_eq!(world.submit(&other).await.json["JobId"], first.json["JobId"]);
    assert_ne!(world.submit(&with(other, "Duration", 9001)).await.json["JobId"], first.json["JobId"]);
}

#[tokio::test]
async fn a_ready_job_answers_every_repetition_with_its_paths() {
    let world = World::new();
    let job = world.has(&body(), |job| ready(&claimed(&job, job.created_at), job.created_at));
    let answer = world.submit(&body()).await;
    assert_eq!((answer.codes(), &answer.json["LackLength"]), ((5, 0), &0.into()));
    assert_eq!(answer.json["ImagePath"], job.order.image_path.as_str());
    assert_eq!(answer.json["VideoPath"], job.order.video_path.as_str());
    assert!(world.queue.take().is_empty() && world.jobs.writes() == 0);
}

#[tokio::test]
async fn a_job_keeps_its_paths_whatever_names_directories_now() {
    let mut world = World::new();
    let mut jobs = vec![(body(), world.has(&body(), |job| job))];
    let keys = ["the first key of this stack's life", "the second key of this stack's life"];
    for key in keys {
        world.app.intake.directories = DirectoryKey::parse(key);
        world.clock.advance(6 * 3_600_000 + 1);
        for (body, stored) in &jobs {
            assert_eq!(world.submit(body).await.codes(), (1, 2000));
            let job = world.jobs.current(stored).unwrap();
            assert!(job.generation > stored.generation, "a job whose time is over starts anew");
            assert_eq!(job.order, stored.order);
        }
        let other = with(body(), "FileName", key.replace('\'', ""));
        let unkeyed = job(&tenant(), &other, NOW);
        world.submit(&other).await;
        let stored = world.jobs.current(&unkeyed).unwrap();
        assert_ne!(stored.order.video_path, unkeyed.order.video_path);
        jobs.push((other, stored));
    }
}

fn keyed(key: &str, body: &Value) -> Request {
    ask("POST", "/export", &[("Idempotency-Key", key)], body.to_string())
}

#[tokio::test]
async fn an_idempotency_key_is_good_for_one_request_only() {
    let world = World::new();
    let first = world.ask(keyed("order-1", &body())).await;
    assert_eq!(world.ask(keyed("order-1", &body())).await.json, first.json);
    let other = world.ask(keyed("order-1", &with(body(), "Duration", 8000))).await;
    assert_eq!((other.status, other.codes()), (409, (-1, 0)));
    assert_eq!(world.jobs.all().len(), 1);
    let another = world.ask(keyed("order-2", &with(body(), "Duration", 8000))).await;
    assert_eq!((another.status, world.jobs.all().len()), (200, 2));
}

#[tokio::test]
async fn an_idempotency_key_is_free_again_after_the_jobs_time_to_live() {
    let world = World::new();
    world.ask(keyed("order-1", &body())).await;
    world.clock.advance(7 * 24 * 3_600_000);
    let other = world.ask(keyed("order-1", &with(body(), "Duration", 8000))).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_that_is_no_key_is_refused() {
    for key in ["", "a b", &"k".repeat(65)] {
        let world = World::new();
        let answer = world.ask(keyed(key, &body())).await;
        assert_eq!(answer.status, 400, "{key:?}");
        assert!(answer.text.contains("Idempotency-Key"), "{key:?}");
        assert!(world.jobs.all().is_empty());
    }
}

#[tokio::test]
async fn a_key_bound_without_its_job_is_good_for_the_next_try() {
    let world = World::new();
    world.jobs.faults.plan("write", 1, Fault::Before);
    assert_eq!(world.ask(keyed("order-1", &body())).await.status, 503);
    assert_eq!(world.ask(keyed("order-1", &body())).await.codes(), (1, 2000));
}

#[tokio::test]
async fn a_refused_submission_leaves_its_key_to_others() {
    let world = World::new();
    world.allow(0);
    assert_eq!(world.ask(keyed("order-1", &body())).await.status, 429);
    world.allow(1);
    assert_eq!(world.ask(keyed("order-1", &with(body(), "Duration", 8000))).await.status, 200);
}

#[tokio::test]
async fn a_submission_again_is_answered_by_its_job_while_the_tenant_has_as_many_as_it_may() {
    let world = World::new();
    world.allow(1);
    let absent = |job: Job| {
        let running = claimed(&job, NOW - ms(20_000));
        running
            .given_up(running.fence, Reason::SourceAbsent, NOW - ms(20_000), &Lifecycle::default())
            .unwrap()
    };
    world.has(&body(), absent);
    world.has(&with(body(), "Duration", 1000), |job| job);
    let answer = world.submit(&body()).await;
    assert_eq!((answer.status, answer.codes()), (200, (-1, 2000)), "{}", answer.text);
}
