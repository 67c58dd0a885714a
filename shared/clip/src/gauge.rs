//! The progress of a clip under way, to be looked at while it is made.

use crate::error::Unfit;
use crate::plan::{ClipPhase, Plan};
use crate::stats::Stats;
use export_media::time::Nanos;
use std::sync::{Arc, Mutex, PoisonError};

/// A clip under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    /// The step that it is at.
    pub phase: ClipPhase,
    /// Length of what is made of it, up to the start of the last picture. Less than before if it is begun anew.
    pub made: Nanos,
    /// The way in which it is made, once that is chosen: without the counts, which are known in the end.
    pub plan: Option<Plan>,
}

/// Tells what is made of a clip: written by those that make it, and read at any time.
#[derive(Debug, Default)]
pub struct Gauge(Mutex<Arc<Stats>>);

impl Gauge {
    /// The clip as it is now.
    pub fn read(&self) -> Underway {
        let stats = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Underway { phase: stats.phase(), made: stats.made(), plan: stats.chosen() }
    }

    /// A clip is begun, perhaps anew because of `unfit`.
    pub(crate) fn begin(&self, unfit: Option<(Unfit, String)>) -> Arc<Stats> {
        let stats = Arc::new(Stats::new(unfit));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&stats);
        stats
    }
}
