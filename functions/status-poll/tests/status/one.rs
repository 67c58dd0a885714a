use crate::world::{STRANGERS_SESSION, World, path};
use export_domain::intake::Intake;
use export_domain::job::{Job, Reason, State};
use export_domain::settings::{AuthMode, Lifecycle, Limits, ReplyStyle};
use export_lambda::metrics::Metrics;
use export_testkit::{
    Answered, Fault, MemoryObjects, MemoryQueue, NOW, SESSION, ask, body, claimed, post, ready, with,
};
use serde_json::Value;

type Change = fn(Job) -> Job;

#[tokio::test]
async fn a_job_in_work_is_answered_as_a_submission_would_be() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let answer = world.get(&path(&job)).await;
    assert_eq!((answer.status, answer.codes()), (200, (1, 2000)));
    assert_eq!(answer.json["JobId"], job.job_id.as_str());
    assert_eq!((answer.json["LackLength"].clone(), answer.header("retry-after")), (9000.into(), "2"));
}

#[tokio::test]
async fn a_ready_job_is_answered_with_its_paths() {
    let world = World::new();
    let job = world.has(&body(), |job| ready(&claimed(&job, NOW), NOW));
    let answer = world.get(&path(&job)).await;
    assert_eq!((answer.codes(), answer.header("retry-after")), ((5, 0), ""));
    assert_eq!(answer.json["VideoPath"], job.order.video_path.as_str());
}

#[tokio::test]
async fn unknown_foreign_expired_and_malformed_names_get_the_very_same_answer() {
    let world = World::new();
    let expired = world.has(&body(), |job| ready(&claimed(&job, NOW), NOW));
    world.clock.advance(7 * 24 * 3_600_000);
    let live = world.has(&with(body(), "Duration", 8000), |job| job);
    let foreign = ask("GET", &path(&live), &[("X-Session-Id", STRANGERS_SESSION)], "");
    let answers = [
        world.get("/export/status/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await,
        world.ask(foreign).await,
        world.get(&path(&expired)).await,
        world.get("/export/status/no-such-name").await,
        world.get(&format!("/export/status/{}", live.job_id.as_str().to_uppercase())).await,
        world.delete(&expired).await,
    ];
    assert_eq!((answers[0].status, answers[0].codes()), (404, (-1, 0)));
    assert_eq!(answers[0].json["ErrorMessage"], "no such job");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn without_a_live_session_nobody_learns_whether_a_job_exists() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let known = world.ask(ask("GET", &path(&job), &[], "")).await;
    let malformed = world.ask(ask("GET", "/export/status/x", &[], "")).await;
    assert_eq!((known.status, known.codes()), (401, (-1, 0)));
    assert_eq!(known, malformed);
}

#[tokio::test]
async fn a_session_of_a_tenant_that_is_gone_opens_nothing() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.directory.remove_tenant(&job.tenant);
    let denied = [
        world.get(&path(&job)).await,
        world.get("/export/status/no-such-name").await,
        world.get("/export/status").await,
        world.delete(&job).await,
        world.ask(post("/export/status", &body())).await,
    ];
    assert_eq!(denied.map(|answer| answer.status), [403; 5]);
    assert_eq!(world.jobs.only(), job);
}

async fn submitted(world: &World, body: &Value) -> Answered {
    let app = media_export_submit::App {
        jobs: world.jobs.clone(),
        queue: MemoryQueue::default(),
        objects: MemoryObjects::default(),
        intake: Intake {
            sessions: world.directory.clone(),
            tenants: world.directory.clone(),
            clock: world.clock.clone(),
            auth: AuthMode::Session,
            limits: Limits::default(),
            directories: None,
        },
        times: Lifecycle::default(),
        style: ReplyStyle::default(),
        metrics: Metrics::silent(),
    };
    Answered::read(app.handle(&post("/export", body)).await)
}

#[tokio::test]
async fn a_posted_body_names_the_job_that_submitting_it_made() {
    let world = World::new();
    let submitted = submitted(&world, &body()).await;
    assert_eq!(world.ask(post("/export/status", &body())).await, submitted);
    assert_eq!(
        world.get(&format!("/export/status/{}", submitted.json["JobId"].as_str().unwrap())).await,
        submitted
    );
}

#[tokio::test]
async fn a_posted_body_never_creates_restarts_or_heals_a_job() {
    let world = World::new();
    assert_eq!(world.ask(post("/export/status", &body())).await.status, 404);
    assert!(world.jobs.all().is_empty());
    let times = Lifecycle::default();
    let changes: [&dyn Fn(Job) -> Job; 2] =
        [&|job| job, &|job| claimed(&job, NOW).given_up(1, Reason::SourceAbsent, NOW, &times).unwrap()];
    for change in changes {
        let stored = world.has(&body(), change);
        world.clock.advance(120_000);
        world.ask(post("/export/status", &body())).await;
        assert_eq!(world.jobs.only(), stored);
    }
    assert_eq!(world.jobs.faults.calls("write"), 0);
}

#[tokio::test]
async fn a_posted_body_is_judged_like_a_submission() {
    let world = World::new();
    for (text, status) in [
        ("x".repeat(65_537), 413),
        ("{".to_owned(), 400),
        (with(body(), "SessionId", Value::Null).to_string(), 401),
        (with(body(), "Duration", 0).to_string(), 400),
    ] {
        let answer = world.ask(ask("POST", "/export/status", &[], text)).await;
        assert_eq!((answer.status, answer.codes()), (status, (-1, 0)));
    }
}

#[tokio::test]
async fn a_failure_that_only_a_submission_can_undo_is_final_here() {
    for reason in [Reason::SourceAbsent, Reason::TimedOut] {
        let world = World::new();
        let text = reason.to_string();
        let job = world
            .has(&body(), |job| claimed(&job, NOW).given_up(1, reason, NOW, &Lifecycle::default()).unwrap());
        let answer = world.get(&path(&job)).await;
        assert_eq!((answer.status, answer.codes()), (200, (-1, 0)));
        assert_eq!(answer.json["ErrorMessage"], text);
    }
}

#[tokio::test]
async fn a_job_past_its_deadline_has_failed_although_the_sweeper_is_dead() {
    let changes: [(Change, i64); 2] = [(|job| claimed(&job, NOW), 30 * 60_000), (|job| job, 6 * 3_600_000)];
    for (change, time) in changes {
        let world = World::new();
        let job = world.has(&body(), change);
        world.clock.advance(time);
        assert_eq!(world.get(&path(&job)).await.codes().0, 1, "{:?}", job.state);
        world.clock.advance(1);
        let answer = world.get(&path(&job)).await;
        assert_eq!((answer.codes(), &answer.json["ErrorMessage"]), ((-1, 0), &"export timed out".into()));
        let told = world.jobs.only();
        assert_eq!(told.state, State::Failed, "what was told is on record");
        assert!(told.renewed(job.fence, NOW, &Lifecycle::default()).is_err(), "for a late worker as well");
    }
}

#[tokio::test]
async fn a_commit_just_before_the_deadline_is_what_is_told_after_it() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let (table, done) = (world.jobs.clone(), ready(&job, NOW));
    world.clock.advance(30 * 60_000 + 1);
    world.jobs.faults.meanwhile("write", 1, move || table.put(&done));
    assert_eq!(world.get(&path(&job)).await.codes().0, 5);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_down_is_not_told() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    world.clock.advance(30 * 60_000 + 1);
    world.jobs.faults.always("write", Fault::Before);
    let answer = world.get(&path(&job)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.codes().1 > 0, "asking again may help");
}

#[tokio::test]
async fn a_table_that_is_down_answers_503() {
    for operation in ["session", "get"] {
        let world = World::new();
        let job = world.has(&body(), |job| job);
        world.jobs.faults.always(operation, Fault::Before);
        world.directory.faults.always(operation, Fault::Before);
        let answer = world.get(&path(&job)).await;
        assert_eq!((answer.status, answer.codes()), (503, (-1, 2000)), "{operation}");
    }
}

#[tokio::test]
async fn a_bearer_token_is_a_session() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let bearer = format!("Bearer {SESSION}");
    let answer = world.ask(ask("GET", &path(&job), &[("Authorization", &bearer)], "")).await;
    assert_eq!(answer.status, 200);
}
