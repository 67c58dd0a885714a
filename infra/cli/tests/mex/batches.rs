//! Lists of clips, and retries.

use crate::fake::{Fake, json};
use crate::run::{
    Home, JOB, OTHER, PATH, content, failed, files, files_route, in_work, job_route, mex, ready, recording,
    sum,
};
use serde_json::{Value, json};
use std::fs;

const BATCH: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const EDL: &str = "TITLE: selects\n001  AX  V  C  00:00:07:08 00:00:09:08 01:00:00:00 01:00:02:00\n* FROM CLIP NAME: goal\n";

fn clip(n: usize, job: &str, state: &str) -> Value {
    let error = (state == "FAILED").then_some("no media in window");
    json!({
        "n": n, "ref": null, "name": format!("c{n}"), "live_path": PATH, "job_id": job, "state": state,
        "start_pos_ms": 1_562_252_828_133_i64, "duration_ms": 2000, "lack_ms": null, "image_path": null, "video_path": null,
        "error": error, "detail": null
    })
}

fn batch(clips: &[Value], ready: usize, failed: usize) -> Value {
    let pending = 2 - ready - failed;
    json!({
        "id": BATCH, "state": if pending == 0 { "DONE" } else { "RUNNING" }, "outcome": null, "generation": 1, "created": "", "updated": "",
        "percent": ready * 50, "clips": clips, "next": null, "skipped": [{ "n": 3, "why": "the track has no picture" }], "warnings": [],
        "counts": { "total": 2, "pending": 0, "queued": 0, "running": pending, "waiting": 0, "ready": ready, "failed": failed, "cancelled": 0 }
    })
}

/// A service whose batch ends with the second clip in `state`.
fn service(state: &str) -> Fake {
    let (fake, bytes) = (Fake::start(), content(1000));
    let clips = [clip(1, JOB, "READY"), clip(2, OTHER, state)];
    let failed = usize::from(state == "FAILED");
    let done = batch(&clips, 2 - failed, failed);
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(200, &recording())])
        .on("POST /export/batch", vec![json(202, &batch(&[], 0, 0))])
        .on(
            &format!("GET /export/batch/{BATCH}?limit=1"),
            vec![json(200, &batch(&[], 1, 0)), json(200, &done)],
        )
        .on(&format!("GET /export/batch/{BATCH}?limit=500"), vec![json(200, &done)]);
    for id in [JOB, OTHER] {
        let mut linked = files(&fake, &bytes, Some(sum(&bytes)));
        linked["video"]["file_name"] = format!("{}.mp4", &id[..2]).into();
        fake.on(&files_route(id), vec![json(200, &linked)]);
    }
    fake.on(
        "GET /store?secret=link",
        vec![crate::fake::Reply::File { bytes, most: usize::MAX, ranges: true }],
    );
    fake
}

fn body(fake: &Fake) -> Value {
    serde_json::from_str(&fake.seen("POST /export/batch")[0].body).unwrap()
}

#[test]
fn an_edit_list_becomes_files() {
    let (home, fake) = (Home::new(), service("READY"));
    fs::write(home.file("cuts.edl"), EDL).unwrap();
    let ran = mex(&home, &fake, &["batch", "cuts.edl", PATH, "-o", "clips/"]).ended(0);
    let expected = json!({
        "live_path": PATH, "container": "mp4", "zero": "2019-07-04T15:07:00.833Z", "edl": { "fps": "25", "text": EDL }
    });
    assert_eq!(body(&fake), expected);
    assert!(
        ran.stderr.starts_with(
            "no clip of entry 3: the track has no picture\nbatch bbbbbbbb: 0 of 2 clips ready, 2 running\n"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.text().lines().count(), 2, "{}", ran.text());
    assert!(home.file("clips/m5.mp4").exists() && home.file("clips/aa.mp4").exists());
    let ran =
        mex(&home, &service("READY"), &["batch", "cuts.edl", PATH, "-q", "-o", "{n}-{id}.mp4"]).ended(0);
    assert_eq!(ran.text(), format!("1-{JOB}.mp4\n2-{OTHER}.mp4\n"));
}

#[test]
fn a_table_and_json_become_clips() {
    let home = Home::new();
    fs::write(home.file("t.csv"), "start,duration\n7.3,2\n").unwrap();
    fs::write(home.file("c.json"), r#"[{"start": 1562252828133, "duration_ms": 2000}]"#).unwrap();
    fs::write(home.file("b.json"), r#"{"container": "ts", "name": "x-{n}", "zero": 1562252820833, "clips": [{"start": 7.3, "duration_ms": 2000}]}"#).unwrap();
    for (file, member, zero, container) in
        [("t.csv", "csv", true, "mp4"), ("c.json", "clips", false, "mp4"), ("b.json", "clips", true, "ts")]
    {
        let fake = service("READY");
        let ran = mex(&home, &fake, &["batch", file, PATH, "--no-wait"]).ended(0);
        assert_eq!(ran.text(), format!("{BATCH}\n"));
        let sent = body(&fake);
        assert!(
            sent.get(member).is_some()
                && sent.get("zero").is_some() == zero
                && sent["container"] == container,
            "{sent}"
        );
    }
}

#[test]
fn a_list_with_faults_is_not_sent() {
    let (home, fake) = (Home::new(), service("READY"));
    fs::write(home.file("t.csv"), "start,duration\n7.3,2\n8,x\n").unwrap();
    fs::write(home.file("t.txt"), "").unwrap();
    fs::write(home.file("t.json"), "{").unwrap();
    fs::write(home.file("u.json"), b"\xff\xfe[").unwrap();
    let ran = mex(&home, &fake, &["batch", "t.csv", PATH]).ended(2);
    assert!(
        ran.stderr.contains("the list has 1 fault\n  caused by: /csv, line 3, column 3: "),
        "{}",
        ran.stderr
    );
    for (file, why) in [
        ("t.txt", "is no list by its name"),
        ("t.json", "t.json is not JSON"),
        ("u.json", "is not UTF-8"),
        ("none.edl", "cannot be read"),
    ] {
        let ran = mex(&home, &fake, &["batch", file, PATH]).ended(2);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    assert!(fake.seen("POST /export/batch").is_empty());
}

#[test]
fn a_part_of_a_batch_that_fails_keeps_nothing_back() {
    let (home, fake) = (Home::new(), service("FAILED"));
    fs::write(home.file("cuts.edl"), EDL).unwrap();
    let ran = mex(&home, &fake, &["batch", "cuts.edl", PATH, "-o", "clips/"]).ended(9);
    assert!(
        ran.text().contains("→  clips/m5.mp4\n2  c2  failed") && ran.text().contains("no media in window"),
        "{}",
        ran.text()
    );
    assert!(ran.stderr.contains("error: 1 of 2 clips are not there"), "{}", ran.stderr);
    // Its name does for `watch` and `get` as a job's does.
    let fake = service("READY");
    fake.on(&format!("GET /export/jobs/{BATCH}"), vec![json(404, &json!({ "detail": "no such job" }))]);
    mex(&home, &fake, &["get", BATCH, "-o", "more/"]).ended(0);
    assert!(home.file("more/aa.mp4").exists());
}

#[test]
fn segments_are_asked_for_by_name_or_document() {
    let (home, fake) = (Home::new(), service("READY"));
    mex(
        &home,
        &fake,
        &[
            "clip-all",
            PATH,
            "--event",
            "e",
            "--program",
            "p",
            "--replay",
            "r",
            "--feature",
            "Ace",
            "--segments",
            "optimized",
            "--no-wait",
        ],
    )
    .ended(0);
    let expected = json!({ "live_path": PATH, "container": "mp4", "mre": { "event": "e", "program": "p", "replay": "r" }, "features": ["Ace"], "segments": "optimized" });
    assert_eq!(body(&fake), expected);
    fs::write(home.file("d.json"), r#"{"Event": {}, "Segments": []}"#).unwrap();
    let fake = service("READY");
    mex(&home, &fake, &["clip-all", PATH, "--document", "d.json", "--zero", "00:00:00", "--no-wait"])
        .ended(0);
    assert_eq!(body(&fake)["zero"], "2019-07-04T15:07:00.833Z");
}

#[test]
fn a_retry_sends_the_request_that_the_job_came_of() {
    let (home, fake) = (Home::new(), Fake::start());
    let reply = |id: &str| json!({ "TimeWait": 0, "ErrorCode": 1, "ErrorMessage": "", "Version": "v1", "S3Dir": "export", "JobId": id });
    let mut again = in_work(JOB);
    again["generation"] = 2.into();
    fake.on(
        &job_route("GET", JOB),
        vec![json(200, &failed(JOB)), json(200, &again), json(200, &again), json(200, &ready(JOB, b""))],
    )
    .on(
        "POST /export/status",
        vec![json(404, &json!({ "ErrorMessage": "not such job" })), json(200, &reply(JOB))],
    )
    .on("POST /export", vec![json(200, &reply(JOB))]);
    mex(&home, &fake, &["retry", JOB]).ended(0);
    let sent: Value = serde_json::from_str(&fake.seen("POST /export")[0].body).unwrap();
    assert_eq!(
        (sent["FileName"].as_str(), sent["StartTime"].as_i64(), sent["Duration"].as_i64()),
        (Some("goal.mp4"), Some(7300), Some(2000))
    );
    let fake = Fake::start();
    fake.on(&job_route("GET", JOB), vec![json(200, &failed(JOB))])
        .on("POST /export/status", vec![json(200, &reply(OTHER))]);
    let ran = mex(&home, &fake, &["retry", JOB]).ended(3);
    assert!(
        ran.stderr.contains("cannot be told from the job") && fake.seen("POST /export").is_empty(),
        "{}",
        ran.stderr
    );
    fake.on(&job_route("GET", JOB), vec![json(200, &ready(JOB, b""))]);
    mex(&home, &fake, &["retry", JOB]).ended(3);
}

#[test]
fn a_list_becomes_one_video() {
    let (home, fake, bytes) = (Home::new(), Fake::start(), content(1000));
    fs::write(home.file("cuts.edl"), EDL).unwrap();
    let mut made = ready(JOB, &bytes);
    made["request"]["wanted"] = "reel".into();
    made["skipped"] = json!([{ "n": 2, "why": "the track has no picture" }]);
    made["windows"] = json!([
        { "n": 1, "name": "goal", "live_path": PATH, "start_pos_ms": 1, "start_time_ms": 1, "duration_ms": 2000, "at_ms": 0,
            "delivered_ms": 2000, "lack_ms": 0 },
        { "n": 3, "live_path": PATH, "start_pos_ms": 1, "start_time_ms": 1, "duration_ms": 2000, "at_ms": 2000,
            "delivered_ms": 0, "lack_ms": 2000, "left_out": "no media in window" },
    ]);
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(200, &recording())])
        .on("POST /export/batch", vec![json(202, &made)])
        .on(&job_route("GET", JOB), vec![json(200, &made)])
        .on(&files_route(JOB), vec![json(200, &files(&fake, &bytes, Some(sum(&bytes))))])
        .on(
            "GET /store?secret=link",
            vec![crate::fake::Reply::File { bytes, most: usize::MAX, ranges: true }],
        );
    let ran = mex(&home, &fake, &["reel", PATH, "--list", "cuts.edl", "-o", "best.mp4"]).ended(0);
    let expected = json!({
        "live_path": PATH, "container": "mp4", "zero": "2019-07-04T15:07:00.833Z", "edl": { "fps": "25", "text": EDL },
        "deliver": "reel"
    });
    assert_eq!(body(&fake), expected);
    assert!(ran.stderr.starts_with("no clip of entry 2: the track has no picture\n"), "{}", ran.stderr);
    assert!(home.file("best.mp4").exists());
    let shown = mex(&home, &fake, &["show", JOB]).ended(0).text();
    assert!(shown.contains("1 goal: 2s at 00:00:00.000"), "{shown}");
    assert!(shown.contains("3: left out: no media in window"), "{shown}");
    let ran =
        mex(&home, &fake, &["reel", PATH, "--event", "E", "--program", "P", "--replay", "R", "--no-wait"])
            .ended(0);
    assert_eq!(ran.text(), format!("{JOB}\n"));
    let last: Value = serde_json::from_str(&fake.seen("POST /export/batch")[1].body).unwrap();
    assert_eq!(last["mre"], json!({ "event": "E", "program": "P", "replay": "R" }));
    mex(&home, &fake, &["reel", PATH]).ended(2);
}
