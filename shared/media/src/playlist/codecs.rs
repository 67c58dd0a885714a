//! The names of codecs that manifests use (RFC 6381).

use crate::fmp4::{Codec, SampleEntry};

/// The name of what a sample entry describes; `None` if this module does not know it.
pub fn codecs(entry: &SampleEntry) -> Option<String> {
    let name = match &entry.codec {
        Codec::H264 { .. } => {
            let [_, profile, constraints, level, ..] = entry.configuration().ok()? else { return None };
            let kind = if entry.fourcc == *b"avc3" { "avc3" } else { "avc1" };
            format!("{kind}.{profile:02x}{constraints:02x}{level:02x}")
        }
        Codec::Aac { object_type, .. } => format!("mp4a.40.{object_type}"),
        Codec::Ac3 => "ac-3".to_owned(),
        Codec::Eac3 => "ec-3".to_owned(),
        Codec::Opus => "opus".to_owned(),
        Codec::MpegAudio => "mp4a.6b".to_owned(),
        Codec::Hevc { .. } | Codec::Other => return None,
    };
    Some(name)
}
