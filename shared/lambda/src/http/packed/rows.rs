//! Compresses rows that hardly differ from one another, such as thousands of signed links: RFC 1951 and RFC 1952, several times
//! as fast as a search for the best matches is.
//!
//! What differs from row to row has the same place in each, so that the distance of the last match is that of the next one, as a
//! rule. The codes are the fixed ones.

use flate2::Crc;

/// Farthest match (RFC 1951, 2).
const FARTHEST: usize = 32_768;
/// Longest match.
const LONGEST: usize = 258;
/// Shortest match that is worth its bits.
const SHORTEST: usize = 6;
/// Bits of the index of places that four bytes were seen at.
const INDEX_BITS: u32 = 13;
/// Header: deflate, no flags, no time, the fastest way, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// The code that ends a block.
const END: usize = 256;

/// The text as a gzip file.
pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut bits = CodeWriter { out: Vec::with_capacity(text.len() / 8 + 64), held: 0, count: 0 };
    bits.out.extend_from_slice(&HEADER);
    // The last block, and its codes are fixed.
    bits.put(0b011, 3);
    let mut search = MatchSearch { text, seen: vec![0; 1 << INDEX_BITS], distance: 1 };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let length = search.at(at);
        if length < SHORTEST {
            bits.literal(usize::from(*byte));
            at += 1;
            continue;
        }
        bits.matched(length, search.distance);
        at += length;
    }
    bits.literal(END);
    let mut out = bits.finish();
    let mut crc = Crc::new();
    crc.update(text);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    out
}

/// Finds what repeats.
struct MatchSearch<'a> {
    text: &'a [u8],
    /// Places of four bytes, plus one: the last for each of their hashes.
    seen: Vec<usize>,
    /// The distance of the last match.
    distance: usize,
}

impl MatchSearch<'_> {
    /// The length of a match at a place, of which the distance is noted then; 0 if there is none.
    fn at(&mut self, at: usize) -> usize {
        let before = self.before(at);
        let same = at.checked_sub(self.distance).map_or(0, |from| self.common(from, at));
        if same >= SHORTEST {
            return same;
        }
        let Some(from) = before.filter(|from| at - from <= FARTHEST) else { return 0 };
        let length = self.common(from, at);
        if length >= SHORTEST {
            self.distance = at - from;
        }
        length
    }

    /// The last place of the four bytes at a place.
    fn before(&mut self, at: usize) -> Option<usize> {
        let four = self.text.get(at..)?.first_chunk::<4>()?;
        let hash = u32::from_le_bytes(*four).wrapping_mul(0x9e37_79b1) >> (32 - INDEX_BITS);
        let seen = self.seen.get_mut(usize::try_from(hash).ok()?)?;
        std::mem::replace(seen, at + 1).checked_sub(1)
    }

    /// The number of equal bytes from two places on.
    fn common(&self, from: usize, at: usize) -> usize {
        let (Some(one), Some(other)) = (self.text.get(from..), self.text.get(at..)) else { return 0 };
        let (ones, others) = (one.chunks_exact(16), other.chunks_exact(16));
        let same = 16 * ones.zip(others).take_while(|(one, other)| one == other).count();
        let rest = one.iter().zip(other).skip(same).take_while(|(one, other)| one == other).count();
        same + rest
    }
}

/// Writes bits, the lowest of a number first.
struct CodeWriter {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl CodeWriter {
    fn put(&mut self, value: u32, count: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= 32 {
            let [a, b, c, d, ..] = self.held.to_le_bytes();
            self.out.extend_from_slice(&[a, b, c, d]);
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// A Huffman code, which has its highest bit first (3.1.1).
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    /// A literal, or the code of an end or of a length (3.2.6).
    fn literal(&mut self, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        match value {
            0..144 => self.code(0x30 + value, 8),
            144..256 => self.code(0x190 + value - 144, 9),
            256..280 => self.code(value - 256, 7),
            _ => self.code(0xc0 + (value - 280).min(7), 8),
        }
    }

    /// Matches of so many bytes at a distance.
    fn matched(&mut self, length: usize, distance: usize) {
        let mut left = length;
        while left > 0 {
            // What is left over must be long enough for a match.
            let piece = if left > LONGEST && left < LONGEST + 3 { LONGEST - 3 } else { left.min(LONGEST) };
            left -= piece;
            let (code, extra, bits) = length_code(piece);
            self.literal(code);
            self.put(extra, bits);
            let (code, extra, bits) = distance_code(distance);
            self.code(code, 5);
            self.put(extra, bits);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        while self.count > 0 {
            let [low, ..] = self.held.to_le_bytes();
            self.out.push(low);
            self.held >>= 8;
            self.count = self.count.saturating_sub(8);
        }
        self.out
    }
}

/// The code of a length from 3 to 258, and its extra bits (3.2.5).
fn length_code(length: usize) -> (usize, u32, u32) {
    if length == LONGEST {
        return (285, 0, 0);
    }
    let value = u32::try_from(length.saturating_sub(3)).unwrap_or(0);
    let (code, extra, bits) = grouped(value, 2);
    (usize::try_from(code).unwrap_or(0) + 257, extra, bits)
}

/// The code of a distance from 1 to 32,768, and its extra bits.
fn distance_code(distance: usize) -> (u32, u32, u32) {
    grouped(u32::try_from(distance.saturating_sub(1)).unwrap_or(0), 1)
}

/// Codes in groups of two to the power of `fine`, each group with one bit more than the one before from the third on.
fn grouped(value: u32, fine: u32) -> (u32, u32, u32) {
    let bits = (u32::BITS - value.leading_zeros()).saturating_sub(fine + 1);
    ((bits << fine) + (value >> bits), value & ((1 << bits) - 1), bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut out).unwrap();
        out
    }

    /// Rows that differ in a number, and in a part without any order.
    fn rows(count: u32) -> String {
        let noise = |n: u32| n.wrapping_mul(2_654_435_761).rotate_left(n % 32);
        let row = |n| {
            format!(
                "https://host/folder/segment-{n}.m4s?{}&sign={:08x}{:08x}\n",
                "same".repeat(99),
                noise(n),
                noise(!n)
            )
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn what_is_packed_comes_back_whatever_repeats_in_it() {
        let long = rows(2000);
        let mut texts: Vec<Vec<u8>> = vec![Vec::new(), b"a".to_vec(), long.clone().into_bytes()];
        // Every length of a match, and of what is left over of one, and every distance.
        texts.extend((0..600).map(|n| "x".repeat(n).into_bytes()));
        texts.extend((1..40_000).step_by(997).map(|n| {
            let noise: Vec<u8> =
                (0..n).map(|at: u32| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            [&noise[..], &noise[..]].concat()
        }));
        texts.push((0..=255).collect());
        for text in texts {
            assert_eq!(unpacked(&gzip(&text)), text, "{} bytes", text.len());
        }
    }

    #[test]
    fn rows_shrink_to_hardly_more_than_what_differs_in_them() {
        let text = rows(2000);
        // Sixteen characters of a row have no order, and its number changes.
        assert!(gzip(text.as_bytes()).len() < 2000 * 36, "{}", gzip(text.as_bytes()).len());
    }
}
