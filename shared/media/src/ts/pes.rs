//! Packetized elementary streams (ISO/IEC 13818-1, 2.4.3.6).

use super::TsError;
use super::packets::Packet;

/// The most bytes of a stream in a segment.
const MAX_BYTES: usize = 512 << 20;
/// The most packets of a stream in a segment.
const MAX_PACKETS: usize = 1 << 18;
/// Bytes of a header up to its own length.
const HEAD: usize = 9;

/// A PES packet: the place of its payload in the stream, and its time stamps of 33 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) at: usize,
    pub(super) pts: Option<i64>,
    pub(super) dts: Option<i64>,
}

/// The bytes of a stream in a segment.
#[derive(Debug, Default)]
pub(super) struct Elementary {
    pub(super) data: Vec<u8>,
    pub(super) stamps: Vec<Stamped>,
    /// Places in `data` before which something is lost.
    pub(super) lost: Vec<usize>,
    /// The beginning of a packet whose header is not complete yet.
    head: Option<Vec<u8>>,
}

impl Elementary {
    /// A stream that is not in packets.
    pub(super) fn of(data: Vec<u8>, stamp: Stamped) -> Self {
        Self { data, stamps: vec![stamp], ..Self::default() }
    }

    /// Takes a transport packet.
    ///
    /// # Errors
    /// [`TsError::TooMany`].
    pub(super) fn push(&mut self, packet: &Packet<'_>) -> Result<(), TsError> {
        if packet.damaged {
            self.lost.push(self.data.len());
        }
        if packet.starts {
            self.end();
            self.head = Some(Vec::new());
        }
        if self.stamps.len() >= MAX_PACKETS || self.lost.len() > MAX_PACKETS {
            return Err(TsError::TooMany("packets"));
        }
        if self.data.len().saturating_add(packet.payload.len()) > MAX_BYTES {
            return Err(TsError::TooMany("bytes"));
        }
        let Some(head) = &mut self.head else {
            self.data.extend_from_slice(packet.payload);
            return Ok(());
        };
        head.extend_from_slice(packet.payload);
        match header(head) {
            PesHeader::Incomplete => {}
            PesHeader::Wrong => {
                self.lost.push(self.data.len());
                self.head = None;
            }
            PesHeader::Read { length, pts, dts } => {
                self.stamps.push(Stamped { at: self.data.len(), pts, dts });
                self.data.extend_from_slice(head.get(length..).unwrap_or_default());
                self.head = None;
            }
        }
        Ok(())
    }

    /// Ends the packet that is begun; one without a whole header is lost.
    pub(super) fn end(&mut self) {
        if self.head.take().is_some() {
            self.lost.push(self.data.len());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum PesHeader {
    Incomplete,
    /// It is no header of audio or video.
    Wrong,
    Read {
        length: usize,
        pts: Option<i64>,
        dts: Option<i64>,
    },
}

fn header(bytes: &[u8]) -> PesHeader {
    let [0, 0, 1, _, _, _, marker, flags, own, ..] = bytes else {
        let begins = [0, 0, 1];
        let is_begun = bytes.iter().zip(begins).all(|(byte, wanted)| *byte == wanted);
        return if is_begun && bytes.len() < HEAD { PesHeader::Incomplete } else { PesHeader::Wrong };
    };
    if marker & 0xc0 != 0x80 {
        return PesHeader::Wrong;
    }
    let length = HEAD + usize::from(*own);
    let Some(fields) = bytes.get(HEAD..length) else { return PesHeader::Incomplete };
    let pts = (flags & 0x80 != 0).then(|| fields.first_chunk().copied().map(stamp)).flatten();
    let dts = (flags & 0xc0 == 0xc0).then(|| fields.get(5..)?.first_chunk().copied().map(stamp)).flatten();
    PesHeader::Read { length, pts, dts }
}

/// 33 bits in three parts, each behind a marker.
fn stamp(field: [u8; 5]) -> i64 {
    let [high, middle @ .., low] = field.map(i64::from);
    let [first, second, third] = middle;
    (high >> 1 & 7) << 30 | first << 22 | (second >> 1) << 15 | third << 7 | low >> 1
}
