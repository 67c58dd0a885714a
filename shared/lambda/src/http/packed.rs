//! Bodies that are too large for a reply as they are.

mod rows;

use super::MAX_REPLY_BYTES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Returns `true` if a text fits into a reply: there it is a JSON string.
pub fn fits(text: &str) -> bool {
    let sizes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..0x20 => 6,
        _ => 1,
    });
    text.len() <= MAX_REPLY_BYTES && sizes.sum::<usize>() <= MAX_REPLY_BYTES
}

/// The text compressed, in base64; `None` when that does not fit into a reply.
pub fn gzip(text: &str) -> Option<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    encoder.write_all(text.as_bytes()).ok()?;
    in_base64(&encoder.finish().ok()?)
}

/// The same of a text of megabytes whose lines hardly differ, several times as fast.
pub fn gzip_rows(text: &str) -> Option<String> {
    in_base64(&rows::gzip(text.as_bytes()))
}

fn in_base64(packed: &[u8]) -> Option<String> {
    (packed.len().div_ceil(3) * 4 <= MAX_REPLY_BYTES).then(|| BASE64.encode(packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_inside_a_json_string() {
        let fitting = "\"".repeat(MAX_REPLY_BYTES / 2);
        assert!(fits(&fitting));
        assert!(!fits(&(fitting + "x")));
        assert!(!fits(&"\u{1}".repeat(MAX_REPLY_BYTES / 6 + 1)));
        let text = "a\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}é\u{2028}";
        let counted = serde_json::to_string(text).unwrap().len() - 2;
        let filler = "x".repeat(MAX_REPLY_BYTES - counted);
        assert!(fits(&format!("{text}{filler}")));
        assert!(!fits(&format!("{text}{filler}x")));
    }

    #[test]
    fn compresses_what_fits_then() {
        assert!(gzip(&"x".repeat(MAX_REPLY_BYTES * 2)).is_some());
        let mut state = 1_u64;
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:016x}", state ^ (state >> 33))
        })
        .take(600_000)
        .collect();
        assert!(
            gzip(&noise).is_none(),
            "9.6 MB of random hex digits are 4.8 MB compressed, 6.4 MB in base64"
        );
    }
}
