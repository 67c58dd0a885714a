//! By the rules, small worlds.

use crate::{holds, is_safe};
use export_domain::settings::Lifecycle;
use export_model::{Faults, Rules, Scope};

#[test]
fn a_clip_survives_two_faults() {
    holds("clip", &Scope::clip(2));
}

#[test]
fn a_picture_survives_two_faults() {
    holds("picture", &Scope::picture(2));
}

#[test]
fn messages_that_come_again_do_no_harm() {
    holds("redelivery", &Scope { receives: Some(2), ..Scope::clip(1) });
}

#[test]
fn a_second_generation_meets_the_workers_and_files_of_the_first() {
    holds("generations", &Scope { generations: 2, ..Scope::clip(0) });
    let lone = Scope { generations: 2, ..Scope::clip(1) };
    let lone = Scope { times: one_attempt(&lone), ..lone };
    holds("generations, one attempt each", &lone);
}

/// One attempt a generation.
fn one_attempt(scope: &Scope) -> Lifecycle {
    Lifecycle { max_attempts: 1, ..scope.times.clone() }
}

#[test]
fn a_recording_that_has_to_grow_is_waited_for() {
    holds("live edge", &Scope { waits: 1, ..Scope::clip(0) });
}

#[test]
fn a_job_that_waited_has_all_its_time_for_the_work() {
    let scope = Scope { waits: 1, ..Scope::picture(0) }.ending_after(2);
    holds("live edge, deadline", &Scope { delays: false, ..scope });
}

#[test]
fn every_end_is_told_whatever_starts_after_it() {
    let scope = Scope { generations: 2, cancels: 1, ..Scope::picture(1) }.telling();
    let faults = Faults { most: 1, sweeper: true, ..Faults::none() };
    holds("told", &Scope { faults, times: one_attempt(&scope), ..scope });
}

#[test]
fn a_service_that_does_not_answer_costs_no_attempt() {
    holds("outage", &Scope { outages: true, ..Scope::picture(2) });
}

#[test]
fn an_upload_in_parts_is_ended_whoever_dies() {
    let faults = Faults { most: 2, worker: true, ..Faults::none() };
    holds("parts", &Scope { parts: true, faults, ..Scope::clip(2) });
}

#[test]
fn a_job_that_lets_others_go_first_ends() {
    holds("deferred", &Scope { deferrals: 2, ..Scope::clip(1) });
    let scope = Scope { deferrals: 2, ..Scope::picture(0) };
    holds("deferred, deadline", &Scope { times: one_attempt(&scope), ..scope }.ending_after(2));
}

#[test]
fn an_absent_recording_is_looked_for_again() {
    let scope = Scope { generations: 2, absences: 1, bad: true, ..Scope::clip(0) };
    holds("absent", &Scope { times: one_attempt(&scope), ..scope });
}

#[test]
fn a_cancellation_races_every_step() {
    let scope = Scope { generations: 2, cancels: 1, ..Scope::clip(0) };
    holds("cancel", &Scope { times: one_attempt(&scope), ..scope });
}

#[test]
fn a_record_that_expired_or_was_deleted_starts_anew_beside_the_old_files() {
    holds("expired", &Scope { expiries: 1, ..Scope::clip(0) });
    holds("deleted", &Scope { expiries: 1, deletes: true, ..Scope::clip(0) });
}

#[test]
fn a_manifest_that_was_crowded_out_costs_work_and_no_more() {
    let scope = Scope { generations: 2, room: 1, ..Scope::clip(1) };
    holds("crowded", &Scope { times: one_attempt(&scope), ..scope });
}

#[test]
fn a_clock_that_is_ahead_or_behind_costs_work_and_no_more() {
    holds("ahead", &Scope { skew: 1, ..Scope::clip(0) });
    holds("behind", &Scope { skew: -1, ..Scope::clip(0) });
}

#[test]
fn time_ends_every_job_and_nobody_hears_otherwise_later() {
    let scope = Scope { times: one_attempt(&Scope::picture(0)), ..Scope::picture(0) };
    holds("deadline", &scope.clone().ending_after(2));
    holds("deadline, a recording that grows", &Scope { waits: 1, ..scope.ending_after(2) });
    is_safe("deadline, no sweeper", &{
        let scope = Scope::picture(0).ending_after(1);
        let rules = Rules { sweeps: false, ..scope.rules };
        Scope { faults: Faults::none(), ..scope.ruled(rules) }
    });
}

/// A clip in one chunk, with one attempt under each claim and one fault.
fn chunk(faults: Faults) -> Scope {
    let scope = Scope { chunks: 1, faults: Faults { most: 1, ..faults }, ..Scope::chunks(1) };
    Scope { times: one_attempt(&scope), ..scope }
}

#[test]
fn a_clip_in_chunks_survives_what_an_engine_may_do() {
    holds("chunks", &Scope { chunks: 2, ..chunk(Faults { engine: true, ..Faults::none() }) });
    holds("chunks, looks", &Scope { looks: 1, ..chunk(Faults { engine: true, ..Faults::none() }) });
}

#[test]
fn a_clip_in_chunks_survives_the_death_of_whoever_sees_to_it() {
    let deaths = Faults { worker: true, sweeper: true, failures: true, ..Faults::none() };
    holds("chunks, deaths", &chunk(deaths));
}

#[test]
fn a_clip_in_chunks_is_cancelled_or_given_up_at_every_step() {
    let scope = Scope { cancels: 1, bad: true, ..chunk(Faults::none()) };
    holds("chunks, cancel", &Scope { faults: Faults::none(), ..scope });
}

#[test]
fn time_ends_a_clip_in_chunks() {
    let scope = Scope { faults: Faults::none(), ..chunk(Faults::none()) }.ending_after(2);
    holds("chunks, deadline", &Scope { delays: false, ..scope });
}
