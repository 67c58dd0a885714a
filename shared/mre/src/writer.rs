//! JSON text in the form of Python's `json.dump(ensure_ascii=False)`: `", "` and `": "` between the parts, nothing
//! escaped but what JSON demands.

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

    /// The finished text.
    pub fn into_text(self) -> String {
        self.text
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
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
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
    fn escapes_only_what_json_demands() {
        let mut writer = Writer::default();
        writer.string("a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{2028}é😀/");
        assert_eq!(writer.into_text(), "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\u{7f}\u{2028}é😀/\"");
    }
}
