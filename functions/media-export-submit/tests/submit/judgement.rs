use crate::world::World;
use export_testkit::{NOW, SESSION, ask, body, tenant, thumbnail_body, with};
use serde_json::Value;

const UNKNOWN: &str = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
/// Base64 of a list with one S3 target that is not the tenant's.
const FOREIGN: &str =
    "W3sic3RvcmFnZV9wdXJwb3NlIjoidHMiLCJzdG9yYWdlX3R5cGUiOiJTMyIsInN0b3JhZ2VfbmFtZSI6Im90aGVyIn1d";

async fn judged(text: String) -> (u16, String) {
    let world = World::new();
    let answer = world.ask(ask("POST", "/export", &[], text)).await;
    assert!(answer.status == 200 || (world.jobs.all().is_empty() && world.queue.take().is_empty()));
    (answer.status, answer.json["ErrorMessage"].as_str().unwrap().to_owned())
}

/// Each body has the fault it is refused for and all that are judged later.
#[tokio::test]
async fn size_comes_before_json_before_session_before_fields_before_storage() {
    let denied = with(body(), "storage_info", FOREIGN);
    let invalid = with(denied.clone(), "Duration", 0);
    let unknown = with(invalid.clone(), "SessionId", UNKNOWN);
    let broken = unknown.to_string().replace("\"Duration\":0", "\"Duration\":");
    let large = format!("{broken}{}", " ".repeat(65_536));
    for (text, status, message) in [
        (large, 413, "request too large"),
        (broken, 400, "invalid request: body: is not JSON"),
        (unknown.to_string(), 401, "session invalid"),
        (invalid.to_string(), 400, "invalid request: Duration: must be from 1 to 14400000"),
        (denied.to_string(), 403, "access denied"),
        (body().to_string(), 200, "Work Not Finish"),
    ] {
        let (given, why) = judged(text).await;
        assert_eq!(given, status, "{message}");
        assert!(why.starts_with(message), "{why}");
    }
}

#[tokio::test]
async fn a_body_of_exactly_64_kib_is_read() {
    let mut text = body().to_string();
    text.push_str(&" ".repeat(65_536 - text.len()));
    assert_eq!(judged(text.clone()).await.0, 200);
    text.push(' ');
    assert_eq!(judged(text).await.0, 413);
}

#[tokio::test]
async fn missing_unknown_and_expired_sessions_get_the_same_answer() {
    let world = World::new();
    let missing = world.submit(&with(body(), "SessionId", Value::Null)).await;
    let unknown = world.submit(&with(body(), "SessionId", UNKNOWN)).await;
    world.directory.add_session(SESSION, &tenant().id, NOW.to_secs());
    let expired = world.submit(&body()).await;
    assert_eq!((missing.status, missing.codes()), (401, (-1, 0)));
    assert!(missing == unknown && unknown == expired);
}

#[tokio::test]
async fn a_session_of_a_tenant_that_is_gone_is_denied() {
    let world = World::new();
    world.directory.remove_tenant(&tenant().id);
    assert_eq!(world.submit(&body()).await.status, 403);
}

#[tokio::test]
async fn the_first_field_at_fault_is_named_in_the_contracts_order() {
    let both = with(with(body(), "LivePath", "../x.mpd"), "StartPos", -1);
    assert_eq!(
        judged(both.to_string()).await.1,
        "invalid request: StartPos: must be from 0 to 4102444800000"
    );
    let thumb = with(body(), "FetchThumb", true);
    assert_eq!(
        judged(thumb.to_string()).await.1,
        "invalid request: FetchThumb: must be false when FetchMedia is true"
    );
}

#[tokio::test]
async fn a_window_may_begin_thirty_days_ahead_and_no_later() {
    let latest = NOW.get() + 30 * 24 * 3_600_000;
    for wanted in [body(), thumbnail_body()] {
        assert_eq!(judged(with(wanted.clone(), "StartPos", latest).to_string()).await.0, 200);
        let (status, why) = judged(with(wanted, "StartPos", latest + 1).to_string()).await;
        assert_eq!((status, why.as_str()), (400, "invalid request: StartPos: must be at most 30 days ahead"));
    }
}
