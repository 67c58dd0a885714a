//! The properties of a recording's pictures that encoders and raw frames need.

use crate::display::{Look, Matrix};
use crate::fmp4::{Codec, SampleEntry};
use crate::nal::{
    Colour, Continuity, NalError, Sps, VideoCodec, bottom_field_first, kinds, map_units, nals, push_annex_b,
    unit_type, with_look,
};
use bytes::Bytes;

/// Everything that a decoder must be told before its first sample, and how samples are packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// Which decoder.
    pub codec: VideoCodec,
    /// Bytes of each NAL unit's length.
    pub nal_length_size: usize,
    /// The parameter sets; empty if they come in the samples.
    pub sets: Vec<Bytes>,
    /// The sample entry that it is written in.
    pub entry: SampleEntry,
    /// The look by the entry's other boxes; its parameter sets say the same.
    pub look: Look,
}

/// Layout of a raw picture, as ffmpeg names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// ffmpeg's name.
    pub name: &'static str,
    /// Bytes of one sample.
    depth_bytes: usize,
    /// Chroma columns and rows for two of luma.
    chroma: (usize, usize),
}

/// Size, layout and meaning of raw pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFormat {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Layout.
    pub pixels: PixelFormat,
    /// Sample aspect ratio, if said.
    pub aspect_ratio: Option<(u16, u16)>,
    /// Colour description, if said.
    pub colour: Option<Colour>,
    /// Full instead of video range.
    pub full_range: bool,
    /// Fields rather than frames may be coded.
    pub interlaced: bool,
    /// The bottom field of an interlaced picture is shown first.
    pub bottom_first: bool,
    /// The turn of the pictures for display.
    pub matrix: Matrix,
}

const FORMATS: [(u8, bool, PixelFormat); 6] = [
    (1, false, PixelFormat { name: "yuv420p", depth_bytes: 1, chroma: (1, 1) }),
    (1, true, PixelFormat { name: "yuv420p10le", depth_bytes: 2, chroma: (1, 1) }),
    (2, false, PixelFormat { name: "yuv422p", depth_bytes: 1, chroma: (1, 2) }),
    (2, true, PixelFormat { name: "yuv422p10le", depth_bytes: 2, chroma: (1, 2) }),
    (3, false, PixelFormat { name: "yuv444p", depth_bytes: 1, chroma: (2, 2) }),
    (3, true, PixelFormat { name: "yuv444p10le", depth_bytes: 2, chroma: (2, 2) }),
];

impl PixelFormat {
    /// The layout with ffmpeg's `name`, if pictures are read in it.
    pub fn named(name: &str) -> Option<Self> {
        FORMATS.iter().map(|(.., format)| *format).find(|format| format.name == name)
    }
}

/// Largest picture that is decoded, in pixels (8K).
const MAX_PIXELS: u64 = 8192 * 4608;

impl Continuity {
    /// Of pictures that follow the parameter sets of `config`, and those that come in band.
    pub fn new(config: &DecoderConfig) -> Self {
        Self::after(config.codec, &config.sets)
    }
}

impl DecoderConfig {
    /// From a sample entry; `None` if it is neither H.264 nor HEVC.
    ///
    /// Its parameter sets are made to say what the entry's boxes say of pixel shape and colours.
    pub fn of(entry: &SampleEntry) -> Option<Self> {
        let amended = entry.with_look_in_sets();
        let entry = amended.as_ref().unwrap_or(entry);
        let (codec, nal_length_size, sets): (_, _, Vec<Bytes>) = match &entry.codec {
            Codec::H264 { nal_length_size, sps, pps } => {
                (VideoCodec::H264, *nal_length_size, sps.iter().chain(pps).cloned().collect())
            }
            Codec::Hevc { nal_length_size, vps, sps, pps } => {
                (VideoCodec::Hevc, *nal_length_size, vps.iter().chain(sps).chain(pps).cloned().collect())
            }
            _ => return None,
        };
        Some(Self { codec, nal_length_size, sets, entry: entry.clone(), look: entry.look() })
    }

    /// The parameter sets in Annex B form.
    pub fn annex_b(&self) -> Vec<u8> {
        let mut sets = Vec::new();
        for set in &self.sets {
            push_annex_b(set, &mut sets);
        }
        sets
    }

    /// A sample of which the parameter sets say the same as those of the entry. One that cannot be read stays as it is.
    pub fn amended(&self, sample: &Bytes) -> Bytes {
        let (codec, size) = (self.codec, self.nal_length_size);
        let amend = |unit: &[u8]| if is_sps(codec, unit) { with_look(codec, unit, &self.look) } else { None };
        if !nals(sample, size).flatten().any(|unit| amend(unit).is_some()) {
            return sample.clone();
        }
        map_units(sample, size, amend).map_or_else(|_| sample.clone(), Bytes::from)
    }

    /// The sequence parameter set, from `sample` or, if it has none, from the sample entry: what comes in band later
    /// replaces what was there before.
    ///
    /// # Errors
    /// [`NalError`] if there is none that can be read.
    pub fn sps(&self, sample: &[u8]) -> Result<Sps, NalError> {
        let described = self.sets.iter().map(AsRef::as_ref).find(|unit| is_sps(self.codec, unit));
        self.sps_in_band(sample)
            .or_else(|| Some(Sps::parse(self.codec, described?)))
            .unwrap_or(Err(NalError::Truncated))
    }

    /// The sequence parameter set in a sample; `None` if it has none.
    pub fn sps_in_band(&self, sample: &[u8]) -> Option<Result<Sps, NalError>> {
        let units = nals(sample, self.nal_length_size);
        let unit = units.flatten().find(|unit| is_sps(self.codec, unit))?;
        Some(Sps::parse(self.codec, unit))
    }

    /// The order of this picture's fields, `true` for the bottom field first; `None` if nothing says so.
    pub fn bottom_first(&self, sps: &Sps, sample: &[u8]) -> Option<bool> {
        let sets = self.sets.iter().map(AsRef::as_ref);
        bottom_field_first(self.codec, sps, sets, sample, self.nal_length_size).or(self.look.bottom_first)
    }
}

fn is_sps(codec: VideoCodec, unit: &[u8]) -> bool {
    let wanted = match codec {
        VideoCodec::H264 => kinds::avc::SPS,
        VideoCodec::Hevc => kinds::hevc::SPS,
    };
    unit_type(codec, unit) == Some(wanted)
}

impl PictureFormat {
    /// `None` for a chroma format or bit depth that no encoder here takes, or an absurd size.
    pub fn of(sps: &Sps) -> Option<Self> {
        let depth = sps.bit_depth_luma.max(sps.bit_depth_chroma);
        if !matches!(depth, 8..=10) || u64::from(sps.width) * u64::from(sps.height) > MAX_PIXELS {
            return None;
        }
        let (chroma, deep) = (sps.chroma_format_idc.max(1), depth > 8);
        let (_, _, pixels) = FORMATS.into_iter().find(|(idc, ten, _)| *idc == chroma && *ten == deep)?;
        Some(Self {
            width: sps.width,
            height: sps.height,
            pixels,
            aspect_ratio: sps.vui.aspect_ratio.filter(|(w, h)| *w > 0 && *h > 0),
            colour: sps.vui.colour,
            full_range: sps.vui.full_range,
            // A field that is a picture of its own has no lines of another.
            interlaced: sps.interlaced && !sps.field_pictures,
            bottom_first: false,
            matrix: Matrix::default(),
        })
    }

    /// Of 8 bits in 4:2:0, of which nothing is said.
    #[cfg(test)]
    pub(crate) fn plain(width: u32, height: u32) -> Self {
        let [(.., pixels), ..] = FORMATS;
        Self {
            width,
            height,
            pixels,
            aspect_ratio: None,
            colour: None,
            full_range: false,
            interlaced: false,
            bottom_first: false,
            matrix: Matrix::default(),
        }
    }

    /// Width and height for display in square pixels.
    pub fn display_size(&self) -> (u16, u16) {
        let (horizontal, vertical) = self.aspect_ratio.unwrap_or((1, 1));
        let width = u64::from(self.width) * u64::from(horizontal) / u64::from(vertical.max(1));
        (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(self.height).unwrap_or(u16::MAX))
    }

    /// The size of these pictures within a picture of `other`, as large as fits and of their own shape.
    pub(crate) fn fitted(&self, other: &Self) -> (u32, u32) {
        let shape = |format: &Self| {
            let (across, down) = format.aspect_ratio.unwrap_or((1, 1));
            (u128::from(format.width) * u128::from(across), u128::from(format.height) * u128::from(down))
        };
        let ((own_width, own_height), (width, height)) = (shape(self), shape(other));
        // Of the other's width if both are equally high, and of its height if both are equally wide.
        let (columns, rows) = (own_width * height, own_height * width);
        let least = columns.min(rows);
        // A hundredth is not seen, and what rounding to whole macroblocks leaves.
        if columns.abs_diff(rows) * 100 <= least || least == 0 {
            return (other.width, other.height);
        }
        let even = |size: u32, part: u128, whole: u128| {
            let fitted = u128::from(size) * part / whole.max(1);
            u32::try_from(fitted).unwrap_or(size).max(2) & !1
        };
        if columns < rows {
            (even(other.width, columns, rows), other.height)
        } else {
            (other.width, even(other.height, rows, columns))
        }
    }

    /// Bytes of one raw picture.
    pub fn frame_bytes(&self) -> usize {
        let size = |pixels: u32| usize::try_from(pixels).unwrap_or_default();
        let (width, height) = (size(self.width), size(self.height));
        let (columns, rows) = self.pixels.chroma;
        let chroma = (width * columns).div_ceil(2) * (height * rows).div_ceil(2);
        (width * height + 2 * chroma) * self.pixels.depth_bytes
    }

    /// Pixels of one picture.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(name: &str, width: u32, height: u32) -> PictureFormat {
        let (_, _, pixels) = FORMATS.into_iter().find(|(_, _, p)| p.name == name).unwrap();
        PictureFormat { pixels, ..PictureFormat::plain(width, height) }
    }

    #[test]
    fn raw_pictures_have_the_size_that_ffmpeg_gives_them() {
        assert_eq!(format("yuv420p", 1920, 1080).frame_bytes(), 3_110_400);
        assert_eq!(format("yuv420p10le", 1920, 1080).frame_bytes(), 6_220_800);
        assert_eq!(format("yuv422p", 640, 360).frame_bytes(), 460_800);
        assert_eq!(format("yuv444p", 640, 360).frame_bytes(), 691_200);
        assert_eq!(format("yuv420p", 427, 241).frame_bytes(), 427 * 241 + 2 * 214 * 121);
    }

    #[test]
    fn pictures_of_another_shape_are_not_stretched() {
        let wide = format("yuv420p", 1920, 1080);
        let anamorphic = PictureFormat { aspect_ratio: Some((64, 45)), ..format("yuv420p", 720, 576) };
        let square = format("yuv420p", 640, 480);
        assert_eq!(format("yuv420p", 256, 144).fitted(&wide), (1920, 1080));
        assert_eq!(format("yuv420p", 1280, 720).fitted(&format("yuv420p", 1920, 1088)), (1920, 1088));
        assert_eq!([anamorphic.fitted(&wide), wide.fitted(&anamorphic)], [(1920, 1080), (720, 576)]);
        assert_eq!([square.fitted(&wide), wide.fitted(&square)], [(1440, 1080), (640, 360)]);
        assert_eq!(square.fitted(&anamorphic), (540, 576));
        assert_eq!(format("yuv420p", 1, 16_000).fitted(&square), (2, 480));
    }
}
