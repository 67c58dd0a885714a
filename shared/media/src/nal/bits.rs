//! Reading and writing bits, with emulation prevention (14496-10, 7.4.1) passed over and put in.

use super::NalError;

#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    emulation: bool,
    zeros: u8,
    current: u8,
    left: u8,
    position: usize,
}

impl<'a> Bits<'a> {
    /// Over the bytes of a NAL unit.
    pub(crate) fn nal(unit: &'a [u8]) -> Self {
        Self { bytes: unit.iter(), emulation: true, zeros: 0, current: 0, left: 0, position: 0 }
    }

    /// Over bytes as they are.
    pub(crate) fn raw(data: &'a [u8]) -> Self {
        Self { emulation: false, ..Self::nal(data) }
    }

    pub(crate) fn flag(&mut self) -> Result<bool, NalError> {
        if self.left == 0 {
            self.current = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        self.position = self.position.saturating_add(1);
        Ok(self.current >> self.left & 1 == 1)
    }

    /// The number of bits that have been read, without emulation prevention.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Up to 32 bits, most significant first.
    pub(crate) fn bits(&mut self, count: u32) -> Result<u32, NalError> {
        (0..count.min(32)).try_fold(0_u32, |value, _| Ok(value << 1 | u32::from(self.flag()?)))
    }

    /// Up to 8 bits.
    pub(crate) fn small(&mut self, count: u32) -> Result<u8, NalError> {
        u8::try_from(self.bits(count.min(8))?).map_err(|_| NalError::Truncated)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Result<(), NalError> {
        (0..count).try_for_each(|_| self.flag().map(|_| ()))
    }

    /// `ue(v)`, which must not be above `max`.
    pub(crate) fn ue(&mut self, max: u32, name: &'static str) -> Result<u32, NalError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(NalError::Illegal(name));
            }
        }
        let value = (1_u32 << zeros) - 1 + self.bits(zeros)?;
        if value > max { Err(NalError::Illegal(name)) } else { Ok(value) }
    }

    /// `se(v)`.
    pub(crate) fn se(&mut self, name: &'static str) -> Result<i64, NalError> {
        let code = i64::from(self.ue(u32::MAX - 1, name)?);
        Ok(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }

    /// Bits that are still to be read of raw data.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.as_slice().len().saturating_mul(8).saturating_add(usize::from(self.left))
    }

    fn byte(&mut self) -> Result<u8, NalError> {
        let mut byte = *self.bytes.next().ok_or(NalError::Truncated)?;
        if self.emulation && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next().ok_or(NalError::Truncated)?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Ok(byte)
    }
}

/// Writes a NAL unit bit by bit.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u8,
}

impl BitWriter {
    pub(crate) fn flag(&mut self, set: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(set) << self.free;
        }
    }

    /// The lowest `count` bits, most significant first.
    pub(crate) fn bits(&mut self, count: u32, value: u32) {
        (0..count.min(32)).rev().for_each(|bit| self.flag(value >> bit & 1 == 1));
    }

    /// `ue(v)` below 2^32 - 1.
    pub(crate) fn ue(&mut self, value: u32) {
        let code = value.saturating_add(1);
        let zeros = code.ilog2();
        (0..zeros).for_each(|_| self.flag(false));
        self.bits(zeros + 1, code);
    }

    /// Fills the last byte up with a one and zeros, if it has room.
    pub(crate) fn align(&mut self) {
        if self.free > 0 {
            self.flag(true);
            self.free = 0;
        }
    }

    /// The next `count` bits as they are.
    pub(crate) fn copy(&mut self, from: &mut Bits<'_>, count: usize) -> Result<(), NalError> {
        (0..count).try_for_each(|_| from.flag().map(|bit| self.flag(bit)))
    }

    /// The bits of `bytes` in a range; those beyond its end are left out.
    pub(crate) fn copy_range(&mut self, bytes: &[u8], range: std::ops::Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let Some(rest) = bytes.get(at / 8..).filter(|rest| !rest.is_empty()) else { return };
            let whole = ((range.end - at) / 8).min(rest.len());
            if at.is_multiple_of(8) && self.free == 0 && whole > 0 {
                self.bytes.extend(rest.iter().take(whole));
                at += whole * 8;
            } else {
                self.flag(rest.first().is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1));
                at += 1;
            }
        }
    }

    /// The written bits, the last byte filled up with zeros.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A NAL unit with emulation prevention, from one without (14496-10, 7.4.1).
pub(crate) fn escaped(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0_u8;
    for byte in unit {
        if zeros == 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    // Only a `cabac_zero_word` may be last.
    if zeros == 2 {
        out.push(3);
    }
    out
}

/// The inverse of [`escaped`].
pub(crate) fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0_u8;
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros.saturating_add(1) } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = BitWriter::default();
        writer.flag(true);
        writer.bits(16, 0xbeef);
        for value in [0, 1, 6, 255, u32::MAX - 2] {
            writer.ue(value);
        }
        let bytes = writer.bytes();
        let mut bits = Bits::raw(&bytes);
        assert_eq!((bits.flag(), bits.bits(16)), (Ok(true), Ok(0xbeef)));
        let values: Vec<u32> = (0..5).map(|_| bits.ue(u32::MAX, "x").unwrap()).collect();
        assert_eq!(values, [0, 1, 6, 255, u32::MAX - 2]);
        assert!(bits.remaining() < 8);
        let mut copy = BitWriter::default();
        copy.copy(&mut Bits::raw(&bytes), bytes.len() * 8).unwrap();
        assert_eq!(copy.bytes(), bytes);
    }

    #[test]
    fn exponential_golomb_codes() {
        // 1 | 010 | 011 | 00100 | 00101
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::raw(&data);
        let values: Vec<u32> = (0..5).map(|_| bits.ue(10, "x").unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut bits = Bits::raw(&data);
        let values: Vec<i64> = (0..5).map(|_| bits.se("x").unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::raw(&data[..1]).ue(0, "x"), Ok(0));
        assert_eq!(Bits::raw(&[0b0010_0000]).ue(2, "x"), Err(NalError::Illegal("x")));
        assert_eq!(Bits::raw(&[0; 8]).ue(u32::MAX, "x"), Err(NalError::Illegal("x")));
        assert_eq!(Bits::raw(&[0, 0, 0, 1, 255, 255, 255, 254]).ue(u32::MAX, "x"), Ok(u32::MAX - 1));
    }

    #[test]
    fn emulation_prevention_is_invisible() {
        let data = [0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3];
        let mut bits = Bits::nal(&data);
        let seen: Vec<u8> = std::iter::from_fn(|| bits.small(8).ok()).collect();
        assert_eq!(seen, [0, 0, 1, 0, 0, 0, 0, 3]);
        let mut bits = Bits::raw(&data);
        bits.skip(88).unwrap();
        assert_eq!(bits.flag(), Err(NalError::Truncated));
    }

    #[test]
    fn a_trailing_zero_word_keeps_its_last_byte() {
        let unit = [0x65, 0x80, 0, 0, 3, 0, 0, 3];
        assert_eq!(unescaped(&unit), [0x65, 0x80, 0, 0, 0, 0]);
        assert_eq!(escaped(&unescaped(&unit)), unit);
    }

    proptest! {
        #[test]
        fn escaping_is_undone(mut raw in prop::collection::vec(prop_oneof![Just(0_u8), 0..5_u8, any::<u8>()], 0..80)) {
            let unit = escaped(&raw);
            prop_assert!(unit.windows(3).all(|bytes| !matches!(bytes, [0, 0, 0..=2])));
            prop_assert_eq!(unescaped(&unit), raw.as_slice());
            // A reader sees the same bits.
            let mut bits = Bits::nal(&unit);
            raw.retain(|byte| bits.small(8) != Ok(*byte));
            prop_assert_eq!(raw, []);
        }

        #[test]
        fn copied_bits_are_the_same_bits(
            bytes in prop::collection::vec(any::<u8>(), 1..40),
            (from, until) in (0..330_usize, 0..330_usize),
            (first, count) in (any::<u32>(), 0..33_usize),
        ) {
            let text = |bytes: &[u8]| {
                let all: Vec<String> = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
                all.concat()
            };
            let mut writer = BitWriter::default();
            writer.bits(u32::try_from(count).unwrap(), first);
            writer.copy_range(&bytes, from..until);
            let all = text(&bytes);
            let copied = all.get(from..until.min(all.len()).max(from)).unwrap_or("");
            let start = &format!("{first:032b}")[32 - count..];
            let written = text(&writer.bytes());
            let expected = format!("{start}{copied}");
            prop_assert!(written.starts_with(&expected), "{written} {expected}");
            prop_assert_eq!(written.len(), expected.len().div_ceil(8) * 8);
            prop_assert!(written[expected.len()..].chars().all(|bit| bit == '0'));
        }
    }
}
