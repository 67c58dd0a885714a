//! The cost of this process and its children, by Linux' /proc.
#![expect(clippy::unwrap_used, reason = "a measurement without its source is none")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// `USER_HZ`, the unit of times in /proc (proc(5)): 100 on every architecture that this runs on.
const TICKS_A_SECOND: f64 = 100.0;
/// The interval at which children are looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// User and system time in seconds, to a hundredth; the children's counts once they have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) own_s: f64,
    pub(crate) children_s: f64,
    pub(crate) peak_rss_kib: u64,
}

impl Usage {
    /// Forgets the peak so far.
    pub(crate) fn begin() -> Self {
        fs::write("/proc/self/clear_refs", "5").unwrap();
        Self::now()
    }

    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        let time = |first: usize| {
            let ticks = fields[first..first + 2].iter().map(|field| field.parse::<f64>().unwrap());
            ticks.sum::<f64>() / TICKS_A_SECOND
        };
        // Fields 14 to 17, counted from 1; the first of `fields` is the third.
        Self {
            own_s: time(11),
            children_s: time(13),
            peak_rss_kib: memory_kib("self", "VmHWM:").unwrap_or(0),
        }
    }

    /// The cost since `before`; the peak as it is.
    pub(crate) fn since(self, before: &Self) -> Self {
        let hundredths = |seconds: f64| (seconds * TICKS_A_SECOND).round() / TICKS_A_SECOND;
        Self {
            own_s: hundredths(self.own_s - before.own_s),
            children_s: hundredths(self.children_s - before.children_s),
            peak_rss_kib: self.peak_rss_kib,
        }
    }
}

/// Looks at the children while they run.
#[derive(Debug)]
pub(crate) struct Children {
    largest_kib: Arc<AtomicU64>,
    together_kib: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watch: JoinHandle<()>,
}

impl Children {
    pub(crate) fn watch() -> Self {
        let (largest_kib, together_kib) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (largest, together) = (Arc::clone(&largest_kib), Arc::clone(&together_kib));
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let watch = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let children = children();
                for peak in children.iter().filter_map(|child| memory_kib(child, "VmHWM:")) {
                    largest.fetch_max(peak, Ordering::Relaxed);
                }
                let all = children.iter().map(String::as_str).chain(["self"]);
                let sum = all.filter_map(|process| memory_kib(process, "VmRSS:")).sum();
                together.fetch_max(sum, Ordering::Relaxed);
                std::thread::sleep(INTERVAL);
            }
        });
        Self { largest_kib, together_kib, over, watch }
    }

    /// Peak resident memory of the largest child that was seen, and of this process and all its children together.
    pub(crate) fn peak_rss_kib(self) -> (u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        self.watch.join().unwrap();
        (self.largest_kib.load(Ordering::Relaxed), self.together_kib.load(Ordering::Relaxed))
    }
}

/// Process ids, as text.
fn children() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn memory_kib(process: &str, what: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.split_whitespace().next()?.parse().ok()
}
