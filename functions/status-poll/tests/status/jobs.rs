use crate::world::{STRANGERS_SESSION, World, path};
use export_domain::job::Job;
use export_domain::resource::MEDIA_TYPE;
use export_domain::settings::{Lifecycle, ReplyStyle};
use export_testkit::{Answered, NOW, SESSION, ask, body, claimed, ms, ready, with};

fn resource_path(job: &Job) -> String {
    format!("/export/jobs/{}", job.job_id)
}

fn ids(page: &Answered) -> Vec<&str> {
    page.json["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect()
}

/// Stores `count` jobs, one a second; every `nth` is cancelled.
fn many(world: &World, count: i64, nth: i64) {
    for n in 0..count {
        world.has(&with(body(), "Duration", 1000 + n), |job| {
            let job = Job { created_at: NOW + ms(n * 1000), ..job };
            if n % nth == 0 {
                job.cancelled(NOW, &Lifecycle::default()).unwrap()
            } else {
                ready(&claimed(&job, NOW), NOW)
            }
        });
    }
}

#[tokio::test]
async fn a_job_is_what_its_media_type_gives_as_plain_json() {
    let world = World::new();
    let running = world.has(&body(), |job| claimed(&job, NOW));
    let done = world.has(&with(body(), "Duration", 1), |job| ready(&claimed(&job, NOW), NOW));
    for job in [running, done] {
        let typed = world.send("GET", &path(&job), ("Accept", MEDIA_TYPE)).await;
        for accept in ["*/*", "application/json", "text/html", MEDIA_TYPE] {
            let plain = world.send("GET", &resource_path(&job), ("Accept", accept)).await;
            assert_eq!((plain.status, plain.header("content-type")), (200, "application/json"), "{accept}");
            assert_eq!(plain.json, typed.json);
            assert_eq!(plain.header("retry-after"), typed.header("retry-after"));
            assert_eq!((plain.header("location"), plain.header("cache-control")), ("", "no-store"));
        }
    }
}

#[tokio::test]
async fn a_delete_gives_the_cancelled_job() {
    let world = World::new();
    let job = world.has(&body(), |job| claimed(&job, NOW));
    let answer = world.send("DELETE", &resource_path(&job), ("Accept", "*/*")).await;
    assert_eq!((answer.status, &answer.json["state"]), (200, &"CANCELLED".into()));
    assert_eq!(answer.json["id"], job.job_id.as_str());
}

#[tokio::test]
async fn refusals_are_problems_whatever_the_tvu_routes_answer() {
    let mut world = World::new();
    world.app.style = ReplyStyle { always_200: true, ..ReplyStyle::default() };
    let job = world.has(&body(), |job| job);
    let stranger = ask("GET", &resource_path(&job), &[("X-Session-Id", STRANGERS_SESSION)], "");
    let anonymous = ask("DELETE", &resource_path(&job), &[], "");
    let wrong = ask("GET", &resource_path(&job), &[("X-Session-Id", "0123456789abcdef")], "");
    let none = "no session: send X-Session-Id or Authorization: Bearer";
    for (answer, status, detail) in [
        (world.get("/export/jobs/no-such-name").await, 404, "no such job"),
        (world.ask(stranger).await, 404, "no such job"),
        (world.ask(wrong).await, 401, "session invalid"),
        (world.ask(anonymous).await, 401, none),
        (world.ask(ask("GET", "/export/jobs", &[], "")).await, 401, none),
        (world.get("/export/jobs?limit=0").await, 400, "limit: must be a number from 1 to 200"),
        (
            world.get("/export/jobs?state=ready").await,
            400,
            "state: must be QUEUED, RUNNING, WAITING_SOURCE, READY, FAILED or CANCELLED",
        ),
    ] {
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
        assert_eq!(answer.json["detail"], detail);
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_by_its_name() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    for (target, name) in [
        ("/export/jobs?page=2".to_owned(), "page"),
        ("/export/jobs?limit=5&State=READY".to_owned(), "State"),
        (format!("{}?limit=5", resource_path(&job)), "limit"),
        (format!("{}?%66ormat=csv", resource_path(&job)), "format"),
    ] {
        let answer = world.get(&target).await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.json["detail"], format!("{name}: is no parameter of this route"));
    }
    for target in ["/export/status?page=2".to_owned(), format!("{}?page=2", path(&job))] {
        assert_eq!(world.get(&target).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn a_page_of_one_state_is_filled_up() {
    let world = World::new();
    many(&world, 30, 7);
    let all = world.get("/export/jobs?state=CANCELLED").await;
    assert_eq!((ids(&all).len(), all.json["next"].is_null()), (5, true));
    let (mut seen, mut cursor, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = world.get(&format!("/export/jobs?state=CANCELLED&limit=2&cursor={cursor}")).await;
        sizes.push(ids(&page).len());
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page.json["next"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!((seen, sizes), (ids(&all).into_iter().map(str::to_owned).collect(), vec![2, 2, 1]));
    let first = world.get("/export/status?state=CANCELLED&limit=2").await;
    assert!(ids(&first).len() < 2, "the older route counts before it leaves out");
}

#[tokio::test]
async fn a_page_of_a_rare_state_ends_after_five_queries_and_goes_on_from_there() {
    let world = World::new();
    many(&world, 1201, 1201);
    let first = world.get("/export/jobs?state=CANCELLED&limit=1").await;
    assert_eq!(ids(&first).len(), 0);
    let next = first.json["next"].as_str().unwrap();
    let second = world.get(&format!("/export/jobs?state=CANCELLED&limit=1&cursor={next}")).await;
    assert_eq!((ids(&second).len(), second.json["next"].is_null()), (1, true));
}

#[tokio::test]
async fn without_a_state_a_page_is_that_of_the_older_route() {
    let world = World::new();
    many(&world, 5, 2);
    for query in ["", "?limit=2", "?limit=&state=&cursor="] {
        let (new, old) = (
            world.get(&format!("/export/jobs{query}")).await,
            world.get(&format!("/export/status{query}")).await,
        );
        assert_eq!((new.status, &new.json), (200, &old.json), "{query}");
    }
    let session = ask("GET", "/export/jobs", &[("Authorization", &format!("Bearer {SESSION}"))], "");
    assert_eq!(world.ask(session).await.status, 200);
}
