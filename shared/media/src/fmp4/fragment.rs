//! `moof`: the samples of a fragment (ISO/IEC 14496-12, 8.8).

use super::boxes::{Child, Cursor, children, find, header, require};
use super::init::{Defaults, InitTrack};
use super::{Fmp4Error, MAX_MOOF, MAX_SAMPLES};
use crate::sample::Sample;

/// `sample_is_non_sync_sample` (8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// What the start of a segment tells about its first fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoofRead {
    /// The `moof` is not complete.
    NeedMore {
        /// How many bytes, counted from the start of the given ones, are needed at least.
        at_least: u64,
    },
    /// The samples of the track in the first `moof`; their media need not be there yet.
    Ready {
        /// In decode order.
        samples: Vec<Sample>,
        /// Where the box after this fragment's `mdat` starts in the file, if the header of `mdat` is there.
        next: Option<u64>,
    },
}

/// Reads all samples of a track in a segment, or in a whole number of its boxes.
///
/// `data` starts at byte `base_offset` of the file that sample offsets count from.
///
/// # Errors
/// [`Fmp4Error::SampleOutOfRange`] for a sample whose bytes are not in `data`, [`Fmp4Error::Missing`] for a fragment
/// without decode time, [`Fmp4Error::TooMany`] beyond [`MAX_SAMPLES`] and for samples that share so many bytes that
/// together they are larger than `data`, else as the boxes deserve.
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

/// Collects the samples of some tracks over fragments.
pub(super) struct Fragments<'a> {
    tracks: &'a [InitTrack],
    pub(super) samples: Vec<(u32, Sample)>,
}

/// A `tfhd`, its defaults filled in.
struct TrackFragment<'a> {
    track: &'a InitTrack,
    defaults: Defaults,
    base: u64,
}

impl<'a> Fragments<'a> {
    pub(super) fn new(tracks: &'a [InitTrack]) -> Self {
        Self { tracks, samples: Vec::new() }
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

    /// Returns where the track's data end, or `None` if it is not one of ours and nobody knows.
    fn traf(&mut self, traf: &[u8], moof: u64, implied: Option<u64>) -> Result<Option<u64>, Fmp4Error> {
        let mut tfhd = require(traf, *b"tfhd", "tfhd")?.cursor();
        let (_, flags) = tfhd.version()?;
        let id = tfhd.u32()?;
        let Some(track) = self.tracks.iter().find(|track| track.id == id) else { return Ok(None) };
        let explicit = if flags & 1 == 0 { None } else { Some(tfhd.u64()?) };
        let base = explicit
            .or(if flags & 0x02_0000 == 0 { implied } else { Some(moof) })
            .ok_or(Fmp4Error::Unsupported("a data offset that depends on another track"))?;
        let mut field = |bit: u32, default: u32| if flags & bit == 0 { Ok(default) } else { tfhd.u32() };
        let defaults = Defaults {
            description: field(0x2, track.defaults.description)?,
            duration: field(0x8, track.defaults.duration)?,
            size: field(0x10, track.defaults.size)?,
            flags: field(0x20, track.defaults.flags)?,
        };
        let fragment = TrackFragment { track, defaults, base };

        let mut dts = decode_time(traf)?;
        let mut data = base;
        for child in children(traf) {
            let child = child?;
            if &child.kind == b"trun" {
                (dts, data) = self.trun(&child, &fragment, dts, data)?;
            }
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
        let (version, flags) = cursor.version()?;
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
            let composition = composition(&mut cursor, version, flags)?;
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

fn composition(cursor: &mut Cursor<'_>, version: u8, flags: u32) -> Result<i64, Fmp4Error> {
    match (flags & 0x800, version) {
        (0, _) => Ok(0),
        (_, 0) => cursor.u32().map(i64::from),
        _ => cursor.i32().map(i64::from),
    }
}

fn decode_time(traf: &[u8]) -> Result<Option<i64>, Fmp4Error> {
    let Some(tfdt) = find(traf, *b"tfdt")? else { return Ok(None) };
    let mut cursor = tfdt.cursor();
    let (version, _) = cursor.version()?;
    i64::try_from(cursor.sized(version)?).map(Some).map_err(|_| Fmp4Error::SampleOutOfRange)
}
