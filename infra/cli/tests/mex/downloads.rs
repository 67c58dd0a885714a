//! Files: resumed, checked, and never in the place of another.

use crate::fake::{Fake, Reply, json};
use crate::run::{Home, JOB, SESSION, content, files, files_route, job_route, mex, ready, service, sum};
use std::fs;
use std::os::unix::fs::symlink;

const STORE: &str = "GET /store?secret=link";

fn has(bytes: &[u8]) -> Fake {
    let fake = service(bytes);
    fake.on(&job_route("GET", JOB), vec![json(200, &ready(JOB, bytes))]);
    fake
}

fn part(home: &Home) -> std::path::PathBuf {
    home.file(&format!("goal.mp4.{}.part", &JOB[..8]))
}

#[test]
fn a_file_is_gotten_by_its_name_and_the_session_stays_at_the_service() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    let ran = mex(&home, &fake, &["get", JOB]).ended(0);
    assert_eq!(
        (fs::read(home.file("goal.mp4")).unwrap(), home.names()),
        (bytes, vec!["goal.mp4".to_owned()])
    );
    assert!(ran.text().ends_with("→  ./goal.mp4\n"), "{ran:?}");
    let store = fake.seen(STORE);
    assert!(store.iter().all(|seen| !seen.headers.contains_key("authorization")), "{store:?}");
    assert_eq!(fake.seen(&files_route(JOB))[0].headers["authorization"], format!("Bearer {SESSION}"));
}

#[test]
fn what_breaks_off_goes_on_where_it_was() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    let cut = |most| Reply::File { bytes: bytes.clone(), most, ranges: true };
    let gone = Reply::Answer(403, Vec::new(), b"<Error>Request has expired</Error>".to_vec());
    fake.on(STORE, vec![cut(100_000), Reply::Break, gone, cut(100_000), cut(usize::MAX)]);
    mex(&home, &fake, &["get", JOB, "-o", "clips/"]).ended(0);
    assert_eq!(fs::read(home.file("clips/goal.mp4")).unwrap(), bytes);
    let ranges: Vec<Option<String>> =
        fake.seen(STORE).iter().map(|seen| seen.headers.get("range").cloned()).collect();
    let from = |at: usize| Some(format!("bytes={at}-"));
    assert_eq!(ranges, [None, from(100_000), from(100_000), from(100_000), from(200_000)]);
}

#[test]
fn a_store_that_stalls_is_asked_again() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    let whole = Reply::File { bytes: bytes.clone(), most: usize::MAX, ranges: true };
    fake.on(STORE, vec![Reply::Stall { bytes: bytes.clone(), most: 150_000 }, Reply::Silence, whole]);
    let mut command = crate::run::command(&home, Some(&fake), &["get", JOB]);
    command.env("MEX_STALL_S", "1");
    crate::run::finished(command).ended(0);
    assert_eq!(fs::read(home.file("goal.mp4")).unwrap(), bytes);
}

#[test]
fn another_run_goes_on_where_the_last_one_stopped() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    fake.on(STORE, vec![Reply::File { bytes: bytes.clone(), most: 100_000, ranges: true }, Reply::Break]);
    let ran = mex(&home, &fake, &["get", JOB]).ended(7);
    assert!(
        ran.stderr.contains("stops at 100000 of 300000 bytes") && ran.stderr.contains(".part is kept"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::metadata(part(&home)).unwrap().len(), 100_000);
    fake.on(STORE, vec![Reply::File { bytes: bytes.clone(), most: usize::MAX, ranges: true }]);
    mex(&home, &fake, &["get", JOB]).ended(0);
    assert_eq!(fake.seen(STORE).last().unwrap().headers["range"], "bytes=100000-");
    assert_eq!(
        (fs::read(home.file("goal.mp4")).unwrap(), home.names()),
        (bytes, vec!["goal.mp4".to_owned()])
    );
}

#[test]
fn a_store_without_ranges_and_a_wrong_part_are_no_harm() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    fs::write(part(&home), &bytes[..100_000]).unwrap();
    fake.on(STORE, vec![Reply::File { bytes: bytes.clone(), most: usize::MAX, ranges: false }]);
    mex(&home, &fake, &["get", JOB]).ended(0);
    assert_eq!(fs::read(home.file("goal.mp4")).unwrap(), bytes);
    for wrong in [vec![7; 100_000], vec![7; 300_000], vec![7; 400_000]] {
        let home = Home::new();
        fs::write(part(&home), wrong).unwrap();
        let fake = has(&bytes);
        mex(&home, &fake, &["get", JOB]).ended(0);
        assert_eq!(fs::read(home.file("goal.mp4")).unwrap(), bytes);
    }
}

#[test]
fn a_wrong_checksum_is_an_error_and_leaves_no_file() {
    let (home, bytes) = (Home::new(), content(1000));
    let fake = has(&bytes);
    fake.on(&files_route(JOB), vec![json(200, &files(&fake, &bytes, Some(sum(b"other"))))]);
    let ran = mex(&home, &fake, &["get", JOB, "-o", "x.mp4"]).ended(1);
    assert!(ran.stderr.starts_with("error: x.mp4 does not have the checksum"), "{}", ran.stderr);
    assert!(!home.file("x.mp4").exists());
}

#[test]
fn a_file_that_is_there_is_not_replaced() {
    let (home, bytes) = (Home::new(), content(1000));
    let fake = has(&bytes);
    fs::write(home.file("goal.mp4"), "mine").unwrap();
    let ran = mex(&home, &fake, &["get", JOB]).ended(2);
    assert!(
        ran.stderr.contains("goal.mp4 exists and is another file") && ran.stderr.contains("--force"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read(home.file("goal.mp4")).unwrap(), b"mine");
    mex(&home, &fake, &["get", JOB, "--force"]).ended(0);
    assert_eq!(fs::read(home.file("goal.mp4")).unwrap(), bytes);
    // The same file again is no other file, and is not fetched.
    let before = fake.seen(STORE).len();
    mex(&home, &fake, &["get", JOB]).ended(0);
    assert_eq!(fake.seen(STORE).len(), before);
}

#[test]
fn a_full_disk_is_named() {
    let (home, bytes) = (Home::new(), content(1000));
    let fake = has(&bytes);
    symlink("/dev/full", part(&home)).unwrap();
    let ran = mex(&home, &fake, &["get", JOB]).ended(1);
    assert!(
        ran.stderr.contains("cannot be written") && ran.stderr.contains("No space left"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("make room") && !home.file("goal.mp4").exists(), "{}", ran.stderr);
}

#[test]
fn stdout_gets_the_bytes_and_nothing_else() {
    let (home, bytes) = (Home::new(), content(300_000));
    let fake = has(&bytes);
    let cut = Reply::File { bytes: bytes.clone(), most: 1000, ranges: false };
    fake.on(STORE, vec![cut, Reply::File { bytes: bytes.clone(), most: usize::MAX, ranges: false }]);
    let ran = mex(&home, &fake, &["get", JOB, "-o", "-"]).ended(0);
    assert!(ran.stdout == bytes, "{} bytes", ran.stdout.len());
    assert!(home.names().is_empty());
}

#[test]
fn a_template_names_files_and_one_path_takes_one_file() {
    let (home, bytes) = (Home::new(), content(1000));
    let fake = has(&bytes);
    mex(&home, &fake, &["get", JOB, "-o", "clips/{n}-{name}-{id}.mp4"]).ended(0);
    assert!(home.file(&format!("clips/1-goal-{JOB}.mp4")).exists());
    let ran = mex(&home, &fake, &["get", JOB, JOB, "-o", "a.mp4"]).ended(2);
    assert!(ran.stderr.contains("room for one file only"), "{}", ran.stderr);
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let (home, bytes) = (Home::new(), content(10));
    let fake = has(&bytes);
    let mut linked = files(&fake, &bytes, None);
    linked["video"]["file_name"] = "../goal.mp4".into();
    fake.on(&files_route(JOB), vec![json(200, &linked)]);
    let ran = mex(&home, &fake, &["get", JOB]).ended(7);
    assert!(ran.stderr.contains("no plain name"), "{}", ran.stderr);
}
