//! The sample entries of a picture track whose samples come from several encoders (ISO/IEC 14496-15, clauses 5 and 8).

mod made;
mod record;
mod shared;
#[cfg(test)]
mod tests;

use crate::fmp4::{Codec, Fmp4Error, SampleEntry};
use crate::nal::{ParameterIds, Sps, VideoCodec};
use bytes::Bytes;

pub use made::{of_adts, of_dolby, of_mpeg_audio, of_parameter_sets};
pub use shared::{EntryError, SharedEntry, only_sets_removed};

/// The highest id up to 31 that no parameter set of these H.264 configurations uses, neither sequence nor picture:
/// encoders write one number into both. `None` if all are used or a set cannot be read. Sets in band are not looked at.
pub fn free_parameter_id(configs: &[&Codec]) -> Option<u32> {
    let mut used = Vec::new();
    for config in configs {
        let Codec::H264 { sps, pps, .. } = config else { continue };
        for unit in sps {
            used.push(Sps::parse(VideoCodec::H264, unit).ok()?.id);
        }
        for unit in pps {
            used.push(ParameterIds::parse(VideoCodec::H264, unit).ok()?.pps);
        }
    }
    (0..=31).rev().find(|id| !used.contains(id))
}

/// The same entry as `avc3` or `hev1`, for samples with four-byte lengths whose parameter sets are all in band: its
/// configuration record holds none.
///
/// # Errors
/// [`Fmp4Error::Unsupported`] for an entry that is neither H.264 nor HEVC, [`Fmp4Error::Truncated`].
pub fn without_parameter_sets(entry: &SampleEntry) -> Result<Bytes, Fmp4Error> {
    let record = entry.configuration()?;
    if let Codec::H264 { sps, pps, .. } = &entry.codec {
        let (head, _) = record.split_first_chunk::<4>().ok_or(Fmp4Error::Truncated)?;
        let mut bare = [&head[..], &[0xff, 0xe0, 0]].concat();
        if let Some([chroma, luma_depth, chroma_depth, ..]) = record::avc_tail(record, sps, pps) {
            bare.extend_from_slice(&[*chroma, *luma_depth, *chroma_depth, 0]);
        }
        entry.with_configuration(*b"avc3", &bare)
    } else {
        let ([head @ .., layers], _) = record.split_first_chunk::<22>().ok_or(Fmp4Error::Truncated)?;
        entry.with_configuration(*b"hev1", &[&head[..], &[*layers | 3, 0]].concat())
    }
}
