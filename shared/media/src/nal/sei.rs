//! Supplemental enhancement information (14496-10, annex D; 23008-2, annex D): messages that must outlive a new encode.

use super::splice::{is_slice, push_unit};
use super::{Bits, NalError, VideoCodec, nals};

/// The most bytes of messages that are kept of one sample; captions and dynamic metadata take about 2 KiB.
const MAX_BYTES: usize = 1 << 16;

/// `user_data_registered_itu_t_t35`: A/53 captions, HDR10+.
const ITU_T_T35: u32 = 4;
/// `mastering_display_colour_volume`.
const MASTERING_DISPLAY: u32 = 137;
/// `content_light_level_info`.
const CONTENT_LIGHT_LEVEL: u32 = 144;
/// `alternative_transfer_characteristics`.
const ALTERNATIVE_TRANSFER: u32 = 147;
/// `ambient_viewing_environment`.
const AMBIENT_VIEWING: u32 = 148;

/// The captions and HDR metadata of a sample as one SEI NAL unit, `None` if there are none. User data of encoders is
/// left out. A damaged message ends its NAL unit, as in a decoder.
///
/// # Errors
/// As [`nals`]; [`NalError::Unsupported`] for more than 64 KiB of them.
pub fn kept_messages(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
) -> Result<Option<Vec<u8>>, NalError> {
    gather(codec, sample, length_size, |kind| kind == ITU_T_T35 || is_of_sequence(kind))
}

/// As [`kept_messages`], but only those that hold for all pictures up to the next random access point: mastering
/// display, content light level, alternative transfer, ambient viewing. A new encode that starts later needs them too.
///
/// # Errors
/// As [`kept_messages`].
pub fn sequence_messages(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
) -> Result<Option<Vec<u8>>, NalError> {
    gather(codec, sample, length_size, is_of_sequence)
}

/// A sample with the NAL unit `sei` before its first slice. One without slices is no picture and stays as it is.
///
/// # Errors
/// As [`nals`]; [`NalError::Illegal`] if the unit is too long for `length_size`.
pub fn with_messages(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
    sei: &[u8],
) -> Result<Vec<u8>, NalError> {
    let mut out = Vec::with_capacity(sample.len().saturating_add(sei.len()).saturating_add(length_size));
    let mut waiting = Some(sei);
    for unit in nals(sample, length_size) {
        let unit = unit?;
        if is_slice(codec, unit)
            && let Some(sei) = waiting.take()
        {
            push_unit(sei, length_size, &mut out)?;
        }
        push_unit(unit, length_size, &mut out)?;
    }
    Ok(out)
}

fn is_of_sequence(kind: u32) -> bool {
    matches!(kind, MASTERING_DISPLAY | CONTENT_LIGHT_LEVEL | ALTERNATIVE_TRANSFER | AMBIENT_VIEWING)
}

fn gather(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
    keep: impl Fn(u32) -> bool,
) -> Result<Option<Vec<u8>>, NalError> {
    let mut rbsp = Vec::new();
    for unit in nals(sample, length_size) {
        if let Some(content) = content(codec, unit?) {
            copy(&mut Bits::nal(content), &keep, &mut rbsp)?;
        }
    }
    Ok((!rbsp.is_empty()).then(|| unit(codec, &rbsp)))
}

/// What follows the header of an SEI NAL unit; HEVC: of a prefix one of the base layer.
fn content(codec: VideoCodec, unit: &[u8]) -> Option<&[u8]> {
    match (codec, unit) {
        (VideoCodec::H264, [header, content @ ..]) if header & 0x1f == 6 => Some(content),
        (VideoCodec::Hevc, [0x4e, second, content @ ..]) if second & 0xf8 == 0 => Some(content),
        _ => None,
    }
}

/// Appends the messages to keep to an SEI RBSP without trailing bits. Those look like a message without a size.
fn copy(bits: &mut Bits<'_>, keep: impl Fn(u32) -> bool, rbsp: &mut Vec<u8>) -> Result<(), NalError> {
    while let Ok((kind, size)) = header(bits) {
        if !keep(kind) {
            if bits.skip(size.saturating_mul(8)).is_err() {
                return Ok(());
            }
            continue;
        }
        let room = MAX_BYTES.saturating_sub(rbsp.len());
        if usize::try_from(size).map_or(true, |size| size > room) {
            return Err(NalError::Unsupported("SEI of more than 64 KiB"));
        }
        let payload: Result<Vec<u8>, NalError> = (0..size).map(|_| bits.small(8)).collect();
        let Ok(payload) = payload else { return Ok(()) };
        push_number(kind, rbsp);
        push_number(size, rbsp);
        rbsp.extend_from_slice(&payload);
    }
    Ok(())
}

/// Type and size of the next message (14496-10, 7.3.2.3.1).
pub(super) fn header(bits: &mut Bits<'_>) -> Result<(u32, u32), NalError> {
    let mut number = || {
        let mut total = 0_u32;
        loop {
            let byte = bits.small(8)?;
            total = total.saturating_add(u32::from(byte));
            if byte != 255 {
                return Ok(total);
            }
        }
    };
    Ok((number()?, number()?))
}

/// The inverse of the numbers in [`header`].
fn push_number(value: u32, out: &mut Vec<u8>) {
    let mut left = value;
    while left >= 255 {
        out.push(255);
        left -= 255;
    }
    out.extend(u8::try_from(left));
}

/// An SEI NAL unit with trailing bits and emulation prevention (14496-10, 7.4.1).
fn unit(codec: VideoCodec, rbsp: &[u8]) -> Vec<u8> {
    let header: &[u8] = match codec {
        VideoCodec::H264 => &[6],
        VideoCodec::Hevc => &[0x4e, 1],
    };
    let mut out = header.to_vec();
    let mut zeros = 0_u8;
    for byte in rbsp.iter().chain(&[0x80]) {
        if zeros == 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODECS: [VideoCodec; 2] = [VideoCodec::H264, VideoCodec::Hevc];

    fn sample(units: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in units {
            push_unit(unit, 4, &mut out).unwrap();
        }
        out
    }

    /// An SEI NAL unit of these messages.
    fn sei(codec: VideoCodec, messages: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut rbsp = Vec::new();
        for (kind, payload) in messages {
            push_number(*kind, &mut rbsp);
            push_number(u32::try_from(payload.len()).unwrap(), &mut rbsp);
            rbsp.extend_from_slice(payload);
        }
        unit(codec, &rbsp)
    }

    fn slice(codec: VideoCodec) -> &'static [u8] {
        match codec {
            VideoCodec::H264 => &[0x65, 0x88],
            VideoCodec::Hevc => &[38, 1, 0xac],
        }
    }

    #[test]
    fn captions_and_hdr_metadata_are_kept_and_user_data_is_not() {
        for codec in CODECS {
            let kept: Vec<(u32, Vec<u8>)> =
                [4, 137, 144, 147, 148].map(|kind| (kind, vec![0xb5, 0, 0, 0, 1])).to_vec();
            let [captions, rest @ ..] = kept.as_slice() else { panic!() };
            let first = sei(codec, &[(5, vec![0; 300]), captions.clone(), (1, vec![0])]);
            let second = sei(codec, &[rest, &[(6, vec![9])]].concat());
            let sample = sample(&[&first, &second, slice(codec)]);
            assert_eq!(kept_messages(codec, &sample, 4), Ok(Some(sei(codec, &kept))));
            assert_eq!(sequence_messages(codec, &sample, 4), Ok(Some(sei(codec, rest))));
        }
    }

    #[test]
    fn a_sample_without_them_gives_none() {
        for codec in CODECS {
            let sample = sample(&[&sei(codec, &[(5, vec![7; 16])]), slice(codec)]);
            assert_eq!(kept_messages(codec, &sample, 4), Ok(None));
        }
        // A suffix message, and one of an enhancement layer.
        for header in [[80, 1], [0x4f, 1], [0x4e, 9]] {
            let unit = [&header[..], &[4, 1, 7, 0x80]].concat();
            assert_eq!(kept_messages(VideoCodec::Hevc, &sample(&[&unit]), 4), Ok(None));
        }
    }

    /// As x265 writes `max-cll=1000,400`, and the A/53 message of one byte pair.
    #[test]
    fn units_are_written_as_the_standards_say() {
        let light = [0x4e, 1, 0x90, 4, 3, 0xe8, 1, 0x90, 0x80];
        assert_eq!(kept_messages(VideoCodec::Hevc, &sample(&[&light]), 4), Ok(Some(light.to_vec())));
        let captions = b"\x06\x04\x0d\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\x80";
        let zeros = b"\x06\x04\x04\xb5\x00\x00\x03\x00\x80";
        let both = b"\x06\x04\x0d\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\x04\x04\xb5\x00\x00\x03\x00\x80";
        let joined = kept_messages(VideoCodec::H264, &sample(&[captions, zeros]), 4);
        assert_eq!(joined, Ok(Some(both.to_vec())));
    }

    #[test]
    fn sizes_from_255_on_take_more_bytes() {
        for (size, field) in [(254, &[254][..]), (255, &[255, 0]), (256, &[255, 1]), (510, &[255, 255, 0])] {
            let unit = [&[6, 4][..], field, &vec![7; size], &[0x80]].concat();
            assert_eq!(kept_messages(VideoCodec::H264, &sample(&[&unit]), 4), Ok(Some(unit)));
        }
    }

    #[test]
    fn a_damaged_message_is_left_out() {
        let cut = b"\x06\x04\x01\x07\x04\x09\x08\x80";
        let kept = kept_messages(VideoCodec::H264, &sample(&[cut]), 4);
        assert_eq!(kept, Ok(Some(b"\x06\x04\x01\x07\x80".to_vec())));
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let large = sei(VideoCodec::H264, &[(4, vec![7; MAX_BYTES / 2])]);
        let refused = Err(NalError::Unsupported("SEI of more than 64 KiB"));
        assert!(kept_messages(VideoCodec::H264, &sample(&[&large]), 4).unwrap().is_some());
        assert_eq!(kept_messages(VideoCodec::H264, &sample(&[&large, &large]), 4), refused);
        let endless = [&[6, 4][..], &[255; 400], &[0]].concat();
        assert_eq!(kept_messages(VideoCodec::H264, &sample(&[&endless]), 4), refused);
    }

    #[test]
    fn messages_come_right_before_the_first_slice() {
        let avc: [&[u8]; 5] = [&[9, 0xf0], &[0x67, 1], &[6, 5], &[0x65, 7], &[0x65, 8]];
        let hevc: [&[u8]; 5] = [&[70, 1], &[64, 1], &[78, 1], &[42, 1], &[42, 1]];
        for (codec, [aud, set, own, first, second]) in [(VideoCodec::H264, avc), (VideoCodec::Hevc, hevc)] {
            let message: &[u8] = &sei(codec, &[(4, vec![1])]);
            let before = sample(&[aud, set, own, first, second]);
            let after = sample(&[aud, set, own, message, first, second]);
            assert_eq!(with_messages(codec, &before, 4, message), Ok(after));
            let no_picture = sample(&[aud, set]);
            assert_eq!(with_messages(codec, &no_picture, 4, message), Ok(no_picture));
        }
        let long = with_messages(VideoCodec::H264, &[1, 0x65], 1, &[6; 256]);
        assert_eq!(long, Err(NalError::Illegal("NAL unit length")));
    }

    proptest! {
        #[test]
        fn any_payload_survives(
            // Zeros and small bytes, which need emulation prevention, as often as all others.
            payload in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..700),
            kind in prop::sample::select(vec![4, 137, 144, 147, 148_u32]),
        ) {
            for codec in CODECS {
                let unit = sei(codec, &[(kind, payload.clone())]);
                prop_assert!(!unit.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3));
                let picture = sample(&[slice(codec)]);
                let with = with_messages(codec, &picture, 4, &unit).unwrap();
                prop_assert_eq!(kept_messages(codec, &with, 4), Ok(Some(unit.clone())));
                let mut bits = Bits::nal(content(codec, &unit).unwrap());
                prop_assert_eq!(header(&mut bits), Ok((kind, u32::try_from(payload.len()).unwrap())));
                for byte in &payload {
                    prop_assert_eq!(bits.small(8), Ok(*byte));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..200), size in 0..6_usize) {
            for (codec, header) in [(VideoCodec::H264, &[6][..]), (VideoCodec::Hevc, &[0x4e, 1])] {
                let _ = (kept_messages(codec, &data, size), with_messages(codec, &data, size, &data));
                let unit = [header, &data].concat();
                if let Some(kept) = kept_messages(codec, &sample(&[&unit]), 4).unwrap() {
                    prop_assert_eq!(kept_messages(codec, &sample(&[&kept]), 4).unwrap(), Some(kept));
                }
            }
        }
    }
}
