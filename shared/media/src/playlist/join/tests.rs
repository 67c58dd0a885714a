use super::*;
use crate::fmp4::{Defaults, InitTrack, TrackKind, read_fragments};
use crate::sample::Sample;
use proptest::prelude::*;
use std::num::NonZeroU32;

/// Ticks of a picture, and by how much pictures are decoded before they are shown.
const TICKS: i64 = 40;
const DELAY: i64 = 80;
/// What the edit list takes off, and pictures of a segment.
const SHIFT: i64 = 80;
const IN_SEGMENT: usize = 8;

fn place(segment: usize) -> MediaPlace {
    MediaPlace::Recorded(format!("seg-{segment}.m4s"), None)
}

fn sample(pts: i64, dts: Option<i64>) -> JoinedSample {
    let duration = u32::try_from(TICKS).unwrap();
    JoinedSample { pts, dts, duration, sync: true, data: Bytes::from(pts.to_be_bytes().to_vec()) }
}

/// The pictures of a recorded segment in decode order: each second pair is shown the other way round.
fn stored(segment: usize) -> Vec<JoinedSample> {
    let first = segment * IN_SEGMENT;
    let at = |n: usize| i64::try_from(n).unwrap() * TICKS;
    let shown = |n: usize| match n % 4 {
        2 => n + 1,
        3 => n - 1,
        _ => n,
    };
    (0..IN_SEGMENT).map(|n| sample(at(first + shown(n)), Some(at(first + n) + SHIFT - DELAY))).collect()
}

/// A clip with so many rendered pictures before the segment at `from`, the segments up to `until` with `taken` pictures
/// of the last, and rendered pictures behind.
fn joined(head: i64, skipped: usize, from: usize, until: usize, taken: usize, tail: i64) -> Joiner {
    let mut joiner = Joiner::new(7, SHIFT);
    let first = stored(from)[skipped].pts;
    for n in 0..head {
        joiner.rendered(sample(first - (head - n) * TICKS, None));
    }
    for segment in from..=until {
        let all = stored(segment);
        let segment = RecordedSegment { place: place(segment), samples: Some(all.len()) };
        let skip = if segment.place == place(from) { skipped } else { 0 };
        let take = if segment.place == place(until) { taken } else { all.len() };
        for sample in all.into_iter().take(take).skip(skip) {
            joiner.recorded(&segment, sample);
        }
    }
    let end = i64::try_from(until * IN_SEGMENT + taken).unwrap() * TICKS;
    for n in 0..tail {
        joiner.rendered(sample(end + n * TICKS, None));
    }
    joiner
}

fn parts(joined: JoinedTrack) -> (Vec<ListedSegment>, Vec<(String, Bytes)>) {
    (joined.segments, joined.files)
}

fn named(n: usize) -> String {
    format!("e{n}.m4s")
}

fn read(file: &[u8]) -> Vec<Sample> {
    let track = InitTrack {
        id: 7,
        kind: TrackKind::Video,
        timescale: NonZeroU32::new(1000).unwrap(),
        language: *b"und",
        sample_entries: Vec::new(),
        width: 0,
        height: 0,
        matrix: crate::display::Matrix::default(),
        edit_shift: SHIFT,
        more_edits: false,
        defaults: Defaults { description: 1, duration: 0, size: 0, flags: 0 },
        other_sizes: Vec::new(),
        encrypted: false,
    };
    read_fragments(&track, file, 0).unwrap()
}

#[test]
fn whole_segments_stay_where_they_are_and_only_the_ends_are_written() {
    let (segments, files) = joined(3, 0, 2, 4, 4, 2).finish(named).map(parts).unwrap();
    let places: Vec<_> = segments.iter().map(|segment| segment.place.clone()).collect();
    let made = |n| MediaPlace::Made(named(n));
    assert_eq!(places, [made(0), place(2), place(3), made(1)]);
    let times: Vec<_> = segments.iter().map(|segment| (segment.time, segment.duration)).collect();
    assert_eq!(times, [(520, 120), (640, 320), (960, 320), (1280, 240)]);
    let head: Vec<_> = read(&files[0].1).iter().map(|s| (s.dts, s.pts, s.duration)).collect();
    assert_eq!(head, [(520, 520, 40), (560, 560, 40), (600, 600, 40)]);
    let tail: Vec<_> = read(&files[1].1).iter().map(|s| (s.dts, s.pts)).collect();
    assert_eq!(tail, [(1280, 1280), (1320, 1320), (1360, 1400), (1400, 1360), (1440, 1440), (1480, 1480)]);
}

#[test]
fn a_copy_that_begins_within_a_segment_takes_the_rest_of_it_along() {
    let (segments, files) = joined(2, 4, 0, 1, IN_SEGMENT, 0).finish(named).map(parts).unwrap();
    assert_eq!(segments.len(), 2);
    assert_eq!(read(&files[0].1).len(), 6);
    assert_eq!(segments[1].place, place(1));
}

#[test]
fn a_segment_that_cannot_stay_is_written_at_an_end_and_refused_between() {
    let altered = |which: usize| {
        let mut joiner = Joiner::new(7, SHIFT);
        for n in 0..3 {
            let samples = (n != which).then_some(IN_SEGMENT);
            let segment = RecordedSegment { place: place(n), samples };
            for sample in stored(n) {
                joiner.recorded(&segment, sample);
            }
        }
        joiner.finish(named).map(parts).map(|(segments, files)| (segments.len(), files.len()))
    };
    assert_eq!([altered(0), altered(2)], [Ok((3, 1)), Ok((3, 1))]);
    assert_eq!(altered(1), Err(JoinError::Between));
}

#[test]
fn a_track_says_whether_decoding_can_start_with_each_of_its_segments() {
    let independent = |sync: bool| {
        let mut joiner = Joiner::new(7, SHIFT);
        for n in 0..2 {
            let segment = RecordedSegment { place: place(n), samples: Some(IN_SEGMENT) };
            for (k, sample) in stored(n).into_iter().enumerate() {
                joiner.recorded(&segment, JoinedSample { sync: k == 0 && (n == 0 || sync), ..sample });
            }
        }
        joiner.finish(named).unwrap().independent
    };
    assert_eq!([independent(true), independent(false)], [true, false]);
}

#[test]
fn times_that_do_not_fit_are_refused() {
    let segment = RecordedSegment { place: place(0), samples: Some(IN_SEGMENT) };
    let mut late = Joiner::new(7, SHIFT);
    // It is decoded after the copy has begun.
    late.recorded(&segment, sample(1000, Some(1000 + SHIFT - DELAY)));
    late.rendered(sample(900, None));
    assert_eq!(
        late.finish(named).map(parts),
        Err(JoinError::Mux(MuxError::DecodeTime { track: 0, dts: 900 }))
    );
    assert_eq!(Joiner::new(7, SHIFT).finish(named).map(parts), Err(JoinError::Empty));
    let mut twice = Joiner::new(7, SHIFT);
    for n in [1, 0] {
        let segment = RecordedSegment { place: place(n), samples: Some(IN_SEGMENT) };
        for sample in stored(n) {
            twice.recorded(&segment, sample);
        }
    }
    assert_eq!(twice.finish(named).map(parts), Err(JoinError::Times));
}

proptest! {
    #[test]
    fn every_sample_is_in_the_track_once_and_segments_follow_one_another(
        head in 0_i64..6, skipped in (0_usize..2).prop_map(|n| n * 4), from in 2_usize..4, more in 0_usize..4,
        taken in (1_usize..3).prop_map(|n| n * 4), tail in 0_i64..4,
    ) {
        prop_assume!(more > 0 || taken > skipped);
        let until = from + more;
        let (segments, files) = joined(head, skipped, from, until, taken, tail).finish(named).map(parts).unwrap();
        prop_assert!(files.len() <= 2);
        let mut all: Vec<Sample> = Vec::new();
        for segment in &segments {
            let samples = match &segment.place {
                MediaPlace::Made(name) => read(&files.iter().find(|(own, _)| own == name).unwrap().1),
                MediaPlace::Recorded(path, _) => {
                    let n: usize = path.trim_start_matches("seg-").trim_end_matches(".m4s").parse().unwrap();
                    let sample = |s: JoinedSample| Sample {
                        dts: s.dts.unwrap(), pts: s.pts, duration: s.duration, offset: 0, size: 8, sync: true, description: 1,
                    };
                    stored(n).into_iter().map(sample).collect()
                }
            };
            prop_assert_eq!(samples.iter().map(|s| s.pts).min(), Some(segment.time));
            all.extend(samples);
        }
        // One continuous track: decode times grow evenly, and every picture of the window is shown once.
        prop_assert!(all.windows(2).all(|pair| pair[1].dts - pair[0].dts == TICKS));
        let mut shown: Vec<i64> = all.iter().map(|s| s.pts).collect();
        shown.sort_unstable();
        prop_assert!(shown.windows(2).all(|pair| pair[1] - pair[0] == TICKS));
        let pictures = head + i64::try_from(more * IN_SEGMENT + taken - skipped).unwrap() + tail;
        prop_assert_eq!(i64::try_from(shown.len()).unwrap(), pictures);
        prop_assert!(segments.windows(2).all(|pair| pair[0].time + pair[0].duration == pair[1].time));
        let last = segments.last().unwrap();
        prop_assert_eq!(last.time + last.duration, shown.last().unwrap() + TICKS);
        prop_assert_eq!(segments[0].time, shown[0]);
    }
}
