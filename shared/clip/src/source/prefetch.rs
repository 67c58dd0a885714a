//! A track's segments in order, fetched a little ahead of need.

use super::reader::Room;
use super::{Media, Reader, Track};
use crate::Source;
use crate::error::Error;
use crate::error::Kind;
use crate::notes::WarningCode;
use crate::task::Task;
use export_media::mpd::Segment;
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Most segments that are read of a track for a window.
const SEGMENTS_MOST: u64 = 20_000;
/// Absent segments in a row that are each asked for. Behind them a hole is measured in steps.
const ABSENT_EACH: u64 = 1000;
/// Steps in which the rest of a window is looked through for the end of a hole.
const STEPS: u64 = 1000;

/// A segment with its samples; none if the object is not there.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) segment: Segment,
    pub(crate) media: Option<Media>,
}

/// A segment on its way, none if the object is not there, and its room if it is not needed yet.
type Fetch = Task<Result<(Option<Media>, Option<Room>), Error>>;

/// Fetches a track's segments in order, some of them ahead.
pub(crate) struct Segments<O> {
    reader: Arc<Reader<O>>,
    track: Arc<Track>,
    next: u64,
    /// The position behind the last segment that is read at all.
    last: u64,
    /// Absent segments in a row that were asked for.
    absent: u64,
    /// Segments before this one are known to be absent.
    hole_until: u64,
    /// Nothing that starts later is fetched ahead.
    until: Nanos,
    /// Only what is needed from here on is read; `None` reads whole segments.
    from: Option<Nanos>,
    ahead: VecDeque<(Segment, Fetch)>,
    /// The segment with the window's end, if it is fetched before its turn.
    end: Option<(Segment, Fetch)>,
}

impl<O: Source> Segments<O> {
    /// From position `first` on; segments that start before `until` are fetched ahead.
    pub(crate) fn new(reader: Arc<Reader<O>>, track: Arc<Track>, first: u64, until: Nanos) -> Self {
        Self {
            reader,
            track,
            next: first,
            last: first.saturating_add(SEGMENTS_MOST),
            absent: 0,
            hole_until: first,
            until,
            from: None,
            ahead: VecDeque::new(),
            end: None,
        }
    }

    /// The same, but of the first and the last segment only what `[from, until)` needs.
    pub(crate) fn of_window(
        reader: Arc<Reader<O>>,
        track: Arc<Track>,
        first: u64,
        from: Nanos,
        until: Nanos,
    ) -> Self {
        Self { from: Some(from), ..Self::new(reader, track, first, until) }
    }

    /// Starts to fetch the segment with the window's end. It comes in its turn as the others do; its samples are given as
    /// soon as they are there, too. `None` if it is the next one, or too large to be held.
    pub(crate) fn fetch_end(&mut self) -> Result<Option<oneshot::Receiver<Media>>, Error> {
        let position = self.track.index_at(self.until - Nanos::new(1));
        let Some(segment) = self.track.segment(position)?.filter(|_| position > self.next) else {
            return Ok(None);
        };
        let (start, end) = self.track.span(&segment);
        if start >= self.until || self.track.depth(end - start) == 1 {
            return Ok(None);
        }
        let Some(room) = self.reader.room_ahead(self.track.most(&segment)) else { return Ok(None) };
        let (looks, seen) = oneshot::channel();
        let fetch = self.begin(&segment, Some(room), Some(looks));
        self.end = Some((segment, fetch));
        Ok(Some(seen))
    }

    /// The next segment; `None` past the last one that is listed.
    pub(crate) async fn next(&mut self) -> Result<Option<Fetched>, Error> {
        self.fetch(1)?;
        let Some((segment, task)) = self.ahead.pop_front() else { return Ok(None) };
        self.fetch(0)?;
        let (media, _) = task.await??;
        // A segment that is known to be absent was not asked for.
        match media {
            Some(_) => self.absent = 0,
            None => self.absent += u64::from(segment.index >= self.hole_until),
        }
        if self.absent >= ABSENT_EACH {
            self.absent = 0;
            self.measure_hole().await?;
        }
        Ok(Some(Fetched { segment, media }))
    }

    /// Looks for the end of a long hole in steps, so that a manifest that lists what was never recorded costs a bounded
    /// number of requests. What is stored within less than a step is not found, which a warning says.
    async fn measure_hole(&mut self) -> Result<(), Error> {
        let end = self.track.index_at(self.until - Nanos::new(1)).saturating_add(1).min(self.last);
        let step = end.saturating_sub(self.next).div_ceil(STEPS);
        let (mut absent_until, mut at) = (self.next, self.next.saturating_add(step.saturating_sub(1)));
        self.hole_until = end;
        while step > 1 && at < end {
            if self.is_stored(at).await? {
                self.hole_until = self.first_stored(absent_until, at).await?;
                break;
            }
            absent_until = at + 1;
            at = at.saturating_add(step);
        }
        if step <= 1 {
            self.hole_until = self.next;
        } else if let Some(segment) = self.track.segment(self.next)? {
            let what = format!("of a long run of absent segments one in {step} was asked for");
            self.reader.notes().warn(WarningCode::SegmentsLeftOut, self.track.about(&segment, &what));
        }
        Ok(())
    }

    /// The first of the stored segments in a row that end with the one `at`, not before `from`.
    async fn first_stored(&self, from: u64, at: u64) -> Result<u64, Error> {
        let mut first = at;
        while first > from && self.is_stored(first - 1).await? {
            first -= 1;
        }
        Ok(first)
    }

    async fn is_stored(&self, position: u64) -> Result<bool, Error> {
        match self.track.segment(position)? {
            Some(segment) => self.track.is_stored(&self.reader, &segment).await,
            None => Ok(false),
        }
    }

    /// Starts to fetch what will be needed, and `least` segments whether they will be or not.
    fn fetch(&mut self, least: usize) -> Result<(), Error> {
        loop {
            let Some(segment) = self.track.segment(self.next)? else { return Ok(()) };
            if self.next >= self.last {
                return Err(self.too_many(&segment));
            }
            let (start, end) = self.track.span(&segment);
            let needed = self.ahead.len() < least;
            let depth = usize::try_from(self.track.depth(end - start)).unwrap_or(1);
            if !needed && (start >= self.until || self.ahead.len() >= depth) {
                return Ok(());
            }
            let fetch = if let Some((_, fetch)) = self.end.take_if(|(end, _)| end.index == segment.index) {
                fetch
            } else {
                // What is needed now has room in any case, else tracks would wait for one another.
                let room = if needed { None } else { self.reader.room_ahead(self.track.most(&segment)) };
                if !needed && room.is_none() {
                    return Ok(());
                }
                self.begin(&segment, room, None)
            };
            self.ahead.push_back((segment, fetch));
            self.next += 1;
        }
    }

    /// Starts to fetch a segment, whose samples are also given to `looks`.
    fn begin(&self, segment: &Segment, room: Option<Room>, looks: Option<oneshot::Sender<Media>>) -> Fetch {
        let (reader, track, wanted) = (Arc::clone(&self.reader), Arc::clone(&self.track), segment.clone());
        let known_absent = segment.index < self.hole_until;
        let starts = self.track.span(segment).0;
        let part = self.from.map(|from| (from, self.until)).filter(|_| starts < self.until);
        Task::spawn(async move {
            let media = match part {
                _ if known_absent => None,
                Some((from, until)) => track.read_part(&reader, &wanted, from, until).await?,
                None => track.read(&reader, &wanted).await?,
            };
            if let (Some(media), Some(looks)) = (&media, looks) {
                // Its end may be of no interest any more.
                let _ = looks.send(media.clone());
            }
            let bytes = media.as_ref().map_or(0, Media::bytes);
            Ok((media, room.and_then(|room| room.shrunk_to(bytes))))
        })
    }

    fn too_many(&self, segment: &Segment) -> Error {
        let detail = format!("{}: a window may have {SEGMENTS_MOST} segments", self.track.place(segment));
        Kind::BadRecording.because(detail).into()
    }
}

#[cfg(test)]
mod tests;
