//! By the rules, large worlds: minutes in an optimised build.

use crate::{holds, is_safe};
use export_domain::settings::Lifecycle;
use export_model::{Faults, Scope};

#[test]
#[ignore = "large"]
fn two_generations_survive_two_faults() {
    holds("large, generations", &Scope { generations: 2, ..Scope::clip(2) });
    is_safe("large, redelivery", &Scope { generations: 2, receives: Some(2), ..Scope::clip(2) });
}

#[test]
#[ignore = "large"]
fn nothing_depends_on_how_fast_a_program_writes() {
    holds("large, delays", &Scope { delays: true, receives: Some(2), ..Scope::clip(1) });
}

#[test]
#[ignore = "large"]
fn cancellations_meet_two_generations() {
    holds("large, cancel", &Scope { generations: 2, cancels: 1, ..Scope::clip(0) });
}

#[test]
#[ignore = "large"]
fn a_recording_that_is_absent_or_grows_or_is_bad_meets_faults() {
    let scope = Scope { generations: 2, waits: 1, absences: 1, bad: true, ..Scope::clip(1) };
    let times = Lifecycle { max_attempts: 1, ..scope.times.clone() };
    holds("large, recording", &Scope { times, ..scope });
}

#[test]
#[ignore = "large"]
fn deadlines_meet_faults() {
    is_safe("large, deadline", &Scope::clip(1).ending_after(2));
    holds("large, live edge, deadline", &Scope { waits: 1, ..Scope::picture(0) }.ending_after(2));
    holds("large, deadline without faults", &Scope::clip(0).ending_after(2));
}

#[test]
#[ignore = "large"]
fn skewed_clocks_meet_deadlines_and_faults() {
    let picture = Scope::picture(0).ending_after(2);
    is_safe("large, ahead", &Scope { skew: 1, ..picture.clone() });
    is_safe("large, behind", &Scope { skew: -1, ..picture });
    holds("large, ahead with faults", &Scope { skew: 1, ..Scope::clip(2) });
    holds("large, behind with faults", &Scope { skew: -1, ..Scope::clip(2) });
}

#[test]
#[ignore = "large"]
fn chunks_survive_two_faults() {
    let engine = Faults { most: 2, engine: true, ..Faults::none() };
    holds("large, chunks", &Scope { faults: engine, looks: 1, ..Scope::chunks(2) });
    holds("large, chunks, any fault", &Scope { chunks: 1, ..Scope::chunks(1) });
    let scope = Scope { chunks: 1, generations: 2, cancels: 1, bad: true, ..Scope::chunks(0) };
    holds("large, chunks, cancel", &scope);
}
