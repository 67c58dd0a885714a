//! The types of NAL units by their names in the standards.

/// `nal_unit_type` of H.264 (14496-10, table 7-1).
pub mod avc {
    /// A slice of a picture that is not an IDR picture.
    pub const SLICE: u8 = 1;
    /// Data partition A of a slice; B and C follow.
    pub const PARTITION_A: u8 = 2;
    /// A slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// A sequence parameter set.
    pub const SPS: u8 = 7;
    /// A picture parameter set.
    pub const PPS: u8 = 8;
    /// An access unit delimiter.
    pub const DELIMITER: u8 = 9;
    /// A prefix. It and the reserved types up to [`RESERVED_18`] begin an access unit (7.4.1.2.3).
    pub const PREFIX: u8 = 14;
    /// The last of the reserved types that begin an access unit.
    pub const RESERVED_18: u8 = 18;
    /// A slice of an auxiliary picture.
    pub const AUXILIARY: u8 = 19;
    /// A slice of another layer or view.
    pub const EXTENSION: u8 = 20;
    /// A slice of a depth view.
    pub const DEPTH_EXTENSION: u8 = 21;
}

/// `nal_unit_type` of HEVC (23008-2, table 7-1). Even types below 16 are sub-layer non-reference pictures.
pub mod hevc {
    /// The first of the trailing pictures.
    pub const TRAIL_N: u8 = 0;
    /// A random access decodable leading picture.
    pub const RADL_N: u8 = 6;
    /// One that others refer to.
    pub const RADL_R: u8 = 7;
    /// A random access skipped leading picture.
    pub const RASL_N: u8 = 8;
    /// One that others refer to: the last of the pictures without random access.
    pub const RASL_R: u8 = 9;
    /// A broken link; its leading pictures may be there, and those that need what came before are not output. The first
    /// of the random access pictures.
    pub const BLA_W_LP: u8 = 16;
    /// A broken link without leading pictures.
    pub const BLA_N_LP: u8 = 18;
    /// An IDR picture, perhaps with decodable leading pictures.
    pub const IDR_W_RADL: u8 = 19;
    /// An IDR picture without leading pictures.
    pub const IDR_N_LP: u8 = 20;
    /// A clean random access picture.
    pub const CRA: u8 = 21;
    /// The last of the types that are reserved for random access pictures.
    pub const RESERVED_IRAP_23: u8 = 23;
    /// The last of the types of slice segments.
    pub const RESERVED_VCL_31: u8 = 31;
    /// A video parameter set.
    pub const VPS: u8 = 32;
    /// A sequence parameter set.
    pub const SPS: u8 = 33;
    /// A picture parameter set.
    pub const PPS: u8 = 34;
    /// An access unit delimiter.
    pub const DELIMITER: u8 = 35;
}
