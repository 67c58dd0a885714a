//! Puts pictures and copied audio together on the clip's clock.

use crate::audio::AudioTrack;
use crate::error::{Error, Unfit};
use crate::ffmpeg::Ffmpeg;
use crate::source::RecordedPlace;
use crate::write::container::{ContainerWriter, MuxBatch};
use crate::write::marks::ClipMarks;
use crate::{ClipWriter, Source};
use bytes::Bytes;
use export_media::arrange::{ClipClock, nanos, ticks};
use export_media::display::Matrix;
use export_media::entries::{SharedEntry, without_parameter_sets};
use export_media::ffmpeg::FileFormat;
use export_media::mux::{MuxSample, TrackMedia, TrackSpec, edits, movie_timescale};
use export_media::nal::{in_band, orientation_message, with_messages};
use export_media::picture::DecoderConfig;
use export_media::reorder::{SampleTimes, Turns};
use export_media::time::Nanos;
use std::sync::Arc;

/// Length of what is written at once: short enough to hold, long enough for compact tables.
const BATCH: Nanos = Nanos::new(500_000_000);

/// The earliest decode time of a transport stream's first picture: audio may come first.
const LEAST_BASE: Nanos = Nanos::new(50_000_000);

/// One coded picture of the clip.
#[derive(Debug, Clone)]
pub(crate) struct ClipSample {
    /// On the presentation's clock.
    pub(crate) pts: Nanos,
    pub(crate) duration: Nanos,
    pub(crate) sync: bool,
    pub(crate) data: Bytes,
    pub(crate) config: Arc<DecoderConfig>,
    /// Its place in the recording, if it is copied.
    pub(crate) origin: Option<RecordedPlace>,
}

impl ClipSample {
    /// Its bytes with its parameter sets in band, where decoding can start, and lengths of four bytes.
    pub(crate) fn in_band(&self) -> Result<Bytes, Error> {
        let DecoderConfig { codec, nal_length_size, sets, .. } = &*self.config;
        let sets = if self.sync { &sets[..] } else { &[] };
        Ok(in_band(*codec, &self.data, *nal_length_size, sets)?.into())
    }
}

/// Pictures in decode order that are all there is to show between the first and the last of them.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) pictures: Vec<ClipSample>,
    /// The recording may have a hole before them.
    pub(crate) starts: bool,
}

/// The description of the picture track.
#[derive(Debug, Clone)]
pub(crate) struct VideoSpec {
    /// For display, in pixels.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The turn for display.
    pub(crate) matrix: Matrix,
    /// Ticks a second.
    pub(crate) timescale: u32,
    /// The time by which a picture is decoded before it is shown, in ticks.
    pub(crate) delay: i64,
    /// The sample entry that copied pictures begin with; empty if there are none.
    pub(crate) entry: SharedEntry,
}

/// The tracks of a clip to be written.
pub(crate) struct ClipTracks<O> {
    pub(crate) video: VideoSpec,
    /// Each has something to be heard.
    pub(crate) audio: Vec<AudioTrack<O>>,
    /// Instants that the places in the clip are wanted of.
    pub(crate) marks: ClipMarks,
}

/// The tracks of a clip under way.
pub(crate) struct Assembly<O, W> {
    container: FileFormat,
    matrix: Matrix,
    timescale: u32,
    movie_timescale: u32,
    audio: Vec<AudioTrack<O>>,
    output: ContainerWriter<W>,
    clock: ClipClock,
    turns: Turns,
    marks: ClipMarks,
    /// Of an MP4's picture track.
    entry: SharedEntry,
    /// Added to every picture's presentation time, in ticks.
    shift: i64,
    /// Added to every picture's decode time, in ticks.
    lead: i64,
    /// Added to the time of all audio in a transport stream, where nothing can be cut by an edit list.
    base: Nanos,
    /// First place of each audio track, in its ticks.
    first: Vec<Option<i64>>,
    batch: MuxBatch,
    batch_from: Nanos,
    edge: Vec<MuxBatch>,
}

impl<O: Source, W: ClipWriter> Assembly<O, W> {
    /// Starts the file with its first pictures.
    pub(crate) async fn begin(
        container: FileFormat,
        tracks: ClipTracks<O>,
        block: Block,
        ffmpeg: &Ffmpeg,
        sink: W,
    ) -> Result<Self, Error> {
        let ClipTracks { video, mut audio, marks } = tracks;
        let VideoSpec { width, height, matrix, timescale, delay, entry } = video;
        if container == FileFormat::Mp4 {
            for track in &mut audio {
                track.lead_in(nanos(delay, timescale));
            }
        }
        let (mut clock, mut turns) = (ClipClock::default(), Turns::new(delay, timescale));
        let times = lay_out(&mut clock, &mut turns, timescale, &block)?;
        let mut edge = Vec::new();
        for track in &mut audio {
            edge.push(track.take(&clock, BATCH, false).await?);
        }
        let first: Vec<Option<i64>> = edge.iter().map(|batch| batch.first().map(|(s, _)| s.dts)).collect();
        let base = nanos(delay, timescale) + LEAST_BASE.max(audio_ahead(&audio, &first));
        let (shift, lead) = match container {
            FileFormat::Mp4 => (delay.max(ticks(audio_ahead(&audio, &first), timescale)), 0),
            FileFormat::TransportStream => (ticks(base, timescale), ticks(base, timescale) - delay),
        };
        let sample_entries = match block.pictures.first() {
            Some(picture) if container == FileFormat::TransportStream => {
                vec![without_parameter_sets(&picture.config.entry)?]
            }
            // Once all pictures are known, it is replaced by the one that describes all of them.
            Some(picture) => vec![picture.config.entry.bytes.clone()],
            None => Vec::new(),
        };
        let kind = TrackMedia::Video { width, height, matrix };
        let spec = TrackSpec { kind, timescale, language: *b"und", sample_entries, roll: None };
        let specs = std::iter::once(spec).chain(audio.iter().map(|track| track.spec().clone())).collect();
        let movie_timescale = movie_timescale(timescale);
        let output = ContainerWriter::begin(container, specs, movie_timescale, ffmpeg, sink).await?;
        let mut assembly = Self {
            container,
            matrix,
            timescale,
            movie_timescale,
            audio,
            output,
            clock,
            turns,
            marks,
            entry,
            shift,
            lead,
            base,
            first,
            batch: MuxBatch::new(),
            batch_from: Nanos::ZERO,
            edge,
        };
        assembly.write(block, &times).await?;
        Ok(assembly)
    }

    /// The next pictures.
    pub(crate) async fn add(&mut self, block: Block) -> Result<(), Error> {
        let times = lay_out(&mut self.clock, &mut self.turns, self.timescale, &block)?;
        self.write(block, &times).await
    }

    /// The marks, with the places of those that have been shown.
    pub(crate) fn marks(&self) -> &ClipMarks {
        &self.marks
    }

    /// The clip's length so far.
    pub(crate) fn length(&self) -> Nanos {
        self.clock.length()
    }

    /// The start of the picture that is last so far.
    pub(crate) fn started(&self) -> Nanos {
        self.clock.started()
    }

    /// Ends the file.
    pub(crate) async fn finish(mut self) -> Result<W::Written, Error> {
        let length = self.length();
        self.flush(length, true).await?;
        if self.container == FileFormat::Mp4 {
            self.output.describe(vec![self.entry.boxed()?])?;
        }
        let of_track = |first, timescale| edits(first, timescale, length, self.movie_timescale);
        let mut edits = vec![of_track(-self.shift, self.timescale)];
        for (track, first) in self.audio.iter().zip(&self.first) {
            edits.push(of_track(first.unwrap_or(0), track.spec().timescale));
        }
        let chapters = self.marks.chapters();
        self.output.finish(&edits, chapters).await
    }

    async fn write(&mut self, block: Block, times: &[SampleTimes]) -> Result<(), Error> {
        for (picture, turn) in block.pictures.into_iter().zip(times) {
            self.marks.show(picture.pts, nanos(turn.shown, self.timescale));
            let data = self.packed(&picture)?;
            let sample = MuxSample {
                dts: turn.decoded + self.lead,
                pts: turn.shown + self.shift,
                duration: u32::try_from(ticks(picture.duration, self.timescale)).unwrap_or(1),
                sync: picture.sync,
                entry: 0,
                size: u32::try_from(data.len()).unwrap_or(u32::MAX),
            };
            self.batch.push((sample, data));
            let decoded = nanos(turn.decoded, self.timescale);
            if decoded - self.batch_from >= BATCH {
                self.flush(decoded, false).await?;
            }
        }
        Ok(())
    }

    /// A picture's bytes as this container wants them.
    fn packed(&mut self, picture: &ClipSample) -> Result<Bytes, Error> {
        if self.container == FileFormat::Mp4 {
            return Ok(self.entry.sample(&picture.config, &picture.data)?);
        }
        let data = picture.in_band()?;
        let turn = self.matrix.turn();
        if turn.is_none() {
            return Ok(data);
        }
        // A transport stream has no matrix. In every picture, since not all decoders remember it.
        let message = orientation_message(picture.config.codec, turn);
        Ok(with_messages(picture.config.codec, &data, 4, &message)?.into())
    }

    async fn flush(&mut self, until: Nanos, done: bool) -> Result<(), Error> {
        let mut batches = vec![std::mem::take(&mut self.batch)];
        for (at, track) in self.audio.iter_mut().enumerate() {
            let mut batch = self.edge.get_mut(at).map(std::mem::take).unwrap_or_default();
            batch.extend(track.take(&self.clock, until + BATCH, done).await?);
            let first = self.first.get_mut(at).and_then(|first| {
                *first = first.or(batch.first().map(|(sample, _)| sample.dts));
                *first
            });
            let moved = match self.container {
                FileFormat::Mp4 => -first.unwrap_or(0),
                FileFormat::TransportStream => ticks(self.base, track.spec().timescale),
            };
            for (sample, _) in &mut batch {
                sample.dts += moved;
                sample.pts += moved;
            }
            batches.push(batch);
        }
        self.batch_from = until;
        self.output.add(&batches).await
    }
}

/// Shows the pictures on the clip's clock, and times them.
pub(crate) fn lay_out(
    clock: &mut ClipClock,
    turns: &mut Turns,
    timescale: u32,
    block: &Block,
) -> Result<Vec<SampleTimes>, Error> {
    let mut order: Vec<(usize, &ClipSample)> = block.pictures.iter().enumerate().collect();
    order.sort_by_key(|(_, picture)| picture.pts);
    let mut places = vec![0; order.len()];
    for (rank, (n, picture)) in order.iter().enumerate() {
        let next = order.get(rank + 1).map(|(_, next)| next.pts);
        let until = next.unwrap_or(picture.pts + picture.duration);
        let at = clock.show(picture.pts, until, block.starts && rank == 0);
        if let Some(place) = places.get_mut(*n) {
            *place = ticks(at, timescale);
        }
    }
    turns.take(&places).ok_or_else(|| {
        Unfit::Reordering.because("pictures are reordered further than their clock can tell apart")
    })
}

/// The time by which the earliest audio track starts before the picture.
fn audio_ahead<O: Source>(audio: &[AudioTrack<O>], first: &[Option<i64>]) -> Nanos {
    let ahead = |(track, first): (&AudioTrack<O>, &Option<i64>)| {
        first.map(|first| nanos(first.saturating_neg(), track.spec().timescale))
    };
    audio.iter().zip(first).filter_map(ahead).max().unwrap_or_default().max(Nanos::ZERO)
}
