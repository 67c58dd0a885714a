//! The start of every function's process.

use crate::config::Env;
use crate::metrics::Metrics;
use crate::telemetry;
use export_domain::time::EpochMs;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Closes this process to others of the same user, reads its environment, starts logs and metrics. `now` is the
/// time.
///
/// The first thing that a function does: from then on no process without the right to trace all others reads the
/// environment, with the keys in it, the memory or the open files of this one (prctl(2), `PR_SET_DUMPABLE`).
pub fn start(now: EpochMs) -> (Env, Metrics) {
    let closed = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let env = Env::of_process();
    telemetry::init(env.optional("RUST_LOG").as_deref());
    if let Err(error) = closed {
        tracing::error!(%error, "failed to protect the process from other processes of its user");
    }
    let metrics = Metrics::of_process(&env, now);
    (env, metrics)
}
