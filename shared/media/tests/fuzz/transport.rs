//! Transport streams.

use crate::manifests::FIXED;
use export_fuzz::damage::{apply, damage};
use export_fuzz::{config, measured};
use export_media::fmp4::TrackKind;
use export_media::ts::{Known, StreamPart, TsSegment, demux};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A segment by ffmpeg: H.264 with B pictures and AAC.
const RECORDED: &[u8] = include_bytes!("../data/muxed.ts");
const PACKET: usize = 188;

/// A change that knows where packets are.
#[derive(Debug, Clone)]
enum Change {
    Lose(prop::sample::Index),
    Repeat(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    /// Another byte of a packet's header, or of a header in its payload.
    Head(prop::sample::Index, usize, u8),
    Garbage(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(Change::Lose),
        at().prop_map(Change::Repeat),
        (at(), at()).prop_map(|(one, two)| Change::Swap(one, two)),
        (at(), 0..40_usize, any::<u8>()).prop_map(|(at, byte, value)| Change::Head(at, byte, value)),
        (at(), vec(any::<u8>(), 0..400)).prop_map(|(at, bytes)| Change::Garbage(at, bytes)),
    ]
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    (vec(change(), 0..12), damage(3), any::<bool>()).prop_map(|(changes, damage, sound)| {
        let mut packets: Vec<Vec<u8>> = RECORDED.chunks(PACKET).map(<[u8]>::to_vec).collect();
        for change in changes {
            let count = packets.len().max(1);
            match change {
                Change::Lose(at) => drop(packets.remove(at.index(count))),
                Change::Repeat(at) => packets.insert(at.index(count), packets[at.index(count)].clone()),
                Change::Swap(one, two) => packets.swap(one.index(count), two.index(count)),
                Change::Head(at, byte, value) => {
                    packets[at.index(count)].get_mut(byte).into_iter().for_each(|old| *old = value);
                }
                Change::Garbage(at, bytes) => packets.insert(at.index(count), bytes),
            }
        }
        let mut bytes = packets.concat();
        apply(if sound { &[] } else { &damage }, &mut bytes, RECORDED);
        bytes
    })
}

/// Units one behind the other, with as many bytes as were read.
fn is_sound(segment: &TsSegment, bytes: usize) -> bool {
    segment.tracks.iter().all(|track| {
        let mut ends = track.units.iter().map(|unit| unit.offset + unit.size);
        let follow = track.units.iter().skip(1).zip(ends.clone()).all(|(unit, end)| unit.offset == end);
        let samples = track.samples();
        follow
            && ends.next_back().unwrap_or(0) <= track.data.len()
            // A NAL unit of one byte behind a start code of three bytes is given a length of four.
            && track.data.len() <= bytes / 4 * 5 + 8
            && samples.len() == track.units.len()
            && (track.coding.kind() != TrackKind::Audio || samples.is_sorted_by_key(|sample| sample.offset))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn transport_streams(bytes in streams(), near in option::of(any::<i64>())) {
        let (read, peak) = measured(|| demux(&bytes, &Known { near, sets: &[], part: None }));
        prop_assert!(peak <= FIXED + 16 * bytes.len(), "{peak} bytes for {}", bytes.len());
        // The beginning of a stream, and any part of it.
        let head = RECORDED.get(..3 * PACKET).unwrap();
        let part = Some(StreamPart { head, length: bytes.len() / 2 });
        if let Ok(segment) = demux(&bytes, &Known { near, sets: &[], part }) {
            prop_assert!(is_sound(&segment, bytes.len()), "{segment:?}");
        }
        if let Ok(segment) = read {
            prop_assert!(is_sound(&segment, bytes.len()), "{segment:?}");
            for track in &segment.tracks {
                let _ = track.description();
            }
        }
    }
}

#[test]
fn the_recorded_segment_is_read() {
    let segment = demux(RECORDED, &Known::default()).unwrap();
    assert!(segment.tracks.len() == 2 && segment.tracks.iter().all(|track| track.description().is_some()));
}
