//! Transport streams that are packed here.

use std::collections::HashMap;

/// Packets of a program with these streams: (packet identifier, stream type, descriptors).
#[derive(Debug, Default)]
pub(super) struct Packer {
    counters: HashMap<u16, u8>,
    pub(super) packets: Vec<[u8; 188]>,
}

pub(super) const MAP: u16 = 0x1000;

impl Packer {
    pub(super) fn of(streams: &[(u16, u8, &[u8])]) -> Self {
        let mut packer = Self::default();
        packer.section(0, &[0, 0, 1, 0xe0 | 0x10, 0], 1);
        packer.map(streams);
        packer
    }

    pub(super) fn map(&mut self, streams: &[(u16, u8, &[u8])]) {
        let mut body = vec![2, 0xe1, 0, 0xf0, 0];
        for (pid, kind, descriptors) in streams {
            let [high, low] = pid.to_be_bytes();
            body.extend([*kind, 0xe0 | high, low, 0xf0, u8::try_from(descriptors.len()).unwrap()]);
            body.extend_from_slice(descriptors);
        }
        self.section(MAP, &body, 1);
    }

    /// A section: its table and its body, behind the five bytes that all have.
    fn section(&mut self, pid: u16, table_and_body: &[u8], current: u8) {
        let (table, body) = table_and_body.split_first().unwrap();
        let length = u8::try_from(body.len() + 9).unwrap();
        let mut section = [&[*table, 0xb0, length, 0, 1, 0xc0 | current, 0, 0][..], body].concat();
        let crc = section.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| (crc << 1) ^ ((crc >> 31) * 0x04c1_1db7))
        });
        section.extend(crc.to_be_bytes());
        section.insert(0, 0);
        section.resize(184, 0xff);
        self.packet(pid, true, &section);
    }

    /// A PES packet with time stamps of 90 kHz.
    pub(super) fn pes(&mut self, pid: u16, stream: u8, pts: Option<i64>, dts: Option<i64>, payload: &[u8]) {
        let mut fields = Vec::new();
        let marks = match (pts, dts) {
            (Some(_), Some(_)) => [3, 1],
            _ => [2, 0],
        };
        for (mark, stamp) in
            marks.into_iter().zip([pts, dts]).filter_map(|(mark, stamp)| Some((mark, stamp?)))
        {
            let bits = |from: u32, mask: i64| u8::try_from(stamp >> from & mask).unwrap();
            fields.extend([mark << 4 | bits(30, 7) << 1 | 1, bits(22, 0xff), bits(15, 0x7f) << 1 | 1]);
            fields.extend([bits(7, 0xff), bits(0, 0x7f) << 1 | 1]);
        }
        let flags = if pts.is_none() {
            0
        } else if dts.is_none() {
            0x80
        } else {
            0xc0
        };
        let head = [0, 0, 1, stream, 0, 0, 0x80, flags, u8::try_from(fields.len()).unwrap()];
        let bytes = [&head[..], &fields, payload].concat();
        for (n, part) in bytes.chunks(184).enumerate() {
            self.packet(pid, n == 0, part);
        }
    }

    pub(super) fn packet(&mut self, pid: u16, starts: bool, payload: &[u8]) {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        let [high, low] = pid.to_be_bytes();
        let stuffed = 184 - payload.len();
        let mut packet = vec![0x47, u8::from(starts) << 6 | high, low, 0x10 | *counter];
        if stuffed > 0 {
            packet[3] |= 0x20;
            packet.push(u8::try_from(stuffed - 1).unwrap());
            if stuffed > 1 {
                packet.push(0);
                packet.resize(4 + stuffed, 0xff);
            }
        }
        packet.extend_from_slice(payload);
        self.packets.push(packet.try_into().unwrap());
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.packets.concat()
    }
}
