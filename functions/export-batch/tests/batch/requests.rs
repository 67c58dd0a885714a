use crate::world::{World, alone, clips};
use export_domain::tenant::{AllowedTarget, Tenant};
use export_testkit::{Fault, NOW, SESSION, ask, ms, tenant, with};
use serde_json::{Value, json};

/// A session of another tenant.
const STRANGER: &str = "11111111111111111111111111111111";

#[tokio::test]
async fn a_batch_answers_with_its_clips_and_makes_the_jobs_of_single_requests() {
    let world = World::new();
    let answer = world.submit(&clips(3)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = answer.json["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/export/batch/{id}"));
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!((&answer.json["state"], &answer.json["outcome"]), (&"RUNNING".into(), &Value::Null));
    assert_eq!(
        answer.json["counts"],
        json!({"total": 3, "pending": 0, "queued": 3, "running": 0, "waiting": 0,
        "ready": 0, "failed": 0, "cancelled": 0})
    );
    for n in 1..=3 {
        let clip = &answer.json["clips"][n - 1];
        let single = world.single(&alone(i64::try_from(n).unwrap())).await;
        assert_eq!((single.status, &single.json["JobId"]), (200, &clip["job_id"]), "{n}");
        assert_eq!(
            (&clip["n"], &clip["ref"], &clip["state"]),
            (&n.into(), &format!("r{n}").into(), &"QUEUED".into())
        );
    }
    assert_eq!(world.jobs.all().len(), 3, "the single requests made none");
}

#[tokio::test]
async fn the_same_batch_again_is_the_poll() {
    let world = World::new();
    let first = world.submit(&clips(3)).await;
    let again = world.submit(&clips(3)).await;
    assert_eq!((again.status, &again.json), (202, &first.json));
    let shown = world.get(first.header("location")).await;
    assert_eq!((shown.status, &shown.json), (200, &first.json));
    assert_eq!((world.batches.all().len(), world.jobs.all().len(), world.queue.take().len()), (1, 3, 3));
}

#[tokio::test]
async fn nothing_is_stored_of_a_refused_batch() {
    let world = World::new();
    let mut wrong = clips(14);
    wrong["clips"][12]["duration_ms"] = json!(0);
    wrong["clips"][13]["colour"] = json!("red");
    let answer = world.submit(&wrong).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"));
    assert_eq!(
        answer.json["errors"],
        json!([
            {"pointer": "/clips/12/duration_ms", "detail": "must be an integer from 1 to 14400000"},
            {"pointer": "/clips/13/colour", "detail": "is no member of this object"},
        ])
    );
    assert_eq!(answer.json["detail"], "/clips/12/duration_ms: must be an integer from 1 to 14400000");
    for (body, status) in [("{", 400), ("[]", 400), ("{\"clips\": [],}", 400)] {
        assert_eq!(world.send("POST", "/export/batch", body).await.status, status, "{body}");
    }
    let large = " ".repeat(1024 * 1024 + 1);
    assert_eq!(world.send("POST", "/export/batch", &large).await.status, 413);
    let elsewhere = with(clips(1), "target", json!({"bucket": "somebody-elses"}));
    assert_eq!(world.submit(&elsewhere).await.status, 403);
    assert_eq!(world.send("POST", "/export/batch?page=2", &clips(1).to_string()).await.status, 400);
    assert!(world.batches.all().is_empty() && world.jobs.all().is_empty());
}

#[tokio::test]
async fn a_session_is_asked_for_before_the_body_is_judged() {
    let world = World::new();
    for headers in [&[][..], &[("X-Session-Id", "0000000000000000")]] {
        for (method, target) in [
            ("POST", "/export/batch"),
            ("GET", "/export/batch"),
            ("GET", "/export/batch/x"),
            ("DELETE", "/export/batch/x"),
        ] {
            let answer = world.ask(ask(method, target, headers, "{}")).await;
            assert_eq!(answer.status, 401, "{method} {target}");
        }
    }
    let bearer = format!("Bearer {SESSION}");
    let request = ask("POST", "/export/batch", &[("Authorization", &bearer)], clips(1).to_string());
    assert_eq!(world.ask(request).await.status, 202);
}

#[tokio::test]
async fn container_and_target_are_those_of_storage_info() {
    let world = World::new();
    let other = AllowedTarget {
        bucket: "archive".to_owned(),
        region: "eu-west-1".to_owned(),
        root: "t".to_owned(),
        owner: String::new(),
    };
    let mut row = tenant();
    row.targets.push(other);
    world.directory.add_tenant(Tenant { max_active: 50, ..row });
    let target = json!({"bucket": "archive", "region": "eu-west-1", "root": "t/"});
    let answer = world.submit(&with(with(clips(1), "target", target), "container", "mp4")).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let job = world.jobs.only();
    assert_eq!(
        (job.order.target.bucket.as_str(), job.order.target.container.extension()),
        ("archive", "mp4")
    );
    assert!(job.order.video_path.ends_with("/clip 1.mp4"), "{}", job.order.video_path);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_batch() {
    let world = World::new();
    let send = async |body: &Value| {
        let headers = [("X-Session-Id", SESSION), ("Idempotency-Key", "order-7")];
        world.ask(ask("POST", "/export/batch", &headers, body.to_string())).await.status
    };
    assert_eq!((send(&clips(2)).await, send(&clips(2)).await, send(&clips(3)).await), (202, 202, 409));
    assert_eq!(world.batches.all().len(), 1);
}

#[tokio::test]
async fn a_page_shows_a_part_of_the_clips() {
    let world = World::new();
    let made = world.submit(&clips(5)).await;
    world.worked(|job| job.order.start_pos_ms == NOW - ms(2000));
    let path = made.header("location").to_owned();
    let numbers = |answer: &Value| {
        answer["clips"].as_array().unwrap().iter().map(|clip| clip["n"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let page = world.get(&format!("{path}?limit=2")).await.json;
    assert_eq!((numbers(&page), page["next"].as_str()), (vec![1, 2], Some("2")));
    let last = world.get(&format!("{path}?limit=3&cursor=2")).await.json;
    assert_eq!((numbers(&last), &last["next"]), (vec![3, 4, 5], &Value::Null));
    let failed = world.get(&format!("{path}?clips=failed")).await.json;
    assert_eq!((numbers(&failed), &failed["clips"][0]["error"]), (vec![2], &"no media in window".into()));
    assert_eq!(numbers(&world.get(&format!("{path}?clips=ready&limit=4")).await.json), [1, 3, 4, 5]);
    assert!(last["clips"][0]["video_path"].as_str().unwrap().starts_with("/export/"));
    for wrong in ["clips=some", "limit=0", "limit=501", "cursor=x", "page=2"] {
        assert_eq!(world.get(&format!("{path}?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn batches_are_listed_newest_first_and_belong_to_their_tenant() {
    let world = World::new();
    for count in 1..=3 {
        world.submit(&clips(count)).await;
        world.clock.advance(1000);
    }
    let page = world.get("/export/batch?limit=2").await.json;
    let totals: Vec<u64> =
        page["batches"].as_array().unwrap().iter().map(|batch| batch["total"].as_u64().unwrap()).collect();
    assert_eq!(totals, [3, 2]);
    let next = page["next"].as_str().unwrap();
    let rest = world.get(&format!("/export/batch?cursor={next}")).await.json;
    assert_eq!((rest["batches"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let id = rest["batches"][0]["id"].as_str().unwrap();
    let stranger = export_domain::ids::TenantId::parse("stranger").unwrap();
    world.directory.add_tenant(Tenant { id: stranger.clone(), ..tenant() });
    world.directory.add_session(STRANGER, &stranger, export_domain::time::EpochSecs::MAX);
    for method in ["GET", "DELETE"] {
        let request = ask(method, &format!("/export/batch/{id}"), &[("X-Session-Id", STRANGER)], "");
        assert_eq!(world.ask(request).await.status, 404, "{method}");
    }
    assert_eq!(world.get("/export/batch/none").await.status, 404);
}

#[tokio::test]
async fn an_outage_is_answered_with_503_and_heals() {
    for operation in ["batch", "write_batch"] {
        let world = World::new();
        world.submit(&clips(2)).await;
        world.batches.faults.plan(operation, 1, Fault::Before);
        let answer = world.submit(&clips(2)).await;
        assert_eq!((answer.status, answer.header("retry-after").is_empty()), (503, false), "{operation}");
        assert_eq!(world.submit(&clips(2)).await.status, 202);
    }
}
