//! A job's life in every order of things: what holds by the rules, and that each rule is needed.
//!
//! `cargo test -p export-model` looks at small worlds; with `-- --ignored` at large ones, best in an optimised build.

#![expect(clippy::print_stdout, clippy::panic, reason = "what a run finds and how much it saw")]

mod batches;
mod design;
mod large;
mod mutants;

use export_model::{Breach, Scope, check, lost};

/// Nothing bad can happen in `scope`, and no job is lost.
fn holds(name: &str, scope: &Scope) {
    is_safe(name, scope);
    let reach = lost(scope);
    println!("{name}: {} states, {} steps without fault, {:.1?}", reach.states, reach.steps, reach.took);
    if let Some(lost) = reach.lost {
        panic!("{name}: {} moments from which the job cannot end\n{}", lost.states, lost.trace);
    }
}

/// Nothing bad can happen in `scope`.
fn is_safe(name: &str, scope: &Scope) {
    let checked = check(scope, 2);
    println!("{name}: {} states, {} steps deep, {:.1?}", checked.states, checked.depth, checked.took);
    if let Some((breach, trace)) = checked.breach {
        panic!("{name}: {breach:?}\n{trace}");
    }
    if let Some(trace) = checked.unbounded {
        panic!("{name}: a job without end\n{trace}");
    }
}

/// The checker finds that `scope` allows one of `breaches`.
fn breaks(name: &str, scope: &Scope, breaches: &[Breach]) {
    let checked = check(scope, 1);
    let (breach, trace) = checked.breach.unwrap_or_else(|| panic!("{name}: nothing found"));
    println!("{name}: {breach:?} after {} states, {:.1?}\n{trace}", checked.states, checked.took);
    assert!(breaches.contains(&breach), "{name}: {breach:?}");
}

/// The checker finds that `scope` loses jobs, though nothing else goes wrong.
fn loses(name: &str, scope: &Scope) {
    is_safe(name, scope);
    let reach = lost(scope);
    let lost = reach.lost.unwrap_or_else(|| panic!("{name}: no job is lost in {} states", reach.states));
    println!(
        "{name}: {} of {} states are lost, {:.1?}\n{}",
        lost.states, reach.states, reach.took, lost.trace
    );
}
