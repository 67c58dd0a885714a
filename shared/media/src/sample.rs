//! One access unit of a track, as every part of this crate speaks of it.

use std::ops::Range;

/// A coded picture or audio frame and where its bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Decode time in the track's ticks, as the file says.
    pub dts: i64,
    /// Presentation time in the track's ticks, after the init segment's edit list.
    pub pts: i64,
    /// Length in the track's ticks.
    pub duration: u32,
    /// First byte, counted from the start of the segment's file.
    pub offset: u64,
    /// Length in bytes.
    pub size: u32,
    /// What the container says about random access; [`crate::nal::classify`] knows better.
    pub sync: bool,
    /// 1-based index of the sample entry.
    pub description: u32,
}

impl Sample {
    /// The byte after the last one; saturates.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.size))
    }

    /// Where its bytes are in a buffer that holds the file from its start; `None` beyond this machine's addresses.
    pub fn range(&self) -> Option<Range<usize>> {
        Some(usize::try_from(self.offset).ok()?..usize::try_from(self.end()).ok()?)
    }

    /// 0-based index of its sample entry.
    pub fn entry_index(&self) -> Option<usize> {
        usize::try_from(self.description).ok()?.checked_sub(1)
    }
}
