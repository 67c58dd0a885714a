//! A track's segments in order, fetched a little ahead of need.

use super::{Media, Reader, Track};
use crate::error::WorkError;
use crate::task::Task;
use export_domain::ports::SourceStore;
use export_media::mpd::Segment;
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// A segment with its samples; none if the object is not there.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) segment: Segment,
    pub(crate) media: Option<Media>,
}

/// A segment on its way; none if the object is not there.
type Fetch = Task<Result<Option<Media>, WorkError>>;

/// Fetches a track's segments in order, some of them ahead.
pub(crate) struct Segments<O> {
    reader: Arc<Reader<O>>,
    track: Arc<Track>,
    next: u64,
    /// Nothing that starts later is fetched ahead.
    until: Nanos,
    /// Only what is needed from here on is read; `None` reads whole segments.
    from: Option<Nanos>,
    ahead: VecDeque<(Segment, Fetch)>,
}

impl<O: SourceStore + 'static> Segments<O> {
    /// From position `first` on; segments that start before `until` are fetched ahead.
    pub(crate) fn new(reader: Arc<Reader<O>>, track: Arc<Track>, first: u64, until: Nanos) -> Self {
        Self { reader, track, next: first, until, from: None, ahead: VecDeque::new() }
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

    /// The next segment; `None` past the last one that is listed.
    pub(crate) async fn next(&mut self) -> Result<Option<Fetched>, WorkError> {
        self.fetch(1)?;
        let Some((segment, task)) = self.ahead.pop_front() else { return Ok(None) };
        self.fetch(0)?;
        let media = task.await.map_err(|e| WorkError::Passing(format!("failed to fetch: {e}")))??;
        Ok(Some(Fetched { segment, media }))
    }

    /// Starts to fetch what will be needed, and `least` segments whether they will be or not.
    fn fetch(&mut self, least: usize) -> Result<(), WorkError> {
        loop {
            let Some(segment) = self.track.segment(self.next)? else { return Ok(()) };
            let (start, end) = self.track.span(&segment);
            let needed = self.ahead.len() < least;
            let depth = usize::try_from(self.track.depth(end - start)).unwrap_or(1);
            if !needed && (start >= self.until || self.ahead.len() >= depth) {
                return Ok(());
            }
            let (reader, track, wanted) =
                (Arc::clone(&self.reader), Arc::clone(&self.track), segment.clone());
            let part = self.from.map(|from| (from, self.until)).filter(|_| start < self.until);
            let fetch = async move {
                match part {
                    Some((from, until)) => track.read_part(&reader, &wanted, from, until).await,
                    None => track.read(&reader, &wanted).await,
                }
            };
            self.ahead.push_back((segment, Task::spawn(fetch)));
            self.next += 1;
        }
    }
}
