//! What fuzz targets have in common: how they run, what each input may cost, and damage to bytes.
//!
//! Runs are deterministic. `PROPTEST_CASES` sets the executions of each target, `PROPTEST_RNG_SEED` where they start.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

pub mod damage;
pub mod values;

use proptest::test_runner::{Config, RngSeed};
use rustix::time::{ClockId, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// Executions of each target in an ordinary test run.
const CASES: u32 = 1000;

/// Processor time that no input may take: some ten times what the largest do without optimisation.
const SLOW: Duration = Duration::from_secs(5);

/// How targets run unless the environment says otherwise.
pub fn config() -> Config {
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
/// If it panics, or takes five seconds or longer.
pub fn measured<T>(target: impl FnOnce() -> T) -> (T, usize) {
    within(SLOW, target)
}

fn within<T>(most: Duration, target: impl FnOnce() -> T) -> (T, usize) {
    let began = processor_time();
    let mut value = None;
    // The counter loses count when a panic passes it.
    let used = allocation_counter::measure(|| value = Some(catch_unwind(AssertUnwindSafe(target))));
    let value = value.unwrap().unwrap_or_else(|panic| resume_unwind(panic));
    let taken = processor_time().saturating_sub(began);
    assert!(taken < most, "it takes {taken:?}");
    (value, usize::try_from(used.bytes_max).unwrap())
}

/// What this thread has used, however busy the machine is.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

#[cfg(test)]
mod tests;
