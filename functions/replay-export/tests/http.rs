//! Requests as the gateway hands them over, against golden tables in memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use export_lambda::documents::{Call, Form, Order, Reply};
use export_mre::attr::Attr;
use export_mre::json::Json;
use export_mre::keys::replay_export_key;
use export_mre::ports::{Link, Ordered};
use export_testkit::mre::{MemoryOrders, MemorySource, Scenario, scenario};
use export_testkit::{NOW, TestClock};
use replay_export::App;
use std::time::Duration;

const LEFT: Duration = Duration::from_secs(29);

fn app(source: MemorySource) -> App<MemorySource, MemoryOrders, MemoryOrders, TestClock> {
    App {
        source,
        links: MemoryOrders::default(),
        queue: MemoryOrders::default(),
        clock: TestClock::standing(NOW),
    }
}

async fn ask(source: MemorySource, call: &Call) -> Reply {
    let reply = app(source).handle(call, LEFT).await;
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    reply
}

fn example(name: &str) -> Call {
    let path = format!("{}/../../events/replay-export/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A request of MRE's own route, or of the guide's.
fn call(scenario: &Scenario, route: &str, query: &str) -> Call {
    let key = scenario.replay().unwrap();
    let names = [("id", key.id), ("event", key.event.name), ("program", key.event.program)];
    Call {
        route_key: format!("GET {route}"),
        raw_query_string: query.to_owned(),
        path_parameters: Some(names.map(|(name, value)| (name.to_owned(), value)).into()),
        ..Call::default()
    }
}

const GUIDE: &str = "/export/data/replay/{id}/event/{event}/program/{program}";
const MRE: &str = "/replay/export/data/{id}/event/{event}/program/{program}";

/// The scenario with the document that MRE stored for it.
fn exported(scenario: &Scenario) -> (MemorySource, String) {
    let mut source = scenario.source();
    let text = scenario.get("expected.document").unwrap().to_text();
    let key = replay_export_key("stored");
    source.replay_requests[0]
        .insert("ReplayDataExportLocation".to_owned(), Attr::S(format!("s3://any/{key}")));
    source.objects.insert(key, text.clone());
    (source, text)
}

#[tokio::test]
async fn the_example_events_are_answered() {
    let source = || scenario("replay_mp4_weight").source();
    let found = ask(source(), &example("get-ok.apigw-v2.json")).await;
    assert_eq!(found.status_code, 200);
    assert!(Json::parse(&found.body).unwrap().get("Segments").is_some());
    let missing = ask(source(), &example("get-not-found.apigw-v2.json")).await;
    assert_eq!(
        (missing.status_code, missing.headers["content-type"].as_str()),
        (404, "application/problem+json")
    );
}

#[tokio::test]
async fn the_guides_route_builds_the_guides_document_now() {
    let scenario = scenario("replay_mp4_weight");
    let (source, _) = exported(&scenario);
    let reply = ask(source, &call(&scenario, GUIDE, "")).await;
    assert_eq!(reply.headers["x-export-source"], "live");
    let document = Json::parse(&reply.body).unwrap();
    assert_eq!(document.get("Replay").unwrap().get("AudioTrack").and_then(Json::as_number), Some("1.0"));
}

#[tokio::test]
async fn mres_route_answers_what_was_stored_as_it_was() {
    let scenario = scenario("replay_catchup");
    let (source, text) = exported(&scenario);
    let reply = ask(source, &call(&scenario, MRE, "")).await;
    assert_eq!(reply.headers["x-export-source"], "stored");
    let blob = serde_json::from_str::<serde_json::Value>(&reply.body).unwrap();
    assert_eq!(blob["BlobContent"], format!("{text}\n"));
}

#[tokio::test]
async fn without_a_stored_document_mres_route_builds_one() {
    let scenario = scenario("replay_mp4_weight");
    let (mut source, _) = exported(&scenario);
    source.objects.remove(&replay_export_key("stored"));
    let reply = ask(source, &call(&scenario, MRE, "")).await;
    assert_eq!((reply.status_code, reply.headers["x-export-source"].as_str()), (200, "live"));
}

#[tokio::test]
async fn leniencies_are_listed() {
    let scenario = scenario("replay_minimal_request");
    let reply = ask(scenario.source(), &call(&scenario, GUIDE, "")).await;
    assert_eq!(reply.headers["x-export-warnings"], "request-field-missing");
}

#[tokio::test]
async fn a_failed_read_is_503_and_never_a_part_of_the_document() {
    let scenario = scenario("replay_optimizer");
    for route in [GUIDE, MRE] {
        let paged = |failing| {
            let (mut source, _) = exported(&scenario);
            source.page_rows = 2;
            source.failing_read = failing;
            source
        };
        let query = "source=live";
        let whole = app(paged(None));
        assert_eq!(whole.handle(&call(&scenario, route, query), LEFT).await.status_code, 200);
        let reads = whole.source.log().len();
        assert!(reads > 8, "{reads} reads");
        for read in 0..reads {
            let reply = ask(paged(Some(read)), &call(&scenario, route, query)).await;
            assert_eq!((reply.status_code, reply.headers["retry-after"].as_str()), (503, "5"), "read {read}");
            assert!(
                !reply.body.contains("Segments") && !reply.body.contains("made to fail"),
                "{}",
                reply.body
            );
        }
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_kept_is_503_without_internals() {
    let scenario = scenario("replay_mp4_weight");
    let reply = ask(scenario.source(), &call(&scenario, GUIDE, "delivery=link")).await;
    assert_eq!(reply.status_code, 503);
    assert!(!reply.body.contains("secret"));
}

#[tokio::test]
async fn what_is_not_acceptable_is_refused_before_anything_is_read() {
    let scenario = scenario("replay_mp4_weight");
    let app = app(scenario.source());
    let mut long = call(&scenario, GUIDE, "");
    long.path_parameters.get_or_insert_default().insert("id".to_owned(), "x".repeat(1000));
    for call in [long, call(&scenario, GUIDE, "view=xml"), Call::default()] {
        assert_eq!(app.handle(&call, LEFT).await.status_code, 400);
    }
    assert!(app.source.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_document_that_takes_too_long_is_ordered_once_and_fetched_when_it_is_there() {
    let scenario = scenario("replay_mp4_weight");
    let mut source = scenario.source();
    source.stalls = true;
    let app = app(source);
    let began = tokio::time::Instant::now();
    let first = app.handle(&call(&scenario, GUIDE, ""), LEFT).await;
    assert_eq!((first.status_code, first.headers["retry-after"].as_str()), (202, "5"));
    assert!(began.elapsed() < LEFT);
    let sent = app.queue.sent();
    assert_eq!(sent.len(), 1);
    let order = Order::read(&sent[0]).unwrap();
    assert_eq!((order.event(), order.form), (scenario.event(), Form::Bare));
    assert_eq!(order.replay(), scenario.replay());

    let began = tokio::time::Instant::now();
    assert_eq!(app.handle(&call(&scenario, GUIDE, ""), LEFT).await.status_code, 202);
    assert!(began.elapsed() < Duration::from_secs(3), "it is not built here again");
    assert_eq!(app.queue.sent().len(), 1);

    let link = Link { url: "https://s3/built".to_owned(), expires_ms: 0 };
    app.links.set(Ordered::Built { link, bytes: 2, sha256: "aa".to_owned() });
    let built = app.handle(&call(&scenario, GUIDE, ""), LEFT).await;
    assert_eq!((built.status_code, built.headers["location"].as_str()), (307, "https://s3/built"));
    assert_eq!(built.headers["cache-control"], "no-store");
    assert!(built.headers["etag"].starts_with("\"aa-"), "{built:?}");
    let link = app.handle(&call(&scenario, GUIDE, "delivery=link"), LEFT).await;
    assert_eq!(link.status_code, 200);
    assert!(link.body.contains("\"Location\":\"https://s3/built\""), "{}", link.body);
}
