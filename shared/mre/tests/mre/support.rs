//! Scenarios, and running futures that never wait.

use std::io::Read;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use export_mre::document::{Export, View};
use export_mre::export::{ExportError, export_event, export_replay};
use export_mre::json::Json;
use export_mre::keys::object_key;
use export_mre::trigger::Trigger;
use export_testkit::mre::MemorySource;

/// Where the golden data lies.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/mre");

/// Tables before a trigger, the trigger, and what MRE made of it.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) json: Json,
}

impl Scenario {
    pub(crate) fn get(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(&self.json, |json, name| json.get(name))
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.get("outcome").and_then(Json::as_str) == Some("ok")
    }

    pub(crate) fn source(&self) -> MemorySource {
        let mut source = MemorySource::from_tables(self.get("tables").unwrap(), gunzip).unwrap();
        for (location, text) in self.get("objects").map(Json::members).unwrap_or_default() {
            let key = object_key(location).unwrap().to_owned();
            source.objects.insert(key, text.as_str().unwrap().to_owned());
        }
        source
    }

    pub(crate) fn trigger(&self) -> Trigger {
        Trigger::parse(&self.get("trigger").unwrap().to_text()).unwrap().unwrap()
    }

    /// The live document that the guide's routes answer.
    pub(crate) fn live(&self, source: &MemorySource, view: View) -> Result<Export, ExportError> {
        match self.trigger() {
            Trigger::Event { key, info } => run(export_event(source, &key, view, info.get("Profile"))),
            Trigger::Replay(key) => run(export_replay(source, &key, view)),
        }
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    lines("scenarios.jsonl.gz")
        .into_iter()
        .map(|json| Scenario { name: json.get("scenario").and_then(Json::as_str).unwrap().to_owned(), json })
        .collect()
}

pub(crate) fn scenario(name: &str) -> Scenario {
    let start = format!(r#"{{"scenario":"{name}""#);
    let text = compressed("scenarios.jsonl.gz");
    let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
    Scenario { name: name.to_owned(), json: Json::parse(line).unwrap() }
}

/// Reads a file of the golden data, one JSON value a line.
pub(crate) fn lines(file: &str) -> Vec<Json> {
    compressed(file).lines().map(|line| Json::parse(line).unwrap()).collect()
}

fn compressed(file: &str) -> String {
    gunzip(&std::fs::read(format!("{DATA}/{file}")).unwrap()).unwrap()
}

pub(crate) fn data(file: &str) -> String {
    std::fs::read_to_string(format!("{DATA}/{file}")).unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Runs a future over memory: it is ready at once.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a read from memory waited"),
    }
}
