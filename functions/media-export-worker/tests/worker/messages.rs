use crate::world::{World, times};
use export_domain::job::{Job, Reason};
use export_lambda::batch::Disposition;
use export_testkit::{Fault, NOW, body, claimed, ms, ready};

#[tokio::test]
async fn what_is_no_message_of_ours_is_kept_as_a_dead_letter() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let message = job.message().encode();
    let strange = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        message.replace("\"v\":1", "\"v\":2"),
        message.replace("demo", "../demo"),
        message.replace("\"generation\":1", "\"generation\":-1"),
        "\u{0}\u{feff}".repeat(1000),
    ];
    for body in &strange {
        assert_eq!(world.receive(body.as_str()).await, Disposition::Acknowledge);
    }
    assert_eq!(world.dead_letters.kept(), strange);
    assert_eq!(world.jobs.only(), job);
    assert!(!world.touched_s3());
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_kept_goes_back_to_its_queue() {
    let world = World::new();
    world.dead_letters.faults.plan("keep", 1, Fault::Before);
    assert_eq!(world.receive("?").await, Disposition::Return);
    assert_eq!(world.receive("?").await, Disposition::Acknowledge);
    assert_eq!(world.dead_letters.kept(), ["?"]);
}

/// Delivers the message of `message_of` to a table that holds `stored`: nothing may happen.
async fn is_ignored(world: &World, stored: &Job, message_of: &Job) {
    world.jobs.put(stored);
    assert_eq!(world.receive(message_of.message().encode()).await, Disposition::Acknowledge);
    assert_eq!(world.jobs.only(), *stored);
    assert!(!world.touched_s3() && world.queue.take().is_empty() && world.dead_letters.kept().is_empty());
}

#[tokio::test]
async fn a_message_of_another_generation_is_acknowledged_without_work() {
    let world = World::new();
    let job = world.has(&body(), |job| Job { generation: 2, ..job });
    for generation in [1, 3] {
        is_ignored(&world, &job, &Job { generation, ..job.clone() }).await;
    }
}

#[tokio::test]
async fn messages_of_jobs_that_have_ended_are_acknowledged_without_work() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let running = claimed(&job, NOW);
    for ended in [
        ready(&running, NOW),
        running.given_up(1, Reason::NoMedia, NOW, &times()).unwrap(),
        running.cancelled(NOW, &times()).unwrap(),
    ] {
        is_ignored(&world, &ended, &job).await;
    }
}

#[tokio::test]
async fn a_message_of_a_job_that_somebody_else_works_on_is_acknowledged_without_work() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW - ms(59_999)));
    is_ignored(&world, &job, &job).await;
}

#[tokio::test]
async fn a_message_of_a_job_whose_time_to_wake_has_not_come_is_acknowledged_without_work() {
    let world = World::new();
    let asleep = |job| claimed(&job, NOW).waiting(1, NOW + ms(60_000), ms(0), NOW, &times()).unwrap();
    let job = world.has(&body(), asleep);
    is_ignored(&world, &job, &job).await;
}

#[tokio::test]
async fn a_message_of_a_job_that_is_not_there_is_acknowledged_without_work() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.jobs.clear();
    assert_eq!(world.receive(job.message().encode()).await, Disposition::Acknowledge);
    assert!(world.jobs.all().is_empty() && !world.touched_s3());
}

#[tokio::test]
async fn every_message_of_a_run_may_come_again_in_any_order() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let failed = world.work(&job).await;
    let again = Job { generation: 2, ..job.clone() };
    let reads = world.objects.faults.calls("read");
    for message_of in [&again, &job, &job, &again] {
        assert_eq!(world.work(message_of).await, failed);
    }
    assert_eq!(world.objects.faults.calls("read"), reads);
}
