//! Thousands of jobs, and something that they do not need is slow: what they do need goes on.

use crate::seeds::runtime;
use crate::sim::{Process, Sim, Weather};
use crate::world::World;
use export_domain::ids::JobId;
use export_domain::job::{Job, State};
use export_domain::settings::ReplyStyle;
use export_domain::time::Millis;
use export_lambda::metrics::Metrics;
use export_testkit::{Act, Answered, Faults, Line, SESSION, ask, body, claimed, job, ready, tenant};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What an invocation that answers a request has, but for a second.
const HTTP: Duration = Duration::from_secs(28);
/// What an invocation of the sweeper has.
const SWEEP: Duration = Duration::from_secs(55);
/// A job whose worker died is sent again within a lease and two sweeps.
const PROMISED: Millis = Millis::from_mins(3);

/// An event bus that takes nothing, and that long to say so.
#[derive(Debug, Clone, Copy)]
struct Down {
    ms: u64,
}

impl Line for Down {
    fn carry(&self, _: &'static str, _: Act) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let ms = self.ms;
        Box::pin(async move {
            sleep(Duration::from_millis(ms)).await;
            false
        })
    }
}

/// The `number`-th job like `job`, which a worker has just claimed.
fn running(job: &Job, world: &World, number: i64) -> Job {
    let digit = |bit: u32| if number >> bit & 1 == 1 { 'b' } else { 'a' };
    let id = (0..32).map(digit).collect::<String>();
    Job { job_id: JobId::parse(&id).unwrap(), ..claimed(job, world.sim.now()) }
}

/// One sweep, over a bus that is down; Lambda ends it in time.
async fn sweep(world: World, process: Process, bus: Down) {
    let app = job_sweeper::App {
        jobs: world.jobs.through(process.faults()),
        queue: world.queues.through(process.faults()),
        bus: world.bus.through(Faults::over(Arc::new(bus))),
        clock: process.clone(),
        times: world.times.clone(),
        metrics: Metrics::silent(),
    };
    let _ = tokio::time::timeout(SWEEP, process.live(app.sweep(SWEEP))).await;
}

/// `rate` jobs end each minute while the bus is down, and nobody is told. After `minutes` a worker dies. How long it
/// takes until the job's message is sent again; `None` if the job failed first.
fn taken_over_after(rate: i64, minutes: i64, bus: Down) -> Option<Millis> {
    runtime().block_on(async {
        let world = World::new(&Sim::new(0, Weather::default(), false));
        let mut died = None;
        for minute in 0..minutes + 90 {
            let like = job(&tenant(), &body(), world.sim.now());
            for n in 1..=rate {
                world.jobs.put(&ready(&running(&like, &world, minute * rate + n), world.sim.now()));
            }
            if minute == minutes {
                let job = running(&like, &world, 0);
                world.jobs.put(&job);
                died = Some((job, world.sim.now()));
            }
            tokio::spawn(sweep(world.clone(), world.sim.process("sweeper"), bus));
            for _ in 0..60 {
                sleep(Duration::from_secs(1)).await;
                let Some((job, at)) = &died else { continue };
                if world.queues.sent() > 0 {
                    return Some(world.sim.now() - *at);
                }
                if world.jobs.current(job).unwrap().state == State::Failed {
                    return None;
                }
            }
        }
        None
    })
}

/// What the event bus does, how long it takes for that, how many jobs end each minute, and for how many minutes.
type Outage = (&'static str, u64, i64, i64);

/// Each outage ends in a take-over within the promised time; prints how long it took, as a table.
#[expect(clippy::print_stdout, reason = "a table for people")]
fn taken_over_in_time(outages: &[Outage]) {
    println!("| ends a minute | the event bus | a dead worker's job is taken over after |\n|---:|---|---:|");
    let mut late = Vec::new();
    for outage in outages {
        let (bus, ms, rate, minutes) = *outage;
        let after = taken_over_after(rate, minutes, Down { ms });
        let took = after.map_or("never".to_owned(), |after| format!("{} s", after.get() / 1000));
        println!("| {rate} | {bus} for {minutes} min, {ms} ms a try | {took} |");
        if after.is_none_or(|after| after > PROMISED) {
            late.push((outage, after));
        }
    }
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_dead_workers_job_is_taken_over_in_time_whatever_the_event_bus_does() {
    taken_over_in_time(&[
        ("hangs", 4000, 60, 120),
        ("refuses", 2100, 60, 40),
        ("cannot be reached", 2000, 60, 40),
    ]);
}

#[test]
#[ignore = "long"]
fn the_table_of_take_overs_while_the_event_bus_is_down() {
    taken_over_in_time(&[
        ("hangs", 4000, 10, 120),
        ("hangs", 4000, 30, 120),
        ("hangs", 4000, 60, 30),
        ("hangs", 4000, 60, 60),
        ("hangs", 4000, 60, 120),
        ("refuses", 2100, 60, 240),
        ("cannot be reached", 2000, 1, 2 * 1440),
    ]);
}

/// A store that does all that it is asked, and takes that long for each.
#[derive(Debug, Clone, Copy)]
struct Slow {
    ms: u64,
}

impl Line for Slow {
    fn carry(&self, _: &'static str, mut act: Act) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let ms = self.ms;
        Box::pin(async move {
            sleep(Duration::from_millis(ms)).await;
            act();
            true
        })
    }
}

#[test]
fn a_client_that_waits_is_answered_within_the_invocation_however_slow_the_tables_are() {
    let mut late = Vec::new();
    for ms in [10, 1000, 1500, 3000, 4500] {
        runtime().block_on(async {
            let world = World::new(&Sim::new(0, Weather::default(), false));
            let (process, slow) = (world.sim.process("submit"), Faults::over(Arc::new(Slow { ms })));
            let submit = media_export_submit::App {
                jobs: world.jobs.through(slow.clone()),
                queue: world.queues.through(slow.clone()),
                objects: world.objects.through(slow.clone()),
                intake: world.intake(&process),
                times: world.times.clone(),
                style: ReplyStyle::default(),
                metrics: Metrics::silent(),
            };
            let poll = status_poll::App {
                jobs: world.jobs.through(slow),
                intake: world.intake(&process),
                times: world.times.clone(),
                style: ReplyStyle::default(),
                metrics: Metrics::silent(),
            };
            let headers = [("Prefer", "wait=20"), ("X-Session-Id", SESSION)];
            let began = Instant::now();
            let request = ask("POST", "/export", &headers, body().to_string());
            let answer = Answered::read(Box::pin(submit.handle(&request)).await);
            let submitted = began.elapsed();
            let path = format!("/export/status/{}", answer.json["JobId"].as_str().unwrap());
            let request = ask("GET", &path, &headers, "");
            let began = Instant::now();
            Box::pin(poll.handle(&request)).await;
            if submitted.max(began.elapsed()) > HTTP {
                late.push((ms, submitted, began.elapsed()));
            }
        });
    }
    assert!(late.is_empty(), "{late:?}");
}
