//! What was left out of a delivered clip, or corrected in it.

use serde::{Deserialize, Serialize};

/// The kind of a [`Warning`]: a closed list, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Segments that exist but cannot be read were treated as missing.
    SegmentsLeftOut,
    /// Pictures that cannot be decoded, or that are shown a second time, were left out.
    PicturesLeftOut,
    /// Pictures of another size were scaled to the clip's size.
    PicturesScaled,
    /// Metadata of the recorded pictures, such as captions or HDR data, could not be kept in the encoded pictures.
    MetadataLeftOut,
    /// A sound track, or a part of one, was left out because it cannot be read or the container cannot carry it.
    SoundLeftOut,
    /// Sound was encoded anew, because the container or a change of format does not allow a copy.
    SoundEncoded,
    /// Sound tracks of several Periods were matched by their position, because nothing else identifies them.
    TracksMatchedByPosition,
    /// Rates, durations or times in the manifest or in the boxes contradict the media and were corrected.
    RatesCorrected,
}

/// Something that a client should know about a clip that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The kind.
    pub code: WarningCode,
    /// How often it occurred, at least 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub count: u32,
    /// The first occurrence: which segment, track or box, and what is wrong with it. Never the name of a bucket or of
    /// another tenant.
    pub detail: String,
}
