//! The classification of samples: starts, leading pictures, references.

use super::kinds::{avc, hevc};
use super::{Bits, NalError, Sps, VideoCodec, h264, nals, sei, unit_type};

/// Largest `frame_num` (7.4.3).
const MAX_FRAME_NUM: u32 = 65_535;

/// The way in which a decoder can start with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RandomAccess {
    /// Nothing after it refers to anything before it; HEVC: it may still have RADL pictures.
    Idr,
    /// HEVC: leading pictures may refer to what came before.
    Cra,
    /// HEVC: as CRA, after a splice.
    Bla,
    /// H.264: an intra picture from which on all pictures in output order are right (open GOP).
    RecoveryPoint,
    /// Not here.
    None,
}

/// HEVC pictures that follow a random access picture in decoding order and precede it in output order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leading {
    /// Not a leading picture, or H.264, which does not say.
    No,
    /// Decodable after starting at the random access picture.
    Radl,
    /// Not decodable after starting there.
    Rasl,
}

/// The information in the NAL unit headers of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Picture {
    /// The way to start here.
    pub random_access: RandomAccess,
    /// Leading pictures are dropped with the start that they precede.
    pub leading: Leading,
    /// Other pictures may refer to it. HEVC: pictures of its own temporal layer, so a false one may be left out only
    /// if no picture has a higher `temporal_id`.
    pub reference: bool,
    /// HEVC temporal layer, 0 for H.264.
    pub temporal_id: u8,
    /// Parameter sets come in the sample itself.
    pub parameter_sets: bool,
    /// The number of slice (segment) NAL units; 0 is not a picture.
    pub slices: u32,
    /// H.264: how many reference pictures from this one on a decoder that starts here takes until all that follow in
    /// output order are right (gradual decoder refresh); 0 if the picture does not say so.
    pub recovery: u32,
    /// H.264: all of its slices may be predicted from pictures on both sides of it, so it may be a leading picture.
    pub bipredicted: bool,
}

impl Picture {
    /// Not a picture: there is nothing to decode.
    pub const NOTHING: Self = Self {
        random_access: RandomAccess::None,
        leading: Leading::No,
        reference: false,
        temporal_id: 0,
        parameter_sets: false,
        slices: 0,
        recovery: 0,
        bipredicted: false,
    };
}

/// Classifies a sample of length-prefixed NAL units.
///
/// `sync` is what the container says. It matters for H.264 only: an all-intra picture that is not an IDR and has no
/// recovery point message counts as [`RandomAccess::RecoveryPoint`] if the container marks it.
///
/// # Errors
/// As [`nals`]; headers that are cut off count as nothing.
pub fn classify(
    codec: VideoCodec,
    sample: &[u8],
    length_size: usize,
    sync: bool,
) -> Result<Picture, NalError> {
    match codec {
        VideoCodec::H264 => h264(sample, length_size, sync),
        VideoCodec::Hevc => hevc(sample, length_size),
    }
}

/// Returns `true` if decoding may start with a picture, or a gradual refresh with it, to the extent that the
/// `beginning` of the sample tells.
pub fn may_start(codec: VideoCodec, beginning: &[u8], length_size: usize) -> bool {
    let mut rest = beginning;
    while let Some((length, following)) = rest.split_at_checked(length_size.clamp(1, 4)) {
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, behind) = following.split_at_checked(length).unwrap_or((following, &[]));
        match (codec, unit_type(codec, unit)) {
            (VideoCodec::H264, Some(avc::SEI))
                if recovery_point(unit.get(1..).unwrap_or_default()).is_some() =>
            {
                return true;
            }
            (VideoCodec::H264, Some(avc::SLICE | avc::PARTITION_A))
            | (VideoCodec::Hevc, Some(hevc::TRAIL_N..=hevc::RASL_R)) => return false,
            (VideoCodec::H264, Some(avc::IDR))
            | (VideoCodec::Hevc, Some(hevc::BLA_W_LP..=hevc::RESERVED_IRAP_23)) => return true,
            _ => rest = behind,
        }
    }
    true
}

fn h264(sample: &[u8], length_size: usize, sync: bool) -> Result<Picture, NalError> {
    let mut picture = Picture::NOTHING;
    let (mut idr, mut recovery, mut intra, mut bipredicted) = (false, None, true, true);
    for unit in nals(sample, length_size) {
        let unit = unit?;
        let Some((header, payload)) = unit.split_first() else { continue };
        match header & 0x1f {
            kind @ (avc::SLICE | avc::PARTITION_A | avc::IDR) => {
                picture.slices = picture.slices.saturating_add(1);
                picture.reference |= header & 0x60 != 0;
                idr |= kind == avc::IDR;
                let kind = slice_type(payload);
                intra &= matches!(kind, Some(2 | 4));
                bipredicted &= kind == Some(1);
            }
            avc::SEI => recovery = recovery.or_else(|| recovery_point(payload)),
            avc::SPS | avc::PPS => picture.parameter_sets = true,
            _ => {}
        }
    }
    picture.bipredicted = bipredicted && picture.slices > 0;
    if idr {
        picture.random_access = RandomAccess::Idr;
    } else if picture.slices > 0 && (recovery == Some(0) || (sync && intra)) {
        picture.random_access = RandomAccess::RecoveryPoint;
    } else if picture.slices > 0 {
        picture.recovery = recovery.unwrap_or(0);
    }
    Ok(picture)
}

/// Returns `true` if a byte stream of such samples is split into access units where the samples end (14496-10 and
/// 23008-2, 7.4.2.4.4 and B.2): the sample holds one first slice, nothing behind it that begins another unit, and no
/// start code.
pub fn is_one_unit(codec: VideoCodec, sample: &[u8], length_size: usize) -> bool {
    let mut begun = false;
    for unit in nals(sample, length_size) {
        let Ok(unit) = unit else { return false };
        if unit.windows(3).any(|bytes| bytes == [0, 0, 1]) {
            return false;
        }
        let Some(kind) = unit_type(codec, unit) else { return false };
        let (slice, begins) = match codec {
            VideoCodec::H264 => (
                matches!(kind, avc::SLICE | avc::PARTITION_A | avc::IDR),
                matches!(kind, avc::SEI..=avc::DELIMITER | avc::PREFIX..=avc::RESERVED_18),
            ),
            VideoCodec::Hevc if is_enhancement(unit) => return false,
            VideoCodec::Hevc => {
                // Behind the sets: the prefix SEI message, and types that are reserved or left to others (7.4.2.4.4).
                let begins = matches!(kind, hevc::VPS..=hevc::DELIMITER | 39 | 41..=44 | 48..=55);
                (matches!(kind, hevc::TRAIL_N..=hevc::RASL_R | hevc::BLA_W_LP..=hevc::CRA), begins)
            }
        };
        if (begins && begun) || (slice && is_first_slice(codec, unit) == begun) {
            return false;
        }
        begun |= slice;
    }
    begun
}

/// `nuh_layer_id` other than 0.
fn is_enhancement(unit: &[u8]) -> bool {
    matches!(unit, [first, second, ..] if first & 1 != 0 || second & 0xf8 != 0)
}

/// `first_mb_in_slice` of 0, or `first_slice_segment_in_pic_flag`.
fn is_first_slice(codec: VideoCodec, unit: &[u8]) -> bool {
    let header = match codec {
        VideoCodec::H264 => 1,
        VideoCodec::Hevc => 2,
    };
    unit.get(header).is_some_and(|byte| byte & 0x80 != 0)
}

/// Returns `true` if an H.264 picture is coded in fields: as two of them, or as one frame of which each macroblock may
/// be a pair.
///
/// # Errors
/// As [`nals`], and for a slice header that is cut off.
pub fn is_interlaced(sps: &Sps, sample: &[u8], length_size: usize) -> Result<bool, NalError> {
    for unit in nals(sample, length_size) {
        let unit = unit?;
        if matches!(unit.first().map(|header| header & 0x1f), Some(avc::SLICE | avc::PARTITION_A | avc::IDR))
        {
            return Ok(sps.mbaff || h264::is_field(sps, unit)?);
        }
    }
    Ok(false)
}

/// Returns `true` if the bottom field of a picture is shown before its top field, by its slice header or else by its
/// picture timing message (14496-10, 7.3.3 and D.1.3; 23008-2, D.2.3); `None` if neither says so. `sets` are the
/// parameter sets outside the sample.
pub fn bottom_field_first<'a>(
    codec: VideoCodec,
    sps: &Sps,
    sets: impl IntoIterator<Item = &'a [u8]>,
    sample: &'a [u8],
    length_size: usize,
) -> Option<bool> {
    let units: Vec<&[u8]> = nals(sample, length_size).filter_map(Result::ok).collect();
    let slice = units.iter().find(|unit| super::splice::is_slice(codec, unit))?;
    if codec == VideoCodec::H264 {
        let sets = units.iter().copied().chain(sets);
        let orders: Vec<(u32, bool)> = sets
            .filter(|unit| unit_type(codec, unit) == Some(avc::PPS))
            .filter_map(|unit| h264::bottom_order(unit).ok())
            .collect();
        let told = |pps| orders.contains(&(pps, true));
        let fields = h264::slice_fields(sps, told, slice).ok()?;
        if fields.field {
            return Some(fields.bottom);
        }
        if fields.bottom_delay != 0 {
            return Some(fields.bottom_delay < 0);
        }
    }
    let at = sps.pic_struct_at?;
    let message = units.iter().find_map(|unit| sei::message(codec, unit, sei::PICTURE_TIMING))?;
    let mut bits = Bits::raw(&message);
    bits.skip(at).ok()?;
    match bits.small(4).ok()? {
        // 9 and 10 are single fields of HEVC that are paired with the one before them.
        1 | 3 | 5 | 10 | 11 => Some(false),
        2 | 4 | 6 | 9 | 12 => Some(true),
        _ => None,
    }
}

/// `slice_type` of H.264 (7.4.3, table 7-6): P, B, I, SP or SI, from 0 on.
fn slice_type(payload: &[u8]) -> Option<u32> {
    let mut bits = Bits::nal(payload);
    bits.ue(u32::MAX, "first_mb_in_slice").ok()?;
    bits.ue(9, "slice_type").ok().map(|kind| kind % 5)
}

/// `recovery_frame_cnt` of a recovery point message (D.1.8): after so many frames all is right in output order.
fn recovery_point(payload: &[u8]) -> Option<u32> {
    let mut bits = Bits::nal(payload);
    while let Ok((kind, size)) = sei::header(&mut bits) {
        if kind == 6 {
            return bits.ue(MAX_FRAME_NUM, "recovery_frame_cnt").ok();
        }
        if bits.skip(size.saturating_mul(8)).is_err() {
            return None;
        }
    }
    None
}

fn hevc(sample: &[u8], length_size: usize) -> Result<Picture, NalError> {
    let mut picture = Picture::NOTHING;
    for unit in nals(sample, length_size) {
        let unit = unit?;
        let &[first, second, ..] = unit else { continue };
        // Enhancement layers are other pictures.
        if is_enhancement(unit) {
            continue;
        }
        let kind = first >> 1 & 0x3f;
        match kind {
            hevc::TRAIL_N..=hevc::RASL_R | hevc::BLA_W_LP..=hevc::CRA => {
                picture.slices = picture.slices.saturating_add(1);
                picture.temporal_id = (second & 7).saturating_sub(1);
                // Even types below 16 are sub-layer non-reference pictures (table 7-1).
                picture.reference |= kind >= hevc::BLA_W_LP || kind % 2 == 1;
                picture.leading = match kind {
                    hevc::RADL_N | hevc::RADL_R => Leading::Radl,
                    hevc::RASL_N | hevc::RASL_R => Leading::Rasl,
                    _ => Leading::No,
                };
                picture.random_access = match kind {
                    hevc::BLA_W_LP..=hevc::BLA_N_LP => RandomAccess::Bla,
                    hevc::IDR_W_RADL | hevc::IDR_N_LP => RandomAccess::Idr,
                    hevc::CRA => RandomAccess::Cra,
                    _ => RandomAccess::None,
                };
            }
            hevc::VPS..=hevc::PPS => picture.parameter_sets = true,
            _ => {}
        }
    }
    Ok(picture)
}
