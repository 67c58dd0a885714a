//! The worker with its ports.

use export_clip::Ffmpeg;
use export_domain::job::{Job, ObjectKind};
use export_domain::ports::Origin;
use export_domain::settings::Lifecycle;
use export_lambda::batch::{Disposition, Record};
use export_lambda::metrics::Metrics;
use export_testkit::{
    DeadLetters, Directory, Faults, MemoryBus, MemoryEngine, MemoryJobs, MemoryObjects, MemoryQueue, NOW,
    TestClock, directory, job, tenant,
};
use media_export_worker::App;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an invocation has left.
pub(crate) const LEFT: Duration = Duration::from_mins(15);

/// The ports, all of them in memory.
#[derive(Debug)]
pub(crate) struct Memory;

impl media_export_worker::World for Memory {
    type Jobs = MemoryJobs;
    type Queue = MemoryQueue;
    type Tenants = Directory;
    type Objects = MemoryObjects;
    type Engine = MemoryEngine;
    type DeadLetters = DeadLetters;
    type Bus = MemoryBus;
    type Clock = TestClock;
}

pub(crate) struct World {
    pub(crate) jobs: MemoryJobs,
    pub(crate) queue: MemoryQueue,
    pub(crate) directory: Directory,
    pub(crate) objects: MemoryObjects,
    pub(crate) engine: MemoryEngine,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) bus: MemoryBus,
    pub(crate) clock: TestClock,
    /// The metrics.
    pub(crate) lines: Arc<Mutex<Vec<Value>>>,
    pub(crate) app: App<Memory>,
}

impl World {
    /// Time stands still.
    pub(crate) fn new() -> Self {
        Self::at(TestClock::standing(NOW))
    }

    pub(crate) fn at(clock: TestClock) -> Self {
        let (jobs, queue, directory) = (MemoryJobs::default(), MemoryQueue::default(), directory());
        let (objects, dead_letters) = (MemoryObjects::default(), DeadLetters::default());
        let engine = MemoryEngine::default();
        let (bus, lines) = (MemoryBus::default(), Arc::<Mutex<_>>::default());
        let app = App {
            jobs: jobs.clone(),
            queue: queue.clone(),
            tenants: directory.clone(),
            objects: Arc::new(objects.clone()),
            engine: engine.clone(),
            fan_out: None,
            dead_letters: dead_letters.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            times: Lifecycle::default(),
            workers: Some(4),
            plays: true,
            ffmpeg: Ffmpeg::at("/nonexistent/ffmpeg", Duration::from_secs(30)),
            metrics: Metrics::to("test", lines.clone()),
        };
        Self { jobs, queue, directory, objects, engine, dead_letters, bus, clock, lines, app }
    }

    /// Stores the job of `body` after `change`.
    pub(crate) fn has(&self, body: &Value, change: impl FnOnce(Job) -> Job) -> Job {
        let job = change(job(&tenant(), body, NOW));
        self.jobs.put(&job);
        job
    }

    /// Hands the worker a message.
    pub(crate) async fn receive(&self, body: impl Into<String>) -> Disposition {
        let record = Record { id: "m".to_owned(), body: body.into(), ..Record::default() };
        Box::pin(self.app.handle(record, LEFT)).await
    }

    /// Hands the worker the message of `job`; returns the job as it is then.
    pub(crate) async fn work(&self, job: &Job) -> Job {
        assert_eq!(self.receive(job.message().encode()).await, Disposition::Acknowledge);
        self.jobs.current(job).unwrap()
    }

    /// Puts the file that the claim in force of `job` would publish.
    pub(crate) fn published(&self, job: &Job, object: ObjectKind, content: &'static [u8]) {
        self.objects.add("clips", &job.order.key(object), content, Some(origin(job)));
    }

    /// The plans of all ports that a job's work asks.
    pub(crate) fn faults(&self) -> [&Faults; 3] {
        [&self.jobs.faults, &self.directory.faults, &self.objects.faults]
    }

    /// Whether S3 was asked for anything.
    pub(crate) fn touched_s3(&self) -> bool {
        let operations = ["read", "head", "put", "begin", "part", "complete", "remove", "abort"];
        operations.iter().any(|operation| self.objects.faults.calls(operation) > 0)
    }
}

/// Whose attempt the claim in force of `job` is.
pub(crate) fn origin(job: &Job) -> Origin {
    Origin { job_id: job.job_id.clone(), generation: job.generation, fence: job.fence }
}

pub(crate) fn times() -> Lifecycle {
    Lifecycle::default()
}
