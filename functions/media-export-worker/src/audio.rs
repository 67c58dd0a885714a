//! One audio track of the clip: recorded frames, copied, at their places on the clip's clock.

use crate::error::WorkError;
use crate::source::{Media, Reader, Segments, Track};
use bytes::Bytes;
use export_domain::ports::SourceStore;
use export_media::arrange::{AudioSlots, ClipClock, Piece, ticks};
use export_media::fmp4::Codec;
use export_media::mux::{MuxSample, TrackKind, TrackSpec};
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long before the picture frames may be needed: they may be in the segment before.
const WARM_UP: Nanos = Nanos::new(200_000_000);

/// A recorded frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
    entry: u32,
    data: Bytes,
}

/// A track opened in one Period, and the part of the window in it.
pub(crate) struct Part {
    pub(crate) track: Arc<Track>,
    pub(crate) from: Nanos,
    pub(crate) until: Nanos,
}

/// The track over all Periods.
pub(crate) struct AudioTrack<O> {
    reader: Arc<Reader<O>>,
    parts: VecDeque<Part>,
    current: Option<(Part, Segments<O>)>,
    frames: VecDeque<Frame>,
    spec: TrackSpec,
    slots: AudioSlots,
    /// The part of the window that the Periods with this track cover.
    window: (Nanos, Nanos),
    /// How long before the first picture the sound starts, for decoders to warm up; zero where it cannot be hidden.
    lead: Nanos,
}

impl<O: SourceStore + 'static> AudioTrack<O> {
    /// Makes one track of `parts`; `None` if there are none.
    pub(crate) fn new(reader: Arc<Reader<O>>, parts: Vec<Part>) -> Option<Self> {
        let window = (parts.first()?.from, parts.last()?.until);
        let first = &parts.first()?.track.init;
        let timescale = first.timescale.get();
        let mut sample_entries: Vec<Bytes> = Vec::new();
        for entry in parts.iter().flat_map(|part| &part.track.init.sample_entries) {
            if !sample_entries.contains(&entry.bytes) {
                sample_entries.push(entry.bytes.clone());
            }
        }
        let aac = first.sample_entries.first().is_some_and(|e| matches!(e.codec, Codec::Aac { .. }));
        let spec = TrackSpec {
            kind: TrackKind::Audio,
            timescale,
            language: language(&parts),
            sample_entries,
            roll: aac.then_some(-1),
        };
        Some(Self {
            reader,
            parts: parts.into(),
            current: None,
            frames: VecDeque::new(),
            slots: AudioSlots::new(timescale),
            spec,
            window,
            lead: Nanos::ZERO,
        })
    }

    /// The recorded tracks, one for each Period that has it.
    pub(crate) fn parts(&self) -> &VecDeque<Part> {
        &self.parts
    }

    /// How the track looks in the clip.
    pub(crate) fn spec(&self) -> &TrackSpec {
        &self.spec
    }

    /// Whether there is no frame to be heard in the window.
    pub(crate) async fn is_silent(&mut self) -> Result<bool, WorkError> {
        let (from, until) = self.window;
        loop {
            if let Some(frame) = self.frames.iter().find(|frame| frame.end > from) {
                return Ok(frame.start >= until);
            }
            if !self.load().await? {
                return Ok(true);
            }
        }
    }

    /// Starts the sound this long before the picture, in whole frames, at least one.
    pub(crate) fn lead_in(&mut self, lead: Nanos) {
        self.lead = lead.max(Nanos::new(1));
    }

    /// The frames whose place is before `until` on the clip's clock. `done` says that `clock` will not grow.
    pub(crate) async fn take(
        &mut self,
        clock: &ClipClock,
        until: Nanos,
        done: bool,
    ) -> Result<Vec<(MuxSample, Bytes)>, WorkError> {
        let mut taken = Vec::new();
        let Some(last) = clock.pieces().last().copied() else { return Ok(taken) };
        while let Some(frame) = self.peek().await? {
            if frame.start >= last.to || (!done && due(&last, &frame) >= until) {
                break;
            }
            taken.extend(self.place(clock, &frame));
            self.frames.pop_front();
        }
        Ok(taken)
    }

    fn place(&mut self, clock: &ClipClock, frame: &Frame) -> Option<(MuxSample, Bytes)> {
        let half = Nanos::new((frame.end - frame.start).get() / 2);
        let at = clock.pieces().iter().position(|piece| frame.start < piece.to)?;
        let piece = clock.pieces().get(at)?;
        let heard = if at == 0 && self.lead > Nanos::ZERO {
            frame.end > piece.from - self.lead
        } else {
            frame.start + half >= piece.from
        };
        if !heard {
            return None;
        }
        self.place_at(frame, due(piece, frame))
    }

    /// Puts a frame at `due` on the clip's clock; `None` if its place is taken.
    pub(crate) fn place_at(&mut self, frame: &Frame, due: Nanos) -> Option<(MuxSample, Bytes)> {
        let duration = u32::try_from(ticks(frame.end - frame.start, self.spec.timescale)).ok()?;
        let dts = self.slots.place(due, duration)?;
        let size = u32::try_from(frame.data.len()).ok()?;
        let sample = MuxSample { dts, pts: dts, duration, sync: true, entry: frame.entry, size };
        Some((sample, frame.data.clone()))
    }

    /// The next recorded frame.
    pub(crate) async fn peek(&mut self) -> Result<Option<Frame>, WorkError> {
        while self.frames.is_empty() {
            if !self.load().await? {
                return Ok(None);
            }
        }
        Ok(self.frames.front().cloned())
    }

    /// Goes on to the next recorded frame.
    pub(crate) fn skip(&mut self) {
        self.frames.pop_front();
    }

    /// Reads the next segment that is there; `false` past the last one.
    async fn load(&mut self) -> Result<bool, WorkError> {
        if self.current.is_none() {
            let Some(part) = self.parts.pop_front() else { return Ok(false) };
            let first = part.track.index_at(part.from - WARM_UP);
            let segments =
                Segments::new(Arc::clone(&self.reader), Arc::clone(&part.track), first, part.until);
            self.current = Some((part, segments));
        }
        let Some((part, segments)) = &mut self.current else { return Ok(false) };
        let Some(fetched) = segments.next().await? else {
            self.current = None;
            return Ok(!self.parts.is_empty());
        };
        let over = part.track.span(&fetched.segment).0 >= part.until;
        if let Some(media) = &fetched.media {
            let frames = read_frames(part, media, &self.spec.sample_entries);
            let last_part = self.parts.is_empty();
            self.frames.extend(frames.into_iter().filter(|f| last_part || f.start < part.until));
        }
        if over {
            self.current = None;
            return Ok(!self.parts.is_empty() || !self.frames.is_empty());
        }
        Ok(true)
    }
}

/// What the file says, else what the manifest says.
fn language(parts: &[Part]) -> [u8; 3] {
    let track = parts.first().map(|part| part.track.as_ref());
    let in_file = track.map_or(*b"und", |track| track.init.language);
    if in_file != *b"und" {
        return in_file;
    }
    track.and_then(Track::language).unwrap_or(in_file)
}

/// Where a frame belongs on the clip's clock if it is in `piece`.
fn due(piece: &Piece, frame: &Frame) -> Nanos {
    piece.at + (frame.start - piece.from)
}

/// The frames that can be read; what cannot is silence.
fn read_frames(part: &Part, media: &Media, entries: &[Bytes]) -> Vec<Frame> {
    let line = &part.track.timeline;
    let frame = |sample: &export_media::sample::Sample| {
        let own = sample.entry_index().and_then(|n| part.track.init.sample_entries.get(n))?;
        let entry = entries.iter().position(|entry| *entry == own.bytes).unwrap_or(0);
        Some(Frame {
            start: line.to_nanos_floor(sample.pts),
            end: line.to_nanos_floor(sample.pts.saturating_add(i64::from(sample.duration))),
            entry: u32::try_from(entry).unwrap_or(0),
            data: media.bytes_of(sample)?,
        })
    };
    media.samples.iter().filter_map(frame).collect()
}
