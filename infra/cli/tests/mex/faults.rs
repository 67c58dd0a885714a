//! A service that is busy, silent, gone, or says no.

use crate::fake::{Fake, Reply, json, json_with};
use crate::run::{Home, JOB, OTHER, PATH, SESSION, content, failed, in_work, job_route, mex, ready, service};
use serde_json::json;

const CLIP: [&str; 6] = ["clip", PATH, "--from", "1562252828133", "--for", "2s"];

#[test]
fn a_busy_service_is_asked_again_when_it_says() {
    let (home, fake) = (Home::new(), service(&content(10)));
    let busy = json_with(
        429,
        "Retry-After",
        "0",
        &json!({ "TimeWait": 500, "ErrorCode": -1, "ErrorMessage": "too many concurrent requests" }),
    );
    let accepted = json(
        200,
        &json!({ "TimeWait": 1, "ErrorCode": 1, "ErrorMessage": "", "Version": "v1", "S3Dir": "export", "JobId": JOB }),
    );
    fake.on("POST /export", vec![busy.clone(), busy.clone(), accepted]);
    mex(&home, &fake, &CLIP).ended(0);
    assert_eq!(fake.seen("POST /export").len(), 3);
    fake.on("POST /export", vec![busy]);
    let ran = mex(&home, &fake, &CLIP).ended(6);
    assert!(
        ran.stderr.starts_with("error: too many concurrent requests\n  caused by: 3 tries\n  help: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_lost_reply_is_asked_for_again_with_the_same_body() {
    let (home, fake) = (Home::new(), service(&content(10)));
    let accepted = json(
        200,
        &json!({ "TimeWait": 1, "ErrorCode": 1, "ErrorMessage": "", "Version": "v1", "S3Dir": "export", "JobId": JOB }),
    );
    fake.on("POST /export", vec![Reply::Break, accepted]);
    mex(&home, &fake, &CLIP).ended(0);
    let bodies: Vec<String> = fake.seen("POST /export").into_iter().map(|seen| seen.body).collect();
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
    fake.on(
        &job_route("GET", JOB),
        vec![Reply::Break, json(200, &in_work(JOB)), Reply::Break, json(200, &ready(JOB, b""))],
    );
    mex(&home, &fake, &["watch", JOB]).ended(0);
}

#[test]
fn a_silent_service_and_none_at_all_are_named() {
    let (home, fake) = (Home::new(), Fake::start());
    fake.on(&job_route("GET", JOB), vec![Reply::Silence]);
    let mut command = crate::run::command(&home, Some(&fake), &["show", JOB]);
    command.env("MEX_STALL_S", "1").env("MEX_RETRIES", "0");
    let ran = crate::run::finished(command).ended(7);
    assert!(
        ran.stderr.contains("does not answer") && ran.stderr.contains("no answer in time"),
        "{}",
        ran.stderr
    );
    let mut command = crate::run::command(&home, None, &["show", JOB]);
    command.env("MEX_URL", "http://127.0.0.1:9").env("MEX_RETRIES", "0");
    let ran = crate::run::finished(command).ended(7);
    assert!(ran.stderr.contains("connection refused") && ran.stderr.contains("make up"), "{}", ran.stderr);
}

#[test]
fn each_refusal_has_its_exit_code() {
    let home = Home::new();
    for (status, code) in [(400, 3), (401, 4), (403, 3), (404, 5), (409, 3), (429, 6), (500, 7), (503, 7)] {
        let fake = Fake::start();
        fake.on(
            &job_route("GET", JOB),
            vec![json_with(status, "Retry-After", "0", &json!({ "detail": "because", "status": status }))],
        );
        let ran = mex(&home, &fake, &["show", JOB]).ended(code);
        assert!(ran.stderr.starts_with("error: because"), "{status}: {}", ran.stderr);
    }
    let fake = Fake::start();
    fake.on(&job_route("GET", JOB), vec![Reply::Answer(200, Vec::new(), b"<html>".to_vec())]);
    let ran = mex(&home, &fake, &["show", JOB]).ended(7);
    assert!(ran.stderr.contains("not what the service sends"), "{}", ran.stderr);
}

#[test]
fn each_end_of_jobs_has_its_exit_code() {
    let home = Home::new();
    let end = |first: &serde_json::Value, second: &serde_json::Value| {
        let fake = Fake::start();
        fake.on(&job_route("GET", JOB), vec![json(200, first)])
            .on(&job_route("GET", OTHER), vec![json(200, second)]);
        fake
    };
    let lacking = {
        let mut job = ready(JOB, b"");
        job["lack_ms"] = 1000.into();
        job
    };
    let good = ready(OTHER, b"");
    let ran = mex(&home, &end(&failed(JOB), &good), &["watch", JOB]).ended(1);
    assert!(
        ran.stderr.contains(
            "goal.mp4 failed: no media in window\n  caused by: recorded is 1 to 2\n  help: `mex info"
        ),
        "{}",
        ran.stderr
    );
    mex(&home, &end(&failed(JOB), &good), &["watch", JOB, OTHER]).ended(9);
    mex(&home, &end(&failed(JOB), &failed(OTHER)), &["watch", JOB, OTHER]).ended(1);
    let ran = mex(&home, &end(&lacking, &good), &["watch", JOB]).ended(8);
    assert!(ran.stderr.contains("lacks 1s of it"), "{}", ran.stderr);
    mex(&home, &end(&lacking, &good), &["watch", JOB, "--allow-lack"]).ended(0);
    let ran = mex(&home, &end(&in_work(JOB), &good), &["watch", JOB, "--timeout", "500ms"]).ended(124);
    assert!(ran.stderr.contains(&format!("mex watch {JOB}")), "{}", ran.stderr);
}

#[test]
fn the_session_is_never_shown() {
    let (home, fake) = (Home::new(), service(&content(10)));
    let ran = mex(&home, &fake, &[&CLIP[..], &["-vv", "-o", "a.mp4"]].concat()).ended(0);
    assert!(
        ran.stderr.contains("> curl -X POST") && ran.stderr.contains("Bearer $MEX_SESSION"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains(SESSION) && !ran.text().contains(SESSION));
}
