//! Time, chance and processes: everything that happens follows from the seed.
//!
//! A process is the future of one invocation. It can be killed at any point where it waits, or stopped and continued;
//! what it sent before that is on its way all the same, and may arrive long after it is gone.

use crate::chance::Chance;
use export_domain::ports::{Clock, Ids};
use export_domain::time::{EpochMs, Millis};
use export_testkit::{Act, Faults, Line, NOW, ms};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// How long the SDK waits for a reply in all.
const PATIENCE: Duration = Duration::from_mins(1);
/// The SDK's time for one attempt.
const ATTEMPT_MS: u64 = 20_000;

/// How bad it gets: of a thousand calls or processes, how many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Requests that do not arrive.
    pub(crate) requests_lost: u64,
    /// Replies that do not arrive.
    pub(crate) replies_lost: u64,
    /// Calls that the SDK repeats although they took effect.
    pub(crate) repeated: u64,
    /// Calls that take seconds.
    pub(crate) slow: u64,
    /// Calls that take longer than a lease.
    pub(crate) late: u64,
    /// Processes that are killed.
    pub(crate) killed: u64,
    /// Processes that are stopped, and continued later.
    pub(crate) stopped: u64,
    /// Processes whose clock is wrong.
    pub(crate) skewed: u64,
    /// Messages that are delivered twice, and deletions of messages that do not arrive.
    pub(crate) redelivered: u64,
    /// Encoders that fail.
    pub(crate) coder: u64,
    /// Encoders that make something else of the same input, as a newer version does.
    pub(crate) varied: u64,
}

/// A process is killed around this call of all that are made: before it takes effect, or just after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Before(usize),
    After(usize),
}

/// The seed's world, but for what is stored in it.
#[derive(Debug, Clone)]
pub(crate) struct Sim {
    began: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    weather: Weather,
    calm: bool,
    crash: Option<Crash>,
    /// The operations of all calls so far.
    calls: Vec<&'static str>,
    names: u64,
    processes: u64,
    /// The process whose request takes effect.
    actor: Option<Process>,
    hash: u64,
    steps: u64,
    trace: Option<Vec<String>>,
    troubles: Vec<String>,
}

impl Sim {
    /// Must be called on a runtime whose time is paused. `traced` keeps what happens as text.
    pub(crate) fn new(seed: u64, weather: Weather, traced: bool) -> Self {
        let state = State {
            chance: Chance::of(seed),
            weather,
            calm: false,
            crash: None,
            calls: Vec::new(),
            names: 0,
            processes: 0,
            actor: None,
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            trace: traced.then(Vec::new),
            troubles: Vec::new(),
        };
        Self { began: Instant::now(), state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(crate) fn now(&self) -> EpochMs {
        NOW + ms(i64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    pub(crate) fn chance<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.state().chance)
    }

    pub(crate) fn weather(&self) -> Weather {
        self.state().weather
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn calm(&self) {
        let mut state = self.state();
        (state.weather, state.calm, state.crash) = (Weather::default(), true, None);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.state().calm
    }

    pub(crate) fn crash(&self, crash: Crash) {
        self.state().crash = Some(crash);
    }

    /// Whether one crash is all that goes wrong.
    pub(crate) fn crashed(&self) -> bool {
        self.state().crash.is_some()
    }

    /// The operations of all calls so far.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// The process whose request takes effect just now.
    pub(crate) fn actor(&self) -> Option<Process> {
        self.state().actor.clone()
    }

    /// Notes what happens; `number` is what tells it from its like in another run.
    pub(crate) fn note(&self, number: u64, text: impl FnOnce() -> String) {
        let now = self.began.elapsed();
        let mut state = self.state();
        state.steps += 1;
        for part in [u64::try_from(now.as_millis()).unwrap(), number] {
            state.hash = (state.hash ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
        }
        if let Some(trace) = &mut state.trace {
            trace.push(format!("{:>10.3} {}", now.as_secs_f64(), text()));
        }
    }

    /// Notes what must not happen.
    pub(crate) fn trouble(&self, text: String) {
        self.note(u64::MAX, || format!("!!! {text}"));
        self.state().troubles.push(text);
    }

    pub(crate) fn troubles(&self) -> Vec<String> {
        self.state().troubles.clone()
    }

    /// What happened, as one number and as text.
    pub(crate) fn trace(&self) -> (u64, Vec<String>) {
        let state = self.state();
        (state.hash, state.trace.clone().unwrap_or_default())
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// A process that nothing happens to.
    pub(crate) fn process(&self, name: &'static str) -> Process {
        let id = {
            let mut state = self.state();
            state.processes += 1;
            state.processes
        };
        let life =
            Arc::new(Mutex::new(Life { stage: Stage::Running, wakers: Vec::new(), unheard: Vec::new() }));
        Process { sim: self.clone(), id, name, ahead_ms: 0, life }
    }

    /// A process in this weather.
    pub(crate) fn exposed(&self, name: &'static str) -> Process {
        let weather = self.weather();
        let mut process = self.process(name);
        let (ahead_ms, killed, stopped) = self.chance(|chance| {
            let ahead = chance.between(0, 600_000);
            let ahead_ms =
                if chance.happens(weather.skewed) { i64::try_from(ahead).unwrap() - 300_000 } else { 0 };
            let soon = |chance: &mut Chance| {
                let most = chance.one_of(&[30, 300, 3_000, 90_000]);
                chance.between(0, most)
            };
            let killed = chance.happens(weather.killed).then(|| soon(chance));
            let stopped =
                chance.happens(weather.stopped).then(|| (soon(chance), chance.between(10_000, 400_000)));
            (ahead_ms, killed, stopped)
        });
        process.ahead_ms = ahead_ms;
        if let Some(at) = killed {
            let process = process.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(at)).await;
                if !process.sim.is_calm() {
                    process.turn(Stage::Gone);
                }
            });
        }
        if let Some((at, long)) = stopped {
            let process = process.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(at)).await;
                process.turn(Stage::Stopped);
                sleep(Duration::from_millis(long)).await;
                process.turn(Stage::Running);
            });
        }
        process
    }

    /// Whether the process that makes this call is killed around it; `Some(true)` if before.
    fn crashes(&self, operation: &'static str) -> Option<bool> {
        let mut state = self.state();
        state.calls.push(operation);
        match state.crash {
            Some(Crash::Before(call)) if call == state.calls.len() => Some(true),
            Some(Crash::After(call)) if call == state.calls.len() => Some(false),
            _ => None,
        }
    }
}

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Stopped,
    /// Killed.
    Gone,
    /// Returned.
    Over,
}

#[derive(Debug)]
struct Life {
    stage: Stage,
    wakers: Vec<Waker>,
    /// Calls without a reply so far.
    unheard: Vec<&'static str>,
}

/// One invocation, its clock and its line to the stores.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    sim: Sim,
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    ahead_ms: i64,
    life: Arc<Mutex<Life>>,
}

impl Process {
    /// Polls `work` while the process runs; `None` if it was killed, and `work` is gone then.
    pub(crate) async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = Box::pin(work);
        let ended = poll_fn(|context| match self.stage(context) {
            Stage::Running => work.as_mut().poll(context).map(Some),
            Stage::Stopped => Poll::Pending,
            Stage::Gone | Stage::Over => Poll::Ready(None),
        })
        .await;
        drop(work);
        self.turn(if ended.is_some() { Stage::Over } else { Stage::Gone });
        ended
    }

    /// What a port needs to be this process's.
    pub(crate) fn faults(&self) -> Faults {
        Faults::over(Arc::new(self.clone()))
    }

    pub(crate) fn kill(&self) {
        self.turn(Stage::Gone);
    }

    /// Whether it was killed.
    pub(crate) fn is_gone(&self) -> bool {
        self.life().stage == Stage::Gone
    }

    /// Whether a reply to a call of `operation`, or to its first attempt, never reached it.
    pub(crate) fn missed(&self, operation: &str) -> bool {
        self.life().unheard.contains(&operation)
    }

    /// Whether it was killed, or lacks the reply to any call.
    pub(crate) fn was_disturbed(&self) -> bool {
        self.is_gone() || !self.life().unheard.is_empty()
    }

    /// Whether the time that it sees is wrong.
    pub(crate) fn is_skewed(&self) -> bool {
        self.ahead_ms != 0
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self, context: &Context<'_>) -> Stage {
        let mut life = self.life();
        let waker = context.waker();
        life.wakers.retain(|known| !known.will_wake(waker));
        life.wakers.push(waker.clone());
        life.stage
    }

    fn turn(&self, stage: Stage) {
        let wakers = {
            let mut life = self.life();
            if matches!(life.stage, Stage::Gone | Stage::Over) || life.stage == stage {
                return;
            }
            life.stage = stage;
            std::mem::take(&mut life.wakers)
        };
        self.sim.note(self.id, || format!("{self} is {stage:?}"));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns while the process runs; never once it is gone.
    async fn runs(&self, operation: &'static str) {
        let stage = poll_fn(|context| match self.stage(context) {
            Stage::Stopped => Poll::Pending,
            stage => Poll::Ready(stage),
        })
        .await;
        match stage {
            Stage::Running | Stage::Stopped => {}
            Stage::Gone => pending().await,
            Stage::Over => {
                self.sim.trouble(format!("{self} goes on after its end with {operation}"));
                pending::<()>().await;
            }
        }
    }

    fn take_effect(&self, operation: &'static str, act: &Mutex<Act>) {
        self.sim.note(self.id, || format!("{self} {operation}"));
        self.sim.state().actor = Some(self.clone());
        (act.lock().unwrap_or_else(PoisonError::into_inner))();
        self.sim.state().actor = None;
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.id)
    }
}

/// What becomes of one call.
#[derive(Debug, Default)]
struct Fate {
    /// Milliseconds until the request arrives, if it does.
    there: Option<u64>,
    /// Milliseconds until it arrives once more.
    again: Option<u64>,
    /// Milliseconds until the reply is there, if it ever is.
    back: Option<u64>,
}

impl Fate {
    fn draw(chance: &mut Chance, weather: Weather) -> Self {
        let way = |chance: &mut Chance| match () {
            () if chance.happens(weather.late) => chance.between(20_000, 200_000),
            () if chance.happens(weather.slow) => chance.between(500, 15_000),
            () => chance.between(1, 12),
        };
        let there = (!chance.happens(weather.requests_lost)).then(|| way(chance));
        let back = (!chance.happens(weather.replies_lost)).then(|| way(chance));
        let again = chance.happens(weather.repeated).then(|| chance.one_of(&[50, ATTEMPT_MS]) + way(chance));
        Self { there, again, back }
    }
}

impl Line for Process {
    fn carry(&self, operation: &'static str, act: Act) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let process = self.clone();
        Box::pin(async move {
            process.runs(operation).await;
            let sim = &process.sim;
            process.life().unheard.push(operation);
            let crash = sim.crashes(operation);
            if crash == Some(true) {
                process.kill();
                return pending().await;
            }
            let weather = sim.weather();
            let Fate { there, again, back } = sim.chance(|chance| Fate::draw(chance, weather));
            let (reply, heard) = oneshot::channel();
            let act = Arc::new(Mutex::new(act));
            let (sender, first) = (process.clone(), Arc::clone(&act));
            tokio::spawn(async move {
                // A connection that breaks is noticed at once, a request that waits is not.
                let Some(there) = there else { return };
                sleep(Duration::from_millis(there)).await;
                sender.take_effect(operation, &first);
                if crash == Some(false) {
                    sender.kill();
                }
                if let Some(back) = back.filter(|_| again.is_none()) {
                    sleep(Duration::from_millis(back)).await;
                    let _ = reply.send(());
                    return;
                }
                if let Some(again) = again {
                    // The first attempt may be the later one.
                    sleep(Duration::from_millis(again.saturating_sub(there).max(1))).await;
                    sender.take_effect(operation, &first);
                    sleep(Duration::from_millis(back.unwrap_or(1))).await;
                    let _ = reply.send(());
                }
            });
            let heard = timeout(PATIENCE, heard).await.is_ok_and(|reply| reply.is_ok());
            process.runs(operation).await;
            if heard && again.is_none() {
                let mut life = process.life();
                let known = life.unheard.iter().position(|name| *name == operation);
                known.map(|at| life.unheard.swap_remove(at));
            } else if !heard {
                sim.note(process.id, || format!("{process} hears nothing of {operation}"));
            }
            heard
        })
    }
}

impl Clock for Process {
    fn now(&self) -> EpochMs {
        self.sim.now() + ms(self.ahead_ms)
    }

    async fn sleep(&self, length: Millis) {
        sleep(length.into()).await;
        self.runs("sleep").await;
    }
}

impl Ids for Process {
    fn unique(&self) -> String {
        let mut state = self.sim.state();
        state.names += 1;
        format!("{:032x}", state.names)
    }
}
