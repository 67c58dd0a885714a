//! A clip with a picture: decode the window's pictures, encode exactly these, copy the sound, publish.

use crate::assemble::{Assembly, Encoded, Shown, VideoSpec};
use crate::audio::AudioTrack;
use crate::budget::Budget;
use crate::decode::{Pictures, decode_all};
use crate::error::WorkError;
use crate::ffmpeg::{Ffmpeg, Running};
use crate::upload::{Prepared, Uploader};
use crate::video::{Setup, VideoFeed};
use crate::window::Window;
use bytes::Bytes;
use export_domain::ports::{ClipStore, SourceStore};
use export_domain::request::ExportType;
use export_domain::storage::Container;
use export_media::ffmpeg::{Encoding, encode};
use export_media::fmp4::{FragmentEvent, FragmentReader, FragmentSample};
use export_media::nal::VideoCodec;
use export_media::picture::PictureFormat;
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::future::Future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::oneshot;

/// The re-encode may take this many times the source's bits a second, in tenths.
const BITRATE_TENTHS: u64 = 14;

/// What the clip's maker needs.
pub(crate) struct Job<'a, O> {
    pub(crate) ffmpeg: &'a Ffmpeg,
    pub(crate) window: Window,
    pub(crate) export_type: ExportType,
    pub(crate) container: Container,
    pub(crate) budget: &'a Budget,
    pub(crate) feed: VideoFeed<O>,
    pub(crate) audio: Vec<AudioTrack<O>>,
    pub(crate) uploader: Uploader<O>,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) prepared: Prepared,
    /// Length of the clip.
    pub(crate) length: Nanos,
    pub(crate) frames: u64,
    pub(crate) lack_ms: i64,
}

/// What happens while the clip is made.
pub(crate) trait Progress: Sync {
    /// The first picture of the clip.
    fn first_picture(
        &self,
        format: &PictureFormat,
        raw: &[u8],
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// So much of the clip is decoded.
    fn made(&self, length: Nanos);
}

/// Makes the clip; `None` if no picture lies in the window.
pub(crate) async fn make<O: SourceStore + ClipStore + 'static>(
    job: Job<'_, O>,
    progress: &impl Progress,
) -> Result<Option<Made>, WorkError> {
    let Job { ffmpeg, window, export_type, container, budget, mut feed, audio, uploader } = job;
    let shown = Shown::default();
    let (announce, announced) = oneshot::channel();
    let decoding = async {
        let mut taker = Taker {
            ffmpeg,
            window,
            export_type,
            budget,
            shown: &shown,
            announce: Some(announce),
            encoder: None,
            format: None,
            progress,
        };
        decode_all(ffmpeg, &mut feed, &mut taker).await?;
        taker.end().await
    };
    let encoding = async {
        let Ok((output, setup)) = announced.await else { return Ok(None) };
        let assembled = assemble(output, &setup, audio, container, ffmpeg, uploader, &shown).await?;
        Ok(Some(assembled))
    };
    let ((), made) = tokio::try_join!(decoding, encoding)?;
    let Some((prepared, coded)) = made else { return Ok(None) };
    if coded != shown.count() {
        return Err(WorkError::Passing("the encoder gave fewer pictures than it was fed".to_owned()));
    }
    let frames = u64::try_from(coded).unwrap_or_default();
    Ok(Some(Made { prepared, length: shown.length(), frames, lack_ms: feed.lack_ms() }))
}

/// Takes decoded pictures and gives those of the window to the encoder.
struct Taker<'a, P> {
    ffmpeg: &'a Ffmpeg,
    window: Window,
    export_type: ExportType,
    budget: &'a Budget,
    shown: &'a Shown,
    announce: Option<oneshot::Sender<(ChildStdout, Setup)>>,
    encoder: Option<(Running, ChildStdin)>,
    format: Option<Setup>,
    progress: &'a P,
}

impl<P: Progress> Taker<'_, P> {
    /// Starts the encoder with the first picture, so that a window without any starts none.
    async fn start(&mut self, raw: &[u8]) -> Result<(), WorkError> {
        let Some(setup) = self.format.clone() else { return Ok(()) };
        self.progress.first_picture(&setup.format, raw).await?;
        let codec = target_codec(self.export_type, setup.codec);
        let (running, input, output) = self.ffmpeg.start(&encode(&setup.format, &encoding(&setup, codec)))?;
        self.encoder = Some((running, input));
        if let Some(announce) = self.announce.take() {
            // The receiver is gone only when the whole work is being dropped.
            let _ = announce.send((output, setup));
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), WorkError> {
        self.announce = None;
        if let Some((running, input)) = self.encoder.take() {
            drop(input);
            running.finish().await?;
        }
        Ok(())
    }
}

impl<P: Progress> Pictures for Taker<'_, P> {
    async fn begin(&mut self, setup: &Setup) -> Result<(), WorkError> {
        let codec = target_codec(self.export_type, setup.codec);
        self.budget.check_before(setup, codec)?;
        self.format = Some(setup.clone());
        Ok(())
    }

    async fn picture(&mut self, pts: Nanos, duration: Nanos, raw: &[u8]) -> Result<bool, WorkError> {
        if pts < self.window.start || pts >= self.window.end {
            return Ok(pts < self.window.end);
        }
        if self.encoder.is_none() {
            self.start(raw).await?;
        }
        let length = self.shown.show(pts, duration);
        if let Some((_, input)) = &mut self.encoder {
            input.write_all(raw).await?;
        }
        self.progress.made(length);
        self.budget.check_while(length)?;
        Ok(true)
    }
}

/// The codec that `export_type` means for a recording in `recorded`.
pub(crate) fn target_codec(export_type: ExportType, recorded: VideoCodec) -> VideoCodec {
    match export_type {
        ExportType::AsRecorded => recorded,
        ExportType::H264 => VideoCodec::H264,
        ExportType::H265 => VideoCodec::Hevc,
    }
}

fn encoding(setup: &Setup, codec: VideoCodec) -> Encoding {
    Encoding {
        codec,
        recorded: setup.codec,
        timescale: setup.timescale,
        frame_ticks: setup.frame_ticks,
        max_bitrate: setup.bandwidth * BITRATE_TENTHS / 10,
    }
}

/// Reads the encoder's pictures and writes the file.
async fn assemble<O: SourceStore + ClipStore + 'static>(
    mut output: ChildStdout,
    setup: &Setup,
    audio: Vec<AudioTrack<O>>,
    container: Container,
    ffmpeg: &Ffmpeg,
    uploader: Uploader<O>,
    shown: &Shown,
) -> Result<(Prepared, usize), WorkError> {
    let mut encoder = EncoderOutput {
        reader: FragmentReader::new(),
        buffer: vec![0; 64 << 10],
        ready: VecDeque::new(),
        entry: None,
    };
    let nothing = || WorkError::Passing("the encoder gave nothing".to_owned());
    let first = encoder.next(&mut output).await?.ok_or_else(nothing)?;
    let step = i64::from(setup.frame_ticks);
    let video = VideoSpec {
        entry: encoder.entry.clone().ok_or_else(nothing)?,
        width: u16::try_from(setup.format.width).unwrap_or(u16::MAX),
        height: u16::try_from(setup.format.height).unwrap_or(u16::MAX),
        timescale: setup.timescale,
        delay: usize::try_from((first.sample.pts - first.sample.dts) / step).unwrap_or(0),
        frame_ticks: setup.frame_ticks,
    };
    let first_pts = first.sample.pts;
    let mut assembly = Assembly::begin(container, video, audio, shown, ffmpeg, uploader).await?;
    let mut next = Some(first);
    while let Some(FragmentSample { sample, data, .. }) = next {
        let rank = usize::try_from((sample.pts - first_pts) / step).unwrap_or(usize::MAX);
        assembly.picture(Encoded { rank, sync: sample.sync, data }, shown).await?;
        next = encoder.next(&mut output).await?;
    }
    let coded = assembly.coded();
    Ok((assembly.finish(shown).await?, coded))
}

/// The encoder's pictures, one at a time.
struct EncoderOutput {
    reader: FragmentReader,
    buffer: Vec<u8>,
    ready: VecDeque<FragmentSample>,
    entry: Option<Bytes>,
}

impl EncoderOutput {
    async fn next(&mut self, output: &mut ChildStdout) -> Result<Option<FragmentSample>, WorkError> {
        loop {
            if let Some(sample) = self.ready.pop_front() {
                return Ok(Some(sample));
            }
            match self.reader.next_event().map_err(from_encoder)? {
                Some(FragmentEvent::Init(init, _)) => {
                    let entries = init.tracks.first().map(|track| &track.sample_entries);
                    self.entry = entries.and_then(|e| e.first()).map(|e| e.bytes.clone());
                }
                Some(FragmentEvent::Fragment(samples)) => self.ready.extend(samples),
                None => match output.read(&mut self.buffer).await? {
                    0 => return Ok(None),
                    read => self.reader.push(&self.buffer[..read]),
                },
            }
        }
    }
}

fn from_encoder(error: export_media::fmp4::Fmp4Error) -> WorkError {
    WorkError::Passing(format!("failed to read the encoder's output: {error}"))
}
