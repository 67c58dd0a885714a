//! The engine that runs the functions of chunks.

use crate::fault::{Faults, lock};
use export_domain::ports::{Engine, Execution, Unavailable};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An execution that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its name.
    pub name: String,
    /// Its input, JSON text.
    pub input: String,
}

/// Executions by name. What they run, and when they end, is up to the test: it takes what was started, and says how each
/// goes on. Operations: `start`, `look`, `stop`.
#[derive(Debug, Clone, Default)]
pub struct MemoryEngine {
    /// What goes wrong.
    pub faults: Faults,
    runs: Arc<Mutex<Runs>>,
}

#[derive(Debug, Default)]
struct Runs {
    states: BTreeMap<String, Execution>,
    fresh: Vec<Started>,
    stopped: Vec<String>,
}

impl MemoryEngine {
    /// The same engine over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// The executions that were started since the last call, in order.
    pub fn take(&self) -> Vec<Started> {
        std::mem::take(&mut lock(&self.runs).fresh)
    }

    /// The execution of that name is in `state` from now on.
    pub fn becomes(&self, name: &str, state: Execution) {
        lock(&self.runs).states.insert(name.to_owned(), state);
    }

    /// Names of the executions that were stopped.
    pub fn stopped(&self) -> Vec<String> {
        lock(&self.runs).stopped.clone()
    }
}

impl Engine for MemoryEngine {
    async fn start(&self, name: &str, input: &str) -> Result<(), Unavailable> {
        let (runs, started) =
            (Arc::clone(&self.runs), Started { name: name.to_owned(), input: input.to_owned() });
        let start = move || {
            let mut runs = lock(&runs);
            if !runs.states.contains_key(&started.name) {
                runs.states.insert(started.name.clone(), Execution::Running);
                runs.fresh.push(started.clone());
            }
            Ok(())
        };
        self.faults.run("the engine", "start", start).await
    }

    async fn look(&self, name: &str) -> Result<Execution, Unavailable> {
        let (runs, name) = (Arc::clone(&self.runs), name.to_owned());
        let look = move || Ok(lock(&runs).states.get(&name).copied().unwrap_or(Execution::Absent));
        self.faults.run("the engine", "look", look).await
    }

    async fn stop(&self, name: &str) -> Result<(), Unavailable> {
        let (runs, name) = (Arc::clone(&self.runs), name.to_owned());
        let stop = move || {
            let mut runs = lock(&runs);
            if let Some(state) = runs.states.get_mut(&name) {
                *state = Execution::Over;
            }
            runs.stopped.push(name.clone());
            Ok(())
        };
        self.faults.run("the engine", "stop", stop).await
    }
}
