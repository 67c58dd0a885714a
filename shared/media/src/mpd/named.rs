//! Segments that are named one by one, each with its length, as in HLS.

use super::segments::{Addressing, MediaAddress, UrlRef};
use super::timeline::{Entry, Runs};
use super::{MpdError, Nanos};
use crate::time::{Timeline, clamp};
use std::num::NonZeroU32;

/// Microseconds in a second.
const SCALE: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// A segment of such a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedSegment {
    /// In microseconds, positive.
    pub(crate) duration: i64,
    /// It is listed, and not there.
    pub(crate) gap: bool,
    pub(crate) url: UrlRef,
}

/// A list of segments.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    /// The place of the list in the recording's directory, which references are relative to.
    pub(crate) path: &'a str,
    /// The start of the first segment on the presentation's clock.
    pub(crate) start: Nanos,
    pub(crate) init: Option<&'a UrlRef>,
    pub(crate) segments: &'a [NamedSegment],
    /// Positions of segments and when they start on the presentation's clock.
    pub(crate) dates: &'a [(usize, Nanos)],
}

impl Named<'_> {
    /// The times and names of the segments. A segment starts at its date if that is after the start of the one before,
    /// else where the one before ends, and lasts until the next one starts.
    ///
    /// # Errors
    /// [`MpdError::BadTimeline`] for lengths beyond the range of ticks.
    pub(crate) fn addressing(&self) -> Result<(Timeline, Addressing), MpdError> {
        let times = self.times()?;
        let mut runs = Runs::default();
        for ((segment, time), next) in self.segments.iter().zip(&times).zip(times.iter().skip(1)) {
            let duration = if segment.gap { 0 } else { next.saturating_sub(*time) };
            runs.push(Entry { time: Some(*time), number: None, duration, repeat: 0 })?;
        }
        let urls: Vec<UrlRef> = self.segments.iter().map(|segment| segment.url.clone()).collect();
        let addressing = Addressing {
            base: self.path.to_owned(),
            media: MediaAddress::List(urls.into()),
            runs: runs.finish().into(),
            end: None,
            nominal: true,
            start_number: 1,
            end_number: None,
            index_range: None,
            initialization: self.init.cloned(),
            init_template: None,
        };
        Ok((Timeline::new(SCALE, 0, self.start), addressing))
    }

    /// The start of each segment, and the end of the last one, in microseconds since the start of the first.
    fn times(&self) -> Result<Vec<i64>, MpdError> {
        let mut dates = self.dates.iter().peekable();
        let (mut times, mut next) = (Vec::with_capacity(self.segments.len() + 1), 0);
        for (at, segment) in self.segments.iter().enumerate() {
            let date = dates.next_if(|(dated, _)| *dated == at);
            let date = date.map(|(_, date)| clamp((*date - self.start).get().div_euclid(1000)));
            let last = times.last().copied();
            let time = date.filter(|date| last.is_none_or(|last| *date > last)).unwrap_or(next);
            times.push(time);
            next = time.checked_add(segment.duration).ok_or(MpdError::BadTimeline)?;
        }
        times.push(next);
        Ok(times)
    }
}
