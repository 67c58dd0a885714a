//! Golden scenarios of Media Replay Engine, with its tables in memory.

use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey, object_key};
use export_mre::trigger::Trigger;
use flate2::read::GzDecoder;
use std::io::Read;

mod memory;
mod orders;

pub use memory::{Gunzip, MemorySource};
pub use orders::MemoryOrders;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/mre/scenarios.jsonl.gz");

/// Tables before a trigger, the trigger, and what MRE made of it.
#[derive(Debug, Clone)]
pub struct Scenario(Json);

/// The scenario `name`.
///
/// # Panics
/// When there is none.
pub fn scenario(name: &str) -> Scenario {
    let packed = std::fs::read(DATA).expect("the golden data is there");
    let text = gunzip(&packed).expect("the golden data is gzip");
    let start = format!(r#"{{"scenario":"{name}""#);
    let line = text.lines().find(|line| line.starts_with(&start)).expect("the scenario is known");
    Scenario(Json::parse(line).expect("the scenario is JSON"))
}

impl Scenario {
    /// A part of it by its path, with dots between names.
    pub fn get(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(&self.0, |json, name| json.get(name))
    }

    /// The tables and the export bucket before the trigger.
    ///
    /// # Panics
    /// When the scenario has no tables.
    pub fn source(&self) -> MemorySource {
        let tables = self.get("tables").expect("a scenario has tables");
        let mut source = MemorySource::from_tables(tables, gunzip).expect("the tables are DynamoDB JSON");
        for (location, text) in self.get("objects").map(Json::members).unwrap_or_default() {
            let (key, text) = (object_key(location), text.as_str());
            source.objects.extend(key.zip(text).map(|(key, text)| (key.to_owned(), text.to_owned())));
        }
        source
    }

    /// The event that asks for the export, as the bus delivers it.
    pub fn trigger_text(&self) -> String {
        self.get("trigger").map(Json::to_text).unwrap_or_default()
    }

    /// The event's key.
    ///
    /// # Panics
    /// When the trigger asks for no export.
    pub fn event(&self) -> EventKey {
        match self.trigger() {
            Trigger::Event { key, .. } => key,
            Trigger::Replay(key) => key.event,
        }
    }

    /// The replay's key; `None` for a scenario of an event.
    ///
    /// # Panics
    /// When the trigger asks for no export.
    pub fn replay(&self) -> Option<ReplayKey> {
        match self.trigger() {
            Trigger::Event { .. } => None,
            Trigger::Replay(key) => Some(key),
        }
    }

    fn trigger(&self) -> Trigger {
        let parsed = Trigger::parse(&self.trigger_text()).expect("a trigger");
        parsed.expect("a trigger that asks for an export")
    }
}

fn gunzip(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).ok()?;
    Some(text)
}
