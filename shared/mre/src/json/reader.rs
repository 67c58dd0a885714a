//! Reading JSON text.

use std::collections::{HashMap, HashSet};

use super::{Json, JsonError};
use crate::number;

/// Nesting beyond which a text is refused: common readers stop at 128, and `DynamoDB` at 32.
const MAX_DEPTH: usize = 100;

/// Reads JSON from a text, value by value.
#[derive(Debug)]
pub(crate) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Offset of the next byte that is not white space.
    pub(crate) fn position(&mut self) -> usize {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.at
    }

    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        if self.position() == self.text.len() { Ok(()) } else { Err(self.error()) }
    }

    /// Reads an object; `member` reads each value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, String) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.list(b'{', b'}', |reader| {
            reader.position();
            let name = reader.string()?;
            reader.position();
            reader.expect(":")?;
            member(reader, name)
        })
    }

    /// Reads an array; `item` reads each value.
    pub(crate) fn array(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.list(b'[', b']', item)
    }

    pub(crate) fn value(&mut self) -> Result<Json, JsonError> {
        self.position();
        match self.peek() {
            Some(b'{') => self.read_object(),
            Some(b'[') => {
                let mut items = Vec::new();
                self.array(|reader| {
                    items.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Json::Array(items))
            }
            Some(b'"') => self.string().map(Json::String),
            Some(b't') => self.literal("true", Json::Bool(true)),
            Some(b'f') => self.literal("false", Json::Bool(false)),
            Some(b'n') => self.literal("null", Json::Null),
            Some(b'N') => self.literal("NaN", Json::Null),
            Some(b'I') => self.literal("Infinity", Json::Null),
            Some(b'-') if self.rest().starts_with("-Infinity") => self.literal("-Infinity", Json::Null),
            _ => self.number(),
        }
    }

    fn read_object(&mut self) -> Result<Json, JsonError> {
        let mut members: Vec<(String, Json)> = Vec::new();
        self.object(|reader, name| {
            let value = reader.value()?;
            members.push((name, value));
            Ok(())
        })?;
        unique(&mut members);
        Ok(Json::Object(members))
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.position();
        self.take(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error());
        }
        self.position();
        if self.peek() != Some(close) {
            element(self)?;
            self.position();
            while self.peek() == Some(b',') {
                self.at += 1;
                element(self)?;
                self.position();
            }
        }
        self.take(close)?;
        self.depth -= 1;
        Ok(())
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.skip(|byte| byte == b'-', 1);
        let whole = self.at;
        if self.skip(|byte| byte.is_ascii_digit(), usize::MAX) == 0 {
            return Err(self.error());
        }
        if self.text.as_bytes()[whole] == b'0' && self.at > whole + 1 {
            return Err(self.error());
        }
        if self.skip(|byte| byte == b'.', 1) == 1 && self.skip(|byte| byte.is_ascii_digit(), usize::MAX) == 0
        {
            return Err(self.error());
        }
        if self.skip(|byte| matches!(byte, b'e' | b'E'), 1) == 1 {
            self.skip(|byte| matches!(byte, b'+' | b'-'), 1);
            if self.skip(|byte| byte.is_ascii_digit(), usize::MAX) == 0 {
                return Err(self.error());
            }
        }
        let token = number::reread(&self.text[start..self.at]);
        Ok(token.map_or(Json::Null, |token| Json::Number(token.into_owned())))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let run =
                rest.bytes().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(|| self.error())?;
            text.push_str(&rest[..run]);
            self.at += run + 1;
            if rest.as_bytes()[run] == b'"' {
                return Ok(text);
            }
            text.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        let byte = self.peek().ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(self.error()),
        })
    }

    /// Half a surrogate pair has no UTF-8 form: it becomes U+FFFD where Python would fail on writing it.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|text| u32::from_str_radix(text, 16).ok()).ok_or_else(|| self.error())?;
        self.at += 4;
        Ok(code)
    }

    fn literal(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        self.expect(word)?;
        Ok(value)
    }

    fn expect(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.error());
        }
        self.at += word.len();
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.error());
        }
        self.at += 1;
        Ok(())
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool, most: usize) -> usize {
        let run = self.rest().bytes().take(most).take_while(|byte| wanted(*byte)).count();
        self.at += run;
        run
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(crate) fn error(&self) -> JsonError {
        JsonError { at: self.at }
    }
}

/// A repeated name keeps its first place and takes its last value, as in a Python dict.
fn unique(members: &mut Vec<(String, Json)>) {
    if !has_repeats(members) {
        return;
    }
    let mut places = HashMap::new();
    let mut kept: Vec<(String, Json)> = Vec::with_capacity(members.len());
    for (name, value) in members.drain(..) {
        let place = *places.entry(name.clone()).or_insert(kept.len());
        match kept.get_mut(place) {
            Some((_, old)) => *old = value,
            None => kept.push((name, value)),
        }
    }
    *members = kept;
}

/// Small objects are compared in pairs: no hashing for the many that have a dozen names.
fn has_repeats(members: &[(String, Json)]) -> bool {
    if members.len() <= 16 {
        return members
            .iter()
            .enumerate()
            .any(|(at, (name, _))| members[..at].iter().any(|(old, _)| old == name));
    }
    let mut seen = HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| seen.insert(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        Json::parse(text).unwrap().to_text()
    }

    #[test]
    fn keeps_order_digits_and_text() {
        let text = r#"{"b": [1, 2.5, -0.0, 12345678901234567890, 1e-05], "a": {"é😀\u2028": null}, "c": [true, false, {}, []]}"#;
        assert_eq!(round_trip(text), text.replace("\\u2028", "\u{2028}"));
    }

    #[test]
    fn a_repeated_name_keeps_its_place_and_takes_the_last_value() {
        assert_eq!(round_trip(r#"{"a":1,"b":2,"a":3}"#), r#"{"a": 3, "b": 2}"#);
        let many: Vec<String> = (0..40).map(|at| format!("\"k{}\":{at}", at % 20)).collect();
        let read = Json::parse(&format!("{{{}}}", many.join(","))).unwrap();
        assert_eq!(read.members().len(), 20);
        assert_eq!(read.get("k0").and_then(Json::as_number), Some("20"));
    }

    #[test]
    fn takes_what_python_writes_and_mends_half_surrogates() {
        assert_eq!(round_trip("[NaN, Infinity, -Infinity, 1e999, -1]"), "[null, null, null, null, -1]");
        assert_eq!(
            round_trip(r#"["\ud83d\ude00", "\ud83d", "\ud83dx", "\ude00"]"#),
            "[\"😀\", \"\u{fffd}\", \"\u{fffd}x\", \"\u{fffd}\"]"
        );
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "01",
            "1.",
            "1e",
            "-",
            "tru",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1] 2",
            "{a:1}",
            ",",
            "[,]",
        ] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
        assert!(Json::parse(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    }
}
