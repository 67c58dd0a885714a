//! Seams: the last pictures of a chunk and the first ones behind it, played as a player would.

use crate::chunked::ChunkFault;
use crate::codec::decode::tracks;
use crate::codec::join::{file_of, played};
use crate::codec::picture::Setup;
use crate::error::Error;
use crate::fanning::ReadyLook;
use crate::ffmpeg::Ffmpeg;
use crate::write::assembly::ClipSample;
use export_media::entries::SharedEntry;
use export_media::ffmpeg::{FileFormat, WantedTracks};
use export_media::picture::DecoderConfig;
use export_media::sample::Rhythm;
use export_media::stretch::Bounds;
use export_media::time::Nanos;
use std::sync::Arc;

/// Pictures behind a seam that are played.
const BEHIND: usize = 8;

/// The last pictures of what is joined so far, from one on that decoding can start with.
#[derive(Debug, Clone, Default)]
pub(super) struct LastPictures(Vec<ClipSample>);

impl LastPictures {
    /// Those of a part that was added.
    pub(super) fn of(pictures: &[ClipSample]) -> Self {
        let from = pictures.iter().rposition(|picture| picture.sync).unwrap_or(0);
        Self(pictures.iter().skip(from).cloned().collect())
    }

    /// With the first `pictures` of the next chunk; `None` if nothing is before them.
    pub(super) fn seam(&self, n: u32, pictures: &[ClipSample]) -> Option<Seam> {
        let first = pictures.first()?;
        // A hole between them is closed in the clip.
        let ahead = self.0.iter().map(|picture| picture.pts + picture.duration).max()?;
        let gap = first_shown(pictures)? - ahead;
        let moved = pictures.iter().take(BEHIND).map(|picture| {
            let pts = if gap > picture.duration { picture.pts - gap } else { picture.pts };
            ClipSample { pts, ..picture.clone() }
        });
        let pictures = self.0.iter().cloned().chain(moved).collect();
        Some(Seam { n, pictures, config: Arc::clone(&first.config) })
    }
}

fn first_shown(pictures: &[ClipSample]) -> Option<Nanos> {
    pictures.iter().map(|picture| picture.pts).min()
}

/// A seam to be played.
#[derive(Debug)]
pub(super) struct Seam {
    /// The chunk behind it.
    n: u32,
    pictures: Vec<ClipSample>,
    config: Arc<DecoderConfig>,
}

impl Seam {
    /// Plays it from a file like the clip's.
    ///
    /// # Errors
    /// [`ChunkFault::Unlike`] if a picture is missing, or the decoder complains.
    pub(super) async fn check(
        self,
        ffmpeg: &Ffmpeg,
        look: &ReadyLook,
        container: FileFormat,
        reorder: usize,
    ) -> Result<(), Error> {
        let Self { n, pictures, config } = self;
        let unlike = |why: &str| ChunkFault::Unlike(n).because(format!("the seam before chunk {n}: {why}"));
        let sps = config.sps(&[]).map_err(|error| unlike(&error.to_string()))?;
        let (frame_ticks, longest) = look.frame_ticks();
        let clip = Setup {
            config,
            sps,
            entry: SharedEntry::default(),
            format: look.format,
            timescale: look.timescale,
            frame_ticks,
            rhythm: Rhythm { reorder, longest },
            bounds: Bounds::default(),
        };
        let count = pictures.len();
        let file = file_of(ffmpeg, &clip, container, pictures).await?;
        let wanted = WantedTracks::default();
        let args = played(container, &look.format, &wanted);
        let seen = tracks(ffmpeg, &args, &[file], (&wanted, &look.format), |_| ()).await;
        let seen = seen.map_err(|error| error.or(|complaint| unlike(&complaint)))?;
        if seen.thumbs.len() != count {
            return Err(unlike(&format!("of {count} pictures a decoder gives {}", seen.thumbs.len())));
        }
        if seen.silent { Ok(()) } else { Err(unlike("the decoder complains")) }
    }
}
