//! Pictures that x264 and x265 wrote, some of them taken away or broken.

use super::*;
use crate::fmp4::{Init, read_fragments};
use crate::nal::bits::{BitWriter, escaped, unescaped};
use crate::nal::{Leading, Picture, RandomAccess, classify, push_unit};
use crate::picture::DecoderConfig;
use proptest::prelude::*;

const H264: &[u8] = include_bytes!("../../../tests/data/h264.mp4");
const INTERLACED: &[u8] = include_bytes!("../../../tests/data/inter.mp4");
const HEVC: &[u8] = include_bytes!("../../../tests/data/hevc.mp4");
const FILES: [&[u8]; 3] = [H264, INTERLACED, HEVC];

/// A recording's configuration, and its pictures in decode order.
fn recorded(file: &'static [u8]) -> (DecoderConfig, Vec<(Vec<u8>, Picture)>) {
    let init = Init::parse(file).unwrap();
    let config = DecoderConfig::of(&init.tracks[0].sample_entries[0]).unwrap();
    let samples = read_fragments(&init.tracks[0], file, 0).unwrap();
    let picture = |sample: &crate::sample::Sample| {
        let data = file[sample.range().unwrap()].to_vec();
        let picture = classify(config.codec, &data, 4, sample.sync).unwrap();
        (data, picture)
    };
    let pictures = samples.iter().map(picture).collect();
    (config, pictures)
}

/// What is missing from each picture.
fn missing<'a>(
    config: &DecoderConfig,
    pictures: impl IntoIterator<Item = &'a (Vec<u8>, Picture)>,
) -> Vec<Option<Damage>> {
    let mut followed = Continuity::new(config);
    pictures.into_iter().map(|(data, _)| followed.next(data, 4)).collect()
}

/// The first slice of a picture with other contents, by its bits behind the NAL unit header.
fn changed(codec: VideoCodec, data: &[u8], change: impl Fn(&mut Bits<'_>, &mut BitWriter)) -> Vec<u8> {
    let (mut out, mut done) = (Vec::new(), false);
    for unit in nals(data, 4).map(Result::unwrap) {
        if done || !super::super::splice::is_slice(codec, unit) {
            push_unit(unit, 4, &mut out).unwrap();
            continue;
        }
        done = true;
        let raw = unescaped(unit);
        let (mut bits, mut bytes) = (Bits::raw(&raw), BitWriter::default());
        bytes.copy(&mut bits, if codec == VideoCodec::H264 { 8 } else { 16 }).unwrap();
        change(&mut bits, &mut bytes);
        let rest = bits.remaining();
        bytes.copy(&mut bits, rest).unwrap();
        push_unit(&escaped(&bytes.bytes()), 4, &mut out).unwrap();
    }
    out
}

#[test]
fn nothing_is_missing_from_a_sound_recording() {
    for file in FILES {
        let (config, pictures) = recorded(file);
        assert!(missing(&config, &pictures).iter().all(Option::is_none));
    }
}

#[test]
fn decoding_may_start_at_any_random_access_picture() {
    for file in FILES {
        let (config, pictures) = recorded(file);
        for (n, (_, first)) in pictures.iter().enumerate() {
            if first.random_access != RandomAccess::None {
                // Leading pictures of the first one are not fed.
                let led = |(_, picture): &&(Vec<u8>, Picture)| picture.leading != Leading::Rasl;
                let rest = pictures[n + 1..].iter().skip_while(|picture| !led(picture));
                let found = missing(&config, std::iter::once(&pictures[n]).chain(rest));
                assert!(found.iter().all(Option::is_none), "from picture {n} on");
            }
        }
    }
}

#[test]
fn a_lost_picture_that_others_refer_to_is_noticed_and_no_other() {
    for (file, least) in [(H264, 10), (INTERLACED, 2), (HEVC, 10)] {
        let (config, pictures) = recorded(file);
        let mut noticed = 0;
        for (n, (_, lost)) in pictures.iter().enumerate().skip(1) {
            let left = pictures[..n].iter().chain(&pictures[n + 1..]);
            let found = missing(&config, left);
            let last = pictures.get(n + 1).is_none_or(|(_, next)| next.random_access == RandomAccess::Idr);
            let first = found.iter().position(Option::is_some);
            if lost.reference
                && !last
                && config.codec == VideoCodec::H264
                && lost.random_access == RandomAccess::None
            {
                assert_eq!(first, Some(n), "without reference picture {n}");
            }
            if !lost.reference && lost.temporal_id == 0 {
                assert_eq!(first, None, "without picture {n}, which none refers to");
            }
            assert!(found.iter().flatten().all(|damage| *damage == Damage::Reference));
            noticed += usize::from(first.is_some());
        }
        assert!(noticed >= least, "{noticed} of {}", pictures.len());
    }
}

#[test]
fn a_first_slice_that_is_not_there_is_noticed() {
    for file in FILES {
        let (config, mut pictures) = recorded(file);
        pictures[1].0 = changed(config.codec, &pictures[1].0, |bits, out| match config.codec {
            VideoCodec::H264 => {
                bits.ue(0, "first_mb_in_slice").unwrap();
                out.ue(1);
            }
            VideoCodec::Hevc => {
                bits.flag().unwrap();
                out.flag(false);
            }
        });
        assert_eq!(missing(&config, &pictures)[1], Some(Damage::Slice));
    }
}

#[test]
fn a_slice_header_that_makes_no_sense_is_noticed() {
    for file in FILES {
        let (config, mut pictures) = recorded(file);
        let codec = config.codec;
        // A parameter set that there is not.
        pictures[1].0 = changed(codec, &pictures[1].0, |bits, out| {
            match codec {
                VideoCodec::H264 => {
                    bits.ue(0, "first_mb_in_slice").unwrap();
                    let kind = bits.ue(9, "slice_type").unwrap();
                    out.ue(0);
                    out.ue(kind);
                }
                VideoCodec::Hevc => out.flag(bits.flag().unwrap()),
            }
            bits.ue(0, "pic_parameter_set_id").unwrap();
            out.ue(17);
        });
        pictures[2].0 = changed(codec, &pictures[2].0, |bits, _| {
            bits.skip(bits.remaining().try_into().unwrap()).unwrap();
        });
        assert_eq!(missing(&config, &pictures)[1..3], [Some(Damage::Slice); 2]);
    }
}

#[test]
fn lists_of_references_that_are_too_long_are_noticed() {
    for file in [H264, INTERLACED] {
        let (config, mut pictures) = recorded(file);
        let sps = config.sps(&[]).unwrap();
        // All ones behind `frame_num`: each list is changed without end.
        pictures[1].0 = changed(VideoCodec::H264, &pictures[1].0, |bits, out| {
            for _ in 0..3 {
                out.ue(bits.ue(255, "slice header").unwrap());
            }
            out.bits(sps.frame_num_bits, bits.bits(sps.frame_num_bits).unwrap());
            (0..100).for_each(|_| out.flag(true));
        });
        assert_eq!(missing(&config, &pictures)[1], Some(Damage::Slice));
    }
}

#[test]
fn order_counts_go_on_over_their_lowest_bits() {
    assert_eq!([nearest(3, 14, 16), nearest(15, 17, 16), nearest(8, 16, 16)], [19, 15, 8 + 16 - 16]);
    assert_eq!(nearest(0, 0, 16), 0);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        file in 0..FILES.len(), data in prop::collection::vec(any::<u8>(), 0..80), kind in any::<u8>(),
    ) {
        let (config, pictures) = recorded(FILES[file]);
        let mut followed = Continuity::new(&config);
        followed.next(&pictures[0].0, 4);
        let mut sample = Vec::new();
        push_unit(&[&[kind, 1][..], &data].concat(), 4, &mut sample).unwrap();
        for sample in [&sample, &data, &pictures[1].0] {
            followed.next(sample, 4);
        }
    }
}
