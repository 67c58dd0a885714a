//! Whether what stands beside copied pictures is what it should be: decodes the join as a player would.

use crate::decode::read_picture;
use crate::error::{Unfit, WorkError};
use crate::ffmpeg::Ffmpeg;
use crate::render::Rendered;
use crate::video::Coded;
use bytes::Bytes;
use export_media::cut::Access;
use export_media::entries::SharedEntry;
use export_media::ffmpeg::decode;
use export_media::nal::{VideoCodec, as_bla, push_annex_b, to_annex_b};
use export_media::picture::{DecoderConfig, PictureFormat};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

/// Columns and rows of the areas that are compared.
const COLUMNS: usize = 16;
const ROWS: usize = 9;
/// Brightness that the mean of an area may lose or gain by encoding, of 255.
const TOLERANCE: u8 = 8;

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
pub(crate) struct Likeness(Vec<u8>);

impl Likeness {
    pub(crate) fn of(format: &PictureFormat, raw: &[u8]) -> Self {
        Self(format.brightness(raw, COLUMNS, ROWS))
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE)
    }
}

/// Rendered pictures, and the copied ones that they stand between.
pub(crate) struct Join<'a> {
    /// A random access picture of the copy before.
    pub(crate) before: Option<&'a Coded>,
    pub(crate) rendered: &'a Rendered,
    /// The first pictures of the copy behind, in decode order.
    pub(crate) after: &'a [Access<Coded>],
    /// In an MP4: the sample entry that all of them have, whose parameter sets a decoder gets at once.
    pub(crate) entry: Option<SharedEntry>,
}

impl Join<'_> {
    /// Configuration and bytes of all pictures, in decode order; without what was rendered, only the recorded ones.
    fn pictures(&self, with_rendered: bool) -> Result<Vec<(&DecoderConfig, Bytes)>, WorkError> {
        let mut pictures = Vec::new();
        if let Some(before) = self.before {
            pictures.push((&*before.config, before.data.clone()));
        }
        let config = &*self.rendered.config;
        let rendered = self.rendered.pictures.iter().filter(|_| with_rendered);
        pictures.extend(rendered.map(|picture| (config, picture.data.clone())));
        for (n, Access { item, .. }) in self.after.iter().enumerate() {
            pictures.push((&*item.config, spliced(item, n == 0)?));
        }
        Ok(pictures)
    }

    /// What a decoder gets, in Annex B form.
    fn annex_b(&self, with_rendered: bool) -> Result<Vec<u8>, WorkError> {
        let (mut sets, mut coded) = (Vec::new(), Vec::new());
        let mut entry = self.entry.clone();
        let mut known: Option<&DecoderConfig> = None;
        for (config, data) in self.pictures(with_rendered)? {
            if let Some(entry) = &mut entry {
                to_annex_b(&entry.sample(config, &data)?, 4, &mut coded)?;
                continue;
            }
            if known != Some(config) {
                coded.extend(config.annex_b());
                known = Some(config);
            }
            to_annex_b(&data, config.nal_length_size, &mut coded)?;
        }
        for set in entry.iter().flat_map(SharedEntry::parameter_sets) {
            push_annex_b(&set, &mut sets);
        }
        sets.extend(coded);
        Ok(sets)
    }
}

/// Decodes a join and compares.
///
/// # Errors
/// [`WorkError::Unfit`] if a picture is missing, too many or not what it should be, or the decoder complains of what it
/// does not complain of in the recorded pictures alone.
pub(crate) async fn check(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<(), WorkError> {
    let Join { rendered, .. } = join;
    let coded = join.annex_b(true)?;
    let skipped = usize::from(join.before.is_some());
    let expected = skipped + rendered.given.len() + rendered.after.len();
    let (running, mut input, mut output) = ffmpeg.start(&decode(rendered.config.codec, format, format, 0))?;
    let write = async {
        input.write_all(&coded).await?;
        drop(input);
        Ok::<_, WorkError>(())
    };
    let read = async {
        let mut raw = vec![0; format.frame_bytes()];
        let mut count = 0;
        while read_picture(&mut output, &mut raw).await? {
            let at = count;
            count += 1;
            let Some(at) = usize::checked_sub(at, skipped) else { continue };
            let good = match rendered.given.get(at) {
                Some(given) => given.is_like(&Likeness::of(format, &raw)),
                None => rendered.after.get(at - rendered.given.len()) == Some(&Digest::of(&raw)),
            };
            if !good {
                return Err(Unfit::Join.because("a picture at a join is not the recorded one"));
            }
        }
        Ok(count)
    };
    let ((), count) = tokio::try_join!(write, read)?;
    let refused = |complaint| Unfit::Join.because(&format!("the decoder refuses a join: {complaint}"));
    let silent = running.finish_silently().await.map_err(|error| error.or(refused))?;
    if count != expected {
        return Err(Unfit::Join.because("pictures at a join are missing or too many"));
    }
    if silent || complains(ffmpeg, format, join).await? {
        return Ok(());
    }
    Err(Unfit::Join.because("the decoder complains about a join"))
}

/// Whether a decoder complains of the recorded pictures of a join.
async fn complains(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<bool, WorkError> {
    if join.before.is_none() && join.after.is_empty() {
        return Ok(false);
    }
    let recorded = join.annex_b(false)?;
    let codec = join.rendered.config.codec;
    let (running, mut input, mut output) = ffmpeg.start(&decode(codec, format, format, 0))?;
    let write = async {
        input.write_all(&recorded).await?;
        drop(input);
        Ok::<_, WorkError>(())
    };
    let read = async { Ok(tokio::io::copy(&mut output, &mut tokio::io::sink()).await?) };
    tokio::try_join!(write, read)?;
    let refused =
        |complaint| Unfit::Join.because(&format!("the decoder refuses recorded pictures: {complaint}"));
    Ok(!running.finish_silently().await.map_err(|error| error.or(refused))?)
}

/// A copied picture as it stands in the clip; `first` after a splice, where a CRA picture must say that those before
/// it are not the recorded ones.
pub(crate) fn spliced(picture: &Coded, first: bool) -> Result<Bytes, WorkError> {
    if first && picture.config.codec == VideoCodec::Hevc {
        Ok(as_bla(&picture.data, picture.config.nal_length_size)?.into())
    } else {
        Ok(picture.data.clone())
    }
}
