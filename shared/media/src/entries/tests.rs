//! Entries of what x264, x265 and others wrote, apart and together.

use super::*;
use crate::fmp4::{Init, read_fragments};
use crate::mux::{FragmentWriter, TrackMedia, TrackSpec};
use crate::nal::{SetKind, in_band, nals, set_ids, slice_set, with_set_ids, with_slice_set};
use crate::picture::DecoderConfig;
use crate::sample::Sample;
use proptest::prelude::*;

const H264: &[u8] = include_bytes!("../../tests/data/h264.mp4");
const HEVC: &[u8] = include_bytes!("../../tests/data/hevc.mp4");
const INTERLACED: &[u8] = include_bytes!("../../tests/data/inter.mp4");

/// What x264 wrote for pictures like those of `h264.mp4`, with `sps-id=31:bframes=0:ref=4` and level 3.1.
const HIGH: (&[u8], &[u8]) = (
    b"\x67\x64\x00\x1f\x04\x0b\x2c\xa2\x3d\x80\x88\x00\x00\x03\x00\x08\x00\x00\x03\x01\x90\x78\xc1\x92\xc0",
    b"\x68\x04\x00\x82\x93\x0f\x2c\x8b",
);
/// The same in Main profile: `constraint_set1_flag`.
const MAIN: (&[u8], &[u8]) = (
    b"\x67\x4d\x40\x1f\x04\x16\x51\x1e\xc0\x44\x00\x00\x03\x00\x04\x00\x00\x03\x00\xc8\x3c\x60\xc9\x60",
    b"\x68\x04\x00\x82\x93\x0f\x2c\x80",
);

/// A picture parameter set of id 1, up to its ids.
const PPS_1: [u8; 2] = [0x68, 0b0101_1000];

fn recorded(file: &[u8]) -> SampleEntry {
    Init::parse(file).unwrap().tracks[0].sample_entries[0].clone()
}

/// The entries as a reader finds them in a file that holds these boxes.
fn read(boxes: Vec<Bytes>) -> Vec<SampleEntry> {
    let spec = TrackSpec {
        kind: TrackMedia::Video { width: 64, height: 48, matrix: crate::display::Matrix::default() },
        timescale: 25,
        language: *b"und",
        sample_entries: boxes,
        roll: None,
    };
    let init = FragmentWriter::new(vec![spec], 25).unwrap().init().unwrap();
    Init::parse(&init).unwrap().tracks[0].sample_entries.clone()
}

/// An `avc1` entry like the recorded one, with these parameter sets, as encoders write it.
fn encoded((sps, pps): (&[u8], &[u8]), length_size: u8) -> SampleEntry {
    let mut record = vec![1, sps[1], sps[2], sps[3], 0xfb + length_size, 0xe1];
    let sets = [Bytes::copy_from_slice(sps), Bytes::copy_from_slice(pps)];
    record::push_sets(&[&sets[0]], &mut record).unwrap();
    record.push(1);
    record::push_sets(&[&sets[1]], &mut record).unwrap();
    if sps[1] == 100 {
        record.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
    }
    read(vec![recorded(H264).with_configuration(*b"avc1", &record).unwrap()]).remove(0)
}

/// `ue(v)` as a text of bits.
fn ue(value: u8) -> String {
    let code = u32::from(value) + 1;
    format!("{code:0width$b}", width = usize::try_from(2 * code.ilog2() + 1).unwrap())
}

/// An SPS of Baseline profile for this many by three macroblocks.
fn numbered(id: u8, columns: u8) -> Vec<u8> {
    // log2_max_frame_num 4, poc type 2, one reference, no gaps; frames only, no cropping, no VUI, stop bit.
    let bits = [&ue(id), "1", "011", "010", "0", &ue(columns - 1), &ue(2), "1", "1", "0", "0", "1"].concat();
    let mut out = vec![0x67, 66, 0xc0, 10];
    out.extend(bits.as_bytes().chunks(8).map(|byte| {
        let byte = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
        u8::from_str_radix(&byte, 2).unwrap()
    }));
    out
}

fn sets(entry: &SampleEntry) -> (&[Bytes], &[Bytes]) {
    match &entry.codec {
        Codec::H264 { sps, pps, .. } | Codec::Hevc { sps, pps, .. } => (sps, pps),
        other => panic!("{other:?}"),
    }
}

/// A NAL unit of these bits, with emulation prevention left to chance.
fn unit(header: &[u8], bits: &[&str]) -> Bytes {
    let mut bits = bits.concat();
    bits.push('1');
    let mut out = header.to_vec();
    out.extend(bits.as_bytes().chunks(8).map(|byte| {
        let byte = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
        u8::from_str_radix(&byte, 2).unwrap()
    }));
    out.into()
}

/// A picture parameter set; `kind` tells those with the same ids apart.
fn pps(id: u8, sps: u8, kind: u8) -> Bytes {
    unit(&[0x68], &[&ue(id), &ue(sps), &ue(kind)])
}

/// A sequence parameter set of 64x48 pixels; `level` tells those with the same id apart.
fn sps(id: u8, level: u8) -> Bytes {
    let mut set = numbered(id, 4);
    set[3] = level;
    set.into()
}

/// An I slice of an IDR picture.
fn slice(pps: u8) -> Bytes {
    unit(&[0x65], &["1", "0001000", &ue(pps), "1100101001110"])
}

/// A sample with lengths of four bytes.
fn sample(units: &[Bytes]) -> Bytes {
    let prefixed = |unit: &Bytes| [&u32::try_from(unit.len()).unwrap().to_be_bytes(), &unit[..]].concat();
    units.iter().flat_map(prefixed).collect::<Vec<u8>>().into()
}

fn units_of(sample: &[u8]) -> Vec<&[u8]> {
    nals(sample, 4).collect::<Result<_, _>>().unwrap()
}

/// A configuration of H.264 with these sets.
fn config(fourcc: [u8; 4], sps: &[Bytes], pps: &[Bytes]) -> DecoderConfig {
    let sets =
        record::Sets { sps: sps.iter().collect(), pps: pps.iter().collect(), ..record::Sets::default() };
    let bare = vec![1, 66, 0xc0, 10, 0xff, 0xe0, 0];
    let record = if sps.is_empty() { bare } else { record::avc(&sets).unwrap() };
    let boxed = recorded(H264).with_configuration(fourcc, &record).unwrap();
    DecoderConfig::of(&read(vec![boxed])[0]).unwrap()
}

/// Everything of a file's first track: the configuration and the samples.
fn track(file: &'static [u8]) -> (DecoderConfig, Vec<Bytes>) {
    let init = Init::parse(file).unwrap();
    let samples = read_fragments(&init.tracks[0], file, 0).unwrap();
    let data = |sample: &Sample| Bytes::from_static(&file[sample.range().unwrap()]);
    (DecoderConfig::of(&recorded(file)).unwrap(), samples.iter().map(data).collect())
}

#[test]
fn one_recording_keeps_its_entry_and_its_samples() {
    for file in [H264, HEVC, INTERLACED] {
        let (config, samples) = track(file);
        for mut entry in [SharedEntry::default(), SharedEntry::beside(&config, &samples[0])] {
            for sample in &samples {
                assert_eq!(entry.sample(&config, sample).as_ref(), Ok(sample));
            }
            assert_eq!(entry.boxed(), Ok(config.entry.bytes.clone()));
        }
    }
    assert_eq!(SharedEntry::default().boxed(), Err(EntryError::Missing));
}

#[test]
fn two_encoders_share_one_avc1() {
    let (source, samples) = track(H264);
    let head = DecoderConfig::of(&encoded(HIGH, 4)).unwrap();
    let mut entry = SharedEntry::beside(&source, &samples[0]);
    let rendered = sample(&[slice(31)]);
    assert_eq!(entry.sample(&head, &rendered), Ok(rendered));
    assert_eq!(entry.sample(&source, &samples[0]).as_ref(), Ok(&samples[0]));
    let both = read(vec![entry.boxed().unwrap()]);
    let (source_sets, head_sets) = (sets(&source.entry), sets(&head.entry));
    assert_eq!((both.len(), both[0].fourcc), (1, *b"avc1"));
    assert_eq!(sets(&both[0]).0, [source_sets.0, head_sets.0].concat());
    assert_eq!(sets(&both[0]).1, [source_sets.1, head_sets.1].concat());
    let record = both[0].configuration().unwrap();
    // The level of the head, and at the end 4:2:0 with 8 bits.
    assert_eq!(record[..6], [1, 100, 0, 31, 0xff, 0xe2]);
    assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
    // Nothing but the record differs.
    let restored = both[0].with_configuration(*b"avc1", source.entry.configuration().unwrap()).unwrap();
    assert_eq!(restored, source.entry.bytes);
}

#[test]
fn profiles_are_indicated_for_all() {
    let record_of = |configs: &[&DecoderConfig], ids: &[u8]| {
        let mut entry = SharedEntry::default();
        for (config, id) in configs.iter().zip(ids) {
            entry.sample(config, &sample(&[slice(*id)])).unwrap();
        }
        let both = read(vec![entry.boxed().unwrap()]).remove(0);
        let tail = record::avc_tail(both.configuration().unwrap(), sets(&both).0, sets(&both).1);
        (both.configuration().unwrap()[..4].to_vec(), tail.unwrap().to_vec())
    };
    let main = DecoderConfig::of(&encoded(MAIN, 4)).unwrap();
    let high = track(H264).0;
    // Main alone has no fields for chroma format and depth, and its constraint does not hold for High.
    let format = vec![0xfd, 0xf8, 0xf8, 0];
    assert_eq!(record_of(&[&main, &high], &[31, 0]), (vec![1, 100, 0, 31], format));
    let baseline = config(*b"avc1", &[sps(3, 10)], &[pps(1, 3, 0)]);
    assert_eq!(record_of(&[&main, &baseline], &[31, 1]), (vec![1, 77, 0x40, 31], vec![]));
}

#[test]
fn sets_in_band_move_into_an_entry_that_says_so() {
    // As `avc3` and `hev1`, with sets in the entry or without.
    for (file, fourcc, expected) in [(H264, *b"avc3", *b"avc1"), (HEVC, *b"hev1", *b"hvc1")] {
        let (plain, samples) = track(file);
        let bare = read(vec![without_parameter_sets(&plain.entry).unwrap()]).remove(0);
        let full = plain.entry.with_configuration(fourcc, plain.entry.configuration().unwrap()).unwrap();
        for (entry, first) in [
            (bare.clone(), in_band(plain.codec, &samples[0], 4, &plain.sets).unwrap()),
            (read(vec![full.clone()]).remove(0), samples[0].to_vec()),
            (read(vec![full]).remove(0), in_band(plain.codec, &samples[0], 4, &plain.sets).unwrap()),
        ] {
            assert_eq!(entry.fourcc, fourcc);
            let config = DecoderConfig::of(&entry).unwrap();
            let mut shared = SharedEntry::default();
            assert_eq!(shared.sample(&config, &first.into()).as_ref(), Ok(&samples[0]));
            assert_eq!(shared.sample(&config, &samples[1]).as_ref(), Ok(&samples[1]));
            let read = read(vec![shared.boxed().unwrap()]).remove(0);
            assert_eq!(read.fourcc, expected);
            assert_eq!(DecoderConfig::of(&read).unwrap().sets, plain.sets);
            let (made, given) = (read.configuration().unwrap(), plain.entry.configuration().unwrap());
            // Profile, level, format and lengths are those that the encoder's own record tells.
            assert_eq!(
                (&made[..13], &made[16..19], made[21]),
                (&given[..13], &given[16..19], given[21]),
                "{file:02x?}"
            );
        }
    }
}

#[test]
fn hevc_of_two_encoders_with_the_same_ids_shares_one_hvc1() {
    let (source, samples) = track(HEVC);
    let Codec::Hevc { vps, sps, pps, .. } = &source.entry.codec else { panic!() };
    // Another level, in an entry of its own.
    let level = Sps::parse(VideoCodec::Hevc, &sps[0]).unwrap().level_idc;
    let mut other_sps = sps[0].to_vec();
    *other_sps.iter_mut().skip(3).find(|byte| **byte == level).unwrap() = 63;
    let record = record::hevc(&record::Sets {
        vps: vps.iter().collect(),
        sps: vec![&other_sps.clone().into()],
        pps: pps.iter().collect(),
        ..record::Sets::default()
    });
    let boxed = source.entry.with_configuration(*b"hev1", &record.unwrap()).unwrap();
    let head = DecoderConfig::of(&read(vec![boxed])[0]).unwrap();
    let mut shared = SharedEntry::beside(&source, &samples[0]);
    let renamed = shared.sample(&head, &samples[0]).unwrap();
    assert_eq!(shared.sample(&source, &samples[0]).as_ref(), Ok(&samples[0]));
    let both = read(vec![shared.boxed().unwrap()]).remove(0);
    let Codec::Hevc { vps: video, sps: sequence, pps: picture, .. } = &both.codec else { panic!() };
    assert_eq!((video, sequence.len(), picture.len()), (vps, 2, 2));
    assert_eq!((&sequence[0], &picture[0]), (&sps[0], &pps[0]));
    let ids = |unit: &[u8]| set_ids(VideoCodec::Hevc, unit).unwrap().unwrap();
    assert_eq!((ids(&sequence[1]).own, ids(&picture[1]).own, ids(&picture[1]).refers), (15, 30, 15));
    assert_eq!(with_set_ids(VideoCodec::Hevc, &sequence[1], 0, 0).unwrap(), other_sps);
    let named = |data: &[u8]| -> Vec<u32> {
        units_of(data).iter().filter_map(|unit| slice_set(VideoCodec::Hevc, unit).unwrap()).collect()
    };
    assert!(named(&samples[0]).iter().all(|id| *id == 0));
    assert!(!named(&renamed).is_empty() && named(&renamed).iter().all(|id| *id == 30));
    // The higher level of both.
    assert_eq!(both.configuration().unwrap()[12], 63);
}

#[test]
fn what_one_entry_cannot_describe_is_refused() {
    let (source, samples) = track(H264);
    let with = |config: &DecoderConfig, units: &[Bytes]| {
        let mut entry = SharedEntry::beside(&source, &samples[0]);
        entry.sample(config, &sample(units))
    };
    let same = config(*b"avc1", &[sps(0, 10)], &[pps(0, 0, 1)]);
    assert!(with(&same, &[slice(0)]).is_ok());
    let wider = config(*b"avc1", &[numbered(3, 5).into()], &[pps(1, 3, 0)]);
    assert_eq!(with(&wider, &[slice(1)]), Err(EntryError::Format));
    assert_eq!(with(&same, &[slice(1)]), Err(EntryError::Missing));
    assert_eq!(with(&config(*b"avc3", &[], &[]), &[slice(0)]), Err(EntryError::Missing));
    assert_eq!(with(&track(HEVC).0, &[]), Err(EntryError::Codec));
    assert_eq!(with(&same, &[slice(0), unit(&[0x74, 0, 0, 0], &["1"])]), Err(EntryError::Layers));
    assert!(matches!(with(&same, &[Bytes::from_static(&[0x65])]), Err(EntryError::Nal(_))));
    // Auxiliary pictures have sequence parameter set extensions.
    let high = encoded(HIGH, 4);
    let extension = [high.configuration().unwrap().split_last().unwrap().1, &[1, 0, 2, 0x6d, 1]].concat();
    let extended = read(vec![high.with_configuration(*b"avc1", &extension).unwrap()]).remove(0);
    let extended = DecoderConfig::of(&extended).unwrap();
    let mut entry = SharedEntry::default();
    entry.sample(&extended, &sample(&[slice(31)])).unwrap();
    assert_eq!(entry.boxed(), Ok(extended.entry.bytes));
    entry.sample(&source, &samples[0]).unwrap();
    assert_eq!(entry.boxed(), Err(EntryError::Layers));
}

#[test]
fn ids_run_out_after_as_many_sets_as_can_be_named() {
    // Id 0 takes one bit in a slice, and ids 15 to 30 take nine.
    let mut entry = SharedEntry::default();
    let add = |entry: &mut SharedEntry, level| {
        entry.sample(&config(*b"avc1", &[sps(0, level)], &[pps(0, 0, 0)]), &sample(&[slice(0)]))
    };
    let named: Vec<u32> = (10..27)
        .map(|level| {
            let data = add(&mut entry, level).unwrap();
            slice_set(VideoCodec::H264, units_of(&data)[0]).unwrap().unwrap()
        })
        .collect();
    assert_eq!(named, std::iter::once(0).chain((15..31).rev()).collect::<Vec<_>>());
    assert_eq!(add(&mut entry, 27), Err(EntryError::NoRoom));
    // Known ones are still found.
    assert!(add(&mut entry, 12).is_ok());
    assert_eq!(sets(&read(vec![entry.boxed().unwrap()])[0]).1.len(), 17);
}

#[test]
fn messages_for_buffer_models_go_with_the_ids_that_they_name() {
    let (source, samples) = track(H264);
    let other = config(*b"avc1", &[sps(0, 10)], &[pps(0, 0, 1)]);
    // A buffering period, then a picture timing of one byte.
    let sei = Bytes::from_static(&[6, 0, 1, 0x80, 1, 1, 0x42, 0x80]);
    let mut entry = SharedEntry::beside(&source, &samples[0]);
    let renamed = entry.sample(&other, &sample(&[sei.clone(), slice(0)])).unwrap();
    assert_eq!(units_of(&renamed)[0], [6, 1, 1, 0x42, 0x80]);
    let kept = sample(&[sei, slice(0)]);
    assert_eq!(entry.sample(&source, &kept).as_ref(), Ok(&kept));
}

#[test]
fn lengths_become_four_bytes() {
    let short = DecoderConfig::of(&encoded(HIGH, 2)).unwrap();
    let mut entry = SharedEntry::default();
    let data = [&[0, u8::try_from(slice(31).len()).unwrap()][..], &slice(31)].concat();
    assert_eq!(entry.sample(&short, &data.into()), Ok(sample(&[slice(31)])));
    let boxed = read(vec![entry.boxed().unwrap()]).remove(0);
    assert_eq!(DecoderConfig::of(&boxed).unwrap().nal_length_size, 4);
}

#[test]
fn the_free_id_is_in_no_set_of_either_kind() {
    let codecs = [recorded(H264), encoded(HIGH, 4), recorded(HEVC)].map(|entry| entry.codec);
    assert_eq!(free_parameter_id(&[&codecs[0]]), Some(31));
    assert_eq!(free_parameter_id(&[&codecs[0], &codecs[1], &codecs[2]]), Some(30));
    // Only a picture parameter set has id 30, which is 000011111.
    let pps = encoded((HIGH.0, &[0x68, 0b0000_1111, 0b1100_0000]), 4).codec;
    assert_eq!(free_parameter_id(&[&codecs[0], &pps]), Some(29));
    let all: Vec<Codec> = (0..32).map(|id| encoded((&numbered(id, 4), &PPS_1), 4).codec).collect();
    assert_eq!(free_parameter_id(&all.iter().collect::<Vec<_>>()), None);
    let unreadable = encoded((&HIGH.0[..5], HIGH.1), 4).codec;
    assert_eq!(free_parameter_id(&[&unreadable]), None);
}

#[test]
fn an_entry_for_sets_in_band_has_none() {
    for (file, fourcc, codec) in [
        (H264, b"avc3", Codec::H264 { nal_length_size: 4, sps: vec![], pps: vec![] }),
        (HEVC, b"hev1", Codec::Hevc { nal_length_size: 4, vps: vec![], sps: vec![], pps: vec![] }),
    ] {
        let source = recorded(file);
        let bare = read(vec![without_parameter_sets(&source).unwrap()]).remove(0);
        assert_eq!((&bare.fourcc, &bare.codec), (fourcc, &codec));
        assert_eq!((bare.width, bare.height), (source.width, source.height));
        let restored = bare.with_configuration(source.fourcc, source.configuration().unwrap()).unwrap();
        assert_eq!(restored, source.bytes);
    }
    let bare = |entry| read(vec![without_parameter_sets(&entry).unwrap()]).remove(0);
    let short_lengths = bare(encoded(HIGH, 1));
    assert_eq!(short_lengths.configuration().unwrap(), [1, 100, 0, 31, 0xff, 0xe0, 0, 0xfd, 0xf8, 0xf8, 0]);
    assert_eq!(bare(encoded(MAIN, 2)).configuration().unwrap(), [1, 77, 0x40, 31, 0xff, 0xe0, 0]);
    let mut record = recorded(HEVC).configuration().unwrap().to_vec();
    record[21] &= !2;
    let short_lengths = recorded(HEVC).with_configuration(*b"hvc1", &record).unwrap();
    let bare = bare(read(vec![short_lengths]).remove(0));
    assert!(matches!(bare.codec, Codec::Hevc { nal_length_size: 4, .. }));
    let audio = recorded(include_bytes!("../../tests/data/aac.mp4"));
    assert!(matches!(without_parameter_sets(&audio), Err(Fmp4Error::Unsupported(_))));
}

/// What a stream does next.
#[derive(Debug, Clone)]
enum Event {
    /// Samples of another configuration follow.
    Switch(usize),
    /// A set comes in band.
    Sequence {
        id: u8,
        level: u8,
    },
    Picture {
        id: u8,
        sps: u8,
        kind: u8,
    },
    /// A picture that names this set.
    Slice(u8),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        1 => (0..3_usize).prop_map(Event::Switch),
        1 => (0..2_u8, 10..14_u8).prop_map(|(id, level)| Event::Sequence { id, level }),
        1 => (0..2_u8, 0..2_u8, 0..3_u8).prop_map(|(id, sps, kind)| Event::Picture { id, sps, kind }),
        4 => (0..2_u8).prop_map(Event::Slice),
    ];
    prop::collection::vec(event, 0..60)
}

/// The sets that a picture parameter set id leads to, each under the id 0.
fn meaning(sets: &[Bytes], id: u32) -> Option<[Vec<u8>; 2]> {
    let find = |kind: SetKind, id: u32| {
        let is = |unit: &&Bytes| {
            set_ids(VideoCodec::H264, unit).unwrap().is_some_and(|ids| ids.kind == kind && ids.own == id)
        };
        // The latest counts.
        sets.iter().rfind(is)
    };
    let pps = find(SetKind::Picture, id)?;
    let sps = find(SetKind::Sequence, set_ids(VideoCodec::H264, pps).unwrap()?.refers)?;
    Some([sps, pps].map(|unit| with_set_ids(VideoCodec::H264, unit, 0, 0).unwrap()))
}

proptest! {
    #[test]
    fn every_slice_means_what_it_meant(events in events(), beside in any::<bool>()) {
        let configs = [
            config(*b"avc1", &[sps(0, 10)], &[pps(0, 0, 0)]),
            config(*b"avc1", &[sps(0, 11), sps(1, 12)], &[pps(0, 0, 0), pps(1, 1, 0)]),
            config(*b"avc3", &[], &[]),
        ];
        let mut entry =
            if beside { SharedEntry::beside(&configs[1], &[]) } else { SharedEntry::default() };
        let mut at = &configs[0];
        let (mut active, mut last) = (Vec::new(), beside.then_some(&configs[1]));
        if beside {
            active.clone_from(&configs[1].sets);
        }
        let mut waiting = Vec::new();
        let mut expected = Vec::new();
        for event in events {
            match event {
                Event::Switch(to) => {
                    at = &configs[to];
                    waiting.clear();
                }
                Event::Sequence { id, level } => waiting.push(sps(id, level)),
                Event::Picture { id, sps, kind } => waiting.push(pps(id, sps, kind)),
                Event::Slice(id) => {
                    let units: Vec<Bytes> = waiting.drain(..).chain([slice(id)]).collect();
                    if last.is_none_or(|last: &DecoderConfig| last.entry != at.entry) {
                        active = at.sets.clone();
                    }
                    last = Some(at);
                    active.extend(units.iter().rev().skip(1).rev().cloned());
                    match (entry.sample(at, &sample(&units)), meaning(&active, id.into())) {
                        (Ok(data), Some(meant)) => {
                            let units = units_of(&data);
                            prop_assert_eq!(units.len(), 1);
                            prop_assert_eq!(with_slice_set(VideoCodec::H264, units[0], id.into()), Ok(slice(id).to_vec()));
                            expected.push((slice_set(VideoCodec::H264, units[0]).unwrap().unwrap(), meant));
                        }
                        (Err(EntryError::Missing), None) | (Err(EntryError::NoRoom), Some(_)) => {}
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
        }
        if !expected.is_empty() {
            let boxed = read(vec![entry.boxed().unwrap()]).remove(0);
            let sets = DecoderConfig::of(&boxed).unwrap().sets;
            for (id, meant) in expected {
                prop_assert_eq!(meaning(&sets, id), Some(meant));
            }
            let mut keys: Vec<_> = sets.iter().map(|unit| {
                let ids = set_ids(VideoCodec::H264, unit).unwrap().unwrap();
                (ids.kind, ids.own)
            }).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), sets.len(), "an id with two meanings");
        }
    }

    #[test]
    fn damaged_entries_never_panic(
        which in 0..3_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let source = recorded([H264, HEVC, INTERLACED][which]);
        let damaged = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for (at, value) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if cut {
                bytes.truncate(keep.index(bytes.len()));
            }
            Bytes::from(bytes)
        };
        // The box and what was read of it, each damaged by itself.
        let mut entry = SampleEntry { bytes: damaged(&source.bytes), ..source.clone() };
        if let Codec::H264 { sps, pps, .. } = &mut entry.codec {
            (sps[0], pps[0]) = (damaged(&sps[0]), damaged(&pps[0]));
        }
        let _ = (without_parameter_sets(&entry), free_parameter_id(&[&entry.codec]));
        let mut shared = SharedEntry::default();
        for entry in [&entry, &encoded(HIGH, 4), &source, &entry] {
            let Some(config) = DecoderConfig::of(entry) else { continue };
            let _ = shared.sample(&config, &damaged(&in_band(config.codec, &sample(&[slice(0), slice(31)]), 4, &config.sets).unwrap()));
            let _ = shared.boxed();
        }
    }
}
