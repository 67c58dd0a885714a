//! The function with its ports, and requests to it.

use export_clip::Machine;
use export_domain::ids::TenantId;
use export_domain::intake::Intake;
use export_domain::settings::{AuthMode, Limits};
use export_domain::tenant::Tenant;
use export_domain::time::EpochSecs;
use export_testkit::{
    Answered, Call, Directory, MemoryObjects, NOW, SESSION, TestClock, ask, directory, tenant,
};
use recordings::App;
use std::sync::Arc;

/// A session of the tenant `stranger`, whose recordings lie in another folder of the same bucket.
pub(crate) const STRANGERS_SESSION: &str = "11111111111111111111111111111111";

const MACHINE: Machine = Machine { memory: 3008 << 20, cores: 2 };

pub(crate) struct World {
    pub(crate) objects: MemoryObjects,
    pub(crate) clock: TestClock,
    pub(crate) app: App<MemoryObjects, Directory, Directory, TestClock>,
}

impl World {
    /// The usual tenant's prefix is `archive/`.
    pub(crate) fn new() -> Self {
        let (objects, directory, clock) = (MemoryObjects::default(), directory(), TestClock::jumping(NOW));
        directory.add_tenant(Tenant { source_prefix: "archive".to_owned(), ..tenant() });
        let id = TenantId::parse("stranger").unwrap();
        directory.add_session(STRANGERS_SESSION, &id, EpochSecs::MAX);
        directory.add_tenant(Tenant { id, source_prefix: "archive2".to_owned(), ..tenant() });
        let intake = Intake {
            sessions: directory.clone(),
            tenants: directory.clone(),
            clock: clock.clone(),
            auth: AuthMode::Session,
            limits: Limits::default(),
            directories: None,
        };
        let app = App {
            objects: Arc::new(objects.clone()),
            access: true,
            signs: true,
            source_bucket: "recordings".to_owned(),
            machine: MACHINE,
            fan_out: None,
            intake,
        };
        Self { objects, clock, app }
    }

    /// Stores empty objects of the usual tenant.
    pub(crate) fn has(&self, keys: &[&str]) {
        for key in keys {
            self.put(key, "");
        }
    }

    pub(crate) fn put(&self, key: &str, body: &str) {
        self.objects.add("recordings", &format!("archive/{key}"), body.to_owned(), None);
    }

    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.get_as(SESSION, target).await
    }

    pub(crate) async fn get_as(&self, session: &str, target: &str) -> Answered {
        let mut request = ask("GET", target, &[("X-Session-Id", session)], "");
        if let Some(path) = request.path.strip_prefix("/recordings/") {
            request.path_parameters = [("path".to_owned(), path.to_owned())].into();
        }
        Answered::read(self.app.handle(&request).await)
    }

    pub(crate) async fn plan(&self, body: &serde_json::Value) -> Answered {
        let headers = [("X-Session-Id", SESSION)];
        let request = ask("POST", "/export/plan", &headers, body.to_string());
        Answered::read(self.app.handle(&request).await)
    }

    /// Calls to the store so far, reads left out.
    pub(crate) fn looks(&self) -> usize {
        self.objects.calls().iter().filter(|call| matches!(call, Call::Look { .. })).count()
    }
}

/// The detail of a problem, with its status.
pub(crate) fn problem(answered: &Answered) -> (u16, &str) {
    assert_eq!(answered.header("content-type"), "application/problem+json", "{}", answered.text);
    (answered.status, answered.json["detail"].as_str().unwrap_or_default())
}
