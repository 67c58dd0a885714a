//! Damage to bytes that knows nothing of what they mean.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One change.
#[derive(Debug, Clone)]
pub enum Damage {
    /// Puts a byte there.
    Set(Index, u8),
    /// Turns one of its eight bits.
    Flip(Index, u8),
    /// Drops what follows.
    Truncate(Index),
    /// Inserts bytes from elsewhere.
    Splice(Index, Index, u8),
    /// Drops so many bytes.
    Remove(Index, u8),
    /// A big-endian number of so many bytes.
    Number(Index, usize, u64),
}

/// Up to `most` changes; often none, so that other damage gets further.
pub fn damage(most: usize) -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let change = prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, value)| Damage::Set(at, value)),
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => at().prop_map(Damage::Truncate),
        1 => (at(), at(), any::<u8>()).prop_map(|(at, from, count)| Damage::Splice(at, from, count)),
        1 => (at(), 0..9_u8).prop_map(|(at, count)| Damage::Remove(at, count)),
        3 => (at(), 1..=8_usize, number()).prop_map(|(at, width, value)| Damage::Number(at, width, value)),
    ];
    prop_oneof![1 => Just(Vec::new()), 2 => vec(change, 1..=most)]
}

/// Numbers that field widths, signs, caps and sums trip over.
pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..20_u64,
        4 => (0..64_u32, -2..3_i64).prop_map(|(power, near)| (1_u64 << power).wrapping_add_signed(near)),
        1 => any::<u32>().prop_map(u64::from),
        1 => any::<u64>(),
        1 => Just(u64::MAX),
    ]
}

/// The same as a signed number.
pub fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -100_000..100_000_i64,
        1 => number().prop_map(|value| i64::from_be_bytes(value.to_be_bytes())),
    ]
}

/// Applies changes in turn; spliced bytes come from `donor`.
pub fn apply(changes: &[Damage], bytes: &mut Vec<u8>, donor: &[u8]) {
    for change in changes {
        if bytes.is_empty() {
            return;
        }
        let place = |at: &Index| at.index(bytes.len());
        match change {
            Damage::Set(at, value) => {
                let at = place(at);
                bytes[at] = *value;
            }
            Damage::Flip(at, bit) => {
                let at = place(at);
                bytes[at] ^= 1 << bit;
            }
            Damage::Truncate(at) => bytes.truncate(place(at)),
            Damage::Splice(at, from, count) => {
                let at = place(at);
                let from = &donor[from.index(donor.len().max(1)).min(donor.len())..];
                bytes.splice(at..at, from.iter().take(usize::from(*count)).copied());
            }
            Damage::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + usize::from(*count)).min(bytes.len()));
            }
            Damage::Number(at, width, value) => {
                let at = place(at);
                overwrite(bytes, at, *width, *value);
            }
        }
    }
}

/// Writes the low `width` bytes of `value` at `at`, as far as there is room.
pub fn overwrite(bytes: &mut [u8], at: usize, width: usize, value: u64) {
    let value = &value.to_be_bytes()[8 - width..];
    bytes[at..].iter_mut().zip(value).for_each(|(byte, new)| *byte = *new);
}
