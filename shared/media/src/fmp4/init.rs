//! `moov` of an init segment: tracks, sample entries, edit shift, fragment defaults.

use super::boxes::{Child, Cursor, children, find, require};
use super::codec::{self, SampleEntry};
use super::{Fmp4Error, TrackKind};
use crate::display::Matrix;
use std::num::NonZeroU32;

pub(super) const MAX_MOOV: usize = 4 << 20;
/// The largest `moov` with tables of samples.
const MAX_TABLES: usize = 64 << 20;
const MAX_TRACKS: usize = 64;
const MAX_ENTRIES: usize = 64;
/// The first bytes of Matroska files (RFC 8794).
const EBML: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
/// ISO/IEC 14496-12, 8.4.2.2, for "undetermined".
const UNDETERMINED: [u8; 3] = *b"und";

/// `trex`: what a fragment's samples are unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// 1-based sample entry.
    pub description: u32,
    /// Ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Sample flags (8.8.3.1).
    pub flags: u32,
}

/// One track of an init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitTrack {
    /// `track_ID`.
    pub id: u32,
    /// From the handler.
    pub kind: TrackKind,
    /// Ticks per second.
    pub timescale: NonZeroU32,
    /// ISO 639-2/T, lower case.
    pub language: [u8; 3],
    /// In order; a sample's `description` counts them from 1.
    pub sample_entries: Vec<SampleEntry>,
    /// Coded pixels of the first sample entry, 0 for audio.
    pub width: u16,
    /// Coded pixels of the first sample entry, 0 for audio.
    pub height: u16,
    /// The turn of its pictures: the track's matrix, then the movie's.
    pub matrix: Matrix,
    /// Ticks to subtract from composition times: the edit's media time less any empty edit before it.
    pub edit_shift: i64,
    /// There are later edits, which are left out as players leave them out.
    pub more_edits: bool,
    /// For the samples of its fragments.
    pub defaults: Defaults,
    /// Ids and default sample sizes of the other tracks in the file.
    pub other_sizes: Vec<(u32, u32)>,
    /// A sample entry is encrypted.
    pub encrypted: bool,
}

/// An init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// In file order.
    pub tracks: Vec<InitTrack>,
    /// There is an `mvex`: the samples are in fragments.
    pub is_fragmented: bool,
}

impl Init {
    /// Reads the `moov` among the boxes of `data`, which may go on with media.
    ///
    /// # Errors
    /// [`Fmp4Error::NotMp4`] for another container, [`Fmp4Error::Missing`] for a box that a fragmented file needs,
    /// [`Fmp4Error::Unsupported`] for an edit at another rate than 1, else as the boxes deserve.
    pub fn parse(data: &[u8]) -> Result<Self, Fmp4Error> {
        if data.starts_with(EBML) {
            return Err(Fmp4Error::NotMp4("WebM"));
        }
        let moov = require(data, *b"moov", "moov")?.body;
        require(moov, *b"mvex", "mvex")?;
        Self::read(moov, MAX_MOOV)
    }

    /// The same of a file that need not be fragmented.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_file(data: &[u8]) -> Result<Self, Fmp4Error> {
        Self::read(require(data, *b"moov", "moov")?.body, MAX_TABLES)
    }

    fn read(moov: &[u8], most: usize) -> Result<Self, Fmp4Error> {
        if moov.len() > most {
            return Err(Fmp4Error::TooMany("moov"));
        }
        let movie_timescale = movie_timescale(moov)?;
        let mut tracks = Vec::new();
        for child in children(moov) {
            let child = child?;
            if &child.kind != b"trak" {
                continue;
            }
            if tracks.len() == MAX_TRACKS {
                return Err(Fmp4Error::TooMany("tracks"));
            }
            tracks.push(track(child.body, moov, movie_timescale)?);
        }
        Ok(Self { tracks, is_fragmented: find(moov, *b"mvex")?.is_some() })
    }

    /// The track with an id.
    pub fn track(&self, id: u32) -> Option<&InitTrack> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

fn movie_timescale(moov: &[u8]) -> Result<u32, Fmp4Error> {
    let mut cursor = require(moov, *b"mvhd", "mvhd")?.cursor();
    let (version, _) = cursor.version()?;
    cursor.skip(if version == 0 { 8 } else { 16 })?;
    cursor.u32()
}

/// The movie's matrix; as they are if it cannot be read.
fn movie_matrix(moov: &[u8]) -> Matrix {
    let read = || {
        let mut cursor = require(moov, *b"mvhd", "mvhd")?.cursor();
        let (version, _) = cursor.version()?;
        cursor.skip(if version == 0 { 16 } else { 28 } + 16)?;
        matrix(&mut cursor)
    };
    read().unwrap_or_default()
}

fn matrix(cursor: &mut Cursor<'_>) -> Result<Matrix, Fmp4Error> {
    let mut values = [0; 9];
    for value in &mut values {
        *value = cursor.i32()?;
    }
    // All zeros, as some writers leave it, shows nothing; players take it for none.
    Ok(if values == [0; 9] { Matrix::default() } else { Matrix(values) })
}

fn track(trak: &[u8], moov: &[u8], movie_timescale: u32) -> Result<InitTrack, Fmp4Error> {
    let mut tkhd = require(trak, *b"tkhd", "tkhd")?.cursor();
    let (version, _) = tkhd.version()?;
    tkhd.skip(if version == 0 { 8 } else { 16 })?;
    let id = tkhd.u32()?;
    let skipped = tkhd.skip(if version == 0 { 8 } else { 12 } + 16);
    let own = skipped.and_then(|()| matrix(&mut tkhd)).unwrap_or_default();

    let mdia = require(trak, *b"mdia", "mdia")?.body;
    let (timescale, language) = media_header(mdia)?;
    let kind = handler(mdia)?;
    let minf = require(mdia, *b"minf", "minf")?.body;
    let stbl = require(minf, *b"stbl", "stbl")?.body;
    let sample_entries = sample_entries(&require(stbl, *b"stsd", "stsd")?, kind)?;
    let (width, height) = sample_entries.first().map_or((0, 0), |entry| (entry.width, entry.height));
    let (edit_shift, more_edits) = edit_shift(trak, timescale, movie_timescale)?;
    let (defaults, other_sizes) = defaults(moov, id)?;
    Ok(InitTrack {
        id,
        kind,
        timescale,
        language,
        width,
        height,
        matrix: own.then(&movie_matrix(moov)),
        edit_shift,
        more_edits,
        defaults,
        other_sizes,
        encrypted: sample_entries.iter().any(|entry| entry.encrypted),
        sample_entries,
    })
}

fn media_header(mdia: &[u8]) -> Result<(NonZeroU32, [u8; 3]), Fmp4Error> {
    let mut mdhd = require(mdia, *b"mdhd", "mdhd")?.cursor();
    let (version, _) = mdhd.version()?;
    mdhd.skip(if version == 0 { 8 } else { 16 })?;
    let timescale = NonZeroU32::new(mdhd.u32()?).ok_or(Fmp4Error::Malformed("mdhd"))?;
    mdhd.sized(version)?;
    Ok((timescale, language(mdhd.u16()?)))
}

/// Three 5-bit letters, each less 0x60 (8.4.2.3).
fn language(packed: u16) -> [u8; 3] {
    let letters =
        [10, 5, 0].map(|shift| u8::try_from((packed >> shift) & 0x1f).map_or(0, |letter| letter + 0x60));
    if letters.iter().all(u8::is_ascii_lowercase) { letters } else { UNDETERMINED }
}

fn handler(mdia: &[u8]) -> Result<TrackKind, Fmp4Error> {
    let mut hdlr = require(mdia, *b"hdlr", "hdlr")?.cursor();
    hdlr.skip(8)?;
    Ok(match &hdlr.fourcc()? {
        b"vide" => TrackKind::Video,
        b"soun" => TrackKind::Audio,
        _ => TrackKind::Other,
    })
}

fn sample_entries(stsd: &Child<'_>, kind: TrackKind) -> Result<Vec<SampleEntry>, Fmp4Error> {
    let mut cursor = stsd.cursor();
    cursor.skip(8)?;
    let mut entries = Vec::new();
    for child in children(cursor.rest()) {
        if entries.len() == MAX_ENTRIES {
            return Err(Fmp4Error::TooMany("sample entries"));
        }
        entries.push(codec::sample_entry(&child?, kind)?);
    }
    if entries.is_empty() { Err(Fmp4Error::Missing("sample entry")) } else { Ok(entries) }
}

/// The shift of the first edit that shows media, and whether there are more. In a fragmented file players know one edit
/// only: it says where the track starts.
fn edit_shift(trak: &[u8], timescale: NonZeroU32, movie_timescale: u32) -> Result<(i64, bool), Fmp4Error> {
    let Some(edts) = find(trak, *b"edts")? else { return Ok((0, false)) };
    let Some(elst) = find(edts.body, *b"elst")? else { return Ok((0, false)) };
    let mut cursor = elst.cursor();
    let (version, _) = cursor.version()?;
    let count = cursor.u32()?;
    let mut empty = 0_u64;
    let (mut media_time, mut more) = (None, false);
    for left in (0..count).rev() {
        let duration = cursor.sized(version)?;
        let time = if version == 0 {
            i64::from(cursor.i32()?)
        } else {
            i64::from_be_bytes(cursor.u64()?.to_be_bytes())
        };
        let rate = cursor.u32()?;
        match time {
            -1 => empty = empty.checked_add(duration).ok_or(Fmp4Error::Malformed("elst"))?,
            0.. if rate == 0x1_0000 => {
                (media_time, more) = (Some(time), left > 0);
                break;
            }
            _ => return Err(Fmp4Error::Unsupported("an edit at another rate than 1")),
        }
    }
    let empty_ticks = rescale(empty, timescale, movie_timescale)?;
    let shift = media_time.unwrap_or(0).checked_sub(empty_ticks).ok_or(Fmp4Error::Malformed("elst"))?;
    Ok((shift, more))
}

/// Movie ticks as track ticks, rounded half up: the only place where the file itself is coarser than its samples.
fn rescale(ticks: u64, timescale: NonZeroU32, movie_timescale: u32) -> Result<i64, Fmp4Error> {
    if ticks == 0 {
        return Ok(0);
    }
    let per_second = u128::from(movie_timescale);
    u128::from(ticks)
        .checked_mul(u128::from(timescale.get()))
        .and_then(|product| product.checked_add(per_second / 2)?.checked_div(per_second))
        .and_then(|ticks| i64::try_from(ticks).ok())
        .ok_or(Fmp4Error::Malformed("elst"))
}

/// The defaults of a track, and the sizes of the others' samples.
fn defaults(moov: &[u8], id: u32) -> Result<(Defaults, Vec<(u32, u32)>), Fmp4Error> {
    let Some(mvex) = find(moov, *b"mvex")? else {
        return Ok((Defaults { description: 1, duration: 0, size: 0, flags: 0 }, Vec::new()));
    };
    let (mut own, mut others) = (None, Vec::new());
    for child in children(mvex.body) {
        let child = child?;
        if &child.kind != b"trex" {
            continue;
        }
        let mut cursor = child.cursor();
        cursor.skip(4)?;
        let track = cursor.u32()?;
        let defaults = Defaults {
            description: cursor.u32()?,
            duration: cursor.u32()?,
            size: cursor.u32()?,
            flags: cursor.u32()?,
        };
        if track == id {
            own = own.or(Some(defaults));
        } else if others.len() < MAX_TRACKS {
            others.push((track, defaults.size));
        }
    }
    own.map(|own| (own, others)).ok_or(Fmp4Error::Missing("trex"))
}
