//! A clip's job, as the service takes it through its life.

use crate::examples::CLIP;
use export_domain::identity::identify;
use export_domain::ids::TenantId;
use export_domain::job::{
    Claim, Hole, Job, Manifest, Order, Phase, PlanSummary, Reason, Report, Warning, WarningCode,
};
use export_domain::json;
use export_domain::request::parse;
use export_domain::settings::{Lifecycle, Limits};
use export_domain::tenant::{AllowedTarget, Tenant};
use export_domain::time::{EpochMs, Millis};

/// When it is asked for.
pub(crate) const NOW: EpochMs = EpochMs::new(1_562_253_700_000);

/// Stored.
pub(crate) fn queued() -> Job {
    let target = AllowedTarget {
        bucket: "clips".to_owned(),
        region: String::new(),
        root: String::new(),
        owner: String::new(),
    };
    let tenant = Tenant {
        id: TenantId::parse("demo").unwrap(),
        source_bucket: "recordings".to_owned(),
        source_owner: String::new(),
        source_prefix: String::new(),
        targets: vec![target],
        default_target: 0,
        max_active: 1,
        max_scheduled: 1,
        mre_programs: Vec::new(),
    };
    let request = parse(&json::parse(CLIP.as_bytes(), true).unwrap(), &Limits::default()).unwrap();
    let target = tenant.resolve_target(&request).unwrap();
    let identity = identify(&tenant.id, &request, &target, None);
    let id = identity.job_id.clone();
    Job::new(tenant.id, id, Order::new(request, identity, target), NOW, &Lifecycle::default())
}

fn running() -> Job {
    match queued().claim(1, "worker", NOW + Millis::new(500), &Lifecycle::default()) {
        Claim::Granted(job) => *job,
        other => panic!("{other:?}"),
    }
}

/// In work, with its picture.
pub(crate) fn half() -> Job {
    let job = running();
    let still = PlanSummary::default();
    let job = job
        .with_image(job.fence, manifest(0), still, NOW + Millis::new(1500), &Lifecycle::default())
        .unwrap();
    let plan = PlanSummary {
        kind: "smart".to_owned(),
        reason: "only what the window's ends cut off is encoded".to_owned(),
        ..PlanSummary::default()
    };
    let report = Report { phase: Phase::Copying, made_ms: Millis::new(4500), plan: Some(plan) };
    job.progressed(job.fence, &report, NOW + Millis::new(2500)).unwrap()
}

/// With its clip.
pub(crate) fn ready() -> Job {
    finished(0, Vec::new())
}

/// With a clip that lacks a part of the window.
pub(crate) fn short() -> Job {
    let left_out = Warning {
        code: WarningCode::SegmentsLeftOut,
        count: 1,
        detail: "segment 12 of the video track: the data ends within a box".into(),
    };
    finished(1240, vec![left_out])
}

fn finished(lack_ms: i64, warnings: Vec<Warning>) -> Job {
    let job = half();
    let plan = PlanSummary {
        kind: "smart".to_owned(),
        reason: "only what the window's ends cut off is encoded".to_owned(),
        frames_encoded: 21,
        frames_copied: 204,
        bytes_read: 5_312_804,
        bytes_written: 4_871_320,
        open_ms: 84,
        render_ms: 910,
        check_ms: 120,
        total_ms: 2300,
        ..PlanSummary::default()
    };
    let hole = Hole { at_ms: Millis::new(3480), length_ms: Millis::new(lack_ms) };
    let holes = if lack_ms > 0 { vec![hole] } else { Vec::new() };
    let video = Manifest { warnings, holes, ..manifest(lack_ms) };
    job.with_video(job.fence, video, plan, NOW + Millis::new(3000), &Lifecycle::default()).unwrap()
}

/// Without files.
pub(crate) fn failed() -> Job {
    let job = running();
    job.given_up(job.fence, Reason::NoMedia, NOW + Millis::new(1500), &Lifecycle::default()).unwrap()
}

fn manifest(lack_ms: i64) -> Manifest {
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned();
    let (bytes, duration_ms) = (4_871_320, Millis::new(9000 - lack_ms));
    let lack_ms = Millis::new(lack_ms);
    let (warnings, holes, windows) = (Vec::new(), Vec::new(), Vec::new());
    Manifest { bytes, sha256, parts: 0, duration_ms, lack_ms, warnings, holes, windows }
}
