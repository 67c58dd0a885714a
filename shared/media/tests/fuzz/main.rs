//! Fuzz targets: whatever the bytes, a parser neither panics nor hangs, and takes no more memory than its caps allow.
//!
//! Random bytes hardly get past a box header, so inputs are recordings with damage that knows where a field, a box, an
//! attribute or a syntax element is. What is accepted must also make sense: samples lie in the file, segments in the
//! recording, and what a writer took reads back.
//!
//! Runs are deterministic. `PROPTEST_CASES` sets the executions of each target, `PROPTEST_RNG_SEED` where they start.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod attacks;
mod boxes;
mod damage;
mod fragments;
mod manifests;
mod pictures;
mod seeds;
mod syntax;
mod times;
mod writers;

use proptest::test_runner::{Config, RngSeed};
use rustix::time::{ClockId, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// Executions of each target in an ordinary test run.
const CASES: u32 = 1000;

/// Processor time that no input may take: some ten times what the largest do without optimisation.
const SLOW: Duration = Duration::from_secs(5);

/// How targets run unless the environment says otherwise.
fn config() -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    // The seed repeats a failure, and its smallest input is printed.
    Config { cases, rng_seed, failure_persistence: None, ..default }
}

/// What `target` gives, and the most bytes that it held at a time.
///
/// # Panics
/// If it takes [`SLOW`] or longer.
fn measured<T>(target: impl FnOnce() -> T) -> (T, usize) {
    let began = processor_time();
    let mut value = None;
    // The counter loses count when a panic passes it.
    let used = allocation_counter::measure(|| value = Some(catch_unwind(AssertUnwindSafe(target))));
    let value = value.unwrap().unwrap_or_else(|panic| resume_unwind(panic));
    let taken = processor_time().saturating_sub(began);
    assert!(taken < SLOW, "it takes {taken:?}");
    (value, usize::try_from(used.bytes_max).unwrap())
}

/// What this thread has used, however busy the machine is.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
