//! Sequence parameter sets: what an encoder must repeat and a plan must know. Shared by both standards.

use super::{Bits, NalError, VideoCodec, kinds};
use crate::display::{Colour, Look};

/// A sequence parameter set.
#[expect(clippy::struct_excessive_bools, reason = "flags of the standards")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`.
    pub id: u32,
    /// `profile_idc` or `general_profile_idc`.
    pub profile_idc: u8,
    /// H.264: `constraint_set0..5_flag` and two zero bits, as in `avcC`; HEVC: 0.
    pub constraints: u8,
    /// `level_idc` or `general_level_idc`.
    pub level_idc: u8,
    /// HEVC `general_tier_flag`.
    pub high_tier: bool,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits.
    pub bit_depth_luma: u8,
    /// Bits.
    pub bit_depth_chroma: u8,
    /// Pixels before cropping.
    pub coded_width: u32,
    /// Pixels before cropping.
    pub coded_height: u32,
    /// Pixels after cropping.
    pub width: u32,
    /// Pixels after cropping.
    pub height: u32,
    /// Fields or MBAFF frames may occur (H.264), or the source was interlaced (HEVC).
    pub interlaced: bool,
    /// H.264: frames may be coded as pairs of fields, macroblock by macroblock (MBAFF).
    pub mbaff: bool,
    /// H.264: bits of `frame_num` in a slice header.
    pub frame_num_bits: u32,
    /// H.264: `gaps_in_frame_num_value_allowed_flag`.
    pub(super) gaps_allowed: bool,
    /// The order of pictures in slice headers.
    pub(super) order: PictureOrder,
    /// HEVC: the short-term reference picture sets that slices may name.
    pub(super) reference_sets: Vec<ReferenceSet>,
    /// HEVC: each picture is one field (`field_seq_flag`).
    pub field_pictures: bool,
    /// `pic_struct` stands in picture timing messages behind this many bits; `None` if they have none.
    pub(super) pic_struct_at: Option<u32>,
    /// `max_num_ref_frames` or `sps_max_dec_pic_buffering_minus1` of the highest layer.
    pub max_ref_frames: u32,
    /// `max_num_reorder_frames`, if said.
    pub max_reorder: Option<u32>,
    /// Empty if absent.
    pub vui: Vui,
}

/// A short-term reference picture set (23008-2, 7.4.8): pictures that are kept, by the difference of their order counts
/// to that of the picture, and whether it refers to them itself. Those before it come first, the nearest first.
pub(super) type ReferenceSet = Vec<(i64, bool)>;

/// The parameters that the syntax of slice headers depends on (14496-10, 7.3.3; 23008-2, 7.3.6.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PictureOrder {
    /// `separate_colour_plane_flag`.
    pub(super) separate_planes: bool,
    /// Bits of `pic_order_cnt_lsb`; 0 for other types than 0.
    pub(super) lsb_bits: u32,
    /// `pic_order_cnt_type` 1 with differences in slice headers.
    pub(super) deltas: bool,
    /// `offset_for_top_to_bottom_field` of type 1.
    pub(super) bottom_offset: i64,
}

/// Video usability information.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vui {
    /// Sample aspect ratio, width to height; absent if unspecified.
    pub aspect_ratio: Option<(u16, u16)>,
    /// 5 is unspecified.
    pub video_format: Option<u8>,
    /// `video_full_range_flag`.
    pub full_range: bool,
    /// `colour_primaries` and so on.
    pub colour: Option<Colour>,
    /// `chroma_sample_loc_type` of the top and the bottom field.
    pub chroma_location: Option<(u8, u8)>,
    /// Clock of the pictures.
    pub timing: Option<Timing>,
}

/// A clock: `time_scale / num_units_in_tick` ticks per second. H.264 counts two ticks a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// Units of `time_scale` in a tick.
    pub num_units_in_tick: u32,
    /// Units per second.
    pub time_scale: u32,
    /// `fixed_frame_rate_flag`; HEVC has none.
    pub fixed_frame_rate: bool,
}

/// The ids in a picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParameterIds {
    /// Its own.
    pub pps: u32,
    /// Of the sequence parameter set that it refers to.
    pub sps: u32,
}

impl Vui {
    /// The display of pictures with this information in a container with `look`: players obey the container's
    /// pixel shape, and its colours where the pictures name none.
    #[must_use]
    pub fn shown_as(&self, look: &Look) -> Self {
        let mut both = self.clone();
        let said = self.aspect_ratio.unwrap_or((1, 1));
        if let Some(meant) = look.aspect_ratio.filter(|meant| !same_ratio(*meant, said)) {
            both.aspect_ratio = Some(meant);
        }
        let nothing = |colour: &Colour| [colour.primaries, colour.transfer, colour.matrix] == [2; 3];
        if self.colour.is_none_or(|colour| nothing(&colour))
            && let Some(colour) = look.colour.filter(|colour| !nothing(colour))
        {
            both.colour = Some(colour);
            if self.video_format.is_none() {
                both.full_range = look.full_range.unwrap_or(false);
            }
            // 5 is "unspecified".
            both.video_format = self.video_format.or(Some(5));
        }
        both
    }
}

fn same_ratio(one: (u16, u16), other: (u16, u16)) -> bool {
    u32::from(one.0) * u32::from(other.1) == u32::from(one.1) * u32::from(other.0)
}

impl ParameterIds {
    /// Reads the ids of a picture parameter set NAL unit, header included.
    ///
    /// # Errors
    /// [`NalError::WrongKind`] for another NAL unit, [`NalError::Truncated`], [`NalError::Illegal`].
    pub fn parse(codec: VideoCodec, unit: &[u8]) -> Result<Self, NalError> {
        let (kind, header, last_own, last_referred) = match codec {
            VideoCodec::H264 => (kinds::avc::PPS, 8, 255, 31),
            VideoCodec::Hevc => (kinds::hevc::PPS, 16, 63, 15),
        };
        if super::unit_type(codec, unit) != Some(kind) {
            return Err(NalError::WrongKind);
        }
        let mut bits = Bits::nal(unit);
        bits.skip(header)?;
        Ok(Self { pps: bits.ue(last_own, "pps_id")?, sps: bits.ue(last_referred, "sps_id")? })
    }
}

/// A rectangle's four offsets in the order left, right, top, bottom.
pub(super) type Offsets = [u32; 4];

/// Coded size less cropping, which counts in units of `(horizontal, vertical)` pixels.
pub(super) fn cropped(coded: (u32, u32), offsets: Offsets, unit: (u32, u32)) -> Result<(u32, u32), NalError> {
    let [left, right, top, bottom] = offsets;
    let less = |size: u32, a: u32, b: u32, unit: u32| {
        size.checked_sub(a.checked_add(b)?.checked_mul(unit)?).filter(|size| *size > 0)
    };
    less(coded.0, left, right, unit.0)
        .zip(less(coded.1, top, bottom, unit.1))
        .ok_or(NalError::Illegal("cropping"))
}

/// The part of the VUI up to the chroma location, which both standards share (E.1.1, E.2.1).
pub(super) fn vui_head(bits: &mut Bits<'_>, vui: &mut Vui) -> Result<(), NalError> {
    look(bits, vui)?;
    if bits.flag()? {
        let mut location = || Ok(u8::try_from(bits.ue(5, "chroma_sample_loc_type")?).unwrap_or(0));
        vui.chroma_location = Some((location()?, location()?));
    }
    Ok(())
}

/// Pixel shape, range and colour, which come first. Returns `overscan_appropriate_flag`.
pub(super) fn look(bits: &mut Bits<'_>, vui: &mut Vui) -> Result<Option<bool>, NalError> {
    if bits.flag()? {
        vui.aspect_ratio = aspect_ratio(bits)?;
    }
    let overscan = if bits.flag()? { Some(bits.flag()?) } else { None };
    if bits.flag()? {
        vui.video_format = Some(bits.small(3)?);
        vui.full_range = bits.flag()?;
        if bits.flag()? {
            vui.colour =
                Some(Colour { primaries: bits.small(8)?, transfer: bits.small(8)?, matrix: bits.small(8)? });
        }
    }
    Ok(overscan)
}

/// Table E-1.
fn aspect_ratio(bits: &mut Bits<'_>) -> Result<Option<(u16, u16)>, NalError> {
    const RATIOS: [(u16, u16); 16] = [
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    let ratio = match bits.small(8)? {
        255 => {
            let mut side = || bits.bits(16).map(|side| u16::try_from(side).unwrap_or(0));
            Some((side()?, side()?))
        }
        index => usize::from(index).checked_sub(1).and_then(|index| RATIOS.get(index)).copied(),
    };
    Ok(ratio.filter(|(width, height)| *width > 0 && *height > 0))
}

pub(super) fn clock(bits: &mut Bits<'_>) -> Result<Timing, NalError> {
    Ok(Timing { num_units_in_tick: bits.bits(32)?, time_scale: bits.bits(32)?, fixed_frame_rate: false })
}
