use crate::world::{World, done};
use export_domain::job::{Job, Manifest};
use export_testkit::{body, thumbnail_body, with};
use serde_json::json;

const ENDS: &str = "2019-07-05T04:15:00Z";

#[tokio::test]
async fn a_ready_job_gives_a_link_to_each_file_with_what_its_manifest_says() {
    let world = World::new();
    let job = world.has(&with(with(body(), "container", "mp4"), "FileName", "Übertragung 1"), done);
    let got = world.below(&job, "files").await;
    assert_eq!((got.status, got.json["expires_at"].as_str()), (200, Some(ENDS)));
    assert_eq!((got.header("cache-control"), got.header("referrer-policy")), ("no-store", "no-referrer"));
    let (video, image) = (&got.json["video"], &got.json["image"]);
    let key = job.order.video_path.trim_start_matches('/');
    assert_eq!(
        video["url"],
        format!(
            "https://clips/{key}?video/mp4&attachment; filename=\"_bertragung 1.mp4\"; \
             filename*=UTF-8''%C3%9Cbertragung%201.mp4"
        )
    );
    assert_eq!(video["file_name"], "Übertragung 1.mp4");
    assert_eq!((&video["bytes"], &video["content_type"]), (&json!(4), &json!("video/mp4")));
    assert_eq!(video["sha256"], "0".repeat(64));
    assert!(image["url"].as_str().unwrap().contains(&job.order.image_path), "{image}");
    assert_eq!((&image["bytes"], &image["content_type"]), (&json!(3), &json!("image/jpeg")));
    assert_eq!(world.signed(), 2);
}

#[tokio::test]
async fn inline_files_are_shown_and_a_picture_alone_has_one_link() {
    let world = World::new();
    let job = world.has(&thumbnail_body(), done);
    for (query, kind) in [("", "&attachment;"), ("?inline=0", "&attachment;"), ("?inline=1", "&inline;")] {
        let got = world.below(&job, &format!("files{query}")).await;
        assert!(got.json["image"]["url"].as_str().unwrap().contains(kind), "{query}");
        assert!(got.json.get("video").is_none());
    }
    assert_eq!(world.signed(), 3);
}

#[tokio::test]
async fn the_sum_of_an_object_in_parts_is_not_shown_as_that_of_the_file() {
    let world = World::new();
    let in_parts = |job: &Job| {
        let job = done(job);
        let video = job.video.clone().map(|manifest| Manifest { parts: 2, ..manifest });
        Job { video, ..job }
    };
    let got = world.below(&world.has(&body(), in_parts), "files").await;
    assert!(got.json["video"].get("sha256").is_none() && got.json["image"].get("sha256").is_some());
}
