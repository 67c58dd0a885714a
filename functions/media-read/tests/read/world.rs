//! The function with its ports, and requests to it.

use export_domain::ids::TenantId;
use export_domain::intake::Intake;
use export_domain::job::Job;
use export_domain::settings::{AuthMode, Limits};
use export_domain::tenant::Tenant;
use export_domain::time::EpochSecs;
use export_lambda::http::Request;
use export_lambda::metrics::{Metric, Metrics};
use export_testkit::{
    Directory, MemoryJobs, MemoryObjects, NOW, SESSION, TestClock, ask, claimed, directory, job, ready,
    tenant,
};
use media_read::App;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A session of another tenant, which has the same targets.
pub(crate) const STRANGERS_SESSION: &str = "11111111111111111111111111111111";

pub(crate) struct World {
    pub(crate) jobs: MemoryJobs,
    pub(crate) objects: MemoryObjects,
    pub(crate) directory: Directory,
    pub(crate) clock: TestClock,
    lines: Arc<Mutex<Vec<Value>>>,
    pub(crate) app: App<MemoryJobs, MemoryObjects, Directory, Directory, TestClock>,
}

/// A reply; `json` is null if it has no body.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<&'static str, String>,
    pub(crate) json: Value,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Status, `detail` of the problem and `Retry-After`.
    pub(crate) fn problem(&self) -> (u16, &str, &str) {
        (self.status, self.json["detail"].as_str().unwrap_or_default(), self.header("retry-after"))
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let (jobs, objects, directory) = (MemoryJobs::default(), MemoryObjects::default(), directory());
        let clock = TestClock::jumping(NOW);
        let stranger = TenantId::parse("stranger").unwrap();
        directory.add_tenant(Tenant { id: stranger.clone(), ..tenant() });
        directory.add_session(STRANGERS_SESSION, &stranger, EpochSecs::MAX);
        let lines = Arc::<Mutex<_>>::default();
        let app = App {
            jobs: jobs.clone(),
            links: Arc::new(objects.clone()),
            intake: Intake {
                sessions: directory.clone(),
                tenants: directory.clone(),
                clock: clock.clone(),
                auth: AuthMode::Session,
                limits: Limits::default(),
                directories: None,
            },
            bucket: "clips".to_owned(),
            source_bucket: "recordings".to_owned(),
            signs: true,
            plays: true,
            metrics: Metrics::to("test", lines.clone()),
        };
        Self { jobs, objects, directory, clock, lines, app }
    }

    /// How many links were counted.
    pub(crate) fn signed(&self) -> u64 {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter_map(|line| line[format!("{:?}", Metric::LinksSigned)].as_u64()).sum()
    }

    pub(crate) async fn ask(&self, request: Request) -> Got {
        let reply = self.app.handle(&request).await;
        let json = serde_json::from_str(&reply.body).unwrap_or_default();
        Got { status: reply.status_code, headers: reply.headers, json }
    }

    /// A request of the tenant for what is below a job, its session sent as a bearer token.
    pub(crate) async fn below(&self, job: &Job, path: &str) -> Got {
        let bearer = format!("Bearer {SESSION}");
        self.ask(ask("GET", &target(job, path), &[("Authorization", &bearer)], "")).await
    }

    /// Stores the job of `body` after `change`.
    pub(crate) fn has(&self, body: &Value, change: impl FnOnce(&Job) -> Job) -> Job {
        let job = change(&job(&tenant(), body, NOW));
        self.jobs.put(&job);
        job
    }
}

pub(crate) fn target(job: &Job, path: &str) -> String {
    format!("/export/jobs/{}/{path}", job.job_id)
}

pub(crate) fn done(job: &Job) -> Job {
    ready(&claimed(job, NOW), NOW)
}
