//! Sequence parameter sets of either standard: read, and written anew with a few fields changed.

use super::bits::{BitWriter, escaped, unescaped};
use super::sps::{Sps, Vui, look};
use super::{Bits, NalError, VideoCodec, h264, hevc};
use crate::display::Look;

impl Sps {
    /// Reads a sequence parameter set NAL unit, header included.
    ///
    /// # Errors
    /// [`NalError::WrongKind`] for another NAL unit, else what the contents deserve.
    ///
    /// A VUI that ends early or holds an illegal value counts to the extent that it can be read: decoders show such
    /// pictures.
    pub fn parse(codec: VideoCodec, unit: &[u8]) -> Result<Self, NalError> {
        let mut bits = Bits::nal(unit);
        let mut sps = Self::before_vui(codec, &mut bits)?;
        if bits.flag()? {
            let read = match codec {
                VideoCodec::H264 => h264::vui(&mut bits, &mut sps),
                VideoCodec::Hevc => hevc::vui(&mut bits, &mut sps),
            };
            if (read.is_err() || !has_stop_bit(&mut bits)) && codec == VideoCodec::H264 {
                sps.max_reorder = None;
            }
        }
        Ok(sps)
    }

    /// All up to `vui_parameters_present_flag`.
    fn before_vui(codec: VideoCodec, bits: &mut Bits<'_>) -> Result<Self, NalError> {
        match codec {
            VideoCodec::H264 => h264::sps(bits),
            VideoCodec::Hevc => hevc::sps(bits),
        }
    }
}

/// Without a stop bit behind them there were no last fields.
fn has_stop_bit(bits: &mut Bits<'_>) -> bool {
    std::iter::from_fn(|| bits.flag().ok()).any(|bit| bit)
}

/// Returns `true` if an H.264 VUI ends before its syntax does.
fn ends_early(mut bits: Bits<'_>, sps: &mut Sps) -> bool {
    match h264::vui(&mut bits, sps) {
        Ok(()) => !has_stop_bit(&mut bits),
        Err(error) => error == NalError::Truncated,
    }
}

/// A sequence parameter set whose VUI tells pixel shape and colours as `look` does; a colour description that is there
/// stays. A VUI of H.264 that ends early is ended behind these, since decoders take such a set by itself only, not
/// among others. `None` if there is nothing to change, or it cannot be read.
pub(crate) fn with_look(codec: VideoCodec, unit: &[u8], look: &Look) -> Option<Vec<u8>> {
    let rbsp = unescaped(unit);
    let mut bits = Bits::raw(&rbsp);
    let mut sps = Sps::before_vui(codec, &mut bits).ok()?;
    let before = (rbsp.len() * 8).checked_sub(bits.remaining())?;
    let present = bits.flag().ok()?;
    let early = present && codec == VideoCodec::H264 && ends_early(bits.clone(), &mut sps);
    let (mut said, mut overscan) = (Vui::default(), None);
    if present {
        let read = self::look(&mut bits, &mut said);
        overscan = if early { read.unwrap_or_default() } else { read.ok()? };
    }
    let meant = said.shown_as(look);
    if meant == said && !early {
        return None;
    }
    let mut out = BitWriter::default();
    out.copy(&mut Bits::raw(&rbsp), before).ok()?;
    out.flag(true);
    out.flag(meant.aspect_ratio.is_some());
    if let Some((width, height)) = meant.aspect_ratio {
        out.bits(8, 255);
        out.bits(16, u32::from(width));
        out.bits(16, u32::from(height));
    }
    out.flag(overscan.is_some());
    if let Some(appropriate) = overscan {
        out.flag(appropriate);
    }
    out.flag(meant.video_format.is_some());
    if let Some(format) = meant.video_format {
        out.bits(3, u32::from(format));
        out.flag(meant.full_range);
        out.flag(meant.colour.is_some());
        for code in meant.colour.into_iter().flat_map(|c| [c.primaries, c.transfer, c.matrix]) {
            out.bits(8, u32::from(code));
        }
    }
    if !present || early {
        // The flags of all that may follow.
        let flags = match codec {
            VideoCodec::H264 => 6,
            VideoCodec::Hevc => 7,
        };
        (0..flags).for_each(|_| out.flag(false));
    }
    if early {
        out.flag(true);
    } else {
        let rest = bits.remaining();
        out.copy(&mut bits, rest).ok()?;
    }
    let mut bytes = out.bytes();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0)? + 1);
    Some(escaped(&bytes))
}

/// An H.264 sequence parameter set that says as little as a recorded one without `bitstream_restriction_flag`: decoders
/// that go by the standard expect of both that pictures are reordered to the extent that the level allows. `None` if it
/// says nothing of that either, or cannot be read.
pub(crate) fn without_restrictions(unit: &[u8]) -> Option<Vec<u8>> {
    let rbsp = unescaped(unit);
    let mut bits = Bits::raw(&rbsp);
    let mut sps = Sps::before_vui(VideoCodec::H264, &mut bits).ok()?;
    if !bits.flag().ok()? {
        return None;
    }
    h264::vui_before_restrictions(&mut bits, &mut sps).ok()?;
    let before = (rbsp.len() * 8).checked_sub(bits.remaining())?;
    if !bits.flag().ok()? {
        return None;
    }
    let mut out = BitWriter::default();
    out.copy(&mut Bits::raw(&rbsp), before).ok()?;
    out.flag(false);
    out.flag(true);
    Some(escaped(&out.bytes()))
}
