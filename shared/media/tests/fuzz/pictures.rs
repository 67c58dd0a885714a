//! Coded pictures and parameter sets.

use crate::seeds::{PARAMETER_SETS, PICTURES};
use crate::syntax;
use bytes::Bytes;
use export_fuzz::damage::{apply, damage, number};
use export_fuzz::{config, measured};
use export_media::nal::{
    ParameterIds, RandomAccess, Sps, VideoCodec, as_bla, classify, in_band, is_one_unit, kept_messages, nals,
    parameter_sets, push_annex_b, sequence_messages, to_annex_b, with_messages,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// No parameter set and no header keeps more than a few counts.
const FIXED: usize = 4 << 10;

/// The reference picture sets of an HEVC SPS: 64 of 32 pictures at 16 bytes (H.265, 7.4.3.2.1 and 7.4.8), and their heads.
const REFERENCE_SETS: usize = 64 * (32 * 16 + 24);

fn codec() -> impl Strategy<Value = VideoCodec> {
    prop_oneof![Just(VideoCodec::H264), Just(VideoCodec::Hevc)]
}

/// Samples that say something of themselves before their slices: messages of any kind and size.
fn messages() -> impl Strategy<Value = (VideoCodec, Vec<u8>, usize)> {
    let message = (
        prop_oneof![4 => select(vec![4_u8, 5, 6, 137, 144, 147, 148]), 1 => any::<u8>()],
        prop_oneof![6 => Just(0_i16), 1 => -9..300_i16],
        vec(prop_oneof![0..4_u8, any::<u8>()], 0..40),
    );
    (samples(), vec(vec(message, 0..4), 0..3)).prop_map(|((codec, sample, length_size), units)| {
        let mut out = Vec::new();
        for messages in units {
            let mut unit = if codec == VideoCodec::H264 { vec![6] } else { vec![0x4e, 1] };
            for (kind, lie, payload) in messages {
                let size = (i16::try_from(payload.len()).unwrap() + lie).max(0);
                unit.push(kind);
                unit.extend(std::iter::repeat_n(255, usize::try_from(size / 255).unwrap()));
                unit.push(u8::try_from(size % 255).unwrap());
                unit.extend(payload);
            }
            unit.push(0x80);
            let length = u32::try_from(unit.len()).unwrap().to_be_bytes();
            out.extend_from_slice(&length[4 - length_size.clamp(1, 4)..]);
            out.extend(unit);
        }
        out.extend(sample);
        (codec, out, length_size)
    })
}

/// Samples as encoders write them, damaged, and lengths of NAL units that may be the wrong ones.
pub(crate) fn samples() -> impl Strategy<Value = (VideoCodec, Vec<u8>, usize)> {
    let length_size = prop_oneof![6 => Just(4_usize), 1 => 0..6_usize];
    let recorded = (0..PICTURES.len(), damage(6)).prop_map(|(which, damage)| {
        let mut sample = PICTURES[which].sample.clone();
        apply(&damage, &mut sample, &PICTURES[(which + 1) % PICTURES.len()].sample);
        (PICTURES[which].codec, sample)
    });
    // Any units in right lengths.
    let units = vec((any::<u8>(), vec(any::<u8>(), 0..20)), 0..6);
    let made = (codec(), units).prop_map(|(codec, units)| {
        let mut sample = Vec::new();
        for (header, payload) in units {
            sample.extend_from_slice(&u32::try_from(payload.len() + 1).unwrap().to_be_bytes());
            sample.push(header & 0x7f);
            sample.extend_from_slice(&payload);
        }
        (codec, sample)
    });
    (prop_oneof![recorded, made], length_size).prop_map(|((codec, sample), size)| (codec, sample, size))
}

/// Parameter sets of encoders, damaged, and such that follow the syntax.
fn sets() -> impl Strategy<Value = (VideoCodec, Vec<u8>)> {
    let recorded = (0..PARAMETER_SETS.len(), damage(4), any::<bool>()).prop_map(|(which, damage, head)| {
        let (codec, set) = &PARAMETER_SETS[which];
        let (header, body) = set.split_at(2);
        let mut body = body.to_vec();
        apply(&damage, &mut body, header);
        // The header stays, so that more than the check of the kind is reached, or not.
        (*codec, if head { [header, &body].concat() } else { body })
    });
    let value = prop_oneof![
        4 => any::<u32>().prop_map(syntax::legal),
        1 => number().prop_map(|value| u32::try_from(value & 0xffff_ffff).unwrap()),
    ];
    let made = (codec(), vec(value, 0..240), damage(2)).prop_map(|(codec, values, damage)| {
        let mut set = syntax::sps(codec, &values);
        apply(&damage, &mut set, &[]);
        (codec, set)
    });
    prop_oneof![recorded, made]
}

fn is_sound(sps: &Sps) -> bool {
    (1..=sps.coded_width).contains(&sps.width)
        && (1..=sps.coded_height).contains(&sps.height)
        && sps.coded_width <= 1 << 14
        && sps.coded_height <= 1 << 15
        && sps.chroma_format_idc <= 3
        && (8..=16).contains(&sps.bit_depth_luma)
        && (8..=16).contains(&sps.bit_depth_chroma)
        && sps.max_ref_frames <= 16
        && sps.max_reorder.is_none_or(|pictures| pictures <= 16)
        && sps.vui.aspect_ratio.is_none_or(|(width, height)| width > 0 && height > 0)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn units_of_samples((_, sample, length_size) in samples()) {
        let (units, peak) = measured(|| nals(&sample, length_size).collect::<Result<Vec<_>, _>>());
        prop_assert!(peak <= FIXED + sample.len() * 3 * size_of::<&[u8]>(), "{peak} bytes");
        let mut out = vec![9; 5];
        let mut expected = out.clone();
        let written = to_annex_b(&sample, length_size, &mut out);
        prop_assert_eq!(written.err(), units.clone().err());
        for unit in units.iter().flatten() {
            push_annex_b(unit, &mut expected);
        }
        prop_assert_eq!(out, expected);
        if let Ok(units) = units {
            prop_assert_eq!(units.iter().map(|unit| unit.len() + length_size).sum::<usize>(), sample.len());
        }
    }

    #[test]
    fn kinds_of_samples((codec, sample, length_size) in samples(), sync in any::<bool>()) {
        let (picture, peak) = measured(|| classify(codec, &sample, length_size, sync));
        prop_assert_eq!(peak, 0);
        let (one, peak) = measured(|| is_one_unit(codec, &sample, length_size));
        prop_assert_eq!(peak, 0);
        prop_assert!(!one || picture.is_ok_and(|picture| picture.slices > 0));
        let units = nals(&sample, length_size).collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(picture.err(), units.clone().err());
        if let (Ok(picture), Ok(units)) = (picture, units) {
            prop_assert!(usize::try_from(picture.slices).unwrap() <= units.len() && picture.temporal_id < 7);
        }
    }

    #[test]
    fn joins((codec, sample, length_size) in samples(), sets in vec(vec(any::<u8>(), 0..20), 0..4)) {
        let sets: Vec<Bytes> = sets.into_iter().map(Bytes::from).collect();
        let added: usize = sets.iter().map(|set| set.len() + 4).sum();
        let (made, peak) = measured(|| {
            (as_bla(&sample, length_size), in_band(codec, &sample, length_size, &sets))
        });
        prop_assert!(peak <= FIXED + 2 * (4 * sample.len() + added) + 4 * sample.len(), "{peak} bytes");
        let units = nals(&sample, length_size).collect::<Result<Vec<_>, _>>();
        let found = parameter_sets(codec, &sample, length_size);
        let (Ok(units), Ok(found), (Ok(bla), Ok(banded))) = (&units, &found, &made) else {
            prop_assert_eq!(units.err(), found.err());
            return Ok(());
        };
        prop_assert!(found.iter().all(|set| units.contains(set)));
        prop_assert_eq!(bla.len(), sample.len());
        let picture = classify(VideoCodec::Hevc, bla, length_size, true).unwrap();
        prop_assert_ne!(picture.random_access, RandomAccess::Cra);
        let framed: Vec<&[u8]> = nals(banded, 4).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(framed.len(), units.len() + sets.len());
        let mut rest = framed.iter();
        prop_assert!(units.iter().all(|unit| rest.any(|framed| framed == unit)), "in order");
    }

    #[test]
    fn messages_of_samples((codec, sample, length_size) in messages()) {
        let (kept, peak) = measured(|| kept_messages(codec, codec, &sample, length_size));
        prop_assert!(peak <= FIXED + 8 * sample.len(), "{peak} bytes for {}", sample.len());
        let of_sequence = sequence_messages(codec, codec, &sample, length_size);
        prop_assert_eq!(kept.is_err(), of_sequence.is_err());
        let Ok(Some(sei)) = kept else {
            prop_assert!(matches!(of_sequence, Ok(None) | Err(_)));
            return Ok(());
        };
        prop_assert!(sei.len() <= 2 * sample.len() && !sei.windows(3).any(|three| matches!(three, [0, 0, 0..=2])));
        let alone = [&u32::try_from(sei.len()).unwrap().to_be_bytes(), &sei[..]].concat();
        prop_assert_eq!(kept_messages(codec, codec, &alone, 4), Ok(Some(sei.clone())));
        let (with, peak) = measured(|| with_messages(codec, &sample, length_size, &sei));
        prop_assert!(peak <= FIXED + 3 * (sample.len() + sei.len()), "{peak} bytes");
        if let Ok(with) = with {
            prop_assert!([0, sei.len() + length_size].contains(&(with.len() - sample.len())));
        }
    }

    #[test]
    fn sequence_parameter_sets((codec, set) in sets()) {
        let (sps, peak) = measured(|| Sps::parse(codec, &set));
        prop_assert!(peak <= FIXED + REFERENCE_SETS, "{peak} bytes");
        prop_assert!(sps.iter().all(is_sound), "{sps:?}");
    }

    #[test]
    fn picture_parameter_sets((codec, set) in sets()) {
        let (ids, peak) = measured(|| ParameterIds::parse(codec, &set));
        prop_assert_eq!(peak, 0);
        prop_assert!(ids.iter().all(|ids| ids.pps <= 255 && ids.sps <= 31), "{ids:?}");
    }
}

#[test]
fn many_sets_that_follow_the_syntax_are_read() {
    let values: Vec<u32> = (1..900).map(|n: u32| syntax::legal(n.wrapping_mul(2_654_435_769) >> 5)).collect();
    for codec in [VideoCodec::H264, VideoCodec::Hevc] {
        let read = (0..200).filter(|skip| Sps::parse(codec, &syntax::sps(codec, &values[*skip..])).is_ok());
        assert!(read.count() > 20, "{codec:?}");
    }
}
