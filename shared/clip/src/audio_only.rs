//! A clip of recordings without a picture: the audio frames that start in its windows.

use crate::audio::{AudioTrack, Frame, heard};
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::making::{MadeWindow, WrittenFile};
use crate::planner::WindowPlace;
use crate::stats::Stats;
use crate::write::container::{ContainerWriter, MuxBatch};
use crate::write::marks::ClipMarks;
use crate::{ClipWriter, Source};
use export_media::arrange::{ClipClock, nanos, ticks};
use export_media::coverage::Coverage;
use export_media::ffmpeg::FileFormat;
use export_media::mux::edits;
use export_media::time::Nanos;

/// Frames that are written at once.
const BATCH: usize = 48;

/// The parts of a clip of audio.
pub(crate) struct AudioParts<O> {
    pub(crate) audio: Vec<AudioTrack<O>>,
    /// The windows in their order.
    pub(crate) places: Vec<WindowPlace>,
    /// Instants on the clock of the sequence that the places in the clip are wanted of.
    pub(crate) marks: ClipMarks,
}

/// A window on the clock of the sequence, and what frames cover of it.
struct AudioWindow {
    start: Nanos,
    end: Nanos,
    coverage: Coverage,
}

impl AudioWindow {
    fn of(place: &WindowPlace) -> Self {
        let (start, end) = (place.window.start + place.shift, place.window.end + place.shift);
        Self { start, end, coverage: Coverage::new(start, end) }
    }
}

/// The tracks on one clock, which is the first one's.
struct Tracks<O> {
    audio: Vec<AudioTrack<O>>,
    clock: ClipClock,
    windows: Vec<AudioWindow>,
    marks: ClipMarks,
    /// The first place of each track, in its ticks.
    first: Vec<Option<i64>>,
    over: bool,
}

/// Makes the clip; `None` if no frame starts in a window.
pub(crate) async fn make<O: Source, W: ClipWriter>(
    ffmpeg: &Ffmpeg,
    container: FileFormat,
    parts: AudioParts<O>,
    sink: W,
    stats: &Stats,
) -> Result<Option<(WrittenFile<W::Written>, Vec<MadeWindow>)>, Error> {
    let AudioParts { audio, places, marks } = parts;
    let audio = heard(audio).await?;
    let mut tracks = Tracks {
        first: vec![None; audio.len()],
        audio,
        clock: ClipClock::default(),
        windows: places.iter().map(AudioWindow::of).collect(),
        marks,
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
    let window = |AudioWindow { coverage, .. }: &AudioWindow| MadeWindow {
        lack_ms: coverage.lack_ms(),
        holes: coverage.holes(),
    };
    let windows = tracks.windows.iter().map(window).collect();
    let written = output.finish(&edits, tracks.marks.chapters()).await?;
    Ok(Some((WrittenFile { written, length, starts: tracks.marks.places() }, windows)))
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
            let next = first.peek().await?;
            let last = self.windows.last().map_or(Nanos::ZERO, |window| window.end);
            let Some(frame) = next.filter(|frame| frame.start < last) else {
                self.over = true;
                break;
            };
            first.skip();
            if is_in(&mut self.windows, &frame) {
                let at = self.clock.show(frame.start, frame.end, true);
                self.marks.show(frame.start, at);
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

/// Returns `true` if a frame starts in one of the windows. It covers that window, as one that starts before it may.
fn is_in(windows: &mut [AudioWindow], frame: &Frame) -> bool {
    let at = windows.partition_point(|window| window.end <= frame.start);
    let before = at.checked_sub(1).and_then(|at| windows.get(at)).map(|before| before.end);
    let Some(window) = windows.get_mut(at) else { return false };
    let is_behind = |before: Nanos| frame.start - before < window.start - frame.start;
    if before.is_some_and(is_behind) {
        return false;
    }
    window.coverage.add(frame.start, frame.end);
    frame.start >= window.start
}
