//! The HEVC sequence parameter set (ISO/IEC 23008-2, 7.3.2.2 and E.2.1).

use super::bits::{escaped, unescaped};
use super::kinds;
use super::sps::{Offsets, PictureOrder, ReferenceSet, Sps, Vui, clock, cropped, vui_head};
use super::{Bits, NalError};

/// Pixels a side; level 6.2 allows 8444.
const MAX_SIDE: u32 = 16_384;

pub(super) fn sps(bits: &mut Bits<'_>) -> Result<Sps, NalError> {
    if bits.small(8)? >> 1 & 0x3f != kinds::hevc::SPS {
        return Err(NalError::WrongKind);
    }
    if bits.small(8)? & 0xf8 != 0 {
        return Err(NalError::Unsupported("a layered stream"));
    }
    bits.skip(4)?;
    let (sub_layers, profile) = layers_and_profile(bits)?;
    let id = bits.ue(15, "sps_seq_parameter_set_id")?;
    let picture = picture(bits)?;
    let log2_max_poc = bits.ue(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4;
    let (max_ref_frames, max_reorder) = ordering(bits, sub_layers)?;
    let reference_sets = coding_tools(bits, log2_max_poc)?;
    Ok(Sps {
        id,
        profile_idc: profile.idc,
        constraints: 0,
        level_idc: profile.level_idc,
        high_tier: profile.high_tier,
        chroma_format_idc: picture.chroma_format_idc,
        bit_depth_luma: picture.bit_depth_luma,
        bit_depth_chroma: picture.bit_depth_chroma,
        coded_width: picture.coded.0,
        coded_height: picture.coded.1,
        width: picture.size.0,
        height: picture.size.1,
        interlaced: profile.interlaced,
        mbaff: false,
        frame_num_bits: 0,
        gaps_allowed: false,
        order: PictureOrder {
            separate_planes: picture.separate_planes,
            lsb_bits: log2_max_poc,
            ..PictureOrder::default()
        },
        reference_sets,
        field_pictures: false,
        pic_struct_at: None,
        max_ref_frames,
        max_reorder: Some(max_reorder),
        vui: Vui::default(),
    })
}

/// A video or sequence parameter set that says that the source was interlaced, not progressive (7.3.3); any other NAL
/// unit is `None`.
pub(super) fn flagged_interlaced(unit: &[u8]) -> Option<Vec<u8>> {
    let at = match unit.first()? >> 1 & 0x3f {
        kinds::hevc::VPS => 11,
        kinds::hevc::SPS => 8,
        _ => return None,
    };
    let mut rbsp = unescaped(unit);
    let flags = rbsp.get_mut(at)?;
    *flags = *flags & 0x3f | 0x40;
    Some(escaped(&rbsp))
}

/// From behind `sps_video_parameter_set_id` to `sps_seq_parameter_set_id`.
pub(super) fn skip_to_sps_id(bits: &mut Bits<'_>) -> Result<(), NalError> {
    layers_and_profile(bits).map(|_| ())
}

fn layers_and_profile(bits: &mut Bits<'_>) -> Result<(u32, Profile), NalError> {
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    Ok((sub_layers, profile_tier_level(bits, sub_layers)?))
}

struct Profile {
    idc: u8,
    high_tier: bool,
    interlaced: bool,
    level_idc: u8,
}

fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Result<Profile, NalError> {
    bits.skip(2)?;
    let high_tier = bits.flag()?;
    let idc = bits.small(5)?;
    bits.skip(32)?;
    let progressive = bits.flag()?;
    let interlaced = bits.flag()? && !progressive;
    bits.skip(46)?;
    let level_idc = bits.small(8)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * 8_u32.saturating_sub(sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 })?;
        bits.skip(if level { 8 } else { 0 })?;
    }
    Ok(Profile { idc, high_tier, interlaced, level_idc })
}

struct CodedFormat {
    chroma_format_idc: u8,
    separate_planes: bool,
    bit_depth_luma: u8,
    bit_depth_chroma: u8,
    coded: (u32, u32),
    size: (u32, u32),
}

fn picture(bits: &mut Bits<'_>) -> Result<CodedFormat, NalError> {
    let narrow = |value: u32| u8::try_from(value).unwrap_or(0);
    let chroma_format_idc = narrow(bits.ue(3, "chroma_format_idc")?);
    let separate_planes = chroma_format_idc == 3 && bits.flag()?;
    let coded =
        (bits.ue(MAX_SIDE, "pic_width_in_luma_samples")?, bits.ue(MAX_SIDE, "pic_height_in_luma_samples")?);
    let unit = match chroma_format_idc {
        1 if !separate_planes => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let offsets = if bits.flag()? { window(bits)? } else { Offsets::default() };
    let size = cropped(coded, offsets, unit)?;
    let bit_depth_luma = narrow(bits.ue(8, "bit_depth_luma_minus8")? + 8);
    let bit_depth_chroma = narrow(bits.ue(8, "bit_depth_chroma_minus8")? + 8);
    Ok(CodedFormat { chroma_format_idc, separate_planes, bit_depth_luma, bit_depth_chroma, coded, size })
}

fn window(bits: &mut Bits<'_>) -> Result<Offsets, NalError> {
    let mut offsets = Offsets::default();
    for offset in &mut offsets {
        *offset = bits.ue(MAX_SIDE, "window offset")?;
    }
    Ok(offsets)
}

/// Buffering and reordering of the highest sub-layer, which comes last.
fn ordering(bits: &mut Bits<'_>, sub_layers: u32) -> Result<(u32, u32), NalError> {
    let all = bits.flag()?;
    let mut last = (0, 0);
    for _ in 0..if all { sub_layers + 1 } else { 1 } {
        last = (bits.ue(16, "sps_max_dec_pic_buffering_minus1")?, bits.ue(16, "sps_max_num_reorder_pics")?);
        bits.ue(u32::MAX, "sps_max_latency_increase_plus1")?;
    }
    Ok(last)
}

/// From the block sizes to the flags before the VUI, of which only the reference picture sets are kept.
fn coding_tools(bits: &mut Bits<'_>, log2_max_poc: u32) -> Result<Vec<ReferenceSet>, NalError> {
    for name in [
        "log2_min_luma_coding_block_size_minus3",
        "log2_diff_max_min_luma_coding_block_size",
        "log2_min_luma_transform_block_size_minus2",
        "log2_diff_max_min_luma_transform_block_size",
        "max_transform_hierarchy_depth_inter",
        "max_transform_hierarchy_depth_intra",
    ] {
        bits.ue(6, name)?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue(6, "log2_min_pcm_luma_coding_block_size_minus3")?;
        bits.ue(6, "log2_diff_max_min_pcm_luma_coding_block_size")?;
        bits.skip(1)?;
    }
    let mut sets = Vec::new();
    for _ in 0..bits.ue(64, "num_short_term_ref_pic_sets")? {
        let set = reference_set(bits, &sets, false)?;
        sets.push(set);
    }
    if bits.flag()? {
        for _ in 0..bits.ue(32, "num_long_term_ref_pics_sps")? {
            bits.skip(log2_max_poc + 1)?;
        }
    }
    bits.skip(2)?;
    Ok(sets)
}

/// 7.3.4.
fn scaling_lists(bits: &mut Bits<'_>) -> Result<(), NalError> {
    for size_id in 0..4_u32 {
        let coefficients = if size_id == 0 { 16 } else { 64 };
        for _ in 0..if size_id == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue(5, "scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            if size_id > 1 {
                bits.se("scaling_list_dc_coef_minus8")?;
            }
            for _ in 0..coefficients {
                bits.se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// The set that follows those before (7.3.7, 7.4.8), or one that a slice has for itself: either may be written as the
/// difference to another.
fn reference_set(
    bits: &mut Bits<'_>,
    sets: &[ReferenceSet],
    of_slice: bool,
) -> Result<ReferenceSet, NalError> {
    if sets.is_empty() || !bits.flag()? {
        let (before, behind) = (bits.ue(16, "num_negative_pics")?, bits.ue(16, "num_positive_pics")?);
        let mut set = Vec::new();
        for (count, sign) in [(before, -1), (behind, 1)] {
            let mut delta = 0;
            for _ in 0..count {
                delta += sign * i64::from(bits.ue(1 << 15, "delta_poc_minus1")? + 1);
                set.push((delta, bits.flag()?));
            }
        }
        return Ok(set);
    }
    let back = if of_slice { bits.ue(63, "delta_idx_minus1")? + 1 } else { 1 };
    let negative = bits.flag()?;
    let step = i64::from(bits.ue(1 << 15, "abs_delta_rps_minus1")? + 1);
    let step = if negative { -step } else { step };
    let other = usize::try_from(back).ok().and_then(|back| sets.get(sets.len().checked_sub(back)?));
    let other = other.ok_or(NalError::Illegal("delta_idx_minus1"))?;
    let mut set = Vec::new();
    for delta in other.iter().map(|(delta, _)| *delta).chain([0]) {
        let used = bits.flag()?;
        if used || bits.flag()? {
            set.push((delta + step, used));
        }
    }
    set.sort_by_key(|(delta, _)| (*delta > 0, delta.abs()));
    if set.len() > 32 { Err(NalError::Illegal("num_delta_pocs")) } else { Ok(set) }
}

/// The references of a slice's picture, by differences of order counts, from `short_term_ref_pic_set_sps_flag` on
/// (7.3.6.1). Long-term references are not read.
pub(super) fn slice_references(bits: &mut Bits<'_>, sets: &[ReferenceSet]) -> Result<Vec<i64>, NalError> {
    let set = if bits.flag()? {
        let index = bits.bits(sets.len().next_power_of_two().trailing_zeros())?;
        let named = usize::try_from(index).ok().and_then(|index| sets.get(index));
        named.cloned().ok_or(NalError::Illegal("short_term_ref_pic_set_idx"))?
    } else {
        reference_set(bits, sets, true)?
    };
    Ok(set.into_iter().filter(|(delta, used)| *used && *delta != 0).map(|(delta, _)| delta).collect())
}

/// The VUI up to the clock, into `sps`, to the extent that it can be read.
pub(super) fn vui(bits: &mut Bits<'_>, sps: &mut Sps) -> Result<(), NalError> {
    vui_head(bits, &mut sps.vui)?;
    bits.skip(1)?;
    sps.field_pictures = bits.flag()?;
    sps.interlaced |= sps.field_pictures;
    sps.pic_struct_at = bits.flag()?.then_some(0);
    if bits.flag()? {
        window(bits)?;
    }
    if bits.flag()? {
        sps.vui.timing = Some(clock(bits)?);
    }
    Ok(())
}
