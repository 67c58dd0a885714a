//! The function with its ports, and requests to it.

use export_domain::intake::Intake;
use export_domain::job::Job;
use export_domain::settings::{AuthMode, Lifecycle, Limits, ReplyStyle};
use export_lambda::http::Request;
use export_lambda::metrics::Metrics;
use export_testkit::{
    Answered, Directory, MemoryJobs, MemoryObjects, MemoryQueue, NOW, TestClock, directory, job, post, tenant,
};
use media_export_submit::App;
use serde_json::Value;

pub(crate) struct World {
    pub(crate) jobs: MemoryJobs,
    pub(crate) queue: MemoryQueue,
    pub(crate) objects: MemoryObjects,
    pub(crate) directory: Directory,
    pub(crate) clock: TestClock,
    pub(crate) app: App<MemoryJobs, MemoryQueue, MemoryObjects, Directory, Directory, TestClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::by(TestClock::jumping(NOW))
    }

    pub(crate) fn by(clock: TestClock) -> Self {
        let (jobs, queue, directory) = (MemoryJobs::default(), MemoryQueue::default(), directory());
        let objects = MemoryObjects::default();
        let app = App {
            jobs: jobs.clone(),
            queue: queue.clone(),
            objects: objects.clone(),
            intake: Intake {
                sessions: directory.clone(),
                tenants: directory.clone(),
                clock: clock.clone(),
                auth: AuthMode::Session,
                limits: Limits::default(),
                directories: None,
            },
            times: Lifecycle::default(),
            style: ReplyStyle::default(),
            metrics: Metrics::silent(),
        };
        Self { jobs, queue, objects, directory, clock, app }
    }

    pub(crate) async fn ask(&self, request: Request) -> Answered {
        Answered::read(self.app.handle(&request).await)
    }

    pub(crate) async fn submit(&self, body: &Value) -> Answered {
        self.ask(post("/export", body)).await
    }

    /// Sets how many unfinished jobs the tenant may have.
    pub(crate) fn allow(&self, max_active: u32) {
        let mut tenant = tenant();
        tenant.max_active = max_active;
        self.directory.add_tenant(tenant);
    }

    /// Stores the job of `body` after `change`.
    pub(crate) fn has(&self, body: &Value, change: impl FnOnce(Job) -> Job) -> Job {
        let job = change(job(&tenant(), body, NOW));
        self.jobs.put(&job);
        job
    }
}
