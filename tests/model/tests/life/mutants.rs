//! Each rule is needed: without it the checker finds a job that is lost, or told or published wrongly.

use crate::{breaks, holds, loses};
use export_domain::settings::Lifecycle;
use export_model::{Breach, Faults, Rules, Scope};

fn rules() -> Rules {
    Rules { sweeps: false, ..Rules::default() }
}

fn faults(most: u8) -> Faults {
    Faults { most, ..Faults::none() }
}

#[test]
fn without_sweeper_and_heal_a_dead_submit_loses_a_job() {
    let scope = Scope { faults: Faults { submit: true, ..faults(1) }, ..Scope::clip(1) };
    loses("neither sweeper nor heal", &scope.ruled(Rules { heals: false, ..rules() }));
}

#[test]
fn without_sweeper_a_client_must_come_back_more_often_than_things_break() {
    let client = Scope { client_returns: true, receives: Some(2), ..Scope::clip(1) };
    holds("heal, a client without end", &client.clone().ruled(rules()));
    loses("heal only", &Scope { posts: Some(2), ..client }.ruled(rules()));
}

/// Workers die, and messages come again.
fn deaths() -> Scope {
    let faults = Faults { worker: true, duplicates: true, ..faults(2) };
    Scope { faults, receives: None, one_message: true, ..Scope::clip(2) }
}

#[test]
fn without_sweeper_a_worker_that_lost_its_claim_acknowledges_the_only_message() {
    let returns = Rules { heals: false, acks_held: false, acks_fenced: false, ..rules() };
    holds("no sweeper, returns what is held or lost", &deaths().ruled(returns));
    loses("no sweeper, returns what is held", &deaths().ruled(Rules { acks_fenced: true, ..returns }));
}

#[test]
fn without_sweeper_a_message_dies_of_its_deliveries() {
    let returns = Rules { heals: false, acks_held: false, acks_fenced: false, ..rules() };
    let counted = Scope { receives: Some(2), ..deaths() };
    loses("no sweeper, dead letters", &counted.ruled(returns));
}

#[test]
fn without_sweeper_a_lost_reply_to_a_claim_loses_the_job() {
    let scope = Scope { faults: Faults { replies: true, ..faults(1) }, ..Scope::clip(1) };
    loses("no sweeper, lost reply", &scope.ruled(Rules { heals: false, ..rules() }));
}

#[test]
fn a_job_that_lets_another_go_first_is_woken_again() {
    let scope = Scope { deferrals: 1, ..Scope::clip(0) };
    loses(
        "deferred for ever",
        &scope.ruled(Rules { wakes_deferred: false, heals: false, ..Rules::default() }),
    );
}

#[test]
fn a_commit_needs_the_fence() {
    let rules = Rules { fences_commits: false, ..Rules::default() };
    breaks("commit without fence", &Scope::clip(0).ruled(rules), &[Breach::Fence]);
}

#[test]
fn a_file_is_published_only_where_there_is_none() {
    let rules = Rules { publishes_once: false, ..Rules::default() };
    let breaches = [Breach::Replaced, Breach::Shown];
    breaks("unconditional put", &Scope::clip(0).ruled(rules), &breaches);
    let scope = Scope { generations: 2, ..Scope::clip(0) };
    let times = Lifecycle { max_attempts: 1, ..scope.times.clone() };
    breaks("unconditional put, two generations", &Scope { times, ..scope }.ruled(rules), &breaches);
}

#[test]
fn a_refused_put_does_not_prove_that_the_file_is_ones_own() {
    let rules = Rules { adopts: false, ..Rules::default() };
    breaks("own manifest", &Scope::clip(0).ruled(rules), &[Breach::Shown]);
}

#[test]
fn a_file_in_the_way_is_replaced_only_under_a_claim_in_force() {
    let rules = Rules { confirms: false, ..Rules::default() };
    breaks("replaces by what it remembers", &Scope::clip(0).ruled(rules), &[Breach::Replaced]);
}

#[test]
fn a_claim_leaves_ended_jobs_alone() {
    let rules = Rules { respects_ends: false, ..Rules::default() };
    breaks("claims what has ended", &Scope::clip(0).ruled(rules), &[Breach::Ended]);
}

#[test]
fn an_end_is_told_only_once_it_is_on_record() {
    let rules = Rules { records_ends: false, ..Rules::default() };
    let scope = Scope { delays: false, ..Scope::picture(0).ending_after(1) };
    breaks("tells an end by the clock", &scope.ruled(rules), &[Breach::Answer]);
}

#[test]
fn fences_go_on_when_a_deleted_record_is_followed_by_another() {
    let rules = Rules { fences_go_on: false, ..Rules::default() };
    let scope = Scope { expiries: 1, deletes: true, ..Scope::clip(0) };
    breaks("fences start again", &scope.ruled(rules), &[Breach::Shown]);
}

#[test]
fn a_restart_keeps_the_ends_that_are_still_to_be_told() {
    let scope = Scope { generations: 2, cancels: 1, ..Scope::picture(0) }.telling();
    let rules = Rules { keeps_untold: false, ..Rules::default() };
    breaks("a restart forgets ends", &scope.ruled(rules), &[Breach::Untold]);
}

#[test]
fn the_time_in_the_queue_is_no_time_for_the_work() {
    let scope = Scope { waits: 1, delays: false, ..Scope::picture(0).ending_after(2) };
    let rules = Rules { frees_time: false, ..Rules::default() };
    breaks("a job that waits keeps its deadline", &scope.ruled(rules), &[Breach::Time]);
}

#[test]
fn a_message_too_many_must_not_pass_over_a_pause() {
    let rules = Rules { keeps_pauses: false, ..Rules::default() };
    breaks("claims without looking at the pause", &Scope::clip(1).ruled(rules), &[Breach::Pause]);
}

#[test]
fn a_worker_aborts_what_dead_ones_have_begun_to_upload_and_nothing_else() {
    let faults = Faults { most: 1, worker: true, ..Faults::none() };
    let parts = Scope { parts: true, faults, ..Scope::clip(1) };
    let rules = Rules { spares_later: false, ..Rules::default() };
    breaks("aborts all uploads", &parts.clone().ruled(rules), &[Breach::Aborted]);
    let rules = Rules { sweeps_up: false, ..Rules::default() };
    breaks("aborts no upload", &parts.clone().ruled(rules), &[Breach::LeftOpen]);
    let rules = Rules { sweeps_up_first: false, ..Rules::default() };
    let thrice = Lifecycle { max_attempts: 3, ..parts.times.clone() };
    breaks("adopts before it aborts", &Scope { times: thrice, ..parts }.ruled(rules), &[Breach::LeftOpen]);
}

#[test]
fn an_execution_is_started_only_once_it_is_on_record() {
    let rules = Rules { records_fans: false, ..Rules::default() };
    breaks("starts first", &Scope::chunks(0).ruled(rules), &[Breach::Unrecorded]);
}

#[test]
fn a_chunk_that_is_made_twice_is_on_record_once() {
    let rules = Rules { notes_once: false, ..Rules::default() };
    let scope = Scope { faults: Faults { engine: true, ..faults(1) }, ..Scope::chunks(1) };
    breaks("counts chunks", &scope.ruled(rules), &[Breach::Counted]);
}

#[test]
fn each_execution_needs_a_name_of_its_own() {
    let rules = Rules { names_epochs: false, ..Rules::default() };
    let scope = Scope { chunks: 1, faults: Faults { engine: true, ..faults(1) }, ..Scope::chunks(1) };
    breaks("one name", &scope.ruled(rules), &[Breach::Runs]);
}

#[test]
fn a_message_claims_a_clip_that_is_left_to_its_chunks() {
    let rules = Rules { claims_fanned: false, ..Rules::default() };
    loses("leaves it alone", &Scope { chunks: 1, ..Scope::chunks(0) }.ruled(rules));
}

#[test]
fn a_worker_joins_only_chunks_of_equal_parameter_sets() {
    let rules = Rules { compares_sets: false, ..Rules::default() };
    let scope = Scope { faults: Faults { engine: true, ..faults(1) }, ..Scope::chunks(1) };
    breaks("joins unlike chunks", &scope.ruled(rules), &[Breach::Unlike]);
}

#[test]
fn a_worker_joins_only_if_every_chunk_is_there() {
    let rules = Rules { counts_chunks: false, ..Rules::default() };
    let scope = Scope { faults: Faults { engine: true, ..faults(1) }, ..Scope::chunks(1) };
    breaks("joins what is there", &scope.ruled(rules), &[Breach::Lacks]);
}
