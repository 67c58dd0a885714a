use crate::world::{World, alone, clips};
use export_domain::job::{Lane, Reason, State, WorkQueue};
use export_testkit::{Fault, Faults, NOW, SESSION, ask, ms};
use serde_json::{Value, json};

#[tokio::test]
async fn a_batch_of_five_hundred_takes_its_share_and_goes_on_as_jobs_end() {
    let world = World::new();
    let made = world.submit(&clips(500)).await;
    assert_eq!((&made.json["counts"]["queued"], &made.json["counts"]["pending"]), (&40.into(), &460.into()));
    assert_eq!(world.single(&alone(1001)).await.status, 200, "a fifth of the places stays for others");
    let none = Faults::default();
    for _ in 0..13 {
        world.worked(|_| false);
        let live = || world.jobs.all().iter().filter(|job| !job.state.is_terminal()).count();
        world.swept(60_000, &none).await;
        assert!(live() <= 40, "{}", live());
    }
    let done = world.get(made.header("location")).await;
    assert_eq!((&done.json["state"], &done.json["outcome"]), (&"DONE".into(), &"READY".into()));
    assert_eq!((&done.json["percent"], &done.json["counts"]["ready"]), (&100.into(), &500.into()));
    assert_eq!(world.jobs.all().len(), 501);
    assert_eq!(world.bus.told().len(), 1);
}

#[tokio::test]
async fn the_end_is_told_once_with_its_counts() {
    let world = World::new();
    let made = world.submit(&clips(3)).await;
    world.worked(|job| job.order.start_pos_ms == NOW - ms(2000));
    let done = world.get(made.header("location")).await;
    assert_eq!((&done.json["state"], &done.json["outcome"]), (&"DONE".into(), &"PARTIAL".into()));
    assert!(done.header("retry-after").is_empty());
    world.swept(600_000, &Faults::default()).await;
    let told = world.bus.told();
    assert_eq!(
        (told.len(), told[0].source, told[0].detail_type),
        (1, "media-export", "Media Export Batch Done")
    );
    let detail: Value = serde_json::from_str(&told[0].detail).unwrap();
    assert_eq!(detail["id"], format!("{}-1", made.json["id"].as_str().unwrap()));
    let counts = json!({"total": 3, "ready": 2, "failed": 1, "cancelled": 0, "skipped": 0});
    assert_eq!((&detail["batch"]["outcome"], &detail["batch"]["counts"]), (&"PARTIAL".into(), &counts));
}

#[tokio::test]
async fn a_recording_that_is_not_there_ends_the_clip_and_no_caller_asks_for_it_over_and_over() {
    let world = World::new();
    let made = world.submit(&clips(2)).await;
    world.ended(|_| Some(Reason::SourceAbsent));
    let done = world.get(made.header("location")).await;
    assert_eq!((&done.json["state"], &done.json["outcome"]), (&"DONE".into(), &"FAILED".into()));
    for _ in 0..3 {
        world.swept(60_000, &Faults::default()).await;
    }
    assert!(world.jobs.all().iter().all(|job| job.generation == 1));
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_asked_once_a_request() {
    let world = World::new();
    world.jobs.faults.plan("write", 1, Fault::Before);
    let made = world.submit(&clips(1)).await;
    assert_eq!((made.status, &made.json["counts"]["pending"]), (202, &1.into()));
    assert_eq!(world.get(made.header("location")).await.json["counts"]["queued"], 1);
}

#[tokio::test]
async fn an_event_that_the_bus_does_not_take_is_sent_again() {
    let world = World::new();
    let made = world.submit(&clips(1)).await;
    world.worked(|_| false);
    world.bus.faults.plan("put_event", 1, Fault::Before);
    assert_eq!(world.get(made.header("location")).await.json["state"], "DONE", "the reply is not held up");
    assert!(world.bus.told().is_empty());
    world.swept(60_000, &Faults::default()).await;
    assert_eq!(world.bus.told().len(), 1);
}

#[tokio::test]
async fn a_batch_is_waited_for_if_that_is_preferred() {
    let world = World::new();
    let headers = [("X-Session-Id", SESSION), ("Prefer", "wait=20")];
    let before = world.now();
    let answer = world.ask(ask("POST", "/export/batch", &headers, clips(1).to_string())).await;
    assert_eq!(answer.status, 202);
    let waited = world.now() - before;
    assert!((ms(19_000)..=ms(21_000)).contains(&waited), "{waited}");
    world.worked(|_| false);
    let answer = world.ask(ask("POST", "/export/batch", &headers, clips(1).to_string())).await;
    assert_eq!((answer.status, &answer.json["state"]), (200, &"DONE".into()));
}

#[tokio::test]
async fn a_cancelled_batch_ends_what_is_its_own() {
    let world = World::new();
    let made = world.submit(&clips(50)).await;
    world.single(&alone(1)).await;
    let path = made.header("location").to_owned();
    let gone = world.send("DELETE", &path, "").await;
    assert_eq!((gone.status, &gone.json["outcome"]), (200, &"CANCELLED".into()));
    assert_eq!(gone.json["counts"]["cancelled"], 50);
    let live: Vec<_> = world.jobs.all().into_iter().filter(|job| !job.state.is_terminal()).collect();
    assert_eq!(live.len(), 1, "the one that was asked for alone goes on");
    assert_eq!(live[0].order.start_pos_ms, NOW - ms(1000));
    assert_eq!(world.jobs.all().len(), 40, "what was pending never starts");
    assert_eq!(world.send("DELETE", &path, "").await.json, gone.json);
    assert_eq!(world.bus.told().len(), 1);
}

#[tokio::test]
async fn a_batch_with_failures_starts_them_over_after_a_minute() {
    let world = World::new();
    world.submit(&clips(2)).await;
    world.worked(|job| job.order.start_pos_ms == NOW - ms(2000));
    let done = world.submit(&clips(2)).await;
    assert_eq!(
        (done.status, &done.json["outcome"], &done.json["generation"]),
        (200, &"PARTIAL".into(), &1.into())
    );
    world.clock.advance(61_000);
    let again = world.submit(&clips(2)).await;
    assert_eq!(
        (again.status, &again.json["state"], &again.json["generation"]),
        (202, &"RUNNING".into(), &2.into())
    );
    world.worked(|_| false);
    let done = world.submit(&clips(2)).await;
    assert_eq!(done.json["outcome"], "READY");
    assert_eq!(world.bus.told().len(), 2, "each generation has an event of its own");
}

#[tokio::test]
async fn a_single_request_takes_a_job_out_of_the_bulk_lane() {
    let world = World::new();
    world.submit(&clips(2)).await;
    assert!(world.jobs.all().iter().all(|job| job.lane == Some(Lane::Bulk) && job.batch_id.is_some()));
    assert!(world.queue.take().iter().all(|sent| sent.queue == WorkQueue::Bulk));
    let answer = world.single(&alone(1)).await;
    assert_eq!((answer.status, answer.codes().0), (200, 1));
    let mine = world.jobs.all().into_iter().find(|job| job.order.start_pos_ms == NOW - ms(1000)).unwrap();
    assert_eq!((mine.lane, mine.state), (None, State::Queued));
    assert!(mine.batch_id.is_some(), "its event names the batch");
    let sent = world.queue.take();
    assert_eq!((sent.len(), &sent[0].message.job_id), (1, &mine.job_id), "it is sent anew");
    assert_eq!(sent[0].queue, WorkQueue::Clips, "to those who wait for nothing else");
    world.single(&alone(1)).await;
    assert!(world.queue.take().is_empty(), "once");
}

#[tokio::test]
async fn windows_that_have_not_begun_have_their_own_share() {
    let world = World::new();
    let clips: Vec<Value> =
        (1..=60).map(|n| json!({"start": NOW + ms(n * 60_000), "duration_ms": 1000})).collect();
    let made = world.submit(&json!({"live_path": "a/b.mpd", "clips": clips})).await;
    assert_eq!((&made.json["counts"]["queued"], &made.json["counts"]["pending"]), (&40.into(), &20.into()));
    assert_eq!(world.submit(&crate::world::clips(40)).await.json["counts"]["queued"], 40);
}
