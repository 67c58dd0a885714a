//! The function with its ports, those around it, and requests to it.

use export_batch::App;
use export_domain::intake::Intake;
use export_domain::job::{Job, Reason};
use export_domain::ports::Clock;
use export_domain::settings::{AuthMode, Lifecycle, Limits, ReplyStyle};
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_lambda::http::Request;
use export_lambda::metrics::Metrics;
use export_testkit::mre::MemorySource;
use export_testkit::{
    Answered, Directory, Faults, MemoryBatches, MemoryBus, MemoryJobs, MemoryObjects, MemoryQueue, NOW,
    SESSION, TestClock, ask, claimed, directory, ms, ready, tenant,
};
use job_sweeper::BatchSweeper;
use serde_json::{Value, json};
use std::time::Duration;

type Function =
    App<MemoryBatches, MemoryJobs, MemoryQueue, MemoryBus, Directory, Directory, TestClock, MemorySource>;
type Sweeper = BatchSweeper<MemoryBatches, MemoryJobs, MemoryQueue, MemoryBus, Directory, TestClock>;
type Submit =
    media_export_submit::App<MemoryJobs, MemoryQueue, MemoryObjects, Directory, Directory, TestClock>;

pub(crate) struct World {
    pub(crate) batches: MemoryBatches,
    pub(crate) jobs: MemoryJobs,
    pub(crate) queue: MemoryQueue,
    pub(crate) bus: MemoryBus,
    pub(crate) directory: Directory,
    pub(crate) clock: TestClock,
    pub(crate) app: Function,
}

impl World {
    /// A tenant with room for 50 jobs, 40 of which batches may take.
    pub(crate) fn new() -> Self {
        let directory = directory();
        directory.add_tenant(Tenant { max_active: 50, max_scheduled: 50, ..tenant() });
        let (batches, jobs, queue) =
            (MemoryBatches::default(), MemoryJobs::default(), MemoryQueue::default());
        let (bus, clock) = (MemoryBus::default(), TestClock::jumping(NOW));
        let app = App {
            batches: batches.clone(),
            jobs: jobs.clone(),
            queue: queue.clone(),
            bus: bus.clone(),
            intake: intake(&directory, &clock),
            times: Lifecycle::default(),
            documents: None,
            metrics: Metrics::silent(),
        };
        Self { batches, jobs, queue, bus, directory, clock, app }
    }

    /// One with the tables of Media Replay Engine, whose tenant may name events of `programs`.
    pub(crate) fn with_documents(source: MemorySource, programs: &[&str]) -> Self {
        let world = Self::new();
        let mre_programs = programs.iter().map(|&name| name.to_owned()).collect();
        world.directory.add_tenant(Tenant { mre_programs, ..tenant() });
        Self { app: App { documents: Some(source), ..world.app }, ..world }
    }

    pub(crate) async fn ask(&self, request: Request) -> Answered {
        Answered::read(Box::pin(self.app.handle(&request)).await)
    }

    pub(crate) async fn send(&self, method: &str, target: &str, body: &str) -> Answered {
        self.ask(ask(method, target, &[("X-Session-Id", SESSION)], body)).await
    }

    pub(crate) async fn submit(&self, body: &Value) -> Answered {
        self.send("POST", "/export/batch", &body.to_string()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.send("GET", target, "").await
    }

    /// What a `POST /export` answers.
    pub(crate) async fn single(&self, body: &Value) -> Answered {
        let submit = Submit {
            jobs: self.jobs.clone(),
            queue: self.queue.clone(),
            objects: MemoryObjects::default(),
            intake: intake(&self.directory, &self.clock),
            times: Lifecycle::default(),
            style: ReplyStyle::default(),
            metrics: Metrics::silent(),
        };
        let request = ask("POST", "/export", &[("X-Session-Id", SESSION)], body.to_string());
        Answered::read(Box::pin(submit.handle(&request)).await)
    }

    /// A sweep over batches, `after` ms later, over a line with those faults.
    pub(crate) async fn swept(&self, after: i64, faults: &Faults) {
        self.clock.advance(after);
        let sweeper = Sweeper {
            batches: self.batches.through(faults.clone()),
            jobs: self.jobs.through(faults.clone()),
            queue: self.queue.clone(),
            bus: self.bus.through(faults.clone()),
            tenants: self.directory.clone(),
            clock: self.clock.clone(),
            times: Lifecycle::default(),
            directories: None,
            metrics: Metrics::silent(),
        };
        // A sweep that meets an outage is followed by another one.
        let _ = Box::pin(sweeper.sweep(Duration::from_secs(55))).await;
    }

    /// Workers end every job that waits: `fails` says which fail.
    pub(crate) fn worked(&self, fails: impl Fn(&Job) -> bool) {
        self.ended(|job| fails(job).then_some(Reason::NoMedia));
    }

    /// Workers end every job that waits, with that failure or none.
    pub(crate) fn ended(&self, failure: impl Fn(&Job) -> Option<Reason>) {
        for job in self.jobs.all().into_iter().filter(|job| !job.state.is_terminal()) {
            let held = claimed(&job, self.now());
            let ended = match failure(&job) {
                Some(reason) => held.given_up(held.fence, reason, self.now(), &Lifecycle::default()).unwrap(),
                None => ready(&held, self.now()),
            };
            self.jobs.put(&ended);
        }
    }

    pub(crate) fn now(&self) -> EpochMs {
        self.clock.now()
    }
}

fn intake(directory: &Directory, clock: &TestClock) -> Intake<Directory, Directory, TestClock> {
    Intake {
        sessions: directory.clone(),
        tenants: directory.clone(),
        clock: clock.clone(),
        auth: AuthMode::Session,
        limits: Limits::default(),
        directories: None,
    }
}

/// A body with `count` clips of a second each that ended before [`NOW`].
pub(crate) fn clips(count: i64) -> Value {
    let clips: Vec<Value> = (1..=count)
        .map(|n| json!({"start": NOW - ms(1000 * n), "duration_ms": 1000, "name": format!("clip {n}"), "ref": format!("r{n}")}))
        .collect();
    json!({"live_path": "mp4/device/1/stream.mpd", "clips": clips})
}

/// The body of the `POST /export` of such a clip alone.
pub(crate) fn alone(n: i64) -> Value {
    json!({
        "ServiceCaller": "mma", "FetchMedia": true, "StartPos": NOW - ms(1000 * n), "StartTime": "720:00:00", "Duration": 1000,
        "LivePath": "mp4/device/1/stream.mpd", "FileName": format!("clip {n}"),
    })
}
