//! The H.264 sequence parameter set (ISO/IEC 14496-10, 7.3.2.1.1 and E.1.1).

use super::kinds::avc;
use super::sps::{Offsets, PictureOrder, Sps, Vui, clock, cropped, vui_head};
use super::{Bits, NalError};

/// 16384 pixels; level 6.2 allows no more.
const MAX_MACROBLOCKS: u32 = 1024;

/// Profiles whose parameter sets tell chroma format and bit depth.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

pub(super) fn sps(bits: &mut Bits<'_>) -> Result<Sps, NalError> {
    if bits.small(8)? & 0x1f != avc::SPS {
        return Err(NalError::WrongKind);
    }
    let (profile_idc, constraints, level_idc) = (bits.small(8)?, bits.small(8)?, bits.small(8)?);
    let id = bits.ue(31, "seq_parameter_set_id")?;
    let format = if HIGH_PROFILES.contains(&profile_idc) { format(bits)? } else { SampleFormat::DEFAULT };
    let (frame_num_bits, order) = picture_order(bits)?;
    let order = PictureOrder { separate_planes: format.separate_planes, ..order };
    let max_ref_frames = bits.ue(16, "max_num_ref_frames")?;
    let gaps_allowed = bits.flag()?;
    let width_in_mbs = bits.ue(MAX_MACROBLOCKS - 1, "pic_width_in_mbs_minus1")? + 1;
    let height_in_units = bits.ue(MAX_MACROBLOCKS - 1, "pic_height_in_map_units_minus1")? + 1;
    let frames_only = bits.flag()?;
    let mbaff = !frames_only && bits.flag()?;
    let units_per_frame = if frames_only { 1 } else { 2 };
    bits.skip(1)?;
    let coded = (width_in_mbs * 16, height_in_units * 16 * units_per_frame);
    let offsets = offsets(bits)?;
    let (width, height) = cropped(coded, offsets, format.crop_unit(units_per_frame))?;
    Ok(Sps {
        id,
        profile_idc,
        constraints,
        level_idc,
        high_tier: false,
        chroma_format_idc: format.chroma_format_idc,
        bit_depth_luma: format.bit_depth_luma,
        bit_depth_chroma: format.bit_depth_chroma,
        coded_width: coded.0,
        coded_height: coded.1,
        width,
        height,
        interlaced: !frames_only,
        mbaff,
        frame_num_bits,
        gaps_allowed,
        order,
        reference_sets: Vec::new(),
        field_pictures: false,
        pic_struct_at: None,
        max_ref_frames,
        max_reorder: None,
        vui: Vui::default(),
    })
}

/// The fields of a slice, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SliceFields {
    /// `field_pic_flag`.
    pub(super) field: bool,
    /// `bottom_field_flag`.
    pub(super) bottom: bool,
    /// `frame_num`.
    pub(super) number: u32,
    /// The time by which the bottom field of a frame is shown after its top field; 0 if that is not said.
    pub(super) bottom_delay: i64,
}

/// The fields of a picture (7.3.3) that follows `sps`; `bottom_order` is
/// `bottom_field_pic_order_in_frame_present_flag`.
pub(super) fn slice_fields(
    sps: &Sps,
    bottom_order: impl Fn(u32) -> bool,
    slice: &[u8],
) -> Result<SliceFields, NalError> {
    let mut fields = SliceFields { field: false, bottom: false, number: 0, bottom_delay: 0 };
    let mut bits = Bits::nal(slice);
    let idr = bits.small(8)? & 0x1f == avc::IDR;
    bits.ue(u32::MAX, "first_mb_in_slice")?;
    bits.ue(u32::MAX, "slice_type")?;
    let pps = bits.ue(u32::MAX, "pic_parameter_set_id")?;
    bits.skip(if sps.order.separate_planes { 2 } else { 0 })?;
    fields.number = bits.bits(sps.frame_num_bits)?;
    if sps.interlaced {
        fields.field = bits.flag()?;
        fields.bottom = fields.field && bits.flag()?;
    }
    if idr {
        bits.ue(u32::MAX, "idr_pic_id")?;
    }
    bits.skip(sps.order.lsb_bits)?;
    if sps.order.deltas {
        bits.se("delta_pic_order_cnt")?;
    }
    let differs = sps.order.deltas || sps.order.lsb_bits > 0;
    if differs && !fields.field && bottom_order(pps) {
        fields.bottom_delay = bits.se("delta_pic_order_cnt_bottom")?;
    }
    if !fields.field {
        fields.bottom_delay = fields.bottom_delay.saturating_add(sps.order.bottom_offset);
    }
    Ok(fields)
}

/// `field_pic_flag` of a slice of a picture that follows `sps`.
pub(super) fn is_field(sps: &Sps, slice: &[u8]) -> Result<bool, NalError> {
    if !sps.interlaced {
        return Ok(false);
    }
    let mut bits = Bits::nal(slice);
    bits.skip(8)?;
    for name in ["first_mb_in_slice", "slice_type", "pic_parameter_set_id"] {
        bits.ue(u32::MAX, name)?;
    }
    bits.skip(if sps.order.separate_planes { 2 } else { 0 })?;
    bits.skip(sps.frame_num_bits)?;
    bits.flag()
}

/// `bottom_field_pic_order_in_frame_present_flag` of a picture parameter set, with its id (7.3.2.2).
pub(super) fn bottom_order(unit: &[u8]) -> Result<(u32, bool), NalError> {
    let mut bits = Bits::nal(unit);
    bits.skip(8)?;
    let id = bits.ue(255, "pic_parameter_set_id")?;
    bits.ue(31, "seq_parameter_set_id")?;
    bits.skip(1)?;
    Ok((id, bits.flag()?))
}

struct SampleFormat {
    chroma_format_idc: u8,
    separate_planes: bool,
    bit_depth_luma: u8,
    bit_depth_chroma: u8,
}

impl SampleFormat {
    const DEFAULT: Self =
        Self { chroma_format_idc: 1, separate_planes: false, bit_depth_luma: 8, bit_depth_chroma: 8 };

    /// Table 6-1 and equations 7-19 to 7-22.
    fn crop_unit(&self, units_per_frame: u32) -> (u32, u32) {
        match (self.separate_planes, self.chroma_format_idc) {
            (false, 1) => (2, 2 * units_per_frame),
            (false, 2) => (2, units_per_frame),
            _ => (1, units_per_frame),
        }
    }
}

fn format(bits: &mut Bits<'_>) -> Result<SampleFormat, NalError> {
    let narrow = |value: u32| u8::try_from(value).unwrap_or(0);
    let chroma_format_idc = narrow(bits.ue(3, "chroma_format_idc")?);
    let separate_planes = chroma_format_idc == 3 && bits.flag()?;
    let bit_depth_luma = narrow(bits.ue(6, "bit_depth_luma_minus8")? + 8);
    let bit_depth_chroma = narrow(bits.ue(6, "bit_depth_chroma_minus8")? + 8);
    bits.skip(1)?;
    if bits.flag()? {
        let lists = if chroma_format_idc == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(SampleFormat { chroma_format_idc, separate_planes, bit_depth_luma, bit_depth_chroma })
}

/// 7.3.2.1.1.1: a list ends early where the next scale is zero.
fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Result<(), NalError> {
    let mut scale = 8_i64;
    for _ in 0..size {
        scale = (scale + bits.se("delta_scale")?).rem_euclid(256);
        if scale == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the bits of `frame_num`, and how the order of pictures is told.
fn picture_order(bits: &mut Bits<'_>) -> Result<(u32, PictureOrder), NalError> {
    let frame_num_bits = bits.ue(12, "log2_max_frame_num_minus4")? + 4;
    let mut order = PictureOrder::default();
    match bits.ue(2, "pic_order_cnt_type")? {
        0 => order.lsb_bits = bits.ue(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4,
        1 => {
            order.deltas = !bits.flag()?;
            bits.se("offset_for_non_ref_pic")?;
            order.bottom_offset = bits.se("offset_for_top_to_bottom_field")?;
            for _ in 0..bits.ue(255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                bits.se("offset_for_ref_frame")?;
            }
        }
        _ => {}
    }
    Ok((frame_num_bits, order))
}

fn offsets(bits: &mut Bits<'_>) -> Result<Offsets, NalError> {
    let mut offsets = Offsets::default();
    if bits.flag()? {
        for offset in &mut offsets {
            *offset = bits.ue(1 << 16, "frame_crop_offset")?;
        }
    }
    Ok(offsets)
}

/// Into `sps`, to the extent that it can be read.
pub(super) fn vui(bits: &mut Bits<'_>, sps: &mut Sps) -> Result<(), NalError> {
    vui_before_restrictions(bits, sps)?;
    if !bits.flag()? {
        return Ok(());
    }
    bits.skip(1)?;
    for name in [
        "max_bytes_per_pic_denom",
        "max_bits_per_mb_denom",
        "log2_max_mv_length_horizontal",
        "log2_max_mv_length_vertical",
    ] {
        bits.ue(16, name)?;
    }
    sps.max_reorder = Some(bits.ue(16, "max_num_reorder_frames")?);
    bits.ue(u32::MAX, "max_dec_frame_buffering")?;
    Ok(())
}

/// All up to `bitstream_restriction_flag`, which comes last.
pub(super) fn vui_before_restrictions(bits: &mut Bits<'_>, sps: &mut Sps) -> Result<(), NalError> {
    vui_head(bits, &mut sps.vui)?;
    if bits.flag()? {
        let mut timing = clock(bits)?;
        timing.fixed_frame_rate = bits.flag()?;
        sps.vui.timing = Some(timing);
    }
    let mut delays = 0;
    let nal_hrd = bits.flag()?;
    if nal_hrd {
        delays = hrd(bits)?;
    }
    let vcl_hrd = bits.flag()?;
    if vcl_hrd {
        delays = hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.skip(1)?;
    }
    sps.pic_struct_at = bits.flag()?.then_some(delays);
    Ok(())
}

/// Returns the bits of both delays in picture timing messages.
fn hrd(bits: &mut Bits<'_>) -> Result<u32, NalError> {
    let count = bits.ue(31, "cpb_cnt_minus1")? + 1;
    bits.skip(8)?;
    for _ in 0..count {
        bits.ue(u32::MAX, "bit_rate_value_minus1")?;
        bits.ue(u32::MAX, "cpb_size_value_minus1")?;
        bits.skip(1)?;
    }
    bits.skip(5)?;
    let delays = bits.bits(5)? + 1 + bits.bits(5)? + 1;
    bits.skip(5)?;
    Ok(delays)
}
