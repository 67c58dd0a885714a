//! Many at once.

use crate::orders::{Order, Recorded, Way};
use crate::seeds::runtime;
use crate::sim::{Sim, Weather};
use crate::world::World;
use export_domain::job::WorkQueue;
use export_domain::job::{ObjectKind, State};
use export_domain::tenant::Tenant;
use export_domain::time::Millis;
use export_testkit::{Answered, job, post, tenant, with};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CROWD: i64 = 1000;
const WORKERS: usize = 10;

/// Two kinds of workers, a recording, and a tenant with `max_active` unfinished jobs at most.
fn world(seed: u64, max_active: u32) -> World {
    let world = World::new(&Sim::new(seed, Weather::default(), false));
    Recorded::Pictures.record_all(&world.objects);
    world.directory.add_tenant(Tenant { max_active, ..tenant() });
    for _ in 0..WORKERS {
        tokio::spawn(world.clone().consume(WorkQueue::Clips));
        tokio::spawn(world.clone().consume(WorkQueue::Thumbnails));
    }
    tokio::spawn(world.clone().sweep_for_ever(0..0));
    world
}

/// The `n`-th of many different thumbnails or clips.
fn body(n: i64, still: bool) -> Value {
    let order =
        Order { recorded: Recorded::Pictures, still, mp4: true, seconds: 1, strange: false, way: Way::Clip };
    with(order.body(), "Duration", 1000 + n)
}

async fn submit(world: &World, body: &Value) -> Answered {
    world.submit(&world.sim.process("submit"), &post("/export", body)).await.unwrap()
}

/// All at once, `wide` of them at a time.
async fn submit_all(
    world: &World,
    bodies: impl Iterator<Item = Value>,
    wide: usize,
) -> Vec<(Value, Answered)> {
    let mut tasks = JoinSet::new();
    let room = Arc::new(Semaphore::new(wide));
    for body in bodies {
        let (world, room) = (world.clone(), Arc::clone(&room));
        tasks.spawn(async move {
            let _turn = room.acquire().await.unwrap();
            let answer = submit(&world, &body).await;
            (body, answer)
        });
    }
    tasks.join_all().await
}

async fn settle(world: &World) {
    while !world.is_quiet() {
        sleep(Duration::from_secs(10)).await;
    }
}

#[test]
fn a_thousand_identical_posts_are_one_job_one_message_and_one_clip() {
    for seed in 0..3 {
        runtime().block_on(async {
            let world = world(seed, 10);
            let crowd = || (0..CROWD).map(|_| body(0, false));
            for (_, answer) in submit_all(&world, crowd(), usize::MAX >> 3).await {
                assert!(answer.status == 200 && matches!(answer.codes().0, 1 | 5), "{}", answer.text);
            }
            settle(&world).await;
            for (_, answer) in submit_all(&world, crowd(), usize::MAX >> 3).await {
                assert_eq!((answer.status, answer.codes()), (200, (5, 0)));
            }
            let job = world.jobs.only();
            assert_eq!((world.queues.sent(), job.attempts, job.generation), (1, 1, 1));
            assert_eq!(world.ledger.commits().into_values().collect::<Vec<_>>(), [1]);
            let made: BTreeSet<String> = world.objects.keys("clips").into_iter().collect();
            let keys = [ObjectKind::Image, ObjectKind::Video].map(|object| job.order.key(object));
            let listed = job.play.iter().flat_map(|play| &play.files);
            let listed = listed.map(|name| job.order.beside_clip(name));
            assert_eq!(made, keys.into_iter().chain(listed).collect());
            assert_eq!(world.sim.troubles(), Vec::<String>::new());
        });
    }
}

#[test]
fn a_thousand_thumbnails_are_all_made() {
    runtime().block_on(async {
        let world = world(0, 2000);
        let answers = submit_all(&world, (0..CROWD).map(|n| body(n, true)), usize::MAX >> 3).await;
        assert!(answers.iter().all(|(_, a)| a.status == 200 && matches!(a.codes().0, 0 | 1)));
        settle(&world).await;
        let ready = world.jobs.all().iter().filter(|job| job.state == State::Ready).count();
        assert_eq!((ready, world.objects.keys("clips").len()), (1000, 1000));
        assert_eq!(world.sim.troubles(), Vec::<String>::new());
    });
}

#[test]
fn ten_times_what_is_admitted_is_told_to_wait_and_gets_its_turn() {
    let (limit, wide) = (10, 5);
    for seed in 0..3 {
        runtime().block_on(async {
            let world = world(seed, limit);
            let mut left: Vec<Value> = (0..100).map(|n| body(n, false)).collect();
            while !left.is_empty() {
                let answers = submit_all(&world, left.into_iter(), wide).await;
                let active = world.ledger.most_active();
                assert!(
                    active <= usize::try_from(limit).unwrap() + wide,
                    "{active} unfinished jobs at a time"
                );
                left = Vec::new();
                let mut longest = 0;
                for (body, answer) in answers {
                    let (code, wait) = answer.codes();
                    match answer.status {
                        200 => assert!(matches!(code, 1 | 5), "{}", answer.text),
                        429 => {
                            assert!(code == -1 && (2000..=10_000).contains(&wait), "{}", answer.text);
                            longest = longest.max(wait);
                            left.push(body);
                        }
                        _ => panic!("{} {}", answer.status, answer.text),
                    }
                }
                sleep(Duration::from_millis(u64::try_from(longest).unwrap())).await;
            }
            settle(&world).await;
            let ready = world.jobs.all().iter().filter(|job| job.state == State::Ready).count();
            assert_eq!((ready, world.sim.troubles()), (100, Vec::new()));
        });
    }
}

/// Jobs whose messages were lost, all at once: only the sweeper brings them to the workers.
#[test]
fn a_thousand_jobs_without_a_message_are_all_made_within_the_hour() {
    runtime().block_on(async {
        let world = world(0, 10);
        let began = world.sim.now();
        for n in 0..CROWD {
            let order = Order {
                recorded: Recorded::Pictures,
                still: true,
                mp4: true,
                seconds: 1,
                strange: false,
                way: Way::Clip,
            };
            world.jobs.put(&job(&tenant(), &with(order.body(), "FileName", format!("job{n}")), began));
        }
        settle(&world).await;
        let jobs = world.jobs.all();
        assert_eq!(jobs.len(), 1000);
        assert!(jobs.iter().all(|job| (job.state, job.attempts) == (State::Ready, 1)));
        let slowest = jobs.iter().map(|job| job.updated_at - began).max().unwrap();
        assert!(slowest < Millis::from_hours(1), "{slowest} ms");
        assert_eq!(world.objects.keys("clips").len(), jobs.len());
        assert_eq!(world.sim.troubles(), Vec::<String>::new());
    });
}
