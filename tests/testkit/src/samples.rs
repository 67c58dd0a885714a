//! Values that tests start from: a tenant, its session, two bodies, and jobs in several states.

use crate::directory::Directory;
use export_domain::identity::identify;
use export_domain::ids::TenantId;
use export_domain::job::{Claim, Job, Manifest, ObjectKind, Order, Phase, PlanSummary, Report};
use export_domain::json;
use export_domain::reel::{OrderedWindow, chapter_name};
use export_domain::request::{ExportRequest, Wanted, parse};
use export_domain::settings::{Lifecycle, Limits};
use export_domain::tenant::{AllowedTarget, Tenant};
use export_domain::time::{EpochMs, Millis};
use serde_json::{Value, json};

/// When tests start: well after the window of [`body`].
pub const NOW: EpochMs = EpochMs::new(1_562_300_000_000);

/// A length of time of `ms` milliseconds.
pub const fn ms(ms: i64) -> Millis {
    Millis::new(ms)
}

/// The session of [`tenant`], as the seed's samples spell it.
pub const SESSION: &str = "2A39603DDB0F47CFB32E96C8366084AE";

/// The tenant `demo`: recordings in the bucket `recordings`, clips in the bucket `clips`, 10 unfinished jobs at most.
///
/// # Panics
/// Never.
pub fn tenant() -> Tenant {
    Tenant {
        id: TenantId::parse("demo").expect("a tenant's name"),
        source_bucket: "recordings".to_owned(),
        source_owner: String::new(),
        source_prefix: String::new(),
        targets: vec![AllowedTarget {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
        }],
        default_target: 0,
        max_active: 10,
        max_scheduled: 10,
        mre_programs: Vec::new(),
    }
}

/// Knows [`tenant`] and [`SESSION`].
pub fn directory() -> Directory {
    let directory = Directory::default();
    let tenant = tenant();
    directory.add_session(SESSION, &tenant.id, (NOW + ms(30 * 24 * 3_600_000)).to_secs());
    directory.add_tenant(tenant);
    directory
}

/// A valid body that asks for a clip of 9 s.
pub fn body() -> Value {
    json!({
        "ServiceCaller": "mma", "StartPos": 1_562_253_612_833_i64, "StartTime": "00:13:12", "Duration": 9000,
        "PeerId": "4D7446C8141EE167", "LivePath": "mp4/device/1/stream.mpd", "FileName": "test",
        "SessionId": SESSION, "FetchMedia": true,
    })
}

/// A valid body that asks for a thumbnail.
pub fn thumbnail_body() -> Value {
    let body = with(body(), "FetchMedia", false);
    with(body, "FetchThumb", true)
}

/// `body` with one member set, or without it if `value` is null.
pub fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    if let (Value::Object(members), value) = (&mut body, value.into()) {
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.to_owned(), value)
        };
    }
    body
}

/// The job of `tenant` that submitting `body` at `now` stores.
///
/// # Panics
/// If the body is not valid.
pub fn job(tenant: &Tenant, body: &Value, now: EpochMs) -> Job {
    job_of(tenant, request(body), now)
}

fn request(body: &Value) -> ExportRequest {
    let parsed = json::parse(body.to_string().as_bytes(), false).expect("JSON");
    parse(&parsed, &Limits::default()).expect("a valid request")
}

/// The job of `tenant` for a reel of the recording that `body` names, with those windows: each its `StartTime` and its
/// length in milliseconds.
///
/// # Panics
/// If the body is not valid, or there are no windows.
pub fn reel_job(tenant: &Tenant, body: &Value, windows: &[(i64, i64)], now: EpochMs) -> Job {
    let clip = request(body);
    let windows: Vec<_> = windows
        .iter()
        .zip(1..)
        .map(|((time, length), n)| OrderedWindow {
            n,
            live_path: None,
            start_pos_ms: clip.start_pos_ms - clip.start_time_ms + ms(*time),
            start_time_ms: ms(*time),
            duration_ms: ms(*length),
            pts: None,
            name: chapter_name(&format!("window {n}")),
        })
        .collect();
    let first = windows.first().expect("a window");
    let (start_pos_ms, start_time_ms) = (first.start_pos_ms, first.start_time_ms);
    let duration_ms = windows.iter().fold(Millis::ZERO, |sum, window| sum + window.duration_ms);
    let clip = ExportRequest { wanted: Wanted::Reel, peer_id: None, ..clip };
    job_of(tenant, ExportRequest { start_pos_ms, start_time_ms, duration_ms, windows, ..clip }, now)
}

fn job_of(tenant: &Tenant, request: ExportRequest, now: EpochMs) -> Job {
    let target = tenant.resolve_target(&request).expect("an allowed target");
    let identity = identify(&tenant.id, &request, &target, None);
    let job_id = identity.job_id.clone();
    let order = Order::new(request, identity, target);
    Job { fence: 0, ..Job::new(tenant.id.clone(), job_id, order, now, &Lifecycle::default()) }
}

/// `job` after a worker's claim at `now`.
///
/// # Panics
/// If it cannot be claimed then.
pub fn claimed(job: &Job, now: EpochMs) -> Job {
    match job.claim(job.generation, "another worker", now, &Lifecycle::default()) {
        Claim::Granted(job) => *job,
        other => panic!("{other:?}"),
    }
}

/// A claimed `job` of whose clip `made_ms` milliseconds are made at `now`.
///
/// # Panics
/// If it is not claimed.
pub fn progressed(job: &Job, made_ms: i64, now: EpochMs) -> Job {
    let report = Report { phase: Phase::Encoding, made_ms: ms(made_ms), plan: None };
    job.progressed(job.fence, &report, now).expect("a claimed job")
}

/// A claimed `job` after its worker's success at `now`.
///
/// # Panics
/// If it is not claimed.
pub fn ready(job: &Job, now: EpochMs) -> Job {
    let (times, plan) = (Lifecycle::default(), PlanSummary::default());
    let job = job.with_image(job.fence, manifest(3), plan.clone(), now, &times).expect("a claimed job");
    match job.order.wanted {
        Wanted::Thumbnail => job,
        Wanted::Media | Wanted::Stamped | Wanted::Reel | Wanted::Unknown => {
            let staged = job.with_staged(job.fence, ObjectKind::Video, manifest(4), now);
            let job = staged.expect("a claimed job");
            job.with_video(job.fence, manifest(4), plan, now, &times).expect("a claimed job")
        }
    }
}

/// The manifest of a file of `bytes` bytes that lacks nothing.
pub fn manifest(bytes: u64) -> Manifest {
    let (sha256, warnings) = ("0".repeat(64), Vec::new());
    let (holes, windows) = (Vec::new(), Vec::new());
    Manifest { bytes, sha256, parts: 0, duration_ms: ms(9000), lack_ms: ms(0), warnings, holes, windows }
}
