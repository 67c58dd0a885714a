//! Writers: what they take reads back, what they refuse leaves no trace.

use crate::seeds::spec;
use bytes::Bytes;
use export_fuzz::damage::{number, signed};
use export_fuzz::{config, measured};
use export_media::fmp4::{Fmp4Error, FragmentEvent, FragmentReader, FragmentSample, Init, TrackKind};
use export_media::mux::{EditEntry, FragmentWriter, Mp4Tables, MuxSample};
use proptest::collection::vec;
use proptest::prelude::*;

/// Sample entries, `moov` and everything else that no sample adds to.
const FIXED: usize = 64 << 10;

/// A sample's place relative to the one before it in its track: step, offset, duration, sync, entry and size.
type Place = (i64, i64, u32, bool, u32, u32);

/// Places that are mostly legal.
fn place(size: impl Strategy<Value = u32>) -> impl Strategy<Value = Place> {
    let step = prop_oneof![12 => Just(0_i64), 3 => 1..2000_i64, 1 => signed()];
    let offset = prop_oneof![8 => (0..4_i64).prop_map(|frames| frames * 512), 1 => signed()];
    let duration = prop_oneof![8 => Just(512_u32), 1 => any::<u32>()];
    let entry = prop_oneof![8 => 0..3_u32, 1 => any::<u32>()];
    (step, offset, duration, any::<bool>(), entry, size)
}

/// The sample at a place; `dts` is when the one before it ends, and then when this one does.
fn sample(dts: &mut i64, (step, offset, duration, sync, entry, size): Place) -> MuxSample {
    let at = dts.saturating_add(step);
    *dts = at.saturating_add(i64::from(duration));
    MuxSample { dts: at, pts: at.saturating_add(offset), duration, sync, entry, size }
}

fn edits() -> impl Strategy<Value = Vec<EditEntry>> {
    let edit = (proptest::option::weighted(0.8, signed()), number())
        .prop_map(|(media_time, duration)| EditEntry { media_time, duration });
    vec(edit, 0..4)
}

/// What a reader must say of a sample that a writer took.
type Expected = (u32, i64, i64, u32, bool, u32);

fn as_read(read: &FragmentSample) -> Expected {
    let sample = &read.sample;
    (read.track_id, sample.dts, sample.pts, sample.description, sample.sync, sample.size)
}

fn read(file: &[u8]) -> Result<Vec<FragmentSample>, Fmp4Error> {
    let (mut reader, mut samples) = (FragmentReader::new(), Vec::new());
    reader.push(file);
    while let Some(event) = reader.next_event()? {
        if let FragmentEvent::Fragment(found) = event {
            samples.extend(found);
        }
    }
    reader.finish().map(|()| samples)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tables(
        places in vec((0..4_usize, place(prop_oneof![8 => 0..5000_u32, 1 => any::<u32>()])), 0..60),
        edits in vec(edits(), 3), timescale in any::<u32>(),
    ) {
        let specs = || vec![spec(TrackKind::Video, 12_800), spec(TrackKind::Video, 90_000), spec(TrackKind::Audio, 48_000)];
        let (written, peak) = measured(|| {
            let mut tables = Mp4Tables::new(specs(), timescale)?;
            let (mut payload, mut ends, mut last) = (0, [0_i64; 4], [-1; 4]);
            for (track, place) in &places {
                let before = ends[*track];
                let sample = sample(&mut ends[*track], *place);
                if tables.push(*track, sample).is_ok() {
                    payload += u64::from(sample.size);
                    assert!(sample.dts > last[*track], "decode times increase");
                    last[*track] = sample.dts;
                } else {
                    ends[*track] = before;
                }
                assert_eq!(tables.payload_len(), payload);
            }
            tables.finish(&edits)
        });
        prop_assert!(peak <= 3 * FIXED + 400 * places.len(), "{peak} bytes for {}", places.len());
        if let Ok(head) = written {
            prop_assert!(head.len() <= FIXED + 48 * places.len());
            // Everything in a track comes before what only a fragmented file has.
            let read = Init::parse(&head);
            prop_assert!(matches!(read, Err(Fmp4Error::Missing("mvex") | Fmp4Error::Unsupported(_))), "{read:?}");
        }
    }

    #[test]
    fn written_fragments(
        fragments in vec((vec(place(0..40_u32), 0..12), vec(place(0..40_u32), 0..12), any::<u8>()), 1..5),
    ) {
        let mut writer =
            FragmentWriter::new(vec![spec(TrackKind::Video, 12_800), spec(TrackKind::Audio, 48_000)], 1000).unwrap();
        let mut file = writer.init().unwrap().to_vec();
        let (mut expected, mut ends): (Vec<Expected>, _) = (Vec::new(), [0_i64; 2]);
        for (pictures, audio, fill) in fragments {
            let before = ends;
            let lists = [pictures, audio].iter().enumerate().map(|(track, places)| {
                let with_bytes = |place: &Place| {
                    let sample = sample(&mut ends[track], *place);
                    (sample, Bytes::from(vec![fill; usize::try_from(sample.size).unwrap()]))
                };
                places.iter().map(with_bytes).collect::<Vec<_>>()
            }).collect::<Vec<_>>();
            let Ok(fragment) = writer.fragment(&[&lists[0], &lists[1]]) else {
                ends = before;
                continue;
            };
            file.extend_from_slice(&fragment);
            for (track_id, list) in (1..).zip(&lists) {
                expected.extend(list.iter().map(|(sample, _)| {
                    (track_id, sample.dts, sample.pts, sample.entry + 1, sample.sync, sample.size)
                }));
            }
        }
        let samples = read(&file);
        // A sample may end beyond the last tick there is.
        let late = expected.iter().any(|(_, dts, ..)| *dts > i64::MAX - i64::from(u32::MAX));
        prop_assert!(samples.is_ok() || late, "{samples:?}");
        let samples = samples.unwrap_or_default();
        prop_assert!(late || samples.iter().map(as_read).collect::<Vec<_>>() == expected);
        prop_assert!(samples.iter().all(|read| read.data.len() == usize::try_from(read.sample.size).unwrap()));
    }
}
