//! Renders a run: decodes the recorded pictures and encodes those that are wanted.
//!
//! What comes out depends on nothing but what goes in, so that runs can be rendered side by side.

use crate::codec::decode::{Buffered, Damaged, Pictures, decode_all};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::{Digest, Likeness};
use crate::codec::rendered::{EncodedFrame, Rendered};
use crate::error::{Error, Unfit};
use crate::ffmpeg::{Ffmpeg, Running, Stdin, Stdout};
use crate::stats::RunGauge;
use bytes::Bytes;
use export_media::conform::Conformed;
use export_media::cut::Run;
use export_media::ffmpeg::{Encoding, Purpose, encode};
use export_media::fmp4::{FragmentEvent, FragmentReader, FragmentSample, SampleEntry};
use export_media::nal::{
    RandomAccess, Sps, VideoCodec, dolby_vision, fields_message, kept_messages, lost_metadata,
    relit_messages, sequence_messages, with_messages, with_trailing,
};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::time::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    /// Takes the first picture as soon as it is decoded.
    pub(crate) first: Option<FirstFrame>,
    /// Told how much has come out of the encoder.
    pub(crate) gauge: RunGauge,
}

/// The taker of a clip's first picture.
pub(crate) type FirstFrame = oneshot::Sender<(PictureFormat, Vec<u8>)>;

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
            tracing::warn!(%refused, "failed to decode all pictures");
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
    let (rendered, _) = attempt(ffmpeg, &mut request, damaged.map(Arc::new)).await?;
    Ok(Rendered { left_out: fed.len().saturating_sub(given), ..rendered })
}

/// Renders all pictures of a run, or those that a decoder gives of a `damaged` one. Says whether the decoder had
/// nothing to complain about.
async fn attempt(
    ffmpeg: &Ffmpeg,
    request: &mut EncodeRequest,
    damaged: Option<Arc<Damaged>>,
) -> Result<(Rendered, bool), Error> {
    let first = request.first.take();
    let EncodeRequest { setup, format, look, encoding, run, gauge, .. } = request;
    let (format, from, run) = (*format, run.from, run.clone());
    let relit = Conformed::new(&setup.format, &format).relights();
    // A decoder that first counts on no reordering, and then on any, loses pictures.
    let joins = matches!(encoding.purpose, Purpose::Join { .. });
    let unsaid = joins && setup.sps.max_reorder.is_none();
    let fields = (format.interlaced && !joins).then_some(format.bottom_first);
    let (running, input, output) = ffmpeg.start(&encode(&format, encoding))?;
    let mut taker = Taker::new(&run, format, joins, input, first);
    let entry = run.feed.first().map(|access| access.item.clone());
    let recorded: BTreeMap<Nanos, Coded> =
        run.feed.iter().map(|access| (access.pts, access.item.clone())).collect();
    let shown: Vec<Nanos> = recorded.range(from..run.until).map(|(pts, _)| *pts).collect();
    let feed = run.feed.into_iter().map(|access| Coded { shown: access.pts >= from, ..access.item });
    let mut feed = Buffered::new(Arc::clone(setup), feed).like(format).given_by(damaged);
    let decoding = async {
        let silent = decode_all(ffmpeg, &mut feed, &mut taker).await?;
        taker.input = None;
        Ok(silent)
    };
    let (silent, encoded) = tokio::try_join!(decoding, encoded_pictures(running, output, &shown, gauge))?;
    let (entry_of_encoder, samples) = encoded;
    let entry_of_encoder = if unsaid { entry_of_encoder.without_reordering()? } else { entry_of_encoder };
    let config = dressed(&entry_of_encoder, look, fields)?;
    let count = taker.times.len();
    if samples.len() != count {
        let why = format!("the encoder was given {count} pictures and gave {}", samples.len());
        return Err(Error::Unexplained(why));
    }
    let mut order: Vec<i64> = samples.iter().map(|each| each.sample.pts).collect();
    order.sort_unstable();
    let mut lost = BTreeSet::new();
    let place = |FragmentSample { sample, data, .. }: FragmentSample| {
        let rank = order.binary_search(&sample.pts).unwrap_or(0);
        let (pts, duration) = taker.times.get(rank).copied().unwrap_or_default();
        let metadata = Metadata {
            source: recorded.get(&pts),
            entry: entry.as_ref().filter(|_| sample.sync),
            sps: &setup.sps,
            relit,
            fields,
        };
        let data = metadata.put(&config, data, &mut lost)?;
        Ok(EncodedFrame { pts, duration, sync: sample.sync, data })
    };
    let pictures = samples.into_iter().map(place).collect::<Result<_, Error>>()?;
    let Taker { given, digests: after, .. } = taker;
    Ok((Rendered { config, pictures, given, lost, left_out: 0, after }, silent))
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

/// Takes decoded pictures and gives those of the run to the encoder.
struct Taker {
    from: Nanos,
    until: Nanos,
    after: Vec<Nanos>,
    format: PictureFormat,
    input: Option<Stdin>,
    first: Option<FirstFrame>,
    /// The pictures will be compared with those that a player gets at a join.
    joins: bool,
    times: Vec<(Nanos, Nanos)>,
    given: Vec<Likeness>,
    digests: Vec<Digest>,
}

impl Taker {
    fn new(
        run: &Run<Coded>,
        format: PictureFormat,
        joins: bool,
        input: Stdin,
        first: Option<FirstFrame>,
    ) -> Self {
        Self {
            from: run.from,
            until: run.until,
            after: run.after.iter().map(|access| access.pts).collect(),
            format,
            input: Some(input),
            first,
            joins,
            times: Vec::new(),
            given: Vec::new(),
            digests: Vec::new(),
        }
    }
}

impl Pictures for Taker {
    async fn begin(&mut self, _: &Setup) -> Result<(), Error> {
        Ok(())
    }

    async fn picture(&mut self, pts: Nanos, duration: Nanos, raw: &[u8]) -> Result<bool, Error> {
        if pts >= self.from && pts < self.until {
            if let Some(first) = self.first.take() {
                // Whoever waited for it is gone only when the whole work is being dropped.
                let _ = first.send((self.format, raw.to_vec()));
            }
            self.times.push((pts, duration));
            if self.joins {
                self.given.push(Likeness::of(&self.format, raw));
            }
            if let Some(input) = &mut self.input {
                input.write_all(raw).await?;
            }
        } else if self.after.contains(&pts) {
            self.digests.push(Digest::of(raw));
        }
        Ok(true)
    }
}

/// Reads all that the encoder gives: its sample entry, and the pictures in decode order. They are those that are to be
/// `shown` at these times.
async fn encoded_pictures(
    running: Running,
    mut output: Stdout,
    shown: &[Nanos],
    gauge: &RunGauge,
) -> Result<(SampleEntry, Vec<FragmentSample>), Error> {
    let mut reader = FragmentReader::new();
    let mut entry: Option<SampleEntry> = None;
    let mut pictures = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.next_event().map_err(from_encoder)? {
            Some(FragmentEvent::Init(init, _)) => {
                entry =
                    init.tracks.into_iter().next().and_then(|track| track.sample_entries.into_iter().next());
            }
            Some(FragmentEvent::Fragment(samples)) => {
                pictures.extend(samples);
                let last = shown.get(pictures.len().saturating_sub(1));
                if let (Some(first), Some(last)) = (shown.first(), last) {
                    gauge.made(*last - *first);
                }
            }
            None => match output.read(&mut buffer).await? {
                0 => break,
                read => reader.push(&buffer[..read]),
            },
        }
    }
    let refused = |complaint| Unfit::Encoder.because(&format!("the encoder: {complaint}"));
    running.finish().await.map_err(|error| error.or(refused))?;
    Ok((entry.ok_or_else(nothing_encoded)?, pictures))
}

fn nothing_encoded() -> Error {
    Error::Unexplained("the encoder gave nothing".to_owned())
}

fn from_encoder(error: export_media::fmp4::Fmp4Error) -> Error {
    Unfit::Encoder.because(&format!("the encoder's output: {error}"))
}
