//! Coded pictures in a byte stream (ISO/IEC 14496-10 and 23008-2, annex B; 13818-1, 2.14 and 2.17).

use super::pes::{Elementary, Stamped};
use super::{Known, TsError, TsTrack, TsUnit, unwrapped};
use crate::nal::kinds::{avc, hevc};
use crate::nal::{CodedField, Sps, VideoCodec, unit_type};
use bytes::Bytes;

/// The most units of a segment.
const MAX_UNITS: usize = 1 << 18;
/// The most parameter sets that come first.
const MAX_SETS: usize = 64;

/// What a NAL unit means for the pictures of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is before a picture: a delimiter, which is left out.
    Delimiter,
    /// It is before a picture: a parameter set.
    Set,
    /// It is before a picture: a message.
    Before,
    /// A slice; the first of its picture.
    Slice { first: bool },
    /// It goes with the picture before.
    Behind,
    /// Of no use: a filler, an end, or of another layer.
    Nothing,
}

/// Fills `track` with the pictures of a stream.
pub(super) fn pictures<'a>(
    codec: VideoCodec,
    stream: &'a Elementary,
    known: &Known<'a>,
    mut track: TsTrack,
) -> Result<TsTrack, TsError> {
    let mut pictures = Pictures::new(codec, stream, *known);
    for unit in nal_units(&stream.data) {
        pictures.add(&unit)?;
    }
    pictures.close(stream.data.len())?;
    track.torn = pictures.is_torn();
    track.left_out = pictures.left_out;
    track.units = pictures.units;
    track.data = pictures.data.into();
    track.sets = pictures.sets;
    Ok(track)
}

/// A NAL unit in a byte stream, and the place of its start code.
struct FoundUnit<'a> {
    at: usize,
    bytes: &'a [u8],
}

/// The NAL units of a byte stream, without their start codes and the zeros behind them.
fn nal_units(data: &[u8]) -> impl Iterator<Item = FoundUnit<'_>> {
    let mut next = start_code(data, 0);
    std::iter::from_fn(move || {
        let (at, from) = next?;
        next = start_code(data, from);
        let end = next.map_or(data.len(), |(at, _)| at);
        let unit = data.get(from..end)?;
        let length = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(FoundUnit { at, bytes: unit.get(..length)? })
    })
}

/// The place of the next start code, with one zero before it if there is one, and that of the byte behind it.
fn start_code(data: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        match data.get(at..at + 3)? {
            [0, 0, 1] => {
                let early =
                    at.checked_sub(1).filter(|before| *before >= from && data.get(*before) == Some(&0));
                return Some((early.unwrap_or(at), at + 3));
            }
            // No start code can begin before a byte that is neither 0 nor 1.
            [_, _, byte] if *byte > 1 => at += 3,
            _ => at += 1,
        }
    }
}

/// Returns `true` if a field is the other one of the same frame as the one before.
fn pair(first: Option<CodedField>, second: Option<CodedField>) -> bool {
    first.zip(second).is_some_and(|(first, second)| first.pairs_with(second))
}

struct Pictures<'a> {
    codec: VideoCodec,
    stream: &'a Elementary,
    stamps: Stamps<'a>,
    data: Vec<u8>,
    units: Vec<TsUnit>,
    sets: Vec<Bytes>,
    /// The picture that is begun: the place of its first NAL unit in the stream, and of its bytes.
    begun: Option<(usize, usize)>,
    has_slice: bool,
    /// A decoder may start with the picture.
    key: bool,
    known: Known<'a>,
    /// Its only field, if it is one.
    field: Option<CodedField>,
    /// The only field of the last unit, if that is one: its other field may follow.
    alone: Option<CodedField>,
    /// Pictures whose time stamps are lost.
    left_out: usize,
    /// The newest sequence parameter set of H.264.
    sps: Option<Sps>,
}

impl<'a> Pictures<'a> {
    fn new(codec: VideoCodec, stream: &'a Elementary, known: Known<'a>) -> Self {
        Self {
            codec,
            stream,
            stamps: Stamps::new(stream),
            data: Vec::with_capacity(stream.data.len()),
            units: Vec::new(),
            sets: Vec::new(),
            begun: None,
            has_slice: false,
            key: false,
            known,
            field: None,
            alone: None,
            left_out: 0,
            sps: known.sets.iter().find_map(|set| h264_sps(codec, set)),
        }
    }

    fn add(&mut self, unit: &FoundUnit<'_>) -> Result<(), TsError> {
        let role = role(self.codec, unit.bytes);
        let field = self.field_of(role, unit.bytes);
        let begins = match role {
            Role::Delimiter | Role::Set | Role::Before => self.has_slice,
            Role::Slice { first: true } => self.has_slice && !pair(self.field, field),
            Role::Slice { first: false } | Role::Behind | Role::Nothing => false,
        };
        if begins {
            self.close(unit.at)?;
        }
        if role == Role::Nothing {
            return Ok(());
        }
        let place = (unit.at, self.data.len());
        self.begun.get_or_insert(place);
        if let Role::Slice { first } = role {
            // A pair of fields is whole, and takes no third one.
            self.field = if first && !self.has_slice { field } else { self.field.filter(|_| !first) };
            self.has_slice = true;
            self.key |= is_key(self.codec, unit.bytes);
        }
        if role == Role::Set {
            self.learn(unit.bytes);
        }
        if !(role == Role::Delimiter
            || role == Role::Set && self.known.sets.iter().any(|set| set == unit.bytes))
        {
            let length = u32::try_from(unit.bytes.len()).map_err(|_| TsError::TooMany("bytes"))?;
            self.data.extend_from_slice(&length.to_be_bytes());
            self.data.extend_from_slice(unit.bytes);
        }
        Ok(())
    }

    /// The picture of a first slice, if it is a field.
    fn field_of(&self, role: Role, unit: &[u8]) -> Option<CodedField> {
        let sps = self.sps.as_ref().filter(|_| role == Role::Slice { first: true })?;
        CodedField::of(sps, unit)
    }

    /// Takes note of a parameter set. Those that come before the first picture are the track's.
    fn learn(&mut self, unit: &[u8]) {
        self.sps = h264_sps(self.codec, unit).or(self.sps.take());
        if self.units.is_empty()
            && !self.has_slice
            && self.sets.len() < MAX_SETS
            && !self.sets.iter().any(|set| set == unit)
        {
            self.sets.push(Bytes::copy_from_slice(unit));
        }
    }

    /// Ends the picture that is begun, whose bytes in the stream end at `end`.
    fn close(&mut self, end: usize) -> Result<(), TsError> {
        let (has_slice, begun) = (std::mem::take(&mut self.has_slice), self.begun.take());
        let (key, field) = (std::mem::take(&mut self.key), self.field.take());
        let Some((from, offset)) = begun else { return Ok(()) };
        if !has_slice {
            self.data.truncate(offset);
            return Ok(());
        }
        if self.units.len() == MAX_UNITS {
            return Err(TsError::TooMany("pictures"));
        }
        let near = self.units.last().map(|unit| unit.dts).or(self.known.near);
        let damaged = self.is_lost(from + 1, end);
        let other = pair(std::mem::replace(&mut self.alone, field), field);
        if let Some(first) = self.units.last_mut().filter(|_| other) {
            // The second field of a frame, which may have a delimiter and a time stamp of its own.
            self.stamps.of(from, near);
            self.alone = None;
            (first.size, first.damaged) = (self.data.len() - first.offset, first.damaged || damaged);
            return Ok(());
        }
        let Some((pts, dts)) = self.stamps.of(from, near) else {
            // The rest of a picture that began in the segment before, or one whose time stamp is lost.
            let is_rest = self.units.is_empty() && self.stamps.is_before_first(from);
            if is_rest || self.is_lost(self.stamps.last(), end) {
                self.data.truncate(offset);
                self.alone = None;
                self.left_out += usize::from(!is_rest);
                return Ok(());
            }
            return Err(TsError::NoTimeStamp);
        };
        self.units.push(TsUnit { dts, pts, offset, size: self.data.len() - offset, key, damaged });
        Ok(())
    }

    /// Returns `true` if something is lost in `from..=end` of the stream.
    fn is_lost(&self, from: usize, end: usize) -> bool {
        let lost = &self.stream.lost;
        lost.get(lost.partition_point(|at| *at < from)).is_some_and(|at| *at <= end)
    }

    /// Returns `true` if the first picture of the stream may be missing: it does not begin with one that has its time.
    fn is_torn(&self) -> bool {
        let begins = |first: &&Stamped| first.at == 0 && self.stream.lost.first() != Some(&0);
        let stamp = self.stream.stamps.first().filter(begins).and_then(|first| first.pts);
        stamp.is_none() || self.units.first().is_none_or(|unit| Some(unit.pts.rem_euclid(1 << 33)) != stamp)
    }
}

/// The time stamps of a stream: each belongs to the first unit that starts in its packet.
struct Stamps<'a> {
    stamps: &'a [Stamped],
    /// Those before this place are used.
    next: usize,
}

impl<'a> Stamps<'a> {
    fn new(stream: &'a Elementary) -> Self {
        Self { stamps: &stream.stamps, next: 0 }
    }

    fn is_before_first(&self, at: usize) -> bool {
        self.stamps.first().is_none_or(|first| at < first.at)
    }

    /// The place of the last one that is used.
    fn last(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.stamps.get(last)).map_or(0, |stamp| stamp.at)
    }

    /// Presentation and decode time of a unit that starts at `at`, next to the time `near`.
    fn of(&mut self, at: usize, near: Option<i64>) -> Option<(i64, i64)> {
        let index = self.stamps.partition_point(|stamp| stamp.at <= at).checked_sub(1)?;
        let stamp = self.stamps.get(index).filter(|_| index >= self.next)?;
        self.next = index + 1;
        let pts = stamp.pts?;
        let pts = near.map_or(pts, |near| unwrapped(pts, near));
        Some((pts, stamp.dts.map_or(pts, |dts| unwrapped(dts, pts))))
    }
}

/// A sequence parameter set of H.264.
fn h264_sps(codec: VideoCodec, set: &[u8]) -> Option<Sps> {
    let is_sps = codec == VideoCodec::H264 && unit_type(codec, set) == Some(avc::SPS);
    if is_sps { Sps::parse(codec, set).ok() } else { None }
}

fn role(codec: VideoCodec, unit: &[u8]) -> Role {
    let (Some(kind), Some(second)) = (unit_type(codec, unit), unit.get(1)) else { return Role::Nothing };
    match codec {
        // A slice starts with the number of its first macroblock: 0 is one bit.
        VideoCodec::H264 => match kind {
            avc::SLICE..=avc::IDR => Role::Slice { first: kind != 3 && kind != 4 && second & 0x80 != 0 },
            avc::DELIMITER => Role::Delimiter,
            avc::SPS | avc::PPS => Role::Set,
            avc::SEI | avc::PREFIX..=avc::RESERVED_18 => Role::Before,
            avc::AUXILIARY => Role::Behind,
            _ => Role::Nothing,
        },
        VideoCodec::Hevc if unit.first().is_some_and(|first| first & 1 != 0) || second >> 3 != 0 => {
            Role::Nothing
        }
        VideoCodec::Hevc => match kind {
            0..=hevc::RESERVED_VCL_31 => {
                Role::Slice { first: unit.get(2).is_some_and(|byte| byte & 0x80 != 0) }
            }
            hevc::DELIMITER => Role::Delimiter,
            hevc::VPS..=hevc::PPS => Role::Set,
            39 | 41..=44 | 48..=55 => Role::Before,
            40 | 45..=47 | 56..=63 => Role::Behind,
            _ => Role::Nothing,
        },
    }
}

/// Returns `true` for a slice of a picture that decoding can start with.
fn is_key(codec: VideoCodec, unit: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => unit_type(codec, unit) == Some(avc::IDR),
        VideoCodec::Hevc => {
            matches!(unit_type(codec, unit), Some(hevc::BLA_W_LP..=hevc::RESERVED_IRAP_23))
        }
    }
}
