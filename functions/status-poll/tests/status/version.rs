use crate::world::World;
use export_domain::version::BuildVersion;
use export_testkit::{SESSION, ask};

#[tokio::test]
async fn the_version_is_told_to_sessions_and_revalidated() {
    let world = World::new();
    let answer = world.get("/export/version").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json["version"], BuildVersion::OWN.version);
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let tag = answer.header("etag").to_owned();
    assert_eq!(tag, BuildVersion::OWN.etag());
    let known = ask("GET", "/export/version", &[("X-Session-Id", SESSION), ("If-None-Match", &tag)], "");
    let again = world.app.handle(&known).await;
    assert_eq!((again.status_code, again.body.as_str(), &again.headers["etag"]), (304, "", &tag));
    let changed = world.send("GET", "/export/version", ("If-None-Match", "\"0.0.1\"")).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn strangers_are_not_told_the_version() {
    let world = World::new();
    let none = "no session: send X-Session-Id or Authorization: Bearer";
    let wrong = ask("GET", "/export/version", &[("X-Session-Id", "0123456789abcdef")], "");
    for (answer, status, detail) in [
        (world.ask(ask("GET", "/export/version", &[], "")).await, 401, none),
        (world.ask(wrong).await, 401, "session invalid"),
        (world.get("/export/version?v=1").await, 400, "v: is no parameter of this route"),
    ] {
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
        assert_eq!((&answer.json["detail"], answer.header("cache-control")), (&detail.into(), "no-store"));
    }
}
