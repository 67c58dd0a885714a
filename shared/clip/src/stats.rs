//! The way in which a clip is made, its progress and its cost, for people and metrics.

use crate::error::Unfit;
use crate::plan::{ClipPhase, Plan};
use export_media::time::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One try to make a clip, added up.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Why it cannot be copied, if that was tried.
    unfit: Option<(Unfit, String)>,
    copied: AtomicU64,
    encoded: AtomicU64,
    render_ms: AtomicU64,
    check_ms: AtomicU64,
    lost: Mutex<BTreeSet<&'static str>>,
    left_out: AtomicU64,
    converts: AtomicBool,
    only_audio: AtomicBool,
    chunks: AtomicU32,
    /// A run of pictures was taken to be encoded.
    encodes: AtomicBool,
    rendering: AtomicU64,
    checking: AtomicU64,
    made: Mutex<MadeParts>,
}

/// The length of what is made of a clip.
#[derive(Debug, Default)]
struct MadeParts {
    /// In the file.
    written: Nanos,
    /// Of the runs that are encoded and not in the file yet.
    runs: BTreeMap<u64, Nanos>,
    /// The number of runs so far.
    begun: u64,
}

/// A run of pictures on its way through an encoder.
#[derive(Debug, Clone)]
pub(crate) struct RunGauge {
    stats: Arc<Stats>,
    number: u64,
}

impl RunGauge {
    /// So much of it has come out of the encoder.
    pub(crate) fn made(&self, length: Nanos) {
        let mut made = self.stats.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = made.runs.get_mut(&self.number) {
            *run = length;
        }
    }
}

/// Counts a step for as long as it is under way.
pub(crate) struct StepGuard<'a>(&'a AtomicU64);

impl<'a> StepGuard<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for StepGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stats {
    /// Of a clip that cannot be copied if there is an `unfit`.
    pub(crate) fn new(unfit: Option<(Unfit, String)>) -> Self {
        Self { unfit, ..Self::default() }
    }

    /// The recording has no picture.
    pub(crate) fn has_only_audio(&self) {
        self.only_audio.store(true, Ordering::Relaxed);
    }

    /// The clip is in another codec than the recording.
    pub(crate) fn converted(&self) {
        self.converts.store(true, Ordering::Relaxed);
    }

    /// The clip is joined of so many chunks.
    pub(crate) fn has_chunks(&self, count: u32) {
        self.chunks.store(count, Ordering::Relaxed);
    }

    fn converts(&self) -> bool {
        self.converts.load(Ordering::Relaxed)
    }

    pub(crate) fn copied_pictures(&self, count: usize) {
        self.copied.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn encoded_pictures(&self, count: usize, took: Duration) {
        self.encoded.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        self.render_ms.fetch_add(millis(took), Ordering::Relaxed);
    }

    pub(crate) fn checked(&self, took: Duration) {
        self.check_ms.fetch_add(millis(took), Ordering::Relaxed);
    }

    /// Metadata of recorded pictures that the encoded ones do not have.
    pub(crate) fn lost_metadata(&self, lost: impl IntoIterator<Item = &'static str>) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(lost);
    }

    /// Pictures that no decoder gives.
    pub(crate) fn left_out_pictures(&self, count: usize) {
        self.left_out.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }

    /// Adds what was counted apart.
    pub(crate) fn add(&self, apart: &Self) {
        for (count, more) in [
            (&self.encoded, &apart.encoded),
            (&self.render_ms, &apart.render_ms),
            (&self.check_ms, &apart.check_ms),
            (&self.left_out, &apart.left_out),
        ] {
            count.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.lost_metadata(apart.lost());
    }

    /// The number of pictures that no decoder gives.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The metadata that was lost, in words for users.
    pub(crate) fn lost(&self) -> Vec<&'static str> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// Progress.
impl Stats {
    /// A run of pictures is taken to be encoded.
    pub(crate) fn begin_run(self: &Arc<Self>) -> RunGauge {
        self.encodes.store(true, Ordering::Relaxed);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.begun += 1;
        let number = made.begun;
        made.runs.insert(number, Nanos::ZERO);
        RunGauge { stats: Arc::clone(self), number }
    }

    /// The file has so much of the clip, with `run` if what was added is one.
    pub(crate) fn written(&self, length: Nanos, run: Option<&RunGauge>) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.written = length;
        if let Some(run) = run {
            made.runs.remove(&run.number);
        }
    }

    /// Pictures go through an encoder.
    pub(crate) fn rendering(&self) -> StepGuard<'_> {
        StepGuard::begin(&self.rendering)
    }

    /// A join is checked.
    pub(crate) fn checking(&self) -> StepGuard<'_> {
        StepGuard::begin(&self.checking)
    }

    /// Length of what is made, in the file or not.
    pub(crate) fn made(&self) -> Nanos {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.runs.values().fold(made.written, |sum, run| sum + *run)
    }

    /// The step that the clip is at.
    pub(crate) fn phase(&self) -> ClipPhase {
        let (rendering, checking) =
            (self.rendering.load(Ordering::Relaxed), self.checking.load(Ordering::Relaxed));
        let copies = self.copied() > 0 || self.made() > Nanos::ZERO;
        match (rendering, checking) {
            (0, 0) if self.encodes.load(Ordering::Relaxed) && self.copied() == 0 => ClipPhase::Encoding,
            (0, 0) if copies => ClipPhase::Copying,
            (0, 0) => ClipPhase::Reading,
            (0, _) => ClipPhase::Checking,
            _ => ClipPhase::Encoding,
        }
    }

    /// The plan without its counts, once no picture to come can change it.
    pub(crate) fn chosen(&self) -> Option<Plan> {
        let encodes = self.encodes.load(Ordering::Relaxed);
        let certain = self.unfit.is_some()
            || self.converts()
            || self.only_audio.load(Ordering::Relaxed)
            || (encodes && self.copied() > 0);
        certain.then(|| {
            let counts =
                Plan { frames_encoded: 0, frames_copied: 0, render_ms: 0, check_ms: 0, ..self.plan() };
            let (kind, reason) = self.way(encodes);
            Plan { kind, reason: reason.to_owned(), ..counts }
        })
    }

    /// The plan of a clip that is made.
    pub(crate) fn plan(&self) -> Plan {
        let encoded = self.encoded.load(Ordering::Relaxed);
        let (kind, reason) = self.way(encoded > 0);
        Plan {
            kind,
            reason: reason.to_owned(),
            fell_back: self.unfit.as_ref().map(|(unfit, _)| *unfit),
            frames_encoded: encoded,
            frames_copied: self.copied(),
            render_ms: self.render_ms.load(Ordering::Relaxed),
            check_ms: self.check_ms.load(Ordering::Relaxed),
            chunks: self.chunks.load(Ordering::Relaxed),
        }
    }

    /// In which way it is made, and why.
    fn way(&self, encodes: bool) -> (&'static str, &str) {
        match (&self.unfit, self.copied(), encodes) {
            (Some((_, why)), ..) => ("reencode", why.as_str()),
            _ if self.only_audio.load(Ordering::Relaxed) => ("copy", "audio only"),
            (None, 0, _) if self.converts() => {
                ("reencode", "another codec than the recorded one is asked for")
            }
            (None, _, false) => ("copy", "the window starts and ends between pictures that need no other"),
            (None, 0, true) => {
                ("reencode", "the window holds no picture to start a copy with: no IDR, CRA or BLA")
            }
            (None, ..) => ("smart", "only what the window's ends cut off is encoded"),
        }
    }

    /// Frames that are as recorded.
    fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
