//! The edit list of a clip.

use crate::world::World;
use export_domain::job::{DeliveredWindow, Job, Manifest, PlanSummary, Reason};
use export_domain::settings::Lifecycle;
use export_testkit::{NOW, body, claimed, manifest, ms, ready, reel_job, tenant, thumbnail_body};
use serde_json::json;

/// A reel whose second window was left out.
fn reel(world: &World) -> Job {
    let job =
        claimed(&reel_job(&tenant(), &body(), &[(14_000, 2000), (99_000, 1000), (8000, 3000)], NOW), NOW);
    let made = |at: i64, length: i64| DeliveredWindow {
        at_ms: ms(at),
        length_ms: ms(length),
        lack_ms: ms(0),
        warnings: Vec::new(),
        left_out: (length == 0).then_some(Reason::NoMedia),
    };
    let windows = vec![made(0, 2000), made(2000, 0), made(2000, 3000)];
    let video = Manifest { duration_ms: ms(5000), windows, ..manifest(4) };
    let job = job.with_video(job.fence, video, PlanSummary::default(), NOW, &Lifecycle::default()).unwrap();
    world.jobs.put(&job);
    job
}

#[tokio::test]
async fn a_reels_resource_has_its_windows_and_lists_have_their_number() {
    let world = World::new();
    let job = reel(&world);
    let shown = world.get(&format!("/export/jobs/{}", job.job_id)).await.json;
    let window = &shown["windows"][2];
    assert_eq!(
        (&window["n"], &window["name"], &window["at_ms"]),
        (&3.into(), &"window 3".into(), &2000.into())
    );
    assert_eq!(shown["windows"][1]["left_out"], "no media in window");
    let listed = &world.get("/export/jobs").await.json["jobs"][0];
    assert_eq!((&listed["request"]["window_count"], listed.get("windows")), (&3.into(), None));
}

#[tokio::test]
async fn an_edit_list_comes_in_three_forms() {
    let world = World::new();
    let job = reel(&world);
    let path = format!("/export/jobs/{}/edit", job.job_id);
    let plain = world.get(&path).await;
    assert_eq!((plain.status, plain.header("content-type")), (200, "application/json"));
    let events: Vec<_> =
        plain.json["events"].as_array().unwrap().iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!((events, &plain.json["duration_ms"]), (vec![1, 3], &5000.into()));
    assert_eq!(plain.json["events"][1]["record_start_ms"], 2000);
    let edl = world.get(&format!("{path}?format=edl&fps=25")).await;
    assert!(edl.header("content-disposition").contains("test.ts.edl"), "{:?}", edl.headers);
    assert!(edl.text.contains(" 00:00:08:00 00:00:11:00 01:00:02:00 01:00:05:00\r\n"), "{}", edl.text);
    let otio = world.get(&format!("{path}?format=otio")).await;
    assert_eq!((otio.status, &otio.json["OTIO_SCHEMA"]), (200, &"Timeline.1".into()));
}

#[tokio::test]
async fn an_edit_list_needs_a_clip_and_options_that_fit() {
    let world = World::new();
    let waits = world.has(&body(), |job| claimed(&job, NOW));
    let path = |job: &Job| format!("/export/jobs/{}/edit", job.job_id);
    let early = world.get(&path(&waits)).await;
    assert_eq!((early.status, early.header("retry-after").is_empty()), (409, false));
    let picture = world.has(&thumbnail_body(), |job| ready(&claimed(&job, NOW), NOW));
    let none = world.get(&path(&picture)).await;
    assert_eq!((none.status, &none.json["detail"]), (409, &json!("the job has no clip")));
    let clip = world.has(&body(), |job| ready(&claimed(&job, NOW), NOW));
    for wrong in
        ["format=xml", "fps=25", "format=edl", "format=edl&fps=25&df=1", "format=otio&df=1", "page=2"]
    {
        assert_eq!(world.get(&format!("{}?{wrong}", path(&clip))).await.status, 400, "{wrong}");
    }
    assert_eq!(world.get(&format!("{}?format=edl&fps=29.97&df=1", path(&clip))).await.status, 200);
    assert_eq!(world.get("/export/jobs/none/edit").await.status, 404);
}
