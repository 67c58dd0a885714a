use crate::world::{World, times};
use export_domain::job::{Job, Reason, State};
use export_lambda::batch::Disposition;
use export_testkit::{Fault, NOW, body, claimed, ms};

fn reason(job: &Job) -> Option<&Reason> {
    job.failure.as_ref().map(|failure| &failure.reason)
}

#[tokio::test]
async fn a_queued_job_is_claimed() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let ended = world.work(&job).await;
    assert_eq!((ended.fence, ended.attempts, ended.deadline_at), (1, 1, Some(NOW + ms(30 * 60_000))));
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over_once_its_lease_has_ended() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW - ms(60_000)));
    let ended = world.work(&job).await;
    assert_eq!((ended.fence, ended.attempts), (2, 2));
    assert_eq!(reason(&ended), Some(&Reason::SourceAbsent));
    assert_eq!(job.deadline_at, Some(NOW - ms(60_000) + ms(30 * 60_000)), "a takeover wins no time");
}

#[tokio::test]
async fn a_job_without_attempts_left_has_timed_out() {
    let world = World::new();
    let job = world.has(&body(), |job| Job { attempts: 3, ..job });
    let ended = world.work(&job).await;
    assert_eq!((ended.state, reason(&ended)), (State::Failed, Some(&Reason::TimedOut)));
    assert!(!world.touched_s3());
}

#[tokio::test]
async fn a_job_past_its_deadline_has_timed_out() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW - ms(30 * 60_000) - ms(1)));
    let ended = world.work(&job).await;
    assert_eq!((ended.state, reason(&ended), ended.fence), (State::Failed, Some(&Reason::TimedOut), 1));
    assert!(!world.touched_s3());
}

#[tokio::test]
async fn while_the_jobs_table_is_down_messages_go_back_to_their_queue() {
    for operation in ["get", "write"] {
        let world = World::new();
        let job = world.has(&body(), |job| job);
        world.jobs.faults.always(operation, Fault::Before);
        assert_eq!(world.receive(job.message().encode()).await, Disposition::Return, "{operation}");
        assert_eq!(world.jobs.only(), job);
        assert!(!world.touched_s3());
    }
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_a_claim() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.jobs.faults.plan("write", 1, Fault::Again);
    let ended = world.work(&job).await;
    assert_eq!((ended.fence, ended.attempts), (1, 1));
    assert_eq!(reason(&ended), Some(&Reason::SourceAbsent));
}

#[tokio::test]
async fn a_claim_whose_worker_never_heard_of_it_is_taken_over_after_its_lease() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.jobs.faults.plan("write", 1, Fault::After);
    assert_eq!(world.receive(job.message().encode()).await, Disposition::Return);
    assert_eq!(world.work(&job).await.state, State::Running, "its lease is alive");
    world.clock.advance(60_000);
    let ended = world.work(&job).await;
    assert_eq!((ended.state, ended.fence), (State::Failed, 2));
}

#[tokio::test]
async fn of_two_deliveries_at_once_one_works() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let message = job.message().encode();
    let both = tokio::join!(world.receive(message.as_str()), world.receive(message.as_str()));
    assert_eq!(both, (Disposition::Acknowledge, Disposition::Acknowledge));
    let ended = world.jobs.only();
    // Claimed, given up.
    assert_eq!((ended.fence, ended.attempts, ended.rev), (1, 1, 3));
    assert_eq!(world.objects.faults.calls("read"), 1);
}

type Change = fn(&Job) -> Job;

#[tokio::test]
async fn a_claim_that_meets_another_write_looks_again() {
    let changes: [(Change, State, u64); 2] = [
        (|job| claimed(job, NOW), State::Running, 1),
        (|job| Job { rev: job.rev + 1, resends: 1, ..job.clone() }, State::Failed, 1),
    ];
    for (change, state, fence) in changes {
        let world = World::new();
        let job = world.has(&body(), |job| job);
        let (table, other) = (world.jobs.clone(), change(&job));
        world.jobs.faults.meanwhile("write", 1, move || table.put(&other));
        let ended = world.work(&job).await;
        assert_eq!((ended.state, ended.fence), (state, fence));
    }
}

#[tokio::test]
async fn a_worker_five_minutes_ahead_takes_a_live_job_over_and_fences_its_worker_out() {
    let world = World::new();
    let first = world.has(&body(), |job| claimed(&job, NOW));
    world.clock.advance(5 * 60_000);
    let ended = world.work(&first).await;
    assert_eq!(ended.fence, 2);
    assert!(ended.renewed(first.fence, NOW, &times()).is_err());
}
