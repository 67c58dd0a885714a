//! Ctrl-C.

use crate::fake::json;
use crate::run::{Home, JOB, PATH, content, in_work, job, job_route, service, signal, started};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;

const CLIP: [&str; 8] = ["clip", PATH, "--from", "1562252828133", "--for", "2s", "-o", "a.mp4"];

/// Reads stderr up to a line with `text`.
fn until(child: &mut BufReader<std::process::ChildStderr>, text: &str) -> String {
    let mut all = String::new();
    while !all.contains(text) {
        assert!(child.read_line(&mut all).unwrap() > 0, "no {text:?} in {all}");
    }
    all
}

fn at_work() -> (Home, crate::fake::Fake, Child, BufReader<std::process::ChildStderr>) {
    let (home, fake) = (Home::new(), service(&content(10)));
    fake.on(&job_route("GET", JOB), vec![json(200, &in_work(JOB))])
        .on(&job_route("DELETE", JOB), vec![json(200, &job(JOB, "CANCELLED", &json!({})))]);
    let mut child = started(&home, &fake, &CLIP);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    until(&mut stderr, "goal.mp4: encoding");
    (home, fake, child, stderr)
}

#[test]
fn one_ctrl_c_leaves_the_job_and_says_how_to_go_on() {
    let (home, fake, mut child, mut stderr) = at_work();
    signal(&child, "INT");
    let said = until(&mut stderr, "Ctrl-C again");
    assert!(said.contains(&format!("detached; the work goes on: mex get {JOB} -o a.mp4")), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(fake.seen(&job_route("DELETE", JOB)).is_empty() && home.names().is_empty());
}

#[test]
fn a_second_ctrl_c_cancels() {
    let (_home, fake, mut child, mut stderr) = at_work();
    signal(&child, "INT");
    until(&mut stderr, "Ctrl-C again");
    signal(&child, "INT");
    until(&mut stderr, &format!("cancelled {JOB}"));
    assert_eq!((child.wait().unwrap().code(), fake.seen(&job_route("DELETE", JOB)).len()), (Some(130), 1));
}

#[test]
fn the_end_of_the_process_is_not_the_end_of_the_job() {
    let (_home, fake, mut child, mut stderr) = at_work();
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("detached") && !said.contains("Ctrl-C"), "{said}");
    assert!(fake.seen(&job_route("DELETE", JOB)).is_empty());
}
