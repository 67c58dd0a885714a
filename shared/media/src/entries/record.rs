//! Decoder configuration records that are written anew from parameter sets (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).

use crate::nal::kinds::hevc;
use crate::nal::{SetKind, Sps, VideoCodec, unescaped};
use bytes::Bytes;

/// Profiles of H.264 whose record does not tell chroma format and bit depth: Baseline, Main and Extended.
const WITHOUT_FORMAT: [u8; 3] = [66, 77, 88];
/// `array_completeness`: there are no parameter sets in band.
const COMPLETE: u8 = 0x80;

/// The common format of all pictures of a sample entry. Encoders pad pictures of one size differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryFormat {
    size: (u32, u32),
    chroma_format_idc: u8,
    bit_depth_luma: u8,
    bit_depth_chroma: u8,
}

impl EntryFormat {
    /// `None` if the sequence parameter set cannot be read.
    pub(super) fn of(codec: VideoCodec, unit: &[u8]) -> Option<Self> {
        let sps = Sps::parse(codec, unit).ok()?;
        Some(Self {
            size: (sps.width, sps.height),
            chroma_format_idc: sps.chroma_format_idc,
            bit_depth_luma: sps.bit_depth_luma,
            bit_depth_chroma: sps.bit_depth_chroma,
        })
    }
}

/// Parameter sets of a kind that a record can hold: `numOfSequenceParameterSets` has five bits,
/// `numOfPictureParameterSets` eight, and HEVC has fewer ids than a record can count.
pub(super) fn most(codec: VideoCodec, kind: SetKind) -> usize {
    match (codec, kind) {
        (VideoCodec::H264, SetKind::Sequence) => 31,
        _ => 255,
    }
}

/// The parameter sets of one record, each list in the order of ids.
#[derive(Debug, Default)]
pub(super) struct Sets<'a> {
    pub(super) vps: Vec<&'a Bytes>,
    pub(super) sps: Vec<&'a Bytes>,
    pub(super) pps: Vec<&'a Bytes>,
    /// HEVC: other NAL units of the configuration, such as messages.
    pub(super) others: Vec<&'a Bytes>,
}

/// An `AVCDecoderConfigurationRecord` with lengths of four bytes. Profile, level and constraints are those of all
/// sets together. `None` without a readable set or for more than a record can count.
pub(super) fn avc(sets: &Sets<'_>) -> Option<Vec<u8>> {
    let format = EntryFormat::of(VideoCodec::H264, sets.sps.first()?)?;
    let mut head = [0, u8::MAX, 0];
    for sps in &sets.sps {
        let [_, profile, constraints, level, ..] = sps[..] else { return None };
        head = [head[0].max(profile), head[1] & constraints, head[2].max(level)];
    }
    let mut out = [&[1][..], &head, &[0xff, 0xe0 | u8::try_from(sets.sps.len()).ok()?]].concat();
    push_sets(&sets.sps, &mut out)?;
    out.push(u8::try_from(sets.pps.len()).ok()?);
    push_sets(&sets.pps, &mut out)?;
    if !WITHOUT_FORMAT.contains(&head[0]) {
        let depth = |bits: u8| 0xf8 | bits.saturating_sub(8);
        out.push(0xfc | format.chroma_format_idc);
        out.extend([depth(format.bit_depth_luma), depth(format.bit_depth_chroma), 0]);
    }
    Some(out)
}

/// An `HEVCDecoderConfigurationRecord` with lengths of four bytes, as [`avc`].
pub(super) fn hevc(sets: &Sets<'_>) -> Option<Vec<u8>> {
    let format = EntryFormat::of(VideoCodec::Hevc, sets.sps.first()?)?;
    let mut layers: Option<Layers> = None;
    for sps in &sets.sps {
        let one = Layers::of(&unescaped(sps))?;
        layers = Some(layers.map_or(one, |all| all.with(one)));
    }
    let layers = layers?;
    let mut out = vec![1];
    out.extend(layers.profile);
    // Neither spatial segmentation nor a kind of parallelism is promised.
    out.extend([0xf0, 0, 0xfc, 0xfc | format.chroma_format_idc]);
    out.extend([format.bit_depth_luma, format.bit_depth_chroma].map(|bits| 0xf8 | bits.saturating_sub(8)));
    // The frame rate is not said.
    out.extend([0, 0, layers.count << 3 | u8::from(layers.nested) << 2 | 3]);
    let mut arrays =
        vec![(hevc::VPS, sets.vps.clone()), (hevc::SPS, sets.sps.clone()), (hevc::PPS, sets.pps.clone())];
    for unit in &sets.others {
        let kind = unit.first()? >> 1 & 0x3f;
        match arrays.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, units)) => units.push(unit),
            None => arrays.push((kind, vec![unit])),
        }
    }
    arrays.retain(|(_, units)| !units.is_empty());
    out.push(u8::try_from(arrays.len()).ok()?);
    for (kind, units) in arrays {
        out.push(if matches!(kind, hevc::VPS..=hevc::PPS) { COMPLETE | kind } else { kind });
        out.extend(u16::try_from(units.len()).ok()?.to_be_bytes());
        push_sets(&units, &mut out)?;
    }
    Some(out)
}

/// The profile and the temporal layers of HEVC sequence parameter sets.
#[derive(Clone, Copy)]
struct Layers {
    /// From `general_profile_space` to `general_level_idc`, as in the record.
    profile: [u8; 12],
    count: u8,
    nested: bool,
}

impl Layers {
    fn of(sps: &[u8]) -> Option<Self> {
        let [_, _, layers, rest @ ..] = sps else { return None };
        Some(Self {
            profile: *rest.first_chunk()?,
            count: (layers >> 1 & 7).saturating_add(1),
            nested: layers & 1 == 1,
        })
    }

    /// The profile is the higher one, and the flags that hold for both.
    fn with(self, other: Self) -> Self {
        let [first, ..] = self.profile;
        let [second, ..] = other.profile;
        let idc = (first & 0x1f).max(second & 0x1f);
        let mut profile = self.profile;
        for (at, (one, two)) in profile.iter_mut().zip(other.profile).enumerate() {
            *one = match at {
                0 => (*one | two) & 0xe0 | idc,
                11 => (*one).max(two),
                _ => *one & two,
            };
        }
        if let Some(flags) = profile.get_mut(1 + usize::from(idc / 8)) {
            *flags |= 0x80 >> (idc % 8);
        }
        Self { profile, count: self.count.max(other.count), nested: self.nested && other.nested }
    }
}

pub(super) fn push_sets(units: &[&Bytes], out: &mut Vec<u8>) -> Option<()> {
    for unit in units {
        out.extend_from_slice(&u16::try_from(unit.len()).ok()?.to_be_bytes());
        out.extend_from_slice(unit);
    }
    Some(())
}

/// The NAL units of an `HEVCDecoderConfigurationRecord` that are no parameter sets, in order; none of a damaged one.
pub(super) fn hevc_others(record: &[u8]) -> Vec<Bytes> {
    let mut others = Vec::new();
    let mut rest = record.get(22..).unwrap_or_default();
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let mut read = || {
        for _ in 0..*take(1)?.first()? {
            let kind = take(1)?.first()? & 0x3f;
            for _ in 0..u16::from_be_bytes(*take(2)?.first_chunk()?) {
                let length = u16::from_be_bytes(*take(2)?.first_chunk()?);
                let unit = take(usize::from(length))?;
                if !matches!(kind, hevc::VPS..=hevc::PPS) && length > 0 {
                    others.push(Bytes::copy_from_slice(unit));
                }
            }
        }
        Some(())
    };
    match read() {
        Some(()) => others,
        None => Vec::new(),
    }
}

/// Returns `true` if an `AVCDecoderConfigurationRecord` has sequence parameter set extensions, which auxiliary pictures
/// use.
pub(super) fn has_extensions(record: &[u8], sps: &[Bytes], pps: &[Bytes]) -> bool {
    matches!(avc_tail(record, sps, pps), Some([_, _, _, count, ..]) if *count > 0)
}

/// The rest behind the parameter sets of an `AVCDecoderConfigurationRecord`: the fields of the High profiles, if any.
pub(super) fn avc_tail<'a>(record: &'a [u8], sps: &[Bytes], pps: &[Bytes]) -> Option<&'a [u8]> {
    const HEAD_AND_COUNTS: usize = 7;
    let sets = sps.iter().chain(pps).try_fold(HEAD_AND_COUNTS, |at, unit| at.checked_add(unit.len() + 2))?;
    record.get(sets..)
}
