//! The JSON dialect of requests: strict first, then one lenient pass.
//!
//! The examples of TVU's description carry `//` comments and trailing commas, so a body that is not strict JSON gets a
//! second chance without them. Nothing else of JSON5 is accepted. Objects keep duplicate keys, so that a known field
//! given twice can be refused.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::fmt;

/// Deepest nesting that a request may have.
pub const MAX_DEPTH: usize = 32;

/// A JSON value that keeps the order and the duplicates of its keys. `Debug` shows its kind alone: a body holds
/// secrets.
#[derive(Clone, PartialEq)]
pub enum RequestJson {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<RequestJson>),
    /// An object's members in the order of the text.
    Object(Vec<(String, RequestJson)>),
}

impl fmt::Debug for RequestJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestJson::Null => "Null",
            RequestJson::Bool(_) => "Bool(***)",
            RequestJson::Number(_) => "Number(***)",
            RequestJson::Text(_) => "Text(***)",
            RequestJson::List(_) => "List(***)",
            RequestJson::Object(_) => "Object(***)",
        })
    }
}

/// Why a text is no acceptable JSON; completes "invalid request: body: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestJsonError {
    /// Not JSON, with the place where the reader stopped (1-based).
    #[error("is not JSON (line {line}, column {column})")]
    Syntax {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
    /// In another encoding, such as UTF-16 or Latin-1.
    #[error("is not UTF-8")]
    Encoding,
    /// Packed by gzip: no encoding of the content is undone.
    #[error("is compressed")]
    Compressed,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("is nested too deeply")]
    TooDeep,
}

/// The byte order mark of UTF-8, which PowerShell and spreadsheets write.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Parses `text` strictly and, if `lenient`, once more without comments and trailing commas. A byte order mark in front
/// is passed over (RFC 8259, section 8.1).
///
/// # Errors
/// [`RequestJsonError`]; of the two passes the first one's, as it names a place in the text that the client sent.
pub fn parse(text: &[u8], lenient: bool) -> Result<RequestJson, RequestJsonError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let value = match serde_json::from_slice::<RequestJson>(text) {
        Ok(value) => value,
        Err(first) => {
            let relaxed =
                if lenient { serde_json::from_slice::<RequestJson>(&relax(text)).ok() } else { None };
            relaxed.ok_or_else(|| fault(text, &first))?
        }
    };
    if value.depth() > MAX_DEPTH { Err(RequestJsonError::TooDeep) } else { Ok(value) }
}

/// The fault of `text`, in which the reader stopped with `error`. Comments may be in any encoding, so the encoding is looked at
/// only now.
fn fault(text: &[u8], error: &serde_json::Error) -> RequestJsonError {
    // The magic number of gzip (RFC 1952, section 2.3.1).
    if text.starts_with(&[0x1F, 0x8B]) {
        return RequestJsonError::Compressed;
    }
    // UTF-16 without a byte order mark is UTF-8 as well, with a NUL beside each ASCII character.
    if std::str::from_utf8(text).is_err() || text.iter().take(2).any(|byte| *byte == 0) {
        return RequestJsonError::Encoding;
    }
    RequestJsonError::Syntax { line: error.line(), column: error.column() }
}

/// Removes `//` comments and trailing commas outside strings.
fn relax(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = string_end(text, at);
                out.extend_from_slice(&text[at..end]);
                at = end;
            }
            b'/' if text.get(at + 1) == Some(&b'/') => {
                at += text[at..].iter().position(|b| *b == b'\n').unwrap_or(text.len() - at);
            }
            b'}' | b']' => {
                let kept = out.iter().rposition(|b| !b.is_ascii_whitespace());
                if let Some(comma) = kept.filter(|i| out[*i] == b',' && has_value_before(&out[..*i])) {
                    out.truncate(comma);
                }
                out.push(byte);
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// A comma is trailing only behind a value: `[,]` stays wrong.
fn has_value_before(text: &[u8]) -> bool {
    text.iter().rfind(|b| !b.is_ascii_whitespace()).is_some_and(|b| !b"[{,:".contains(b))
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns `true` if a text has at most `most` characters, counted as JSON Schema's `maxLength` counts them.
pub(crate) fn has_at_most(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}

impl RequestJson {
    fn depth(&self) -> usize {
        match self {
            RequestJson::List(items) => 1 + items.iter().map(RequestJson::depth).max().unwrap_or(0),
            RequestJson::Object(members) => 1 + members.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            RequestJson::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings in it, at any depth; members' names are not among them.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            RequestJson::Text(text) => vec![text],
            RequestJson::List(items) => items.iter().flat_map(RequestJson::texts).collect(),
            RequestJson::Object(members) => members.iter().flat_map(|(_, value)| value.texts()).collect(),
            _ => Vec::new(),
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&[(String, RequestJson)]> {
        match self {
            RequestJson::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The integer, if it is a number without a fraction that an `i64` holds (`1562253612833.0` counts).
    pub fn as_integer(&self) -> Option<i64> {
        let RequestJson::Number(number) = self else { return None };
        number.as_i64().or_else(|| number.as_f64().and_then(integral))
    }
}

/// Beyond 2^53 a float no longer names one integer.
fn integral(value: f64) -> Option<i64> {
    let exact = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    exact.then(|| format!("{value:.0}").parse().ok()).flatten()
}

impl<'de> Deserialize<'de> for RequestJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = RequestJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<RequestJson, E> {
        Ok(RequestJson::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RequestJson, E> {
        Ok(RequestJson::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RequestJson, E> {
        Ok(RequestJson::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RequestJson, E> {
        Ok(RequestJson::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RequestJson, E> {
        Ok(Number::from_f64(value).map_or(RequestJson::Null, RequestJson::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<RequestJson, E> {
        Ok(RequestJson::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<RequestJson, E> {
        Ok(RequestJson::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RequestJson, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RequestJson::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RequestJson, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(RequestJson::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[ -~\\n\\t\"/,\\]}]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec(("[a-z/,\"]{0,4}", inner), 0..5)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_lenient_pass_leaves_strict_json_as_it_is(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            prop_assert_eq!(relax(&text), text);
        }

        #[test]
        fn never_panics_on_arbitrary_bytes(bytes: Vec<u8>) {
            let _ = parse(&bytes, true);
        }
    }

    #[test]
    fn accepts_comments_and_trailing_commas_only_when_lenient() {
        let text = b"{\"a\": [1, 2,], // note \"x\"\n \"b\": \"http://x,}\",\n}";
        assert!(parse(text, false).is_err());
        let members = vec![
            (
                "a".to_owned(),
                RequestJson::List(vec![RequestJson::Number(1.into()), RequestJson::Number(2.into())]),
            ),
            ("b".to_owned(), RequestJson::Text("http://x,}".to_owned())),
        ];
        assert_eq!(parse(text, true), Ok(RequestJson::Object(members)));
    }

    #[test]
    fn accepts_no_other_json5() {
        for text in
            ["{'a':1}", "{a:1}", "[NaN]", "[0x1F]", "/* c */ {}", "[,]", "{,}", "[1,,]", "[1 2]", "[+1]"]
        {
            assert!(parse(text.as_bytes(), true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_hides_itself() {
        let body = parse(br#"{"SessionId":"secret","list":["secret",7]}"#, false).unwrap();
        assert_eq!(format!("{body:?}"), "Object(***)");
        for (_, member) in body.as_object().unwrap() {
            assert!(!format!("{member:?}").contains("secret"));
        }
        let error = parse(br#"{"SessionId":"secret""#, true).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_other_encodings_are_named() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let text = r#"{"a":"ä"}"#;
        assert_eq!(parse(format!("\u{feff}{text}").as_bytes(), false), parse(text.as_bytes(), false));
        assert!(parse("\u{feff}\u{feff}{}".as_bytes(), true).is_err());
        let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        for (bytes, why) in [
            (utf16(text), "is not UTF-8"),
            (utf16(&format!("\u{feff}{text}")), "is not UTF-8"),
            (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), "is not UTF-8"),
            (latin1, "is not UTF-8"),
            (vec![0x1F, 0x8B, 8, 0], "is compressed"),
        ] {
            assert_eq!(parse(&bytes, true).unwrap_err().to_string(), why, "{bytes:?}");
        }
        assert_eq!(parse(b"{} // \xE4", true), parse(b"{}", false), "a comment may be in any encoding");
    }

    #[test]
    fn refuses_deep_nesting() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n)).into_bytes();
        assert!(parse(&nested(MAX_DEPTH), true).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 1), true), Err(RequestJsonError::TooDeep));
        assert!(parse(&nested(100_000), true).is_err());
    }

    #[test]
    fn integers_may_be_spelt_as_integral_floats() {
        let integer = |text: &str| parse(text.as_bytes(), false).unwrap().as_integer();
        assert_eq!(integer("1562253612833.0"), Some(1_562_253_612_833));
        assert_eq!(integer("1.562253612833e12"), Some(1_562_253_612_833));
        assert_eq!(integer("0.5"), None);
        assert_eq!(integer("1e300"), None);
        assert_eq!(integer("\"1\""), None);
    }
}
