//! A clip of a recording without a picture: the audio frames that start in the window.

use crate::audio::{AudioTrack, heard};
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::stats::Stats;
use crate::write::container::{ContainerWriter, MuxBatch};
use crate::{ClipWriter, Source};
use export_media::arrange::{ClipClock, nanos, ticks};
use export_media::coverage::{Coverage, Uncovered};
use export_media::ffmpeg::FileFormat;
use export_media::mux::edits;
use export_media::time::Nanos;
use export_media::window::Window;

/// Frames that are written at once.
const BATCH: usize = 48;

/// A clip of audio that was made.
#[derive(Debug)]
pub(crate) struct Audio<T> {
    pub(crate) written: T,
    pub(crate) length: Nanos,
    pub(crate) lack_ms: i64,
    pub(crate) holes: Vec<Uncovered>,
}

/// The tracks on one clock, which is the first one's.
struct Tracks<O> {
    audio: Vec<AudioTrack<O>>,
    clock: ClipClock,
    coverage: Coverage,
    window: Window,
    /// The first place of each track, in its ticks.
    first: Vec<Option<i64>>,
    over: bool,
}

/// Makes the clip; `None` if no frame starts in the window.
pub(crate) async fn make<O: Source, W: ClipWriter>(
    ffmpeg: &Ffmpeg,
    window: Window,
    container: FileFormat,
    audio: Vec<AudioTrack<O>>,
    sink: W,
    stats: &Stats,
) -> Result<Option<Audio<W::Written>>, Error> {
    let audio = heard(audio).await?;
    let mut tracks = Tracks {
        first: vec![None; audio.len()],
        audio,
        clock: ClipClock::default(),
        coverage: Coverage::new(window.start, window.end),
        window,
        over: false,
    };
    let mut batches = tracks.next().await?;
    let specs: Vec<_> = tracks.audio.iter().map(|track| track.spec().clone()).collect();
    let Some(timescale) = specs.first().map(|spec| spec.timescale).filter(|_| tracks.any()) else {
        return Ok(None);
    };
    let mut output = ContainerWriter::begin(container, specs, timescale, ffmpeg, sink).await?;
    // A transport stream has no edit list: all audio is moved as far as the earliest one needs it.
    let base = tracks.ahead();
    loop {
        tracks.shift(&mut batches, container, base);
        output.add(&batches).await?;
        stats.written(tracks.clock.started(), None);
        if tracks.over {
            break;
        }
        batches = tracks.next().await?;
    }
    let length = tracks.clock.length();
    let edits: Vec<_> = tracks.starts().map(|(at, scale)| edits(at, scale, length, timescale)).collect();
    let (lack_ms, holes) = (tracks.coverage.lack_ms(), tracks.coverage.holes());
    Ok(Some(Audio { written: output.finish(&edits).await?, length, lack_ms, holes }))
}

impl<O: Source> Tracks<O> {
    /// The next frames of each track.
    async fn next(&mut self) -> Result<Vec<MuxBatch>, Error> {
        let Some((first, others)) = self.audio.split_first_mut() else {
            self.over = true;
            return Ok(Vec::new());
        };
        let mut batch = MuxBatch::new();
        while batch.len() < BATCH && !self.over {
            let next = first.peek().await?.filter(|frame| frame.start < self.window.end);
            let Some(frame) = next else {
                self.over = true;
                break;
            };
            first.skip();
            self.coverage.add(frame.start, frame.end);
            if frame.start >= self.window.start {
                let at = self.clock.show(frame.start, frame.end, true);
                let piece = self.clock.pieces().last().map_or(Nanos::ZERO, |piece| piece.at);
                batch.extend(first.place_at(&frame, at, piece));
            }
        }
        let mut batches = vec![batch];
        for track in others {
            batches.push(track.take(&self.clock, self.clock.length(), self.over).await?);
        }
        for (first, batch) in self.first.iter_mut().zip(&batches) {
            *first = first.or(batch.first().map(|(sample, _)| sample.dts));
        }
        Ok(batches)
    }

    /// Returns `true` if there was a frame.
    fn any(&self) -> bool {
        self.first.iter().any(Option::is_some)
    }

    /// The first place of each track and its ticks a second.
    fn starts(&self) -> impl Iterator<Item = (i64, u32)> {
        self.first.iter().zip(&self.audio).map(|(at, track)| (at.unwrap_or(0), track.spec().timescale))
    }

    /// The time by which the earliest track starts before the first one.
    fn ahead(&self) -> Nanos {
        let ahead = self.starts().map(|(at, timescale)| nanos(at.saturating_neg(), timescale));
        ahead.max().unwrap_or_default().max(Nanos::ZERO)
    }

    /// Moves frames to where the container wants them.
    fn shift(&self, batches: &mut [MuxBatch], container: FileFormat, base: Nanos) {
        for (batch, (first, timescale)) in batches.iter_mut().zip(self.starts()) {
            let moved = match container {
                FileFormat::Mp4 => first.saturating_neg(),
                FileFormat::TransportStream => ticks(base, timescale),
            };
            for (sample, _) in batch {
                sample.dts += moved;
                sample.pts += moved;
            }
        }
    }
}
