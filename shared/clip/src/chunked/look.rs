//! The look that all chunks of a clip have in common, as their plan writes it.

use export_media::display::{Colour, Matrix};
use export_media::nal::VideoCodec;
use export_media::picture::{PictureFormat, PixelFormat};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The look of a clip, as a plan writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChunkLook {
    /// The recorded sample entry that the clip's looks like, in hexadecimal digits.
    pub(crate) entry: String,
    pub(crate) format: LookFormat,
    /// `h264` or `h265`.
    pub(crate) codec: String,
    pub(crate) timescale: u32,
    pub(crate) frame_ticks: u32,
    /// The longest picture of the first segment, in ticks.
    pub(crate) longest: u32,
    /// Encoders side by side, and threads of each: what they give depends on them.
    pub(crate) at_once: usize,
    pub(crate) threads: usize,
    pub(crate) frugal: bool,
    /// Bits a second, of all chunks.
    pub(crate) max_bitrate: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LookFormat {
    width: u32,
    height: u32,
    pixels: String,
    aspect_ratio: Option<(u16, u16)>,
    /// Primaries, transfer characteristics and matrix coefficients.
    colour: Option<(u8, u8, u8)>,
    full_range: bool,
    interlaced: bool,
    bottom_first: bool,
    matrix: [i32; 9],
}

impl LookFormat {
    pub(crate) fn of(format: &PictureFormat) -> Self {
        let PictureFormat { width, height, pixels, aspect_ratio, colour, full_range, .. } = *format;
        Self {
            width,
            height,
            pixels: pixels.name.to_owned(),
            aspect_ratio,
            colour: colour.map(|colour| (colour.primaries, colour.transfer, colour.matrix)),
            full_range,
            interlaced: format.interlaced,
            bottom_first: format.bottom_first,
            matrix: format.matrix.0,
        }
    }

    pub(crate) fn read(&self) -> Option<PictureFormat> {
        let colour = self.colour.map(|(primaries, transfer, matrix)| Colour { primaries, transfer, matrix });
        Some(PictureFormat {
            width: self.width,
            height: self.height,
            pixels: PixelFormat::named(&self.pixels)?,
            aspect_ratio: self.aspect_ratio,
            colour,
            full_range: self.full_range,
            interlaced: self.interlaced,
            bottom_first: self.bottom_first,
            matrix: Matrix(self.matrix),
        })
    }
}

/// The name of a codec in a plan.
pub(crate) fn codec_name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "h264",
        VideoCodec::Hevc => "h265",
    }
}

/// The codec with that name.
pub(crate) fn codec_named(name: &str) -> Option<VideoCodec> {
    [VideoCodec::H264, VideoCodec::Hevc].into_iter().find(|codec| codec_name(*codec) == name)
}

/// Two digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of such a text.
pub(crate) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_were_written() {
        for bytes in [&[][..], &[0, 1, 0x7f, 0x80, 0xff]] {
            assert_eq!(bytes_of(&hexadecimal(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!([bytes_of("0"), bytes_of("0g"), bytes_of("é")], [None, None, None]);
    }

    #[test]
    fn a_codec_has_the_name_that_it_is_read_by() {
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            assert_eq!(codec_named(codec_name(codec)), Some(codec));
        }
    }

    #[test]
    fn a_format_is_read_as_it_was_written() {
        let format = PictureFormat {
            width: 1920,
            height: 1080,
            pixels: PixelFormat::named("yuv420p10le").unwrap(),
            aspect_ratio: Some((4, 3)),
            colour: Some(Colour { primaries: 9, transfer: 16, matrix: 8 }),
            full_range: true,
            interlaced: true,
            bottom_first: true,
            matrix: Matrix([0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000]),
        };
        assert_eq!(LookFormat::of(&format).read(), Some(format));
    }
}
