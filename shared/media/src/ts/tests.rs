use super::testing::{MAP, Packer};
use super::*;
use crate::fmp4::{Codec, TrackKind};
use crate::nal::BitWriter;
use proptest::prelude::*;

const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;
const SPS: &[u8] = &[0x67, 66, 0xc0, 13, 0xf4, 0x0a, 0x0f, 0xc8];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const START: [u8; 4] = [0, 0, 0, 1];

fn annex_b(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&START[..], unit].concat()).collect()
}

fn lengths(units: &[&[u8]]) -> Vec<u8> {
    let one = |unit: &&[u8]| [&u32::try_from(unit.len()).unwrap().to_be_bytes()[..], unit].concat();
    units.iter().flat_map(one).collect()
}

/// A slice that is the first of its picture, with a body without start codes.
fn slice(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0x88][..], body, &[0x80]].concat()
}

/// A frame of LC with two channels at 48 kHz.
fn adts(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 7).unwrap();
    let bits = |from: u32, mask: u16| u8::try_from(length >> from & mask).unwrap();
    [&[0xff, 0xf1, 0x4c, 0x80 | bits(11, 3), bits(3, 0xff), bits(0, 7) << 5 | 0x1f, 0xfc][..], payload]
        .concat()
}

fn program() -> Packer {
    Packer::of(&[(VIDEO, 0x1b, &[]), (AUDIO, 0x0f, &[0x0a, 4, b'f', b'r', b'a', 0])])
}

fn read(bytes: &[u8]) -> TsSegment {
    demux(bytes, &Known::default()).unwrap()
}

fn bytes_of(track: &TsTrack, n: usize) -> &[u8] {
    let unit = track.units[n];
    &track.data[unit.offset..unit.offset + unit.size]
}

#[test]
fn a_time_stamp_is_the_one_next_to_the_time_expected() {
    let wrap = 1_i64 << 33;
    assert_eq!(unwrapped(5, 0), 5);
    assert_eq!(unwrapped(5, wrap - 3), wrap + 5);
    assert_eq!(unwrapped(wrap - 3, wrap + 5), wrap - 3);
    assert_eq!(unwrapped(wrap - 3, 5), -3);
}

#[test]
fn a_program_is_described_by_what_stands_in_it() {
    let mut packer = program();
    let (idr, next) = (slice(0x65, b"idr"), slice(0x41, b"next"));
    packer.pes(VIDEO, 0xe0, Some(9000), Some(5400), &annex_b(&[&[9, 0xf0], SPS, PPS, &idr]));
    packer.pes(AUDIO, 0xc0, Some(9000), None, &[adts(b"one"), adts(b"two")].concat());
    packer.pes(VIDEO, 0xe0, Some(12_600), Some(9000), &annex_b(&[&[9, 0xf0], &next]));
    let segment = read(&packer.bytes());
    assert!(!segment.encrypted);
    let [video, audio] = &segment.tracks[..] else { panic!("{segment:?}") };
    let times: Vec<_> = video.units.iter().map(|unit| (unit.pts, unit.dts, unit.key)).collect();
    assert_eq!(times, [(9000, 5400, true), (12_600, 9000, false)]);
    assert_eq!(bytes_of(video, 0), lengths(&[SPS, PPS, &idr]));
    assert_eq!(bytes_of(video, 1), lengths(&[&next]));
    let init = video.description().unwrap();
    let Codec::H264 { sps, pps, nal_length_size } = &init.sample_entries[0].codec else { panic!() };
    assert_eq!((&sps[0][..], &pps[0][..], *nal_length_size), (SPS, PPS, 4));
    assert_eq!(
        (init.kind, init.timescale.get(), init.width, init.height),
        (TrackKind::Video, 90_000, 320, 240)
    );
    let samples = video.samples();
    assert_eq!((samples[0].duration, samples[1].duration, samples[0].sync), (3600, 3600, true));

    let sets = [Bytes::from_static(SPS), Bytes::from_static(PPS)];
    let known = demux(&packer.bytes(), &Known { near: None, sets: &sets, part: None }).unwrap();
    assert_eq!(bytes_of(&known.tracks[0], 0), lengths(&[&idr]), "known parameter sets are left out");

    let init = audio.description().unwrap();
    let Codec::Aac { object_type, sample_rate, channels, .. } = init.sample_entries[0].codec else {
        panic!()
    };
    assert_eq!((object_type, sample_rate, channels, init.language), (2, 48_000, 2, *b"fra"));
    assert_eq!((bytes_of(audio, 0), bytes_of(audio, 1)), (&b"one"[..], &b"two"[..]));
    assert_eq!((audio.units[0].pts, audio.units[1].pts), (4800, 5824));
}

#[test]
fn times_go_on_over_the_end_of_33_bits() {
    let mut packer = program();
    let wrap = 1_i64 << 33;
    for n in 0..4_i64 {
        let at = (wrap - 7200 + n * 3600) % wrap;
        packer.pes(
            VIDEO,
            0xe0,
            Some(at),
            None,
            &annex_b(&[SPS, PPS, &slice(0x65, &[u8::try_from(n).unwrap() + 1])]),
        );
    }
    let segment = demux(&packer.bytes(), &Known { near: Some(3 * wrap), sets: &[], part: None }).unwrap();
    let times: Vec<_> = segment.tracks[0].units.iter().map(|unit| unit.pts - 3 * wrap).collect();
    assert_eq!(times, [-7200, -3600, 0, 3600]);
}

#[test]
fn a_lost_packet_marks_its_picture_and_a_repeated_one_nothing() {
    let long = slice(0x65, &[7; 1000]);
    let mut packer = program();
    for n in 0..3 {
        packer.pes(VIDEO, 0xe0, Some(3600 * n), None, &annex_b(&[SPS, PPS, &long]));
    }
    let damaged = |packets: &[[u8; 188]]| -> Vec<bool> {
        read(&packets.concat()).tracks[0].units.iter().map(|unit| unit.damaged).collect()
    };
    assert_eq!(damaged(&packer.packets), [false; 3]);
    let mut repeated = packer.packets.clone();
    repeated.insert(5, repeated[4]);
    assert_eq!(damaged(&repeated), [false; 3]);
    let mut lossy = packer.packets.clone();
    lossy.remove(10);
    assert_eq!(damaged(&lossy), [false, true, false]);
}

#[test]
fn garbage_between_packets_is_skipped_and_arrival_times_are_too() {
    let mut packer = program();
    packer.pes(VIDEO, 0xe0, Some(0), None, &annex_b(&[SPS, PPS, &slice(0x65, &[7; 2000])]));
    let whole = read(&packer.bytes());
    let mut bytes = vec![1; 500];
    bytes.extend(packer.bytes());
    assert_eq!(read(&bytes), whole);
    let timed: Vec<u8> =
        packer.packets.iter().flat_map(|packet| [&[1, 2, 3, 4][..], packet].concat()).collect();
    assert_eq!(read(&timed), whole);
    assert_eq!(demux(&[0; 4000], &Known::default()), Err(TsError::NotTs));
    assert_eq!(demux(b"", &Known::default()), Err(TsError::NotTs));
}

#[test]
fn a_stream_keeps_its_place_when_a_new_map_moves_it() {
    let mut packer = program();
    packer.pes(VIDEO, 0xe0, Some(0), None, &annex_b(&[SPS, PPS, &slice(0x65, b"a")]));
    packer.map(&[(0x200, 0x1b, &[]), (AUDIO, 0x0f, &[])]);
    packer.pes(0x200, 0xe0, Some(3600), None, &annex_b(&[&slice(0x41, b"b")]));
    let segment = read(&packer.bytes());
    assert_eq!((segment.tracks.len(), segment.tracks[0].units.len()), (2, 2));
}

#[test]
fn pictures_without_time_stamps_and_scrambled_streams_are_told() {
    let mut packer = program();
    packer.pes(VIDEO, 0xe0, Some(0), None, &annex_b(&[SPS, PPS, &slice(0x65, b"a"), &slice(0x41, b"b")]));
    assert_eq!(demux(&packer.bytes(), &Known::default()), Err(TsError::NoTimeStamp));
    let mut packer = program();
    packer.pes(VIDEO, 0xe0, Some(0), None, &annex_b(&[SPS, PPS, &slice(0x65, b"a")]));
    let mut scrambled = packer.packets.clone();
    scrambled[2][3] |= 0x80;
    assert!(read(&scrambled.concat()).encrypted);
    let announced = Packer::of(&[(VIDEO, 0x1b, &[9, 4, 0, 1, 0xe1, 0])]);
    assert!(read(&announced.bytes()).encrypted);
    assert_eq!(demux(&Packer::default().bytes(), &Known::default()), Err(TsError::NotTs));
    let foreign = read(&Packer::of(&[(VIDEO, 2, &[]), (AUDIO, 0x11, &[])]).bytes());
    let codings: Vec<_> = foreign.tracks.iter().map(|track| track.coding).collect();
    assert_eq!(codings, [TsCoding::OtherPicture, TsCoding::OtherAudio]);
    assert!(foreign.tracks.iter().all(|track| track.description().is_none()));
}

#[test]
fn a_frame_over_the_end_of_a_segment_is_put_together() {
    let frames: Vec<Vec<u8>> = (1..5_u8).map(|n| adts(&[n; 300])).collect();
    let (first, second) = (frames.concat(), 3 * 307 + 100);
    let segment = |from: usize, to: usize, pts: i64| {
        let mut packer = program();
        packer.pes(AUDIO, 0xc0, Some(pts), None, &first[from..to]);
        read(&packer.bytes()).tracks.remove(1)
    };
    let one = segment(0, second, 90_000);
    let mut packer = program();
    packer.pes(AUDIO, 0xc0, None, None, &first[second..]);
    packer.pes(AUDIO, 0xc0, Some(90_000 + 4 * 1920), None, &adts(&[9; 50]));
    let mut two = read(&packer.bytes()).tracks.remove(1);
    assert_eq!((one.units.len(), one.tail.len(), two.units.len(), two.head.len()), (3, 100, 1, 207));
    assert!(!two.clone().join(b"else") && two.join(&one.tail) && !two.join(&one.tail));
    assert_eq!((bytes_of(&two, 0), bytes_of(&two, 1)), (&[4; 300][..], &[9; 50][..]));
    assert_eq!((two.units[0].pts, two.units[1].pts), (48_000 + 3 * 1024, 48_000 + 4 * 1024));
}

/// A sequence parameter set of 32 x 32 pixels whose pictures may be fields.
fn fields_sps() -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.bits(32, 0x674d_001e);
    // Ids, the bits of frame_num and of the order of pictures, reference frames, and the size.
    for value in [0, 0, 0, 0, 1] {
        bits.ue(value);
    }
    bits.flag(false);
    bits.ue(1);
    bits.ue(0);
    for flag in [false, false, true, false, false, true] {
        bits.flag(flag);
    }
    bits.align();
    bits.bytes()
}

/// A slice of a field of an intra picture.
fn field(kind: u8, number: u32, bottom: bool) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.bits(8, kind.into());
    for value in [0, 7, 0] {
        bits.ue(value);
    }
    bits.bits(4, number);
    bits.flag(true);
    bits.flag(bottom);
    if kind & 0x1f == 5 {
        bits.ue(0);
    }
    bits.bits(8, 0xff);
    bits.align();
    [bits.bytes(), b"body".to_vec()].concat()
}

#[test]
fn the_two_fields_of_a_frame_are_one_picture_however_they_are_packed() {
    let (sps, aud) = (fields_sps(), &[9, 0xf0][..]);
    let frames =
        [[field(0x65, 0, false), field(0x61, 0, true)], [field(0x41, 1, true), field(0x41, 1, false)]];
    let expected =
        [lengths(&[&sps, PPS, &frames[0][0], &frames[0][1]]), lengths(&[&frames[1][0], &frames[1][1]])];
    // A PES packet for a frame, for a field with its own time, and for a field without one.
    for form in 0..3 {
        let mut packer = program();
        for (at, [first, second]) in [(9000, &frames[0]), (12_600, &frames[1])] {
            let sets: &[&[u8]] = if at == 9000 { &[&sps, PPS] } else { &[] };
            let begin = annex_b(&[&[aud], sets, &[first]].concat());
            let rest = annex_b(&[aud, second]);
            if form == 0 {
                packer.pes(VIDEO, 0xe0, Some(at), None, &[begin, annex_b(&[second])].concat());
            } else {
                packer.pes(VIDEO, 0xe0, Some(at), None, &begin);
                packer.pes(VIDEO, 0xe0, Some(at + 1800).filter(|_| form == 1), None, &rest);
            }
        }
        let segment = read(&packer.bytes());
        let video = &segment.tracks[0];
        let times: Vec<_> = video.units.iter().map(|unit| unit.pts).collect();
        assert_eq!(times, [9000, 12_600], "form {form}");
        assert_eq!([bytes_of(video, 0), bytes_of(video, 1)], [&expected[0][..], &expected[1]], "form {form}");
    }
}

#[test]
fn fields_of_different_frames_are_not_taken_for_one() {
    let sps = fields_sps();
    let mut packer = program();
    let fields = [field(0x65, 0, false), field(0x41, 1, true), field(0x41, 2, false), field(0x65, 2, true)];
    for (field, at) in fields.iter().zip([0, 3600, 7200, 10_800]) {
        packer.pes(VIDEO, 0xe0, Some(at), None, &annex_b(&[&[9, 0xf0], &sps, PPS, field]));
    }
    assert_eq!(read(&packer.bytes()).tracks[0].units.len(), 4);
}

#[test]
fn a_picture_whose_time_stamp_is_lost_is_left_out_and_counted() {
    let mut packer = program();
    for n in 0..4 {
        let unit = slice(if n == 0 { 0x65 } else { 0x41 }, &[7; 400]);
        packer.pes(
            VIDEO,
            0xe0,
            Some(3600 * n),
            None,
            &annex_b(&[&[9, 0xf0], SPS, PPS, &[6, 5, 1, 1, 0x80], &unit]),
        );
    }
    let whole = read(&packer.bytes()).tracks.remove(0);
    assert!(whole.units.len() == 4 && !whole.torn && whole.left_out == 0);
    let heads: Vec<usize> = (0..packer.packets.len()).filter(|n| packer.packets[*n][1] == 0x41).collect();
    for (n, head) in (0..).zip(&heads) {
        let mut lossy = packer.packets.clone();
        lossy.remove(*head);
        let track = read(&lossy.concat()).tracks.remove(0);
        assert_eq!(track.torn, n == 0);
        assert!(track.units.len() == 3 && track.units.iter().all(|unit| unit.pts != 3600 * n), "{n}");
    }
}

/// A frame that begins with these bytes.
fn begins(head: &[u8], length: usize) -> Vec<u8> {
    let mut frame = head.to_vec();
    frame.resize(length, 0x55);
    frame
}

#[test]
fn audio_of_other_codings_is_taken_as_it_is() {
    // 192 kbit/s and 48 kHz in two channels, as ffmpeg writes them; 448 bytes of E-AC-3 with 5.1; 192 kbit/s of layers II and III.
    let ac3 = begins(&[0x0b, 0x77, 1, 2, 0x14, 0x40, 0x43, 0xe1], 768);
    let eac3 = begins(&[0x0b, 0x77, 0, 0xdf, 0x3f, 0x84], 448);
    let layer_2 = begins(&[0xff, 0xfd, 0xa4, 0], 576);
    let layer_3 = begins(&[0xff, 0xfb, 0xb4, 0xc0], 576);
    let dac3 = &[0x10, 0x11, 0x40][..];
    let forms = [
        (0x81, &ac3, TsCoding::Ac3, 1536, *b"ac-3", [&11_u32.to_be_bytes()[..], b"dac3", dac3].concat()),
        (
            0x87,
            &eac3,
            TsCoding::Eac3,
            1536,
            *b"ec-3",
            [&[0, 0, 0, 13][..], b"dec3", &[3, 0x80, 0x20, 0x0f, 0]].concat(),
        ),
        (0x03, &layer_2, TsCoding::MpegAudio, 1152, *b"mp4a", vec![4, 13, 0x6b, 0x15]),
        (0x04, &layer_3, TsCoding::MpegAudio, 1152, *b"mp4a", vec![4, 13, 0x6b, 0x15]),
    ];
    for (kind, frame, coding, samples, fourcc, described) in forms {
        let mut packer = Packer::of(&[(AUDIO, kind, &[])]);
        // Over the ends of PES packets, which begin with frames now and then.
        let all = frame.repeat(6);
        packer.pes(AUDIO, 0xbd, Some(90_000), None, &all[..frame.len() * 2 + 100]);
        packer.pes(AUDIO, 0xbd, None, None, &all[frame.len() * 2 + 100..]);
        let track = read(&packer.bytes()).tracks.remove(0);
        assert_eq!((track.coding, track.timescale, track.units.len()), (coding, 48_000, 6));
        assert!(track.units.iter().zip(0..).all(|(unit, n)| unit.pts == 48_000 + n * samples));
        assert!((0..6).all(|n| bytes_of(&track, n) == &frame[..]));
        let init = track.description().unwrap();
        let entry = &init.sample_entries[0];
        assert_eq!((entry.fourcc, init.kind), (fourcc, TrackKind::Audio));
        assert!(entry.bytes.windows(described.len()).any(|found| found == described), "{:02x?}", entry.bytes);
        assert_eq!(track.samples()[5].duration, u32::try_from(samples).unwrap());
    }
}

/// An ID3 tag of a version with a frame of text and one with a time stamp.
fn tag(version: u8, owner: &str, pts: u64) -> Vec<u8> {
    let frame = |name: &[u8; 4], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap();
        // From version 4 on, sizes have seven bits a byte.
        let size = if version >= 4 { length / 128 * 256 + length % 128 } else { length };
        [&name[..], &size.to_be_bytes(), &[0, 0], body].concat()
    };
    let text = frame(b"TXXX", &[0x20; 200]);
    let frames = [text, frame(b"PRIV", &[owner.as_bytes(), &[0], &pts.to_be_bytes()[..]].concat())].concat();
    let length = u8::try_from(frames.len() % 128).unwrap();
    let sizes = [0, 0, u8::try_from(frames.len() / 128).unwrap(), length];
    [b"ID3", &[version, 0, 0][..], &sizes, &frames].concat()
}

#[test]
fn packed_audio_is_read_like_the_audio_of_a_stream() {
    let owner = "com.apple.streaming.transportStreamTimestamp";
    let frames = [
        (0x0f, adts(b"some audio of a recording")),
        (0x81, begins(&[0x0b, 0x77, 1, 2, 0x14, 0x40, 0x43, 0xe1], 768)),
        (0x87, begins(&[0x0b, 0x77, 0, 0xdf, 0x3f, 0x84], 448)),
        (0x03, begins(&[0xff, 0xfd, 0xa4, 0], 576)),
    ];
    for (kind, frame) in frames {
        let (all, pts) = (frame.repeat(5), (1 << 33) - 3000);
        let mut packer = Packer::of(&[(AUDIO, kind, &[])]);
        packer.pes(AUDIO, 0xc0, Some(pts), None, &all);
        let known = Known { near: Some(pts + (1 << 33)), ..Known::default() };
        let streamed = demux(&packer.bytes(), &known).unwrap().tracks.remove(0);
        let stamped = u64::try_from(pts).unwrap();
        for version in [3, 4] {
            let tags = [tag(version, "somebody.else", 5), tag(version, owner, stamped)].concat();
            let found = demux(&[&tags[..], &all].concat(), &known).unwrap().tracks.remove(0);
            assert_eq!(found.pid, 1);
            assert_eq!(TsTrack { pid: AUDIO, ..found }, streamed, "version {version}, stream type {kind}");
        }
        assert_eq!(streamed.units.len(), 5);
        let untimed = [tag(4, "somebody.else", 5), all].concat();
        assert_eq!(demux(&untimed, &known), Err(TsError::Untimed));
    }
    assert_eq!(demux(&tag(4, owner, 0), &Known::default()), Err(TsError::NotTs), "nothing to be heard");
}

#[test]
fn substreams_belong_to_the_first_one() {
    let first = begins(&[0x0b, 0x77, 0, 0x3f, 0x3f, 0x84], 128);
    let depends = begins(&[0x0b, 0x77, 0x40, 0x3f, 0x3f, 0x84], 128);
    let mut packer = Packer::of(&[(AUDIO, 0x87, &[])]);
    packer.pes(AUDIO, 0xbd, Some(90_000), None, &[&first[..], &depends].concat().repeat(3));
    let track = read(&packer.bytes()).tracks.remove(0);
    let sizes: Vec<_> = track.units.iter().map(|unit| unit.size).collect();
    assert_eq!(sizes, [256; 3]);
    assert_eq!(track.description(), None);
}

#[test]
fn a_damaged_section_is_not_believed() {
    let mut packer = program();
    packer.pes(VIDEO, 0xe0, Some(0), None, &annex_b(&[SPS, PPS, &slice(0x65, b"a")]));
    let mut bytes = packer.bytes();
    bytes[188 + 20] ^= 1;
    assert_eq!(MAP, 0x1000);
    assert_eq!(demux(&bytes, &Known::default()), Err(TsError::NoProgram));
}

proptest! {
    #[test]
    fn what_is_packed_comes_back_whatever_the_sizes(
        pictures in prop::collection::vec((1..900_usize, 0..4_i64), 1..20),
        frames in prop::collection::vec(1..700_usize, 1..20),
        a_pes in 1..5_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packer = program();
        let mut expected = Vec::new();
        for (n, (size, early)) in pictures.iter().enumerate() {
            let at = 90_000 + i64::try_from(n).unwrap() * 3600;
            let unit = slice(if n == 0 { 0x65 } else { 0x41 }, &vec![u8::try_from(n % 200).unwrap() + 2; *size]);
            let dts = (*early > 0).then_some(at - early * 900);
            packer.pes(VIDEO, 0xe0, Some(at), dts, &annex_b(&[&[9, 0xf0], &unit]));
            expected.push((at, dts.unwrap_or(at), lengths(&[&unit])));
        }
        for (n, group) in frames.chunks(a_pes).enumerate() {
            let bytes: Vec<u8> = group.iter().flat_map(|size| adts(&vec![3; *size])).collect();
            packer.pes(AUDIO, 0xc0, Some(90_000 + i64::try_from(n * a_pes).unwrap() * 1920), None, &bytes);
        }
        let bytes = packer.bytes();
        let segment = read(&bytes);
        let [video, audio] = &segment.tracks[..] else { panic!() };
        // Cut anywhere, the parts have the same units.
        let at = cut.index(bytes.len() / 188 - 2) * 188 + 376;
        let part = |from: usize, to: usize| {
            let part = Some(StreamPart { head: &bytes[..376], length: to - from });
            demux(&bytes[from..], &Known { part, ..Known::default() }).unwrap_or_default()
        };
        let mut parts: Vec<(usize, i64, Vec<u8>)> = Vec::new();
        let mut tail = Bytes::new();
        for mut found in [part(0, at), part(at, bytes.len())] {
            if let Some(audio) = found.tracks.get_mut(1) {
                audio.join(&tail);
                tail = audio.tail.clone();
            }
            for (n, track) in found.tracks.iter().enumerate() {
                parts.extend((0..track.units.len()).map(|unit| (n, track.units[unit].pts, bytes_of(track, unit).to_vec())));
            }
        }
        parts.sort_by_key(|(track, ..)| *track);
        let whole: Vec<_> = [video, audio].into_iter().enumerate().flat_map(|(n, track)| {
            (0..track.units.len()).map(move |unit| (n, track.units[unit].pts, bytes_of(track, unit).to_vec()))
        }).collect();
        prop_assert_eq!(parts, whole);
        let found: Vec<_> = (0..video.units.len()).map(|n| (video.units[n].pts, video.units[n].dts, bytes_of(video, n).to_vec())).collect();
        prop_assert_eq!(found, expected);
        let sizes: Vec<_> = audio.units.iter().map(|unit| unit.size).collect();
        prop_assert_eq!(sizes, frames);
        prop_assert!(audio.units.iter().zip(0..).all(|(unit, n)| unit.pts == 48_000 + n * 1024 && !unit.damaged));
    }
}
