use crate::world::{World, path};
use export_domain::job::{Hole, Job, Manifest, PlanSummary, STILL};
use export_domain::resource::MEDIA_TYPE;
use export_domain::settings::Lifecycle;
use export_testkit::{Answered, NOW, body, claimed, ms, progressed, ready, with};
use serde_json::json;

async fn resource(world: &World, job: &Job) -> Answered {
    world.send("GET", &path(job), ("Accept", MEDIA_TYPE)).await
}

#[tokio::test]
async fn a_client_that_accepts_it_gets_the_job_resource() {
    let world = World::new();
    let job = world.has(&body(), |job| progressed(&claimed(&job, NOW), 4500, NOW + ms(1000)));
    let answer = resource(&world, &job).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, MEDIA_TYPE));
    assert_eq!((&answer.json["id"], &answer.json["state"]), (&job.job_id.as_str().into(), &"RUNNING".into()));
    assert_eq!((&answer.json["percent"], &answer.json["generation"]), (&50.into(), &1.into()));
    assert_eq!(answer.json["phase"], "encoding");
    assert_eq!(answer.json["created"], "2019-07-05T04:13:20Z");
    assert_eq!(answer.json["updated"], "2019-07-05T04:13:21Z");
    assert_eq!(answer.json["request"]["duration_ms"], 9000);
}

#[tokio::test]
async fn the_resource_goes_to_those_that_name_it_and_do_not_refuse_it() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let (loud, refused) = (MEDIA_TYPE.to_uppercase(), format!("*/*, {MEDIA_TYPE};q=0"));
    let listed = format!("application/json, {MEDIA_TYPE}");
    for (accept, is_resource) in [
        (&loud, true),
        (&listed, true),
        (&refused, false),
        (&"*/*".to_owned(), false),
        (&String::new(), false),
    ] {
        let answer = world.send("GET", &path(&job), ("Accept", accept)).await;
        assert_eq!(answer.header("content-type") == MEDIA_TYPE, is_resource, "{accept}");
    }
}

#[tokio::test]
async fn a_resource_has_the_headers_of_the_reply_about_the_same_job() {
    let world = World::new();
    let running = world.has(&body(), |job| claimed(&job, NOW));
    let done = world.has(&with(body(), "Duration", 1), |job| ready(&claimed(&job, NOW), NOW));
    for (job, wait) in [(running, "2"), (done, "")] {
        let (resource, reply) = (resource(&world, &job).await, world.get(&path(&job)).await);
        assert_eq!(
            (resource.header("location"), resource.header("retry-after")),
            (path(&job).as_str(), wait)
        );
        for name in ["location", "retry-after", "cache-control", "x-content-type-options"] {
            assert_eq!(resource.header(name), reply.header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_ready_resource_names_its_files_and_what_they_lack() {
    let world = World::new();
    let job = world.has(&body(), |job| ready(&claimed(&job, NOW), NOW));
    let answer = resource(&world, &job).await;
    assert_eq!((&answer.json["state"], &answer.json["percent"]), (&"READY".into(), &100.into()));
    assert_eq!((&answer.json["delivered_ms"], &answer.json["lack_ms"]), (&9000.into(), &0.into()));
    assert_eq!(answer.json["video_path"], job.order.video_path.as_str());
    assert_eq!(answer.json["image_path"], job.order.image_path.as_str());
    assert_eq!((&answer.json["file_name"], &answer.json["container"]), (&"test.ts".into(), &"ts".into()));
    assert_eq!(answer.json["bytes"], job.video.as_ref().unwrap().bytes);
}

#[tokio::test]
async fn a_resource_of_a_job_that_waits_says_until_when() {
    let world = World::new();
    let waits = |job: Job| {
        let waits =
            claimed(&job, NOW).waiting(1, NOW + ms(60_000), ms(4000), NOW, &Lifecycle::default()).unwrap();
        waits.at_live_edge(Some(NOW - ms(2000)))
    };
    let job = world.has(&body(), waits);
    let told = resource(&world, &job).await.json;
    assert_eq!((&told["ready_after"], &told["phase"]), (&"2019-07-05T04:14:20Z".into(), &"waiting".into()));
    assert_eq!((&told["live_edge_ms"], &told["percent"]), (&(NOW - ms(2000)).get().into(), &0.into()));
    let thumbnail = world.has(&with(body(), "FetchMedia", false), |job| job);
    let answer = resource(&world, &thumbnail).await;
    for absent in ["ready_after", "live_edge_ms", "file_name", "container", "bytes", "holes"] {
        assert_eq!(answer.json.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_ready_resource_names_the_holes_of_its_window_and_no_step() {
    let world = World::new();
    let lacks = |job: Job| {
        let ready = ready(&claimed(&job, NOW), NOW);
        let holes =
            vec![Hole { at_ms: ms(1000), length_ms: ms(40) }, Hole { at_ms: ms(8000), length_ms: ms(1000) }];
        Job {
            video: ready.video.clone().map(|video| Manifest { lack_ms: ms(1040), holes, ..video }),
            ..ready
        }
    };
    let job = world.has(&body(), lacks);
    let start = job.order.start_pos_ms;
    let told = resource(&world, &job).await.json;
    let hole = |at: i64, length: i64| json!({ "start_pos_ms": start + ms(at), "duration_ms": length });
    assert_eq!(told["holes"], json!([hole(1000, 40), hole(8000, 1000)]));
    assert_eq!(told.get("phase"), None);
}

#[tokio::test]
async fn the_pictures_plan_that_an_earlier_version_stored_is_not_the_clips() {
    let world = World::new();
    let still = PlanSummary { kind: STILL.to_owned(), ..PlanSummary::default() };
    let job = world.has(&body(), |job| Job { plan: Some(still.clone()), ..claimed(&job, NOW) });
    assert_eq!(resource(&world, &job).await.json.get("plan"), None);
    let picture = world.has(&with(body(), "FetchMedia", false), |job| Job {
        plan: Some(still.clone()),
        ..ready(&claimed(&job, NOW), NOW)
    });
    assert_eq!(resource(&world, &picture).await.json["plan"]["kind"], STILL);
}

#[tokio::test]
async fn a_resource_names_neither_bucket_nor_user_nor_session() {
    let world = World::new();
    let body = with(body(), "userid", "someone@example.com");
    let job = world.has(&body, |job| job);
    let answer = resource(&world, &job).await;
    for secret in ["clips", "recordings", "someone", export_testkit::SESSION] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_failed_resource_says_why_and_has_no_paths() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    world.clock.advance(31 * 60_000);
    let answer = resource(&world, &job).await;
    assert_eq!(
        (&answer.json["state"], &answer.json["error"]),
        (&"FAILED".into(), &"export timed out".into())
    );
    assert!(answer.json.get("image_path").is_none() && answer.json.get("video_path").is_none());
}
