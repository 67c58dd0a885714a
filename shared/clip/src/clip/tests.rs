use super::*;
use crate::{Asked, Coder, ReadFailure, VideoCodec};
use bytes::Bytes;
use export_domain::ports::SourceStore;
use export_domain::target::Bucket;
use export_testkit::MemoryObjects;
use export_testkit::recordings::{
    DIRECTORY, END_OF_PICTURE, MANIFEST, SEGMENTS, audio_files, mpd, picture_tracks, pictures, record,
    reordered_pictures, segment_name, set,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

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
