//! MPEG-2 transport streams (ISO/IEC 13818-1), and packed audio (RFC 8216, 3.4): the bytes of a segment in, pictures and
//! audio frames out.
//!
//! Our own reader, because the published crates lose a stream after one damaged byte, take a legal duplicate for a loss,
//! or do not notice a lost packet. Each segment is read alone, from front to back, without a look back: whatever the bytes,
//! the reader ends, and holds no more than their number and their time stamps.

mod audio;
mod frame;
mod packed;
mod packets;
mod pes;
mod psi;
mod track;
mod units;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::nal::VideoCodec;
use bytes::Bytes;
use packets::Packets;
use pes::Elementary;
use psi::{ListedStream, Sections};
use std::collections::BTreeMap;

/// Ticks of all time stamps in a second (2.4.3.7).
pub const TICKS: u32 = 90_000;
/// The most programs and streams that are followed.
const MAX_STREAMS: usize = 64;
/// Of so many packets of a stream one that is scrambled is a fault of the transmission.
const SCRAMBLED_OF: u64 = 100;

/// Why a segment is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TsError {
    /// No two packets follow each other, and no frames of audio.
    #[error("the segment is neither a transport stream nor packed audio")]
    NotTs,
    /// Packed audio without the tag that says when it is heard.
    #[error("the packed audio of the segment has no time stamp")]
    Untimed,
    /// No program is described.
    #[error("the segment describes no program")]
    NoProgram,
    /// A coded picture without a time stamp, whose time does not follow from its neighbours'.
    #[error("a picture of the segment has no time stamp")]
    NoTimeStamp,
    /// A cap was exceeded.
    #[error("the segment has too many {0}")]
    TooMany(&'static str),
}

/// The coding of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TsCoding {
    /// H.264 or HEVC.
    Picture(VideoCodec),
    /// AAC in ADTS.
    Aac,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// MPEG-1 or MPEG-2 audio, such as MP3.
    MpegAudio,
    /// A picture that no clip is made of: MPEG-1 or MPEG-2.
    OtherPicture,
    /// Audio that no clip is made of.
    OtherAudio,
}

/// A coded picture or an audio frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TsUnit {
    /// Decode time in the track's ticks; time stamps have 33 bits, and count on from the first unit's.
    pub dts: i64,
    /// Presentation time in the track's ticks.
    pub pts: i64,
    /// The place of its bytes in the track's.
    pub offset: usize,
    /// Its length in bytes.
    pub size: usize,
    /// A decoder may start with it.
    pub key: bool,
    /// Packets of it are lost.
    pub damaged: bool,
}

/// The units of a stream, in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsTrack {
    /// The stream's packets.
    pub pid: u16,
    /// The coding.
    pub coding: TsCoding,
    /// Ticks of its units' times in a second: of audio its sampling rate, so that frames follow each other exactly.
    pub timescale: u32,
    /// The language by the program's description.
    pub language: Option<[u8; 3]>,
    /// Of a picture, NAL units with lengths of 4 bytes, without delimiters, fillers and known parameter sets; of AAC, raw
    /// data blocks.
    pub units: Vec<TsUnit>,
    /// The bytes of the units.
    pub data: Bytes,
    /// The parameter sets that come first, in order; or the beginning of the first audio frame.
    pub sets: Vec<Bytes>,
    /// Samples and bytes of the first audio frame.
    pub(crate) frame: (i64, usize),
    /// Of audio, what stands before the first frame: the end of a frame that began in the segment before.
    pub head: Bytes,
    /// Of audio, what stands behind the last frame: the beginning of one that goes on in the next segment.
    pub tail: Bytes,
    /// Its first unit may be missing.
    pub torn: bool,
    /// Units that are left out, as their time stamps are lost.
    pub left_out: usize,
}

/// The program of a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TsSegment {
    /// Its streams that are read, in the order of its description.
    pub tracks: Vec<TsTrack>,
    /// A stream is scrambled, or a description announces that.
    pub encrypted: bool,
    /// Of a part of a stream: a picture that starts in it may go on behind the bytes that are there.
    pub goes_on: bool,
}

/// The knowledge that a segment is read with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The first time stamp is next to this tick; without one they are as they are written.
    pub near: Option<i64>,
    /// Parameter sets that the track's description has: they are left out of its units.
    pub sets: &'a [Bytes],
    /// The bytes are cut out of a longer stream.
    pub part: Option<StreamPart<'a>>,
}

/// Bytes that are cut out of a stream between any two packets. Units belong to the part in which their PES packet starts,
/// so that parts back to back have each unit once.
#[derive(Debug, Clone, Copy)]
pub struct StreamPart<'a> {
    /// The beginning of the stream, which describes its program.
    pub head: &'a [u8],
    /// The length of the part: what comes behind it is there to complete what starts in it.
    pub length: usize,
}

/// Reads a segment: of the first program with a picture, or else of the first one; of packed audio, its only track.
///
/// # Errors
/// [`TsError`].
pub fn demux(data: &[u8], known: &Known<'_>) -> Result<TsSegment, TsError> {
    let mut demuxer = Demuxer::default();
    let mut any = false;
    if let Some(part) = known.part {
        demuxer.learn(part)?;
    }
    let packets = match Packets::of(data) {
        Err(error) if known.part.is_none() => return packed::read(data, known).unwrap_or(Err(error)),
        packets => packets?,
    };
    for packet in packets {
        any = true;
        demuxer.packet(&packet)?;
    }
    if any { demuxer.finish(known) } else { Err(TsError::NotTs) }
}

/// The place of the first packet of a stream, and the bytes from one packet to the next.
///
/// # Errors
/// [`TsError::NotTs`].
pub fn packet_steps(data: &[u8]) -> Result<(usize, usize), TsError> {
    Ok(Packets::of(data)?.steps())
}

/// A stream of the program.
#[derive(Debug, Default)]
struct Stream {
    elementary: Elementary,
    packets: u64,
    scrambled: u64,
    /// Of a part of a stream: a PES packet has started in it, and one behind it.
    begun: bool,
    over: bool,
}

#[derive(Debug, Default)]
struct Demuxer {
    association: Sections,
    /// By packet identifier, the maps of programs.
    maps: BTreeMap<u16, Sections>,
    /// The streams of the program that is followed, as its newest map lists them.
    listed: Vec<ListedStream>,
    /// The map that is followed.
    program: Option<u16>,
    has_picture: bool,
    conditional: bool,
    /// By their place in the map: a stream keeps its place when its packets get another identifier.
    streams: Vec<Stream>,
    places: BTreeMap<u16, usize>,
    /// The length of the part of a stream that is read.
    part: Option<usize>,
}

impl Demuxer {
    /// Learns the program of a part of a stream from the stream's beginning.
    fn learn(&mut self, part: StreamPart<'_>) -> Result<(), TsError> {
        for packet in Packets::of(part.head)? {
            self.packet(&packet)?;
        }
        self.streams.iter_mut().for_each(|stream| *stream = Stream::default());
        self.part = Some(part.length);
        Ok(())
    }

    fn packet(&mut self, packet: &packets::Packet<'_>) -> Result<(), TsError> {
        if packet.pid == 0 {
            let maps = &mut self.maps;
            self.association.push(packet, |section| {
                for map in psi::programs(section).unwrap_or_default() {
                    if maps.len() < MAX_STREAMS {
                        maps.entry(map).or_default();
                    }
                }
            });
            return Ok(());
        }
        if let Some(sections) = self.maps.get_mut(&packet.pid) {
            let mut read = Vec::new();
            sections.push(packet, |section| read.extend(psi::streams(section)));
            for map in read {
                self.follow(packet.pid, map);
            }
            return Ok(());
        }
        let Some(stream) = self.places.get(&packet.pid).and_then(|at| self.streams.get_mut(*at)) else {
            return Ok(());
        };
        stream.packets += 1;
        if packet.scrambled {
            stream.scrambled += 1;
            return Ok(());
        }
        if let Some(length) = self.part {
            stream.over |= packet.starts && packet.at >= length;
            stream.begun |= packet.starts;
            if stream.over || !stream.begun {
                return Ok(());
            }
        }
        stream.elementary.push(packet)
    }

    /// Takes a map of a program: of the one that is followed, or of a better one.
    fn follow(&mut self, pid: u16, map: psi::ProgramMap) {
        let psi::ProgramMap { conditional, mut streams } = map;
        streams.retain(|listed| listed.coding.is_some());
        streams.truncate(MAX_STREAMS);
        let is_picture = |listed: &ListedStream| matches!(listed.coding, Some(TsCoding::Picture(_)));
        let has_picture = streams.iter().any(is_picture);
        let is_better = self.program.is_none() || has_picture && !self.has_picture;
        if self.program != Some(pid) && !is_better {
            return;
        }
        if self.program != Some(pid) {
            self.streams.clear();
            self.listed.clear();
        }
        (self.program, self.has_picture) = (Some(pid), has_picture);
        self.conditional |= conditional;
        // A new map may give the same streams other identifiers: what was begun under the old one ends.
        for (at, old) in self.listed.iter().enumerate() {
            if streams.get(at).is_none_or(|new| new.pid != old.pid)
                && let Some(stream) = self.streams.get_mut(at)
            {
                stream.elementary.end();
            }
        }
        self.streams.resize_with(self.streams.len().max(streams.len()), Stream::default);
        self.places = streams.iter().enumerate().map(|(at, listed)| (listed.pid, at)).collect();
        if streams.len() >= self.listed.len() {
            self.listed = streams;
        }
    }

    fn finish(mut self, known: &Known<'_>) -> Result<TsSegment, TsError> {
        if self.program.is_none() {
            return Err(TsError::NoProgram);
        }
        let is_scrambled = |stream: &Stream| stream.scrambled * SCRAMBLED_OF > stream.packets;
        let encrypted = self.conditional || self.streams.iter().any(is_scrambled);
        let is_open = |(listed, stream): (&ListedStream, &Stream)| {
            matches!(listed.coding, Some(TsCoding::Picture(_))) && stream.begun && !stream.over
        };
        let goes_on = self.listed.iter().zip(&self.streams).any(is_open);
        let mut tracks = Vec::new();
        for (listed, stream) in self.listed.iter().zip(&mut self.streams) {
            stream.elementary.end();
            let Some(coding) = listed.coding else { continue };
            let track = TsTrack::begin(listed.pid, coding, listed.language);
            tracks.push(match coding {
                TsCoding::Picture(codec) => units::pictures(codec, &stream.elementary, known, track)?,
                TsCoding::Aac | TsCoding::Ac3 | TsCoding::Eac3 | TsCoding::MpegAudio => {
                    audio::frames(&stream.elementary, known.near, track)?
                }
                TsCoding::OtherPicture | TsCoding::OtherAudio => track,
            });
        }
        Ok(TsSegment { tracks, encrypted, goes_on })
    }
}

/// The time whose lowest 33 bits are `stamp` and that is next to `near`.
pub fn unwrapped(stamp: i64, near: i64) -> i64 {
    const WRAP: i64 = 1 << 33;
    let off = near.wrapping_sub(stamp).saturating_add(WRAP / 2).div_euclid(WRAP);
    stamp.saturating_add(off.saturating_mul(WRAP))
}
