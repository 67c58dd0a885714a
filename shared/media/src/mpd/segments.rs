//! From a Representation to the objects that hold its media, without ever listing more than asked for.

use super::range::ByteRange;
use super::template::{Values, expand};
use super::timeline::TimelineRun;
use super::{MpdError, Representation, path};
use crate::fmp4::Index;
use crate::time::Timeline;
use std::sync::Arc;

/// An object, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRange {
    /// Key relative to the manifest's directory, already decoded and checked.
    pub path: String,
    /// The part; `None` is all of it.
    pub range: Option<ByteRange>,
}

/// A reference and a part of what it names; both default to the whole of `BaseURL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlRef {
    pub(crate) reference: Option<Arc<str>>,
    pub(crate) range: Option<ByteRange>,
}

/// One media segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// 0-based position in the Representation.
    pub index: u64,
    /// `$Number$`.
    pub number: u64,
    /// Start in ticks of the timeline it was listed with, presentation time offset included.
    pub time: i64,
    /// Length in the same ticks.
    pub duration: i64,
    /// `time` comes from `@duration` alone: the media may be off by half a segment (5.3.9.5.3), and may not exist.
    pub nominal: bool,
    /// The place of the bytes.
    pub resource: ObjectRange,
}

impl Segment {
    /// The tick after the last one; saturates.
    pub fn end(&self) -> i64 {
        self.time.saturating_add(self.duration)
    }
}

/// Segments that are listed back to back, in ticks of their Representation's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedSpan {
    /// Start of the first one.
    pub start: i64,
    /// End of the last one; `None` if the manifest sets no end.
    pub end: Option<i64>,
    /// Length of each; `None` if the span is a file that is not divided.
    pub segment: Option<i64>,
}

/// The names and times of segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addressing {
    pub(super) base: String,
    pub(super) media: MediaAddress,
    pub(super) runs: Arc<[TimelineRun]>,
    /// The Period's end in ticks, where runs without a count stop.
    pub(super) end: Option<i64>,
    pub(super) nominal: bool,
    pub(super) start_number: u64,
    pub(super) end_number: Option<u64>,
    pub(super) index_range: Option<ByteRange>,
    pub(super) initialization: Option<UrlRef>,
    pub(super) init_template: Option<Arc<str>>,
}

/// The names of media segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MediaAddress {
    Template(Option<Arc<str>>),
    List(Arc<[UrlRef]>),
    Single,
}

impl Representation {
    /// The initialization segment; `None` if the media needs none or carries it.
    ///
    /// A single file without `Initialization` has it before its index.
    ///
    /// # Errors
    /// [`MpdError::BadTemplate`], [`MpdError::OutsideRecording`], [`MpdError::TooMany`].
    pub fn init(&self) -> Result<Option<ObjectRange>, MpdError> {
        let addressing = &self.addressing;
        if let Some(template) = &addressing.init_template {
            let path = self.expand(template, None, None)?;
            return Ok(Some(ObjectRange { path, range: None }));
        }
        if let Some(url) = &addressing.initialization {
            return self.resource(url).map(Some);
        }
        let before_index = addressing.index_range.and_then(|range| range.first.checked_sub(1));
        match (&addressing.media, before_index) {
            (MediaAddress::Single, Some(last)) => {
                self.whole_file(Some(ByteRange { first: 0, last })).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The `sidx` of a single file: read it, then ask [`Self::segments_from_sidx`].
    ///
    /// # Errors
    /// [`MpdError::NoSegments`] if no file is named.
    pub fn index(&self) -> Result<Option<ObjectRange>, MpdError> {
        match (&self.addressing.media, self.addressing.index_range) {
            (MediaAddress::Single, Some(range)) => self.whole_file(Some(range)).map(Some),
            _ => Ok(None),
        }
    }

    /// The position of the first segment that ends after `ticks`; it may lie beyond the last segment.
    pub fn index_at(&self, ticks: i64) -> u64 {
        let runs = &self.addressing.runs;
        let mut at = runs.partition_point(|run| run.time <= ticks);
        // An overlap is legal: the run before may still be on display.
        while at > 0 && runs.get(at - 1).is_some_and(|run| self.addressing.run_end(run) > ticks) {
            at -= 1;
        }
        let Some(run) = runs.get(at) else {
            return runs.last().map_or(0, |run| run.index.saturating_add(self.addressing.count(run)));
        };
        let into = ticks.saturating_sub(run.time).max(0).checked_div(run.duration).unwrap_or(0);
        run.index.saturating_add(u64::try_from(into).unwrap_or(0))
    }

    /// The segment at a 0-based position; `None` past the last one. Step back or forth with `index` - 1 or + 1.
    ///
    /// Without an end in the manifest there always is a next one: whether it exists, only the store knows.
    ///
    /// # Errors
    /// [`MpdError::NoSegments`], [`MpdError::BadTemplate`], [`MpdError::OutsideRecording`], [`MpdError::TooMany`].
    pub fn segment(&self, index: u64) -> Result<Option<Segment>, MpdError> {
        let addressing = &self.addressing;
        let Some((run, ordinal, number)) = addressing.find(index) else { return Ok(None) };
        let Some(time) = run.start(index - run.index) else { return Ok(None) };
        let resource = match &addressing.media {
            MediaAddress::Template(template) => {
                let template = template.as_deref().ok_or(MpdError::NoSegments)?;
                ObjectRange { path: self.expand(template, Some(number), Some(time))?, range: None }
            }
            MediaAddress::List(urls) => {
                let url = usize::try_from(ordinal).ok().and_then(|at| urls.get(at));
                let Some(url) = url else { return Ok(None) };
                self.resource(url)?
            }
            MediaAddress::Single => self.whole_file(None)?,
        };
        let duration = run.duration;
        Ok(Some(Segment { index, number, time, duration, nominal: addressing.nominal, resource }))
    }

    /// The object that a `$Time$` template would name had the segment started at `time`; `None` for other addressing.
    ///
    /// ffmpeg lists the first segment of audio at 0, and names it by the start that it really has before the edit
    /// list: `-1024`. Worth a try when that first segment is not found.
    ///
    /// # Errors
    /// As [`Self::segment`].
    pub fn resource_at_time(&self, segment: &Segment, time: i64) -> Result<Option<ObjectRange>, MpdError> {
        let MediaAddress::Template(Some(template)) = &self.addressing.media else { return Ok(None) };
        let path = self.expand(template, Some(segment.number), Some(time))?;
        Ok((path != segment.resource.path).then_some(ObjectRange { path, range: None }))
    }

    /// The end of the last segment in ticks; `None` if the manifest sets no end or lists nothing.
    pub fn end_ticks(&self) -> Option<i64> {
        let addressing = &self.addressing;
        let last = addressing.total()?.checked_sub(1)?;
        let (run, ..) = addressing.find(last)?;
        run.start(last - run.index)?.checked_add(run.duration)
    }

    /// All that is listed, in the order of time, without a look at any segment.
    pub fn spans(&self) -> impl Iterator<Item = ListedSpan> {
        let addressing = &self.addressing;
        let (total, single) = (addressing.total(), matches!(addressing.media, MediaAddress::Single));
        addressing.runs.iter().filter_map(move |run| {
            let left = total.map(|total| total.saturating_sub(run.index));
            let count = [run.length(addressing.end), left].into_iter().flatten().min();
            let endless = single && addressing.end.is_none();
            let end = count.filter(|_| !endless).and_then(|count| run.start(count));
            let segment = (!single).then_some(run.duration);
            (count != Some(0)).then_some(ListedSpan { start: run.time, end, segment })
        })
    }

    /// Returns `true` if segments follow from a rule up to the Period's end: they are listed before they are recorded.
    pub fn is_open_ended(&self) -> bool {
        let addressing = &self.addressing;
        matches!(addressing.media, MediaAddress::Template(_))
            && addressing.runs.last().is_some_and(|run| run.count.is_none())
    }

    /// Start and end in ticks of the last segment that an explicit timeline lists.
    pub(super) fn last_listed(&self) -> Option<(i64, i64)> {
        let addressing = &self.addressing;
        let run = addressing.runs.last().filter(|_| !matches!(addressing.media, MediaAddress::Single))?;
        let count = run.count?;
        Some((run.start(count.checked_sub(1)?)?, run.start(count)?))
    }

    /// The start of the first segment in ticks; `None` if nothing is listed.
    pub fn start_ticks(&self) -> Option<i64> {
        self.addressing.find(0).map(|(run, ..)| run.time)
    }

    /// The segments of a single file as its `sidx` lists them, and the timeline that their ticks count on.
    ///
    /// # Errors
    /// [`MpdError::NoSegments`] if no file is named.
    pub fn segments_from_sidx(&self, index: &Index) -> Result<(Timeline, Vec<Segment>), MpdError> {
        let timeline = self.timeline.with_timescale(index.timescale);
        let segments = index.entries.iter().zip(0..).map(|(entry, at): (_, u64)| {
            let last = entry.offset.saturating_add(u64::from(entry.size)).saturating_sub(1);
            Ok(Segment {
                index: at,
                number: at.saturating_add(1),
                time: entry.time,
                duration: i64::from(entry.duration),
                nominal: false,
                resource: self.whole_file(Some(ByteRange { first: entry.offset, last }))?,
            })
        });
        Ok((timeline, segments.collect::<Result<_, MpdError>>()?))
    }

    fn expand(&self, template: &str, number: Option<u64>, time: Option<i64>) -> Result<String, MpdError> {
        let values = Values { id: &self.id, bandwidth: self.bandwidth, number, time };
        path::join(&self.addressing.base, &expand(template, &values)?)
    }

    fn resource(&self, url: &UrlRef) -> Result<ObjectRange, MpdError> {
        match &url.reference {
            Some(reference) => {
                Ok(ObjectRange { path: path::join(&self.addressing.base, reference)?, range: url.range })
            }
            None => self.whole_file(url.range),
        }
    }

    fn whole_file(&self, range: Option<ByteRange>) -> Result<ObjectRange, MpdError> {
        let path = &self.addressing.base;
        if path.is_empty() || path.ends_with('/') {
            return Err(MpdError::NoSegments);
        }
        Ok(ObjectRange { path: path.clone(), range })
    }
}

impl Addressing {
    /// The run that holds a position, the segment's place in the document and its number.
    fn find(&self, index: u64) -> Option<(&TimelineRun, u64, u64)> {
        let after = self.runs.partition_point(|run| run.index <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let into = index.checked_sub(run.index)?;
        let ordinal = run.ordinal.checked_add(into)?;
        let number = match run.number {
            Some(first) => first.checked_add(into)?,
            None => self.start_number.checked_add(ordinal)?,
        };
        let listed = into < self.count(run) && self.end_number.is_none_or(|end| number <= end);
        listed.then_some((run, ordinal, number))
    }

    fn count(&self, run: &TimelineRun) -> u64 {
        run.length(self.end).unwrap_or(u64::MAX)
    }

    fn run_end(&self, run: &TimelineRun) -> i64 {
        run.start(self.count(run)).unwrap_or(i64::MAX)
    }

    /// The number of segments, if anything says so.
    fn total(&self) -> Option<u64> {
        let listed = self.runs.last().and_then(|run| run.index.checked_add(run.length(self.end)?));
        let numbered = self.end_number.map(|end| end.saturating_add(1).saturating_sub(self.start_number));
        let urls = match &self.media {
            MediaAddress::List(urls) => u64::try_from(urls.len()).ok(),
            _ => None,
        };
        [listed, numbered, urls].into_iter().flatten().min()
    }
}
