//! The headers of audio frames: AAC in ADTS (ISO/IEC 14496-3, 1.A.3.2), AC-3 and E-AC-3 (ETSI TS 102 366, 4.4 and E.1.2),
//! and MPEG audio (ISO/IEC 11172-3, 2.4.1.3, and 13818-3).

use super::TsCoding;
use crate::nal::Bits;

/// Bytes of a frame that its description is made of.
pub(crate) const DESCRIBED_BY: usize = 16;
/// Sampling rates of AAC by their index (1.6.3.4).
pub(super) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Those of AC-3, and of MPEG-1 audio.
const DOLBY_RATES: [u32; 3] = [48_000, 44_100, 32_000];
const MPEG_RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// Bits a millisecond of AC-3.
const DOLBY_BITS: [usize; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Bits a millisecond of MPEG-1 audio by layer, and of MPEG-2 audio in layer I and in the others.
const MPEG_BITS: [[usize; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// The first `bsid` of E-AC-3.
const ENHANCED: u8 = 11;

/// A frame by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of the header that is not part of the sample.
    pub(super) head: usize,
    /// Bytes of the frame with its header.
    pub(super) length: usize,
    pub(super) rate: u32,
    /// Samples of each channel.
    pub(super) samples: i64,
}

impl FrameHead {
    /// The frame that `bytes` begin with.
    pub(super) fn read(coding: TsCoding, bytes: &[u8]) -> Option<Self> {
        match coding {
            TsCoding::Aac => adts(bytes),
            TsCoding::Ac3 => ac3(bytes),
            TsCoding::Eac3 => enhanced(bytes),
            TsCoding::MpegAudio => mpeg(bytes),
            TsCoding::Picture(_) | TsCoding::OtherPicture | TsCoding::OtherAudio => None,
        }
    }
}

fn adts(bytes: &[u8]) -> Option<FrameHead> {
    let [0xff, second, third, fourth, fifth, sixth, _, ..] = bytes else { return None };
    let length = usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
    let head = if second & 1 == 1 { 7 } else { 9 };
    let rate = *RATES.get(usize::from(third >> 2 & 0x0f))?;
    (second & 0xf6 == 0xf0 && length > head).then_some(FrameHead { head, length, rate, samples: 1024 })
}

fn ac3(bytes: &[u8]) -> Option<FrameHead> {
    let [0x0b, 0x77, _, _, sizes, id, ..] = bytes else { return None };
    let (rate, code) = (*DOLBY_RATES.get(usize::from(sizes >> 6))?, usize::from(sizes & 0x3f));
    let bits = *DOLBY_BITS.get(code >> 1)?;
    let words = match rate {
        48_000 => bits * 2,
        44_100 => bits * 320 / 147 + (code & 1),
        _ => bits * 3,
    };
    (id >> 3 < ENHANCED).then_some(FrameHead { head: 0, length: words * 2, rate, samples: 1536 })
}

/// The frame of the first independent substream with those that belong to it.
fn enhanced(bytes: &[u8]) -> Option<FrameHead> {
    let (mut frame, is_first) = substream(bytes)?;
    if !is_first {
        return None;
    }
    while let Some((next, false)) = bytes.get(frame.length..).and_then(substream) {
        frame.length += next.length;
    }
    Some(frame)
}

/// A frame of a substream, and whether it is the first independent one.
fn substream(bytes: &[u8]) -> Option<(FrameHead, bool)> {
    let [0x0b, 0x77, first, size, blocks, id, ..] = bytes else { return None };
    let length = ((usize::from(first & 7) << 8 | usize::from(*size)) + 1) * 2;
    let half = || DOLBY_RATES.get(usize::from(blocks >> 4 & 3)).map(|rate| rate / 2);
    let (rate, blocks) = match blocks >> 6 {
        3 => (half()?, 6),
        code => (*DOLBY_RATES.get(usize::from(code))?, [1, 2, 3, 6][usize::from(blocks >> 4 & 3)]),
    };
    // An AC-3 frame may be the core of an E-AC-3 stream.
    if id >> 3 < ENHANCED {
        return ac3(bytes).map(|frame| (frame, true));
    }
    let is_first = matches!(first >> 6, 0 | 2) && first & 0x38 == 0;
    (id >> 3 <= 16).then_some((FrameHead { head: 0, length, rate, samples: 256 * blocks }, is_first))
}

fn mpeg(bytes: &[u8]) -> Option<FrameHead> {
    let [0xff, second, third, _, ..] = bytes else { return None };
    let (is_first, layer) = match (second >> 3 & 3, second >> 1 & 3) {
        (3, layer @ 1..) => (true, 4 - usize::from(layer)),
        (2, layer @ 1..) => (false, 4 - usize::from(layer)),
        _ => return None,
    };
    let rate = *MPEG_RATES.get(usize::from(third >> 2 & 3))? / if is_first { 1 } else { 2 };
    let table = match (is_first, layer) {
        (true, layer) => layer - 1,
        (false, 1) => 3,
        (false, _) => 4,
    };
    let bits = *MPEG_BITS.get(table)?.get(usize::from(third >> 4).checked_sub(1)?)? * 1000;
    let (padding, per_second) = (usize::from(third >> 1 & 1), usize::try_from(rate).ok()?);
    let (length, samples) = match (layer, is_first) {
        (1, _) => ((12 * bits / per_second + padding) * 4, 384),
        (3, false) => (72 * bits / per_second + padding, 576),
        _ => (144 * bits / per_second + padding, 1152),
    };
    (second >> 5 == 7).then_some(FrameHead { head: 0, length, rate, samples })
}

/// The body of `dac3` (ETSI TS 102 366, F.4) for a stream whose frames begin so.
pub(crate) fn dac3(frame: &[u8]) -> Option<[u8; 3]> {
    let (code, id) = (*frame.get(4)?, *frame.get(5)?);
    let (mode, low) = mode_and_low(frame.get(6..)?)?;
    let rate = u32::from(code & 0x3f) >> 1;
    let fields = u32::from(code >> 6) << 22
        | u32::from(id >> 3) << 17
        | u32::from(id & 7) << 14
        | mode << 11
        | u32::from(low) << 10
        | rate << 5;
    fields.to_be_bytes().get(1..)?.try_into().ok()
}

/// `acmod` and `lfeon` of AC-3, behind `bsmod`.
fn mode_and_low(rest: &[u8]) -> Option<(u32, bool)> {
    let mut bits = Bits::raw(rest);
    let mode = bits.bits(3).ok()?;
    let levels =
        2 * u32::from(mode & 1 == 1 && mode != 1) + 2 * u32::from(mode & 4 != 0) + 2 * u32::from(mode == 2);
    bits.skip(levels).ok()?;
    Some((mode, bits.flag().ok()?))
}

/// The body of `dec3` (F.6) for a stream whose frames begin so and have so many bytes each; `None` with substreams that
/// depend on the first one, whose channels it would have to say.
pub(crate) fn dec3(frame: &[u8], bytes: usize, rate: u32, samples: i64) -> Option<[u8; 5]> {
    let own = substream(frame)?.0.length;
    if own != bytes || frame.get(5)? >> 3 < ENHANCED {
        return None;
    }
    let (codes, id) = (*frame.get(4)?, *frame.get(5)?);
    let kilobits =
        u64::try_from(bytes).ok()? * 8 * u64::from(rate) / u64::try_from(samples).ok()?.max(1) / 1000;
    let fields = kilobits.min(0x1fff) << 27
        | u64::from(codes >> 6) << 22
        | u64::from(id >> 3) << 17
        | u64::from(codes >> 1 & 7) << 9
        | u64::from(codes & 1) << 8;
    fields.to_be_bytes().get(3..)?.try_into().ok()
}
