//! `stbl`: the samples of a file that is not fragmented (ISO/IEC 14496-12, 8.6.1 and 8.7).

use super::boxes::{Cursor, children, find, require};
use super::{Fmp4Error, InitTrack};
use crate::sample::Sample;

/// The most samples of a track.
const MAX_SAMPLES: u32 = 1 << 23;

/// The sample tables of a track.
#[derive(Debug, Clone)]
pub struct FileSamples<'a> {
    count: u32,
    edit_shift: i64,
    times: TableRuns<'a>,
    offsets: Option<TableRuns<'a>>,
    sizes: Sizes<'a>,
    /// Numbers of sync samples; without a table all are.
    sync: Option<Cursor<'a>>,
    chunks: Cursor<'a>,
    /// Chunk offsets have 64 bits.
    large: bool,
    groups: Cursor<'a>,
}

impl<'a> FileSamples<'a> {
    /// The tables of a track of the `moov` in `data`.
    ///
    /// # Errors
    /// [`Fmp4Error::Missing`] for a table that must be there, [`Fmp4Error::TooMany`] for more than 2^23 samples, else as the
    /// boxes deserve.
    pub fn of(data: &'a [u8], track: &InitTrack) -> Result<Self, Fmp4Error> {
        let moov = require(data, *b"moov", "moov")?.body;
        let stbl = tables(moov, track.id)?;
        let (count, sizes) = Sizes::read(stbl)?;
        if count > MAX_SAMPLES {
            return Err(Fmp4Error::TooMany("samples"));
        }
        let sync = list(stbl, *b"stss")?;
        let (chunks, large) = match list(stbl, *b"stco")? {
            Some(chunks) => (chunks, false),
            None => (list(stbl, *b"co64")?.ok_or(Fmp4Error::Missing("stco"))?, true),
        };
        Ok(Self {
            count,
            edit_shift: track.edit_shift,
            times: TableRuns::new(list(stbl, *b"stts")?.ok_or(Fmp4Error::Missing("stts"))?),
            offsets: list(stbl, *b"ctts")?.map(TableRuns::new),
            sizes,
            sync,
            chunks,
            large,
            groups: list(stbl, *b"stsc")?.ok_or(Fmp4Error::Missing("stsc"))?,
        })
    }

    /// Every sample in decode order, up to where a table ends.
    pub fn samples(&self) -> TableSamples<'a> {
        let table = self.clone();
        TableSamples {
            left: table.count,
            number: 0,
            dts: 0,
            in_chunk: 0,
            place: 0,
            chunk: 0,
            group: None,
            next_sync: None,
            table,
        }
    }
}

/// The `stbl` of a track.
fn tables(moov: &[u8], id: u32) -> Result<&[u8], Fmp4Error> {
    for child in children(moov) {
        let child = child?;
        if &child.kind != b"trak" {
            continue;
        }
        let mut tkhd = require(child.body, *b"tkhd", "tkhd")?.cursor();
        let (version, _) = tkhd.version()?;
        tkhd.skip(if version == 0 { 8 } else { 16 })?;
        if tkhd.u32()? == id {
            let mdia = require(child.body, *b"mdia", "mdia")?.body;
            let minf = require(mdia, *b"minf", "minf")?.body;
            return Ok(require(minf, *b"stbl", "stbl")?.body);
        }
    }
    Err(Fmp4Error::Missing("trak"))
}

/// The entries of a table, behind their number.
fn list(stbl: &[u8], kind: [u8; 4]) -> Result<Option<Cursor<'_>>, Fmp4Error> {
    let Some(found) = find(stbl, kind)? else { return Ok(None) };
    let mut cursor = found.cursor();
    cursor.skip(8)?;
    Ok(Some(cursor))
}

/// Entries of a number of samples and what all of them have.
#[derive(Debug, Clone)]
struct TableRuns<'a> {
    entries: Cursor<'a>,
    left: u32,
    value: u32,
}

impl<'a> TableRuns<'a> {
    fn new(entries: Cursor<'a>) -> Self {
        Self { entries, left: 0, value: 0 }
    }

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            (self.left, self.value) = (self.entries.u32().ok()?, self.entries.u32().ok()?);
        }
        self.left -= 1;
        Some(self.value)
    }
}

#[derive(Debug, Clone)]
enum Sizes<'a> {
    /// Of every sample.
    Same(u32),
    Each(Cursor<'a>),
}

impl<'a> Sizes<'a> {
    /// The number of samples and their sizes.
    fn read(stbl: &'a [u8]) -> Result<(u32, Self), Fmp4Error> {
        let Some(stsz) = find(stbl, *b"stsz")? else {
            let compact = find(stbl, *b"stz2")?.is_some();
            let compact = compact.then_some(Fmp4Error::Unsupported("compact sample sizes"));
            return Err(compact.unwrap_or(Fmp4Error::Missing("stsz")));
        };
        let mut cursor = stsz.cursor();
        cursor.skip(4)?;
        let (same, count) = (cursor.u32()?, cursor.u32()?);
        Ok((count, if same == 0 { Self::Each(cursor) } else { Self::Same(same) }))
    }

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Same(size) => Some(*size),
            Self::Each(sizes) => sizes.u32().ok(),
        }
    }
}

/// Chunks with the same number of samples: the first one's number, the number of samples, and their sample entry.
type Group = (u32, u32, u32);

/// The samples of a track in decode order.
#[derive(Debug, Clone)]
pub struct TableSamples<'a> {
    table: FileSamples<'a>,
    left: u32,
    number: u32,
    dts: i64,
    /// Samples that are left of the chunk, the place of the next one, and the chunk's number.
    in_chunk: u32,
    place: u64,
    chunk: u32,
    group: Option<Group>,
    next_sync: Option<u32>,
}

impl TableSamples<'_> {
    /// Goes on to the next chunk; `None` past the last one.
    fn begin_chunk(&mut self) -> Option<()> {
        let table = &mut self.table;
        self.place = if table.large { table.chunks.u64().ok()? } else { table.chunks.u32().ok()?.into() };
        self.chunk = self.chunk.checked_add(1)?;
        let mut ahead = table.groups;
        while let (Ok(first), Ok(count), Ok(entry)) = (ahead.u32(), ahead.u32(), ahead.u32()) {
            if first > self.chunk {
                break;
            }
            self.group = Some((first, count, entry));
            table.groups = ahead;
        }
        self.in_chunk = self.group?.1;
        Some(())
    }

    /// Returns `true` if the sample with this number is a sync sample.
    fn is_sync(&mut self) -> bool {
        let Some(numbers) = &mut self.table.sync else { return true };
        while self.next_sync.is_none_or(|next| next < self.number) {
            match numbers.u32() {
                Ok(next) => self.next_sync = Some(next),
                Err(_) => return false,
            }
        }
        self.next_sync == Some(self.number)
    }
}

impl Iterator for TableSamples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.left = self.left.checked_sub(1)?;
        self.number += 1;
        while self.in_chunk == 0 {
            self.begin_chunk()?;
        }
        let (duration, size) = (self.table.times.next()?, self.table.sizes.next()?);
        let later = match &mut self.table.offsets {
            // Version 0 has no negative offsets by the letter; writers and players take them for signed in both.
            Some(offsets) => i64::from(i32::from_be_bytes(offsets.next()?.to_be_bytes())),
            None => 0,
        };
        let (dts, offset) = (self.dts, self.place);
        let sync = self.is_sync();
        self.in_chunk -= 1;
        self.place = self.place.saturating_add(size.into());
        self.dts = dts.saturating_add(duration.into());
        let shift = self.table.edit_shift;
        Some(Sample {
            dts,
            pts: dts.saturating_add(later).saturating_sub(shift),
            duration,
            offset,
            size,
            sync,
            description: self.group?.2,
        })
    }
}
