//! Lists of recordings.

use crate::world::{STRANGERS_SESSION, World, problem};
use export_testkit::Fault;
use serde_json::{Value, json};

const UPDATED: &str = "2019-07-05T04:13:20Z";

fn found(paths: &[&str]) -> Value {
    paths.iter().map(|path| json!({"live_path": path, "updated": UPDATED})).collect()
}

#[tokio::test]
async fn a_folder_gives_its_folders_and_the_recordings_in_them() {
    let world = World::new();
    world.has(&["mp4/a/1/stream.mpd", "mp4/a/1/1.m4s", "mp4/b/2/manifest.mpd", "mp4/c/x/y/stream.mpd"]);
    world.has(&[
        "mp4/own.mpd",
        "mp4/readme.txt",
        "mp4/d/stream.mpd",
        "mp4/d/manifest.mpd",
        "live/stream.mpd",
    ]);
    for under in ["mp4", "mp4/"] {
        let answered = world.get(&format!("/recordings?under={under}")).await;
        let page = json!({
            "folders": ["mp4/a/", "mp4/b/", "mp4/c/"],
            "recordings": found(&["mp4/own.mpd", "mp4/d/stream.mpd", "mp4/d/manifest.mpd"]),
            "next": null,
        });
        assert_eq!((answered.status, answered.json), (200, page));
        assert_eq!(answered.headers["cache-control"], "no-store");
    }
    let top = world.get("/recordings").await.json;
    assert_eq!((&top["folders"], &top["recordings"]), (&json!(["mp4/"]), &found(&["live/stream.mpd"])));
    let below = world.get("/recordings?under=mp4/b").await.json;
    assert_eq!(below["recordings"], found(&["mp4/b/2/manifest.mpd"]));
    let nowhere = world.get("/recordings?under=mp5").await;
    assert_eq!((nowhere.status, nowhere.json), (200, json!({"folders": [], "recordings": [], "next": null})));
}

#[tokio::test]
async fn pages_together_give_every_name_once() {
    let world = World::new();
    for n in 0..23 {
        world.has(&[&format!("mp4/{n:02}/{}", if n % 3 == 0 { "stream.mpd" } else { "x/stream.mpd" })]);
        world.has(&[&format!("mp4/{n:02}0/x/stream.mpd"), &format!("mp4/{n:02}-.mpd")]);
    }
    for limit in [1, 2, 7, 200] {
        let (mut names, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = world.get(&format!("/recordings?under=mp4&limit={limit}&cursor={cursor}")).await.json;
            let folders = page["folders"].as_array().unwrap().iter();
            let recordings = page["recordings"].as_array().unwrap().iter().map(|each| &each["live_path"]);
            names.extend(folders.chain(recordings).map(|name| name.as_str().unwrap().to_owned()));
            pages += 1;
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(names.len(), 69, "{limit}");
        names.sort();
        names.dedup();
        assert_eq!((names.len(), pages), (69, 69_usize.div_ceil(limit)), "{limit}");
    }
}

#[tokio::test]
async fn the_segments_of_a_recording_are_never_listed() {
    let world = World::new();
    let segments: Vec<String> = (0..10_000).map(|n| format!("mp4/device/1/seg-{n:05}.m4s")).collect();
    world.has(&segments.iter().map(String::as_str).collect::<Vec<_>>());
    world.has(&["mp4/device/1/stream.mpd"]);
    for under in ["mp4/device", "mp4/device/1"] {
        let before = world.looks();
        let page = world.get(&format!("/recordings?under={under}")).await.json;
        assert_eq!(page["recordings"], found(&["mp4/device/1/stream.mpd"]), "{under}");
        assert!(world.looks() - before <= 9, "{under}");
    }
}

#[tokio::test]
async fn a_name_that_no_request_can_give_is_left_out_and_counted() {
    let world = World::new();
    world.has(&[
        "mp4/%2e%2e/stream.mpd",
        "mp4/caf\u{e9}.mpd",
        "mp4/ok/stream.mpd",
        "mp4//stream.mpd",
        "mp4/../x.mpd",
    ]);
    let page = world.get("/recordings?under=mp4").await.json;
    assert_eq!((&page["recordings"], &page["left_out"]), (&found(&["mp4/ok/stream.mpd"]), &json!(4)));
}

#[tokio::test]
async fn hostile_questions_are_refused_before_the_store_is_asked() {
    let world = World::new();
    for (query, detail) in [
        ("under=..", "under: must be a relative path of at most 15 segments: a segment is . or .."),
        (
            "under=mp4/../../archive2",
            "under: must be a relative path of at most 15 segments: a segment is . or ..",
        ),
        (
            "under=%2e%2e%2farchive2",
            "under: must be a relative path of at most 15 segments: a segment is . or ..",
        ),
        ("under=/x", "under: must be a relative path of at most 15 segments: it begins with /"),
        ("under=a//b", "under: must be a relative path of at most 15 segments: a segment is empty"),
        ("under=s3://x", "under: must be a relative path of at most 15 segments: it is a URL"),
        ("under=a%00b", "under: has a character that is not allowed, at position 2"),
        (
            "under=1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
            "under: must be a relative path of at most 15 segments: it has more segments",
        ),
        ("limit=0", "limit: must be a number from 1 to 200"),
        ("limit=201", "limit: must be a number from 1 to 200"),
        ("cursor=%25", "cursor: is not one of ours"),
        ("cursor=Li4vYXJjaGl2ZTI", "cursor: is not one of ours"),
        ("page=2", "page: is no parameter of this route"),
    ] {
        let answered = world.get(&format!("/recordings?{query}")).await;
        assert_eq!(problem(&answered), (400, detail), "{query}");
    }
    assert_eq!(world.looks(), 0);
}

#[tokio::test]
async fn a_session_sees_its_own_tenants_recordings_alone() {
    let world = World::new();
    world.has(&["mp4/1/stream.mpd"]);
    let theirs = world.get_as(STRANGERS_SESSION, "/recordings?under=mp4").await;
    assert_eq!((theirs.status, &theirs.json["recordings"]), (200, &json!([])));
    let nobody = world.get_as("22222222222222222222222222222222", "/recordings").await;
    assert_eq!(problem(&nobody), (401, "session invalid"));
    let without = world.get_as("", "/recordings").await;
    assert_eq!(without.status, 401);
}

#[tokio::test]
async fn nothing_is_told_where_the_operator_does_not_want_it() {
    let mut world = World::new();
    world.app.access = false;
    for target in ["/recordings", "/recordings/mp4/1/stream.mpd"] {
        assert_eq!(problem(&world.get(target).await), (403, "recordings access is switched off"), "{target}");
        assert_eq!(world.get_as("22222222222222222222222222222222", target).await.status, 401);
    }
    assert!(world.objects.calls().is_empty());
}

#[tokio::test]
async fn a_store_that_refuses_or_is_silent_says_so() {
    let world = World::new();
    world.has(&["mp4/1/stream.mpd"]);
    world.objects.faults.always("written_at", Fault::Before);
    let silent = world.get("/recordings?under=mp4").await;
    assert_eq!((problem(&silent), silent.header("retry-after")), ((503, "try again"), "2"));
    let world = World::new();
    world.objects.deny("recordings");
    assert_eq!(problem(&world.get("/recordings?under=mp4").await), (403, "access denied"));
}
