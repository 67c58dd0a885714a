//! Sweeps over ports in memory.

use export_domain::completion::notification;
use export_domain::job::WorkQueue;
use export_domain::job::{Job, Reason, State};
use export_domain::settings::Lifecycle;
use export_domain::trace::TraceHeader;
use export_lambda::metrics::Metrics;
use export_testkit::{
    Fault, MemoryBus, MemoryJobs, MemoryQueue, NOW, TestClock, body, claimed, job, ms, ready, tenant,
    thumbnail_body, with,
};
use job_sweeper::{App, Sweep};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an invocation has left.
const LEFT: Duration = Duration::from_secs(55);

type Sweeper = App<MemoryJobs, MemoryQueue, MemoryBus, TestClock>;

fn sweeper() -> Sweeper {
    App {
        jobs: MemoryJobs::default(),
        queue: MemoryQueue::default(),
        bus: MemoryBus::default(),
        clock: TestClock::standing(NOW),
        times: Lifecycle::default(),
        metrics: Metrics::silent(),
    }
}

/// Another instance on the same table and queue, its clock `ahead_ms` ahead.
fn twin(of: &Sweeper, ahead_ms: i64) -> Sweeper {
    App {
        jobs: of.jobs.clone(),
        queue: of.queue.clone(),
        bus: of.bus.clone(),
        clock: of.clock.skewed(ahead_ms),
        times: Lifecycle::default(),
        metrics: Metrics::silent(),
    }
}

/// Stores the `n`-th job after `change`.
fn has(sweeper: &Sweeper, n: i64, change: impl FnOnce(Job) -> Job) -> Job {
    let job = change(job(&tenant(), &with(body(), "Duration", 1000 + n), NOW));
    sweeper.jobs.put(&job);
    job
}

fn did(due: usize, resent: usize, expired: usize) -> Sweep {
    Sweep { due, resent, expired, told: expired, ..Sweep::default() }
}

#[tokio::test]
async fn a_job_that_nobody_took_is_sent_again_to_its_own_queue() {
    let sweeper = sweeper();
    let clip = has(&sweeper, 0, |job| job);
    let thumbnail = job(&tenant(), &thumbnail_body(), NOW);
    sweeper.jobs.put(&thumbnail);
    sweeper.clock.advance(59_999);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
    sweeper.clock.advance(1);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(2, 2, 0)));
    let sent = sweeper.queue.take();
    for (queue, job) in [(WorkQueue::Clips, clip), (WorkQueue::Thumbnails, thumbnail)] {
        assert!(sent.iter().any(|s| s.queue == queue && s.message == job.message() && s.delay_s == 0));
    }
}

#[tokio::test]
async fn a_job_in_a_state_that_only_a_newer_version_knows_is_left_to_that() {
    let lines = Arc::new(Mutex::new(Vec::<Value>::new()));
    let metrics = Metrics::to("test", lines.clone());
    let sweeper = App { metrics, ..sweeper() };
    let job = has(&sweeper, 0, |job| Job { state: State::Unknown, ..job });
    sweeper.clock.advance(3_600_000);
    for _ in 0..2 {
        assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
    }
    assert_eq!((sweeper.jobs.only(), sweeper.queue.take().len()), (job, 0));
    assert_eq!(*lines.lock().unwrap(), Vec::<Value>::new(), "operators have nothing to see to");
}

#[tokio::test]
async fn a_message_that_is_sent_again_goes_on_with_its_jobs_trace() {
    let sweeper = sweeper();
    let trace = TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    has(&sweeper, 0, |job| Job { trace: trace.clone(), ..job });
    sweeper.clock.advance(60_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
    assert_eq!(sweeper.queue.take()[0].message.trace, trace);
}

#[tokio::test]
async fn a_job_whose_workers_lease_is_dead_is_sent_again() {
    let sweeper = sweeper();
    let job = has(&sweeper, 0, |job| claimed(&job, NOW));
    sweeper.clock.advance(60_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)), "the lease has just ended");
    sweeper.clock.advance(5_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
    assert_eq!(sweeper.queue.take()[0].message, job.message());
}

#[tokio::test]
async fn a_job_that_overslept_its_recording_is_sent_again() {
    let sweeper = sweeper();
    let times = Lifecycle::default();
    has(&sweeper, 0, |job| claimed(&job, NOW).waiting(1, NOW + ms(10_000), ms(0), NOW, &times).unwrap());
    sweeper.clock.advance(69_999);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
    sweeper.clock.advance(1);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
}

#[tokio::test]
async fn a_job_that_sleeps_for_long_gets_a_message_that_waits_in_the_queue() {
    let sweeper = sweeper();
    let times = Lifecycle::default();
    let wake_at = NOW + ms(20 * 60_000);
    has(&sweeper, 0, |job| claimed(&job, NOW).waiting(1, wake_at, ms(0), NOW, &times).unwrap());
    sweeper.clock.advance(6 * 60_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
    assert_eq!(sweeper.queue.take()[0].delay_s, 14 * 60);
    sweeper.clock.advance(14 * 60_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)), "the message has just come");
}

#[tokio::test]
async fn a_job_out_of_time_fails_and_is_never_due_again() {
    let sweeper = sweeper();
    let running = has(&sweeper, 0, |job| claimed(&job, NOW));
    let queued = has(&sweeper, 1, |job| job);
    sweeper.clock.advance(30 * 60_000 + 1);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(2, 1, 1)));
    let failed = sweeper.jobs.current(&running).unwrap();
    assert_eq!((failed.state, failed.due_at), (State::Failed, None));
    assert_eq!(failed.failure.unwrap().reason, Reason::TimedOut);
    sweeper.clock.set(NOW + ms(6 * 3_600_000) + ms(1));
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 0, 1)));
    assert_eq!(sweeper.jobs.current(&queued).unwrap().state, State::Failed);
    sweeper.clock.advance(24 * 3_600_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
}

#[tokio::test]
async fn jobs_whose_end_was_told_are_left_alone() {
    let sweeper = sweeper();
    let times = Lifecycle::default();
    has(&sweeper, 0, |job| ready(&claimed(&job, NOW), NOW).told().unwrap());
    has(&sweeper, 1, |job| job.cancelled(NOW, &times).unwrap().told().unwrap());
    has(&sweeper, 2, |job| {
        claimed(&job, NOW).given_up(1, Reason::NoMedia, NOW, &times).unwrap().told().unwrap()
    });
    sweeper.clock.advance(24 * 3_600_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
    assert_eq!((sweeper.jobs.writes(), sweeper.queue.take().len()), (0, 0));
}

#[tokio::test]
async fn two_sweepers_at_once_send_every_message_once_and_end_every_job_once() {
    let first = sweeper();
    for n in 0..40 {
        has(&first, n, |job| if n % 2 == 0 { claimed(&job, NOW) } else { job });
    }
    first.clock.advance(30 * 60_000 + 1);
    let second = twin(&first, 0);
    let (one, other) = tokio::join!(first.sweep(LEFT), second.sweep(LEFT));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.resent + other.resent, one.expired + other.expired), (20, 20));
    // Twenty ends and that they were told, twenty messages.
    assert_eq!((first.queue.take().len(), first.jobs.writes(), first.bus.told().len()), (20, 60, 20));
    assert!(first.jobs.faults.calls("write") > 40, "the sweepers met each other");
}

#[tokio::test]
async fn a_sweeper_five_minutes_ahead_costs_a_message_but_ends_no_job_early() {
    let punctual = sweeper();
    let job = has(&punctual, 0, |job| claimed(&job, NOW));
    let early = twin(&punctual, 5 * 60_000);
    assert_eq!(early.sweep(LEFT).await, Ok(did(1, 1, 0)));
    assert_eq!(punctual.jobs.current(&job).unwrap().state, State::Running);
    assert!(job.renewed(1, NOW + ms(1), &Lifecycle::default()).is_ok(), "the worker goes on");
}

#[tokio::test]
async fn the_pauses_between_messages_grow_to_a_quarter_of_an_hour() {
    let sweeper = sweeper();
    let job = has(&sweeper, 0, |job| job);
    let (mut pauses, mut last) = (Vec::new(), NOW);
    while pauses.len() < 8 {
        sweeper.clock.set(sweeper.jobs.current(&job).unwrap().due_at.unwrap());
        assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
        let due = sweeper.jobs.current(&job).unwrap().due_at.unwrap();
        pauses.push((due - last).get() / 60_000);
        last = due;
    }
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert_eq!((pauses[0], pauses[7]), (2, 16));
}

#[tokio::test]
async fn one_jobs_trouble_does_not_keep_the_others_waiting() {
    for operation in ["get", "write"] {
        let sweeper = sweeper();
        for n in 0..5 {
            has(&sweeper, n, |job| job);
        }
        sweeper.clock.advance(60_000);
        sweeper.jobs.faults.plan(operation, 2, Fault::Before);
        assert_eq!(sweeper.sweep(LEFT).await, Ok(did(5, 4, 0)), "{operation}");
        assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)), "the next sweep catches up");
    }
}

#[tokio::test]
async fn a_message_that_could_not_be_sent_is_sent_later() {
    let sweeper = sweeper();
    has(&sweeper, 0, |job| job);
    sweeper.clock.advance(60_000);
    sweeper.queue.faults.plan("send", 1, Fault::Before);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 0, 0)));
    sweeper.clock.advance(70_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
}

#[tokio::test]
async fn a_write_whose_reply_was_lost_sends_its_message() {
    let sweeper = sweeper();
    has(&sweeper, 0, |job| job);
    sweeper.clock.advance(60_000);
    sweeper.jobs.faults.plan("write", 1, Fault::Again);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 1, 0)));
    assert_eq!(sweeper.queue.take().len(), 1);
}

#[tokio::test]
async fn a_job_that_moves_on_meanwhile_is_not_touched() {
    let sweeper = sweeper();
    let job = has(&sweeper, 0, |job| job);
    sweeper.clock.advance(60_000);
    let (table, taken) = (sweeper.jobs.clone(), claimed(&job, NOW + ms(60_000)));
    let expected = taken.clone();
    sweeper.jobs.faults.meanwhile("write", 1, move || table.put(&taken));
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 0, 0)));
    assert_eq!((sweeper.jobs.only(), sweeper.queue.take().len()), (expected, 0));
}

#[tokio::test]
async fn a_job_that_is_gone_is_no_trouble() {
    let sweeper = sweeper();
    has(&sweeper, 0, |job| job);
    sweeper.clock.advance(60_000);
    let table = sweeper.jobs.clone();
    sweeper.jobs.faults.meanwhile("get", 1, move || table.clear());
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(1, 0, 0)));
}

/// Thousands of jobs, of every kind that is due half an hour later.
fn backlog(sweeper: &Sweeper, thousands: i64) {
    for n in 0..thousands * 1000 {
        has(sweeper, n, |job| match n % 4 {
            0 => Job { due_at: Some(NOW + ms(n)), ..job },
            1 => claimed(&job, NOW + ms(60_000)),
            2 => claimed(&job, NOW),
            _ => ready(&claimed(&job, NOW), NOW),
        });
    }
    sweeper.clock.advance(30 * 60_000 + 1);
}

#[tokio::test]
async fn a_backlog_of_thousands_is_swept_at_once_and_no_kind_starves_another() {
    let sweeper = sweeper();
    backlog(&sweeper, 6);
    let expected = Sweep { due: 6000, resent: 3000, expired: 1500, told: 3000, ..Sweep::default() };
    assert_eq!(sweeper.sweep(LEFT).await, Ok(expected));
    assert_eq!(sweeper.queue.take().len(), 3000);
    assert_eq!(sweeper.bus.told().len(), 3000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
}

#[tokio::test]
async fn a_backlog_of_more_than_a_sweep_reads_goes_on_with_the_next_one() {
    let sweeper = sweeper();
    backlog(&sweeper, 11);
    let (first, second) = (sweeper.sweep(LEFT).await.unwrap(), sweeper.sweep(LEFT).await.unwrap());
    assert_eq!((first.due, second.due), (10_000, 1000));
    assert_eq!(first.resent + second.resent, 5500);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
}

#[tokio::test]
async fn a_sweep_ends_in_time_and_the_next_one_goes_on_with_what_is_due_longest() {
    let sweeper = sweeper();
    for n in 0..100 {
        has(&sweeper, n, |job| Job { due_at: Some(NOW + ms(n)), ..job });
    }
    sweeper.clock.advance(60_000);
    let clock = sweeper.clock.clone();
    sweeper.jobs.faults.meanwhile("get", 40, move || clock.advance(41_000));
    let first = sweeper.sweep(LEFT).await.unwrap();
    assert!((40..50).contains(&first.resent) && first.left == 100 - first.resent, "{first:?}");
    let waiting = i64::try_from(first.resent).unwrap();
    let swept = |job: &Job| job.resends == 1;
    assert!(sweeper.jobs.all().iter().all(|job| swept(job) || job.due_at >= Some(NOW + ms(waiting))));
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(first.left, first.left, 0)));
}

#[tokio::test]
async fn a_sweep_that_cannot_list_what_is_due_fails() {
    let sweeper = sweeper();
    sweeper.jobs.faults.always("due", Fault::Before);
    assert!(sweeper.sweep(LEFT).await.is_err());
}

/// A job whose worker died between the commit and the completion event.
fn untold(sweeper: &Sweeper) -> Job {
    has(sweeper, 0, |job| ready(&claimed(&job, NOW), NOW))
}

#[tokio::test]
async fn an_end_that_nobody_told_of_is_told_once() {
    let sweeper = sweeper();
    let job = untold(&sweeper);
    sweeper.clock.advance(9_999);
    assert_eq!(sweeper.sweep(LEFT).await.unwrap().told, 0, "the worker may be about to");
    sweeper.clock.advance(1);
    assert_eq!(sweeper.sweep(LEFT).await.unwrap().told, 1);
    sweeper.clock.advance(3_600_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)));
    assert_eq!(sweeper.bus.told(), [notification(&job)]);
    let seen = sweeper.jobs.current(&job).unwrap();
    assert_eq!((seen.state, seen.updated_at, seen.video), (State::Ready, job.updated_at, job.video));
}

#[tokio::test]
async fn an_event_that_the_bus_did_not_take_is_sent_again_later_and_keeps_no_other_job_waiting() {
    let sweeper = sweeper();
    untold(&sweeper);
    has(&sweeper, 1, |job| job);
    sweeper.bus.faults.always("put_event", Fault::Before);
    sweeper.clock.advance(60_000);
    assert_eq!(sweeper.sweep(LEFT).await, Ok(Sweep { untold: 1, ..did(2, 1, 0) }));
    sweeper.bus.faults.clear();
    assert_eq!(sweeper.sweep(LEFT).await, Ok(did(0, 0, 0)), "not at once");
    sweeper.clock.advance(70_000);
    assert_eq!(sweeper.sweep(LEFT).await.unwrap().told, 1);
}

#[tokio::test]
async fn an_event_whose_reply_was_lost_may_come_twice_but_comes() {
    let sweeper = sweeper();
    let job = untold(&sweeper);
    sweeper.bus.faults.plan("put_event", 1, Fault::After);
    for _ in 0..3 {
        sweeper.clock.advance(70_000);
        sweeper.sweep(LEFT).await.unwrap();
    }
    assert_eq!(sweeper.bus.told(), [notification(&job), notification(&job)]);
}

#[tokio::test]
async fn a_bus_that_refuses_three_events_in_a_row_is_asked_no_more_in_this_sweep() {
    let sweeper = sweeper();
    for n in 0..200 {
        has(&sweeper, n, |job| ready(&claimed(&job, NOW), NOW));
    }
    sweeper.bus.faults.always("put_event", Fault::Before);
    sweeper.clock.advance(60_000);
    assert_eq!(sweeper.sweep(LEFT).await.unwrap().untold, 200);
    assert!(sweeper.bus.faults.calls("put_event") <= 3 + 8, "three, and those that were under way");
    sweeper.bus.faults.clear();
    sweeper.clock.advance(140_000);
    let sweep = sweeper.sweep(LEFT).await.unwrap();
    assert_eq!((sweep.due, sweep.told, sweep.untold), (0, 200, 0), "they keep no job waiting");
}
