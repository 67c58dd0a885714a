//! Puts encoded pictures and copied sound together on the clip's clock.

use crate::audio::AudioTrack;
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::output::{Batch, Output};
use crate::upload::{Prepared, Uploader};
use bytes::Bytes;
use export_domain::ports::{ClipStore, SourceStore};
use export_domain::storage::Container;
use export_media::arrange::{ClipClock, nanos, ticks};
use export_media::mux::{Edit, MuxSample, TrackKind, TrackSpec};
use export_media::time::Nanos;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Length of what is written at a time: short enough to hold, long enough for compact tables.
const BATCH: Nanos = Nanos::new(500_000_000);

/// One encoded picture, in decode order.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// Its position in display order.
    pub(crate) rank: usize,
    pub(crate) sync: bool,
    pub(crate) data: Bytes,
}

/// When the pictures are shown: filled by the decoding side, read by this one.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<Timing>);

#[derive(Debug, Default)]
struct Timing {
    clock: ClipClock,
    /// Place on the clip's clock and length of every picture, in display order.
    times: Vec<(Nanos, Nanos)>,
}

impl Shown {
    /// The next picture in display order; returns the clip's length so far.
    pub(crate) fn show(&self, pts: Nanos, duration: Nanos) -> Nanos {
        let mut timing = self.lock();
        let at = timing.clock.show(pts, pts + duration);
        timing.times.push((at, duration));
        timing.clock.length()
    }

    /// Pictures so far.
    pub(crate) fn count(&self) -> usize {
        self.lock().times.len()
    }

    /// The clip's length so far.
    pub(crate) fn length(&self) -> Nanos {
        self.lock().clock.length()
    }

    fn time(&self, rank: usize) -> Result<(Nanos, Nanos), WorkError> {
        let time = self.lock().times.get(rank).copied();
        time.ok_or_else(|| WorkError::Passing("the encoder gave more pictures than it was fed".to_owned()))
    }

    fn clock(&self) -> ClipClock {
        self.lock().clock.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Timing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the picture track looks.
#[derive(Debug, Clone)]
pub(crate) struct VideoSpec {
    pub(crate) entry: Bytes,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) timescale: u32,
    /// Pictures that the encoder may show later than it codes them.
    pub(crate) delay: usize,
    pub(crate) frame_ticks: u32,
}

/// The tracks of a clip under way.
pub(crate) struct Assembly<O> {
    container: Container,
    video: VideoSpec,
    audio: Vec<AudioTrack<O>>,
    output: Output<O>,
    /// Added to every picture's presentation time, in ticks.
    shift: i64,
    /// Added to every picture's decode time, in ticks.
    lead: i64,
    /// Added to every sound's time in a transport stream, where nothing can be cut by an edit list.
    base: Nanos,
    /// First place of each audio track, in its ticks.
    first: Vec<Option<i64>>,
    coded: usize,
    batch: Batch,
    batch_from: Nanos,
    edge: Vec<Batch>,
}

impl<O: SourceStore + ClipStore + 'static> Assembly<O> {
    /// Starts the file. The first picture's time must be in `shown`.
    pub(crate) async fn begin(
        container: Container,
        video: VideoSpec,
        mut audio: Vec<AudioTrack<O>>,
        shown: &Shown,
        ffmpeg: &Ffmpeg,
        uploader: Uploader<O>,
    ) -> Result<Self, WorkError> {
        let delay = i64::try_from(video.delay).unwrap_or(0) * i64::from(video.frame_ticks);
        let delay_time = nanos(delay, video.timescale);
        if container == Container::Mp4 {
            for track in &mut audio {
                track.lead_in(delay_time);
            }
        }
        let mut edge = Vec::new();
        for track in &mut audio {
            edge.push(track.take(&shown.clock(), BATCH, false).await?);
        }
        let first: Vec<Option<i64>> = edge.iter().map(|batch| batch.first().map(|(s, _)| s.dts)).collect();
        let base = delay_time + Nanos::from_millis(50);
        let (shift, lead) = match container {
            Container::Mp4 => (delay.max(sound_ahead(&audio, &first, video.timescale)), 0),
            Container::Ts => (ticks(base, video.timescale), ticks(base, video.timescale) - delay),
        };
        let kind = TrackKind::Video { width: video.width, height: video.height };
        let sample_entries = vec![video.entry.clone()];
        let spec =
            TrackSpec { kind, timescale: video.timescale, language: *b"und", sample_entries, roll: None };
        let specs = std::iter::once(spec).chain(audio.iter().map(|track| track.spec().clone())).collect();
        let output = Output::begin(container, specs, video.timescale, ffmpeg, uploader).await?;
        let (coded, batch, batch_from) = (0, Batch::new(), Nanos::ZERO);
        Ok(Self { container, video, audio, output, shift, lead, base, first, coded, batch, batch_from, edge })
    }

    /// The next picture in decode order. `shown` has at least its time.
    pub(crate) async fn picture(&mut self, encoded: Encoded, shown: &Shown) -> Result<(), WorkError> {
        let scale = self.video.timescale;
        let (at, duration) = shown.time(encoded.rank)?;
        let (order, _) = shown.time(self.coded)?;
        let sample = MuxSample {
            dts: ticks(order, scale) + self.lead,
            pts: ticks(at, scale) + self.shift,
            duration: u32::try_from(ticks(duration, scale)).unwrap_or(self.video.frame_ticks),
            sync: encoded.sync,
            entry: 0,
            size: u32::try_from(encoded.data.len()).unwrap_or(u32::MAX),
        };
        self.batch.push((sample, encoded.data));
        self.coded += 1;
        if order - self.batch_from >= BATCH {
            self.flush(shown, order, false).await?;
        }
        Ok(())
    }

    /// Pictures that were written or are about to be.
    pub(crate) fn coded(&self) -> usize {
        self.coded
    }

    /// Ends the file.
    pub(crate) async fn finish(mut self, shown: &Shown) -> Result<Prepared, WorkError> {
        let length = shown.length();
        self.flush(shown, length, true).await?;
        let movie = |at: Nanos| u64::try_from(ticks(at, self.video.timescale)).unwrap_or(0);
        let mut edits = vec![vec![Edit { media_time: Some(self.shift), duration: movie(length) }]];
        for (track, first) in self.audio.iter().zip(&self.first) {
            edits.push(sound_edits(first.unwrap_or(0), track.spec().timescale, length, &movie));
        }
        self.output.finish(&edits).await
    }

    async fn flush(&mut self, shown: &Shown, until: Nanos, done: bool) -> Result<(), WorkError> {
        let clock = shown.clock();
        let mut batches = vec![std::mem::take(&mut self.batch)];
        for (at, track) in self.audio.iter_mut().enumerate() {
            let mut batch = self.edge.get_mut(at).map(std::mem::take).unwrap_or_default();
            batch.extend(track.take(&clock, until + BATCH, done).await?);
            let first = self.first.get_mut(at).and_then(|first| {
                *first = first.or(batch.first().map(|(sample, _)| sample.dts));
                *first
            });
            let moved = match self.container {
                Container::Mp4 => -first.unwrap_or(0),
                Container::Ts => ticks(self.base, track.spec().timescale),
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

/// How far the first audio track starts before the picture, in ticks of the picture's track.
fn sound_ahead<O: SourceStore + 'static>(
    audio: &[AudioTrack<O>],
    first: &[Option<i64>],
    timescale: u32,
) -> i64 {
    let first = audio.iter().zip(first).find_map(|(track, first)| Some((track, (*first)?)));
    first.map_or(0, |(track, at)| ticks(nanos(-at, track.spec().timescale), timescale).max(0))
}

/// A track that starts early is cut, one that starts late is preceded by an empty edit.
fn sound_edits(first: i64, timescale: u32, length: Nanos, movie: &impl Fn(Nanos) -> u64) -> Vec<Edit> {
    let start = nanos(first, timescale);
    if first <= 0 {
        return vec![Edit { media_time: Some(-first), duration: movie(length) }];
    }
    let empty = Edit { media_time: None, duration: movie(start) };
    vec![empty, Edit { media_time: Some(0), duration: movie(length - start) }]
}
