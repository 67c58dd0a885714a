//! How rendering and joining scale: `cargo run --release --example mre_scale`, and with `-- formats` how rendering in
//! each format does.
//!
//! Rows are made page by page while they are asked for, so the peak memory is the export's own.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints what it measured")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use export_domain::timecode::Rate;
use export_mre::attr::{Attr, Row};
use export_mre::body::DocumentBody;
use export_mre::document::View;
use export_mre::export::{export_event, export_replay, export_replay_from_stored};
use export_mre::feedback::{Feedback, Review};
use export_mre::format::{Format, Rendering};
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey, VersionedName};
use export_mre::model::{ClassifiedSegment, Event};
use export_mre::outputs::{Outputs, VersionedRows};
use export_mre::source::{
    ExportSource, LastExport, RowPage, SegmentSpan, SourceError, StoredText, TriggerProfile,
};
use export_mre::warnings::Warnings;

const FEATURES: [&str; 6] = ["Ace", "BreakPoint", "DoubleFaults", "GamePoint", "MatchPoint", "SetPoint"];
const PAGE_ROWS: usize = 1_000;
const PROFILE: &str = r#"{"Name": "P", "Classifier": {"Name": "C"}, "Labeler": {"Name": "L"}}"#;

/// An event of `segments` segments with two tracks and an optimizer, one in ten reviewed; a replay of `results`.
struct Generated {
    segments: usize,
    results: usize,
    stored: Option<String>,
}

fn text(value: impl Into<String>) -> Attr {
    Attr::S(value.into())
}

fn row<const N: usize>(members: [(&str, Attr); N]) -> Row {
    members.map(|(name, value)| (name.to_owned(), value)).into()
}

fn tracks(value: impl Fn(usize) -> Attr) -> Attr {
    Attr::M(row([("1", value(1)), ("2", value(2))]))
}

fn segment(at: usize) -> Row {
    let clip = |kind: &'static str| {
        move |track| {
            text(format!(
                "s3://aws-mre-clip-gen-output/{kind}/{at:08}-4f5a-ab63-ad02854efa60/Wim_{track}.mp4"
            ))
        }
    };
    let mut segment = row([
        ("PK", text("P#E#C")),
        ("Start", Attr::N(format!("{}.2", at * 10))),
        ("End", Attr::N(format!("{}.4", at * 10 + 8))),
        ("OptoStart", tracks(|track| Attr::N(format!("{}.{track}28", at * 10)))),
        ("OptoEnd", tracks(|track| Attr::N(format!("{}.{track}72", at * 10 + 9)))),
        ("OriginalClipLocation", tracks(clip("MP4"))),
        ("OptimizedClipLocation", tracks(clip("opto"))),
        (
            "OriginalThumbnailLocation",
            text(format!("s3://aws-mre-clip-gen-output/thumbnail/{at:08}/{at:08}.jpeg")),
        ),
        (
            "OptimizedThumbnailLocation",
            text(format!("s3://aws-mre-clip-gen-output/opto/{at:08}/{at:08}.jpeg")),
        ),
        ("Label", text("30-0")),
    ]);
    segment.extend(row([
        (FEATURES[at % 6], Attr::Bool(true)),
        (FEATURES[(at + 2) % 6], Attr::Bool(true)),
        (FEATURES[(at + 4) % 6], Attr::Bool(false)),
    ]));
    segment
}

fn review(at: usize, track: &str) -> Row {
    row([
        ("PK", text(format!("P#E#C#{}.2#{track}", at * 10))),
        ("ProgramEventClassifierStart", text(format!("P#E#C#{}.2", at * 10))),
        ("Program", text("P")),
        ("Event", text("E")),
        ("Classifier", text("C")),
        ("Start", Attr::N(format!("{}.2", at * 10))),
        ("AudioTrack", Attr::N(track.to_owned())),
        ("OriginalFeedback", Attr::M(row([("Feedback", text("Like"))]))),
    ])
}

fn page(from: usize, to: usize, step: usize, make: impl Fn(usize) -> Row) -> RowPage {
    let end = to.min(from + PAGE_ROWS * step);
    RowPage {
        rows: (from..end).step_by(step).map(make).collect(),
        next: (end < to).then(|| row([("At", Attr::N(end.to_string()))])),
    }
}

fn position(after: Option<&Row>) -> usize {
    after.and_then(|row| row.get("At")?.as_number()?.parse().ok()).unwrap_or(0)
}

/// The number of the first segment that starts later: segment n starts at 10 n + 0.2.
fn first_after(start: &str) -> usize {
    let (seconds, rest) = start.split_once('.').unwrap_or((start, "0"));
    let seconds: usize = seconds.parse().unwrap();
    seconds / 10 + usize::from(!seconds.is_multiple_of(10) || rest >= "2")
}

fn plugin(name: &str, attributes: &[&str]) -> Row {
    let attributes = attributes.iter().map(|name| ((*name).to_owned(), Attr::Null)).collect();
    row([("Name", text(name)), ("Version", text("v0")), ("OutputAttributes", Attr::M(attributes))])
}

fn event_row() -> Row {
    row([
        ("Id", text("id")),
        ("Start", text("2026-01-01T00:00:00Z")),
        ("AudioTracks", Attr::L(vec![Attr::N("1".into()), Attr::N("2".into())])),
        ("EventDataExportLocation", text("s3://b/stored")),
    ])
}

impl ExportSource for Generated {
    async fn event(&self, _: &EventKey) -> Result<Option<Row>, SourceError> {
        Ok(Some(event_row()))
    }

    async fn profile(&self, _: &str) -> Result<Option<Row>, SourceError> {
        Ok(None)
    }

    async fn plugins(&self, _: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        Ok(vec![plugin("C", &["Beginning_Of_Play"]), plugin("L", &FEATURES)])
    }

    async fn models(&self, _: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        Ok(Vec::new())
    }

    async fn segments(
        &self,
        _: &str,
        _: Option<&[String]>,
        span: SegmentSpan,
    ) -> Result<RowPage, SourceError> {
        let to = span.upto.as_deref().map_or(self.segments, |upto| first_after(upto).min(self.segments));
        let from = span.after.as_ref().and_then(|row| row.get("Start")?.as_number()).map_or(0, first_after);
        let mut page = page(from, to, 1, segment);
        page.next = page.next.and_then(|_| page.rows.last().cloned());
        Ok(page)
    }

    async fn last_segment(&self, _: &str) -> Result<Option<Row>, SourceError> {
        Ok(self.segments.checked_sub(1).map(segment))
    }

    async fn segments_at(&self, _: &str, starts: &[String], _: &[&str]) -> Result<Vec<Row>, SourceError> {
        Ok(starts.iter().map(|start| segment(first_after(start) - 1)).collect())
    }

    async fn feedback(&self, partition: &str, after: Option<Row>) -> Result<RowPage, SourceError> {
        let track = &partition[partition.len() - 1..];
        Ok(page(position(after.as_ref()), self.segments, 10, |at| review(at, track)))
    }

    async fn replay_request(&self, _: &ReplayKey) -> Result<Option<Row>, SourceError> {
        Ok(Some(row([("AudioTrack", Attr::N("1".into()))])))
    }

    async fn replay_results(&self, _: &ReplayKey) -> Result<Option<String>, SourceError> {
        let step = (self.segments / self.results.max(1)).max(1);
        let one = |number: usize| {
            let at = number * step;
            format!(
                r#"{{"AudioTrack": 1, "Start": {0}.2, "End": {0}.9, "OptoStart": {0}.128, "Features": [{{"Name": "L | Ace | true", "AttribName": "Ace", "AttribValue": true, "PluginName": "L", "Weight": 55}}]}}"#,
                at * 10
            )
        };
        Ok(Some(format!("[{}]", (0..self.results).map(one).collect::<Vec<_>>().join(", "))))
    }

    async fn stored_export(&self, _: &str) -> Result<LastExport, SourceError> {
        let found = |text| LastExport::Found(StoredText { text, ..StoredText::default() });
        Ok(self.stored.clone().map_or(LastExport::Missing, found))
    }

    async fn trigger_profile(&self, _: &EventKey) -> Result<Option<TriggerProfile>, SourceError> {
        Ok(Some(TriggerProfile { profile: PROFILE.to_owned(), event_id: None }))
    }

    async fn preview_url(&self, _: &str) -> Result<Option<String>, SourceError> {
        Ok(None)
    }
}

fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing waits"),
    }
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

/// The best of five, as the machine may be busy.
fn best<T>(work: impl Fn() -> T) -> (Duration, T) {
    (0..5)
        .map(|_| {
            let start = processor_time();
            let output = work();
            (processor_time().saturating_sub(start), output)
        })
        .min_by_key(|(elapsed, _)| *elapsed)
        .unwrap()
}

fn millis(elapsed: Duration) -> String {
    format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
}

/// An event of segments that are already in the model.
struct Model {
    segments: Vec<ClassifiedSegment>,
    outputs: Outputs,
    feedback: Feedback,
}

impl Model {
    fn new(count: usize) -> Self {
        let plugins = VersionedRows::new(vec![plugin("C", &["Beginning_Of_Play"]), plugin("L", &FEATURES)]);
        let outputs = Outputs::new(&Json::parse(PROFILE).unwrap(), &plugins, &mut Warnings::default());
        let segments =
            (0..count).map(|at| ClassifiedSegment::from_row(segment(at), &outputs).unwrap()).collect();
        let reviews = (0..count).step_by(10).flat_map(|at| [review(at, "1"), review(at, "2")]);
        let event = EventKey::new("E", "P");
        let reviews = reviews.filter_map(|row| Review::from_row(row, &event, "C")).collect();
        Self { segments, outputs, feedback: Feedback::new(&event, "C", reviews) }
    }

    /// Length of its text.
    fn render(&self, rendering: &Rendering) -> usize {
        let event = Event::from_row(EventKey::new("E", "P"), event_row());
        let mut body = DocumentBody::new(rendering, &event, None).unwrap();
        body.event(&event, &self.outputs, None);
        body.segments();
        for segment in &self.segments {
            body.segment(segment, &self.outputs, &self.feedback);
        }
        body.finish().0.len()
    }
}

fn measure_render(count: usize) -> String {
    let model = Model::new(count);
    let (guide, bytes) = best(|| model.render(&View::Guide.into()));
    let (mre, _) = best(|| model.render(&View::Mre.into()));
    format!("{} | {} | {:.2} MB", millis(guide), millis(mre), bytes_to_mb(bytes))
}

fn measure_formats(count: usize) {
    let model = Model::new(count);
    let figures = Format::ALL.map(|format| {
        let mut rendering = Rendering { format, ..View::Guide.into() };
        rendering.edits.fps = Rate::named("29.97");
        let (took, bytes) = best(|| model.render(&rendering));
        format!("{} ({:.1} MB)", millis(took), bytes_to_mb(bytes))
    });
    println!("| {count} | {} |", figures.join(" | "));
}

fn bytes_to_mb(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / 1e6
}

fn measure(count: usize, results: usize) {
    let event = EventKey::new("E", "P");
    let replay = ReplayKey::new(event.clone(), "r");
    let rendered = measure_render(count);
    let mut source = Generated { segments: count, results, stored: None };
    let (rows, _) = best(|| (0..count).map(segment).fold(0, |sum, row| sum + row.len()));
    let (whole, export) = best(|| run(export_event(&source, &event, View::Mre, None)).unwrap());
    let (live, _) = best(|| run(export_replay(&source, &replay, View::Guide)).unwrap());
    source.stored = Some(export.text);
    let (stored, joined) = best(|| run(export_replay_from_stored(&source, &replay)).unwrap());
    assert_eq!(joined.text.matches("\"End\"").count(), results, "every result has its segment");
    println!(
        "| {count} | {rendered} | {} | {} | {results} | {} | {} |",
        millis(whole),
        millis(rows),
        millis(live),
        millis(stored)
    );
}

fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("formats") {
        println!("| segments | {} |", Format::ALL.map(Format::name).join(" | "));
        println!("|---:|---:|---:|---:|---:|---:|---:|");
        [5_000, 20_000, 80_000].into_iter().for_each(measure_formats);
        return;
    }
    if let Some(count) = std::env::args().nth(1).and_then(|count| count.parse().ok()) {
        let before = peak_kb();
        let source = Generated { segments: count, results: 0, stored: None };
        let export = run(export_event(&source, &EventKey::new("E", "P"), View::Guide, None)).unwrap();
        println!("{count} segments: {} bytes, peak kB {before:?} -> {:?}", export.text.len(), peak_kb());
        return;
    }
    println!(
        "| segments | render guide | render mre | document | whole event export | of that making rows | results | live replay | replay from stored |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for count in [1_000, 5_000, 20_000, 100_000] {
        measure(count, count / 10);
    }
}
