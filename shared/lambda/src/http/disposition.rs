//! `Content-Disposition` (RFC 6266): how a client calls the file that it gets.

use std::fmt::Write as _;

/// The header's value for a file of that name; `kind` is `attachment` or `inline`. Characters that a name of a file must
/// not have are replaced.
pub fn disposition(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|sign| if is_unsafe(sign) { '_' } else { sign }).collect();
    let ascii: String = name.chars().map(|sign| if sign.is_ascii() { sign } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// The characters that no name of a file holds on one system or another, and those that turn the direction of writing.
fn is_unsafe(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || matches!(sign, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
