use crate::world::{STRANGERS_SESSION, World, done, target};
use export_domain::job::{Job, Order};
use export_domain::settings::Lifecycle;
use export_domain::target::Target;
use export_domain::tenant::{AllowedTarget, Tenant};
use export_testkit::{Fault, NOW, SESSION, ask, body, claimed, ms, tenant, with};

const DAYS_8: i64 = 8 * 24 * 3_600_000;

/// A job whose files are in another bucket than the stack's.
fn elsewhere(owner: &str) -> impl FnOnce(&Job) -> Job {
    let (bucket, owner) = ("archive".to_owned(), owner.to_owned());
    move |job| {
        let job = done(job);
        let target = Target { bucket, owner, ..job.order.target.clone() };
        Job { order: Order { target, ..job.order.clone() }, ..job }
    }
}

/// The tenant's row allows `archive` as well, with an owner.
fn allow(world: &World, owner: &str) {
    let own = tenant();
    let archive =
        AllowedTarget { bucket: "archive".to_owned(), owner: owner.to_owned(), ..own.targets[0].clone() };
    world.directory.add_tenant(Tenant { targets: vec![own.targets[0].clone(), archive], ..own });
}

#[tokio::test]
async fn sessions_and_names_are_judged_before_anything_is_told() {
    let world = World::new();
    let job = world.has(&body(), done);
    let none = "no session: send X-Session-Id or Authorization: Bearer";
    for (path, session, problem) in [
        (target(&job, "files"), None, (401, none, "")),
        (target(&job, "files"), Some("0123456789abcdef"), (401, "session invalid", "")),
        (target(&job, "files"), Some(STRANGERS_SESSION), (404, "no such job", "")),
        ("/export/jobs/no-such-name/files".to_owned(), Some(SESSION), (404, "no such job", "")),
        (target(&job, "files?limit=1"), Some(SESSION), (400, "limit: is no parameter of this route", "")),
        (target(&job, "files?inline=yes"), Some(SESSION), (400, "inline: must be 0 or 1", "")),
    ] {
        let headers: Vec<(&str, &str)> = session.iter().map(|id| ("X-Session-Id", *id)).collect();
        let got = world.ask(ask("GET", &path, &headers, "")).await;
        assert_eq!(got.problem(), problem, "{path}");
        assert_eq!(got.header("content-type"), "application/problem+json");
        assert_eq!(got.header("cache-control"), "no-store");
    }
    assert_eq!(world.signed(), 0);
}

#[tokio::test]
async fn a_job_in_work_is_asked_for_again_and_one_that_failed_is_not() {
    let world = World::new();
    let waiting = world.has(&body(), |job| claimed(job, NOW));
    assert_eq!(world.below(&waiting, "files").await.problem(), (409, "not ready", "2"));
    assert_eq!(world.below(&waiting, "video?redirect=1").await.problem(), (409, "not ready", "2"));
    let cancelled = |job: &Job| job.cancelled(NOW, &Lifecycle::default()).unwrap();
    let cancelled = world.has(&with(body(), "Duration", 1), cancelled);
    let none = (409, "the job has ended without files", "");
    assert_eq!(world.below(&cancelled, "files").await.problem(), none);
}

#[tokio::test]
async fn a_job_that_is_forgotten_or_expired_is_unknown() {
    let world = World::new();
    let job = world.has(&body(), done);
    world.clock.advance(120_000);
    let forgotten = job.forgotten(NOW + ms(120_000), &Lifecycle::default()).unwrap();
    world.jobs.put(&forgotten);
    assert_eq!(world.below(&job, "files").await.problem(), (404, "no such job", ""));
    let other = world.has(&with(body(), "Duration", 1), done);
    assert_eq!(world.below(&other, "files").await.status, 200);
    world.clock.advance(DAYS_8);
    assert_eq!(world.below(&other, "files").await.problem(), (404, "no such job", ""));
}

#[tokio::test]
async fn another_bucket_is_opened_only_with_its_owner_in_the_tenants_row() {
    let world = World::new();
    let (owned, unowned) = (
        world.has(&body(), elsewhere("123456789012")),
        world.has(&with(body(), "Duration", 1), elsewhere("")),
    );
    assert_eq!(world.below(&owned, "files").await.problem(), (403, "access denied", ""));
    allow(&world, "");
    let unknown = (403, "the tenant's row does not name the account that owns the bucket", "");
    assert_eq!(world.below(&unowned, "files").await.problem(), unknown);
    assert_eq!(world.below(&owned, "files").await.problem(), (403, "access denied", ""));
    allow(&world, "210987654321");
    assert_eq!(world.below(&owned, "files").await.problem(), (403, "access denied", ""));
    allow(&world, "123456789012");
    let got = world.below(&owned, "files").await;
    assert!(got.json["video"]["url"].as_str().unwrap().starts_with("https://archive/"), "{}", got.json);
    assert_eq!(world.signed(), 2);
}

#[tokio::test]
async fn nothing_is_signed_while_the_operator_has_it_switched_off() {
    let mut world = World::new();
    world.app.signs = false;
    let job = world.has(&body(), done);
    for path in ["files", "video?redirect=1"] {
        assert_eq!(world.below(&job, path).await.problem(), (403, "download links are switched off", ""));
    }
    assert_eq!(world.objects.faults.calls("lend"), 0);
}

#[tokio::test]
async fn a_table_or_a_signer_that_does_not_answer_is_asked_again() {
    let world = World::new();
    let job = world.has(&body(), done);
    world.objects.faults.plan("lend", 1, Fault::Before);
    assert_eq!(world.below(&job, "files").await.problem(), (503, "try again", "2"));
    world.jobs.faults.plan("get", 1, Fault::Before);
    assert_eq!(world.below(&job, "files").await.problem(), (503, "try again", "2"));
    assert_eq!(world.below(&job, "files").await.status, 200);
}
