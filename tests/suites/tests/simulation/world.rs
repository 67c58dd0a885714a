//! The stores, and the functions as processes that use them.

use crate::checks::Ledger;
use crate::coder::Stub;
use crate::orders::{Order, STRANGERS_SESSION};
use crate::queue::{Letter, Queues};
use crate::sim::{Process, Sim};
use export_clip::Ffmpeg;
use export_domain::ids::TenantId;
use export_domain::intake::Intake;
use export_domain::job::WorkQueue;
use export_domain::settings::{AuthMode, Lifecycle, Limits, ReplyStyle};
use export_domain::tenant::Tenant;
use export_domain::time::EpochSecs;
use export_lambda::batch::{Disposition, Record};
use export_lambda::http::Request;
use export_lambda::metrics::Metrics;
use export_testkit::mre::MemorySource;
use export_testkit::{
    Answered, DeadLetters, Directory, MemoryBatches, MemoryBus, MemoryEngine, MemoryJobs, MemoryObjects,
    directory, tenant,
};
use std::sync::Arc;
use std::time::Duration;
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

/// Everything that outlives a process.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) jobs: MemoryJobs,
    pub(crate) queues: Queues,
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
        if !order.reel {
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

    /// One delivery of a message.
    pub(crate) async fn work(&self, process: &Process, letter: &Letter) -> Option<Disposition> {
        let app = media_export_worker::App::<Simulated> {
            jobs: self.jobs.through(process.faults()),
            queue: self.queues.through(process.faults()),
            tenants: self.directory.through(process.faults()),
            objects: Arc::new(self.objects.through(process.faults())),
            engine: MemoryEngine::default(),
            fan_out: None,
            dead_letters: self.dead_letters.through(process.faults()),
            bus: self.bus.through(process.faults()),
            clock: process.clone(),
            times: self.times.clone(),
            workers: self.workers,
            plays: true,
            ffmpeg: Ffmpeg::simulated(Arc::new(Stub(self.sim.clone()))),
            metrics: Metrics::silent(),
        };
        let record = Record { id: letter.id.to_string(), body: letter.body.clone(), ..Record::default() };
        let done = within(WORKER, process, Box::pin(app.handle(record, WORKER))).await;
        if done == Some(Disposition::Acknowledge) {
            self.queues.delete(letter);
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
