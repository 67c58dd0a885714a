use crate::world::{STRANGERS_SESSION, World, path, stranger};
use export_domain::job::{Job, State};
use export_domain::settings::Lifecycle;
use export_testkit::{Answered, Fault, NOW, ask, body, claimed, ms, ready, with};

/// Stores five jobs, one a second.
fn five(world: &World) -> Vec<Job> {
    let at = |n: i64| {
        world.has(&with(body(), "Duration", 1000 + n), |job| Job { created_at: NOW + ms(n * 1000), ..job })
    };
    (0..5).map(at).collect()
}

fn names(answer: &Answered) -> Vec<String> {
    let jobs = answer.json["jobs"].as_array().unwrap();
    jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

fn newest_first(jobs: &[Job]) -> Vec<String> {
    jobs.iter().rev().map(|job| job.job_id.to_string()).collect()
}

#[tokio::test]
async fn a_list_is_the_tenants_jobs_newest_first() {
    let world = World::new();
    let jobs = five(&world);
    let answer = world.get("/export/status").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(names(&answer), newest_first(&jobs));
    assert!(answer.json["next"].is_null());
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let world = World::new();
    let jobs = five(&world);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for expected in [2, 2, 1] {
        let page = world.get(&format!("/export/status?limit=2&cursor={cursor}")).await;
        assert_eq!(names(&page).len(), expected);
        seen.extend(names(&page));
        cursor = page.json["next"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((seen, cursor), (newest_first(&jobs), String::new()));
}

#[tokio::test]
async fn a_strangers_cursor_shows_nothing_of_the_stranger() {
    let world = World::new();
    for job in five(&world).iter().step_by(2) {
        world.jobs.put(&Job { tenant: stranger(), ..job.clone() });
    }
    let theirs = ask("GET", "/export/status?limit=1", &[("X-Session-Id", STRANGERS_SESSION)], "");
    let theirs = world.ask(theirs).await;
    let cursor = theirs.json["next"].as_str().unwrap();
    let page = world.get(&format!("/export/status?cursor={cursor}")).await;
    let own: Vec<String> = world
        .jobs
        .all()
        .into_iter()
        .filter(|job| job.tenant != stranger())
        .map(|job| job.job_id.to_string())
        .collect();
    assert_eq!(page.status, 200);
    assert!(!names(&page).is_empty() && names(&page).iter().all(|name| own.contains(name)));
}

#[tokio::test]
async fn a_list_may_be_of_one_state() {
    let world = World::new();
    let times = Lifecycle::default();
    let ready = world.has(&with(body(), "Duration", 1), |job| ready(&claimed(&job, NOW), NOW));
    let cancelled = world.has(&with(body(), "Duration", 2), |job| job.cancelled(NOW, &times).unwrap());
    world.has(&with(body(), "Duration", 3), |job| job);
    assert_eq!(names(&world.get("/export/status?state=READY").await), [ready.job_id.as_str()]);
    assert_eq!(names(&world.get("/export/status?state=CANCELLED").await), [cancelled.job_id.as_str()]);
    assert_eq!(names(&world.get("/export/status?state=RUNNING").await).len(), 0);
}

#[tokio::test]
async fn a_job_in_a_state_that_only_a_newer_version_knows_is_listed_and_answered_as_in_work() {
    let world = World::new();
    let unknown = world.has(&body(), |job| Job { state: State::Unknown, ..job });
    world.clock.advance(24 * 3_600_000);
    assert_eq!(names(&world.get("/export/status").await), [unknown.job_id.as_str()]);
    assert_eq!(world.get("/export/status?state=UNKNOWN").await.json["jobs"][0]["state"], "UNKNOWN");
    let answer = world.get(&path(&unknown)).await;
    assert_eq!((answer.status, answer.codes()), (200, (1, 2000)));
    assert_eq!(world.jobs.only(), unknown);
}

#[tokio::test]
async fn a_list_shows_jobs_as_they_count_now() {
    let world = World::new();
    world.has(&body(), |job| claimed(&job, NOW));
    let done = world.has(&with(body(), "Duration", 1), |job| ready(&claimed(&job, NOW), NOW));
    world.clock.advance(31 * 60_000);
    let failed = world.get("/export/status?state=FAILED").await;
    assert_eq!(failed.json["jobs"][0]["error"], "export timed out");
    world.clock.advance(7 * 24 * 3_600_000);
    assert!(!names(&world.get("/export/status").await).contains(&done.job_id.to_string()));
}

#[tokio::test]
async fn what_is_no_list_is_refused_as_a_problem() {
    let world = World::new();
    for query in
        ["limit=0", "limit=201", "limit=x", "limit=-1", "state=ready", "state=x", "cursor=%%", "cursor=YQ"]
    {
        let answer = world.get(&format!("/export/status?{}", query.replace("%%", "!!"))).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "application/problem+json"),
            "{query}"
        );
        assert!(answer.json["detail"].as_str().unwrap().starts_with(query.split('=').next().unwrap()));
    }
    let anonymous = world.ask(ask("GET", "/export/status", &[], "")).await;
    assert_eq!((anonymous.status, anonymous.header("content-type")), (401, "application/problem+json"));
    for operation in ["list", "session"] {
        let world = World::new();
        world.jobs.faults.always(operation, Fault::Before);
        world.directory.faults.always(operation, Fault::Before);
        let answer = world.get("/export/status").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{operation}");
    }
}

#[tokio::test]
async fn a_list_never_shows_in_work_what_has_ended() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    let (table, ended) = (world.jobs.clone(), ready(&claimed(&job, NOW), NOW));
    world.jobs.faults.meanwhile("get", 1, move || table.put(&ended));
    let answer = world.get("/export/status").await;
    assert_eq!(answer.json["jobs"][0]["state"], "READY", "the index may be late, the table is not");
}
