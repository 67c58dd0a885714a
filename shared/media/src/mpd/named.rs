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
    /// When the first segment starts on the presentation's clock.
    pub(crate) start: Nanos,
    pub(crate) init: Option<&'a UrlRef>,
    pub(crate) segments: &'a [NamedSegment],
    /// Positions of segments and when they start on the presentation's clock.
    pub(crate) dates: &'a [(usize, Nanos)],
}

impl Named<'_> {
    /// The times and names of the segments. A segment starts at its date if that is after the start of the one before,
    /// else where the one before ends.
    ///
    /// # Errors
    /// [`MpdError::BadTimeline`] for lengths beyond the range of ticks.
    pub(crate) fn addressing(&self) -> Result<(Timeline, Addressing), MpdError> {
        let mut runs = Runs::default();
        let mut dates = self.dates.iter().peekable();
        let (mut next, mut last) = (0, i64::MIN);
        for (at, segment) in self.segments.iter().enumerate() {
            let date = dates.next_if(|(dated, _)| *dated == at);
            let date = date.map(|(_, date)| clamp((*date - self.start).get().div_euclid(1000)));
            let time = date.filter(|date| *date > last).unwrap_or(next);
            let duration = if segment.gap { 0 } else { segment.duration };
            runs.push(Entry { time: Some(time), number: None, duration, repeat: 0 })?;
            (last, next) = (time, time.checked_add(segment.duration).ok_or(MpdError::BadTimeline)?);
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
}
