use crate::world::World;
use export_domain::job::WorkQueue;
use export_domain::settings::AuthMode;
use export_testkit::{Answered, SESSION, ask, body, post, tenant, with};
use serde_json::Value;

const SEED_EXPORT: &str = include_str!("../../../../tests/data/seeds/export.json");
const SEED_THUMBNAIL: &str = include_str!("../../../../tests/data/seeds/thumbnail.json");

async fn seed(world: &World, text: &str) -> Answered {
    world.ask(ask("POST", "/export", &[], text)).await
}

#[tokio::test]
async fn the_seeds_export_request_is_stored_and_sent_to_the_clip_queue() {
    let world = World::new();
    let answer = seed(&world, SEED_EXPORT).await;
    assert_eq!((answer.status, answer.codes()), (200, (1, 2000)));
    assert_eq!(
        (&answer.json["ErrorMessage"], &answer.json["LackLength"]),
        (&"Work Not Finish".into(), &9000.into())
    );
    let (job, sent) = (world.jobs.only(), world.queue.take());
    assert_eq!(answer.json["JobId"], job.job_id.as_str());
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].queue, &sent[0].message, sent[0].delay_s), (WorkQueue::Clips, &job.message(), 0));
}

#[tokio::test]
async fn the_seeds_thumbnail_request_is_stored_and_sent_to_the_thumbnail_queue() {
    let world = World::new();
    let answer = seed(&world, SEED_THUMBNAIL).await;
    assert_eq!((answer.status, answer.codes()), (200, (1, 500)));
    assert!(answer.json.get("LackLength").is_none(), "a thumbnail lacks nothing");
    let (job, sent) = (world.jobs.only(), world.queue.take());
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].queue, &sent[0].message), (WorkQueue::Thumbnails, &job.message()));
}

#[tokio::test]
async fn the_reply_says_where_the_job_is_and_when_to_ask_again() {
    let world = World::new();
    let answer = world.submit(&body()).await;
    let id = answer.json["JobId"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/export/status/{id}"));
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_session_in_a_header_is_as_good_as_one_in_the_body() {
    let without = with(body(), "SessionId", Value::Null).to_string();
    let bearer = format!("Bearer {SESSION}");
    for header in [("X-Session-Id", SESSION), ("Authorization", bearer.as_str())] {
        let world = World::new();
        let answer = world.ask(ask("POST", "/export", &[header], without.clone())).await;
        assert_eq!((answer.status, answer.codes()), (200, (1, 2000)), "{header:?}");
        assert_eq!(world.submit(&body()).await.json["JobId"], answer.json["JobId"]);
    }
}

#[tokio::test]
async fn an_unknown_session_in_the_body_is_not_saved_by_a_good_header() {
    let world = World::new();
    let body = with(body(), "SessionId", "00000000000000000000000000000000").to_string();
    let answer = world.ask(ask("POST", "/export", &[("X-Session-Id", SESSION)], body)).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn without_sessions_every_request_is_the_default_tenants() {
    let mut world = World::new();
    world.app.intake.auth = AuthMode::None(tenant().id);
    let answer = world.submit(&with(body(), "SessionId", Value::Null)).await;
    assert_eq!(answer.codes(), (1, 2000));
    assert_eq!(world.jobs.only().tenant, tenant().id);
}

/// Requests that end in every way there is.
async fn every_ending(world: &World) -> Vec<(&'static str, u16, Answered)> {
    let key = |body: &Value| ask("POST", "/export", &[("Idempotency-Key", "k")], body.to_string());
    let ready = world.ask(key(&body())).await;
    let other = with(body(), "Duration", 8000);
    let mut endings = vec![
        ("in work", 200, ready),
        ("key reused", 409, world.ask(key(&other)).await),
        ("invalid", 400, world.submit(&with(body(), "Duration", 0)).await),
        ("too large", 413, world.ask(ask("POST", "/export", &[], "x".repeat(65_537))).await),
        ("no session", 401, world.submit(&with(body(), "SessionId", Value::Null)).await),
    ];
    world.allow(1);
    endings.push(("too many", 429, world.submit(&other).await));
    world.directory.remove_tenant(&tenant().id);
    endings.push(("denied", 403, world.submit(&body()).await));
    world.directory.faults.always("session", export_testkit::Fault::Before);
    endings.push(("down", 503, world.submit(&body()).await));
    endings
}

#[tokio::test]
async fn every_reply_is_strict_json_with_the_five_members_and_no_nulls() {
    for (ending, status, answer) in every_ending(&World::new()).await {
        assert_eq!(answer.status, status, "{ending}");
        for name in ["TimeWait", "ErrorCode", "ErrorMessage", "Version", "S3Dir"] {
            assert!(answer.json.get(name).is_some(), "{ending}: {name}");
        }
        assert!(answer.json.as_object().unwrap().values().all(|value| !value.is_null()), "{ending}");
    }
}

#[tokio::test]
async fn tvu_http_answers_everything_with_200_and_the_same_body() {
    let mut always_200 = World::new();
    always_200.app.style.always_200 = true;
    let usual = every_ending(&World::new()).await;
    for ((ending, _, answer), (_, _, expected)) in every_ending(&always_200).await.into_iter().zip(usual) {
        assert_eq!((answer.status, answer.text), (200, expected.text), "{ending}");
    }
}

#[tokio::test]
async fn every_reply_that_asks_for_patience_says_so_in_a_header() {
    for (ending, _, answer) in every_ending(&World::new()).await {
        let seconds = (answer.codes().1 + 999) / 1000;
        let expected = if seconds > 0 { seconds.to_string() } else { String::new() };
        assert_eq!(answer.header("retry-after"), expected, "{ending}");
    }
}

#[tokio::test]
async fn a_reply_never_names_a_bucket() {
    let world = World::new();
    for (ending, _, answer) in every_ending(&world).await {
        assert!(!answer.text.contains("clips") && !answer.text.contains("recordings"), "{ending}");
    }
    assert!(!world.ask(post("/export", &body())).await.text.contains("clips"));
}
