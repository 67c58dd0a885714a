//! Places in texts of several lines.

/// A fault in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextFault {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Why, in words that hold nothing of the text.
    pub why: &'static str,
}

/// The byte order mark, which spreadsheets write in front of a text.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// The lines of a text, however the system that wrote it ends them.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else { return rest.take() };
        let (line, after) = text.split_at(end);
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_any_system_ends_them() {
        let all = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(all("a\r\nb\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(all("\n\r\n\r"), ["", "", "", ""]);
        assert_eq!(all("é\u{85}\u{2028}x"), ["é\u{85}\u{2028}x"]);
        assert_eq!(all(""), [""]);
    }
}
