//! The numbers by which parameter sets and slices refer to each other, read and changed.

use super::bits::{BitWriter, escaped, unescaped};
use super::kinds::{self, avc};
use super::{Bits, NalError, VideoCodec, hevc, unit_type};

/// The kinds of parameter sets, each with ids of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SetKind {
    /// HEVC: video parameter set.
    Video,
    /// Sequence parameter set.
    Sequence,
    /// Picture parameter set.
    Picture,
}

impl SetKind {
    /// The highest id.
    pub(crate) fn last_id(self, codec: VideoCodec) -> u32 {
        match (codec, self) {
            (VideoCodec::H264, Self::Picture) => 255,
            (VideoCodec::H264, _) => 31,
            (VideoCodec::Hevc, Self::Picture) => 63,
            (VideoCodec::Hevc, _) => 15,
        }
    }
}

/// The ids in a parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetIds {
    pub(crate) kind: SetKind,
    /// Its own.
    pub(crate) own: u32,
    /// Of the set that it refers to; 0 if it refers to none.
    pub(crate) refers: u32,
}

/// A number in a NAL unit.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// In bits, without emulation prevention.
    at: usize,
    /// In bits.
    length: usize,
    value: u32,
    /// `u(4)` rather than `ue(v)`.
    fixed: bool,
}

impl Field {
    fn ue(bits: &mut Bits<'_>, max: u32, name: &'static str) -> Result<Self, NalError> {
        let at = bits.position();
        let value = bits.ue(max, name)?;
        Ok(Self { at, length: bits.position().saturating_sub(at), value, fixed: false })
    }

    fn u4(bits: &mut Bits<'_>) -> Result<Self, NalError> {
        Ok(Self { at: bits.position(), value: bits.bits(4)?, length: 4, fixed: true })
    }

    fn put(&self, value: u32, out: &mut BitWriter) {
        if self.fixed { out.bits(4, value) } else { out.ue(value) }
    }
}

/// Bits of `ue(v)`.
fn ue_length(value: u32) -> usize {
    let zeros = value.saturating_add(1).ilog2();
    usize::try_from(2 * zeros + 1).unwrap_or(1)
}

/// Returns `true` if a slice can name this set instead of that one: what follows the id must not move within its byte,
/// because slice data begin at a byte's start.
pub(crate) fn can_replace(from: u32, to: u32) -> bool {
    ue_length(from).abs_diff(ue_length(to)).is_multiple_of(8)
}

/// `None` for what is not a parameter set of the base layer.
///
/// # Errors
/// [`NalError::Truncated`], [`NalError::Illegal`].
pub(crate) fn set_ids(codec: VideoCodec, unit: &[u8]) -> Result<Option<SetIds>, NalError> {
    let Some((kind, own, refers)) = set_fields(codec, unit)? else { return Ok(None) };
    Ok(Some(SetIds { kind, own: own.value, refers: refers.map_or(0, |field| field.value) }))
}

/// A parameter set under other ids; a unit that is not one stays as it is.
///
/// # Errors
/// As [`set_ids`]; [`NalError::Illegal`] for a set without a stop bit.
pub(crate) fn with_set_ids(
    codec: VideoCodec,
    unit: &[u8],
    own: u32,
    refers: u32,
) -> Result<Vec<u8>, NalError> {
    let Some((_, own_field, refers_field)) = set_fields(codec, unit)? else { return Ok(unit.to_vec()) };
    let raw = unescaped(unit);
    let last = raw.iter().rposition(|byte| *byte != 0).ok_or(NalError::Illegal("trailing bits"))?;
    let zeros = raw.get(last).map_or(0, |byte| byte.trailing_zeros());
    let end = (last * 8 + 8).saturating_sub(usize::try_from(zeros).unwrap_or(0));
    let mut fields = vec![(own_field, own)];
    fields.extend(refers_field.map(|field| (field, refers)));
    fields.sort_by_key(|(field, _)| field.at);
    Ok(escaped(&replaced(&raw, &fields, end)))
}

/// `slice_pic_parameter_set_id`; `None` for what is not a slice of the base layer that names a set.
///
/// # Errors
/// [`NalError::Truncated`], [`NalError::Illegal`].
pub(crate) fn slice_set(codec: VideoCodec, unit: &[u8]) -> Result<Option<u32>, NalError> {
    Ok(slice_field(codec, unit)?.map(|field| field.value))
}

/// A slice that names another picture parameter set; one that names none stays as it is.
///
/// # Errors
/// As [`slice_set`]; [`NalError::Unsupported`] unless [`can_replace`].
pub(crate) fn with_slice_set(codec: VideoCodec, unit: &[u8], id: u32) -> Result<Vec<u8>, NalError> {
    let Some(field) = slice_field(codec, unit)? else { return Ok(unit.to_vec()) };
    if !can_replace(field.value, id) {
        return Err(NalError::Unsupported("a parameter set id that moves the slice data"));
    }
    let raw = unescaped(unit);
    Ok(escaped(&replaced(&raw, &[(field, id)], raw.len().saturating_mul(8))))
}

/// Returns `true` if it belongs to a further layer or view, whose parameter sets are not followed here.
pub(crate) fn is_layered_slice(codec: VideoCodec, unit: &[u8]) -> bool {
    match (codec, unit) {
        (VideoCodec::H264, _) => {
            matches!(unit_type(codec, unit), Some(avc::EXTENSION | avc::DEPTH_EXTENSION))
        }
        (VideoCodec::Hevc, [first, second, ..]) => {
            first >> 1 & 0x3f <= kinds::hevc::RESERVED_VCL_31 && (first & 1 != 0 || second & 0xf8 != 0)
        }
        (VideoCodec::Hevc, _) => false,
    }
}

/// `raw` up to bit `end` with other values in these fields, which are in order.
fn replaced(raw: &[u8], fields: &[(Field, u32)], end: usize) -> Vec<u8> {
    let mut out = BitWriter::default();
    let mut at = 0;
    for (field, value) in fields {
        out.copy_range(raw, at..field.at);
        field.put(*value, &mut out);
        at = field.at.saturating_add(field.length);
    }
    out.copy_range(raw, at..end);
    out.bytes()
}

/// A set's kind, its own id, and the id that it refers to.
fn set_fields(codec: VideoCodec, unit: &[u8]) -> Result<Option<(SetKind, Field, Option<Field>)>, NalError> {
    let mut bits = Bits::nal(unit);
    let ue = |bits: &mut Bits<'_>, kind: SetKind| Field::ue(bits, kind.last_id(codec), "parameter set id");
    let kind = match (codec, unit_type(codec, unit)) {
        (VideoCodec::H264, Some(avc::SPS)) | (VideoCodec::Hevc, Some(kinds::hevc::SPS)) => SetKind::Sequence,
        (VideoCodec::H264, Some(avc::PPS)) | (VideoCodec::Hevc, Some(kinds::hevc::PPS)) => SetKind::Picture,
        (VideoCodec::Hevc, Some(kinds::hevc::VPS)) => SetKind::Video,
        _ => return Ok(None),
    };
    bits.skip(if codec == VideoCodec::H264 { 8 } else { 7 })?;
    if codec == VideoCodec::Hevc {
        let layer = bits.bits(6)?;
        bits.skip(3)?;
        if layer > 0 {
            return Ok(None);
        }
    }
    Ok(Some(match (codec, kind) {
        (_, SetKind::Picture) => {
            let own = ue(&mut bits, kind)?;
            (kind, own, Some(ue(&mut bits, SetKind::Sequence)?))
        }
        (VideoCodec::H264, _) => {
            bits.skip(24)?;
            (kind, ue(&mut bits, kind)?, None)
        }
        (VideoCodec::Hevc, SetKind::Video) => (kind, Field::u4(&mut bits)?, None),
        (VideoCodec::Hevc, SetKind::Sequence) => {
            let refers = Field::u4(&mut bits)?;
            hevc::skip_to_sps_id(&mut bits)?;
            (kind, ue(&mut bits, kind)?, Some(refers))
        }
    }))
}

fn slice_field(codec: VideoCodec, unit: &[u8]) -> Result<Option<Field>, NalError> {
    let mut bits = Bits::nal(unit);
    let last = SetKind::Picture.last_id(codec);
    match (codec, unit_type(codec, unit)) {
        (VideoCodec::H264, Some(avc::SLICE | avc::PARTITION_A | avc::IDR | avc::AUXILIARY)) => {
            bits.skip(8)?;
            bits.ue(u32::MAX - 1, "first_mb_in_slice")?;
            bits.ue(9, "slice_type")?;
        }
        (
            VideoCodec::Hevc,
            Some(
                kind
                @ (kinds::hevc::TRAIL_N..=kinds::hevc::RASL_R | kinds::hevc::BLA_W_LP..=kinds::hevc::CRA),
            ),
        ) => {
            bits.skip(7)?;
            let layer = bits.bits(6)?;
            bits.skip(3)?;
            if layer > 0 {
                return Ok(None);
            }
            bits.skip(if kind < kinds::hevc::BLA_W_LP { 1 } else { 2 })?;
        }
        _ => return Ok(None),
    }
    Field::ue(&mut bits, last, "slice_pic_parameter_set_id").map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nal::{ParameterIds, Sps};
    use proptest::prelude::*;

    const CODECS: [VideoCodec; 2] = [VideoCodec::H264, VideoCodec::Hevc];

    /// Sets that x264 and x265 wrote, by kind.
    fn encoded() -> Vec<(VideoCodec, SetKind, Vec<u8>)> {
        use crate::fmp4::{Codec, Init};
        let mut all = Vec::new();
        for file in
            [&include_bytes!("../../tests/data/h264.mp4")[..], include_bytes!("../../tests/data/hevc.mp4")]
        {
            match &Init::parse(file).unwrap().tracks[0].sample_entries[0].codec {
                Codec::H264 { sps, pps, .. } => {
                    all.push((VideoCodec::H264, SetKind::Sequence, sps[0].to_vec()));
                    all.push((VideoCodec::H264, SetKind::Picture, pps[0].to_vec()));
                }
                Codec::Hevc { vps, sps, pps, .. } => {
                    all.push((VideoCodec::Hevc, SetKind::Video, vps[0].to_vec()));
                    all.push((VideoCodec::Hevc, SetKind::Sequence, sps[0].to_vec()));
                    all.push((VideoCodec::Hevc, SetKind::Picture, pps[0].to_vec()));
                }
                other => panic!("{other:?}"),
            }
        }
        all
    }

    #[test]
    fn a_set_gets_other_ids_and_keeps_all_else() {
        for (codec, kind, unit) in encoded() {
            assert_eq!(set_ids(codec, &unit), Ok(Some(SetIds { kind, own: 0, refers: 0 })));
            let last = kind.last_id(codec);
            for own in [0, 1, last / 2, last] {
                let refers = match (codec, kind) {
                    (VideoCodec::H264, SetKind::Sequence) | (_, SetKind::Video) => 0,
                    _ => 13,
                };
                let other = with_set_ids(codec, &unit, own, refers).unwrap();
                assert_eq!(
                    set_ids(codec, &other),
                    Ok(Some(SetIds { kind, own, refers })),
                    "{codec:?} {kind:?}"
                );
                match kind {
                    SetKind::Sequence => {
                        let expected = Sps { id: own, ..Sps::parse(codec, &unit).unwrap() };
                        assert_eq!(Sps::parse(codec, &other), Ok(expected));
                    }
                    SetKind::Picture => assert_eq!(
                        ParameterIds::parse(codec, &other),
                        Ok(ParameterIds { pps: own, sps: refers })
                    ),
                    SetKind::Video => {}
                }
                assert_eq!(with_set_ids(codec, &other, 0, 0).unwrap(), unit);
            }
        }
    }

    #[test]
    fn an_id_of_a_slice_changes_by_whole_bytes_only() {
        // first_mb_in_slice 0, slice_type 7 (I), id 0, then bits that end with a zero word.
        let slice = [0x65, 0b1000_1000, 0b1101_0101, 0xff, 0, 0, 3, 1, 0, 0, 3];
        assert_eq!(slice_set(VideoCodec::H264, &slice), Ok(Some(0)));
        let other = with_slice_set(VideoCodec::H264, &slice, 15).unwrap();
        assert_eq!(other, [0x65, 0b1000_1000, 0b0000_1000, 0b0101_0101, 0xff, 0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(slice_set(VideoCodec::H264, &other), Ok(Some(15)));
        assert_eq!(with_slice_set(VideoCodec::H264, &other, 0).unwrap(), slice);
        assert!(with_slice_set(VideoCodec::H264, &slice, 14).is_err());
        assert!(with_slice_set(VideoCodec::H264, &other, 30).is_ok());
        // An IDR picture of HEVC has one flag more than others.
        for slice in [[38, 1, 0b1010_1010, 0x80], [2, 1, 0b1101_0101, 0x80]] {
            assert_eq!(slice_set(VideoCodec::Hevc, &slice), Ok(Some(0)));
            let other = with_slice_set(VideoCodec::Hevc, &slice, 15).unwrap();
            assert_eq!((other.len(), other.last()), (slice.len() + 1, slice.last()));
            assert_eq!(slice_set(VideoCodec::Hevc, &other), Ok(Some(15)));
            assert_eq!(with_slice_set(VideoCodec::Hevc, &other, 0).unwrap(), slice);
        }
    }

    #[test]
    fn other_units_and_layers_name_no_set() {
        for unit in [&[9, 0xf0][..], &[6, 5], &[20, 0, 0, 0, 0x88], &[]] {
            assert_eq!(
                (slice_set(VideoCodec::H264, unit), set_ids(VideoCodec::H264, unit)),
                (Ok(None), Ok(None))
            );
        }
        for unit in [&[70, 1, 0x50][..], &[78, 1, 5], &[38, 9, 0xa0], &[66, 9, 1], &[]] {
            assert_eq!(
                (slice_set(VideoCodec::Hevc, unit), set_ids(VideoCodec::Hevc, unit)),
                (Ok(None), Ok(None))
            );
        }
        assert!(is_layered_slice(VideoCodec::H264, &[20, 0]) && !is_layered_slice(VideoCodec::H264, &[0x65]));
        assert!(
            is_layered_slice(VideoCodec::Hevc, &[38, 9]) && !is_layered_slice(VideoCodec::Hevc, &[38, 1])
        );
        assert!(!is_layered_slice(VideoCodec::Hevc, &[66, 9]));
    }

    proptest! {
        #[test]
        fn any_slice_keeps_all_but_its_id(
            codec in 0..2_usize,
            kind in prop::sample::select(vec![1_u8, 5, 0, 8, 9, 16, 19, 21]),
            data in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 3..60),
            to in 0..256_u32,
        ) {
            let codec = CODECS[codec];
            let header: &[u8] = if codec == VideoCodec::H264 { &[0x65] } else { &[kind << 1, 1] };
            let raw = [header, &data, &[0x80]].concat();
            let unit = escaped(&raw);
            if let Ok(Some(from)) = slice_set(codec, &unit) {
                let changed = with_slice_set(codec, &unit, to);
                prop_assert_eq!(changed.is_ok(), can_replace(from, to));
                if let Ok(changed) = changed && to <= SetKind::Picture.last_id(codec) {
                    prop_assert_eq!(slice_set(codec, &changed), Ok(Some(to)));
                    prop_assert_eq!(with_slice_set(codec, &changed, from), Ok(unit));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..80), id in any::<u32>()) {
            for codec in CODECS {
                let _ = (set_ids(codec, &data), slice_set(codec, &data), is_layered_slice(codec, &data));
                let _ = (with_set_ids(codec, &data, id, id), with_slice_set(codec, &data, id));
            }
        }
    }
}
