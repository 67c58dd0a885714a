//! Program specific information (ISO/IEC 13818-1, 2.4.4): which streams there are.

use super::TsCoding;
use super::packets::Packet;
use crate::nal::VideoCodec;

/// The largest section, in bytes.
const MAX_SECTION: usize = 1024;
/// Bytes before the entries of a table, and of the checksum behind them.
const HEAD: usize = 8;
const CHECKSUM: usize = 4;

/// Descriptors (2.6, and ETSI EN 300 468).
const REGISTRATION: u8 = 0x05;
const CONDITIONAL_ACCESS: u8 = 0x09;
const LANGUAGE: u8 = 0x0a;
const AC3: u8 = 0x6a;
const EAC3: u8 = 0x7a;

/// The sections of one packet identifier, put together.
#[derive(Debug, Default)]
pub(super) struct Sections {
    begun: Option<Vec<u8>>,
}

impl Sections {
    /// Takes a packet, and gives `take` each section that is complete and undamaged with it.
    pub(super) fn push(&mut self, packet: &Packet<'_>, mut take: impl FnMut(&[u8])) {
        if packet.damaged {
            self.begun = None;
        }
        let mut rest = packet.payload;
        if packet.starts {
            let Some((pointer, behind)) = packet.payload.split_first() else { return };
            let Some((end, next)) = behind.split_at_checked(usize::from(*pointer)) else { return };
            self.add(end, &mut take);
            self.begun = Some(Vec::new());
            rest = next;
        }
        self.add(rest, &mut take);
    }

    fn add(&mut self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        let Some(begun) = &mut self.begun else { return };
        begun.extend_from_slice(bytes);
        while let Some(length) = length(begun) {
            if length > MAX_SECTION {
                self.begun = None;
                return;
            }
            let Some(section) = begun.get(..length) else { return };
            if checksum(section) == 0 && section.get(5).is_some_and(|byte| byte & 1 == 1) {
                take(section);
            }
            begun.drain(..length);
        }
    }
}

/// The length of the section that `bytes` begin with, if it is known and not stuffing.
fn length(bytes: &[u8]) -> Option<usize> {
    let [table, first, second, ..] = bytes else { return None };
    (*table != 0xff).then(|| 3 + (usize::from(first & 0x0f) << 8 | usize::from(*second)))
}

/// The polynomial of a section with its checksum: 0 if it is undamaged (annex A).
fn checksum(section: &[u8]) -> u32 {
    section.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| (crc << 1) ^ ((crc >> 31) * 0x04c1_1db7))
    })
}

/// The entries of a section of that table.
fn entries(section: &[u8], table: u8) -> Option<&[u8]> {
    let end = section.len().checked_sub(CHECKSUM)?;
    (section.first() == Some(&table)).then(|| section.get(HEAD..end))?
}

/// The identifiers of the maps of all programs, by a section of the association table.
pub(super) fn programs(section: &[u8]) -> Option<Vec<u16>> {
    let programs = entries(section, 0)?.chunks_exact(4).filter(|entry| entry[..2] != [0, 0]);
    Some(programs.map(|entry| pid(entry[2], entry[3])).collect())
}

/// A stream as a map lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListedStream {
    pub(super) pid: u16,
    /// `None` for what is neither picture nor audio.
    pub(super) coding: Option<TsCoding>,
    pub(super) language: Option<[u8; 3]>,
}

/// The streams of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramMap {
    /// A descriptor announces that streams are scrambled.
    pub(super) conditional: bool,
    pub(super) streams: Vec<ListedStream>,
}

/// A map, by its section.
pub(super) fn streams(section: &[u8]) -> Option<ProgramMap> {
    let body = entries(section, 2)?;
    let [_, _, first, second, rest @ ..] = body else { return None };
    let (program, mut rest) = rest.split_at_checked(short(*first, *second))?;
    let mut map = ProgramMap { conditional: has(program, CONDITIONAL_ACCESS), streams: Vec::new() };
    while let [kind, first, second, third, fourth, behind @ ..] = rest {
        let (described, next) = behind.split_at_checked(short(*third, *fourth))?;
        map.conditional |= has(described, CONDITIONAL_ACCESS);
        let language = descriptors(described).find(|(tag, _)| *tag == LANGUAGE);
        map.streams.push(ListedStream {
            pid: pid(*first, *second),
            coding: coding(*kind, described),
            language: language.and_then(|(_, body)| body.first_chunk().copied()),
        });
        rest = next;
    }
    Some(map)
}

fn coding(kind: u8, described: &[u8]) -> Option<TsCoding> {
    let registered =
        |name: &[u8]| descriptors(described).any(|(tag, body)| tag == REGISTRATION && body.starts_with(name));
    Some(match kind {
        0x1b => TsCoding::Picture(VideoCodec::H264),
        0x24 => TsCoding::Picture(VideoCodec::Hevc),
        0x06 if registered(b"HEVC") => TsCoding::Picture(VideoCodec::Hevc),
        0x0f => TsCoding::Aac,
        0x81 => TsCoding::Ac3,
        0x87 => TsCoding::Eac3,
        0x06 if has(described, EAC3) || registered(b"EAC3") => TsCoding::Eac3,
        0x06 if has(described, AC3) || registered(b"AC-3") => TsCoding::Ac3,
        0x01 | 0x02 | 0x10 | 0x33 => TsCoding::OtherPicture,
        0x03 | 0x04 => TsCoding::MpegAudio,
        0x11 => TsCoding::OtherAudio,
        _ => return None,
    })
}

fn has(described: &[u8], wanted: u8) -> bool {
    descriptors(described).any(|(tag, _)| tag == wanted)
}

/// Tags and bodies; ends at the first that is cut off.
fn descriptors(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [tag, length, behind @ ..] = rest else { return None };
        let (body, next) = behind.split_at_checked(usize::from(*length))?;
        rest = next;
        Some((*tag, body))
    })
}

/// A packet identifier of 13 bits.
fn pid(first: u8, second: u8) -> u16 {
    u16::from(first & 0x1f) << 8 | u16::from(second)
}

/// A length of 12 bits.
fn short(first: u8, second: u8) -> usize {
    usize::from(first & 0x0f) << 8 | usize::from(second)
}
