//! Streams that x264 and x265 wrote: pictures and parameter sets.

use super::*;
use crate::fmp4::{Codec, Init, read_fragments};
use proptest::prelude::*;

const H264: &[u8] = include_bytes!("../../tests/data/h264.mp4");
const HEVC: &[u8] = include_bytes!("../../tests/data/hevc.mp4");
const INTERLACED: &[u8] = include_bytes!("../../tests/data/inter.mp4");

fn pictures(file: &[u8], codec: VideoCodec) -> Vec<(i64, Picture)> {
    let init = Init::parse(file).unwrap();
    let samples = read_fragments(&init.tracks[0], file, 0).unwrap();
    let classify = |sample: &crate::sample::Sample| {
        let range = usize::try_from(sample.offset).unwrap()..usize::try_from(sample.end()).unwrap();
        (sample.pts, classify(codec, &file[range], 4, sample.sync).unwrap())
    };
    samples.iter().map(classify).collect()
}

fn sets(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match &Init::parse(file).unwrap().tracks[0].sample_entries[0].codec {
        Codec::H264 { sps, pps, .. } | Codec::Hevc { sps, pps, .. } => (sps[0].to_vec(), pps[0].to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn closed_gops_start_with_an_idr() {
    let pictures = pictures(H264, VideoCodec::H264);
    for (at, (_, picture)) in pictures.iter().enumerate() {
        let expected = if at % 15 == 0 { RandomAccess::Idr } else { RandomAccess::None };
        assert_eq!((picture.random_access, picture.leading), (expected, Leading::No));
        assert!(picture.slices > 0);
    }
    // Two B-frames in a row, of which x264 lets one be referred to.
    assert!(pictures.iter().any(|(_, picture)| !picture.reference));
}

#[test]
fn open_gops_have_leading_pictures_before_their_cra() {
    let pictures = pictures(HEVC, VideoCodec::Hevc);
    assert_eq!(pictures[0].1.random_access, RandomAccess::Idr);
    let cras: Vec<_> =
        pictures.iter().filter(|(_, picture)| picture.random_access == RandomAccess::Cra).collect();
    assert_eq!(cras.len(), 2);
    let mut last_start = i64::MIN;
    let mut rasl = 0;
    for (pts, picture) in &pictures {
        if picture.random_access != RandomAccess::None {
            last_start = *pts;
        }
        assert_eq!(picture.leading == Leading::Rasl, *pts < last_start, "{pts}");
        rasl += usize::from(picture.leading == Leading::Rasl);
    }
    assert!(rasl > 0);
}

#[test]
fn the_beginning_of_a_sample_tells_whether_decoding_may_start_there() {
    for (file, codec) in [(H264, VideoCodec::H264), (HEVC, VideoCodec::Hevc)] {
        let init = Init::parse(file).unwrap();
        for sample in read_fragments(&init.tracks[0], file, 0).unwrap() {
            let data = &file[sample.range().unwrap()];
            let starts = classify(codec, data, 4, sample.sync).unwrap().random_access != RandomAccess::None;
            // Enough for what x264 and x265 say of themselves.
            assert_eq!(may_start(codec, &data[..data.len().min(2000)], 4), starts);
            assert!(may_start(codec, &data[..4], 4));
        }
    }
    let refresh = [0, 0, 0, 5, 6, 6, 1, 0x60, 0x80, 0, 0, 0, 3, 0x41, 0x9a, 0x20];
    assert!(may_start(VideoCodec::H264, &refresh, 4));
    assert!(!may_start(VideoCodec::H264, &refresh[9..], 4));
}

#[test]
fn a_high_profile_set_is_read_to_the_end() {
    let (sps, pps) = sets(H264);
    let sps = Sps::parse(VideoCodec::H264, &sps).unwrap();
    assert_eq!((sps.profile_idc, sps.level_idc, sps.chroma_format_idc, sps.bit_depth_luma), (100, 10, 1, 8));
    assert_eq!((sps.width, sps.height, sps.interlaced, sps.max_reorder), (64, 48, false, Some(2)));
    let timing = sps.vui.timing.unwrap();
    assert_eq!((timing.num_units_in_tick, timing.time_scale), (1, 50));
    assert_eq!(ParameterIds::parse(VideoCodec::H264, &pps), Ok(ParameterIds { pps: 0, sps: 0 }));
    assert_eq!(Sps::parse(VideoCodec::H264, &pps), Err(NalError::WrongKind));
}

#[test]
fn an_interlaced_4_2_2_set_with_an_hrd_is_read_to_the_end() {
    let sps = Sps::parse(VideoCodec::H264, &sets(INTERLACED).0).unwrap();
    assert_eq!(
        (sps.profile_idc, sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma),
        (122, 2, 10, 10)
    );
    assert_eq!((sps.coded_width, sps.coded_height, sps.width, sps.height), (64, 64, 64, 48));
    assert!(sps.interlaced && sps.vui.full_range);
    assert_eq!((sps.max_reorder, sps.max_ref_frames), (Some(2), 4));
    assert_eq!(sps.vui.aspect_ratio, Some((4, 3)));
    assert_eq!(sps.vui.colour, Some(Colour { primaries: 1, transfer: 1, matrix: 1 }));
}

#[test]
fn a_main_10_set_is_read_to_the_clock() {
    let (sps, pps) = sets(HEVC);
    let sps = Sps::parse(VideoCodec::Hevc, &sps).unwrap();
    assert_eq!(
        (sps.profile_idc, sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma),
        (2, 1, 10, 10)
    );
    assert_eq!((sps.width, sps.height, sps.interlaced, sps.max_reorder), (96, 64, false, Some(2)));
    assert_eq!(sps.vui.colour, Some(Colour { primaries: 9, transfer: 16, matrix: 9 }));
    let timing = sps.vui.timing.unwrap();
    assert_eq!((timing.num_units_in_tick, timing.time_scale), (1001, 30_000));
    assert_eq!(ParameterIds::parse(VideoCodec::Hevc, &pps), Ok(ParameterIds { pps: 0, sps: 0 }));
}

/// A sample of these NAL units.
fn sample(units: &[&[u8]]) -> Vec<u8> {
    let prefixed = |unit: &&[u8]| [&u32::try_from(unit.len()).unwrap().to_be_bytes(), *unit].concat();
    units.iter().flat_map(prefixed).collect()
}

#[test]
fn h264_recovery_points_are_exact_ones_only() {
    let classify = |units: &[&[u8]], sync| {
        classify(VideoCodec::H264, &sample(units), 4, sync).map(|picture| picture.random_access)
    };
    // slice_type 7 is I, 5 is P: first_mb 1, then 0001000 or 00110.
    let (intra, inter): (&[u8], &[u8]) = (&[0x61, 0b1000_1000, 0], &[0x61, 0b1001_1000, 0]);
    // A 16-byte unregistered message comes first; recovery_frame_cnt is 1 or 011.
    let user_data = [&[5, 16][..], &[7; 16]].concat();
    let exact = [&[6][..], &user_data, &[6, 1, 0b1000_0100, 0x80]].concat();
    let late = [&[6][..], &user_data, &[6, 1, 0b0110_0000, 0x80]].concat();
    assert_eq!(classify(&[&exact, inter], false), Ok(RandomAccess::RecoveryPoint));
    assert_eq!(classify(&[&late, inter], false), Ok(RandomAccess::None));
    assert_eq!(classify(&[intra, intra], true), Ok(RandomAccess::RecoveryPoint));
    assert_eq!(classify(&[intra, intra], false), Ok(RandomAccess::None));
    assert_eq!(classify(&[intra, inter], true), Ok(RandomAccess::None));
    assert_eq!(classify(&[&exact, &[0x65, 0x88]], true), Ok(RandomAccess::Idr));
    assert_eq!(classify(&[&exact], true), Ok(RandomAccess::None));
}

#[test]
fn b_slices_of_h264_are_told_apart() {
    let classify = |units: &[&[u8]]| {
        classify(VideoCodec::H264, &sample(units), 4, false).map(|picture| picture.bipredicted)
    };
    // first_mb 1, then slice_type 1, 6 or 5: 010, 00111 or 00110.
    let (b, all_b, p): (&[u8], &[u8], &[u8]) =
        (&[0x01, 0b1010_1000, 0], &[0x01, 0b1001_1110, 0], &[0x01, 0b1001_1010, 0]);
    assert_eq!(classify(&[b, all_b]), Ok(true));
    assert_eq!(classify(&[b, p]), Ok(false));
    assert_eq!(classify(&[&[6, 1]]), Ok(false), "no slice at all");
}

#[test]
fn a_sample_is_one_unit_of_a_byte_stream_if_nothing_splits_it() {
    let (avc, hevc) = (VideoCodec::H264, VideoCodec::Hevc);
    // H.264: a first slice, another one, SEI, delimiter, filler data.
    let (first, more): (&[u8], &[u8]) = (&[0x41, 0x88, 0], &[0x41, 0x48, 0]);
    let (sei, aud, filler): (&[u8], &[u8], &[u8]) = (&[6, 1], &[9, 0x10], &[12, 0xff]);
    // HEVC: the same, a message before and one behind the slices.
    let (start, next, prefix, suffix): (&[u8], &[u8], &[u8], &[u8]) =
        (&[2, 1, 0x80], &[2, 1, 0x40], &[78, 1, 0], &[80, 1, 0]);
    let joined: &[u8] = &[0x41, 0x88, 0, 0, 1, 0x41, 0x88];
    for (codec, units, one) in [
        (avc, vec![aud, sei, first, more, filler], true),
        (avc, vec![first, first], false),
        (avc, vec![more, first], false),
        (avc, vec![more], false),
        (avc, vec![first, sei], false),
        (avc, vec![first, aud, more], false),
        (avc, vec![sei], false),
        (avc, vec![joined], false),
        (hevc, vec![prefix, start, next, suffix], true),
        (hevc, vec![start, start], false),
        (hevc, vec![next], false),
        (hevc, vec![start, prefix], false),
    ] {
        assert_eq!(is_one_unit(codec, &sample(&units), 4), one, "{units:?}");
    }
    assert!(!is_one_unit(avc, &sample(&[first])[..5], 4), "cut off");
}

#[test]
fn hevc_types_are_told_apart() {
    for (kind, access, leading, reference) in [
        (0_u8, RandomAccess::None, Leading::No, false),
        (1, RandomAccess::None, Leading::No, true),
        (6, RandomAccess::None, Leading::Radl, false),
        (9, RandomAccess::None, Leading::Rasl, true),
        (16, RandomAccess::Bla, Leading::No, true),
        (18, RandomAccess::Bla, Leading::No, true),
        (19, RandomAccess::Idr, Leading::No, true),
        (20, RandomAccess::Idr, Leading::No, true),
        (21, RandomAccess::Cra, Leading::No, true),
    ] {
        let picture = classify(VideoCodec::Hevc, &sample(&[&[64, 1], &[kind << 1, 3, 0]]), 4, false).unwrap();
        assert_eq!((picture.random_access, picture.leading, picture.reference), (access, leading, reference));
        assert_eq!((picture.temporal_id, picture.slices, picture.parameter_sets), (2, 1, true));
    }
    let layered = classify(VideoCodec::Hevc, &sample(&[&[19 << 1, 8 | 1, 0]]), 4, false).unwrap();
    assert_eq!(layered.slices, 0);
}

#[test]
fn annex_b_has_start_codes_for_lengths() {
    let mut out = vec![9];
    to_annex_b(&[0, 2, 1, 2, 0, 0, 0, 1, 3], 2, &mut out).unwrap();
    assert_eq!(out, [9, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 0, 0, 0, 1, 3]);
    assert_eq!(to_annex_b(&[0, 1, 7, 0, 2, 1], 2, &mut out), Err(NalError::Truncated));
    assert_eq!(out.len(), 16);
    assert_eq!(nals(&[1], 0).next(), Some(Err(NalError::LengthSize(0))));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..200), size in 0..6_usize) {
        let hevc: Vec<u8> = [&[66, 1], &data[..]].concat();
        let h264: Vec<u8> = [&[0x67], &data[..]].concat();
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            let _ = classify(codec, &data, size, true);
            for unit in [&data, &hevc, &h264] {
                let _ = (Sps::parse(codec, unit), ParameterIds::parse(codec, unit));
            }
        }
    }

    #[test]
    fn damaged_sets_never_panic(which in 0..3_usize, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (file, codec) = [(H264, VideoCodec::H264), (HEVC, VideoCodec::Hevc), (INTERLACED, VideoCodec::H264)][which];
        let (mut sps, _) = sets(file);
        for (at, value) in damage {
            let at = at.index(sps.len() - 2) + 2;
            sps[at] = value;
        }
        if let Ok(sps) = Sps::parse(codec, &sps) {
            prop_assert!(sps.width > 0 && sps.width <= sps.coded_width && sps.bit_depth_luma <= 16);
        }
    }

    #[test]
    fn splitting_and_joining_are_inverse(units in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..6)) {
        let refs: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let joined = sample(&refs);
        let split: Vec<&[u8]> = nals(&joined, 4).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(split, refs);
    }
}
