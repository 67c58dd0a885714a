//! The function with its ports, and requests to it.

use export_domain::ids::TenantId;
use export_domain::intake::Intake;
use export_domain::job::Job;
use export_domain::settings::{AuthMode, Lifecycle, Limits, ReplyStyle};
use export_domain::tenant::Tenant;
use export_domain::time::EpochSecs;
use export_lambda::http::Request;
use export_lambda::metrics::{Metric, Metrics};
use export_testkit::{Answered, Directory, MemoryJobs, NOW, SESSION, TestClock, ask, directory, job, tenant};
use serde_json::Value;
use status_poll::App;
use std::sync::{Arc, Mutex};

/// A session of the tenant [`stranger`].
pub(crate) const STRANGERS_SESSION: &str = "11111111111111111111111111111111";

pub(crate) fn stranger() -> TenantId {
    TenantId::parse("stranger").unwrap()
}

pub(crate) struct World {
    pub(crate) jobs: MemoryJobs,
    pub(crate) directory: Directory,
    pub(crate) clock: TestClock,
    lines: Arc<Mutex<Vec<Value>>>,
    pub(crate) app: App<MemoryJobs, Directory, Directory, TestClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (jobs, directory, clock) = (MemoryJobs::default(), directory(), TestClock::jumping(NOW));
        let lines = Arc::<Mutex<_>>::default();
        directory.add_tenant(Tenant { id: stranger(), ..tenant() });
        directory.add_session(STRANGERS_SESSION, &stranger(), EpochSecs::MAX);
        let app = App {
            jobs: jobs.clone(),
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
            metrics: Metrics::to("test", lines.clone()),
        };
        Self { jobs, directory, clock, lines, app }
    }

    /// How often `metric` was counted.
    pub(crate) fn counted(&self, metric: Metric) -> u64 {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter_map(|line| line[format!("{metric:?}")].as_u64()).sum()
    }

    pub(crate) async fn ask(&self, request: Request) -> Answered {
        Answered::read(Box::pin(self.app.handle(&request)).await)
    }

    /// A request of [`tenant`] for `target`, with one more header.
    pub(crate) async fn send(&self, method: &str, target: &str, header: (&str, &str)) -> Answered {
        self.ask(ask(method, target, &[("X-Session-Id", SESSION), header], "")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.send("GET", target, ("Accept", "*/*")).await
    }

    pub(crate) async fn delete(&self, job: &Job) -> Answered {
        self.send("DELETE", &path(job), ("Accept", "*/*")).await
    }

    /// Stores the job of `body` after `change`.
    pub(crate) fn has(&self, body: &Value, change: impl FnOnce(Job) -> Job) -> Job {
        let job = change(job(&tenant(), body, NOW));
        self.jobs.put(&job);
        job
    }
}

pub(crate) fn path(job: &Job) -> String {
    format!("/export/status/{}", job.job_id)
}
