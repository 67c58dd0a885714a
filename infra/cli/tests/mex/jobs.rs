//! Requests, lists and forms of output.

use crate::fake::{Fake, json};
use crate::run::{
    Home, JOB, OTHER, PATH, content, failed, finished, in_work, job_route, mex, ready, recording, service,
};
use serde_json::{Value, json};
use std::fs;

fn body(fake: &Fake) -> Value {
    serde_json::from_str(&fake.seen("POST /export")[0].body).unwrap()
}

#[test]
fn a_window_is_the_same_in_every_spelling() {
    let home = Home::new();
    let windows: [&[&str]; 5] = [
        &["--from", "00:00:07.3", "--for", "2s"],
        &["--from", "1562252828133", "--to", "1562252830133"],
        &["--from", "2019-07-04T15:07:08.133Z", "--to", "+2s"],
        &["--from", "live-22.7s", "--for", "50f"],
        &["--from", "00:00:07.3", "--to", "00:00:09.3"],
    ];
    for window in windows {
        let fake = service(&content(10));
        mex(&home, &fake, &[&["clip", PATH, "--name", "goal"], window].concat()).ended(0);
        let expected = json!({
            "ServiceCaller": "mma", "StartPos": 1_562_252_828_133_i64, "StartTime": 7300, "Duration": 2000, "LivePath": PATH,
            "FileName": "goal", "FetchMedia": true, "export_type": 0, "container": "mp4"
        });
        assert_eq!(body(&fake), expected, "{window:?}");
    }
}

#[test]
fn a_clip_is_followed_and_gotten_in_one_command() {
    let (home, bytes) = (Home::new(), content(1000));
    let clip = ["clip", PATH, "--from", "00:00:07.3", "--for", "2s", "-o", "a.mp4"];
    let ran = mex(&home, &service(&bytes), &clip).ended(0);
    assert_eq!(ran.text(), "goal.mp4  ready  50 frames, 18 encoded (smart), 2.6s  1.00 kB  →  a.mp4\n");
    assert_eq!(ran.stderr, "goal.mp4: encoding\n");
    assert_eq!(fs::read(home.file("a.mp4")).unwrap(), bytes);
    let ran = mex(&home, &service(&bytes), &[&clip[..], &["-q"]].concat()).ended(0);
    assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("a.mp4\n", ""));
    let ran = mex(&home, &service(&bytes), &[&clip[..], &["--json=id,file,state"]].concat()).ended(0);
    let shown: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!(shown, json!({ "id": JOB, "file": "a.mp4", "state": "READY" }));
    let ran = mex(&home, &service(&bytes), &[&clip[..], &["--jsonl"]].concat()).ended(0);
    let events: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["job", "job", "file", "result"]);
    let ran =
        mex(&home, &service(&bytes), &["clip", PATH, "--from", "00:00:07.3", "--for", "2s", "--no-wait"])
            .ended(0);
    assert_eq!(ran.text(), format!("{JOB}\n"));
}

#[test]
fn a_dry_run_prints_the_body_and_makes_nothing() {
    let (home, fake) = (Home::new(), service(&content(10)));
    let ran = mex(&home, &fake, &["thumb", PATH, "--at", "00:00:07:08", "--dry-run"]).ended(0);
    let shown: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!((shown["StartTime"].as_i64(), shown["FetchMedia"].as_bool()), (Some(7320), Some(false)));
    assert!(fake.seen("POST /export").is_empty());
}

#[test]
fn without_access_to_recordings_only_instants_have_a_place() {
    let (home, fake) = (Home::new(), service(&content(10)));
    fake.on(
        &format!("GET /recordings/{PATH}"),
        vec![json(403, &json!({ "detail": "recordings access is switched off" }))],
    );
    mex(&home, &fake, &["clip", PATH, "--from", "1562252828133", "--for", "2s"]).ended(0);
    assert_eq!(body(&fake)["StartTime"], 0);
    let ran = mex(&home, &fake, &["clip", PATH, "--from", "00:00:07", "--for", "2s"]).ended(2);
    assert!(ran.stderr.contains("--from: the recording's own time is not known"), "{}", ran.stderr);
}

#[test]
fn a_recording_that_is_not_there_is_asked_for_only_in_the_future() {
    let (home, fake) = (Home::new(), service(&content(10)));
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(404, &json!({ "detail": "no such recording" }))]);
    let ran = mex(&home, &fake, &["clip", PATH, "--from", "1562252828133", "--for", "2s"]).ended(5);
    assert!(ran.stderr.contains("`mex recordings` lists those there are"), "{}", ran.stderr);
    mex(&home, &fake, &["clip", PATH, "--from", "now+1h", "--for", "2s"]).ended(0);
}

#[test]
fn a_playlist_is_waited_for_printed_or_opened() {
    let (home, fake) = (Home::new(), Fake::start());
    let mut playing = in_work(JOB);
    playing["play"] = json!({ "exact": true, "hls": format!("/export/jobs/{JOB}/play/stream.m3u8?key=k"), "dash": "/d.mpd" });
    let mut early = playing.clone();
    early["play"]["exact"] = json!(false);
    fake.on(&job_route("GET", JOB), vec![json(200, &in_work(JOB)), json(200, &early), json(200, &playing)]);
    let address = format!("{}/export/jobs/{JOB}/play/stream.m3u8?key=k\n", fake.url());
    assert_eq!(mex(&home, &fake, &["play", JOB]).ended(0).text(), address);
    assert_eq!(mex(&home, &fake, &["play", JOB, "--with", "echo"]).ended(0).text(), address);
    assert_eq!(
        mex(&home, &fake, &["play", JOB, "--dash"]).ended(0).text(),
        format!("{}/d.mpd\n", fake.url())
    );
    mex(&home, &fake, &["play", JOB, "--with", "false"]).ended(1);
    early["state"] = json!("WAITING_SOURCE");
    fake.on(&job_route("GET", JOB), vec![json(200, &early)]);
    let ran = mex(&home, &fake, &["play", JOB]).ended(0);
    assert_eq!(ran.text(), address);
    assert!(ran.stderr.contains("whole segments of the recording are played until"), "{}", ran.stderr);
    playing["play"] = json!({ "refused": "codec", "detail": "the picture is not H.264" });
    fake.on(&job_route("GET", JOB), vec![json(200, &playing)]);
    let ran = mex(&home, &fake, &["play", JOB]).ended(3);
    assert!(
        ran.stderr
            .contains("has no playlist\n  caused by: the picture is not H.264\n  help: the file: mex get"),
        "{}",
        ran.stderr
    );
    fake.on(&job_route("GET", JOB), vec![json(200, &ready(JOB, b""))]);
    mex(&home, &fake, &["play", JOB]).ended(3);
}

#[test]
fn lists_are_narrowed_and_their_pages_read() {
    let (home, fake) = (Home::new(), Fake::start());
    let page = |jobs: Vec<Value>, next: Option<&str>| json(200, &json!({ "jobs": jobs, "next": next }));
    fake.on("GET /export/jobs?limit=20", vec![page(vec![ready(JOB, b"123")], Some("c"))])
        .on("GET /export/jobs?limit=20&cursor=c", vec![page(vec![failed(OTHER)], None)])
        .on("GET /export/jobs?limit=20&state=FAILED", vec![page(vec![failed(OTHER)], None)]);
    let ran = mex(&home, &fake, &["jobs"]).ended(0);
    assert_eq!(ran.text().lines().count(), 3, "{}", ran.text());
    assert!(
        ran.text().contains(&format!("{JOB}  ready   2019-07-04 15:08:00 UTC  2s      goal.mp4  {PATH}")),
        "{}",
        ran.text()
    );
    let ran = mex(&home, &fake, &["jobs", "--state", "failed", "-q"]).ended(0);
    assert_eq!(ran.text(), format!("{OTHER}\n"));
    let ran = mex(&home, &fake, &["jobs", "--since", "1h"]).ended(0);
    assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("", "there are no such jobs\n"));
}

#[test]
fn only_jobs_in_work_are_cancelled() {
    let (home, fake) = (Home::new(), Fake::start());
    let cancelled = crate::run::job(JOB, "CANCELLED", &json!({}));
    fake.on(&job_route("GET", JOB), vec![json(200, &in_work(JOB))])
        .on(&job_route("DELETE", JOB), vec![json(200, &cancelled)])
        .on(&job_route("GET", OTHER), vec![json(200, &ready(OTHER, b""))]);
    let ran = mex(&home, &fake, &["cancel", JOB, OTHER]).ended(9);
    assert_eq!(ran.text(), format!("cancelled {JOB}\n"));
    assert!(ran.stderr.contains("has ended already: it is ready"), "{}", ran.stderr);
    mex(&home, &fake, &["cancel", OTHER]).ended(3);
    assert!(fake.seen(&job_route("DELETE", OTHER)).is_empty());
}

#[test]
fn a_profile_and_a_local_stack_name_the_service() {
    let (home, fake) = (Home::new(), Fake::start());
    fake.on(&job_route("GET", JOB), vec![json(200, &ready(JOB, b""))]);
    let run = |args: &[&str]| finished(crate::run::command(&home, None, args));
    let ran = run(&["show", JOB]).ended(2);
    assert!(ran.stderr.starts_with("error: no service is known"), "{}", ran.stderr);
    fs::create_dir_all(home.file(".local")).unwrap();
    fs::write(home.file(".local/env"), format!("API_URL={}\nDEMO_SESSION_ID=ABCDEF0123456789\n", fake.url()))
        .unwrap();
    let ran = run(&["show", JOB]).ended(0);
    assert!(ran.stderr.starts_with("using the local stack of "), "{}", ran.stderr);
    assert_eq!(fake.seen(&job_route("GET", JOB))[0].headers["authorization"], "Bearer ABCDEF0123456789");
    fs::create_dir_all(home.file(".config/mex")).unwrap();
    fs::write(home.file("secret"), "FEDCBA9876543210\n").unwrap();
    let config = format!(
        "default = \"a\"\n[profile.a]\nurl = \"{}\"\nsession = {{ file = \"secret\" }}\n",
        fake.url()
    );
    fs::write(home.file(".config/mex/config.toml"), config).unwrap();
    let ran = run(&["show", JOB]).ended(2);
    assert!(ran.stderr.contains("can be read by other users\n  help: chmod 600 secret"), "{}", ran.stderr);
    std::process::Command::new("chmod").args(["600", "secret"]).current_dir(&home.0).status().unwrap();
    let ran = run(&["show", JOB]).ended(0);
    assert_eq!(ran.stderr, "");
    assert_eq!(fake.seen(&job_route("GET", JOB))[1].headers["authorization"], "Bearer FEDCBA9876543210");
    let ran = run(&["show", JOB, "--profile", "b"]).ended(2);
    assert!(ran.stderr.contains("there is no profile \"b\"\n  help: there are a"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (home, fake) = (Home::new(), Fake::start());
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(200, &recording())]);
    let mut child = crate::run::started(&home, &fake, &["info", PATH]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
