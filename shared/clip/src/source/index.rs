//! The index of a single file, which may consist of several.

use super::Reader;
use crate::Source;
use crate::error::Error;
use crate::error::Kind;
use export_media::fmp4::{Fmp4Error, Index, IndexEntry};
use export_media::mpd::{ByteRange, ObjectRange, Representation, Segment};
use export_media::time::{Nanos, Timeline};
use std::collections::VecDeque;

/// Indexes of one file that are read for one window.
const MOST_INDEXES: usize = 128;
/// Bytes that nearly always hold an index.
const USUAL: u64 = 16 << 10;
/// Largest index.
const MOST: u64 = 1 << 20;
/// The time before the window in which a key picture may be.
const BEFORE: Nanos = Nanos::new(300_000_000_000);
/// The time after the window in which pictures may be that are decoded before its last ones.
const AFTER: Nanos = Nanos::new(30_000_000_000);

/// The segments of the file whose index is `resource`, with their timeline. Of an index of indexes (ISO/IEC 14496-12,
/// 8.16.3) only what is around `[from, until)` is read.
pub(super) async fn segments<O: Source>(
    reader: &Reader<O>,
    representation: &Representation,
    resource: &ObjectRange,
    (from, until): (Nanos, Nanos),
) -> Result<(Timeline, Vec<Segment>), Error> {
    let offset = resource.range.map_or(0, |range| range.first);
    let Index { timescale, entries } = Index::parse(&reader.head(resource).await?, offset)?;
    let line = representation.timeline.with_timescale(timescale);
    let (first, last) =
        (line.first_tick_at_or_after(from - BEFORE), line.first_tick_at_or_after(until + AFTER));
    let near = |entry: &IndexEntry| entry.time <= last && entry.end() > first;
    let (mut left, mut found, mut read) = (VecDeque::from(entries), Vec::new(), 1);
    while let Some(entry) = left.pop_front() {
        if !entry.is_index {
            found.push(entry);
        } else if near(&entry) {
            read += 1;
            if read > MOST_INDEXES {
                return Err(Fmp4Error::TooMany("indexes").into());
            }
            let nested = nested(reader, resource, &entry).await?;
            if nested.timescale != timescale {
                return Err(Fmp4Error::Unsupported("an index of another time scale").into());
            }
            nested.entries.into_iter().rev().for_each(|entry| left.push_front(entry));
        }
    }
    Ok(representation.segments_from_sidx(&Index { timescale, entries: found })?)
}

/// The index at the start of what `entry` refers to.
async fn nested<O: Source>(
    reader: &Reader<O>,
    resource: &ObjectRange,
    entry: &IndexEntry,
) -> Result<Index, Error> {
    let mut size = USUAL;
    loop {
        let last = entry.offset.saturating_add(size.min(entry.size.into())).saturating_sub(1);
        let range = Some(ByteRange { first: entry.offset, last });
        let part = ObjectRange { path: resource.path.clone(), range };
        let bytes = reader
            .read(&part, size)
            .await?
            .ok_or_else(|| Kind::BadRecording.because("an index is listed and does not exist"))?;
        match Index::parse(&bytes, entry.offset) {
            Err(Fmp4Error::Truncated) if size < MOST && size < u64::from(entry.size) => size = MOST,
            read => return Ok(read?),
        }
    }
}
