//! One seed is one world: clients, functions, faults, and what must hold in the end.
//!
//!     SIM_SEED=17 cargo test -p export-suites --test simulation every_seed -- --nocapture
//!
//! replays one seed and prints what happened in it.

use crate::checks::{Made, Told};
use crate::orders::{Order, WINDOWS, Way, record_for};
use crate::sim::{Sim, Weather};
use crate::world::World;
use export_domain::ids::JobId;
use export_domain::job::{State, WorkQueue};
use export_domain::time::{EpochMs, Millis};
use export_lambda::config::Env;
use export_testkit::{Answered, Flaws, SESSION, ask, job, ms, post, reel_job, tenant};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 300;
/// Faults stop after at most this.
const MOST_FAULTY_S: u64 = 3000;
/// Everything has ended so long after that, or never will: a message that nobody takes waits for six hours.
const MOST_QUIET_MIN: u64 = 8 * 60;

/// How a world is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The jobs table writes whatever revision is expected.
    AnyRevision,
    /// The jobs table does not know a repeated write again.
    ForgetsWrites,
    /// S3 takes no notice of preconditions.
    AnyPrecondition,
    /// Nobody sweeps.
    NoSweeper,
}

/// What came of a seed.
#[derive(Debug)]
struct Outcome {
    troubles: Vec<String>,
    hash: u64,
    steps: u64,
    trace: Vec<String>,
    /// Jobs by their last state.
    ready: u64,
    others: u64,
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// What undisturbed runs make, by order.
static MADE: LazyLock<Mutex<HashMap<Order, Made>>> = LazyLock::new(Mutex::default);

/// What an undisturbed run makes of `order`.
pub(crate) fn undisturbed(order: &Order) -> Made {
    let order = order.settled();
    let known = |order| MADE.lock().unwrap_or_else(PoisonError::into_inner).get(order).cloned();
    if let Some(made) = known(&order) {
        return made;
    }
    let made = runtime().block_on(async {
        let world = World::new(&Sim::new(0, Weather::default(), false));
        order.recorded.record_all(&world.objects);
        tokio::spawn(world.clone().consume(WorkQueue::Clips));
        tokio::spawn(world.clone().consume(WorkQueue::Thumbnails));
        tokio::spawn(world.clone().run_chunks());
        world.order(&world.sim.process("submit"), &order).await.unwrap();
        sleep(Duration::from_secs(50)).await;
        let job = world.jobs.only();
        assert_eq!(job.state, State::Ready, "{order:?} {:?}", job.failure);
        world.made(&job)
    });
    MADE.lock().unwrap_or_else(PoisonError::into_inner).insert(order, made.clone());
    made
}

/// Each fault is there in half of the seeds, and then often or seldom.
fn weather(sim: &Sim) -> Weather {
    let level =
        |most: u64| sim.chance(|chance| if chance.happens(500) { chance.between(1, most) } else { 0 });
    Weather {
        requests_lost: level(80),
        replies_lost: level(80),
        repeated: level(80),
        slow: level(100),
        late: level(60),
        killed: level(400),
        stopped: level(300),
        skewed: level(600),
        redelivered: level(300),
        coder: level(100),
        varied: level(1000),
    }
}

fn run(seed: u64, flaw: Flaw, traced: bool) -> Outcome {
    // Drawn twice: what undisturbed runs make is known before the world begins.
    let orders = runtime().block_on(async { draw_orders(&Sim::new(seed, Weather::default(), false)) });
    let made: Vec<Made> = orders.iter().map(undisturbed).collect();
    runtime().block_on(async move {
        let sim = Sim::new(seed, Weather::default(), traced);
        let orders = draw_orders(&sim).into_iter().zip(made).collect();
        live_through(&sim, orders, flaw).await
    })
}

fn draw_orders(sim: &Sim) -> Vec<Order> {
    let large = sim.chance(|chance| chance.happens(if cfg!(debug_assertions) { 60 } else { 200 }));
    let count = sim.chance(|chance| chance.between(1, 5));
    let mut orders: Vec<Order> = (0..count).map(|_| Order::draw(sim, large)).collect();
    orders.sort();
    orders.dedup();
    orders
}

async fn live_through(sim: &Sim, orders: Vec<(Order, Made)>, flaw: Flaw) -> Outcome {
    let mut world = World::new(sim);
    world.times.work_ms = sim.chance(|chance| Millis::from_mins(chance.one_of(&[30, 5, 1])));
    match flaw {
        Flaw::AnyRevision => world.jobs.spoil(Flaws { any_revision: true, ..Flaws::default() }),
        Flaw::ForgetsWrites => world.jobs.spoil(Flaws { forgets_writes: true, ..Flaws::default() }),
        Flaw::AnyPrecondition => world.objects.ignore_preconditions(),
        Flaw::None => world.workers = Some(2),
        Flaw::NoSweeper => {}
    }
    sim.set_weather(weather(sim));
    world.varied = sim.weather().varied > 0;
    let slow_ms = sim.chance(|chance| chance.one_of(&[100, 3000, 60_000]));
    let asked: Vec<Order> = orders.iter().map(|(order, _)| order.clone()).collect();
    record_for(&asked, sim, &world.objects, slow_ms);
    for queue in [WorkQueue::Clips, WorkQueue::Clips, WorkQueue::Thumbnails, WorkQueue::Thumbnails] {
        tokio::spawn(world.clone().consume(queue));
    }
    tokio::spawn(world.clone().run_chunks());
    let garbage = garbage(&world);
    if flaw != Flaw::NoSweeper {
        let (from, long) = sim.chance(|chance| (chance.between(0, 3000), chance.one_of(&[0, 300, 3000])));
        let dead = i64::try_from(from).unwrap()..i64::try_from(from + long).unwrap();
        tokio::spawn(world.clone().sweep_for_ever(dead));
    }
    let mut clients = Vec::new();
    for (order, _) in &orders {
        for _ in 0..sim.chance(|chance| chance.between(1, 4)) {
            clients.push(tokio::spawn(ask_until_told(world.clone(), order.clone())));
        }
    }
    let faulty = sim.chance(|chance| chance.between(60, MOST_FAULTY_S));
    sleep(Duration::from_secs(faulty)).await;
    sim.calm();
    sim.note(0, || "nothing goes wrong any more".to_owned());
    let calm_at = sim.now();
    for client in clients {
        client.await.unwrap();
    }
    for _ in 0..MOST_QUIET_MIN {
        if world.is_quiet() {
            break;
        }
        sleep(Duration::from_mins(1)).await;
    }
    let named = |(order, made): (Order, Made)| (job_of(&order), (order, made));
    let orders: BTreeMap<JobId, (Order, Made)> = orders.into_iter().map(named).collect();
    world.judge_end(calm_at, &orders, &garbage);
    let (hash, trace) = sim.trace();
    let jobs = world.jobs.all();
    let ready = u64::try_from(jobs.iter().filter(|job| job.state == State::Ready).count()).unwrap();
    let others = u64::try_from(jobs.len()).unwrap() - ready;
    Outcome { troubles: sim.troubles(), hash, steps: sim.steps(), trace, ready, others }
}

pub(crate) fn job_of(order: &Order) -> JobId {
    let mut owner = tenant();
    if order.strange {
        owner.id = export_domain::ids::TenantId::parse("stranger").unwrap();
    }
    if order.way == Way::Reel {
        return reel_job(&owner, &order.body(), &WINDOWS, EpochMs::ZERO).job_id;
    }
    job(&owner, &order.body(), EpochMs::ZERO).job_id
}

/// Messages that are none of ours.
fn garbage(world: &World) -> Vec<String> {
    let count = world.sim.chance(|chance| chance.between(0, 3));
    let bodies: Vec<String> = (0..count).map(|n| format!("{{\"v\":{n}")).collect();
    for body in &bodies {
        let late = world.sim.chance(|chance| chance.between(0, 100_000));
        world.queues.put(WorkQueue::Clips, body.clone(), ms(i64::try_from(late).unwrap()));
    }
    bodies
}

/// A client: posts, waits as it is told, asks again on any route, cancels now and then; asks a few times more once it
/// knows how it ended.
async fn ask_until_told(world: World, order: Order) {
    let sim = &world.sim;
    let session = if order.strange { crate::orders::STRANGERS_SESSION } else { SESSION };
    let (id, body) = (job_of(&order), order.body());
    let (start, mut tries, cancels) =
        sim.chance(|chance| (chance.between(0, 90_000), chance.between(1, 60), chance.between(0, 12) == 0));
    sleep(Duration::from_millis(start)).await;
    let mut told = Told::default();
    let who = format!("client of {}", &id.as_str()[..4]);
    let path = format!("/export/status/{id}");
    let mut first = true;
    while tries > 0 {
        tries -= 1;
        let asked_in = world.ledger.generation(id.as_str());
        let way = sim.chance(|chance| if first { 0 } else { chance.between(0, 10) });
        first = false;
        let mut wait = 2000;
        let headers = [("X-Session-Id", session)];
        let (process, answer): (_, Option<Answered>) = if way < 6 {
            let process = sim.exposed("submit");
            let answer = world.submit(&process, &post("/export", &body)).await;
            (process, answer)
        } else {
            let process = sim.exposed("poll");
            let request = match way {
                6 | 7 => post("/export/status", &body),
                8 if cancels => ask("DELETE", &path, &headers, ""),
                _ => ask("GET", &path, &headers, ""),
            };
            let answer = world.poll(&process, &request).await;
            (process, answer)
        };
        let lost = sim.weather().replies_lost;
        if let Some(answer) = answer.filter(|_| !sim.chance(|chance| chance.happens(lost))) {
            let (code, told_wait) = answer.codes();
            sim.note(process.id, || format!("{who} way {way} is told {} {}", answer.status, answer.text));
            told.judge(&world, &who, &answer, asked_in);
            wait = told_wait;
            if answer.status == 200 && code != 1 && told_wait == 0 {
                // It knows; but it may ask again.
                tries = tries.min(3);
                wait = sim.chance(|chance| chance.one_of(&[500, 20_000, 90_000]));
            }
        }
        let wait = u64::try_from(wait).unwrap_or(0).max(100);
        sleep(Duration::from_millis(sim.chance(|chance| chance.between(wait, wait * 3)))).await;
    }
}

/// Runs `count` seeds from `first` on over all cores; returns what came of those with troubles, the smallest seed first,
/// and the sums of steps, ready jobs and others.
fn run_all(first: u64, count: u64, flaw: Flaw, stop_at_first: bool) -> (Vec<(u64, Outcome)>, [u64; 3]) {
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(u64, Outcome)>> = Mutex::default();
    let sums: [AtomicU64; 3] = Default::default();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let outcome = run(seed, flaw, false);
                    for (sum, part) in sums.iter().zip([outcome.steps, outcome.ready, outcome.others]) {
                        sum.fetch_add(part, Ordering::Relaxed);
                    }
                    if !outcome.troubles.is_empty() {
                        failed.lock().unwrap().push((seed, outcome));
                        if stop_at_first {
                            next.store(u64::MAX / 2, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|(seed, _)| *seed);
    (failed, sums.map(AtomicU64::into_inner))
}

/// What to print of a seed with troubles: all that happened, and how to see it again.
fn report(seed: u64) -> String {
    let outcome = run(seed, Flaw::None, true);
    let mut text = String::new();
    for line in &outcome.trace {
        writeln!(text, "{line}").unwrap();
    }
    let replay = "cargo test --locked -p export-suites --test simulation every_seed -- --nocapture";
    writeln!(text, "seed {seed}: {:#?}\nSIM_SEED={seed} {replay}", outcome.troubles).unwrap();
    text
}

fn number(name: &str) -> Option<u64> {
    Env::of_process().optional(name).map(|text| text.parse().unwrap())
}

#[test]
#[expect(clippy::print_stdout, reason = "a replay is there to be read")]
fn every_seed_ends_well() {
    if let Some(seed) = number("SIM_SEED") {
        let text = report(seed);
        println!("{text}");
        assert!(run(seed, Flaw::None, false).troubles.is_empty());
        return;
    }
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    let (failed, [steps, ready, others]) =
        run_all(number("SIM_FIRST").unwrap_or(0), count, Flaw::None, false);
    println!("{count} seeds: {steps} steps, {ready} jobs ready, {others} ended otherwise");
    if let Some((seed, _)) = failed.first() {
        let seeds: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for trouble in failed.iter().flat_map(|(_, outcome)| &outcome.troubles) {
            let kind: String = trouble.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
            *kinds.entry(kind).or_default() += 1;
        }
        panic!("{}\n{} seeds fail: {seeds:?}\n{kinds:#?}", report(*seed), seeds.len());
    }
    assert!(ready > count / 2 && others > count / 20, "the weather is neither too good nor too bad");
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [1, 7, 23] {
        let (one, two) = (run(seed, Flaw::None, true), run(seed, Flaw::None, true));
        assert_eq!(one.trace, two.trace);
        assert_eq!((one.hash, one.steps), (two.hash, two.steps));
        assert_ne!(one.hash, run(seed + 1, Flaw::None, false).hash);
    }
}

/// A broken world that goes unnoticed would be a harness that looks at nothing.
fn assert_found(flaw: Flaw) {
    let (failed, _) = run_all(0, 1000, flaw, true);
    assert!(!failed.is_empty(), "{flaw:?} goes unnoticed");
}

#[test]
fn a_table_that_ignores_revisions_is_found() {
    assert_found(Flaw::AnyRevision);
}

#[test]
fn a_bucket_that_ignores_preconditions_is_found() {
    assert_found(Flaw::AnyPrecondition);
}

#[test]
fn a_world_without_a_sweeper_is_found() {
    assert_found(Flaw::NoSweeper);
}

#[test]
fn a_table_that_does_not_know_its_own_writes_again_only_costs_time() {
    let (failed, _) = run_all(0, 100, Flaw::ForgetsWrites, false);
    assert!(failed.is_empty(), "{:?}", failed[0].1.troubles);
}
