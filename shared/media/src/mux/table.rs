//! The sample table of one track, kept small: hours of 60 pictures a second must fit a function's memory.
//!
//! Sizes cost 4 bytes a sample; everything else is run-length coded, so that audio costs nothing more and video with
//! reordering 8 bytes for each change of the composition offset.

use super::boxes::BoxWriter;
use super::{MuxError, MuxSample};

/// A chunk holds at most this many bytes, unless one sample is larger.
const CHUNK_BYTES: u64 = 1 << 20;

/// Equal neighbours with their count.
#[derive(Debug)]
struct RunLengths<T>(Vec<(u32, T)>);

impl<T: PartialEq> RunLengths<T> {
    fn push(&mut self, value: T) {
        match self.0.last_mut() {
            // Counts samples or chunks, of which a table holds no more than 32 bits can say.
            Some((count, last)) if *last == value => *count += 1,
            _ => self.0.push((1, value)),
        }
    }
}

/// The chunk that still grows.
#[derive(Debug)]
struct OpenChunk {
    entry: u32,
    samples: u32,
    bytes: u64,
    start: i64,
}

/// The form of chunk offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkOffsets {
    /// The position of the payload in the file, in bytes.
    pub(super) base: u64,
    /// 64 bits each (`co64`) instead of 32 (`stco`).
    pub(super) wide: bool,
}

/// The times, sizes and places of a track's samples.
#[derive(Debug)]
pub(super) struct SampleTable {
    track: usize,
    timescale: u32,
    sizes: Vec<u32>,
    deltas: RunLengths<u32>,
    composition: RunLengths<i32>,
    /// Numbers of the sync samples, counted from 1; absent while every sample is one.
    sync: Option<Vec<u32>>,
    chunk_offsets: Vec<u64>,
    /// Samples and sample entry of each closed chunk.
    chunks: RunLengths<(u32, u32)>,
    open: Option<OpenChunk>,
    last: Option<MuxSample>,
    end: i64,
}

impl SampleTable {
    pub(super) fn new(track: usize, timescale: u32) -> Self {
        Self {
            track,
            timescale,
            sizes: Vec::new(),
            deltas: RunLengths(Vec::new()),
            composition: RunLengths(Vec::new()),
            sync: None,
            chunk_offsets: Vec::new(),
            chunks: RunLengths(Vec::new()),
            open: None,
            last: None,
            end: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The end of the sample presented last, in ticks of the track (8.4.2.3).
    pub(super) fn duration(&self) -> u64 {
        u64::try_from(self.end).unwrap_or(0)
    }

    /// Adds a sample `at` bytes into the payload; `adjacent` if the payload's sample before is of this track too.
    /// A refused sample leaves the table as it was.
    pub(super) fn push(&mut self, sample: &MuxSample, at: u64, adjacent: bool) -> Result<(), MuxError> {
        let number = self.sizes.len().checked_add(1).and_then(|count| u32::try_from(count).ok());
        let number = number.ok_or(MuxError::TooLarge)?;
        let delta = match &self.last {
            Some(last) => Some(last.delta_to(self.track, sample)?),
            None if sample.dts == 0 => None,
            None => return Err(MuxError::DecodeTime { track: self.track, dts: sample.dts }),
        };
        let composition = sample.composition_offset(self.track)?;
        let end = sample.pts.checked_add(i64::from(sample.duration));
        let end = end.ok_or(MuxError::PresentationTime { track: self.track, pts: sample.pts })?;

        if let Some(ticks) = delta {
            self.deltas.push(ticks);
        }
        self.composition.push(composition);
        self.sizes.push(sample.size);
        self.push_sync(number, sample.sync);
        self.push_place(sample, at, adjacent);
        self.end = self.end.max(end);
        self.last = Some(*sample);
        Ok(())
    }

    fn push_sync(&mut self, number: u32, sync: bool) {
        match &mut self.sync {
            Some(numbers) if sync => numbers.push(number),
            None if !sync => self.sync = Some((1..number).collect()),
            _ => {}
        }
    }

    fn push_place(&mut self, sample: &MuxSample, at: u64, adjacent: bool) {
        let size = u64::from(sample.size);
        let half_second = i64::from(self.timescale) / 2;
        let fits = |chunk: &&mut OpenChunk| {
            adjacent
                && chunk.entry == sample.entry
                && chunk.bytes.saturating_add(size) <= CHUNK_BYTES
                && sample.dts.saturating_sub(chunk.start) < half_second
        };
        if let Some(chunk) = self.open.as_mut().filter(fits) {
            chunk.samples += 1;
            chunk.bytes += size;
            return;
        }
        self.close_chunk();
        self.chunk_offsets.push(at);
        self.open = Some(OpenChunk { entry: sample.entry, samples: 1, bytes: size, start: sample.dts });
    }

    fn close_chunk(&mut self) {
        if let Some(chunk) = self.open.take() {
            self.chunks.push((chunk.samples, chunk.entry));
        }
    }

    /// Ends the last chunk and the last sample. Nothing may be pushed afterwards.
    pub(super) fn close(&mut self) {
        self.close_chunk();
        if let Some(last) = self.last.take() {
            self.deltas.push(last.duration);
        }
    }

    /// The boxes of `stbl` behind `stsd`.
    pub(super) fn write(
        &self,
        w: &mut BoxWriter,
        offsets: ChunkOffsets,
        roll: Option<i16>,
    ) -> Result<(), MuxError> {
        self.write_stts(w)?;
        self.write_stss(w)?;
        self.write_ctts(w)?;
        self.write_stsc(w)?;
        self.write_stsz(w)?;
        self.write_chunk_offsets(w, offsets)?;
        roll.filter(|_| !self.is_empty()).map_or(Ok(()), |distance| self.write_roll(w, distance))
    }

    fn write_stts(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        w.full(*b"stts", 0, 0, |w| {
            w.count(self.deltas.0.len())?;
            for (count, ticks) in &self.deltas.0 {
                w.u32(*count);
                w.u32(*ticks);
            }
            Ok(())
        })
    }

    fn write_stss(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let Some(numbers) = &self.sync else { return Ok(()) };
        w.full(*b"stss", 0, 0, |w| {
            w.count(numbers.len())?;
            for number in numbers {
                w.u32(*number);
            }
            Ok(())
        })
    }

    fn write_ctts(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let runs = &self.composition.0;
        if runs.iter().all(|(_, offset)| *offset == 0) {
            return Ok(());
        }
        let version = u8::from(runs.iter().any(|(_, offset)| *offset < 0));
        w.full(*b"ctts", version, 0, |w| {
            w.count(runs.len())?;
            for (count, offset) in runs {
                w.u32(*count);
                w.i32(*offset);
            }
            Ok(())
        })
    }

    fn write_stsc(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        w.full(*b"stsc", 0, 0, |w| {
            w.count(self.chunks.0.len())?;
            let mut first_chunk = 1_u32;
            for (count, (samples, entry)) in &self.chunks.0 {
                w.u32(first_chunk);
                w.u32(*samples);
                w.u32(entry.checked_add(1).ok_or(MuxError::TooLarge)?);
                first_chunk = first_chunk.checked_add(*count).ok_or(MuxError::TooLarge)?;
            }
            Ok(())
        })
    }

    fn write_stsz(&self, w: &mut BoxWriter) -> Result<(), MuxError> {
        let first = self.sizes.first().copied().unwrap_or(0);
        let uniform = first != 0 && self.sizes.iter().all(|size| *size == first);
        w.full(*b"stsz", 0, 0, |w| {
            w.u32(if uniform { first } else { 0 });
            w.count(self.sizes.len())?;
            if !uniform {
                for size in &self.sizes {
                    w.u32(*size);
                }
            }
            Ok(())
        })
    }

    fn write_chunk_offsets(&self, w: &mut BoxWriter, offsets: ChunkOffsets) -> Result<(), MuxError> {
        let (kind, version) = if offsets.wide { (*b"co64", 1) } else { (*b"stco", 0) };
        w.full(kind, 0, 0, |w| {
            w.count(self.chunk_offsets.len())?;
            for at in &self.chunk_offsets {
                w.sized(version, at.checked_add(offsets.base).ok_or(MuxError::TooLarge)?)?;
            }
            Ok(())
        })
    }

    /// All samples in one `roll` group (10.1).
    fn write_roll(&self, w: &mut BoxWriter, distance: i16) -> Result<(), MuxError> {
        w.full(*b"sgpd", 1, 0, |w| {
            w.slice(b"roll");
            w.u32(2);
            w.u32(1);
            w.i16(distance);
            Ok(())
        })?;
        w.full(*b"sbgp", 0, 0, |w| {
            w.slice(b"roll");
            w.u32(1);
            w.count(self.sizes.len())?;
            w.u32(1);
            Ok(())
        })
    }
}
