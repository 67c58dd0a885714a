//! Recorded pictures on their way through ffmpeg.
//!
//! ffmpeg is told no times. Its decoder gives one picture for each that it was fed, in display order, so the n-th picture
//! has the n-th smallest presentation time; a picture too few or too many ends the work. All that is made of the pictures
//! comes from that one process: encoded ones, a thumb of each, a JPEG, raw ones.

mod damaged;

pub(crate) use damaged::Damaged;

use crate::codec::picture::{Coded, Item, Setup};
use crate::codec::rendered::{Digest, Likeness};
use crate::error::{Error, Kind, Unfit};
use crate::ffmpeg::{Ffmpeg, FfmpegError, Stdout};
use bytes::Bytes;
use export_media::ffmpeg::{Fed, PictureTrack, WantedTracks, picture_tracks};
use export_media::fmp4::{Fmp4Error, FragmentEvent, FragmentReader, FragmentSample, SampleEntry};
use export_media::picture::PictureFormat;
use export_media::time::Nanos;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first and the last bytes of a JPEG (ITU-T T.81, table B.1).
const START_OF_IMAGE: &[u8] = &[0xff, 0xd8];
const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// Gives coded pictures in decode order.
pub(crate) trait CodedSource: Send {
    /// The next picture to decode; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Item>, Error>> + Send;

    /// From which presentation time on the pictures of the stretch that just ended are not to be shown.
    fn take_cut(&mut self) -> Option<Nanos> {
        None
    }
}

/// Coded pictures of one stretch, the first of which can be decoded by itself.
#[derive(Debug)]
pub(crate) struct Footage {
    setup: Arc<Setup>,
    /// In decode order.
    pictures: Vec<Coded>,
    /// What a decoder gives of them, if that is known to be less.
    damaged: Option<Damaged>,
    order: Vec<(Nanos, Option<Nanos>)>,
}

impl Footage {
    /// `pictures` are in decode order.
    pub(crate) fn new(setup: Arc<Setup>, pictures: impl IntoIterator<Item = Coded>) -> Self {
        let pictures: Vec<Coded> = pictures.into_iter().collect();
        let order = order_of(&pictures, None);
        Self { setup, pictures, damaged: None, order }
    }

    /// The same pictures, or those of them that a decoder gives of `damaged` ones.
    pub(crate) fn given_by(self, damaged: Option<Damaged>) -> Self {
        let order = order_of(&self.pictures, damaged.as_ref());
        Self { damaged, order, ..self }
    }

    /// The pictures that a decoder gives, in display order: when each is shown and for how long, `None` if it is not.
    pub(crate) fn order(&self) -> &[(Nanos, Option<Nanos>)] {
        &self.order
    }

    /// The coded pictures, in decode order.
    pub(crate) fn pictures(&self) -> &[Coded] {
        &self.pictures
    }

    fn fed(&self) -> Fed {
        if self.damaged.is_some() { Fed::Samples } else { Fed::Stream(self.setup.config.codec) }
    }

    fn input(&self) -> Result<Vec<Bytes>, Error> {
        match &self.damaged {
            Some(damaged) => Ok(damaged.file.clone()),
            None => (0..).zip(&self.pictures).map(|(n, each)| Ok(each.annex_b(n == 0)?.into())).collect(),
        }
    }

    /// Has ffmpeg make what is `wanted` of the pictures, in `format`. What comes is `seen` as it does.
    ///
    /// # Errors
    /// [`Kind::BadRecording`] if a decoder does not give the pictures; [`FfmpegError::Refused`] if it is known that it does,
    /// and something else was refused.
    pub(crate) async fn through(
        &self,
        ffmpeg: &Ffmpeg,
        format: &PictureFormat,
        wanted: &WantedTracks<'_>,
        seen: impl FnMut(Arrival<'_>),
    ) -> Result<PictureTracks, FfmpegError> {
        ffmpeg.check_fits(&self.setup.sps, format)?;
        let args = picture_tracks(self.fed(), &self.setup.format, format, wanted);
        let given = match tracks(ffmpeg, &args, &self.input()?, (wanted, format), seen).await {
            Err(FfmpegError::Refused(complaint)) if self.damaged.is_none() => {
                return Err(undecodable(&format!("the decoder: {complaint}")).into());
            }
            given => given?,
        };
        let (gave, fed) = (given.thumbs.len(), self.order.len().saturating_sub(wanted.first));
        if given.silent && gave == 0 && fed > 0 {
            return Err(Error::Unexplained("the decoder gave nothing and said nothing".to_owned()).into());
        }
        if gave != fed {
            let why = format!("the decoder was fed {fed} pictures and gave {gave}");
            return Err(undecodable(&why).into());
        }
        given.check(wanted)?;
        Ok(given)
    }
}

fn order_of(pictures: &[Coded], damaged: Option<&Damaged>) -> Vec<(Nanos, Option<Nanos>)> {
    let fed = pictures.iter().map(|picture| (picture.pts, picture.shown.then_some(picture.duration)));
    display_order(fed, damaged.map(|damaged| &damaged.given[..]))
}

/// The pictures that a decoder gives of those that it is `fed`, in display order: it gives them without times, and the
/// n-th one has the n-th smallest time. Of damaged ones only those at the times `given`, which increase.
fn display_order(
    fed: impl Iterator<Item = (Nanos, Option<Nanos>)>,
    given: Option<&[Nanos]>,
) -> Vec<(Nanos, Option<Nanos>)> {
    let is_given = |(pts, _): &(Nanos, _)| given.is_none_or(|given| given.binary_search(pts).is_ok());
    let order: BTreeMap<Nanos, Option<Nanos>> = fed.filter(is_given).collect();
    order.into_iter().collect()
}

/// All that an ffmpeg gave.
#[derive(Debug, Default)]
pub(crate) struct PictureTracks {
    /// The sample entry of the encoded pictures.
    pub(crate) entry: Option<SampleEntry>,
    /// Encoded pictures in decode order.
    pub(crate) coded: Vec<FragmentSample>,
    /// One for each picture that was decoded, in display order.
    pub(crate) thumbs: Vec<Likeness>,
    pub(crate) stills: Vec<Bytes>,
    /// Of the raw pictures, in display order.
    pub(crate) digests: Vec<Digest>,
    /// ffmpeg had nothing to complain about.
    pub(crate) silent: bool,
}

/// Something that an ffmpeg gave while it goes on.
pub(crate) enum Arrival<'a> {
    /// One more encoded picture; how many there are now.
    Coded(usize),
    /// The JPEG.
    Still(&'a Bytes),
}

/// Runs ffmpeg with `args`, which ask for what is `wanted` of pictures of `format`, over `input`. What comes is `seen`
/// as it does.
pub(crate) async fn tracks(
    ffmpeg: &Ffmpeg,
    args: &[String],
    input: &[impl AsRef<[u8]>],
    (wanted, format): (&WantedTracks<'_>, &PictureFormat),
    seen: impl FnMut(Arrival<'_>),
) -> Result<PictureTracks, FfmpegError> {
    let (running, mut to, mut from) = ffmpeg.start(args)?;
    let write = async {
        for part in input {
            to.write_all(part.as_ref()).await?;
        }
        drop(to);
        Ok::<_, Error>(())
    };
    let kinds: Vec<PictureTrack> = wanted.tracks().collect();
    let read = async {
        let read = read(&mut from, &kinds, format, seen).await;
        if read.is_err() {
            // How it ends may say more.
            tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
        }
        Ok(read)
    };
    let ((), read) = tokio::try_join!(write, read)?;
    let silent = running.finish_silently().await?;
    Ok(PictureTracks { silent, ..read? })
}

async fn read(
    from: &mut Stdout,
    kinds: &[PictureTrack],
    format: &PictureFormat,
    mut seen: impl FnMut(Arrival<'_>),
) -> Result<PictureTracks, Error> {
    let mut reader = FragmentReader::of_samples_up_to(format.frame_bytes());
    let mut tracks = PictureTracks::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.next_event().map_err(unreadable)? {
            Some(FragmentEvent::Init(init, _)) => {
                let first = init.tracks.into_iter().next();
                tracks.entry = first.and_then(|track| track.sample_entries.into_iter().next());
            }
            Some(FragmentEvent::Fragment(samples)) => {
                for sample in samples {
                    let kind =
                        usize::try_from(sample.track_id).ok().and_then(|id| kinds.get(id.checked_sub(1)?));
                    tracks.take(kind.copied(), sample, format, &mut seen)?;
                }
            }
            None => match from.read(&mut buffer).await? {
                0 => break,
                read => reader.push(&buffer[..read]),
            },
        }
    }
    // Its exit status is no proof that all of it went out.
    let whole = reader.finish();
    whole.map_err(|error| Error::Unexplained(format!("what ffmpeg gave is cut off: {error}")))?;
    Ok(tracks)
}

impl PictureTracks {
    fn take(
        &mut self,
        kind: Option<PictureTrack>,
        sample: FragmentSample,
        format: &PictureFormat,
        seen: &mut impl FnMut(Arrival<'_>),
    ) -> Result<(), Error> {
        let size =
            |what: &str| Error::Unexplained(format!("ffmpeg gave {what} of {} bytes", sample.data.len()));
        match kind {
            Some(PictureTrack::Coded) => {
                self.coded.push(sample);
                seen(Arrival::Coded(self.coded.len()));
            }
            Some(PictureTrack::Thumbs) => {
                self.thumbs.push(Likeness::of(&sample.data).ok_or_else(|| size("a thumb"))?);
            }
            Some(PictureTrack::Still) => {
                if !sample.data.starts_with(START_OF_IMAGE) || !sample.data.ends_with(END_OF_IMAGE) {
                    return Err(size("a JPEG that is no whole picture"));
                }
                seen(Arrival::Still(&sample.data));
                self.stills.push(sample.data);
            }
            Some(PictureTrack::Raw) if sample.data.len() == format.frame_bytes() => {
                self.digests.push(Digest::of(&sample.data));
            }
            Some(PictureTrack::Raw) => return Err(size("a raw picture")),
            None => return Err(Error::Unexplained("ffmpeg gave a track that nobody asked for".to_owned())),
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Unexplained`] if there is not exactly what is `wanted`. How many pictures were decoded is not judged.
    pub(crate) fn check(&self, wanted: &WantedTracks<'_>) -> Result<(), Error> {
        let given = wanted.encoded.map_or(0, |(_, count)| count);
        let of = |taker: &str, given, gave| {
            (given != gave).then(|| format!("{taker} was given {given} pictures and gave {gave}"))
        };
        let wrong = of("the encoder", given, self.coded.len())
            .or_else(|| of("the JPEG encoder", usize::from(wanted.still.is_some()), self.stills.len()))
            .or_else(|| of("the digest", wanted.raw.len(), self.digests.len()));
        wrong.map_or(Ok(()), |why| Err(Error::Unexplained(why)))
    }
}

fn unreadable(error: Fmp4Error) -> Error {
    Unfit::Encoder.because(&format!("the encoder's output: {error}"))
}

fn undecodable(why: &str) -> Error {
    Kind::BadRecording.because(why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_in_display_order_but_for_those_that_are_not_given() {
        // In decode order: an I picture, a P picture, and B pictures that are shown before it.
        let fed = [(0, true), (3, true), (1, false), (2, true)];
        let times = |given: Option<&[Nanos]>| -> Vec<(i128, bool)> {
            let fed = fed.map(|(pts, shown)| (Nanos::new(pts), shown.then_some(Nanos::new(1))));
            let order = display_order(fed.into_iter(), given);
            order.into_iter().map(|(pts, shown)| (pts.get(), shown.is_some())).collect()
        };
        assert_eq!(times(None), [(0, true), (1, false), (2, true), (3, true)]);
        assert_eq!(times(Some(&[0, 2].map(Nanos::new))), [(0, true), (2, true)]);
    }
}
