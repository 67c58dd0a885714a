//! The stores, and the functions as processes that use them.

use crate::checks::Ledger;
use crate::coder::Stub;
use crate::orders::{Order, STRANGERS_SESSION, Way};
use crate::queue::{Letter, Queues};
use crate::sim::{Process, Sim};
use export_clip::{Ffmpeg, Machine};
use export_domain::ids::{JobId, TenantId};
use export_domain::intake::Intake;
use export_domain::job::WorkQueue;
use export_domain::message::Message;
use export_domain::ports::Execution;
use export_domain::settings::{AuthMode, Lifecycle, Limits, QueueUrls, ReplyStyle};
use export_domain::tenant::Tenant;
use export_domain::time::{EpochSecs, Millis};
use export_lambda::batch::{Disposition, Record};
use export_lambda::http::Request;
use export_lambda::metrics::Metrics;
use export_testkit::mre::MemorySource;
use export_testkit::{
    Answered, DeadLetters, Directory, MemoryBatches, MemoryBus, MemoryEngine, MemoryJobs, MemoryObjects,
    Started, directory, tenant,
};
use media_export_worker::{ChunkAsked, FanOutSettings};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Timeouts of the functions.
const WORKER: Duration = Duration::from_mins(15);
const HTTP: Duration = Duration::from_secs(29);
const SWEEP: Duration = Duration::from_secs(55);

/// The worker's ports.
#[derive(Debug)]
struct Simulated;

impl media_export_worker::World for Simulated {
    type Jobs = MemoryJobs;
    type Queue = Queues;
    type Tenants = Directory;
    type Objects = MemoryObjects;
    type Engine = MemoryEngine;
    type DeadLetters = DeadLetters;
    type Bus = MemoryBus;
    type Clock = Process;
}

/// Functions that a clip may have at the same time.
const PER_CLIP: u32 = 3;
/// How often the engine looks what it is to do.
const TURN: Duration = Duration::from_millis(200);
/// Its pauses between the calls of a chunk's function.
const CHUNK_PAUSES_S: [u64; 5] = [2, 4, 8, 16, 32];

/// Every window of pictures that are encoded is made in chunks of a second or more.
fn fan_out() -> FanOutSettings {
    FanOutSettings {
        per_clip: PER_CLIP,
        above: Some(Duration::ZERO),
        least: Duration::from_secs(1),
        machine: Machine { memory: 3 << 30, cores: 1 },
        queues: QueueUrls { clips: "clips".to_owned(), bulk: None, thumbnails: "stills".to_owned() },
    }
}

/// Everything that outlives a process.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) jobs: MemoryJobs,
    pub(crate) queues: Queues,
    pub(crate) engine: MemoryEngine,
    pub(crate) directory: Directory,
    pub(crate) objects: MemoryObjects,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) bus: MemoryBus,
    pub(crate) ledger: Ledger,
    pub(crate) times: Lifecycle,
    /// How many clips are made at the same time, if tenants share the workers.
    pub(crate) workers: Option<u32>,
    /// Whether what is made may differ from attempt to attempt.
    pub(crate) varied: bool,
}

impl World {
    /// Two tenants, nothing recorded, no jobs.
    pub(crate) fn new(sim: &Sim) -> Self {
        let (directory, jobs) = (directory(), MemoryJobs::default());
        let strange = TenantId::parse("stranger").unwrap();
        directory.add_session(STRANGERS_SESSION, &strange, EpochSecs::MAX);
        directory.add_tenant(Tenant { id: strange, ..tenant() });
        let ledger = Ledger::default();
        let (watching, sim_of_watch) = (ledger.clone(), sim.clone());
        jobs.watch(move |before, after| watching.written(&sim_of_watch, before, after));
        Self {
            sim: sim.clone(),
            jobs,
            queues: Queues::new(sim),
            engine: MemoryEngine::default(),
            directory,
            objects: MemoryObjects::default(),
            dead_letters: DeadLetters::default(),
            bus: MemoryBus::default(),
            ledger,
            times: Lifecycle::default(),
            workers: None,
            varied: false,
        }
    }

    pub(crate) fn intake(&self, process: &Process) -> Intake<Directory, Directory, Process> {
        Intake {
            sessions: self.directory.through(process.faults()),
            tenants: self.directory.through(process.faults()),
            clock: process.clone(),
            auth: AuthMode::Session,
            limits: Limits::default(),
            directories: None,
        }
    }

    /// `POST /export` in `process`; `None` if it does not live to answer.
    pub(crate) async fn submit(&self, process: &Process, request: &Request) -> Option<Answered> {
        let app = media_export_submit::App {
            jobs: self.jobs.through(process.faults()),
            queue: self.queues.through(process.faults()),
            objects: self.objects.through(process.faults()),
            intake: self.intake(process),
            times: self.times.clone(),
            style: ReplyStyle::default(),
            metrics: Metrics::silent(),
        };
        within(HTTP, process, Box::pin(async { Answered::read(app.handle(request).await) })).await
    }

    /// The request for `order` in `process`; `None` if it does not live to answer.
    pub(crate) async fn order(&self, process: &Process, order: &Order) -> Option<Answered> {
        let request = order.request();
        if order.way != Way::Reel {
            return self.submit(process, &request).await;
        }
        let app = export_batch::App {
            batches: MemoryBatches::default(),
            jobs: self.jobs.through(process.faults()),
            queue: self.queues.through(process.faults()),
            bus: self.bus.through(process.faults()),
            intake: self.intake(process),
            times: self.times.clone(),
            documents: None::<MemorySource>,
            metrics: Metrics::silent(),
        };
        within(HTTP, process, Box::pin(async { Answered::read(app.handle(&request).await) })).await
    }

    /// A status route.
    pub(crate) async fn poll(&self, process: &Process, request: &Request) -> Option<Answered> {
        let app = status_poll::App {
            jobs: self.jobs.through(process.faults()),
            intake: self.intake(process),
            times: self.times.clone(),
            style: ReplyStyle::default(),
            metrics: Metrics::silent(),
        };
        within(HTTP, process, Box::pin(async { Answered::read(app.handle(request).await) })).await
    }

    /// One sweep.
    pub(crate) async fn sweep(&self, process: &Process) -> Option<job_sweeper::Sweep> {
        let app = job_sweeper::App {
            jobs: self.jobs.through(process.faults()),
            queue: self.queues.through(process.faults()),
            bus: self.bus.through(process.faults()),
            clock: process.clone(),
            times: self.times.clone(),
            metrics: Metrics::silent(),
        };
        within(SWEEP, process, Box::pin(async { app.sweep(SWEEP).await.ok() })).await?
    }

    /// The worker, for messages and for chunks, in `process`.
    fn worker(&self, process: &Process) -> media_export_worker::App<Simulated> {
        media_export_worker::App {
            jobs: self.jobs.through(process.faults()),
            queue: self.queues.through(process.faults()),
            tenants: self.directory.through(process.faults()),
            objects: Arc::new(self.objects.through(process.faults())),
            engine: self.engine.through(process.faults()),
            fan_out: Some(fan_out()),
            dead_letters: self.dead_letters.through(process.faults()),
            bus: self.bus.through(process.faults()),
            clock: process.clone(),
            times: self.times.clone(),
            workers: self.workers,
            plays: true,
            ffmpeg: Ffmpeg::simulated(Arc::new(Stub(self.sim.clone()))),
            metrics: Metrics::silent(),
        }
    }

    /// One delivery of a message.
    pub(crate) async fn work(&self, process: &Process, letter: &Letter) -> Option<Disposition> {
        let app = self.worker(process);
        let record = Record { id: letter.id.to_string(), body: letter.body.clone(), ..Record::default() };
        let done = within(WORKER, process, Box::pin(app.handle(record, WORKER))).await;
        if done == Some(Disposition::Acknowledge) {
            self.queues.delete(letter);
        }
        if let Ok(message) = Message::decode(&letter.body) {
            self.ledger.saw_off(process, &message.job_id);
        }
        done
    }

    /// Works off a queue, one message after the other, for ever.
    pub(crate) async fn consume(self, queue: WorkQueue) {
        loop {
            let letter = self.queues.receive(queue).await;
            let process = self.sim.exposed("worker");
            self.ledger.busy(1);
            self.work(&process, &letter).await;
            self.ledger.busy(-1);
        }
    }

    /// Runs the executions that are started, for ever.
    pub(crate) async fn run_chunks(self) {
        loop {
            for started in self.engine.take() {
                tokio::spawn(self.clone().execute(started));
            }
            sleep(TURN).await;
        }
    }

    /// Runs an execution as Step Functions does: a function for each chunk, in any order, some of them twice, again after an
    /// error; then it sends the job's message and is over. In bad weather it may be over at any time without that.
    async fn execute(self, started: Started) {
        let input: Value = serde_json::from_str(&started.input).unwrap();
        let text = |name: &str| input[name].as_str().unwrap().to_owned();
        let (job, plan) = (JobId::parse(&text("job")).unwrap(), input["plan"].as_u64().unwrap());
        let tenant = TenantId::parse(&text("tenant")).unwrap();
        let mut chunks: Vec<u32> = input["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap().try_into().unwrap())
            .collect();
        let weather = self.sim.weather();
        let lost = self.sim.chance(|chance| {
            let doubled =
                chunks.iter().copied().filter(|_| chance.happens(weather.repeated)).collect::<Vec<_>>();
            chunks.extend(doubled);
            for at in (1..chunks.len()).rev() {
                chunks.swap(at, usize::try_from(chance.between(0, u64::try_from(at).unwrap() + 1)).unwrap());
            }
            chance.happens(weather.requests_lost)
        });
        self.ledger.busy(1);
        let room = Arc::new(Semaphore::new(PER_CLIP.try_into().unwrap()));
        let mut functions = JoinSet::new();
        for n in chunks {
            let (world, room) = (self.clone(), Arc::clone(&room));
            let asked = ChunkAsked { tenant: tenant.clone(), job: job.clone(), plan, n };
            functions.spawn(async move {
                let _turn = room.acquire().await.unwrap();
                for pause_s in CHUNK_PAUSES_S {
                    if world.make_chunk(&asked).await {
                        return;
                    }
                    sleep(Duration::from_secs(pause_s)).await;
                }
            });
        }
        if lost {
            let at = self.sim.chance(|chance| chance.between(0, 20_000));
            let _ =
                timeout(Duration::from_millis(at), async { while functions.join_next().await.is_some() {} })
                    .await;
            functions.detach_all();
        } else {
            while functions.join_next().await.is_some() {}
            self.queues.put(WorkQueue::Clips, text("message"), Millis::ZERO);
            sleep(TURN * 5).await;
        }
        self.engine.becomes(&started.name, Execution::Over);
        self.ledger.busy(-1);
    }

    /// One call of the function that makes chunks; `false` if the engine is to call it again.
    async fn make_chunk(&self, asked: &ChunkAsked) -> bool {
        let process = self.sim.exposed("chunk");
        let app = self.worker(&process);
        self.ledger.busy(1);
        let told = within(WORKER, &process, Box::pin(app.make_chunk(asked, WORKER))).await;
        self.ledger.busy(-1);
        self.ledger.saw_off(&process, &asked.job);
        self.sim.note(process.id, || format!("{process} of chunk {} says {told:?}", asked.n));
        matches!(told, Some(Ok(_)))
    }

    /// Sweeps every minute, sometimes twice, but not in `dead` (seconds since the start) while things go wrong.
    pub(crate) async fn sweep_for_ever(self, dead: std::ops::Range<i64>) {
        let began = self.sim.now();
        loop {
            sleep(Duration::from_mins(1)).await;
            let now_s = (self.sim.now() - began).get() / 1000;
            if dead.contains(&now_s) && !self.sim.is_calm() {
                continue;
            }
            let redelivered = self.sim.weather().redelivered;
            let times = if self.sim.chance(|chance| chance.happens(redelivered)) { 2 } else { 1 };
            for _ in 0..times {
                let (world, process) = (self.clone(), self.sim.exposed("sweeper"));
                tokio::spawn(async move { world.sweep(&process).await });
            }
        }
    }
}

/// Lambda kills what takes longer than its timeout.
async fn within<T>(limit: Duration, process: &Process, work: impl Future<Output = T>) -> Option<T> {
    let done = timeout(limit, process.live(work)).await;
    if done.is_err() {
        process.kill();
    }
    done.ok().flatten()
}
