//! The look of a clip in chunks, so that their encoders write the same parameter sets.

use crate::chunked::{ChunkFault, ChunkLook, LookFormat, bytes_of, codec_name, codec_named, hexadecimal};
use crate::codec::picture::{Setup, delay_of};
use crate::error::Error;
use export_media::ffmpeg::{Encoding, Purpose};
use export_media::fmp4::SampleEntry;
use export_media::nal::VideoCodec;
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::sample::Rhythm;
use export_media::weight::Share;
use std::sync::Arc;

/// Of a clip in `codec` that looks like `clip`, each of whose encoders has `threads` threads.
pub(super) fn of(clip: &Setup, codec: VideoCodec, share: Share, threads: usize) -> ChunkLook {
    ChunkLook {
        entry: hexadecimal(&clip.config.entry.bytes),
        format: LookFormat::of(&clip.format),
        codec: codec_name(codec).to_owned(),
        timescale: clip.timescale,
        frame_ticks: clip.frame_ticks,
        longest: clip.rhythm.longest,
        at_once: share.at_once,
        threads,
        frugal: share.frugal,
        max_bitrate: 0,
    }
}

/// The look that a clip's chunks have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadyLook {
    config: Arc<DecoderConfig>,
    pub(crate) format: PictureFormat,
    /// Of the clip.
    pub(crate) codec: VideoCodec,
    pub(crate) timescale: u32,
    frame_ticks: u32,
    longest: u32,
    /// The share of each encoder, and its threads.
    pub(crate) share: Share,
    pub(crate) threads: usize,
    /// Bits a second.
    pub(crate) max_bitrate: u64,
}

impl ReadyLook {
    /// The look that a plan has written.
    ///
    /// # Errors
    /// [`ChunkFault::Stale`] if this program does not know what it says.
    pub(crate) fn of(look: &ChunkLook) -> Result<Self, Error> {
        let unknown = || ChunkFault::Stale.because("the look of the plan's clip cannot be read");
        let entry = bytes_of(&look.entry).ok_or_else(unknown)?;
        let entry = SampleEntry::of_pictures(&entry).map_err(|_| unknown())?;
        Ok(Self {
            config: Arc::new(DecoderConfig::of(&entry).ok_or_else(unknown)?),
            format: look.format.read().ok_or_else(unknown)?,
            codec: codec_named(&look.codec).ok_or_else(unknown)?,
            timescale: look.timescale,
            frame_ticks: look.frame_ticks,
            longest: look.longest,
            share: Share { at_once: look.at_once.max(1), frugal: look.frugal },
            threads: look.threads,
            max_bitrate: look.max_bitrate,
        })
    }

    /// The setup of the clip, for a stretch that has its `own`.
    pub(crate) fn clip(&self, own: &Setup) -> Arc<Setup> {
        Arc::new(Setup {
            config: Arc::clone(&self.config),
            format: self.format,
            timescale: self.timescale,
            frame_ticks: self.frame_ticks,
            rhythm: Rhythm { longest: self.longest, ..own.rhythm },
            ..Setup::clone(own)
        })
    }

    /// The codec of the recording that the clip looks like.
    pub(crate) fn recorded(&self) -> VideoCodec {
        self.config.codec
    }

    /// The clip is in another codec than the recording.
    pub(crate) fn converts(&self) -> bool {
        self.codec != self.config.codec
    }

    /// Ticks of a picture, and of the longest one.
    pub(crate) fn frame_ticks(&self) -> (u32, u32) {
        (self.frame_ticks, self.longest)
    }

    /// The time by which pictures are decoded before they are shown if up to `reordered` ones overtake another, in ticks.
    pub(crate) fn delay(&self, reordered: usize) -> i64 {
        delay_of(self.timescale, self.longest.max(self.frame_ticks), reordered)
    }

    /// The encoding of a piece whose pictures are shown up to so many later than they are coded.
    pub(crate) fn encoding(&self, reordered: usize) -> Encoding {
        Encoding {
            codec: self.codec,
            recorded: self.config.codec,
            timescale: self.timescale,
            frame_ticks: self.frame_ticks,
            max_bitrate: self.max_bitrate,
            purpose: Purpose::Clip { reordered },
            threads: self.threads,
            frugal: self.share.frugal,
        }
    }
}
