//! The way back from a window's start to a picture that decoding can start with.

use super::Judged;
use crate::Source;
use crate::error::Error;
use crate::notes::WarningCode;
use crate::source::{Fetched, Reader, Segments, Track};
use export_media::stretch::{Follower, entry_point};
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// The time before the window's start in which a picture to start decoding with is looked for.
const FARTHEST: Nanos = Nanos::new(300_000_000_000);
/// Bytes of the pictures between it and the window.
const MOST_BYTES: u64 = 256 << 20;
/// Segments between them.
const MOST_STEPS: u64 = 1000;
/// Bytes in which any picture is looked for that says of itself that decoding can start with it. Further back the
/// container's word and the beginning of a segment count, so that no segment is read that is not decoded.
const NEAR: u64 = 8 << 20;

/// Segments before a window's start, and what is known of them.
pub(super) struct WayBack<'a, O> {
    reader: &'a Arc<Reader<O>>,
    track: &'a Arc<Track>,
    /// The window's start.
    from: Nanos,
    /// The positions of the window's start and of the first of `read`.
    start: u64,
    position: u64,
    /// In order.
    read: VecDeque<Judged>,
    /// All pictures of what was read and is of no use to start with.
    followers: Vec<Follower>,
    /// Bytes of these pictures, and of those of segments that were not read.
    bytes: u64,
    skipped: u64,
}

impl<'a, O: Source> WayBack<'a, O> {
    /// From the segment at `position`, the `first` one of the window `from` on.
    pub(super) fn new(
        reader: &'a Arc<Reader<O>>,
        track: &'a Arc<Track>,
        position: u64,
        from: Nanos,
        first: Option<Judged>,
    ) -> Self {
        let read = first.into_iter().collect();
        Self {
            reader,
            track,
            from,
            start: position,
            position,
            read,
            followers: Vec::new(),
            bytes: 0,
            skipped: 0,
        }
    }

    /// The segments from the one on that has the last picture from which all that the window shows can be decoded, and
    /// the position of its sample. Where there is none, a warning says why.
    pub(super) async fn find(mut self) -> Result<(VecDeque<Judged>, Option<usize>), Error> {
        loop {
            let entry = self.entry();
            if entry.is_some() {
                return Ok((self.read, entry));
            }
            let Some(first) = self.read.front_mut().filter(|first| first.is_part()) else { break };
            // The container's word on where decoding can start was not good enough.
            let media = self.track.read(self.reader, &first.segment).await?;
            *first = Judged::of(self.track, self.reader, Fetched { segment: first.segment.clone(), media })?;
        }
        while let Some(first) = self.candidate().await? {
            for judged in self.segments(first).await?.into_iter().rev() {
                if judged.media.is_none() {
                    self.end_blind(&self.track.about(&judged.segment, "it is not there"));
                    return Ok((self.read, None));
                }
                self.read.push_front(judged);
                let entry = self.entry();
                if entry.is_some() {
                    return Ok((self.read, entry));
                }
            }
            (self.position, self.skipped) = (first, 0);
        }
        Ok((self.read, None))
    }

    /// The sample to start with in the first segment that was read; all of it is passed if there is none.
    fn entry(&mut self) -> Option<usize> {
        let (media, pictures) = self.read.front()?.media.as_ref()?;
        let (line, samples) = (&self.track.timeline, &media.samples);
        let entry = entry_point(line, samples, pictures, &self.followers, self.from);
        if entry.is_none() && media.whole {
            self.followers.splice(0..0, Follower::of(line, samples, pictures));
            self.bytes += samples.iter().map(|sample| u64::from(sample.size)).sum::<u64>();
        }
        entry
    }

    /// The position of the nearest segment before those that were read that may have a picture to start with.
    async fn candidate(&mut self) -> Result<Option<u64>, Error> {
        let mut position = self.position;
        loop {
            let before = position.checked_sub(1);
            let listed = before.map(|before| self.track.segment(before)).transpose()?.flatten();
            let Some((before, segment)) = before.zip(listed) else {
                self.end_blind("the recording begins with others");
                return Ok(None);
            };
            let (behind, bytes) = (self.from - self.track.span(&segment).1, self.bytes + self.skipped);
            if behind > FARTHEST || bytes > MOST_BYTES || self.start - before > MOST_STEPS {
                self.end_blind("those of five minutes, or of 256 MiB, were looked at");
                return Ok(None);
            }
            position = before;
            if bytes <= NEAR {
                return Ok(Some(position));
            }
            match self.track.glimpse(self.reader, &segment).await? {
                Some(glimpse) if !glimpse.may_start => self.skipped += glimpse.bytes,
                Some(_) => return Ok(Some(position)),
                None if self.track.is_stored(self.reader, &segment).await? => {
                    return Ok(Some(position));
                }
                None => {
                    self.end_blind(&self.track.about(&segment, "it is not there"));
                    return Ok(None);
                }
            }
        }
    }

    /// The segments from the one at `first` up to those that were read.
    async fn segments(&self, first: u64) -> Result<Vec<Judged>, Error> {
        let last = self.track.segment(self.position.saturating_sub(1))?;
        let until = last.map_or(self.from, |last| self.track.span(&last).1);
        let (reader, track) = (Arc::clone(self.reader), Arc::clone(self.track));
        let mut segments = Segments::new(reader, track, first, until);
        let mut judged = Vec::new();
        for _ in first..self.position {
            let Some(fetched) = segments.next().await? else { break };
            judged.push(Judged::of(self.track, self.reader, fetched)?);
        }
        Ok(judged)
    }

    /// Notes why the way back ends without a picture to start with; a window that begins with the recording needs none.
    fn end_blind(&self, why: &str) {
        if self.followers.iter().any(|follower| follower.pts <= self.from) {
            let detail = format!("no picture before the window's start can be decoded by itself: {why}");
            self.reader.notes().warn(WarningCode::PicturesLeftOut, detail);
        }
    }
}
