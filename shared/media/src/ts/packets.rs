//! Transport packets (ISO/IEC 13818-1, 2.4.3.2).

use super::TsError;
use std::collections::HashMap;

/// The first byte of every packet.
const SYNC: u8 = 0x47;
/// Bytes of a packet.
const PACKET: usize = 188;
/// Bytes from packet to packet: alone, or each behind 4 bytes of arrival time, as recorders of discs write them.
const STEPS: [usize; 2] = [PACKET, 192];
/// The farthest that the first packet may be from the start.
const FARTHEST: usize = 1024 + 192;
/// Packets without content.
const NULL_PID: u16 = 0x1fff;

/// A packet with a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Its place in the segment.
    pub(super) at: usize,
    pub(super) pid: u16,
    /// A PES packet or a section starts in it.
    pub(super) starts: bool,
    pub(super) payload: &'a [u8],
    /// A packet before it is lost, or it is marked as damaged.
    pub(super) damaged: bool,
    pub(super) scrambled: bool,
}

/// The packets of a segment with a payload, each once.
pub(super) struct Packets<'a> {
    data: &'a [u8],
    at: usize,
    step: usize,
    /// By packet identifier, the counter and the payload of the last packet.
    last: HashMap<u16, (u8, &'a [u8])>,
}

impl<'a> Packets<'a> {
    /// # Errors
    /// [`TsError::NotTs`] if no packet is found near the start.
    pub(super) fn of(data: &'a [u8]) -> Result<Self, TsError> {
        let steps = STEPS.iter().filter_map(|step| {
            let at = (0..FARTHEST.min(data.len())).find(|at| in_step(data, *at, *step))?;
            Some((at, *step))
        });
        let (at, step) = steps.min().ok_or(TsError::NotTs)?;
        Ok(Self { data, at, step, last: HashMap::new() })
    }

    /// The place of the first packet, and the bytes from one to the next.
    pub(super) fn steps(&self) -> (usize, usize) {
        (self.at, self.step)
    }

    /// The next packet, once the reader is in step.
    fn next_bytes(&mut self) -> Option<(usize, &'a [u8])> {
        if self.data.get(self.at) != Some(&SYNC) {
            let from = self.at;
            self.at = (from..self.data.len()).find(|at| in_step(self.data, *at, self.step))?;
        }
        let at = self.at;
        let packet = self.data.get(at..at.checked_add(PACKET)?)?;
        self.at += self.step;
        Some((at, packet))
    }

    /// A packet's content, unless it has none or repeats the one before.
    fn read(&mut self, at: usize, bytes: &'a [u8]) -> Option<Packet<'a>> {
        let [_, first, second, third, body @ ..] = bytes else { return None };
        let pid = u16::from(first & 0x1f) << 8 | u16::from(*second);
        let (has_field, has_payload) = (third & 0x20 != 0, third & 0x10 != 0);
        if pid == NULL_PID || !has_payload {
            return None;
        }
        let length = if has_field { usize::from(*body.first()?) + 1 } else { 0 };
        let jumps = has_field && length > 1 && body.get(1)? & 0x80 != 0;
        let payload = body.get(length..)?;
        let counter = third & 0x0f;
        let last = self.last.insert(pid, (counter, payload));
        if !jumps && last == Some((counter, payload)) {
            return None;
        }
        let follows = jumps || last.is_none_or(|(last, _)| (last + 1) & 0x0f == counter);
        Some(Packet {
            at,
            pid,
            starts: first & 0x40 != 0,
            payload,
            damaged: !follows || first & 0x80 != 0,
            scrambled: third & 0xc0 != 0,
        })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, bytes) = self.next_bytes()?;
            if let Some(packet) = self.read(at, bytes) {
                return Some(packet);
            }
        }
    }
}

/// Returns `true` if packets start at `at`: three in a row, or as many as there is room for.
fn in_step(data: &[u8], at: usize, step: usize) -> bool {
    let starts = |n: usize| data.get(at + n * step).is_none_or(|byte| *byte == SYNC);
    data.get(at) == Some(&SYNC) && at + PACKET <= data.len() && (1..3).all(starts)
}
