//! The coded pictures of a recording, and the setup of their decoder.

use crate::error::Error;
use crate::source::RecordedPlace;
use bytes::Bytes;
use export_media::cut::Access;
use export_media::entries::SharedEntry;
use export_media::nal::{Picture, Sps, to_annex_b};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::sample::Rhythm;
use export_media::stretch::Bounds;
use export_media::time::Nanos;
use std::sync::Arc;

/// A picture that lasts longer than this part of a second sets no rhythm.
const LASTS_LONG: u32 = 10;

/// A coded picture.
#[derive(Debug, Clone)]
pub(crate) struct Coded {
    /// NAL units with their lengths in front, as recorded.
    pub(crate) data: Bytes,
    pub(crate) config: Arc<DecoderConfig>,
    pub(crate) picture: Picture,
    pub(crate) pts: Nanos,
    pub(crate) duration: Nanos,
    /// Or only decoded, for others to refer to.
    pub(crate) shown: bool,
    /// Its place in the recording, if it was read for a clip.
    pub(crate) origin: Option<RecordedPlace>,
}

impl Coded {
    /// Returns `true` if the other one is the same picture, read for a clip or not.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self { data, config, picture, pts, duration, shown, origin: _ } = self;
        let own = (data, config, picture, pts, duration, shown);
        own == (&other.data, &other.config, &other.picture, &other.pts, &other.duration, &other.shown)
    }

    /// As a cut sees it.
    pub(crate) fn access(self) -> Access<Self> {
        let bytes = self.data.len();
        Access { pts: self.pts, duration: self.duration, picture: self.picture, bytes, item: self }
    }

    /// In Annex B form; `first` of what a decoder gets, with its parameter sets.
    pub(crate) fn annex_b(&self, first: bool) -> Result<Vec<u8>, Error> {
        let mut coded = if first { self.config.annex_b() } else { Vec::new() };
        to_annex_b(&self.data, self.config.nal_length_size, &mut coded)?;
        Ok(coded)
    }
}

/// The next item of a feed.
#[derive(Debug)]
pub(crate) enum Item {
    /// A new decoder, and its first picture.
    Start(Arc<Setup>, Coded),
    /// One more picture.
    Sample(Coded),
}

impl Item {
    /// The picture.
    pub(crate) fn coded(&self) -> &Coded {
        match self {
            Self::Start(_, coded) | Self::Sample(coded) => coded,
        }
    }

    /// The picture, to be changed.
    pub(crate) fn coded_mut(&mut self) -> &mut Coded {
        match self {
            Self::Start(_, coded) | Self::Sample(coded) => coded,
        }
    }
}

/// The setup of a decoder and of the encoder behind it.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) config: Arc<DecoderConfig>,
    pub(crate) sps: Sps,
    /// Of an MP4 that has pictures of this stretch.
    pub(crate) entry: SharedEntry,
    pub(crate) format: PictureFormat,
    /// Ticks a second of the track.
    pub(crate) timescale: u32,
    /// Ticks of the first sample.
    pub(crate) frame_ticks: u32,
    /// The rhythm of the samples.
    pub(crate) rhythm: Rhythm,
    /// The bounds of the part of the stretch that is shown.
    pub(crate) bounds: Bounds,
}

impl Setup {
    /// The time by which pictures are decoded before they are shown if up to `reordered` ones overtake another, in
    /// ticks: then their decoding is as even as their display, where no picture lasts long.
    pub(crate) fn delay(&self, reordered: usize) -> i64 {
        delay_of(self.timescale, self.rhythm.longest.max(self.frame_ticks), reordered)
    }
}

/// The same of a track of `timescale` whose longest picture has so many ticks.
pub(crate) fn delay_of(timescale: u32, longest: u32, reordered: usize) -> i64 {
    let longest = longest.min(timescale / LASTS_LONG).max(1);
    i64::try_from(reordered).unwrap_or(0).saturating_mul(i64::from(longest))
}
