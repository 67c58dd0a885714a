use super::*;
use crate::recording::Recording;
use crate::{Asked, ClipWriter, Coder, Kind, ReadFailure, VideoCodec, WarningCode};
use bytes::Bytes;
use export_domain::ports::SourceStore;
use export_domain::target::Bucket;
use export_media::time::Nanos;
use export_testkit::MemoryObjects;
use export_testkit::recordings::{
    DIRECTORY, END_OF_PICTURE, MANIFEST, SEGMENTS, audio_files, mpd, picture_tracks, pictures, record,
    reordered_pictures, segment_name, set,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;
use tokio::time::Instant;

/// The time from a request to its answer.
const ROUND_TRIP: Duration = Duration::from_secs(10);

/// Answers each request after that time.
#[derive(Debug, Default)]
struct Slow(MemoryObjects);

impl Source for Slow {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        tokio::time::sleep(ROUND_TRIP).await;
        stored(&self.0, path, range, most).await
    }
}

async fn stored(
    objects: &MemoryObjects,
    path: &str,
    range: Option<(u64, u64)>,
    most: u64,
) -> Result<Bytes, ReadFailure> {
    let bucket = Bucket { name: "recordings".to_owned(), owner: String::new(), prefix: String::new() };
    let read = objects.read(&bucket, path, range, most).await;
    read.map(|read| read.bytes).map_err(|_| ReadFailure::NotFound)
}

/// A clip of the recording from `start_ms` to `end_ms`.
fn clip(start_ms: i64, end_ms: i64, codec: Option<VideoCodec>) -> Clip {
    let window = Asked {
        start_pos_ms: start_ms,
        start_time_ms: Some(start_ms),
        pts: None,
        duration_ms: end_ms - start_ms,
        wall_end_ms: end_ms,
        still: false,
    };
    let manifest = MANIFEST.to_owned();
    Clip {
        selection: Selection { manifest, window, codec, now_ms: 0, asked_at_ms: 0 },
        container: FileFormat::Mp4,
        left: Duration::from_secs(20),
        last_try: false,
        fan_out: None,
        gauge: Arc::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_to_read_a_recording_is_none_to_encode_it() {
    let source = Slow::default();
    record(&source.0, DIRECTORY, &mpd(&set("video", "avc1.42000a", ""), ""), &pictures());
    let ffmpeg = Ffmpeg::at("no such program", Duration::MAX);
    let clip = clip(0, 4000, Some(VideoCodec::Hevc));
    let ended = clip.make(Arc::new(source), &ffmpeg, &Counted, &()).await.map(drop);
    let Err(Error::GivenUp(refusal)) = ended else { panic!("{ended:?}") };
    assert_eq!(refusal.kind, Kind::ClipTooLarge { longest_ms: 0 });
}

/// Counts a file's bytes.
struct Counted;

impl Sink for Counted {
    type Writer = Counter;

    async fn begin(&self, _headed: bool) -> Result<Counter, Error> {
        Ok(Counter(0))
    }
}

struct Counter(usize);

impl ClipWriter for Counter {
    type Written = usize;

    async fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        self.0 += data.len();
        Ok(())
    }

    async fn finish(self, head: Option<Bytes>) -> Result<usize, Error> {
        Ok(self.0 + head.map_or(0, |head| head.len()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_clip_takes_three_round_trips_manifest_inits_and_segments() {
    let source = Slow::default();
    let sets = set("video", "avc1.42000a", "") + &set("audio", "mp4a.40.2", "");
    let files = [reordered_pictures(1..=SEGMENTS), audio_files(10)].concat();
    record(&source.0, DIRECTORY, &mpd(&sets, ""), &files);
    let ffmpeg = Ffmpeg::simulated(Arc::new(Gatekeeper::default()));
    let began = Instant::now();
    let made = clip(1520, 9480, None).make(Arc::new(source), &ffmpeg, &Counted, &()).await.unwrap();
    assert_eq!((made.plan.kind, began.elapsed()), ("smart", 3 * ROUND_TRIP));
}

#[tokio::test(start_paused = true)]
async fn young_segments_are_asked_for_in_two_round_trips_and_the_newest_absent_one_is_found() {
    for (absent, expected) in [(None, None), (Some(6), Some(5)), (Some(3), Some(2))] {
        let source = Slow::default();
        let files = reordered_pictures((1..=SEGMENTS).filter(|number| Some(*number) != absent));
        record(&source.0, DIRECTORY, &mpd(&set("video", "avc1.42000a", ""), ""), &files);
        let recording = Recording::open(Arc::new(source), &clip(0, 24_000, None).selection).await.unwrap();
        let (track, began) = (recording.track.as_ref().unwrap(), Instant::now());
        let found = track.newest_absent(&recording.reader, Nanos::ZERO, Nanos::from_millis(24_000)).await;
        let trips = if absent == Some(SEGMENTS) { 1 } else { 2 };
        assert_eq!(found.unwrap().map(|segment| segment.index), expected);
        assert_eq!(began.elapsed(), trips * ROUND_TRIP, "{absent:?}");
    }
}

/// Holds back the segments of the recording's middle until the gate is open.
#[derive(Debug)]
struct Gated {
    objects: MemoryObjects,
    gate: watch::Receiver<bool>,
}

impl Source for Gated {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        if (2..=5).any(|number| path.ends_with(&segment_name("video", number))) {
            self.gate.clone().wait_for(|open| *open).await.expect("it opens or stays as it is");
        }
        stored(&self.objects, path, range, most).await
    }
}

/// Stands in for ffmpeg over pictures that all look alike, and opens the gate once it has rendered two runs.
#[derive(Debug, Default)]
struct Gatekeeper {
    rendered: AtomicUsize,
    gate: watch::Sender<bool>,
}

impl Coder for Gatekeeper {
    fn code(&self, args: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
        let graph = args.iter().find(|arg| arg.starts_with("[0:v:0]")).ok_or("no graph")?;
        let number =
            |before: &str| -> Option<usize> { graph.split_once(before)?.1.split_once(')')?.0.parse().ok() };
        let fed = input.windows(END_OF_PICTURE.len()).filter(|bytes| *bytes == END_OF_PICTURE).count();
        let decoded = fed - number("[0:v:0]select=gte(n\\,").unwrap_or(0);
        let raw = graph.split_once("[to_raw]").map_or(0, |(_, raw)| raw.matches("eq(n").count());
        let encoded = number("[to_coded]select=lt(n\\,").unwrap_or(0);
        if encoded > 0 && self.rendered.fetch_add(1, Ordering::Relaxed) == 1 {
            self.gate.send_replace(true);
        }
        let picture = [&[0, 0, 0, 6, 0x65, 0x88, 0x84, 1][..], &END_OF_PICTURE].concat();
        let maps = args.iter().zip(args.iter().skip(1)).filter(|(option, _)| *option == "-map");
        let tracks = maps.map(|(_, track)| match track.as_str() {
            "[coded]" => vec![picture.clone().into(); encoded],
            "[thumbs]" => vec![vec![0; 2 * 16 * 9].into(); decoded],
            _ => vec![vec![0; 32 * 32 * 3 / 2].into(); raw],
        });
        Ok(picture_tracks(&tracks.collect::<Vec<_>>()))
    }
}

/// A clip of a recording without the segments `absent`, whose middle is there once both ends are rendered; the number of
/// reads, and of runs that were rendered.
async fn made_ends_first(absent: &[i64]) -> (Made<usize>, usize, usize) {
    let (gate, opened) = watch::channel(false);
    let source = Arc::new(Gated { objects: MemoryObjects::default(), gate: opened });
    let files = reordered_pictures((1..=SEGMENTS).filter(|number| !absent.contains(number)));
    record(&source.objects, DIRECTORY, &mpd(&set("video", "avc1.42000a", ""), ""), &files);
    let coder = Arc::new(Gatekeeper { rendered: AtomicUsize::new(0), gate });
    let stand_in = Arc::clone(&coder);
    let ffmpeg = Ffmpeg::simulated(stand_in);
    // From the middle of a GOP to a picture that is decoded behind a later one.
    let clip = clip(1520, 21_480, None);
    let made = clip.make(Arc::clone(&source), &ffmpeg, &Counted, &());
    let made =
        tokio::time::timeout(Duration::from_hours(1), made).await.expect("an end waits for the middle");
    (made.unwrap(), source.objects.faults.calls("read"), coder.rendered.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_window_are_rendered_before_its_middle_is_there() {
    let (made, reads, rendered) = made_ends_first(&[]).await;
    assert_eq!((made.plan.frames_encoded, made.plan.frames_copied), (12 + 1, 499 - 12 - 1));
    assert_eq!((made.plan.kind, rendered), ("smart", 2));
    assert_eq!(reads, 2 + 6, "the manifest, the init segment and each segment once");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_turns_out_to_stand_behind_a_hole_is_rendered_anew_and_counts_once() {
    let (made, _, rendered) = made_ends_first(&[5]).await;
    assert_eq!((made.plan.frames_encoded, made.plan.frames_copied), (12 + 1, 499 - 100 - 12 - 1));
    assert_eq!((made.lack_ms, rendered), (4000, 3));
}

/// A reel of windows, each from and to a time in milliseconds.
fn reel(windows: &[(i64, i64)]) -> Reel {
    let first = clip(0, 40, None).reel();
    let window =
        |(start, end): &(i64, i64)| ReelWindow { selection: clip(*start, *end, None).selection, name: None };
    Reel { windows: windows.iter().map(window).collect(), ..first }
}

/// What becomes of a reel of the recording without its fourth segment, and the bytes that reading it took.
async fn reeled(windows: &[(i64, i64)]) -> Result<Made<usize>, Error> {
    let source = Arc::new(Slow::default());
    let sets = set("video", "avc1.42000a", "") + &set("audio", "mp4a.40.2", "");
    let files = [reordered_pictures((1..=SEGMENTS).filter(|number| *number != 4)), audio_files(10)].concat();
    record(&source.0, DIRECTORY, &mpd(&sets, ""), &files);
    let ffmpeg = Ffmpeg::simulated(Arc::new(Gatekeeper::default()));
    let reel = Reel { left: Duration::from_hours(1), ..reel(windows) };
    reel.make(source, &ffmpeg, &Counted, &()).await
}

#[tokio::test(start_paused = true)]
async fn windows_follow_one_another_in_their_order_and_cost_no_more_than_their_clips() {
    let windows = [(16_000, 19_480), (1520, 9480), (1520, 2000), (1800, 1960), (0, 40)];
    let made = reeled(&windows).await.unwrap();
    let (mut at, mut alone, mut pictures) = (0, 0, (0, 0));
    for (part, window) in made.parts.iter().zip(windows) {
        let length = window.1 - window.0;
        assert_eq!((part.start, part.length), (Nanos::from_millis(at), Nanos::from_millis(length)));
        assert_eq!((part.asked_ms, part.lack_ms, &part.left_out), (length, 0, &None));
        let single = reeled(&[window]).await.unwrap();
        alone += single.bytes_read;
        pictures.0 += single.plan.frames_encoded;
        pictures.1 += single.plan.frames_copied;
        at += length;
    }
    assert_eq!((made.parts.len(), made.length), (5, Nanos::from_millis(at)));
    assert_eq!((made.plan.frames_encoded, made.plan.frames_copied), pictures);
    assert!(made.bytes_read <= alone, "{} of {alone}", made.bytes_read);
}

#[tokio::test(start_paused = true)]
async fn windows_that_touch_are_made_as_one_and_told_of_as_two() {
    let whole = reeled(&[(1520, 9480)]).await.unwrap();
    let made = reeled(&[(1520, 4040), (4040, 9480)]).await.unwrap();
    assert_eq!(made.plan, whole.plan);
    assert_eq!((made.written, made.bytes_read), (whole.written, whole.bytes_read));
    let places: Vec<_> = made.parts.iter().map(|part| (part.start, part.length)).collect();
    let ms = Nanos::from_millis;
    assert_eq!(places, [(ms(0), ms(2520)), (ms(2520), ms(5440))]);
}

#[tokio::test(start_paused = true)]
async fn a_window_without_pictures_is_left_out_with_a_warning_and_a_hole_is_that_of_its_window() {
    let made = reeled(&[(0, 1000), (12_000, 16_000), (90_000, 91_000), (10_000, 17_000)]).await.unwrap();
    let left_out: Vec<_> = made.parts.iter().map(|part| part.left_out.is_some()).collect();
    assert_eq!(left_out, [false, true, true, false]);
    assert_eq!(made.length, Nanos::from_millis(1000 + 3000));
    let lacks: Vec<_> = made.parts.iter().map(|part| part.lack_ms).collect();
    assert_eq!(lacks, [0, 4000, 1000, 4000]);
    assert_eq!(made.lack_ms, 9000);
    let holes: Vec<_> = made.holes.iter().map(|hole| (hole.at_ms, hole.length_ms)).collect();
    assert_eq!(holes, [(1000, 4000), (5000, 1000), (8000, 4000)]);
    let warning = made.warnings.iter().find(|warning| warning.code == WarningCode::WindowsLeftOut).unwrap();
    assert_eq!(warning.count, 2);
    assert!(warning.detail.starts_with("window 2: nothing is recorded in the window"), "{}", warning.detail);
}

#[tokio::test(start_paused = true)]
async fn a_reel_of_nothing_is_refused_for_what_its_first_window_lacks() {
    let ended = reeled(&[(12_000, 13_000), (90_000, 91_000)]).await.map(drop);
    let Err(Error::GivenUp(refusal)) = ended else { panic!("{ended:?}") };
    assert_eq!(refusal.kind, Kind::NoMedia);
    assert!(refusal.detail.starts_with("window 1: no picture that can be decoded"), "{}", refusal.detail);
}

/// Answers without delay.
#[derive(Debug)]
struct Stored(MemoryObjects);

impl Source for Stored {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        stored(&self.0, path, range, most).await
    }
}

/// An ffmpeg of this version, which is asked for nothing else.
#[derive(Debug)]
struct Version(&'static str);

impl Coder for Version {
    fn code(&self, args: &[String], _input: &[u8]) -> Result<Vec<u8>, String> {
        if args == ["-version"] { Ok(self.0.into()) } else { Err("it was to encode".to_owned()) }
    }
}

fn fan_out() -> FanOut {
    FanOut {
        above: None,
        at_once: 100,
        least: Duration::from_secs(5),
        chunk_work: Duration::from_mins(7),
        machine: crate::Machine { memory: 3 << 30, cores: 2 },
        most: 100,
    }
}

/// The end of a clip of 24 seconds that is asked for in another codec, with so much time left.
async fn ended(fan_out: FanOut, left: Duration) -> Error {
    let source = Stored(MemoryObjects::default());
    record(
        &source.0,
        DIRECTORY,
        &mpd(&set("video", "avc1.42000a", ""), ""),
        &reordered_pictures(1..=SEGMENTS),
    );
    let ffmpeg = Ffmpeg::simulated(Arc::new(Version("9.0")));
    let clip = Clip { fan_out: Some(fan_out), left, ..clip(0, 24_000, Some(VideoCodec::Hevc)) };
    clip.make(Arc::new(source), &ffmpeg, &Counted, &()).await.unwrap_err()
}

async fn planned() -> crate::ChunkPlan {
    match ended(fan_out(), Duration::ZERO).await {
        Error::FanOut(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_clip_for_which_there_is_no_time_ends_with_the_plan_of_its_chunks_before_anything_is_encoded() {
    let plan = planned().await;
    // Segments have four seconds, and chunks begin with them.
    let lengths: Vec<u64> = (0..plan.count()).map(|n| plan.length(n).as_secs()).collect();
    assert_eq!(lengths.iter().sum::<u64>(), 24);
    assert!(lengths.len() > 2 && lengths.iter().all(|length| length % 4 == 0), "{lengths:?}");
    assert_eq!((plan.length(plan.count()), plan.longest() > Duration::ZERO), (Duration::ZERO, true));
}

#[tokio::test]
async fn the_same_clip_has_the_same_plan_and_it_is_read_as_it_was_written() {
    let plan = planned().await;
    assert_eq!(plan.to_json(), planned().await.to_json());
    assert_eq!(crate::ChunkPlan::from_json(&plan.to_json()).unwrap(), plan);
}

#[tokio::test]
async fn only_what_takes_longer_than_wanted_or_than_there_is_time_is_made_in_chunks() {
    let minute = Duration::from_mins(1);
    let is_fanned = |error| matches!(error, Error::FanOut(_));
    assert!(!is_fanned(ended(fan_out(), minute).await));
    assert!(is_fanned(ended(FanOut { above: Some(Duration::ZERO), ..fan_out() }, minute).await));
    assert!(!is_fanned(ended(FanOut { above: Some(minute), ..fan_out() }, minute).await));
    let too_many = ended(FanOut { most: 2, ..fan_out() }, Duration::ZERO).await;
    let Error::GivenUp(refusal) = too_many else { panic!("{too_many:?}") };
    assert!(matches!(refusal.kind, Kind::ClipTooLarge { longest_ms: 1..24_000 }), "{refusal:?}");
}

#[tokio::test]
async fn a_chunk_is_not_made_by_another_ffmpeg_than_the_plans_and_only_if_the_plan_has_it() {
    let plan = planned().await;
    for (version, n) in [("9.1", 0), ("9.0", plan.count())] {
        let ffmpeg = Ffmpeg::simulated(Arc::new(Version(version)));
        let source = Arc::new(Stored(MemoryObjects::default()));
        let chunk = crate::Chunk { plan: &plan, n, gauge: Arc::default() };
        let ended = chunk.make(source, &ffmpeg, &Counted).await.map(drop);
        assert!(matches!(ended, Err(Error::Chunk(crate::ChunkFault::Stale, _))), "{ended:?}");
    }
}
