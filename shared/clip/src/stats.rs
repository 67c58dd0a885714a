//! The cost of a clip, for people and metrics.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The cost of a clip, added up.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    copied: AtomicU64,
    encoded: AtomicU64,
    render_ms: AtomicU64,
    check_ms: AtomicU64,
    lost: Mutex<BTreeSet<&'static str>>,
    left_out: AtomicU64,
    converts: AtomicBool,
}

impl Stats {
    /// The clip is in another codec than the recording.
    pub(crate) fn converted(&self) {
        self.converts.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if the clip is in another codec than the recording.
    pub(crate) fn converts(&self) -> bool {
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

    /// The number of pictures that no decoder gives.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The metadata that was lost, in words for users.
    pub(crate) fn lost(&self) -> Vec<&'static str> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Frames that are as recorded.
    pub(crate) fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Frames that went through an encoder.
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Milliseconds of rendering, all runs added up.
    pub(crate) fn render_ms(&self) -> u64 {
        self.render_ms.load(Ordering::Relaxed)
    }

    /// Milliseconds of checking joins, all added up.
    pub(crate) fn check_ms(&self) -> u64 {
        self.check_ms.load(Ordering::Relaxed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
