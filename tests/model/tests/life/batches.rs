//! A batch's life.

use export_model::{BatchScope, check_batch};

fn holds(name: &str, scope: BatchScope) {
    let checked = check_batch(scope);
    println!("{name}: {} states", checked.states);
    assert!(checked.states > 100 && checked.broken.is_empty(), "{name}: {:#?}", checked.broken);
}

fn breaks(name: &str, scope: BatchScope, property: &str) {
    let broken = check_batch(scope).broken;
    assert!(broken.iter().any(|(found, _)| *found == property), "{name}: {broken:#?}");
}

#[test]
fn no_clip_of_a_batch_is_lost_and_its_end_is_told() {
    holds("batch", BatchScope::three());
}

#[test]
fn a_batch_that_is_cancelled_ends_in_every_order() {
    holds("cancelled", BatchScope { clips: 2, cancels: true, ..BatchScope::three() });
}

#[test]
fn a_batch_that_starts_over_ends_again() {
    holds("again", BatchScope { clips: 2, deaths: 0, generations: 2, ..BatchScope::three() });
}

#[test]
fn an_end_that_is_not_on_record_with_its_event_goes_untold() {
    breaks("untold", BatchScope { forgets_to_tell: true, ..BatchScope::three() }, "no end goes untold");
}

#[test]
fn a_write_without_condition_takes_an_end_back() {
    let scope = BatchScope { any_revision: true, ..BatchScope::three() };
    let broken = check_batch(scope).broken;
    assert!(!broken.is_empty());
}
