//! The program under test, in a home of its own.

use crate::fake::{Fake, Reply, json};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const SESSION: &str = "0123456789ABCDEF0123456789ABCDEF";
pub(crate) const JOB: &str = "m5sae7eyaphzwlqrq6o6ksphu4jrximn";
pub(crate) const OTHER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const PATH: &str = "mp4/a/stream.mpd";

/// A folder that goes with the test.
pub(crate) struct Home(pub(crate) PathBuf);

impl Home {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mex-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Outside of the checkout, whose local stack would be found.
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.text(), self.stderr);
        self
    }
}

pub(crate) fn command(home: &Home, fake: Option<&Fake>, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mex"));
    command
        .args(args)
        .env_clear()
        .current_dir(&home.0)
        .env("HOME", &home.0)
        .env("TZ", "UTC")
        .env("PATH", "/usr/bin:/bin");
    if let Some(fake) = fake {
        command.env("MEX_URL", fake.url()).env("MEX_SESSION", SESSION).env("MEX_RETRIES", "2");
    }
    command
}

pub(crate) fn finished(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let code = output.status.code().unwrap_or(-1);
    Ran { code, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

pub(crate) fn mex(home: &Home, fake: &Fake, args: &[&str]) -> Ran {
    finished(command(home, Some(fake), args))
}

pub(crate) fn started(home: &Home, fake: &Fake, args: &[&str]) -> Child {
    let mut command = command(home, Some(fake), args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

/// A job as the service shows it.
pub(crate) fn job(id: &str, state: &str, more: &Value) -> Value {
    let mut job = json!({
        "id": id, "state": state, "generation": 1, "percent": 0,
        "created": "2019-07-04T15:08:00Z", "updated": "2019-07-04T15:08:02Z",
        "request": {
            "wanted": "media", "live_path": PATH, "start_pos_ms": 1_562_252_828_133_i64, "start_time_ms": 7300,
            "duration_ms": 2000, "export_type": "as_recorded"
        },
        "file_name": "goal.mp4", "container": "mp4"
    });
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

/// A job whose clip is there.
pub(crate) fn ready(id: &str, bytes: &[u8]) -> Value {
    let plan =
        json!({ "kind": "smart", "reason": "", "frames_encoded": 18, "frames_copied": 32, "total_ms": 2600 });
    let more = json!({ "percent": 100, "bytes": bytes.len(), "lack_ms": 0, "delivered_ms": 2000, "plan": plan, "video_path": "/export/D/goal.mp4" });
    job(id, "READY", &more)
}

pub(crate) fn in_work(id: &str) -> Value {
    job(id, "RUNNING", &json!({ "phase": "encoding", "percent": 41 }))
}

pub(crate) fn failed(id: &str) -> Value {
    job(
        id,
        "FAILED",
        &json!({ "error": "no media in window", "detail": "recorded is 1 to 2", "retriable": false }),
    )
}

/// The recording that all windows are of.
pub(crate) fn recording() -> Value {
    json!({
        "live_path": PATH, "live": false, "clock": "wall", "start_pos_ms": 1_562_252_820_833_i64,
        "end_pos_ms": 1_562_252_850_833_i64, "start_time_ms": 0, "end_time_ms": 30_000,
        "holes": [{ "start_pos_ms": 1_562_252_830_833_i64, "start_time_ms": 10_000, "duration_ms": 1000 }],
        "periods": 1, "video": { "codec": "h264", "width": 640, "height": 360, "frame_rate": "25" },
        "audio": [{ "language": "en", "codecs": "mp4a.40.2", "sample_rate": 48_000 }]
    })
}

/// Bytes that are no other file's.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Links to a clip with its checksum.
pub(crate) fn files(fake: &Fake, bytes: &[u8], sum: Option<String>) -> Value {
    let mut video = json!({ "url": format!("{}/store?secret=link", fake.url()), "bytes": bytes.len(), "content_type": "video/mp4", "file_name": "goal.mp4" });
    if let Some(sum) = sum {
        video["sha256"] = json!(sum);
    }
    json!({ "expires_at": "2019-07-04T15:23:00Z", "video": video })
}

/// A service that has the recording, and makes the clip of every request.
pub(crate) fn service(bytes: &[u8]) -> Fake {
    let fake = Fake::start();
    let accepted = json!({ "TimeWait": 2000, "ErrorCode": 1, "ErrorMessage": "Work Not Finish", "Version": "v1", "S3Dir": "export", "JobId": JOB });
    fake.on(&format!("GET /recordings/{PATH}"), vec![json(200, &recording())])
        .on("POST /export", vec![json(200, &accepted)])
        .on(&job_route("GET", JOB), vec![json(200, &in_work(JOB)), json(200, &ready(JOB, bytes))])
        .on(&files_route(JOB), vec![json(200, &files(&fake, bytes, Some(sum(bytes))))])
        .on(
            "GET /store?secret=link",
            vec![Reply::File { bytes: bytes.to_vec(), most: usize::MAX, ranges: true }],
        );
    fake
}

pub(crate) fn job_route(method: &str, id: &str) -> String {
    format!("{method} /export/jobs/{id}")
}

pub(crate) fn files_route(id: &str) -> String {
    format!("GET /export/jobs/{id}/files")
}
