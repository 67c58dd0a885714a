//! Triggers over ports in memory: what is stored, told and kept, whatever fails in between.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod world;

use export_domain::time::EpochMs;
use export_lambda::batch::{Disposition, Record};
use export_lambda::documents::{Ask, DocumentOrder};
use export_lambda::http::Request;
use export_mre::document::View;
use export_mre::export::export_replay;
use export_mre::keys::EventKey;
use export_mre::state::{BuildLease, ExportState, StateKey};
use export_mre::trigger::Trigger;
use export_testkit::mre::scenario;
use export_testkit::ms;
use std::time::Duration;
use tokio::time::timeout;
use world::{World, Wrong, record};

const LEFT: Duration = Duration::from_mins(5);

async fn handle(world: &World, record: &Record) -> Disposition {
    world.app.handle(record, LEFT).await
}

fn key(record: &Record) -> StateKey {
    Trigger::parse(&record.body).unwrap().unwrap().state_key()
}

#[tokio::test]
async fn a_trigger_stores_points_and_tells() {
    for name in ["event_tennis_optimizer", "replay_mp4_weight"] {
        let scenario = scenario(name);
        let world = World::of(&scenario);
        let record = record(&scenario, 1_000);
        assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
        let seen = world.seen();
        let (object, text) = seen.objects.iter().next().unwrap();
        assert_eq!(*object, world::object(&scenario));
        assert!(text.starts_with("{\"Event\": {\"Name\": "));
        assert_eq!(seen.located, [format!("s3://exports/{object}")]);
        assert_eq!(seen.told.len(), 1);
        assert!(seen.told[0].contains("_DATA_EXPORTED"), "{}", seen.told[0]);
        let state = world.state(&key(&record));
        assert!(state.built_from.is_some() && state.etag.is_some());
    }
}

#[tokio::test]
async fn a_trigger_delivered_twice_is_exported_once() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    let record = record(&scenario, 1_000);
    handle(&world, &record).await;
    assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
    assert_eq!(world.seen().told.len(), 1);
}

#[tokio::test]
async fn a_profile_too_large_for_a_state_is_exported_and_told_once() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    let mut record = record(&scenario, 1_000);
    let more = format!("\"Profile\": {{\"More\": \"{}\", ", "x".repeat(500_000));
    record.body = record.body.replacen("\"Profile\": {", &more, 1);
    for _ in 0..3 {
        assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
    }
    assert_eq!(world.seen().told.len(), 1);
}

#[tokio::test]
async fn names_that_no_table_can_hold_are_told_and_kept_at_once() {
    let world = World::of(&scenario("event_feedback"));
    let (long, longer) = ("x".repeat(1_025), "x".repeat(2_049));
    let event = |name: &str, program: &str| {
        format!(
            r#"{{"detail": {{"Event": {{"EventType": "EVENT_CLIP_GEN", "EventInfo": {{"Event": {{"Name": "{name}", "Program": "{program}"}}}}}}}}}}"#
        )
    };
    let replay = format!(
        r#"{{"detail": {{"Event": {{"EventType": "REPLAY_GEN_DONE", "Event": "E", "Program": "P", "ReplayId": "{longer}"}}}}}}"#
    );
    for (at, body) in [event(&longer, "P"), event("E", &long), replay].into_iter().enumerate() {
        let record = Record { body, ..Record::default() };
        assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
        let seen = world.seen();
        assert_eq!((seen.dead.len(), seen.told.len()), (at + 1, at + 1));
        assert!(seen.told[at].contains("FAILED") && seen.told[at].len() < 2_000, "{}", seen.told[at]);
    }
}

#[tokio::test]
async fn a_burst_is_exported_once_and_what_comes_after_it_again() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    world.set_now(EpochMs::new(10_000));
    for sent_ms in 0..50 {
        handle(&world, &record(&scenario, sent_ms)).await;
    }
    assert_eq!(world.seen().told.len(), 1);
    world.set_now(EpochMs::new(20_000));
    handle(&world, &record(&scenario, 15_000)).await;
    assert_eq!(world.seen().told.len(), 2, "the last one is never lost");
}

#[tokio::test]
async fn triggers_in_any_order_leave_the_newest_profile() {
    let scenario = scenario("event_feedback");
    let named = |name: &str, sent_ms| {
        let mut record = record(&scenario, sent_ms);
        record.body = record.body.replace("\"Profile\": {", &format!("\"Profile\": {{\"New\": \"{name}\", "));
        record
    };
    for (first, second) in [(("a", 1_000), ("b", 2_000)), (("b", 2_000), ("a", 1_000))] {
        let world = World::of(&scenario);
        world.set_now(EpochMs::new(10_000));
        for (name, sent_ms) in [first, second] {
            assert_eq!(handle(&world, &named(name, sent_ms)).await, Disposition::Acknowledge);
        }
        let text = world.seen().objects.into_values().next().unwrap();
        assert!(text.contains("\"New\": \"b\""), "{first:?} {second:?}");
        let state = world.state(&key(&record(&scenario, 0)));
        assert!(state.profile.unwrap().contains("\"New\": \"b\""));
    }
}

#[tokio::test]
async fn a_trigger_that_meets_another_worker_waits_in_the_queue_with_its_time() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    let record = record(&scenario, 1_000);
    let other =
        BuildLease { owner: "other".to_owned(), fence: 5, previous: 0, until: world.now() + ms(60_000) };
    world.seed(&key(&record), ExportState { lease: Some(other), ..ExportState::default() });
    assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
    assert_eq!(world.seen().sent_again, [(1_000, 7)]);
    assert!(world.seen().objects.is_empty());
    world.set_now(world.now() + ms(60_000));
    handle(&world, &record).await;
    assert_eq!(world.seen().told.len(), 1, "the other worker died");
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    let record = record(&scenario, 1_000);
    world.later_export(&scenario, u64::MAX);
    assert_eq!(handle(&world, &record).await, Disposition::Return);
    let seen = world.seen();
    assert!(seen.told.is_empty() && seen.located.is_empty());
    assert_eq!(seen.objects.into_values().collect::<Vec<_>>(), ["later"]);
}

#[tokio::test]
async fn what_is_gone_is_told_and_kept() {
    for (name, code) in [
        ("replay_unknown_id", "BASE_REPLAY_DATA_EXPORT_FAILED"),
        ("event_feedback", "BASE_EVENT_DATA_EXPORT_FAILED"),
    ] {
        let scenario = scenario(name);
        let world = World::with(&scenario, |source| {
            if name == "event_feedback" {
                source.events.clear();
            }
        });
        let record = record(&scenario, 1_000);
        assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
        let seen = world.seen();
        assert!(seen.told[0].contains(code) && seen.told[0].contains("NotFound"), "{:?}", seen.told);
        assert_eq!(seen.dead, std::slice::from_ref(&record.body));
        assert!(seen.objects.is_empty() && seen.located.is_empty());
        assert!(world.state(&key(&record)).built_from.is_none());
    }
}

#[tokio::test]
async fn a_row_that_goes_meanwhile_is_not_created_again() {
    let scenario = scenario("event_feedback");
    let world = World::of(&scenario);
    world.forget_rows();
    assert_eq!(handle(&world, &record(&scenario, 1_000)).await, Disposition::Acknowledge);
    let seen = world.seen();
    assert!(seen.located.is_empty());
    assert!(seen.told[0].contains("FAILED"));
}

#[tokio::test]
async fn what_is_no_trigger_is_kept_and_what_is_none_of_ours_is_not() {
    let world = World::of(&scenario("event_feedback"));
    for (body, kept) in [
        ("not json", true),
        (r#"{"detail": {"Event": {"EventType": "EVENT_CLIP_GEN"}}}"#, true),
        (r#"{"detail": {"Event": {"EventType": "EVENT_DATA"}}}"#, false),
    ] {
        let record = Record { body: body.to_owned(), ..Record::default() };
        assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
        assert_eq!(world.seen().dead.contains(&body.to_owned()), kept, "{body}");
    }
    assert!(world.seen().told.is_empty());
}

#[tokio::test]
async fn a_failure_at_any_step_is_made_good_by_the_next_delivery() {
    for name in ["event_feedback", "replay_mp4_weight"] {
        let scenario = scenario(name);
        let record = record(&scenario, 1_000);
        let whole = World::of(&scenario);
        handle(&whole, &record).await;
        let steps = whole.steps();
        assert_eq!(steps, 6, "state, claim, put, locate, tell, commit");
        for step in 0..steps {
            let world = World::of(&scenario);
            world.spoil(step, Wrong::Fails);
            let disposition = handle(&world, &record).await;
            assert_eq!(disposition, Disposition::Return, "step {step} of {name}");
            assert_eq!(world.seen().shown_again, 1, "step {step} of {name}");
            // The lease may have to run out.
            world.set_now(world.now() + ms(301_000));
            assert_eq!(handle(&world, &record).await, Disposition::Acknowledge, "step {step} of {name}");
            assert_eq!(world.seen().objects, whole.seen().objects, "step {step} of {name}");
            assert_eq!(world.seen().located.last(), whole.seen().located.last());
            assert_eq!(world.seen().told.last(), whole.seen().told.last());
            assert!(world.seen().dead.is_empty());
        }
    }
}

#[tokio::test]
async fn a_failed_read_stores_nothing() {
    let scenario = scenario("event_feedback");
    let whole = World::of(&scenario);
    handle(&whole, &record(&scenario, 1_000)).await;
    let reads = whole.app.source.log().len();
    assert!(reads >= 4, "{reads} reads");
    for read in 0..reads {
        let world = World::with(&scenario, |source| source.failing_read = Some(read));
        assert_eq!(handle(&world, &record(&scenario, 1_000)).await, Disposition::Return, "read {read}");
        assert!(world.seen().objects.is_empty() && world.seen().told.is_empty(), "read {read}");
    }
}

/// Delivers `record` to a worker that dies at a call.
async fn deliver_to_the_dying(world: &World, record: &Record, step: usize, wrong: Wrong) {
    world.spoil(step, wrong);
    let delivered = timeout(Duration::from_secs(1), handle(world, record)).await;
    assert!(delivered.is_err(), "step {step} {wrong:?}: the worker lives");
}

#[tokio::test(start_paused = true)]
async fn a_crash_around_any_call_is_made_good_by_the_next_delivery() {
    for name in ["event_feedback", "replay_mp4_weight"] {
        let scenario = scenario(name);
        let record = record(&scenario, 1_000);
        let whole = World::of(&scenario);
        handle(&whole, &record).await;
        let whole = (whole.steps(), whole.seen(), whole.state(&key(&record)));
        for (step, wrong) in
            (0..whole.0).flat_map(|step| [(step, Wrong::DiesBefore), (step, Wrong::DiesAfter)])
        {
            let at = format!("{name}: step {step} {wrong:?}");
            let world = World::of(&scenario);
            deliver_to_the_dying(&world, &record, step, wrong).await;
            let left = world.seen().objects;
            assert!(left.is_empty() || left == whole.1.objects, "{at}: all of an export or nothing");
            world.set_now(world.now() + ms(301_000));
            assert_eq!(handle(&world, &record).await, Disposition::Acknowledge, "{at}");
            let seen = world.seen();
            assert_eq!(seen.objects, whole.1.objects, "{at}");
            assert_eq!(
                (seen.located.last(), seen.told.last()),
                (whole.1.located.last(), whole.1.told.last())
            );
            assert!(seen.told.len() <= 2 && seen.dead.is_empty() && seen.sent_again.is_empty(), "{at}");
            let state = world.state(&key(&record));
            assert_eq!((state.etag, state.id), (whole.2.etag.clone(), whole.2.id.clone()), "{at}");
            assert_eq!(state.lease.map(|lease| lease.until), Some(EpochMs::ZERO), "{at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn as_long_as_a_dead_workers_lease_runs_a_trigger_waits() {
    let scenario = scenario("event_feedback");
    let (world, record) = (World::of(&scenario), record(&scenario, 1_000));
    deliver_to_the_dying(&world, &record, 1, Wrong::DiesAfter).await;
    world.set_now(world.now() + ms(299_000));
    assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
    assert!(world.seen().objects.is_empty());
    assert_eq!(world.seen().sent_again, [(1_000, 7)]);
}

/// The order of `key`'s document in the guide's view, as a request sends it.
fn order(key: &EventKey, replay: Option<&str>) -> (DocumentOrder, Record) {
    let request = Request { route: "/export/data/event".to_owned(), ..Request::default() };
    let order = DocumentOrder::new(key, replay, &Ask::read(&request).unwrap());
    let record = Record { body: order.message(), ..Record::default() };
    (order, record)
}

#[tokio::test]
async fn an_ordered_document_is_built_and_kept_and_nobody_is_told() {
    let scenario = scenario("replay_mp4_weight");
    let world = World::of(&scenario);
    let key = scenario.replay().unwrap();
    let (order, record) = order(&key.event, Some(&key.id));
    for wrong in [Some(Wrong::Fails), None] {
        if let Some(wrong) = wrong {
            world.spoil(0, wrong);
        }
        let expected = if wrong.is_some() { Disposition::Return } else { Disposition::Acknowledge };
        assert_eq!(handle(&world, &record).await, expected);
    }
    let seen = world.seen();
    let live = export_replay(&world.app.source, &key, View::Guide).await.unwrap();
    assert_eq!(seen.built, [(order.id(), live.text)].into());
    assert!(seen.told.is_empty() && seen.objects.is_empty() && seen.dead.is_empty());
}

#[tokio::test]
async fn an_order_of_what_is_gone_is_cancelled() {
    let scenario = scenario("event_feedback");
    let world = World::with(&scenario, |source| source.events.clear());
    let (order, record) = order(&scenario.event(), None);
    assert_eq!(handle(&world, &record).await, Disposition::Acknowledge);
    assert_eq!(world.seen().cancelled, [order.id()]);
}
