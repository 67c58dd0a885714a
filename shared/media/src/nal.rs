//! NAL units of H.264 (ISO/IEC 14496-10) and HEVC (ISO/IEC 23008-2): splitting, classifying, parameter sets.
//!
//! Containers lie about random access, so a cut asks the NAL unit types. Only headers are read; nothing is decoded.

mod bits;
mod classify;
mod continuity;
mod h264;
mod hevc;
mod ids;
pub mod kinds;
mod sei;
mod sets;
mod splice;
mod sps;

#[cfg(test)]
mod sps_tests;
#[cfg(test)]
mod tests;

pub use crate::display::Colour;
#[cfg(test)]
pub(crate) use bits::BitWriter;
pub(crate) use bits::{Bits, unescaped};
pub use classify::{
    Leading, Picture, RandomAccess, bottom_field_first, classify, is_interlaced, is_one_unit, may_start,
};
pub use continuity::{Continuity, Damage};
pub(crate) use ids::{
    SetKind, can_replace, is_layered_slice, set_ids, slice_set, with_set_ids, with_slice_set,
};
pub(crate) use sei::without_set_ids;
pub use sei::{
    dolby_vision, fields_message, kept_messages, lost_metadata, orientation_message, relit_messages,
    sequence_messages, with_messages, with_trailing,
};
pub(crate) use sets::{with_look, without_restrictions};
pub use splice::{as_bla, in_band, parameter_sets};
pub(crate) use splice::{map_units, push_unit};
pub use sps::{ParameterIds, Sps, Timing, Vui};

/// As [`hevc::flagged_interlaced`].
pub(crate) fn flagged_interlaced(unit: &[u8]) -> Option<Vec<u8>> {
    hevc::flagged_interlaced(unit)
}

/// A picture of H.264 that is one field of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodedField {
    bottom: bool,
    /// `frame_num`, which both fields of a frame have.
    number: u32,
    idr: bool,
}

impl CodedField {
    /// The field that a slice that follows `sps` belongs to; `None` if its picture is a frame.
    pub(crate) fn of(sps: &Sps, slice: &[u8]) -> Option<Self> {
        if !sps.interlaced {
            return None;
        }
        let fields = h264::slice_fields(sps, |_| false, slice).ok()?;
        let idr = unit_type(VideoCodec::H264, slice) == Some(kinds::avc::IDR);
        fields.field.then_some(Self { bottom: fields.bottom, number: fields.number, idr })
    }

    /// Returns `true` if `second` is the other field of the same frame.
    pub(crate) fn pairs_with(self, second: Self) -> bool {
        self.bottom != second.bottom && self.number == second.number && (self.idr || !second.idr)
    }
}

/// Which standard a NAL unit follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// ISO/IEC 14496-10.
    H264,
    /// ISO/IEC 23008-2.
    Hevc,
}

/// Why a NAL unit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NalError {
    /// A length or field reaches beyond the data.
    #[error("the data ends within a NAL unit")]
    Truncated,
    /// A length size other than 1 to 4 bytes.
    #[error("NAL unit lengths of {0} bytes")]
    LengthSize(usize),
    /// A field holds a value that the standard excludes.
    #[error("illegal value of {0}")]
    Illegal(&'static str),
    /// Not the kind of NAL unit that was asked for.
    #[error("not the expected kind of NAL unit")]
    WrongKind,
    /// Legal, but not read here.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
}

/// The NAL units of a sample, each without its length. Ends after the first error.
///
/// # Errors
/// An item is [`NalError::Truncated`] or [`NalError::LengthSize`].
pub fn nals(sample: &[u8], length_size: usize) -> impl Iterator<Item = Result<&[u8], NalError>> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = split(rest, length_size);
        rest = unit.map_or(&[], |(_, tail)| tail);
        Some(unit.map(|(unit, _)| unit))
    })
}

fn split(data: &[u8], length_size: usize) -> Result<(&[u8], &[u8]), NalError> {
    if !(1..=4).contains(&length_size) {
        return Err(NalError::LengthSize(length_size));
    }
    let (length, rest) = data.split_at_checked(length_size).ok_or(NalError::Truncated)?;
    let length = length.iter().fold(0_u32, |length, byte| length << 8 | u32::from(*byte));
    let length = usize::try_from(length).map_err(|_| NalError::Truncated)?;
    rest.split_at_checked(length).ok_or(NalError::Truncated)
}

/// Appends a sample to an Annex B byte stream, with four-byte start codes. On an error `out` is as before.
///
/// # Errors
/// As [`nals`].
pub fn to_annex_b(sample: &[u8], length_size: usize, out: &mut Vec<u8>) -> Result<(), NalError> {
    let before = out.len();
    for unit in nals(sample, length_size) {
        match unit {
            Ok(unit) => push_annex_b(unit, out),
            Err(error) => {
                out.truncate(before);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Appends one NAL unit, such as a parameter set, to an Annex B byte stream.
pub fn push_annex_b(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(unit);
}

/// `nal_unit_type`; `None` for an empty unit.
pub fn unit_type(codec: VideoCodec, unit: &[u8]) -> Option<u8> {
    let first = unit.first()?;
    Some(match codec {
        VideoCodec::H264 => first & 0x1f,
        VideoCodec::Hevc => first >> 1 & 0x3f,
    })
}
