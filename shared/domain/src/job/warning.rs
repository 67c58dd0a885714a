//! The parts that were left out of a delivered clip, or corrected in it.

use super::Detail;
use serde::{Deserialize, Serialize};

/// The kind of a warning: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Segments that exist but cannot be read were treated as missing.
    SegmentsLeftOut,
    /// Pictures that cannot be decoded, or that are shown a second time, were left out.
    PicturesLeftOut,
    /// Pictures may be shown wrong, because slices of theirs, or pictures that they refer to, are missing.
    PicturesDamaged,
    /// Pictures of another size were scaled to the clip's size.
    PicturesScaled,
    /// Pictures that are to be shown in another way than the clip, such as turned or in other colours, were converted.
    PicturesConverted,
    /// Metadata of the recorded pictures, such as captions or HDR data, could not be kept in the encoded pictures.
    MetadataLeftOut,
    /// An audio track, or a part of one, was left out because it cannot be read or the container cannot carry it.
    #[serde(rename = "sound_left_out")]
    AudioLeftOut,
    /// Audio was encoded anew, because the container or a change of format does not allow a copy.
    #[serde(rename = "sound_encoded")]
    AudioEncoded,
    /// Audio tracks of several Periods were matched by their position, because nothing else identifies them.
    TracksMatchedByPosition,
    /// Rates, durations or times in the manifest or in the boxes contradict the media and were corrected.
    RatesCorrected,
    /// `StartTime` names another instant of the recording than `StartPos`, which counts.
    StartTimeDiffers,
    /// A window of a reel has nothing that can be shown, and was left out.
    WindowsLeftOut,
    /// A kind that only a newer version of the service knows.
    #[serde(other)]
    Unknown,
}

impl WarningCode {
    /// Its name, as it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::SegmentsLeftOut => "segments_left_out",
            Self::PicturesLeftOut => "pictures_left_out",
            Self::PicturesDamaged => "pictures_damaged",
            Self::PicturesScaled => "pictures_scaled",
            Self::PicturesConverted => "pictures_converted",
            Self::MetadataLeftOut => "metadata_left_out",
            Self::AudioLeftOut => "sound_left_out",
            Self::AudioEncoded => "sound_encoded",
            Self::TracksMatchedByPosition => "tracks_matched_by_position",
            Self::RatesCorrected => "rates_corrected",
            Self::StartTimeDiffers => "start_time_differs",
            Self::WindowsLeftOut => "windows_left_out",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that a client should know about a clip that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The kind.
    pub code: WarningCode,
    /// The number of occurrences, at least 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub count: u32,
    /// The first occurrence: which segment, track or box, and what is wrong with it. Never the name of a bucket or of
    /// another tenant.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 300))]
    pub detail: Detail,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [WarningCode; 13] = [
        WarningCode::SegmentsLeftOut,
        WarningCode::PicturesLeftOut,
        WarningCode::PicturesDamaged,
        WarningCode::PicturesScaled,
        WarningCode::PicturesConverted,
        WarningCode::MetadataLeftOut,
        WarningCode::AudioLeftOut,
        WarningCode::AudioEncoded,
        WarningCode::TracksMatchedByPosition,
        WarningCode::RatesCorrected,
        WarningCode::StartTimeDiffers,
        WarningCode::WindowsLeftOut,
        WarningCode::Unknown,
    ];

    #[test]
    fn a_codes_name_is_the_one_that_is_stored() {
        for code in ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }

    #[test]
    fn every_code_is_explained_to_clients_and_operators() {
        for page in ["infra/docs/SEMANTICS.md", "tests/openapi/tests/document/description.md"] {
            let path = format!("{}/../../{page}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            for code in ALL {
                assert!(text.contains(&format!("\n| `{}` | ", code.name())), "{page} lacks: {}", code.name());
            }
        }
    }
}
