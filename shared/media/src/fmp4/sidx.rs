//! `sidx`: the segments of a single file (ISO/IEC 14496-12, 8.16.3).

use super::Fmp4Error;
use super::boxes::require;
use std::num::NonZeroU32;

/// A segment index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Ticks per second of its times.
    pub timescale: NonZeroU32,
    /// In file order.
    pub entries: Vec<IndexEntry>,
}

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// Earliest presentation time in ticks.
    pub time: i64,
    /// Ticks.
    pub duration: u32,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes, not zero.
    pub size: u32,
    /// It starts with a picture that can be decoded on its own.
    pub starts_with_sap: bool,
    /// The bytes start with an index of what follows in them.
    pub is_index: bool,
}

impl IndexEntry {
    /// The tick after the last one; saturates.
    pub fn end(&self) -> i64 {
        self.time.saturating_add(i64::from(self.duration))
    }
}

impl Index {
    /// Reads the first `sidx` in `data`, which starts at byte `offset` of the file.
    ///
    /// # Errors
    /// [`Fmp4Error::Missing`] without a `sidx`, else as the box deserves.
    pub fn parse(data: &[u8], offset: u64) -> Result<Self, Fmp4Error> {
        let malformed = Fmp4Error::Malformed("sidx");
        let sidx = require(data, *b"sidx", "sidx")?;
        let mut cursor = sidx.cursor();
        let (version, _) = cursor.version()?;
        cursor.skip(4)?;
        let timescale = NonZeroU32::new(cursor.u32()?).ok_or(malformed)?;
        let mut time = i64::try_from(cursor.sized(version)?).map_err(|_| malformed)?;
        let gap = cursor.sized(version)?;
        cursor.skip(2)?;
        let count = cursor.u16()?;

        // Offsets count from the first byte after the box.
        let end = u64::try_from(sidx.position.saturating_add(sidx.bytes.len())).map_err(|_| malformed)?;
        let mut position = offset.checked_add(end).and_then(|end| end.checked_add(gap)).ok_or(malformed)?;
        let mut entries = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let reference = cursor.u32()?;
            let (size, duration) = (reference & 0x7fff_ffff, cursor.u32()?);
            let starts_with_sap = cursor.u32()? & 0x8000_0000 != 0;
            let is_index = reference != size;
            if size == 0 {
                return Err(malformed);
            }
            entries.push(IndexEntry { time, duration, offset: position, size, starts_with_sap, is_index });
            time = time.checked_add(i64::from(duration)).ok_or(malformed)?;
            position = position.checked_add(u64::from(size)).ok_or(malformed)?;
        }
        Ok(Self { timescale, entries })
    }
}
