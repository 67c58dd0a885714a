//! The weight of pictures: the memory that it takes to decode and to encode them, and the encoders that fit.
//!
//! ffmpeg holds pictures in queues between its threads, in the decoder's picture buffer, in the encoder's lookahead and
//! in each thread. Both codecs hold further planes for each pixel of luma, whatever the layout of the raw picture is.

use crate::nal::{Sps, VideoCodec};
use crate::picture::PictureFormat;

const MIB: u64 = 1 << 20;
/// A process before it has a picture.
const PROCESS: u64 = 60 * MIB;
/// The worker with the coded pictures, audio and parts of an upload that it holds.
const WORKER: u64 = 256 * MIB;
/// Raw pictures that the worker holds for each render.
const RAW: u64 = 2;
/// Raw pictures that the first picture of a clip takes on its way to a JPEG.
const JPEG: u64 = 4;
/// Pictures in the queues of a decoder.
const QUEUED: u64 = 10;
/// The most reference pictures that both standards allow.
const MOST_HELD: u32 = 16;
/// Pictures that an encoder looks ahead, as its preset has it.
const LOOKAHEAD: u64 = 10;
/// Threads of an encoder that chooses them itself, for two cores.
const H264_THREADS: usize = 3;

/// The share of memory and cores that encoders get so that they fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Renders side by side, at least 1.
    pub at_once: usize,
    /// Encoders look ahead and reorder less, and have one thread: larger clips of the same quality.
    pub frugal: bool,
}

impl Share {
    /// The number of cores that renders keep busy, of so many: a frugal encoder has one thread, and its decoder waits
    /// for it.
    pub fn busy(self, cores: usize) -> usize {
        if self.frugal { self.at_once.min(cores) } else { cores }
    }
}

/// Pictures to render.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Of the recording.
    pub sps: &'a Sps,
    /// As they come out of the decoder.
    pub recorded: &'a PictureFormat,
    /// As they go into the encoder.
    pub clip: &'a PictureFormat,
    /// Which encoder.
    pub codec: VideoCodec,
    /// Pictures that the encoder may show later than the next one is coded.
    pub reordered: usize,
    /// Renders that there are to do, at least 1.
    pub renders: usize,
}

/// Bytes that a decoder takes at its peak.
///
/// Measured with ffmpeg 9.0.2 on pictures of four and five reference pictures with one, two and four threads, less 60
/// MiB for the process: UHD 4:2:0 8 bit 264 MiB, 4:2:2 10 bit 513 to 830 MiB, 1080p 4:2:0 8 bit 57 MiB.
pub fn decoder(sps: &Sps, format: &PictureFormat, cores: usize) -> u64 {
    let coded = u64::from(sps.coded_width) * u64::from(sps.coded_height);
    let bytes = coded.saturating_mul(frame(format)).div_ceil(format.pixels().max(1));
    let held = QUEUED + u64::from(sps.max_ref_frames.min(MOST_HELD)) + 1 + 2 * count(cores);
    PROCESS.saturating_add(held.saturating_mul(bytes.saturating_add(coded / 4)))
}

/// Bytes that an encoder takes at its peak.
///
/// Measured as above, with x264 `veryfast` and x265 `superfast`, in MiB:
///
/// | | UHD 4:2:0 8 bit | UHD 4:2:2 10 bit | 1080p 4:2:2 10 bit |
/// |---|---:|---:|---:|
/// | H.264, three threads | 823 | 1947 | 552 |
/// | H.264, one thread, two reordered | 854 | 1826 | 503 |
/// | H.264, frugal | | 1153 | |
/// | HEVC, two threads | 1018 | 2003 | 552 |
/// | HEVC, one thread, two reordered | 1252 | | 684 |
/// | HEVC, two threads, two reordered | | 2380 | |
/// | HEVC, frugal | | 1519 | |
fn encoder(codec: VideoCodec, format: &PictureFormat, reordered: usize, threads: usize, ahead: u64) -> u64 {
    let (threads, reordered, luma) = (count(threads), count(reordered), format.pixels());
    let (tenths, planes) = match codec {
        VideoCodec::H264 => (250 + 19 * ahead + 33 * threads + 22 * reordered, luma / 2),
        VideoCodec::Hevc => (330 + 12 * ahead + 20 * threads + 65 * reordered, luma),
    };
    PROCESS.saturating_add(tenths.saturating_mul(frame(format).saturating_add(planes)) / 10)
}

impl Load<'_> {
    /// Bytes that a render takes: its decoder, its encoder, and the pictures between them.
    fn render(&self, frugal: bool, cores: usize) -> u64 {
        let threads = match self.codec {
            VideoCodec::H264 => cores.saturating_mul(H264_THREADS).div_ceil(2),
            VideoCodec::Hevc => cores,
        };
        let encoder = if frugal {
            encoder(self.codec, self.clip, 0, 1, frugal_lookahead(self.codec))
        } else {
            encoder(self.codec, self.clip, self.reordered, threads, LOOKAHEAD)
        };
        decoder(self.sps, self.recorded, cores).saturating_add(encoder).saturating_add(RAW * frame(self.clip))
    }

    /// Bytes that the most frugal way to make the clip takes, and all that runs beside.
    pub fn least(&self, cores: usize) -> u64 {
        beside(self.clip).saturating_add(self.render(true, cores))
    }

    /// The share of each encoder in `memory` bytes, with `cores`; `None` if none fits.
    pub fn share(&self, memory: u64, cores: usize) -> Option<Share> {
        let left = memory.checked_sub(beside(self.clip))?;
        let at_once = usize::try_from(left / self.render(false, cores)).unwrap_or(usize::MAX);
        let at_once = at_once.min(cores).min(self.renders);
        if at_once > 0 {
            return Some(Share { at_once, frugal: false });
        }
        (self.render(true, cores) <= left).then_some(Share { at_once: 1, frugal: true })
    }
}

/// Bytes that it takes to decode pictures for a still, and all that runs beside.
pub fn still(sps: &Sps, format: &PictureFormat, cores: usize) -> u64 {
    beside(format).saturating_add(decoder(sps, format, cores))
}

/// Pictures that a frugal encoder looks ahead.
pub(crate) fn frugal_lookahead(codec: VideoCodec) -> u64 {
    match codec {
        VideoCodec::H264 => 2,
        VideoCodec::Hevc => 3,
    }
}

/// The worker, and the JPEG of the first picture.
fn beside(format: &PictureFormat) -> u64 {
    (WORKER + PROCESS).saturating_add(JPEG * frame(format))
}

fn frame(format: &PictureFormat) -> u64 {
    count(format.frame_bytes())
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
