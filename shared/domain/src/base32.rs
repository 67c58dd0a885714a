//! RFC 4648 base32 in lower case, without padding.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Encodes `bytes`; the text has `ceil(8 n / 5)` characters of `a-z2-7`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xFFFF;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(symbol(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(symbol(buffer << (5 - bits)));
    }
    text
}

fn symbol(value: u32) -> char {
    let [low, ..] = (value & 31).to_le_bytes();
    char::from(ALPHABET[usize::from(low)])
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn encodes_the_vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
        ] {
            assert_eq!(encode(plain.as_bytes()), text);
        }
    }
}
