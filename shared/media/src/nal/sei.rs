//! Supplemental enhancement information (14496-10, annex D; 23008-2, annex D): messages that must outlive a new encode.

use super::bits::{BitWriter, escaped};
use super::splice::{is_slice, push_unit};
use super::{Bits, NalError, Sps, VideoCodec, kinds, nals};
use crate::display::Turn;

/// The most bytes of messages that are kept of one sample; captions and dynamic metadata take about 2 KiB.
const MAX_BYTES: usize = 1 << 16;

/// `buffering_period`.
const BUFFERING_PERIOD: u32 = 0;
/// HEVC: `active_parameter_sets`.
const ACTIVE_PARAMETER_SETS: u32 = 129;
/// `pic_timing`.
pub(super) const PICTURE_TIMING: u32 = 1;
/// `user_data_registered_itu_t_t35`: A/53 captions, HDR10+.
const ITU_T_T35: u32 = 4;
/// `film_grain_characteristics`.
const FILM_GRAIN: u32 = 19;
/// `frame_packing_arrangement`.
const FRAME_PACKING: u32 = 45;
/// `display_orientation`.
const DISPLAY_ORIENTATION: u32 = 47;
/// `time_code` of HEVC.
const TIME_CODE: u32 = 136;
/// `mastering_display_colour_volume`.
const MASTERING_DISPLAY: u32 = 137;
/// `content_light_level_info`.
const CONTENT_LIGHT_LEVEL: u32 = 144;
/// `alternative_transfer_characteristics`.
const ALTERNATIVE_TRANSFER: u32 = 147;
/// `ambient_viewing_environment`.
const AMBIENT_VIEWING: u32 = 148;
/// `content_colour_volume`.
const COLOUR_VOLUME: u32 = 149;

/// The captions and HDR metadata of a sample as one SEI NAL unit for its pictures encoded anew in codec `to`, `None` if
/// there are none. User data of encoders is left out. A damaged message ends its NAL unit, as in a decoder.
///
/// # Errors
/// As [`nals`]; [`NalError::Unsupported`] for more than 64 KiB of them.
pub fn kept_messages(
    codec: VideoCodec,
    to: VideoCodec,
    sample: &[u8],
    length_size: usize,
) -> Result<Option<Vec<u8>>, NalError> {
    let keep = |kind| kind == ITU_T_T35 || is_of_sequence(kind) || (codec == to && is_of_codec(codec, kind));
    gather(codec, to, sample, length_size, keep)
}

/// As [`kept_messages`], for pictures that were converted to another dynamic range: without what describes the light
/// that the recorded ones were made for.
///
/// # Errors
/// As [`kept_messages`].
pub fn relit_messages(
    codec: VideoCodec,
    to: VideoCodec,
    sample: &[u8],
    length_size: usize,
) -> Result<Option<Vec<u8>>, NalError> {
    let keep = |kind| kind == ITU_T_T35 || (codec == to && is_of_codec(codec, kind));
    gather(codec, to, sample, length_size, keep)
}

/// As [`kept_messages`], but only those that hold for all pictures up to the next random access point: mastering
/// display, content light level, alternative transfer, ambient viewing, content colour volume. A new encode that starts
/// later needs them too.
///
/// # Errors
/// As [`kept_messages`].
pub fn sequence_messages(
    codec: VideoCodec,
    to: VideoCodec,
    sample: &[u8],
    length_size: usize,
) -> Result<Option<Vec<u8>>, NalError> {
    gather(codec, to, sample, length_size, is_of_sequence)
}

/// The Dolby Vision metadata of an HEVC sample: NAL units that stand behind the slices of their picture.
///
/// # Errors
/// As [`nals`].
pub fn dolby_vision(codec: VideoCodec, sample: &[u8], length_size: usize) -> Result<Vec<&[u8]>, NalError> {
    let is_rpu = |unit: &[u8]| matches!(unit, [0x7c, second, ..] if second & 0xf8 == 0);
    if codec != VideoCodec::Hevc {
        return Ok(Vec::new());
    }
    nals(sample, length_size).filter(|unit| unit.as_ref().map_or(true, |unit| is_rpu(unit))).collect()
}

/// The metadata of a sample that pictures in codec `to` encoded anew cannot have, in words for users.
///
/// # Errors
/// As [`nals`].
pub fn lost_metadata(
    codec: VideoCodec,
    to: VideoCodec,
    sps: &Sps,
    sample: &[u8],
    length_size: usize,
) -> Result<Vec<&'static str>, NalError> {
    let mut lost = Vec::new();
    for unit in nals(sample, length_size) {
        let unit = unit?;
        let has = |kind| message(codec, unit, kind).is_some();
        let differs = codec != to;
        let found = [
            (differs && has(FILM_GRAIN), "film grain characteristics"),
            (differs && has(FRAME_PACKING), "the arrangement of stereo pictures"),
            (differs && has(DISPLAY_ORIENTATION), "the display orientation message"),
            (differs && codec == VideoCodec::Hevc && has(TIME_CODE), "time codes"),
            (codec == VideoCodec::H264 && has_clock(sps, unit), "time codes"),
        ];
        lost.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, what)| what));
    }
    if codec != to && !dolby_vision(codec, sample, length_size)?.is_empty() {
        lost.push("Dolby Vision metadata");
    }
    Ok(lost)
}

/// Returns `true` if a picture timing message of H.264 has a clock time (D.1.3); it depends on the parameter set's own
/// buffers.
fn has_clock(sps: &Sps, unit: &[u8]) -> bool {
    let read = || {
        let timing = message(VideoCodec::H264, unit, PICTURE_TIMING)?;
        let mut bits = Bits::raw(&timing);
        bits.skip(sps.pic_struct_at?.saturating_add(4)).ok()?;
        bits.flag().ok()
    };
    read().unwrap_or(false)
}

/// A display orientation message (D.1.27; 23008-2, D.2.17) as a whole SEI NAL unit.
pub fn orientation_message(codec: VideoCodec, turn: Turn) -> Vec<u8> {
    let anticlockwise = [0, 0xc000, 0x8000, 0x4000];
    let mut bits = BitWriter::default();
    bits.flag(false);
    bits.flag(turn.mirrored);
    bits.flag(false);
    bits.bits(16, anticlockwise.get(usize::from(turn.quarters)).copied().unwrap_or(0));
    match codec {
        VideoCodec::H264 => {
            // Until something else is said.
            bits.ue(1);
            bits.flag(false);
        }
        VideoCodec::Hevc => bits.flag(true),
    }
    message_unit(codec, DISPLAY_ORIENTATION, bits)
}

/// A picture timing message of HEVC without buffer delays as a whole SEI NAL unit (23008-2, D.2.3): a frame of two
/// fields, the bottom or the top one first.
pub fn fields_message(bottom_first: bool) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.bits(4, if bottom_first { 4 } else { 3 });
    bits.bits(3, 0);
    message_unit(VideoCodec::Hevc, PICTURE_TIMING, bits)
}

/// An SEI NAL unit of one message, its payload filled up with a one and zeros (7.3.2.3.1).
fn message_unit(codec: VideoCodec, kind: u32, mut payload: BitWriter) -> Vec<u8> {
    payload.align();
    let payload = payload.bytes();
    let mut rbsp = Vec::new();
    push_number(kind, &mut rbsp);
    push_number(u32::try_from(payload.len()).unwrap_or(u32::MAX), &mut rbsp);
    rbsp.extend_from_slice(&payload);
    unit(codec, &rbsp)
}

/// A sample with the NAL units `trailing` behind all others.
///
/// # Errors
/// [`NalError::Illegal`] if one is too long for `length_size`.
pub fn with_trailing(sample: &[u8], length_size: usize, trailing: &[&[u8]]) -> Result<Vec<u8>, NalError> {
    let mut out = sample.to_vec();
    for unit in trailing {
        push_unit(unit, length_size, &mut out)?;
    }
    Ok(out)
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

/// An SEI NAL unit without the messages that name a sequence parameter set, which only buffer models need: `None` if
/// nothing is left. Any other unit stays as it is.
///
/// # Errors
/// [`NalError::Unsupported`] if more than 64 KiB are left.
pub(crate) fn without_set_ids(codec: VideoCodec, unit: &[u8]) -> Result<Option<Vec<u8>>, NalError> {
    let Some(content) = content(codec, unit) else { return Ok(Some(unit.to_vec())) };
    let (mut named, mut rbsp) = (false, Vec::new());
    let keep = |kind: u32| match codec {
        VideoCodec::H264 => kind != BUFFERING_PERIOD,
        VideoCodec::Hevc => kind != BUFFERING_PERIOD && kind != ACTIVE_PARAMETER_SETS,
    };
    let mut bits = Bits::nal(content);
    while let Ok((kind, size)) = header(&mut bits) {
        named |= !keep(kind);
        if bits.skip(size.saturating_mul(8)).is_err() {
            break;
        }
    }
    if !named {
        return Ok(Some(unit.to_vec()));
    }
    copy(&mut Bits::nal(content), keep, &mut rbsp)?;
    Ok((!rbsp.is_empty()).then(|| self::unit(codec, &rbsp)))
}

fn is_of_sequence(kind: u32) -> bool {
    matches!(
        kind,
        MASTERING_DISPLAY | CONTENT_LIGHT_LEVEL | ALTERNATIVE_TRANSFER | AMBIENT_VIEWING | COLOUR_VOLUME
    )
}

/// Messages whose syntax is not that of the other codec.
fn is_of_codec(codec: VideoCodec, kind: u32) -> bool {
    let time_code = codec == VideoCodec::Hevc && kind == TIME_CODE;
    time_code || matches!(kind, FILM_GRAIN | FRAME_PACKING | DISPLAY_ORIENTATION)
}

fn gather(
    codec: VideoCodec,
    to: VideoCodec,
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
    Ok((!rbsp.is_empty()).then(|| unit(to, &rbsp)))
}

/// The payload behind the header of an SEI NAL unit; HEVC: of a prefix one of the base layer.
fn content(codec: VideoCodec, unit: &[u8]) -> Option<&[u8]> {
    match (codec, unit) {
        (VideoCodec::H264, [header, content @ ..]) if header & 0x1f == kinds::avc::SEI => Some(content),
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

/// The payload of the first message of a kind in an SEI NAL unit.
pub(super) fn message(codec: VideoCodec, unit: &[u8], kind: u32) -> Option<Vec<u8>> {
    let mut bits = Bits::nal(content(codec, unit)?);
    while let Ok((found, size)) = header(&mut bits) {
        if found == kind {
            return (0..size).map(|_| bits.small(8)).collect::<Result<_, _>>().ok();
        }
        bits.skip(size.saturating_mul(8)).ok()?;
    }
    None
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
    escaped(&[header, rbsp, &[0x80]].concat())
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
            assert_eq!(kept_messages(codec, codec, &sample, 4), Ok(Some(sei(codec, &kept))));
            let relit = sei(codec, std::slice::from_ref(captions));
            assert_eq!(relit_messages(codec, codec, &sample, 4), Ok(Some(relit)));
            assert_eq!(sequence_messages(codec, codec, &sample, 4), Ok(Some(sei(codec, rest))));
        }
    }

    #[test]
    fn a_sample_without_them_gives_none() {
        for codec in CODECS {
            let sample = sample(&[&sei(codec, &[(5, vec![7; 16])]), slice(codec)]);
            assert_eq!(kept_messages(codec, codec, &sample, 4), Ok(None));
        }
        // A suffix message, and one of an enhancement layer.
        for header in [[80, 1], [0x4f, 1], [0x4e, 9]] {
            let unit = [&header[..], &[4, 1, 7, 0x80]].concat();
            assert_eq!(kept_messages(VideoCodec::Hevc, VideoCodec::Hevc, &sample(&[&unit]), 4), Ok(None));
        }
    }

    /// As x265 writes `max-cll=1000,400`, and the A/53 message of one byte pair.
    #[test]
    fn units_are_written_as_the_standards_say() {
        let light = [0x4e, 1, 0x90, 4, 3, 0xe8, 1, 0x90, 0x80];
        assert_eq!(
            kept_messages(VideoCodec::Hevc, VideoCodec::Hevc, &sample(&[&light]), 4),
            Ok(Some(light.to_vec()))
        );
        let captions = b"\x06\x04\x0d\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\x80";
        let zeros = b"\x06\x04\x04\xb5\x00\x00\x03\x00\x80";
        let both = b"\x06\x04\x0d\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\x04\x04\xb5\x00\x00\x03\x00\x80";
        let joined = kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[captions, zeros]), 4);
        assert_eq!(joined, Ok(Some(both.to_vec())));
    }

    #[test]
    fn captions_are_the_same_in_the_other_codec() {
        let captions = b"\x06\x04\x0d\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\x80";
        let other = [&[0x4e, 1][..], &captions[1..]].concat();
        let (avc, hevc) = (sample(&[captions]), sample(&[&other]));
        assert_eq!(kept_messages(VideoCodec::H264, VideoCodec::Hevc, &avc, 4), Ok(Some(other)));
        assert_eq!(kept_messages(VideoCodec::Hevc, VideoCodec::H264, &hevc, 4), Ok(Some(captions.to_vec())));
    }

    #[test]
    fn what_only_one_codec_has_is_kept_in_it_and_named_when_it_is_lost() {
        let sps = Sps::parse(VideoCodec::H264, b"\x67\x42\xc0\x0a\xf8\x41\xa2").unwrap();
        for (codec, other) in [(VideoCodec::H264, VideoCodec::Hevc), (VideoCodec::Hevc, VideoCodec::H264)] {
            let grain = sei(codec, &[(19, vec![1, 2]), (4, vec![7])]);
            let picture = sample(&[&grain, slice(codec)]);
            assert_eq!(kept_messages(codec, codec, &picture, 4), Ok(Some(grain)));
            assert_eq!(kept_messages(codec, other, &picture, 4), Ok(Some(sei(other, &[(4, vec![7])]))));
            assert_eq!(lost_metadata(codec, codec, &sps, &picture, 4), Ok(vec![]));
            assert_eq!(
                lost_metadata(codec, other, &sps, &picture, 4),
                Ok(vec!["film grain characteristics"])
            );
        }
        let rpu: &[u8] = &[0x7c, 1, 25];
        let picture = sample(&[slice(VideoCodec::Hevc), rpu]);
        assert_eq!(dolby_vision(VideoCodec::Hevc, &picture, 4), Ok(vec![rpu]));
        let lost = |to| lost_metadata(VideoCodec::Hevc, to, &sps, &picture, 4).unwrap();
        assert_eq!((lost(VideoCodec::Hevc), lost(VideoCodec::H264)), (vec![], vec!["Dolby Vision metadata"]));
        let encoded = sample(&[slice(VideoCodec::Hevc)]);
        assert_eq!(with_trailing(&encoded, 4, &[rpu]), Ok(picture));
    }

    #[test]
    fn time_codes_of_h264_are_lost() {
        let sps = Sps::parse(VideoCodec::H264, b"\x67\x42\xc0\x0a\xf8\x41\xa2").unwrap();
        let timed = Sps { pic_struct_at: Some(8), ..sps.clone() };
        for (flag, lost) in [(0x08, vec!["time codes"]), (0x00, vec![])] {
            let timing = sei(VideoCodec::H264, &[(1, vec![0xff, flag, 0])]);
            let picture = sample(&[&timing, slice(VideoCodec::H264)]);
            let found = |sps| lost_metadata(VideoCodec::H264, VideoCodec::H264, sps, &picture, 4).unwrap();
            assert_eq!((found(&timed), found(&sps)), (lost, vec![]));
        }
    }

    /// As ffmpeg's `h264_metadata=display_orientation=insert:rotate=90` writes it, but for the repetition.
    #[test]
    fn orientations_are_written_as_the_standards_say() {
        let turn = |mirrored, quarters| Turn { mirrored, quarters };
        let avc = orientation_message(VideoCodec::H264, turn(false, 3));
        // 0 0 0 | 0x4000 | 010 | 0 | 1 and zeros.
        assert_eq!(avc, [6, 47, 3, 0x08, 0x00, 0x09, 0x80]);
        let hevc = orientation_message(VideoCodec::Hevc, turn(true, 1));
        assert_eq!(hevc, [0x4e, 1, 47, 3, 0x58, 0x00, 0x18, 0x80]);
        assert_eq!(fields_message(true), [0x4e, 1, 1, 1, 0x41, 0x80]);
        assert_eq!(fields_message(false), [0x4e, 1, 1, 1, 0x31, 0x80]);
    }

    #[test]
    fn sizes_from_255_on_take_more_bytes() {
        for (size, field) in [(254, &[254][..]), (255, &[255, 0]), (256, &[255, 1]), (510, &[255, 255, 0])] {
            let unit = [&[6, 4][..], field, &vec![7; size], &[0x80]].concat();
            assert_eq!(
                kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[&unit]), 4),
                Ok(Some(unit))
            );
        }
    }

    #[test]
    fn a_damaged_message_is_left_out() {
        let cut = b"\x06\x04\x01\x07\x04\x09\x08\x80";
        let kept = kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[cut]), 4);
        assert_eq!(kept, Ok(Some(b"\x06\x04\x01\x07\x80".to_vec())));
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let large = sei(VideoCodec::H264, &[(4, vec![7; MAX_BYTES / 2])]);
        let refused = Err(NalError::Unsupported("SEI of more than 64 KiB"));
        assert!(kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[&large]), 4).unwrap().is_some());
        assert_eq!(kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[&large, &large]), 4), refused);
        let endless = [&[6, 4][..], &[255; 400], &[0]].concat();
        assert_eq!(kept_messages(VideoCodec::H264, VideoCodec::H264, &sample(&[&endless]), 4), refused);
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
                prop_assert_eq!(kept_messages(codec, codec, &with, 4), Ok(Some(unit.clone())));
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
                let _ = (kept_messages(codec, codec, &data, size), with_messages(codec, &data, size, &data));
                let unit = [header, &data].concat();
                if let Some(kept) = kept_messages(codec, codec, &sample(&[&unit]), 4).unwrap() {
                    prop_assert_eq!(kept_messages(codec, codec, &sample(&[&kept]), 4).unwrap(), Some(kept));
                }
            }
        }
    }
}
