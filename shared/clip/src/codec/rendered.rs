//! A rendered run, and the decoded pictures that it is compared with.

use crate::write::assembly::ClipSample;
use bytes::Bytes;
use export_media::ffmpeg::THUMB;
use export_media::picture::DecoderConfig;
use export_media::time::Nanos;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Brightness that the mean of an area may lose or gain by encoding, of 65,535: eight of 255.
const TOLERANCE: u16 = 8 << 8;

/// An encoded picture.
#[derive(Debug, Clone)]
pub(crate) struct EncodedFrame {
    pub(crate) pts: Nanos,
    pub(crate) duration: Nanos,
    pub(crate) sync: bool,
    /// With the recorded picture's captions and light levels.
    pub(crate) data: Bytes,
}

impl EncodedFrame {
    /// As a picture of the clip.
    pub(crate) fn of(&self, config: &Arc<DecoderConfig>) -> ClipSample {
        let (data, config) = (self.data.clone(), Arc::clone(config));
        ClipSample { pts: self.pts, duration: self.duration, sync: self.sync, data, config, origin: None }
    }
}

/// A run that was rendered.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) config: Arc<DecoderConfig>,
    /// In decode order.
    pub(crate) pictures: Vec<EncodedFrame>,
    /// The pictures that the encoder was given, in display order; empty if they join nothing.
    pub(crate) given: Vec<Likeness>,
    /// Metadata of the recorded pictures that these do not have.
    pub(crate) lost: BTreeSet<&'static str>,
    /// Pictures of the run that no decoder gives.
    pub(crate) left_out: usize,
    /// The copied pictures behind the run, decoded with all that precedes them, in display order.
    pub(crate) after: Vec<Digest>,
}

/// A decoded picture, bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(raw: &[u8]) -> Self {
        Self(Sha256::digest(raw).into())
    }
}

/// A decoded picture in broad strokes: the mean brightness of 16 x 9 areas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Likeness(Vec<u16>);

impl Likeness {
    /// From values of 16 bits, the low byte first; `None` if they are not as many as there are areas.
    pub(crate) fn of(thumb: &[u8]) -> Option<Self> {
        let (columns, rows) = THUMB;
        let areas: Vec<u16> =
            thumb.as_chunks::<2>().0.iter().map(|value| u16::from_le_bytes(*value)).collect();
        (thumb.len() == columns * rows * 2).then_some(Self(areas))
    }

    /// Returns `true` if the other picture has about the same brightness in every area.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE)
    }
}
