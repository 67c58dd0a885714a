//! One cut, and what is said of it.

use crate::chunks;
use crate::listing;
use crate::metered::{Material, Metered, Output};
use crate::options::{Options, WindowOption};
use crate::synthetic::Synthetic;
use crate::usage::{Children, Usage};
use export_clip::{
    Asked, ClipFile, Error, Ffmpeg, Folder, Made, MadePart, MadePlaylist, NoPlaylist, Observer, Reel,
    ReelWindow, Refusal, Selection, Still, Thumbnail, Warning, manifest,
};
use export_media::mpd::Mpd;
use export_media::time::Nanos;
use serde_json::{Value, json};
use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The time that ffmpeg may hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a cut.
enum Done {
    Clip(Made<u64>),
    Still(Thumbnail),
}

/// Cuts, and returns what is to be printed of it.
///
/// # Errors
/// Why nothing was made.
pub(crate) async fn cut(options: &Options) -> Result<String, Box<dyn StdError>> {
    let (recording, manifests) = opened(options).await?;
    let source = Arc::new(Metered::new(recording, &manifests)?);
    let windows = windows(options, &manifests);
    let ffmpeg = match options.cage {
        Some(policy) => Ffmpeg::caged(&options.ffmpeg, PATIENCE, policy),
        None => Ffmpeg::at(&options.ffmpeg, PATIENCE),
    };
    let ffmpeg = ffmpeg.within(options.memory_mib << 20);
    let sink = Output::new(options.output.as_ref().map(ClipFile::new));
    let picture = Picture {
        path: options.picture.clone(),
        bytes: AtomicUsize::new(0),
        listed: options.playlist.is_some(),
        playlist: Mutex::default(),
    };

    let meter = options.measure.then(|| (Children::watch(), Usage::begin()));
    let began = Instant::now();
    let done = if options.still {
        still(windows, Arc::clone(&source), &ffmpeg, options.output.as_deref(), &picture).await
    } else {
        clip(options, windows, Arc::clone(&source), &ffmpeg, &sink, &picture).await
    };
    let wall = began.elapsed();
    let listed = picture.playlist.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(Ok(made)), Some(folder), Ok(_)) = (&listed, &options.playlist, &done) {
        listing::write(made, &options.folder(), folder)?;
    }
    let Some((children, before)) = meter else {
        return Ok(summary(options, &done.map_err(explained)?) + &listing::summary(listed.as_ref()));
    };
    let (cost, peaks) = (Usage::now().since(&before), children.peak_rss_kib());
    let mut told = match &done {
        Ok(done) => made(done, wall),
        Err(error) => json!({ "failure": failure(error) }),
    };
    let bytes = picture.bytes.load(Ordering::Relaxed);
    let more = json!({
        "start_ms": options.start_ms,
        "image_bytes": (bytes > 0).then_some(bytes),
        "read": source.read_so_far(),
        "written": sink.written_so_far(),
        "wall_ms": wall.as_millis(),
        "cpu_s": { "own": cost.own_s, "children": cost.children_s },
        "peak_rss_kib": { "own": cost.peak_rss_kib, "largest_child": peaks.0, "together": peaks.1 },
    });
    if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    Ok(told.to_string())
}

/// The material, and the manifests in it by their names.
type Opened = (Arc<Material>, Vec<(String, Mpd)>);

async fn opened(options: &Options) -> Result<Opened, Box<dyn StdError>> {
    let folder = Folder::new(options.folder());
    let names = options.manifests()?;
    let recording = match (options.synthetic_hours, names.first()) {
        (Some(hours), Some(name)) => {
            Material::Synthetic(Synthetic::of(&folder, name, hours).await?, name.clone())
        }
        _ => Material::Folder(folder),
    };
    let recording = Arc::new(recording);
    let mut manifests = Vec::new();
    for name in names {
        let mpd = manifest(Arc::clone(&recording), &name, options.codec).await;
        let mpd = mpd.map_err(|error| format!("{name}: {}", explained(error)))?;
        manifests.push((name, mpd));
    }
    Ok((recording, manifests))
}

fn windows(options: &Options, manifests: &[(String, Mpd)]) -> Vec<ReelWindow> {
    let window = |(of, part): (usize, WindowOption)| {
        let (manifest, mpd) = manifests.get(of)?;
        Some(ReelWindow { selection: selection(options, &part, manifest, mpd), name: part.name })
    };
    options.parts().into_iter().filter_map(window).collect()
}

fn selection(options: &Options, part: &WindowOption, manifest: &str, mpd: &Mpd) -> Selection {
    let zero = match (mpd.availability_start, mpd.periods.first()) {
        // A presentation that counts from the epoch begins with its first Period.
        (Some(Nanos::ZERO), Some(first)) => first.start,
        (Some(start), _) => start,
        (None, _) => Nanos::ZERO,
    };
    let start_pos_ms = zero.to_millis_floor() + part.start_ms;
    let window = Asked {
        start_pos_ms,
        start_time_ms: mpd.availability_start.is_none().then_some(part.start_ms),
        pts: None,
        duration_ms: part.duration_ms,
        wall_end_ms: start_pos_ms + part.duration_ms,
        still: options.still,
    };
    let now_ms = now_ms();
    Selection { manifest: manifest.to_owned(), window, codec: options.codec, now_ms, asked_at_ms: now_ms }
}

#[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

async fn still(
    windows: Vec<ReelWindow>,
    source: Arc<Metered>,
    ffmpeg: &Ffmpeg,
    output: Option<&Path>,
    picture: &Picture,
) -> Result<Done, Error> {
    let first = windows.into_iter().next();
    let none = || Error::Outside("there is no window".into());
    let still = Still { selection: first.ok_or_else(none)?.selection }.make(source, ffmpeg).await?;
    picture.take(&still, output)?;
    Ok(Done::Still(still))
}

/// A failure that nothing explains is tried once more, as the worker does.
async fn clip(
    options: &Options,
    windows: Vec<ReelWindow>,
    source: Arc<Metered>,
    ffmpeg: &Ffmpeg,
    sink: &Output,
    picture: &Picture,
) -> Result<Done, Error> {
    let (container, left) = (options.container(), options.left);
    let fan_out = options.chunks.map(|length| chunks::fan_out(options, length));
    let mut reel = Reel { windows, container, left, last_try: false, gauge: Arc::default(), fan_out };
    let mut made = match reel.make(Arc::clone(&source), ffmpeg, sink, picture).await {
        Err(Error::Unexplained(_)) => {
            reel.last_try = true;
            reel.make(Arc::clone(&source), ffmpeg, sink, picture).await
        }
        made => made,
    };
    if let Err(Error::FanOut(plan)) = &made {
        made = chunks::make(plan, source, ffmpeg, sink, picture).await;
    }
    made.map(Done::Clip)
}

/// The destination of the clip's first frame, and of its playlist.
struct Picture {
    path: Option<PathBuf>,
    bytes: AtomicUsize,
    listed: bool,
    playlist: Mutex<Option<Result<MadePlaylist, NoPlaylist>>>,
}

impl Picture {
    fn take(&self, frame: &Thumbnail, path: Option<&Path>) -> Result<(), Error> {
        self.bytes.store(frame.jpeg.len(), Ordering::Relaxed);
        let Some(path) = path else { return Ok(()) };
        let failed = |error| Error::Outside(format!("failed to write {}: {error}", path.display()).into());
        fs::write(path, &frame.jpeg).map_err(failed)
    }
}

impl Observer for Picture {
    async fn wants_first_frame(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) == 0
    }

    async fn first_frame(&self, frame: Thumbnail) -> Result<(), Error> {
        self.take(&frame, self.path.as_deref())
    }

    fn wants_playlist(&self) -> bool {
        self.listed
    }

    async fn playlist(&self, made: Result<MadePlaylist, NoPlaylist>) {
        *self.playlist.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    }
}

/// The summary of a cut for a reader.
fn summary(options: &Options, done: &Done) -> String {
    let path = options.output.as_deref().unwrap_or(Path::new("")).display();
    let (line, warnings) = match done {
        Done::Still(still) => (format!("{path}: a still of {} bytes", still.jpeg.len()), &still.warnings),
        Done::Clip(made) => {
            let length = made.length.to_millis_floor();
            let line = format!(
                "{path}: {length} ms in {} bytes, {} frames copied, {} encoded ({}: {})",
                made.written,
                made.plan.frames_copied,
                made.plan.frames_encoded,
                made.plan.kind,
                made.plan.reason
            );
            let lack = match made.lack_ms {
                ..1 => String::new(),
                lack_ms => format!("\nnot recorded: {lack_ms} ms of the window"),
            };
            let chunks = match made.plan.chunks {
                0 => String::new(),
                chunks => format!("\njoined of {chunks} chunks"),
            };
            let several = made.parts.len() > 1;
            let parts = (1_usize..).zip(&made.parts).filter(|_| several);
            let parts: Vec<String> =
                parts.map(|(n, part)| format!("\nwindow {n}: {}", place(part))).collect();
            (line + &chunks + &lack + &parts.concat(), &made.warnings)
        }
    };
    let warning = |warning: &Warning| format!("\nwarning: {} ({}x)", warning.detail, warning.count);
    line + &warnings.iter().map(warning).collect::<String>()
}

/// The place of a part of a clip, for people.
fn place(part: &MadePart) -> String {
    if let Some(why) = &part.left_out {
        return format!("left out: {why}");
    }
    let [from, length] = [part.start, part.length].map(|time| time.get() / 1000);
    let seconds = |us: i128| format!("{}.{:06} s", us / 1_000_000, us % 1_000_000);
    format!("{} from {} on", seconds(length), seconds(from))
}

fn part(part: &MadePart) -> Value {
    let us = |time: Nanos| i64::try_from(time.get() / 1000).unwrap_or(i64::MAX);
    json!({
        "start_us": us(part.start),
        "length_us": us(part.length),
        "asked_ms": part.asked_ms,
        "lack_ms": part.lack_ms,
        "left_out": part.left_out.as_ref().map(|why| why.kind.code()),
    })
}

fn made(done: &Done, wall: Duration) -> Value {
    let total_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    match done {
        Done::Still(_) => json!({ "failure": null }),
        Done::Clip(Made { written, length, lack_ms, parts, plan, bytes_read, open_ms, .. }) => json!({
            "failure": null,
            "lack_ms": lack_ms,
            "clip_ms": length.to_millis_floor(),
            "clip_bytes": written,
            "parts": parts.iter().map(part).collect::<Value>(),
            "plan": {
                "kind": plan.kind,
                "reason": plan.reason,
                "fell_back": plan.fell_back.is_some(),
                "fallback": plan.fell_back.map(export_clip::Unfit::code),
                "frames_encoded": plan.frames_encoded,
                "frames_copied": plan.frames_copied,
                "bytes_read": bytes_read,
                "bytes_written": written,
                "open_ms": open_ms,
                "render_ms": plan.render_ms,
                "check_ms": plan.check_ms,
                "chunks": plan.chunks,
                "total_ms": total_ms,
            },
        }),
    }
}

fn failure(error: &Error) -> Value {
    match error {
        Error::GivenUp(Refusal { kind, detail }) => json!({ "reason": kind.code(), "detail": detail }),
        error => json!({ "detail": error.to_string() }),
    }
}

/// For people.
fn explained(error: Error) -> Box<dyn StdError> {
    match error {
        Error::GivenUp(Refusal { kind, detail }) if detail.is_empty() => kind.to_string().into(),
        Error::GivenUp(cause) => cause.to_string().into(),
        Error::Waiting { available_ms, .. } => {
            format!("the recording is still growing: {available_ms} ms of the window are there").into()
        }
        error => error.to_string().into(),
    }
}
