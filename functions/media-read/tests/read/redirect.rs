use crate::world::{World, done, target};
use export_domain::ids::TenantId;
use export_domain::settings::AuthMode;
use export_testkit::{SESSION, ask, body, thumbnail_body};

#[tokio::test]
async fn a_session_as_a_bearer_token_is_redirected_to_the_clip() {
    let world = World::new();
    let job = world.has(&body(), done);
    let got = world.below(&job, "video?redirect=1&inline=1").await;
    assert_eq!(got.status, 302);
    assert!(got.header("location").starts_with("https://clips/export/"), "{}", got.header("location"));
    assert!(got.header("location").contains("&inline;"));
    assert_eq!((got.header("cache-control"), got.header("referrer-policy")), ("no-store", "no-referrer"));
    assert_eq!(world.signed(), 1);
}

#[tokio::test]
async fn a_session_that_a_client_would_send_on_to_s3_is_refused() {
    let world = World::new();
    let job = world.has(&body(), done);
    let bearer = format!("Bearer {SESSION}");
    let both = [("X-Session-Id", SESSION), ("Authorization", bearer.as_str())];
    for headers in [&both[..1], &both] {
        let got = world.ask(ask("GET", &target(&job, "video?redirect=1"), headers, "")).await;
        let why = "X-Session-Id: is sent on by clients that follow a redirect: send the session as Authorization: Bearer";
        assert_eq!(got.problem(), (400, why, ""));
    }
    for query in ["", "?redirect=0", "?redirect=true", "?inline=1"] {
        let got = world.below(&job, &format!("video{query}")).await;
        assert_eq!(got.problem(), (400, "redirect: must be 1", ""), "{query}");
    }
    assert_eq!(world.signed(), 0);
}

#[tokio::test]
async fn without_sessions_there_is_none_to_leak() {
    let mut world = World::new();
    world.app.intake.auth = AuthMode::None(TenantId::parse("demo").unwrap());
    let job = world.has(&body(), done);
    assert_eq!(world.ask(ask("GET", &target(&job, "video?redirect=1"), &[], "")).await.status, 302);
}

#[tokio::test]
async fn a_job_for_a_picture_has_no_clip_to_redirect_to() {
    let world = World::new();
    let job = world.has(&thumbnail_body(), done);
    let got = world.below(&job, "video?redirect=1").await;
    assert_eq!(got.problem(), (409, "the job has no clip: only a picture was asked for", ""));
}
