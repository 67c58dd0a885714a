//! One export in this process, without a stack: what it made, what it read and wrote and what it cost, as one line of
//! JSON a run.
//!
//!     cargo run --release -p media-export-worker --example clip -- --recording DIR --start-ms N --duration-ms N
//!         [--mpd stream.mpd] [--type 0|1|2] [--container ts|mp4] [--still true] [--out FILE] [--repeat N]
//!         [--ffmpeg PATH] [--memory-mib N] [--left-s N] [--synthetic-hours H]
//!
//! `--start-ms` counts from the recording's start. ffmpeg is `FFMPEG` unless it is named. With `--out` the clip is
//! written there and the picture beside it as `.jpg`, else both are thrown away. `--synthetic-hours` repeats the
//! recording's first GOP and its sound until it is that long. `RUST_LOG` turns the worker's logs on.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints what it measured")]

mod metered;
mod options;
mod source;
mod synthetic;
mod usage;

use crate::metered::{Kinds, Metered};
use crate::options::Options;
use crate::source::{Folder, LIVE_PATH, Source};
use crate::synthetic::Synthetic;
use crate::usage::{Children, Usage};
use export_clip::Ffmpeg;
use export_clip::cage::{self, CagePolicy};
use export_lambda::batch::Record;
use export_lambda::metrics::Metrics;
use export_lambda::{config::Env, telemetry};
use export_media::mpd::{Mpd, parse};
use export_media::time::Nanos;
use export_testkit::{
    DeadLetters, MemoryBus, MemoryJobs, MemoryQueue, NOW, TestClock, body, directory, job, tenant, with,
};
use media_export_worker::App;
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// `storage_info` that asks for MP4 in the bucket `clips`.
const AS_MP4: &str =
    "W3sic3RvcmFnZV9wdXJwb3NlIjoibXA0Iiwic3RvcmFnZV90eXBlIjoiUzMiLCJzdG9yYWdlX25hbWUiOiJjbGlwcyJ9XQ==";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    match cage::enter(std::env::args_os()) {
        Some(status) => Ok(status),
        None => export().map(|()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn export() -> Result<(), Box<dyn Error>> {
    let env = Env::of_process();
    let options = Options::of_arguments(&env)?;
    if let Some(level) = env.optional("RUST_LOG") {
        telemetry::init(Some(&level));
    }
    let folder = Folder::new(&options.recording, &options.mpd);
    let source = match options.synthetic_hours {
        None => Source::Folder(folder),
        Some(hours) => Source::Synthetic(Synthetic::of(&folder, hours)?),
    };
    let source = Arc::new(source);
    for _ in 0..options.repeat {
        println!("{}", Box::pin(run(&options, &source)).await?);
    }
    Ok(())
}

/// One job from its message to its end.
async fn run(options: &Options, source: &Arc<Source>) -> Result<Value, Box<dyn Error>> {
    let mpd = parse(&source.manifest()?)?;
    let kinds = Kinds::of(&mpd)?;
    let objects = Arc::new(Metered::new(Arc::clone(source), kinds, options.out.clone()));
    let jobs = MemoryJobs::default();
    let app = App {
        jobs: jobs.clone(),
        queue: MemoryQueue::default(),
        tenants: directory(),
        objects: Arc::clone(&objects),
        dead_letters: DeadLetters::default(),
        bus: MemoryBus::default(),
        clock: TestClock::standing(NOW),
        times: export_domain::settings::Lifecycle::default(),
        workers: None,
        ffmpeg: Ffmpeg::caged(&options.ffmpeg, Duration::from_secs(30), CagePolicy::Required)
            .within(options.memory_mib << 20),
        metrics: Metrics::of("clip"),
    };
    let job = job(&tenant(), &request(options, &mpd), NOW);
    jobs.put(&job);
    let record = Record { id: "m".to_owned(), body: job.message().encode(), ..Record::default() };

    let children = Children::watch();
    let before = Usage::begin();
    let begun = Instant::now();
    Box::pin(app.handle(record, options.left)).await;
    let wall = begun.elapsed();
    let cost = Usage::now().since(&before);
    let (largest_child, together) = children.peak_rss_kib();

    let ended = jobs.current(&job).unwrap_or(job);
    Ok(json!({
        "start_ms": options.start_ms,
        "state": ended.state,
        "failure": ended.failure,
        "plan": ended.plan,
        "lack_ms": ended.video.as_ref().map(|video| video.lack_ms),
        "clip_ms": ended.video.as_ref().map(|video| video.duration_ms),
        "clip_bytes": ended.video.as_ref().map(|video| video.bytes),
        "image_bytes": ended.image.as_ref().map(|image| image.bytes),
        "read": objects.read_so_far(),
        "written": objects.written_so_far(),
        "wall_ms": wall.as_millis(),
        "cpu_s": { "own": cost.own_s, "children": cost.children_s },
        "peak_rss_kib": { "own": cost.peak_rss_kib, "largest_child": largest_child, "together": together },
    }))
}

/// The request that a client would send.
fn request(options: &Options, mpd: &Mpd) -> Value {
    let start_pos = mpd.availability_start.map_or(0, Nanos::to_millis_floor) + options.start_ms;
    let mut request = with(body(), "LivePath", LIVE_PATH);
    for (name, value) in [
        ("StartPos", json!(start_pos)),
        ("StartTime", json!(options.start_ms)),
        ("Duration", json!(options.duration_ms)),
        ("export_type", json!(options.export_type)),
        ("FetchMedia", json!(!options.still)),
        ("FetchThumb", json!(options.still)),
        ("storage_info", if options.mp4 { json!(AS_MP4) } else { Value::Null }),
    ] {
        request = with(request, name, value);
    }
    request
}
