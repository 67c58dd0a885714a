//! The ports in memory, each call of which can be made to fail.

use bytes::Bytes;
use data_export_worker::App;
use export_domain::ports::{Clock, DeadLetters, EventBus, Ids, Notification, Unavailable};
use export_domain::time::{EpochMs, Millis};
use export_lambda::batch::Record;
use export_mre::json::Json;
use export_mre::keys::object_key;
use export_mre::ports::{
    DocumentOrders, ExportLocations, ExportStates, ExportStore, LinkHeaders, LinkMethod, OrderProgress,
    StoreOutcome, TriggerQueue,
};
use export_mre::state::{BuildLease, ExportState, StateKey};
use export_mre::trigger::Trigger;
use export_testkit::mre::{MemorySource, Scenario};
use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

/// The trigger of `scenario` as SQS delivers it.
pub(crate) fn record(scenario: &Scenario, sent_ms: i64) -> Record {
    let mut record = Record {
        id: "m".to_owned(),
        receipt_handle: "r".to_owned(),
        body: scenario.trigger_text(),
        ..Record::default()
    };
    record.attributes.sent = sent_ms.to_string();
    record
}

/// The key that MRE stores the scenario's export under.
pub(crate) fn object(scenario: &Scenario) -> String {
    let location = scenario.get("expected.document_location").and_then(Json::as_str).unwrap();
    object_key(location).unwrap().to_owned()
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) objects: BTreeMap<String, String>,
    pub(crate) located: Vec<String>,
    pub(crate) told: Vec<String>,
    pub(crate) dead: Vec<String>,
    pub(crate) sent_again: Vec<(i64, u32)>,
    pub(crate) shown_again: usize,
    pub(crate) built: BTreeMap<String, String>,
    pub(crate) cancelled: Vec<String>,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It does not get through.
    Fails,
    /// The worker dies before it takes effect.
    DiesBefore,
    /// The worker dies once it took effect.
    DiesAfter,
}

#[derive(Debug, Default)]
struct Inner {
    now: EpochMs,
    names: u32,
    steps: usize,
    wrong: Option<(usize, Wrong)>,
    rows_are_gone: bool,
    states: HashMap<StateKey, ExportState>,
    fences: HashMap<String, u64>,
    seen: Seen,
}

/// Every port but the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Port(Arc<Mutex<Inner>>);

/// The function in its world.
pub(crate) struct World {
    pub(crate) app: App<MemorySource, Port, Port, Port, Port, Port, Port>,
    port: Port,
}

impl World {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        Self::with(scenario, |_| {})
    }

    pub(crate) fn with(scenario: &Scenario, change: impl FnOnce(&mut MemorySource)) -> Self {
        let mut source = scenario.source();
        change(&mut source);
        let port = Port::default();
        port.lock().now = EpochMs::new(1_700_000_000_000);
        let app = App {
            source,
            exports: port.clone(),
            states: port.clone(),
            bus: port.clone(),
            queue: port.clone(),
            dead_letters: port.clone(),
            clock: port.clone(),
            wait_s: 7,
            entry_bytes: 1024 * 1024,
        };
        Self { app, port }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.port.lock().seen.clone()
    }

    pub(crate) fn state(&self, key: &StateKey) -> ExportState {
        self.port.lock().states.get(key).cloned().unwrap_or_default()
    }

    pub(crate) fn seed(&self, key: &StateKey, state: ExportState) {
        self.port.lock().states.insert(key.clone(), state);
    }

    pub(crate) fn now(&self) -> EpochMs {
        self.port.lock().now
    }

    pub(crate) fn set_now(&self, now: EpochMs) {
        self.port.lock().now = now;
    }

    /// Calls of ports so far, other than reads of the source.
    pub(crate) fn steps(&self) -> usize {
        self.port.lock().steps
    }

    /// That call goes wrong, once.
    pub(crate) fn spoil(&self, step: usize, wrong: Wrong) {
        self.port.lock().wrong = Some((step, wrong));
    }

    /// An export that someone with `fence` stored in between.
    pub(crate) fn later_export(&self, scenario: &Scenario, fence: u64) {
        let key = object(scenario);
        let mut inner = self.port.lock();
        inner.fences.insert(key.clone(), fence);
        inner.seen.objects.insert(key, "later".to_owned());
    }

    /// Rows go between the reads and the writes.
    pub(crate) fn forget_rows(&self) {
        self.port.lock().rows_are_gone = true;
    }
}

impl Port {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Counts a call and does `act`, unless it is the one that goes wrong. A worker that dies never hears of it.
    async fn call<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> Result<T, Unavailable> {
        let wrong = {
            let mut inner = self.lock();
            let step = inner.steps;
            inner.steps += 1;
            inner.wrong.take_if(|(at, _)| *at == step).map(|(_, wrong)| wrong)
        };
        match wrong {
            Some(Wrong::Fails) => return Err(Unavailable("a port", "made to fail".to_owned())),
            Some(Wrong::DiesBefore) => return pending().await,
            Some(Wrong::DiesAfter) | None => {}
        }
        let done = act(&mut self.lock());
        if wrong == Some(Wrong::DiesAfter) { pending().await } else { Ok(done) }
    }
}

impl ExportStore for Port {
    fn location(&self, key: &str) -> String {
        format!("s3://exports/{key}")
    }

    async fn put(
        &self,
        key: &str,
        text: String,
        fence: u64,
        _: Option<String>,
    ) -> Result<StoreOutcome, Unavailable> {
        self.call(|inner| {
            if inner.fences.get(key).is_some_and(|stored| *stored > fence) {
                return StoreOutcome::Superseded;
            }
            inner.fences.insert(key.to_owned(), fence);
            inner.seen.objects.insert(key.to_owned(), text);
            StoreOutcome::Done("etag".to_owned())
        })
        .await
    }
}

impl DocumentOrders for Port {
    async fn look(&self, _: &str, _: &LinkHeaders, _: LinkMethod) -> Result<OrderProgress, Unavailable> {
        Ok(OrderProgress::Absent)
    }

    async fn place(&self, _: &str) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn keep(&self, id: &str, body: Bytes, _: &str, _: &'static str) -> Result<(), Unavailable> {
        let text = String::from_utf8(body.to_vec()).unwrap();
        self.call(|inner| inner.seen.built.insert(id.to_owned(), text)).await.map(|_| ())
    }

    async fn cancel(&self, id: &str) -> Result<(), Unavailable> {
        self.call(|inner| inner.seen.cancelled.push(id.to_owned())).await
    }
}

impl ExportStates for Port {
    async fn state(&self, key: &StateKey) -> Result<ExportState, Unavailable> {
        if key.as_str().len() > 2048 {
            return Err(Unavailable("a port", "the key is too long".to_owned()));
        }
        self.call(|inner| inner.states.get(key).cloned().unwrap_or_default()).await
    }

    async fn claim(&self, key: &StateKey, lease: &BuildLease, now: EpochMs) -> Result<bool, Unavailable> {
        self.call(|inner| {
            let state = inner.states.entry(key.clone()).or_default();
            let (fence, until) =
                state.lease.as_ref().map_or((0, EpochMs::ZERO), |lease| (lease.fence, lease.until));
            let is_free = fence == lease.previous && until <= now;
            if is_free {
                state.lease = Some(lease.clone());
            }
            is_free
        })
        .await
    }

    async fn commit(
        &self,
        key: &StateKey,
        lease: &BuildLease,
        built: &ExportState,
    ) -> Result<bool, Unavailable> {
        if built.profile.as_ref().is_some_and(|profile| profile.len() > 400_000) {
            return Err(Unavailable("a port", "the item is too large".to_owned()));
        }
        self.call(|inner| {
            let state = inner.states.entry(key.clone()).or_default();
            let is_held = state.lease.as_ref() == Some(lease);
            if is_held {
                let ended = BuildLease { until: EpochMs::ZERO, ..lease.clone() };
                *state = ExportState { lease: Some(ended), ..built.clone() };
            }
            is_held
        })
        .await
    }

    async fn release(&self, key: &StateKey, lease: &BuildLease) -> Result<(), Unavailable> {
        self.call(|inner| {
            let state = inner.states.entry(key.clone()).or_default();
            if let Some(held) = state.lease.as_mut().filter(|held| *held == lease) {
                held.until = EpochMs::ZERO;
            }
        })
        .await
    }
}

impl ExportLocations for Port {
    async fn locate(&self, _: &Trigger, location: &str) -> Result<bool, Unavailable> {
        self.call(|inner| {
            if !inner.rows_are_gone {
                inner.seen.located.push(location.to_owned());
            }
            !inner.rows_are_gone
        })
        .await
    }
}

impl EventBus for Port {
    async fn put(&self, event: &Notification) -> Result<(), Unavailable> {
        self.call(|inner| inner.seen.told.push(event.detail.clone())).await
    }
}

impl TriggerQueue for Port {
    async fn send_again(&self, _: &str, sent_at: EpochMs, delay_s: u32) -> Result<(), Unavailable> {
        self.call(|inner| inner.seen.sent_again.push((sent_at.get(), delay_s))).await
    }

    async fn show_again(&self, _: &str, _: u32) -> Result<(), Unavailable> {
        self.lock().seen.shown_again += 1;
        Ok(())
    }
}

impl DeadLetters for Port {
    async fn keep(&self, body: &str) -> Result<(), Unavailable> {
        self.call(|inner| inner.seen.dead.push(body.to_owned())).await
    }
}

impl Clock for Port {
    fn now(&self) -> EpochMs {
        self.lock().now
    }

    async fn sleep(&self, _: Millis) {}
}

impl Ids for Port {
    fn unique(&self) -> String {
        let mut inner = self.lock();
        inner.names += 1;
        inner.names.to_string()
    }
}
