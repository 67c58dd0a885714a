//! JSON text in the form of Python's `json.dump(ensure_ascii=False)`: `", "` and `": "` between the parts, nothing
//! escaped but what JSON demands.

use std::fmt::Write as _;
use std::ops::Range;

/// Builds one JSON text from the front to the back.
///
/// A separator is due exactly when the text does not end with an opening bracket: no finished value ends with one.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// An empty text with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// Makes room for `bytes` more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// The finished text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Length so far, in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns `true` if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes `{…}`; `members` writes the members.
    pub fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.open_object();
        members(self);
        self.close_object();
    }

    /// Writes `[…]`; `items` writes the items, each after [`Writer::item`].
    pub fn array(&mut self, items: impl FnOnce(&mut Self)) {
        self.open_array();
        items(self);
        self.close_array();
    }

    /// Opens an object whose members follow from outside.
    pub fn open_object(&mut self) {
        self.text.push('{');
    }

    /// Closes an object.
    pub fn close_object(&mut self) {
        self.text.push('}');
    }

    /// Opens an array whose items follow from outside.
    pub fn open_array(&mut self) {
        self.text.push('[');
    }

    /// Closes an array.
    pub fn close_array(&mut self) {
        self.text.push(']');
    }

    /// Starts a member: separator, name, colon.
    pub fn key(&mut self, name: &str) {
        if !self.text.ends_with('{') {
            self.text.push_str(", ");
        }
        self.string(name);
        self.text.push_str(": ");
    }

    /// Starts an array item: separator.
    pub fn item(&mut self) {
        if !self.text.ends_with('[') {
            self.text.push_str(", ");
        }
    }

    /// Adds the items that `items` holds, each after [`Writer::item`], to an open array.
    pub fn append(&mut self, items: &Self) {
        let first = if self.text.ends_with('[') { items.text.strip_prefix(", ") } else { None };
        self.text.push_str(first.unwrap_or(&items.text));
    }

    /// Writes finished JSON as it is.
    pub fn raw(&mut self, token: &str) {
        self.text.push_str(token);
    }

    /// Writes a part of the text so far once more.
    pub fn repeat(&mut self, part: Range<usize>) {
        self.text.extend_from_within(part);
    }

    /// Writes finished JSON as it is.
    pub fn display(&mut self, token: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(token);
    }

    /// Writes a member whose value is a string.
    pub fn member(&mut self, name: &str, value: &str) {
        self.key(name);
        self.string(value);
    }

    /// Writes `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// Writes a string.
    pub fn string(&mut self, value: &str) {
        self.text.push('"');
        let mut rest = value;
        while let Some(at) = first_escaped(rest.as_bytes()) {
            self.text.push_str(&rest[..at]);
            self.escape(rest.as_bytes()[at]);
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.text.push_str("\\\""),
            b'\\' => self.text.push_str("\\\\"),
            b'\n' => self.text.push_str("\\n"),
            b'\r' => self.text.push_str("\\r"),
            b'\t' => self.text.push_str("\\t"),
            0x08 => self.text.push_str("\\b"),
            0x0c => self.text.push_str("\\f"),
            other => {
                let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
                self.text.push_str("\\u00");
                self.text.push(digit(other >> 4));
                self.text.push(digit(other & 0xf));
            }
        }
    }
}

/// The place of the first byte that is escaped. It looks at eight bytes together, since most texts have none.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks();
    let clean = words.iter().take_while(|word| !has_escaped(u64::from_le_bytes(**word))).count() * 8;
    let tail = if clean < words.len() * 8 { &text[clean..clean + 8] } else { rest };
    tail.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).map(|at| clean + at)
}

/// Returns `true` if one of eight bytes is escaped: the highest bit of a byte is set where it is less than 0x20, or, once
/// the character is taken out of it, less than 1. Bytes of 0x80 and more are neither.
fn has_escaped(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let less = |word: u64, than: u64| word.wrapping_sub(EACH * than) & !word;
    let controls = less(word, 0x20);
    let [quotes, slashes] = [b'"', b'\\'].map(|sign| less(word ^ (EACH * u64::from(sign)), 1));
    (controls | quotes | slashes) & (EACH << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_members_and_items_as_python_does() {
        let mut writer = Writer::default();
        writer.object(|w| {
            w.member("a{", "x[");
            w.key("b");
            w.array(|w| {
                for token in ["1", "{}", "[]", "2"] {
                    w.item();
                    w.raw(token);
                }
            });
            w.key("c");
            w.object(|_| {});
            w.key("d");
            w.bool(true);
        });
        assert_eq!(writer.into_text(), r#"{"a{": "x[", "b": [1, {}, [], 2], "c": {}, "d": true}"#);
    }

    #[test]
    fn a_byte_that_is_escaped_is_found_at_every_place() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        for before in 0..20 {
            for byte in &all {
                for after in [0, 1, 7, 8, 9] {
                    let text = [vec![0xff; before], vec![*byte], vec![b'!'; after]].concat();
                    assert_eq!(first_escaped(&text), escaped(*byte).then_some(before), "{text:?}");
                }
            }
        }
        assert_eq!(first_escaped(&all[0x20..]), Some(2));
    }

    #[test]
    fn escapes_only_what_json_demands() {
        let mut writer = Writer::default();
        writer.string("a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{2028}é😀/");
        assert_eq!(writer.into_text(), "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\u{7f}\u{2028}é😀/\"");
    }
}
