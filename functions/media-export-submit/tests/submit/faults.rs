use crate::world::World;
use export_domain::settings::Lifecycle;
use export_lambda::metrics::Metrics;
use export_testkit::{Fault, MemoryBus, ask, body, thumbnail_body};
use job_sweeper::Sweep;
use std::time::Duration;

impl World {
    async fn sweep(&self) -> Sweep {
        let sweeper = job_sweeper::App {
            jobs: self.jobs.clone(),
            queue: self.queue.clone(),
            bus: MemoryBus::default(),
            clock: self.clock.clone(),
            times: Lifecycle::default(),
            metrics: Metrics::silent(),
        };
        sweeper.sweep(Duration::from_secs(55)).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_not_stored_is_neither_sent_nor_accepted() {
    let world = World::new();
    world.jobs.faults.plan("write", 1, Fault::Before);
    let answer = world.submit(&body()).await;
    assert_eq!((answer.status, answer.codes()), (503, (-1, 2000)));
    assert!(world.jobs.all().is_empty() && world.queue.take().is_empty());
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000), "the client's next try succeeds");
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_no_failure_and_the_sweeper_sends_it() {
    let world = World::new();
    world.queue.faults.plan("send", 1, Fault::Before);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    assert!(world.queue.take().is_empty());
    assert_eq!(world.sweep().await.resent, 0, "not before it is due");
    world.clock.advance(60_000);
    assert_eq!(world.sweep().await.resent, 1);
    let sent = world.queue.take();
    assert_eq!((sent.len(), &sent[0].message), (1, &world.jobs.only().message()));
}

#[tokio::test]
async fn a_put_whose_reply_was_lost_is_a_success() {
    let world = World::new();
    world.jobs.faults.plan("write", 1, Fault::Again);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    assert_eq!((world.jobs.writes(), world.queue.take().len()), (1, 1));
}

#[tokio::test]
async fn a_put_that_landed_behind_a_503_is_answered_and_sent_by_a_later_post() {
    let world = World::new();
    world.jobs.faults.plan("write", 1, Fault::After);
    assert_eq!(world.submit(&body()).await.status, 503);
    let stored = world.jobs.only();
    assert_eq!(world.submit(&body()).await.json["JobId"], stored.job_id.as_str());
    assert!(world.queue.take().is_empty());
    world.clock.advance(60_000);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    assert_eq!(world.queue.take().len(), 1);
}

#[tokio::test]
async fn a_send_whose_reply_was_lost_leaves_one_job() {
    let world = World::new();
    world.queue.faults.plan("send", 1, Fault::Again);
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    let sent = world.queue.take();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        (&sent[0].message, &sent[1].message),
        (&world.jobs.only().message(), &world.jobs.only().message())
    );
}

#[tokio::test]
async fn any_table_that_is_down_answers_503_and_stores_nothing() {
    for operation in ["session", "tenant", "bind", "get", "count_unfinished", "write"] {
        let world = World::new();
        for faults in [&world.directory.faults, &world.jobs.faults] {
            faults.always(operation, Fault::Before);
        }
        let request = ask("POST", "/export", &[("Idempotency-Key", "k")], body().to_string());
        let answer = world.ask(request).await;
        assert_eq!((answer.status, answer.codes()), (503, (-1, 2000)), "{operation}");
        assert_eq!(answer.json["ErrorMessage"], "service unavailable");
        assert!(world.jobs.all().is_empty() && world.queue.take().is_empty(), "{operation}");
    }
}

#[tokio::test]
async fn an_accepted_submission_is_always_stored_however_often_the_table_fails() {
    for seed in 0..64 {
        let world = World::new();
        for (at, operation) in ["get", "count_unfinished", "write"].into_iter().enumerate() {
            let fault =
                [None, Some(Fault::Before), Some(Fault::After), Some(Fault::Again)][(seed >> (2 * at)) % 4];
            if let Some(fault) = fault {
                world.jobs.faults.plan(operation, 1, fault);
            }
        }
        match world.submit(&body()).await.status {
            200 => assert_eq!(world.queue.take().len(), world.jobs.all().len(), "{seed}"),
            status => assert_eq!((status, world.queue.take().len()), (503, 0), "{seed}"),
        }
    }
}

#[tokio::test]
async fn a_table_that_fails_while_a_thumbnail_is_awaited_ends_the_wait_only() {
    let world = World::new();
    world.jobs.faults.plan("get", 2, Fault::Before);
    let answer = world.submit(&thumbnail_body()).await;
    assert_eq!((answer.status, answer.codes()), (200, (1, 500)));
    assert_eq!(world.jobs.faults.calls("get"), 2);
}
