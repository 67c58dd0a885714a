//! The way back from a window's start to a picture that decoding can start with reads no more than it needs.

use crate::world::World;
use export_domain::job::{Job, WarningCode};
use export_testkit::recordings::{DIRECTORY, SEGMENT_MS, mpd, pictures_of, record, segment_name, set};
use export_testkit::{Call, thumbnail_body, with};
use std::collections::BTreeMap;

/// Bytes of what tells whether a segment may have a picture to start with.
const BEGINNING: u64 = 16 << 10;

/// How often a segment was read as a whole, and how many bytes of it else.
type Reads = BTreeMap<i64, (usize, u64)>;

/// A still of which the segment `number` holds the picture, of pictures of `bytes` bytes in GOPs of `gop_ms`: the job, and how
/// the segments before that one were read, from `first` on.
async fn still(number: i64, gop_ms: i64, first: i64, bytes: usize) -> (Job, Reads) {
    let at_ms = number * SEGMENT_MS - 1000;
    let world = World::new();
    let manifest = mpd(&set("video", "avc1.42000a", ""), "");
    record(&world.objects, DIRECTORY, &manifest, &pictures_of(gop_ms, first..=number, bytes));
    let job = world.has(&with(thumbnail_body(), "StartTime", at_ms), |job| job);
    let ended = world.work(&job).await;
    let calls = world.objects.calls();
    let of = |number: i64| {
        let name = format!("{DIRECTORY}/{}", segment_name("video", number));
        let ranges = calls.iter().filter_map(|call| match call {
            Call::Read { key, range, .. } if *key == name => Some(*range),
            _ => None,
        });
        let (parts, whole): (Vec<_>, Vec<_>) = ranges.partition(Option::is_some);
        (whole.len(), parts.into_iter().flatten().map(|(first, last)| last - first + 1).sum())
    };
    (ended, (first..number).map(|number| (number, of(number))).collect())
}

#[tokio::test]
async fn where_no_picture_in_reach_can_be_decoded_by_itself_hardly_anything_is_read() {
    // 75 segments of half a megabyte lie within five minutes.
    let (job, reads) = still(121, i64::MAX, 40, 5000).await;
    let whole: usize = reads.values().map(|(whole, _)| whole).sum();
    let begun = reads.values().filter(|read| **read == (0, BEGINNING)).count();
    // Eight mebibytes of them as a whole.
    assert_eq!((whole, begun, reads.get(&40)), (16, 59, Some(&(0, 0))), "{reads:?}");
    assert!(job.failure.is_some());
}

#[tokio::test]
async fn of_a_gop_of_a_minute_each_segment_is_read_once_and_none_before_it() {
    // It starts with the 15th segment of two megabytes. What is near is read without a look at its beginning.
    let (job, reads) = still(28, 14 * SEGMENT_MS, 1, 20_000).await;
    for (number, read) in reads {
        let wanted = match number {
            1..=14 => (0, 0),
            15..=23 => (1, BEGINNING),
            _ => (1, 0),
        };
        assert_eq!(read, wanted, "{number}");
    }
    assert!(job.warnings().iter().all(|warning| warning.code != WarningCode::PicturesLeftOut));
}
