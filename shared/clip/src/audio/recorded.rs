//! The recorded frames of one track in one Period.

use crate::Source;
use crate::error::Error;
use crate::source::{Fetched, Media, Reader, Segments, Track};
use bytes::Bytes;
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// The time before the picture in which frames may be needed: they may be in the segment before.
const WARM_UP: Nanos = Nanos::new(200_000_000);
/// Segments that are read before the one that holds the start by the manifest, and behind the one that holds the end.
const MOST_ASIDE: u64 = 30;

/// A track opened in one Period, and the part of the window in it.
#[derive(Debug, Clone)]
pub(crate) struct PeriodAudio {
    pub(crate) track: Arc<Track>,
    pub(crate) from: Nanos,
    pub(crate) until: Nanos,
}

/// A recorded frame.
#[derive(Debug, Clone)]
pub(crate) struct AudioFrame {
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
    /// Of its track, counted from 0.
    pub(crate) entry: usize,
    pub(crate) data: Bytes,
}

/// Reads them, from before the part's start to its end. The manifest need not say exactly where the audio is: what is
/// read decides.
pub(crate) struct Recorded<O> {
    reader: Arc<Reader<O>>,
    part: PeriodAudio,
    segments: Segments<O>,
    /// The first position of the segments; `None` once the start has been found.
    position: Option<u64>,
    waiting: VecDeque<Fetched>,
    /// Frames that were looked at before they were asked for.
    seen: VecDeque<Vec<AudioFrame>>,
    behind: u64,
    over: bool,
}

impl<O: Source> Recorded<O> {
    pub(crate) fn new(reader: Arc<Reader<O>>, part: PeriodAudio) -> Self {
        let position = part.track.index_at(part.from - WARM_UP);
        let segments = Segments::new(Arc::clone(&reader), Arc::clone(&part.track), position, part.until);
        let position = Some(position);
        let (waiting, seen) = (VecDeque::new(), VecDeque::new());
        Self { reader, part, segments, position, waiting, seen, behind: 0, over: false }
    }

    /// The part that the frames are from.
    pub(crate) fn part(&self) -> &PeriodAudio {
        &self.part
    }

    /// The start of the first frame to be heard; `None` if there is none. Nothing is lost by asking.
    pub(crate) async fn begins(&mut self) -> Result<Option<Nanos>, Error> {
        loop {
            let mut seen = self.seen.iter().flatten();
            if let Some(frame) = seen.find(|frame| frame.end > self.part.from) {
                return Ok(Some(frame.start).filter(|start| *start < self.part.until));
            }
            let Some(frames) = Box::pin(self.read()).await? else { return Ok(None) };
            self.seen.push_back(frames);
        }
    }

    /// The frames of the next segment, if it is there; `None` past the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<AudioFrame>>, Error> {
        match self.seen.pop_front() {
            Some(frames) => Ok(Some(frames)),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Result<Option<Vec<AudioFrame>>, Error> {
        if let Some(position) = self.position.take() {
            // Boxed, as all that reads an object: its future would be part of every caller's.
            Box::pin(self.find_start(position)).await?;
        }
        if self.over {
            return Ok(None);
        }
        let fetched = match self.waiting.pop_front() {
            Some(fetched) => Some(fetched),
            None => self.segments.next().await?,
        };
        let Some(Fetched { segment, media }) = fetched else {
            self.over = true;
            return Ok(None);
        };
        let frames = media.map_or(Vec::new(), |media| self.frames(&media));
        let reached = frames.iter().any(|frame| frame.end >= self.part.until);
        if reached || self.part.track.span(&segment).0 >= self.part.until {
            self.behind += 1;
            self.over = reached || frames.is_empty() || self.behind > MOST_ASIDE;
        }
        Ok(Some(frames))
    }

    /// Steps back until a frame is before the start: numbered segments may hold later audio than the manifest says.
    async fn find_start(&mut self, mut position: u64) -> Result<(), Error> {
        self.waiting.extend(self.segments.next().await?);
        let wanted = self.part.from - WARM_UP;
        for _ in 0..MOST_ASIDE {
            let first = self.waiting.iter().filter_map(|fetched| fetched.media.as_ref()).find_map(|media| {
                media.samples.first().map(|sample| self.part.track.timeline.to_nanos_floor(sample.pts))
            });
            let Some(before) = position.checked_sub(1).filter(|_| first.is_none_or(|first| first > wanted))
            else {
                break;
            };
            let Some(segment) = self.part.track.segment(before)? else { break };
            let Some(media) = self.part.track.read(&self.reader, &segment).await? else { break };
            self.waiting.push_front(Fetched { segment, media: Some(media) });
            position = before;
        }
        Ok(())
    }

    /// The frames that can be read; what cannot is silence.
    fn frames(&self, media: &Media) -> Vec<AudioFrame> {
        let line = &self.part.track.timeline;
        let frame = |sample: &export_media::sample::Sample| {
            Some(AudioFrame {
                start: line.to_nanos_floor(sample.pts),
                end: line.to_nanos_floor(sample.pts.saturating_add(i64::from(sample.duration))),
                entry: sample.entry_index().unwrap_or(0),
                data: media.bytes_of(sample)?,
            })
        };
        media.samples.iter().filter(|sample| sample.size > 0).filter_map(frame).collect()
    }
}
