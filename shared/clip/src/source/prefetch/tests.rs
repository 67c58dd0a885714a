use super::*;
use crate::ReadFailure;
use bytes::Bytes;
use export_domain::ports::SourceStore;
use export_domain::target::Bucket;
use export_media::fmp4::TrackKind;
use export_media::mpd::parse;
use export_testkit::MemoryObjects;
use export_testkit::recordings::{DIRECTORY, MANIFEST, audio_files, mpd, record, set};
use std::sync::Mutex;

/// Tracks of one job.
const TRACKS: usize = 8;
/// 512 MiB.
const MOST: u64 = 512 << 20;

/// Segments never come.
#[derive(Debug, Default)]
struct Stuck {
    objects: MemoryObjects,
    /// Most bytes of each that was asked for.
    asked: Mutex<Vec<u64>>,
}

impl Source for Stuck {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        if path.contains("audio-") && !path.contains("init") {
            self.asked.lock().unwrap().push(most);
            std::future::pending::<()>().await;
        }
        let bucket = Bucket { name: "recordings".to_owned(), owner: String::new(), prefix: String::new() };
        let read = self.objects.read(&bucket, path, range, most).await;
        read.map(|read| read.bytes).map_err(|_| ReadFailure::NotFound)
    }
}

#[tokio::test]
async fn what_all_tracks_of_a_job_fetch_ahead_is_bounded_together() {
    let manifest = mpd(&set("audio", "mp4a.40.2", ""), "");
    let store = Arc::new(Stuck::default());
    record(&store.objects, DIRECTORY, &manifest, &audio_files(10));
    let reader = Arc::new(Reader::new(Arc::clone(&store), MANIFEST));
    let mpd = parse(manifest.as_bytes()).unwrap();
    let (start, end) = (Nanos::ZERO, Nanos::new(24_000_000_000));
    let representation = &mpd.periods[0].representations[0];
    let track = Track::open(&reader, representation, TrackKind::Audio, (start, end)).await.unwrap().unwrap();
    let track = Arc::new(track);
    let new = || Segments::new(Arc::clone(&reader), Arc::clone(&track), 0, end);
    let mut all: Vec<_> = (0..TRACKS).map(|_| new()).collect();
    for segments in &mut all {
        segments.fetch(1).unwrap();
    }
    tokio::task::yield_now().await;
    let asked = store.asked.lock().unwrap().clone();
    let needed: u64 = asked.iter().max().unwrap() * u64::try_from(TRACKS).unwrap();
    assert!(asked.len() > TRACKS && asked.iter().sum::<u64>() <= needed + MOST, "{asked:?}");
    // What is given up makes room.
    all.clear();
    tokio::task::yield_now().await;
    let mut alone = new();
    alone.fetch(1).unwrap();
    assert_eq!(alone.ahead.len(), 6);
}
