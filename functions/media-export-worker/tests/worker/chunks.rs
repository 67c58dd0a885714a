//! Clips that are left to chunks: the job's way, and the functions' replies. What is in a chunk, the clip engine's tests look at.

use crate::world::{LEFT, World, times};
use export_domain::job::{FanSize, Job, PLAN, Reason, State};
use export_domain::ports::Execution;
use export_domain::settings::QueueUrls;
use export_domain::time::Millis;
use export_testkit::{Fault, NOW, Started, body, claimed, ms};
use media_export_worker::{ChunkAsked, ChunkTold, FanOutSettings};
use serde_json::{Value, json};
use std::time::Duration;

/// A world in which clips are made in chunks, and a clip that is left to three of them.
fn fanned() -> (World, Job) {
    let mut world = World::new();
    let queues = QueueUrls { clips: "clips".to_owned(), bulk: None, thumbnails: "stills".to_owned() };
    let machine = export_clip::Machine { memory: 1 << 31, cores: 2 };
    let above = Some(Duration::from_secs(1));
    let least = Duration::from_secs(20);
    world.app.fan_out = Some(FanOutSettings { per_clip: 2, above, least, machine, queues });
    let size = FanSize { chunks: 3, estimate_ms: Millis::from_mins(1) };
    let job = world.has(&body(), |job| {
        let running = claimed(&job, NOW);
        running.fanned(running.fence, size, NOW, &times()).unwrap()
    });
    (world, job)
}

fn asked(job: &Job, n: u32) -> ChunkAsked {
    let plan = job.fan.as_ref().unwrap().plan;
    ChunkAsked { tenant: job.tenant.clone(), job: job.job_id.clone(), plan, n }
}

/// The key of a chunk of `job`.
fn key(job: &Job, n: u32) -> String {
    job.order.chunk_key(job.fan.as_ref().unwrap().plan, n)
}

async fn make(world: &World, asked: &ChunkAsked) -> Result<ChunkTold, String> {
    world.app.make_chunk(asked, LEFT).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_chunk_that_is_there_is_noted_however_often_it_is_asked_for() {
    let (world, job) = fanned();
    world.objects.add("clips", &key(&job, 1), "made", None);
    for _ in 0..2 {
        assert_eq!(make(&world, &asked(&job, 1)).await, Ok(ChunkTold::Made));
    }
    let noted = world.jobs.current(&job).unwrap();
    assert_eq!((noted.chunks_done(), noted.rev), (1, job.rev), "no write of the job meets a note");
    assert_eq!(noted.percent(), 33);
    world.jobs.faults.plan("note_chunk", 1, Fault::Before);
    assert_eq!(make(&world, &asked(&job, 1)).await, Ok(ChunkTold::Made), "the object counts");
}

#[tokio::test]
async fn a_chunk_that_nobody_wants_is_not_made() {
    let (world, job) = fanned();
    let another = ChunkAsked { plan: 2, ..asked(&job, 0) };
    assert_eq!(make(&world, &another).await, Ok(ChunkTold::Stale));
    assert_eq!(make(&world, &asked(&job, 3)).await, Ok(ChunkTold::Stale), "it has three");
    assert!(world.engine.stopped().is_empty());
    world.jobs.put(&job.cancelled(NOW, &times()).unwrap());
    assert_eq!(make(&world, &asked(&job, 0)).await, Ok(ChunkTold::Stale));
    assert_eq!(world.engine.stopped(), [job.execution().unwrap()], "its execution is stopped");
    assert!(!world.touched_s3());
}

#[tokio::test]
async fn a_chunk_that_cannot_be_made_ends_the_job_and_one_that_failed_in_passing_is_tried_again() {
    let (world, job) = fanned();
    assert!(make(&world, &asked(&job, 0)).await.is_err(), "its plan is not there");
    assert_eq!(world.jobs.current(&job), Some(job.clone()));
    world.objects.deny("clips");
    assert_eq!(make(&world, &asked(&job, 0)).await, Ok(ChunkTold::Failed("denied".to_owned())));
    let failed = world.jobs.current(&job).unwrap();
    assert_eq!((failed.state, failed.failure.unwrap().reason), (State::Failed, Reason::Denied));
}

#[tokio::test]
async fn a_plan_that_is_no_plan_of_this_version_ends_the_job_for_now() {
    let (world, job) = fanned();
    let plan = job.order.work_key(job.fan.as_ref().unwrap().plan, PLAN);
    world.objects.add("clips", &plan, r#"{"v":0}"#, None);
    assert_eq!(make(&world, &asked(&job, 0)).await, Ok(ChunkTold::Failed("timed_out".to_owned())));
    let failure = world.jobs.current(&job).unwrap().failure.unwrap();
    assert!(failure.retriable, "a POST starts over");
}

/// The inputs of the executions that were started, by their names.
fn inputs(started: &[Started]) -> Vec<(String, Value)> {
    let input = |started: &Started| serde_json::from_str(&started.input).unwrap();
    started.iter().map(|started| (started.name.clone(), input(started))).collect()
}

#[tokio::test]
async fn an_execution_that_was_not_started_is_started_by_the_next_claim() {
    let (world, job) = fanned();
    let left = world.work(&job).await;
    assert_eq!((left.state, left.fan()), (State::Fanned, job.fan()));
    let input = json!({
        "chunks": [0, 1, 2], "job": job.job_id, "tenant": job.tenant, "generation": 1,
        "plan": job.fan.as_ref().unwrap().plan, "queue": "clips", "message": job.message().encode(),
    });
    assert_eq!(inputs(&world.engine.take()), [(job.execution().unwrap(), input)]);
}

#[tokio::test]
async fn an_execution_that_runs_is_waited_for() {
    let (world, job) = fanned();
    world.engine.becomes(&job.execution().unwrap(), Execution::Running);
    let left = world.work(&job).await;
    assert_eq!((left.state, left.attempts, left.due_at), (State::Fanned, 0, Some(NOW + ms(60_000))));
    assert!(world.engine.take().is_empty());
}

#[tokio::test]
async fn what_an_execution_left_the_next_one_makes_and_three_are_the_most() {
    let (world, mut job) = fanned();
    world.objects.add("clips", &key(&job, 1), "made", None);
    for missing in [[0, 2], [0, 2]] {
        world.engine.becomes(&job.execution().unwrap(), Execution::Over);
        job = world.work(&job).await;
        let started = inputs(&world.engine.take());
        assert_eq!(started[0].0, job.execution().unwrap());
        assert_eq!(started[0].1["chunks"], json!(missing));
    }
    world.engine.becomes(&job.execution().unwrap(), Execution::Over);
    let failed = world.work(&job).await;
    assert_eq!(failed.state, State::Failed);
    assert_eq!(failed.failure.unwrap().reason, Reason::TimedOut);
    assert!(world.engine.take().is_empty());
}

#[tokio::test]
async fn an_engine_that_does_not_answer_costs_time_and_no_more() {
    let (world, job) = fanned();
    world.engine.faults.plan("start", 1, Fault::Before);
    let left = world.work(&job).await;
    assert_eq!(left.state, State::Fanned);
    world.engine.faults.plan("look", 1, Fault::Before);
    let put_off = world.work(&left).await;
    assert_eq!((put_off.state, put_off.attempts, put_off.fan()), (State::Queued, 0, job.fan()));
}

#[tokio::test]
async fn the_chunks_of_a_clip_that_ended_without_files_are_removed() {
    let (world, job) = fanned();
    let plan = job.order.work_key(job.fan.as_ref().unwrap().plan, PLAN);
    for key in [key(&job, 0), key(&job, 2), plan] {
        world.objects.add("clips", &key, "left", None);
    }
    let cancelled = job.cancelled(NOW, &times()).unwrap();
    let clear_at = cancelled.aftermath().clear_at.unwrap();
    world.jobs.put(&cancelled);
    world.clock.set(clear_at);
    let cleared = world.work(&cancelled).await;
    assert_eq!((world.objects.keys("clips"), cleared.fan), (Vec::<String>::new(), None));
}
