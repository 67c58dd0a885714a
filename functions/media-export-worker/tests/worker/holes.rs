//! Manifests that list more than was recorded, and files of more than media: what that costs is bounded, and what was
//! recorded is found.

use crate::audio::many;
use crate::world::World;
use bytes::Bytes;
use export_domain::job::{Job, Reason, State, WarningCode};
use export_testkit::recordings::{
    DIRECTORY, SEGMENT_MS, SEGMENTS, SMALL, audio_body, audio_files, audio_files_of, mpd, record, set,
};
use export_testkit::with;

/// Longest window that may be asked for.
const LONG_MS: i64 = 4 * 3_600_000;

/// The job of a window of `length_ms` from 0 on, and how often the store was read for it.
async fn ended(world: &World, length_ms: i64) -> (Job, usize) {
    let body = with(audio_body(length_ms), "StartTime", 0);
    let job = world.has(&body, |job| job);
    let ended = world.work(&job).await;
    (ended, world.objects.faults.calls("read"))
}

fn of_an_hour_and_more() -> String {
    mpd(&set("audio", "mp4a.40.2", ""), "").replace("PT1H", "PT5H")
}

#[tokio::test]
async fn a_manifest_of_segments_that_do_not_exist_costs_a_bounded_number_of_requests() {
    let world = World::new();
    let every_microsecond = r#"timescale="1000000" duration="1""#;
    let manifest = of_an_hour_and_more().replace(r#"timescale="1" duration="4""#, every_microsecond);
    record(&world.objects, DIRECTORY, &manifest, &audio_files_of(SMALL, []));
    let (job, reads) = ended(&world, 9000).await;
    let failure = job.failure.unwrap();
    assert_eq!((job.state, failure.reason), (State::Failed, Reason::BadRecording));
    assert!(failure.detail.to_string().contains("a window may have 20000 segments"), "{}", failure.detail);
    assert!(reads < 2500, "{reads} reads");
}

/// The same file with a box behind its media that nothing needs, of zeros that no memory is taken for.
fn padded(file: &Bytes, bytes: u32) -> Bytes {
    let mut padded = vec![0; file.len() + usize::try_from(bytes).unwrap()];
    padded[..file.len()].copy_from_slice(file);
    padded[file.len()..file.len() + 4].copy_from_slice(&bytes.to_be_bytes());
    padded[file.len() + 4..file.len() + 8].copy_from_slice(b"free");
    padded.into()
}

#[tokio::test]
async fn a_job_asks_for_ten_thousand_files_in_vain_and_for_no_more() {
    let world = World::new();
    let manifest = many(8, false).replace("PT1H", "PT5H");
    record(&world.objects, DIRECTORY, &manifest, &audio_files_of(SMALL, []));
    let (job, reads) = ended(&world, LONG_MS).await;
    let failure = job.failure.unwrap();
    assert_eq!((job.state, failure.reason), (State::Failed, Reason::BadRecording), "{}", failure.detail);
    let why = "more than 10000 of the files that the manifest lists do not exist";
    assert!(failure.detail.to_string().contains(why), "{}", failure.detail);
    // Every track has up to six on their way.
    assert!((10_000..10_000 + 50).contains(&reads), "{reads} reads");
}

#[tokio::test]
async fn a_job_reads_four_gibibytes_and_a_hundred_mebibytes_a_second_and_no_more() {
    for (number, state) in [(12, State::Ready), (24, State::Failed)] {
        let world = World::new();
        let large = |(name, file): &(String, Bytes)| match name.as_str() {
            "audio-init.mp4" => (name.clone(), file.clone()),
            _ => (name.clone(), padded(file, 80 << 20)),
        };
        let files: Vec<_> = audio_files(SMALL).iter().map(large).collect();
        record(&world.objects, DIRECTORY, &many(number, false), &files);
        let (job, _) = ended(&world, SEGMENTS * SEGMENT_MS).await;
        assert_eq!(job.state, state, "{number} tracks: {:?}", job.failure);
        let Some(failure) = job.failure else { continue };
        let why =
            format!("more than {} bytes would be read for the window", (4_u64 << 30) + 24 * (100 << 20));
        assert_eq!(failure.reason, Reason::BadRecording);
        assert!(failure.detail.to_string().contains(&why), "{}", failure.detail);
    }
}

#[tokio::test]
async fn a_job_reads_sixty_four_mebibytes_of_init_segments_and_no_more() {
    let world = World::new();
    let mut files = audio_files(SMALL);
    let (_, init) = files.remove(0);
    let padding = u32::try_from((4 << 20) - init.len()).unwrap();
    files.extend((0..20).map(|n| (format!("init-{n}.mp4"), padded(&init, padding))));
    record(&world.objects, DIRECTORY, &many(20, true), &files);
    let (job, _) = ended(&world, SEGMENT_MS).await;
    assert_eq!(job.state, State::Ready, "{:?}", job.failure);
    let warnings = job.warnings();
    let left_out = warnings.iter().find(|warning| warning.code == WarningCode::AudioLeftOut).unwrap();
    let why = format!("all init segments together have more than {} bytes", 64 << 20);
    assert!(left_out.detail.to_string().contains(&why), "{}", left_out.detail);
    assert_eq!(left_out.count, 4);
}

#[tokio::test]
async fn what_was_recorded_within_hours_of_nothing_is_in_the_clip() {
    let world = World::new();
    let recorded = [1, 1500, 1501, 1502, 1503, 3599, 3600];
    record(&world.objects, DIRECTORY, &of_an_hour_and_more(), &audio_files_of(SMALL, recorded));
    let (job, reads) = ended(&world, LONG_MS).await;
    assert_eq!(job.state, State::Ready, "{:?}", job.failure);
    let video = job.video.as_ref().unwrap();
    assert_eq!(video.lack_ms.get(), LONG_MS - i64::try_from(recorded.len()).unwrap() * SEGMENT_MS);
    assert!(job.warnings().iter().any(|warning| warning.code == WarningCode::SegmentsLeftOut));
    assert!(reads < 3600, "{reads} reads");
}

#[tokio::test]
async fn a_shorter_hole_is_looked_through_segment_by_segment() {
    let world = World::new();
    let recorded = [1, 600, 950];
    record(&world.objects, DIRECTORY, &of_an_hour_and_more(), &audio_files_of(SMALL, recorded));
    let (job, _) = ended(&world, 1000 * SEGMENT_MS).await;
    assert_eq!(job.video.as_ref().unwrap().lack_ms.get(), 997 * SEGMENT_MS);
    assert!(job.warnings().is_empty());
}
