//! Samples where copied and encoded pictures meet: CRA to BLA, parameter sets in band.

use super::kinds::{avc, hevc};
use super::{NalError, VideoCodec, nals, unit_type};
use bytes::Bytes;

/// An HEVC sample whose CRA picture has become a BLA picture, so that a decoder starts anew there (23008-2, 8.1.3).
/// Slice headers of both have the same syntax, and nothing else is changed.
///
/// # Errors
/// As [`nals`].
pub fn as_bla(sample: &[u8], length_size: usize) -> Result<Vec<u8>, NalError> {
    let mut out = Vec::with_capacity(sample.len());
    for unit in nals(sample, length_size) {
        let unit = unit?;
        let at = out.len().saturating_add(length_size);
        push_unit(unit, length_size, &mut out)?;
        if unit_type(VideoCodec::Hevc, unit) == Some(hevc::CRA)
            && let Some(header) = out.get_mut(at)
        {
            *header = *header & 0x81 | hevc::BLA_W_LP << 1;
        }
    }
    Ok(out)
}

/// A sample with four-byte lengths, whatever it had, and with the NAL units `sets` before everything but a leading
/// access unit delimiter.
///
/// # Errors
/// As [`nals`]; [`NalError::Illegal`] for a set of 4 GiB.
pub fn in_band(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
    sets: &[Bytes],
) -> Result<Vec<u8>, NalError> {
    let mut units = nals(sample, length_size).peekable();
    let delimiter = units.next_if(|unit| matches!(unit, Ok(unit) if is_delimiter(codec, unit)));
    let sets = sets.iter().map(|set| Ok(&**set));
    let mut out = Vec::with_capacity(sample.len());
    for unit in delimiter.into_iter().chain(sets).chain(units) {
        push_unit(unit?, 4, &mut out)?;
    }
    Ok(out)
}

/// A sample with other NAL units where `change` gives one.
pub(crate) fn map_units(
    sample: &[u8],
    length_size: usize,
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, NalError> {
    let mut out = Vec::with_capacity(sample.len());
    for unit in nals(sample, length_size) {
        let unit = unit?;
        push_unit(change(unit).as_deref().unwrap_or(unit), length_size, &mut out)?;
    }
    Ok(out)
}

/// The video, sequence and picture parameter sets in a sample, in order.
///
/// # Errors
/// As [`nals`].
pub fn parameter_sets(codec: VideoCodec, sample: &[u8], length_size: usize) -> Result<Vec<&[u8]>, NalError> {
    let is_set = |unit: &[u8]| match codec {
        VideoCodec::H264 => matches!(unit_type(codec, unit), Some(avc::SPS | avc::PPS)),
        VideoCodec::Hevc => matches!(unit_type(codec, unit), Some(hevc::VPS..=hevc::PPS)),
    };
    nals(sample, length_size).filter(|unit| unit.as_ref().map_or(true, |unit| is_set(unit))).collect()
}

/// Returns `true` if it is a slice, slice segment or slice data partition.
pub(super) fn is_slice(codec: VideoCodec, unit: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => matches!(unit_type(codec, unit), Some(avc::SLICE..=avc::IDR)),
        VideoCodec::Hevc => matches!(unit_type(codec, unit), Some(hevc::TRAIL_N..=hevc::RESERVED_VCL_31)),
    }
}

/// Appends a NAL unit with its length.
///
/// # Errors
/// [`NalError::LengthSize`]; [`NalError::Illegal`] if the length does not fit.
pub(crate) fn push_unit(unit: &[u8], length_size: usize, out: &mut Vec<u8>) -> Result<(), NalError> {
    let too_long = NalError::Illegal("NAL unit length");
    let length = u32::try_from(unit.len()).map_err(|_| too_long)?.to_be_bytes();
    let unused = length.len().checked_sub(length_size).filter(|unused| *unused < length.len());
    let (unused, field) =
        unused.and_then(|unused| length.split_at_checked(unused)).ok_or(NalError::LengthSize(length_size))?;
    if unused.iter().any(|byte| *byte > 0) {
        return Err(too_long);
    }
    out.extend_from_slice(field);
    out.extend_from_slice(unit);
    Ok(())
}

fn is_delimiter(codec: VideoCodec, unit: &[u8]) -> bool {
    let kind = match codec {
        VideoCodec::H264 => avc::DELIMITER,
        VideoCodec::Hevc => hevc::DELIMITER,
    };
    unit_type(codec, unit) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fmp4::{Init, read_fragments};
    use crate::nal::{Leading, RandomAccess, classify};
    use proptest::prelude::*;

    const HEVC: &[u8] = include_bytes!("../../tests/data/hevc.mp4");

    fn sample(units: &[&[u8]], length_size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in units {
            push_unit(unit, length_size, &mut out).unwrap();
        }
        out
    }

    #[test]
    fn a_cra_becomes_a_bla_and_nothing_else_changes() {
        let init = Init::parse(HEVC).unwrap();
        let samples = read_fragments(&init.tracks[0], HEVC, 0).unwrap();
        let mut renamed = 0;
        for sample in samples {
            let bytes = &HEVC[sample.range().unwrap()];
            let before = classify(VideoCodec::Hevc, bytes, 4, sample.sync).unwrap();
            let spliced = as_bla(bytes, 4).unwrap();
            let after = classify(VideoCodec::Hevc, &spliced, 4, sample.sync).unwrap();
            let changed = spliced.iter().zip(bytes).filter(|(a, b)| a != b).count();
            assert_eq!(spliced.len(), bytes.len());
            if before.random_access == RandomAccess::Cra {
                assert_eq!((after.random_access, after.leading), (RandomAccess::Bla, Leading::No));
                assert_eq!(changed, usize::try_from(before.slices).unwrap());
                renamed += 1;
            } else {
                assert_eq!((after, changed), (before, 0));
            }
        }
        assert_eq!(renamed, 2);
    }

    #[test]
    fn every_slice_of_a_cra_is_renamed_and_keeps_its_layer() {
        let cra = sample(&[&[78, 1, 42], &[42, 1, 42], &[43, 9, 42]], 2);
        assert_eq!(as_bla(&cra, 2), Ok(sample(&[&[78, 1, 42], &[32, 1, 42], &[33, 9, 42]], 2)));
    }

    #[test]
    fn sets_come_after_the_delimiter() {
        let sets = [Bytes::from_static(&[0x67, 1]), Bytes::from_static(&[0x68, 2])];
        let put = |codec, units: &[&[u8]]| in_band(codec, &sample(units, 1), 1, &sets).unwrap();
        let (aud, idr): (&[u8], &[u8]) = (&[9, 0xf0], &[0x65, 7]);
        let [sps, pps] = &sets;
        assert_eq!(put(VideoCodec::H264, &[aud, idr]), sample(&[aud, sps, pps, idr], 4));
        assert_eq!(put(VideoCodec::H264, &[idr, aud]), sample(&[sps, pps, idr, aud], 4));
        assert_eq!(put(VideoCodec::H264, &[]), sample(&[sps, pps], 4));
        let (aud, idr): (&[u8], &[u8]) = (&[70, 1, 0x50], &[38, 1, 7]);
        assert_eq!(put(VideoCodec::Hevc, &[aud, idr]), sample(&[aud, sps, pps, idr], 4));
    }

    #[test]
    fn parameter_sets_are_picked_out_in_order() {
        let avc: [&[u8]; 5] = [&[9, 0xf0], &[0x67, 1], &[0x68, 2], &[6, 5], &[0x65, 7]];
        assert_eq!(parameter_sets(VideoCodec::H264, &sample(&avc, 4), 4).unwrap(), avc[1..3]);
        let hevc: [&[u8]; 5] = [&[70, 1], &[64, 1], &[66, 1], &[68, 1], &[38, 1]];
        assert_eq!(parameter_sets(VideoCodec::Hevc, &sample(&hevc, 3), 3).unwrap(), hevc[1..4]);
        assert_eq!(parameter_sets(VideoCodec::Hevc, &[0, 9, 64], 2), Err(NalError::Truncated));
    }

    #[test]
    fn a_length_must_fit_its_field() {
        let mut out = Vec::new();
        assert_eq!(push_unit(&[7; 256], 1, &mut out), Err(NalError::Illegal("NAL unit length")));
        assert_eq!(push_unit(&[7], 0, &mut out), Err(NalError::LengthSize(0)));
        assert_eq!(push_unit(&[7], 5, &mut out), Err(NalError::LengthSize(5)));
        assert_eq!(out, []);
        push_unit(&[7; 256], 2, &mut out).unwrap();
        assert_eq!(out[..3], [1, 0, 7]);
    }

    proptest! {
        #[test]
        fn units_survive_another_framing(
            units in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            length_size in 1..5_usize,
        ) {
            let refs: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
            for codec in [VideoCodec::H264, VideoCodec::Hevc] {
                let framed = in_band(codec, &sample(&refs, length_size), length_size, &[]).unwrap();
                prop_assert_eq!(framed, sample(&refs, 4));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..100), size in 0..6_usize) {
            let sets = [Bytes::from_static(&[1])];
            for codec in [VideoCodec::H264, VideoCodec::Hevc] {
                let valid = nals(&data, size).all(|unit| unit.is_ok());
                prop_assert_eq!(in_band(codec, &data, size, &sets).is_ok(), valid);
                prop_assert_eq!(parameter_sets(codec, &data, size).is_ok(), valid);
            }
            if let Ok(spliced) = as_bla(&data, size) {
                prop_assert_eq!(spliced.len(), data.len());
            }
        }
    }
}
