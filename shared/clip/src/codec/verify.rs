//! The check of a join: it is played as a player would, and its pictures compared with the recorded ones.

use crate::codec::decode::read_picture;
use crate::codec::excerpt::{file_of, packed};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::Rendered;
use crate::codec::rendered::{Digest, Likeness};
use crate::container::Container;
use crate::error::{Error, Unfit};
use crate::ffmpeg::Ffmpeg;
use crate::write::assembly::ClipSample;
use export_media::cut::Access;
use export_media::ffmpeg::play;
use export_media::nal::{RandomAccess, VideoCodec, as_bla};
use export_media::picture::PictureFormat;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Rendered pictures, and the copied ones that they stand between.
pub(crate) struct Join<'a> {
    /// The look of the clip.
    pub(crate) clip: &'a Setup,
    pub(crate) container: Container,
    /// A random access picture of the copy before.
    pub(crate) before: Option<&'a Coded>,
    pub(crate) rendered: &'a Rendered,
    /// The first pictures of the copy behind, in decode order.
    pub(crate) after: &'a [Access<Coded>],
}

impl Join<'_> {
    /// All pictures in decode order; without what was rendered, only the recorded ones.
    fn pictures(&self, with_rendered: bool) -> Result<Vec<ClipSample>, Error> {
        let mut pictures = Vec::new();
        if let Some(before) = self.before {
            // It need not be the last picture of the copy: what lies between is not looked at.
            let first = self.rendered.pictures.iter().map(|picture| picture.pts).min();
            let pts = first.map_or(before.pts, |first| first - before.duration);
            let (data, config) = (before.data.clone(), Arc::clone(&before.config));
            pictures.push(ClipSample { pts, duration: before.duration, sync: true, data, config });
        }
        if with_rendered {
            pictures.extend(self.rendered.pictures.iter().map(|picture| picture.of(&self.rendered.config)));
        }
        for (n, access) in self.after.iter().enumerate() {
            pictures.push(copied(access, n == 0)?);
        }
        Ok(pictures)
    }

    /// Those pictures as the clip's own file would hold them, which a player reads.
    async fn file(&self, ffmpeg: &Ffmpeg, with_rendered: bool) -> Result<Vec<u8>, Error> {
        file_of(ffmpeg, self.clip, self.container, self.pictures(with_rendered)?).await
    }
}

/// Plays a join from the clip's own container, and compares what comes out.
///
/// # Errors
/// [`Error::Unfit`] if a picture is missing, too many or not what it should be, or the decoder complains of what it
/// does not complain of in the recorded pictures alone.
pub(crate) async fn check(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<(), Error> {
    let Join { rendered, .. } = join;
    let coded = join.file(ffmpeg, true).await?;
    let skipped = usize::from(join.before.is_some());
    let expected = skipped + rendered.given.len() + rendered.after.len();
    let (running, mut input, mut output) = ffmpeg.start(&play(packed(join.container), format))?;
    let write = async {
        input.write_all(&coded).await?;
        drop(input);
        Ok::<_, Error>(())
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

/// Returns `true` if a decoder complains of the recorded pictures of a join.
async fn complains(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<bool, Error> {
    if join.before.is_none() && join.after.is_empty() {
        return Ok(false);
    }
    let recorded = join.file(ffmpeg, false).await?;
    let refused =
        |complaint| Unfit::Join.because(&format!("the decoder refuses recorded pictures: {complaint}"));
    let played = ffmpeg.run(&play(packed(join.container), format), &[recorded], &mut tokio::io::sink()).await;
    Ok(!played.map_err(|error| error.or(refused))?)
}

/// A copied picture as it stands in the clip; `first` after a splice, where a CRA picture must say that those before
/// it are not the recorded ones.
pub(crate) fn copied(access: &Access<Coded>, first: bool) -> Result<ClipSample, Error> {
    let Access { item, picture, .. } = access;
    let data = if first && item.config.codec == VideoCodec::Hevc {
        as_bla(&item.data, item.config.nal_length_size)?.into()
    } else {
        item.data.clone()
    };
    Ok(ClipSample {
        pts: access.pts,
        duration: access.duration,
        sync: !matches!(picture.random_access, RandomAccess::None | RandomAccess::RecoveryPoint),
        data,
        config: Arc::clone(&item.config),
    })
}
