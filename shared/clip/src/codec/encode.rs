//! Renders a run: decodes the recorded pictures and encodes those that are wanted.
//!
//! What comes out depends on nothing but what goes in, so that runs can be rendered side by side.

use crate::codec::decode::{Arrival, Damaged, Footage, PictureTracks};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::{EncodedFrame, Rendered};
use crate::error::{Error, Unfit};
use crate::ffmpeg::Ffmpeg;
use crate::stats::RunGauge;
use bytes::Bytes;
use export_media::conform::Conformed;
use export_media::cut::Run;
use export_media::ffmpeg::{Encoding, PICTURE_TICKS, Purpose, WantedTracks};
use export_media::fmp4::{FragmentSample, SampleEntry};
use export_media::nal::{
    RandomAccess, Sps, VideoCodec, dolby_vision, fields_message, kept_messages, lost_metadata,
    relit_messages, sequence_messages, with_messages, with_trailing,
};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::time::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A run to render.
pub(crate) struct EncodeRequest {
    pub(crate) setup: Arc<Setup>,
    /// Size and layout of the pictures to encode; pictures of another size are scaled.
    pub(crate) format: PictureFormat,
    /// The sample entry of the recording that the clip looks like.
    pub(crate) look: Arc<DecoderConfig>,
    pub(crate) encoding: Encoding,
    pub(crate) run: Run<Coded>,
    /// Takes the first picture as soon as it is there.
    pub(crate) first: Option<FirstFrame>,
    /// Told how much has come out of the encoder.
    pub(crate) gauge: RunGauge,
}

/// Takes the JPEG of a clip's first picture, if it is wanted.
#[derive(Debug)]
pub(crate) struct FirstFrame(Option<oneshot::Sender<Bytes>>);

impl FirstFrame {
    /// It goes to the receiver; if it is not `wanted`, nothing does.
    pub(crate) fn new(wanted: bool) -> (Self, oneshot::Receiver<Bytes>) {
        let (sender, receiver) = oneshot::channel();
        (Self(wanted.then_some(sender)), receiver)
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// The receiver is gone only when the whole work is being dropped.
    pub(crate) fn give(&mut self, jpeg: &Bytes) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(jpeg.clone());
        }
    }
}

/// Renders a run.
///
/// # Errors
/// [`Error::Unfit`] if the encoder refuses them, [`Error::Unexplained`] if it does not give exactly the pictures
/// that it got.
pub(crate) async fn render(ffmpeg: &Ffmpeg, mut request: EncodeRequest) -> Result<Rendered, Error> {
    let rendered = match attempt(ffmpeg, &mut request, None).await {
        Ok((rendered, true)) => return Ok(rendered),
        Ok((rendered, false)) => Some(rendered),
        Err(Error::GivenUp(refused)) => {
            tracing::warn!(%refused, "failed to render all pictures");
            None
        }
        Err(error) => return Err(error),
    };
    let fed: Vec<Coded> = request.run.feed.iter().map(|access| access.item.clone()).collect();
    let damaged = Damaged::list(ffmpeg, &fed, rendered.is_some()).await?;
    if let (None, Some(rendered)) = (&damaged, rendered) {
        return Ok(rendered);
    }
    let given = damaged.as_ref().map_or(fed.len(), Damaged::given);
    tracing::warn!(fed = fed.len(), given, "decoding damaged pictures");
    let (rendered, _) = attempt(ffmpeg, &mut request, damaged).await?;
    Ok(Rendered { left_out: fed.len().saturating_sub(given), ..rendered })
}

/// Renders all pictures of a run, or those that a decoder gives of a `damaged` one. Says whether the decoder had
/// nothing to complain about.
async fn attempt(
    ffmpeg: &Ffmpeg,
    request: &mut EncodeRequest,
    damaged: Option<Damaged>,
) -> Result<(Rendered, bool), Error> {
    let EncodeRequest { setup, format, look, encoding, run, first, gauge } = request;
    let from = run.from;
    let feed = run.feed.iter().map(|access| Coded { shown: access.pts >= from, ..access.item.clone() });
    let footage = Footage::new(Arc::clone(setup), feed).given_by(damaged);
    let order = footage.order();
    let place = |pts: Nanos| order.partition_point(|(each, _)| *each < pts);
    let pictures = place(from)..place(run.until);
    let times: Vec<(Nanos, Nanos)> =
        order[pictures.clone()].iter().filter_map(|(pts, shown)| Some((*pts, (*shown)?))).collect();
    if times.is_empty() {
        return Err(nothing_encoded());
    }
    let after: BTreeSet<Nanos> = run.after.iter().map(|access| access.pts).collect();
    let raw: Vec<usize> = (0..order.len()).filter(|n| after.contains(&order[*n].0)).collect();
    let joins = matches!(encoding.purpose, Purpose::Join { .. });
    let wanted = WantedTracks {
        first: pictures.start,
        encoded: Some((encoding, times.len())),
        told_apart: joins,
        still: first.as_ref().filter(|first| first.is_wanted()).map(|_| pictures.start),
        raw: &raw,
    };
    let seen = |given: Arrival<'_>| match given {
        Arrival::Coded(count) => {
            if let (Some((begin, _)), Some((last, _))) = (times.first(), times.get(count.saturating_sub(1))) {
                gauge.made(*last - *begin);
            }
        }
        Arrival::Still(jpeg) => first.iter_mut().for_each(|first| first.give(jpeg)),
    };
    let refused = |complaint| Unfit::Encoder.because(&format!("the encoder: {complaint}"));
    let tracks = footage.through(ffmpeg, format, &wanted, seen).await.map_err(|error| error.or(refused))?;
    let silent = tracks.silent;
    let run = EncodedRun { setup, format, look, encoding, times: &times };
    Ok((run.rendered(&footage, tracks)?, silent))
}

/// What the encoder was given.
struct EncodedRun<'a> {
    setup: &'a Setup,
    format: &'a PictureFormat,
    look: &'a DecoderConfig,
    encoding: &'a Encoding,
    /// When each picture is shown, and for how long.
    times: &'a [(Nanos, Nanos)],
}

impl EncodedRun<'_> {
    /// The run, out of what came of its footage.
    fn rendered(&self, footage: &Footage, tracks: PictureTracks) -> Result<Rendered, Error> {
        let PictureTracks { entry: encoder, coded, mut thumbs, digests: after, .. } = tracks;
        let sps = &self.setup.sps;
        let joins = matches!(self.encoding.purpose, Purpose::Join { .. });
        let relit = Conformed::new(&self.setup.format, self.format).relights();
        // A decoder that first counts on no reordering, and then on any, loses pictures.
        let unsaid = joins && sps.max_reorder.is_none();
        let fields = (self.format.interlaced && !joins).then_some(self.format.bottom_first);
        let encoder = encoder.ok_or_else(nothing_encoded)?;
        let encoder = if unsaid { encoder.without_reordering()? } else { encoder };
        let config = dressed(&encoder, self.look, fields)?;
        let recorded: BTreeMap<Nanos, &Coded> =
            footage.pictures().iter().map(|picture| (picture.pts, picture)).collect();
        let entry = footage.pictures().first();
        let ranks = self.ranks(&coded)?;
        let mut lost = BTreeSet::new();
        let place = |(FragmentSample { sample, data, .. }, rank): (FragmentSample, usize)| {
            let (pts, duration) = self.times.get(rank).copied().unwrap_or_default();
            let source = recorded.get(&pts).copied();
            let entry = entry.filter(|_| sample.sync);
            let data = Metadata { source, entry, sps, relit, fields }.put(&config, data, &mut lost)?;
            Ok(EncodedFrame { pts, duration, sync: sample.sync, data })
        };
        let pictures = coded.into_iter().zip(ranks).map(place).collect::<Result<_, Error>>()?;
        thumbs.truncate(if joins { self.times.len() } else { 0 });
        Ok(Rendered { config, pictures, given: thumbs, lost, left_out: 0, after })
    }

    /// The place of each encoded picture in display order.
    fn ranks(&self, coded: &[FragmentSample]) -> Result<Vec<usize>, Error> {
        if !matches!(self.encoding.purpose, Purpose::Clip { reordered: 1.. }) {
            return Ok((0..coded.len()).collect());
        }
        let times: Vec<i64> = coded.iter().map(|each| each.sample.pts).collect();
        let why = || Error::Unexplained("the encoder's pictures are not evenly timed".to_owned());
        ranks(&times).ok_or_else(why)
    }
}

/// The rank of each of some times; `None` unless they are about [`PICTURE_TICKS`] apart. The first in time may be any earlier
/// than the others: the muxer begins every track at 0.
fn ranks(times: &[i64]) -> Option<Vec<usize>> {
    let mut order = times.to_vec();
    order.sort_unstable();
    let distinct = order.first() < order.get(1) || order.len() < 2;
    let apart = PICTURE_TICKS / 2..PICTURE_TICKS * 3 / 2;
    let even =
        order.iter().skip(1).zip(order.iter().skip(2)).all(|(one, next)| apart.contains(&(next - one)));
    (distinct && even).then(|| times.iter().map(|time| order.partition_point(|each| each < time)).collect())
}

/// The encoder's configuration in a sample entry that says of the pictures what the recorded one says; `fields`:
/// whether the bottom field of each picture is shown first, if they have fields.
fn dressed(
    encoder: &SampleEntry,
    look: &DecoderConfig,
    fields: Option<bool>,
) -> Result<Arc<DecoderConfig>, Error> {
    let mut entry = encoder.dressed_as(&look.entry)?;
    if let Some(bottom_first) = fields {
        entry = entry.with_fields(bottom_first)?;
    }
    let config = DecoderConfig::of(&entry).ok_or_else(nothing_encoded)?;
    Ok(Arc::new(config))
}

/// The metadata that is in the recorded bits only: captions, light levels and the like.
struct Metadata<'a> {
    /// The recorded picture.
    source: Option<&'a Coded>,
    /// The picture that decoding can start with: the recorded random access picture, which says more of all that follow
    /// it.
    entry: Option<&'a Coded>,
    /// Of the recorded pictures.
    sps: &'a Sps,
    /// The pictures were converted for another light than the recorded ones.
    relit: bool,
    /// `true` if the bottom field of each picture is shown first, if they have fields.
    fields: Option<bool>,
}

impl Metadata<'_> {
    /// The encoded picture `data` with all that its codec allows; adds to `lost` what it does not.
    fn put(
        &self,
        config: &DecoderConfig,
        data: Bytes,
        lost: &mut BTreeSet<&'static str>,
    ) -> Result<Bytes, Error> {
        let to = config.codec;
        let mut messages = Vec::new();
        if let Some(bottom_first) = self.fields.filter(|_| to == VideoCodec::Hevc) {
            messages.push(fields_message(bottom_first));
        }
        let mut trailing = Vec::new();
        if let Some(Coded { data, config: recorded, .. }) = self.source {
            let (from, size) = (recorded.codec, recorded.nal_length_size);
            let kept = if self.relit { relit_messages } else { kept_messages };
            messages.extend(kept(from, to, data, size)?);
            lost.extend(lost_metadata(from, to, self.sps, data, size)?);
            if self.relit && sequence_messages(from, to, data, size)?.is_some() {
                lost.insert("HDR metadata");
            }
            if from == to && !self.relit {
                trailing = dolby_vision(from, data, size)?;
            }
        }
        let itself = self.source.is_some_and(|source| source.picture.random_access != RandomAccess::None);
        if let Some(entry) = self.entry.filter(|_| !itself && !self.relit) {
            let config = &entry.config;
            messages.extend(sequence_messages(config.codec, to, &entry.data, config.nal_length_size)?);
        }
        let add = |data: Bytes, message: Vec<u8>| -> Result<Bytes, Error> {
            Ok(with_messages(to, &data, config.nal_length_size, &message)?.into())
        };
        let data = messages.into_iter().try_fold(data, add)?;
        if trailing.is_empty() {
            Ok(data)
        } else {
            Ok(with_trailing(&data, config.nal_length_size, &trailing)?.into())
        }
    }
}

fn nothing_encoded() -> Error {
    Error::Unexplained("the encoder gave nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::ranks;

    #[test]
    fn pictures_are_ranked_by_even_times_or_not_at_all() {
        assert_eq!(ranks(&[2000, 19_001, 17_000, 18_000, 20_001]), Some(vec![0, 3, 1, 2, 4]));
        assert_eq!(ranks(&[0]), Some(vec![0]));
        assert_eq!(ranks(&[0, 2000, 2001, 3000]), None, "one is late");
        assert_eq!(ranks(&[1000, 1000, 2000]), None, "two are at once");
        assert_eq!(ranks(&[0, 1000, 3000]), None, "one is missing");
    }
}
