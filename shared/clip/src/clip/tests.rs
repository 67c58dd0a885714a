use super::*;
use crate::{Asked, ClipFile, ReadFailure, VideoCodec};
use bytes::Bytes;
use export_domain::ports::SourceStore;
use export_domain::target::Bucket;
use export_testkit::MemoryObjects;
use export_testkit::recordings::{DIRECTORY, MANIFEST, mpd, pictures, record, set};

/// Answers each request after ten seconds.
#[derive(Debug, Default)]
struct Slow(MemoryObjects);

impl Source for Slow {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let bucket = Bucket { name: "recordings".to_owned(), owner: String::new(), prefix: String::new() };
        let read = self.0.read(&bucket, path, range, most).await;
        read.map(|read| read.bytes).map_err(|_| ReadFailure::NotFound)
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_to_read_a_recording_is_none_to_encode_it() {
    let source = Slow::default();
    record(&source.0, DIRECTORY, &mpd(&set("video", "avc1.42000a", ""), ""), &pictures());
    let window =
        Asked { start_pos_ms: 0, start_time_ms: None, duration_ms: 4000, wall_end_ms: 4000, still: false };
    let (codec, manifest) = (Some(VideoCodec::Hevc), MANIFEST.to_owned());
    let clip = Clip {
        selection: Selection { manifest, window, codec, now_ms: 0, asked_at_ms: 0 },
        container: FileFormat::Mp4,
        left: Duration::from_secs(20),
        last_try: false,
        gauge: Arc::default(),
    };
    let file = std::env::temp_dir().join(format!("export-clip-{}.mp4", std::process::id()));
    let (ffmpeg, sink) = (Ffmpeg::at("no such program", Duration::MAX), ClipFile::new(file));
    let ended = clip.make(Arc::new(source), &ffmpeg, &sink, &()).await.map(drop);
    let Err(Error::GivenUp(refusal)) = ended else { panic!("{ended:?}") };
    assert_eq!(refusal.kind, Kind::ClipTooLarge { longest_ms: 0 });
}
