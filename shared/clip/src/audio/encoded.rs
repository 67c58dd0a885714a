//! Recorded audio of another form than the clip's, through ffmpeg.

use super::recorded::{AudioFrame, Recorded};
use crate::Source;
use crate::error::Error;
use crate::ffmpeg::{Ffmpeg, FfmpegError, Running, Stdin, Stdout};
use crate::task::Task;
use bytes::Bytes;
use export_media::arrange::{AudioSlots, ticks};
use export_media::audio::{AudioFormat, AudioTarget};
use export_media::ffmpeg::encode_audio;
use export_media::fmp4::{FragmentEvent, FragmentReader};
use export_media::mux::{FragmentWriter, MuxSample, TrackMedia, TrackSpec};
use export_media::time::Nanos;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A longer gap is not filled with silence: the encoder starts again behind it.
const LONGEST_GAP: Nanos = Nanos::new(500_000_000);

/// Encodes the frames of one Period.
pub(crate) struct Encoded<O> {
    ffmpeg: Ffmpeg,
    format: AudioFormat,
    target: AudioTarget,
    /// An instant that is whole frames from the start of each that comes out: they meet copied frames without a gap.
    grid: Option<Nanos>,
    /// The frames that have not been encoded; `None` while a run has them.
    left: Option<Left<O>>,
    run: Option<EncoderRun<O>>,
    runs: u32,
    entry: Option<Bytes>,
}

/// Recorded frames, those that were read ahead first.
struct Left<O> {
    recorded: Recorded<O>,
    frames: VecDeque<AudioFrame>,
}

/// Frames between two gaps, on their way.
struct EncoderRun<O> {
    feeding: Task<Result<Left<O>, Error>>,
    running: Running,
    output: Stdout,
    reader: FragmentReader,
    /// Its zero: the first recorded frame starts there, or less than a frame later.
    origin: Nanos,
    /// Encoded frames so far.
    count: i64,
}

/// The output of the encoder.
#[derive(Debug)]
pub(crate) enum Given {
    /// Start and bytes of frames, and which run they are of.
    Frames(Vec<(Nanos, Bytes)>, u32),
    /// There is no more, because ffmpeg cannot decode it, for this reason.
    Undecodable(String),
    /// There is no more.
    Over,
}

impl<O: Source> Encoded<O> {
    pub(crate) fn new(
        ffmpeg: Ffmpeg,
        recorded: Recorded<O>,
        (format, target): (AudioFormat, AudioTarget),
        grid: Option<Nanos>,
    ) -> Self {
        let left = Some(Left { recorded, frames: VecDeque::new() });
        Self { ffmpeg, format, target, grid, left, run: None, runs: 0, entry: None }
    }

    /// The sample entry of what comes out, once something has.
    pub(crate) fn entry(&self) -> Option<&Bytes> {
        self.entry.as_ref()
    }

    /// Returns the next output.
    pub(crate) async fn next(&mut self) -> Result<Given, Error> {
        loop {
            let Some(run) = &mut self.run else {
                let Some(left) = self.left.take() else { return Ok(Given::Over) };
                Box::pin(self.begin(left)).await?;
                continue;
            };
            match run.reader.next_event().map_err(from_encoder)? {
                Some(FragmentEvent::Init(init, _)) => {
                    let entries = init.tracks.into_iter().flat_map(|track| track.sample_entries);
                    self.entry = entries.into_iter().next().map(|entry| entry.bytes);
                }
                Some(FragmentEvent::Fragment(samples)) => {
                    let mut frames = Vec::new();
                    for sample in samples {
                        frames.push((run.origin + self.target.heard_at(run.count), sample.data));
                        run.count += 1;
                    }
                    self.grid = Some(run.origin + self.target.heard_at(run.count));
                    return Ok(Given::Frames(frames, self.runs));
                }
                None => {
                    let mut buffer = vec![0; 16 << 10];
                    match run.output.read(&mut buffer).await? {
                        0 => {
                            if let Some(why) = self.end().await? {
                                return Ok(Given::Undecodable(why));
                            }
                        }
                        read => run.reader.push(&buffer[..read]),
                    }
                }
            }
        }
    }

    /// Starts an encoder for the frames up to the next gap.
    async fn begin(&mut self, mut left: Left<O>) -> Result<(), Error> {
        while left.frames.is_empty() {
            match left.recorded.next().await? {
                Some(frames) => left.frames.extend(frames),
                None => return Ok(()),
            }
        }
        let first = left.frames.front().map_or(Nanos::ZERO, |frame| frame.start);
        let origin = self.grid.map_or(first, |grid| self.target.on_grid(grid, first));
        let rate = self.format.rate();
        let entries = &left.recorded.part().track.init.sample_entries;
        let spec = TrackSpec {
            kind: TrackMedia::Audio,
            timescale: rate,
            language: *b"und",
            sample_entries: entries.iter().map(|entry| entry.bytes.clone()).collect(),
            roll: None,
        };
        let fragments = FragmentWriter::new(vec![spec], rate)?;
        let (running, input, output) = self.ffmpeg.start(&encode_audio(self.target))?;
        let feeder = Feeder {
            fragments,
            slots: AudioSlots::new(rate),
            format: self.format.clone(),
            origin,
            end: origin,
        };
        let feeding = Task::spawn(Box::pin(feeder.feed(left, input)));
        self.runs += 1;
        self.run =
            Some(EncoderRun { feeding, running, output, reader: FragmentReader::new(), origin, count: 0 });
        Ok(())
    }

    /// Ends a run; why it could not be decoded, if so.
    async fn end(&mut self) -> Result<Option<String>, Error> {
        let Some(run) = self.run.take() else { return Ok(None) };
        let complaint = match run.running.finish().await {
            Ok(()) => None,
            Err(FfmpegError::Refused(complaint)) => Some(complaint),
            Err(FfmpegError::Other(error)) => return Err(error),
        };
        let left = run.feeding.await??;
        if complaint.is_none() && run.count > 0 {
            self.left = Some(left);
            return Ok(None);
        }
        Ok(Some(complaint.unwrap_or_else(|| "nothing was decoded".to_owned())))
    }
}

/// Writes recorded frames as fragments.
struct Feeder {
    fragments: FragmentWriter,
    slots: AudioSlots,
    format: AudioFormat,
    origin: Nanos,
    end: Nanos,
}

impl Feeder {
    /// Writes up to the next gap; returns what is left.
    async fn feed<O: Source>(mut self, mut left: Left<O>, mut input: Stdin) -> Result<Left<O>, Error> {
        if !write(&mut input, &self.fragments.init()?).await? {
            return Ok(left);
        }
        loop {
            let mut batch = Vec::new();
            while let Some(frame) = left.frames.pop_front() {
                if frame.start - self.end > LONGEST_GAP || self.end - frame.start > LONGEST_GAP {
                    left.frames.push_front(frame);
                    break;
                }
                batch.extend(self.placed(frame));
            }
            let taken = batch.is_empty() || write(&mut input, &self.fragments.fragment(&[&batch])?).await?;
            if !taken || !left.frames.is_empty() {
                return Ok(left);
            }
            match left.recorded.next().await? {
                Some(frames) => left.frames.extend(frames),
                None => return Ok(left),
            }
        }
    }

    fn placed(&mut self, frame: AudioFrame) -> Option<(MuxSample, Bytes)> {
        let rate = self.format.rate();
        let length = self.format.frame_length(ticks(frame.end - frame.start, rate));
        let dts = self.slots.place(frame.start - self.origin, length, false)?;
        self.end = frame.end.max(frame.start);
        let sample = MuxSample {
            dts,
            pts: dts,
            duration: length,
            sync: true,
            entry: u32::try_from(frame.entry).ok()?,
            size: u32::try_from(frame.data.len()).ok()?,
        };
        Some((sample, frame.data))
    }
}

/// `false` if the reader has gone: an ffmpeg that ends early says why when it is waited for.
async fn write(input: &mut Stdin, bytes: &[u8]) -> Result<bool, std::io::Error> {
    match input.write_all(bytes).await {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

fn from_encoder(error: export_media::fmp4::Fmp4Error) -> Error {
    Error::Passing(format!("failed to read encoded audio: {error}"))
}
