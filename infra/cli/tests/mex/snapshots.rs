//! Every help text and every error of usage, as it is shown: `UPDATE_SNAPSHOTS=1` writes them anew.

use crate::fake::{Fake, json};
use crate::run::{Home, JOB, PATH, command, finished, in_work, job_route, mex, ready, recording};
use clap::CommandFactory;
use export_cli::args::Arguments;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Holds `text` to the file.
#[track_caller]
fn hold(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mex/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{} is not what is shown; UPDATE_SNAPSHOTS=1 writes it:\n{text}", path.display());
}

/// A run as a terminal would show it.
fn shown(home: &Home, fake: Option<&Fake>, args: &[&str]) -> String {
    let ran = finished(command(home, fake, args));
    let port = fake.map_or("PORT".to_owned(), |fake| fake.port.to_string());
    let text = format!("$ mex {}\n{}{}(exit {})\n\n", args.join(" "), ran.text(), ran.stderr, ran.code);
    text.replace(&port, "PORT")
}

#[test]
fn help_of_every_command() {
    let home = Home::new();
    let mut text = shown(&home, None, &["--help"]);
    for each in Arguments::command().get_subcommands() {
        text += &shown(&home, None, &[each.get_name(), "-h"]);
    }
    hold("help.txt", &text);
}

#[test]
fn errors_of_usage() {
    let home = Home::new();
    let clip =
        |more: &[&'static str]| shown(&home, None, &[&["--url", "https://a.example", "clip"], more].concat());
    let text = [
        clip(&[PATH, "--from", "1562252828", "--for", "9s"]),
        clip(&[PATH, "--from", "2019-07-04T15:07:08", "--for", "9s"]),
        clip(&[PATH, "--from", "tomorrow", "--for", "9s"]),
        clip(&[PATH, "--from", "live", "--for", "9"]),
        clip(&[PATH, "--from", "live"]),
        clip(&["/mp4/a/stream.mpd", "--from", "live", "--for", "9s"]),
        clip(&["s3://a/b.mpd", "--from", "live", "--for", "9s"]),
        clip(&[PATH, "--from", "live", "--for", "9s", "--codec", "av1"]),
        clip(&[PATH, "--from", "live", "--for", "9s", "--fps", "26"]),
        clip(&[PATH, "--from", "live", "--for", "9s", "--bucket", "b"]),
        shown(&home, None, &["--url", "https://a.example", "show", "abc"]),
        shown(&home, None, &["--url", "http://a.example", "show", JOB]),
        shown(&home, None, &["show", JOB]),
        shown(&home, None, &["show", JOB, "--env", "none/env"]),
        shown(&home, None, &["shwo"]),
        shown(&home, None, &["cancel", "--all"]),
    ];
    hold("usage.txt", &text.concat());
}

#[test]
fn answers_in_words() {
    let (home, fake) = (Home::new(), Fake::start());
    let plan = json!({
        "kind": "smart", "reason": "the window does not start with a key frame", "exact": true, "clock": "wall", "frames_copied": 32,
        "frames_encoded": 18, "frames_encoded_head": 11, "frames_encoded_tail": 7, "key_frames_ms": [], "lack_ms": 0,
        "bytes_read": 9, "bytes_written": 350_000, "estimate_ms": 1200
    });
    let mut warned = ready(JOB, b"12345");
    warned["warnings"] = json!([{ "code": "segments_left_out", "count": 2, "detail": "segment 7 is empty" }]);
    warned["lack_ms"] = 1000.into();
    let folders = json!({ "folders": ["mp4/b/"], "recordings": [{ "live_path": PATH, "updated": "2019-07-04T15:08:00Z" }], "next": null });
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(200, &recording())])
        .on("GET /recordings?under=mp4%2F&limit=50", vec![json(200, &folders)])
        .on("POST /export/plan", vec![json(200, &plan)])
        .on(&job_route("GET", JOB), vec![json(200, &in_work(JOB)), json(200, &warned)]);
    let show = |args: &[&str]| shown(&home, Some(&fake), args);
    let text = [
        show(&["info", PATH]),
        show(&["recordings", "mp4/"]),
        show(&["plan", PATH, "--from", "00:00:07.3", "--for", "2s"]),
        show(&["show", JOB]),
        show(&["show", JOB]),
        show(&["clip", PATH, "--from", "00:00:09", "--to", "00:00:09"]),
        show(&["clip", PATH, "--from", "00:00:09:25", "--for", "9s"]),
        show(&["clip", PATH, "--from", "00:00:09", "--for", "2s", "--name", "a/b"]),
    ];
    hold("answers.txt", &text.concat());
    mex(&home, &fake, &["info", PATH, "--json"]).ended(0);
}
