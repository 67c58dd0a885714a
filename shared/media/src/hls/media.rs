//! Playlists of segments (RFC 8216, 4.3.2 and 4.3.3).

use super::attributes::AttributeList;
use super::lines::Line;
use crate::mpd::{ByteRange, MpdError, NamedSegment, UrlRef, decimal_nanos, lenient_date_time};
use crate::time::Nanos;
use std::collections::HashMap;
use std::sync::Arc;

/// The most segments.
const MAX_SEGMENTS: usize = 1 << 17;
/// The most sections.
const MAX_SECTIONS: usize = 4096;
/// The longest segment, in microseconds: a day.
const MAX_DURATION: i64 = 86_400_000_000;
/// Nanoseconds in a microsecond, in which `EXTINF` is kept.
const NANOS: i128 = 1000;
/// A date that is this far from where the one before and `EXTINF` lead to, and what the last digits of those hide, begins
/// a section.
const JUMP: Nanos = Nanos::new(1_000_000_000);
/// A date may be this much before the end of the section before it, and what the last digits of `EXTINF` hide.
const JITTER: Nanos = Nanos::new(500_000_000);

/// The segments of one coding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Its place in the recording's directory.
    pub(super) path: String,
    /// There is no `EXT-X-ENDLIST`: the recording may still grow.
    pub(super) grows: bool,
    /// `EXT-X-TARGETDURATION`.
    pub(super) target: Nanos,
    /// In document order, none without a segment.
    pub(super) sections: Vec<Section>,
}

/// Segments on one clock: what lies between two discontinuities, changes of the init segment or of the encryption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// The number of discontinuities before it, from `EXT-X-DISCONTINUITY-SEQUENCE` on.
    pub(super) discontinuity: u64,
    /// Its position among the sections of that number.
    pub(super) part: usize,
    /// `EXT-X-MAP`.
    pub(super) init: Option<UrlRef>,
    /// `EXT-X-KEY` with a method.
    pub(super) encrypted: bool,
    /// The last digit that an `EXTINF` is written with, in microseconds.
    pub(super) precision: i64,
    /// Its segments.
    pub(super) segments: Vec<NamedSegment>,
    /// Positions of segments with an `EXT-X-PROGRAM-DATE-TIME`, and that time since the Unix epoch.
    pub(super) dates: Vec<(usize, Nanos)>,
}

impl Section {
    /// The time from the segment at a position to its end by `EXTINF`.
    fn length_from(&self, at: usize) -> Nanos {
        length(self.segments.get(at..).unwrap_or_default())
    }

    /// Its length by `EXTINF`.
    pub(super) fn length(&self) -> Nanos {
        self.length_from(0)
    }

    /// Its end if it starts at `start`, by its last date and the `EXTINF` behind that, and by how much that may be
    /// too late.
    pub(super) fn end(&self, start: Nanos) -> (Nanos, Nanos) {
        let (at, from) = match (self.dates.last(), self.date()) {
            (Some((at, last)), Some(first)) => (*at, start + (*last - first)),
            _ => (0, start),
        };
        ((from + self.length_from(at)).max(start), self.rounded() + JITTER)
    }

    /// By how much its end may be too late: half a last digit of `EXTINF` a segment since the last date.
    pub(super) fn rounded(&self) -> Nanos {
        let at = self.dates.last().map_or(0, |(at, _)| *at);
        let segments = i64::try_from(self.segments.len().saturating_sub(at)).unwrap_or(i64::MAX);
        Nanos::new(i128::from((self.precision / 2).saturating_mul(segments)) * NANOS)
    }

    /// By how much the length of a segment may be off: half a last digit of `EXTINF`.
    pub(super) fn rounding(&self) -> Nanos {
        Nanos::new(i128::from(self.precision) * NANOS / 2)
    }

    /// The date of its first segment, by the first date that there is and the `EXTINF` before that.
    pub(super) fn date(&self) -> Option<Nanos> {
        let (at, date) = self.dates.first()?;
        Some(*date - length(self.segments.get(..*at)?))
    }
}

/// The time that segments take by `EXTINF`.
pub(super) fn length(segments: &[NamedSegment]) -> Nanos {
    let micros = segments.iter().map(|segment| segment.duration).fold(0, i64::saturating_add);
    Nanos::new(i128::from(micros) * NANOS)
}

pub(super) fn read(lines: &[Line<'_>], path: &str) -> Result<MediaPlaylist, MpdError> {
    let mut reading = Reading::new(path);
    for line in lines {
        reading.line(line)?;
    }
    Ok(reading.playlist)
}

/// The properties of the next segment.
#[derive(Debug, Default)]
struct Pending {
    /// In microseconds, and those of its last digit.
    length: Option<(i64, i64)>,
    range: Option<(u64, Option<u64>)>,
    date: Option<Nanos>,
    gap: bool,
}

/// A playlist that is being read.
struct Reading {
    playlist: MediaPlaylist,
    pending: Pending,
    discontinuity: u64,
    init: Option<UrlRef>,
    encrypted: bool,
    /// The next segment begins a section.
    breaks: bool,
    count: usize,
    /// The date of the next segment by that of one before and the `EXTINF` since.
    expected: Option<Nanos>,
    /// The byte behind the last range of each file.
    ends: HashMap<Arc<str>, u64>,
}

impl Reading {
    fn new(path: &str) -> Self {
        let playlist = MediaPlaylist { path: path.to_owned(), grows: true, ..MediaPlaylist::default() };
        Self {
            playlist,
            pending: Pending::default(),
            discontinuity: 0,
            init: None,
            encrypted: false,
            breaks: true,
            count: 0,
            expected: None,
            ends: HashMap::new(),
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), MpdError> {
        if let Some(reference) = line.reference() {
            return self.segment(reference);
        }
        if let Some(value) = line.tag("#EXTINF") {
            self.pending.length = Some(duration(value).ok_or(MpdError::BadValue("EXTINF"))?);
        } else if let Some(value) = line.tag("#EXT-X-PROGRAM-DATE-TIME") {
            let date = lenient_date_time(value).ok_or(MpdError::BadValue("EXT-X-PROGRAM-DATE-TIME"))?;
            self.pending.date = Some(date);
        } else if let Some(value) = line.tag("#EXT-X-BYTERANGE") {
            self.pending.range = Some(range(value).ok_or(MpdError::BadValue("EXT-X-BYTERANGE"))?);
        } else if line.tag("#EXT-X-GAP").is_some() {
            self.pending.gap = true;
        } else if line.tag("#EXT-X-DISCONTINUITY").is_some() {
            self.discontinuity = self.discontinuity.saturating_add(1);
            self.breaks = true;
        } else if let Some(value) = line.tag("#EXT-X-MAP") {
            self.map(&AttributeList::read(value)?)?;
        } else if let Some(value) = line.tag("#EXT-X-KEY") {
            let encrypted = AttributeList::read(value)?.get("METHOD") != Some("NONE");
            self.breaks |= encrypted != self.encrypted;
            self.encrypted = encrypted;
        } else {
            return self.head(line);
        }
        Ok(())
    }

    /// A tag of the whole playlist.
    fn head(&mut self, line: &Line<'_>) -> Result<(), MpdError> {
        if let Some(value) = line.tag("#EXT-X-TARGETDURATION") {
            let (target, _) = duration(value).ok_or(MpdError::BadValue("EXT-X-TARGETDURATION"))?;
            self.playlist.target = Nanos::new(i128::from(target) * NANOS);
        } else if let Some(value) = line.tag("#EXT-X-DISCONTINUITY-SEQUENCE") {
            let number = value.parse().map_err(|_| MpdError::BadValue("EXT-X-DISCONTINUITY-SEQUENCE"))?;
            self.discontinuity = self.discontinuity.saturating_add(number);
        } else if line.tag("#EXT-X-ENDLIST").is_some() {
            self.playlist.grows = false;
        } else if line.tag("#EXT-X-I-FRAMES-ONLY").is_some() {
            return Err(MpdError::BadValue("EXT-X-I-FRAMES-ONLY"));
        }
        Ok(())
    }

    fn map(&mut self, attributes: &AttributeList<'_>) -> Result<(), MpdError> {
        let uri = attributes.get("URI").ok_or(MpdError::BadValue("EXT-X-MAP"))?;
        let bytes = match attributes.get("BYTERANGE") {
            Some(value) => {
                let (length, from) = range(value).ok_or(MpdError::BadValue("EXT-X-MAP"))?;
                Some(bytes(from.unwrap_or(0), length).ok_or(MpdError::BadValue("EXT-X-MAP"))?)
            }
            None => None,
        };
        let init = Some(UrlRef { reference: Some(uri.into()), range: bytes });
        self.breaks |= init != self.init;
        self.init = init;
        Ok(())
    }

    fn segment(&mut self, reference: &str) -> Result<(), MpdError> {
        let Pending { length, range, date, gap } = std::mem::take(&mut self.pending);
        // A reference without an EXTINF is none of a segment.
        let Some((duration, precision)) = length else { return Ok(()) };
        self.count += 1;
        if self.count > MAX_SEGMENTS {
            return Err(MpdError::TooMany("segments"));
        }
        let name: Arc<str> = reference.into();
        let bytes = match range {
            Some((length, from)) => {
                let next = self.ends.get(&name).copied();
                let from = from.or(next).ok_or(MpdError::BadValue("EXT-X-BYTERANGE"))?;
                let found = bytes(from, length).ok_or(MpdError::BadValue("EXT-X-BYTERANGE"))?;
                self.ends.insert(Arc::clone(&name), found.last.saturating_add(1));
                Some(found)
            }
            None => None,
        };
        let url = UrlRef { reference: Some(name), range: bytes };
        let hidden = self.playlist.sections.last().map_or(Nanos::ZERO, Section::rounded);
        let jump = JUMP + hidden;
        let off = date.zip(self.expected).map_or(Nanos::ZERO, |(date, expected)| date - expected);
        self.breaks |= off > jump || Nanos::ZERO - off > jump;
        let next = date.or(self.expected);
        self.expected = next.map(|date| date + Nanos::new(i128::from(duration) * NANOS));
        let section = self.section()?;
        section.precision = section.precision.max(precision);
        if let Some(date) = date {
            section.dates.push((section.segments.len(), date));
        }
        section.segments.push(NamedSegment { duration, gap, url });
        Ok(())
    }

    /// The section of the next segment.
    fn section(&mut self) -> Result<&mut Section, MpdError> {
        let sections = &mut self.playlist.sections;
        if self.breaks || sections.is_empty() {
            self.breaks = false;
            if sections.len() == MAX_SECTIONS {
                return Err(MpdError::TooMany("discontinuities"));
            }
            let before = sections.last().filter(|last| last.discontinuity == self.discontinuity);
            let part = before.map_or(0, |last| last.part + 1);
            let (discontinuity, init, encrypted) = (self.discontinuity, self.init.clone(), self.encrypted);
            sections.push(Section { discontinuity, part, init, encrypted, ..Section::default() });
        }
        sections.last_mut().ok_or(MpdError::TooMany("discontinuities"))
    }
}

/// `5.005,title`: a length in microseconds, which a segment has at least one of, and those of its last digit.
fn duration(value: &str) -> Option<(i64, i64)> {
    let text = value.split(',').next()?.trim();
    let micros = i64::try_from(decimal_nanos(text)? / NANOS).ok()?;
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len().min(6));
    let precision = 10_i64.pow(u32::try_from(6 - digits).ok()?);
    (micros <= MAX_DURATION).then_some((micros.max(1), precision))
}

/// `length[@from]`.
fn range(value: &str) -> Option<(u64, Option<u64>)> {
    match value.split_once('@') {
        Some((length, from)) => Some((length.trim().parse().ok()?, Some(from.trim().parse().ok()?))),
        None => Some((value.parse().ok()?, None)),
    }
}

/// `length` bytes from `first` on.
fn bytes(first: u64, length: u64) -> Option<ByteRange> {
    let last = first.checked_add(length.checked_sub(1)?)?;
    Some(ByteRange { first, last })
}
