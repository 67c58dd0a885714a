//! `moof`: the samples of a fragment (ISO/IEC 14496-12, 8.8).

use super::boxes::{Child, Cursor, children, find, header, require};
use super::init::{Defaults, InitTrack};
use super::{Fmp4Error, MAX_MOOF, MAX_SAMPLES};
use crate::sample::Sample;

/// `sample_is_non_sync_sample` (8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// The first fragment of a segment, by the segment's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoofRead {
    /// The `moof` is not complete.
    NeedMore {
        /// The least number of bytes that are needed, counted from the start of the given ones.
        at_least: u64,
    },
    /// The samples of the track in the first `moof`; their media need not be there yet.
    Ready {
        /// In decode order.
        samples: Vec<Sample>,
        /// The position in the file of the box after this fragment's `mdat`, if the header of `mdat` is there.
        next: Option<u64>,
    },
}

/// Reads all samples of a track in a segment, or in a whole number of its boxes.
///
/// `data` starts at byte `base_offset` of the file that sample offsets count from.
///
/// # Errors
/// [`Fmp4Error::SampleOutOfRange`] for a sample whose bytes are not in `data`, [`Fmp4Error::Missing`] if the first
/// fragment of the track has no decode time, [`Fmp4Error::TooMany`] beyond [`MAX_SAMPLES`] and for samples that share
/// so many bytes that together they are larger than `data`, else as the boxes deserve.
pub fn read_fragments(track: &InitTrack, data: &[u8], base_offset: u64) -> Result<Vec<Sample>, Fmp4Error> {
    match read_readable(track, data, base_offset) {
        (samples, None) => Ok(samples),
        (_, Some(damage)) => Err(damage),
    }
}

/// Reads the samples of a track that can be read in a segment which may be damaged, and says what is wrong with it.
///
/// Fragments before the damage are read, and of the last one the samples whose bytes are there.
pub fn read_readable(track: &InitTrack, data: &[u8], base_offset: u64) -> (Vec<Sample>, Option<Fmp4Error>) {
    let mut fragments = Fragments::new(std::slice::from_ref(track));
    let mut damage = None;
    for child in children(data) {
        let read = child.and_then(|child| match &child.kind {
            b"moof" => fragments.moof(child.bytes, offset(base_offset, child.position)?),
            _ => Ok(()),
        });
        if let Err(error) = read {
            damage = Some(error);
            break;
        }
    }
    let end = base_offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
    let inside = |sample: &Sample| sample.offset >= base_offset && sample.end() <= end;
    let mut samples: Vec<Sample> = fragments.samples.into_iter().map(|(_, sample)| sample).collect();
    if !samples.iter().all(inside) {
        samples.retain(inside);
        damage = damage.or(Some(Fmp4Error::SampleOutOfRange));
    }
    if let Err(error) = check_bytes(&samples, data.len()) {
        return (Vec::new(), Some(error));
    }
    (samples, damage)
}

/// Refuses samples of more bytes than there are: overlapping runs would make a small file a large clip.
pub(super) fn check_bytes<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    available: usize,
) -> Result<(), Fmp4Error> {
    let bytes = samples.into_iter().fold(0_u64, |sum, sample| sum.saturating_add(u64::from(sample.size)));
    if usize::try_from(bytes).is_ok_and(|bytes| bytes <= available) {
        Ok(())
    } else {
        Err(Fmp4Error::TooMany("bytes in samples"))
    }
}

/// Reads the samples of a track in the first `moof` of a segment of which only the beginning is there.
///
/// `prefix` starts at byte `base_offset` of the file, at a box.
///
/// # Errors
/// As [`read_fragments`], but samples may lie beyond `prefix`; [`Fmp4Error::Missing`] if `mdat` comes first.
pub fn read_moof(track: &InitTrack, prefix: &[u8], base_offset: u64) -> Result<MoofRead, Fmp4Error> {
    let mut position = 0_usize;
    loop {
        let rest = prefix.get(position..).unwrap_or(&[]);
        let Some(header) = header(rest)? else { return need(position, 16) };
        let size =
            header.size.and_then(|size| usize::try_from(size).ok()).ok_or(Fmp4Error::Missing("moof"))?;
        match &header.kind {
            b"mdat" => return Err(Fmp4Error::Missing("moof")),
            b"moof" if size > MAX_MOOF => return Err(Fmp4Error::TooMany("moof")),
            b"moof" if size > rest.len() => return need(position, size),
            b"moof" => break,
            _ => position = position.checked_add(size).ok_or(Fmp4Error::Truncated)?,
        }
    }
    let rest = prefix.get(position..).unwrap_or(&[]);
    let moof = children(rest).next().ok_or(Fmp4Error::Missing("moof"))??;
    let mut fragments = Fragments::new(std::slice::from_ref(track));
    fragments.moof(moof.bytes, offset(base_offset, position)?)?;
    let end = offset(base_offset, position.saturating_add(moof.bytes.len()))?;
    let after = header(rest.get(moof.bytes.len()..).unwrap_or(&[]))?;
    let next = after.filter(|after| &after.kind == b"mdat").and_then(|mdat| end.checked_add(mdat.size?));
    Ok(MoofRead::Ready { samples: fragments.samples.into_iter().map(|(_, sample)| sample).collect(), next })
}

fn need(position: usize, size: usize) -> Result<MoofRead, Fmp4Error> {
    Ok(MoofRead::NeedMore { at_least: offset(0, position.saturating_add(size))? })
}

fn offset(base: u64, position: usize) -> Result<u64, Fmp4Error> {
    u64::try_from(position)
        .ok()
        .and_then(|position| base.checked_add(position))
        .ok_or(Fmp4Error::SampleOutOfRange)
}

/// Undoes the wrapping of decode times that a recorder keeps in 32 bits: moves samples of one segment to where the
/// first one is decoded next to `near`, by the manifest, if that is a whole number of times 2^32 ticks away.
pub fn unwrap_times(samples: &mut [Sample], near: i64) {
    let Some(first) = samples.first().filter(|_| near < LATEST) else { return };
    let shift = i128::from(unwrapped(first.dts, near)).saturating_sub(i128::from(first.dts));
    let off = i128::from(first.dts).saturating_add(shift).saturating_sub(i128::from(near));
    let Ok(shift) = i64::try_from(shift) else { return };
    // Times that do not agree with the manifest in other ways are left as they are.
    if shift == 0 || off.saturating_abs() > MOST_OFF {
        return;
    }
    for sample in samples {
        sample.dts = sample.dts.saturating_add(shift);
        sample.pts = sample.pts.saturating_add(shift);
    }
}

/// Ticks between a segment's time by the manifest and by its media up to which a wrapped time is understood: three
/// quarters of an hour in the usual 90 kHz.
const MOST_OFF: i128 = 1 << 28;

/// No recording comes near to where ticks end.
const LATEST: i64 = 1 << 62;

/// The value of `time` before it was cut to 32 bits: of all times that are a multiple of 2^32 later, the one next to
/// `near`.
fn unwrapped(time: i64, near: i64) -> i64 {
    let wraps = near.saturating_sub(time).saturating_add(1 << 31) >> 32;
    wraps.max(0).checked_mul(1 << 32).and_then(|ticks| time.checked_add(ticks)).unwrap_or(time)
}

/// Collects the samples of some tracks over fragments.
pub(super) struct Fragments<'a> {
    tracks: &'a [InitTrack],
    pub(super) samples: Vec<(u32, Sample)>,
    /// The decode time at which each track goes on.
    ends: Vec<Option<i64>>,
}

/// A `tfhd`, its defaults filled in.
struct TrackFragment<'a> {
    track: &'a InitTrack,
    defaults: Defaults,
    base: u64,
}

/// A `tfhd` as written (8.8.7).
struct TrackHeader {
    track_id: u32,
    base: Option<u64>,
    from_moof: bool,
    description: Option<u32>,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

impl TrackHeader {
    fn read(traf: &[u8]) -> Result<Self, Fmp4Error> {
        let mut tfhd = require(traf, *b"tfhd", "tfhd")?.cursor();
        let (_, flags) = tfhd.version()?;
        let track_id = tfhd.u32()?;
        let base = if flags & 1 == 0 { None } else { Some(tfhd.u64()?) };
        let mut field = |bit: u32| if flags & bit == 0 { Ok(None) } else { tfhd.u32().map(Some) };
        Ok(Self {
            track_id,
            base,
            from_moof: flags & 0x02_0000 != 0,
            description: field(0x2)?,
            duration: field(0x8)?,
            size: field(0x10)?,
            flags: field(0x20)?,
        })
    }

    /// The base of data offsets; `implied` is the end of the data of the track before.
    fn data_base(&self, moof: u64, implied: Option<u64>) -> Option<u64> {
        self.base.or(if self.from_moof { Some(moof) } else { implied })
    }
}

impl<'a> Fragments<'a> {
    pub(super) fn new(tracks: &'a [InitTrack]) -> Self {
        Self { tracks, samples: Vec::new(), ends: vec![None; tracks.len()] }
    }

    /// Adds the samples of a `moof`, header included, that starts at `start` in the file; none of one that is damaged.
    pub(super) fn moof(&mut self, moof: &[u8], start: u64) -> Result<(), Fmp4Error> {
        let before = self.samples.len();
        self.trafs(moof, start).inspect_err(|_| self.samples.truncate(before))
    }

    fn trafs(&mut self, moof: &[u8], start: u64) -> Result<(), Fmp4Error> {
        if moof.len() > MAX_MOOF {
            return Err(Fmp4Error::TooMany("moof"));
        }
        let body = require(moof, *b"moof", "moof")?.body;
        // Without flags, data follow the moof's start, then the data of the track before (8.8.7.1).
        let mut implied = Some(start);
        for child in children(body) {
            let child = child?;
            if &child.kind == b"traf" {
                implied = self.traf(child.body, start, implied)?;
            }
        }
        Ok(())
    }

    /// Returns where the track's data end, or `None` if it is another track and its data have no known end.
    fn traf(&mut self, traf: &[u8], moof: u64, implied: Option<u64>) -> Result<Option<u64>, Fmp4Error> {
        let header = TrackHeader::read(traf)?;
        let base = header.data_base(moof, implied);
        let ours = self.tracks.iter().enumerate().find(|(_, track)| track.id == header.track_id);
        let Some((index, track)) = ours else {
            // What is wrong with another track matters only to those that depend on it.
            let mut sizes = self.tracks.iter().flat_map(|track| &track.other_sizes);
            let usual = sizes.find(|(id, _)| *id == header.track_id).map(|(_, size)| *size);
            let size = header.size.or(usual);
            return Ok(base.and_then(|base| data_end(traf, base, size).ok().flatten()));
        };
        let base = base.ok_or(Fmp4Error::Unsupported("a data offset that depends on another track"))?;
        let defaults = Defaults {
            description: header.description.unwrap_or(track.defaults.description),
            duration: header.duration.unwrap_or(track.defaults.duration),
            size: header.size.unwrap_or(track.defaults.size),
            flags: header.flags.unwrap_or(track.defaults.flags),
        };
        let fragment = TrackFragment { track, defaults, base };

        // Without a time of its own, a fragment goes on where the one before ends (8.8.12).
        let end = self.ends.get(index).copied().flatten();
        let mut dts = match decode_time(traf)? {
            None => end,
            Some(DecodeTime { ticks, short: true }) => Some(end.map_or(ticks, |end| unwrapped(ticks, end))),
            Some(DecodeTime { ticks, .. }) => Some(ticks),
        };
        let mut data = base;
        for child in children(traf) {
            let child = child?;
            if &child.kind == b"trun" {
                (dts, data) = self.trun(&child, &fragment, dts, data)?;
            }
        }
        if let Some(end) = self.ends.get_mut(index) {
            *end = dts;
        }
        Ok(Some(data))
    }

    /// Adds a run's samples and returns the decode time and the offset after it.
    fn trun(
        &mut self,
        trun: &Child<'_>,
        fragment: &TrackFragment<'_>,
        dts: Option<i64>,
        data: u64,
    ) -> Result<(Option<i64>, u64), Fmp4Error> {
        let mut cursor = trun.cursor();
        let (_, flags) = cursor.version()?;
        let count = usize::try_from(cursor.u32()?).map_err(|_| Fmp4Error::TooMany("samples"))?;
        let mut dts = dts.ok_or(Fmp4Error::Missing("tfdt"))?;
        let mut data = if flags & 0x1 == 0 {
            data
        } else {
            fragment.base.checked_add_signed(i64::from(cursor.i32()?)).ok_or(Fmp4Error::SampleOutOfRange)?
        };
        let mut first_flags = if flags & 0x4 == 0 { None } else { Some(cursor.u32()?) };
        if count > MAX_SAMPLES.saturating_sub(self.samples.len()) {
            return Err(Fmp4Error::TooMany("samples"));
        }
        let defaults = &fragment.defaults;
        for _ in 0..count {
            let mut field =
                |bit: u32, default: u32| if flags & bit == 0 { Ok(default) } else { cursor.u32() };
            let duration = field(0x100, defaults.duration)?;
            let size = field(0x200, defaults.size)?;
            let own_flags = field(0x400, defaults.flags)?;
            let composition = composition(&mut cursor, flags)?;
            let pts = dts.checked_add(composition).and_then(|pts| pts.checked_sub(fragment.track.edit_shift));
            let sample = Sample {
                dts,
                pts: pts.ok_or(Fmp4Error::SampleOutOfRange)?,
                duration,
                offset: data,
                size,
                sync: first_flags.take().unwrap_or(own_flags) & NON_SYNC == 0,
                description: defaults.description,
            };
            dts = dts.checked_add(i64::from(duration)).ok_or(Fmp4Error::SampleOutOfRange)?;
            data = data.checked_add(u64::from(size)).ok_or(Fmp4Error::SampleOutOfRange)?;
            self.samples.push((fragment.track.id, sample));
        }
        Ok((Some(dts), data))
    }
}

fn composition(cursor: &mut Cursor<'_>, flags: u32) -> Result<i64, Fmp4Error> {
    match flags & 0x800 {
        0 => Ok(0),
        // Unsigned in version 0 by the standard; old packagers write negative ones all the same, and nobody needs 2^31.
        _ => cursor.i32().map(i64::from),
    }
}

/// The end of the data of a track's runs, by their sizes alone; `None` if they name none.
fn data_end(traf: &[u8], base: u64, usual: Option<u32>) -> Result<Option<u64>, Fmp4Error> {
    let mut data = base;
    for child in children(traf) {
        let child = child?;
        if &child.kind != b"trun" {
            continue;
        }
        let mut cursor = child.cursor();
        let (_, flags) = cursor.version()?;
        let count = cursor.u32()?;
        if flags & 0x1 != 0 {
            let offset = i64::from(cursor.i32()?);
            data = base.checked_add_signed(offset).ok_or(Fmp4Error::SampleOutOfRange)?;
        }
        if flags & 0x4 != 0 {
            cursor.skip(4)?;
        }
        let bytes = if flags & 0x200 == 0 {
            let Some(usual) = usual else { return Ok(None) };
            u64::from(usual).checked_mul(u64::from(count))
        } else {
            let mut sum = Some(0_u64);
            for _ in 0..count {
                for bit in [0x100, 0x200, 0x400, 0x800] {
                    let field = if flags & bit == 0 { 0 } else { cursor.u32()? };
                    sum = sum.and_then(|sum| sum.checked_add(if bit == 0x200 { field.into() } else { 0 }));
                }
            }
            sum
        };
        data = bytes.and_then(|bytes| data.checked_add(bytes)).ok_or(Fmp4Error::SampleOutOfRange)?;
    }
    Ok(Some(data))
}

/// A `tfdt`.
struct DecodeTime {
    ticks: i64,
    /// It has 32 bits.
    short: bool,
}

fn decode_time(traf: &[u8]) -> Result<Option<DecodeTime>, Fmp4Error> {
    let Some(tfdt) = find(traf, *b"tfdt")? else { return Ok(None) };
    let mut cursor = tfdt.cursor();
    let (version, _) = cursor.version()?;
    let ticks = i64::try_from(cursor.sized(version)?).map_err(|_| Fmp4Error::SampleOutOfRange)?;
    Ok(Some(DecodeTime { ticks, short: version == 0 }))
}
