//! `DynamoDB` items, independent of any SDK.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::json::Json;
use crate::number;
use crate::writer::Writer;

/// One item, or a map inside one, in byte order of its names: `DynamoDB` gives maps no order of their own.
pub type Row = BTreeMap<String, Attr>;

/// An attribute value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attr {
    /// A string.
    S(String),
    /// A number, as its decimal text.
    N(String),
    /// A boolean.
    Bool(bool),
    /// The null value.
    Null,
    /// A map.
    M(Row),
    /// A list.
    L(Vec<Attr>),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// Bytes.
    B(Vec<u8>),
    /// A set of byte strings.
    Bs(Vec<Vec<u8>>),
}

/// The text of an audio track, as it occurs in keys and as a map key.
pub fn track_name(track: &Attr) -> Option<String> {
    match track {
        Attr::N(text) => number::plain(text).map(Cow::into_owned),
        Attr::S(text) => Some(number::plain(text).map_or_else(|| text.clone(), Cow::into_owned)),
        _ => None,
    }
}

impl Attr {
    /// Reads the value from `DynamoDB` JSON (`{"S": "x"}`); `None` when it has another shape.
    pub fn from_dynamo_json(json: &Json) -> Option<Self> {
        let [(kind, value)] = json.members() else { return None };
        Some(match (kind.as_str(), value) {
            ("S", Json::String(text)) => Self::S(text.clone()),
            ("N", Json::String(text)) => Self::N(text.clone()),
            ("BOOL", Json::Bool(value)) => Self::Bool(*value),
            ("NULL", _) => Self::Null,
            ("B", Json::String(text)) => Self::B(BASE64.decode(text).ok()?),
            ("M", Json::Object(_)) => Self::M(row_from_dynamo_json(value)?),
            ("L", Json::Array(items)) => {
                Self::L(items.iter().map(Self::from_dynamo_json).collect::<Option<_>>()?)
            }
            ("SS", Json::Array(_)) => Self::Ss(strings(value)?),
            ("NS", Json::Array(_)) => Self::Ns(strings(value)?),
            ("BS", Json::Array(_)) => {
                Self::Bs(strings(value)?.iter().map(|text| BASE64.decode(text).ok()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::S(text) => Some(text),
            _ => None,
        }
    }

    /// The number's text, if it is a number.
    pub fn as_number(&self) -> Option<&str> {
        match self {
            Self::N(text) => Some(text),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Row> {
        match self {
            Self::M(row) => Some(row),
            _ => None,
        }
    }

    /// The items of a list; none for every other value.
    pub fn items(&self) -> &[Attr] {
        match self {
            Self::L(items) => items,
            _ => &[],
        }
    }

    /// Python's truth of the value: `"False"` is true, `""`, `0` and empty collections are not.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::S(text) => !text.is_empty(),
            Self::N(text) => number::plain(text).is_none_or(|token| token != "0"),
            Self::Bool(value) => *value,
            Self::Null => false,
            Self::M(row) => !row.is_empty(),
            Self::L(items) => !items.is_empty(),
            Self::Ss(texts) | Self::Ns(texts) => !texts.is_empty(),
            // boto3 wraps bytes in a class without a length.
            Self::B(_) => true,
            Self::Bs(items) => !items.is_empty(),
        }
    }

    /// Writes the value as MRE's API answers it: numbers by [`number::plain`], maps by name. Sets, which MRE fails
    /// on, become sorted lists, and bytes base64.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::S(text) => writer.string(text),
            Self::N(text) => write_number(text, writer),
            Self::Bool(value) => writer.bool(*value),
            Self::Null => writer.raw("null"),
            Self::M(row) => write_map(row, writer),
            Self::L(items) => write_items(items, Self::write, writer),
            Self::Ss(texts) => write_items(&sorted(texts), |text, w| w.string(text), writer),
            Self::Ns(texts) => write_items(&sorted(texts), |text, w| write_number(text, w), writer),
            Self::B(bytes) => writer.string(&BASE64.encode(bytes)),
            Self::Bs(items) => {
                write_items(&sorted(items), |bytes, w| w.string(&BASE64.encode(bytes)), writer);
            }
        }
    }

    /// The value as JSON, by the rules of [`Attr::write`].
    pub fn to_json(&self) -> Json {
        match self {
            Self::S(text) => Json::String(text.clone()),
            Self::N(text) => number_json(text),
            Self::Bool(value) => Json::Bool(*value),
            Self::Null => Json::Null,
            Self::M(row) => {
                Json::Object(row.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
            Self::L(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Ss(texts) => Json::Array(sorted(texts).into_iter().map(Json::String).collect()),
            Self::Ns(texts) => Json::Array(sorted(texts).iter().map(|text| number_json(text)).collect()),
            Self::B(bytes) => Json::String(BASE64.encode(bytes)),
            Self::Bs(items) => {
                Json::Array(sorted(items).iter().map(|bytes| Json::String(BASE64.encode(bytes))).collect())
            }
        }
    }
}

/// Reads an item from `DynamoDB` JSON; `None` when it has another shape.
pub fn row_from_dynamo_json(json: &Json) -> Option<Row> {
    let Json::Object(members) = json else { return None };
    members.iter().map(|(name, value)| Some((name.clone(), Attr::from_dynamo_json(value)?))).collect()
}

fn strings(json: &Json) -> Option<Vec<String>> {
    json.items().iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn sorted<T: Clone + Ord>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items
}

fn number_json(text: &str) -> Json {
    match number::plain(text) {
        Some(token) => Json::Number(token.into_owned()),
        None => Json::String(text.to_owned()),
    }
}

/// Writes a number by [`number::plain`]; text that is no number as text.
pub(super) fn write_number(text: &str, writer: &mut Writer) {
    match number::plain(text) {
        Some(token) => writer.raw(&token),
        None => writer.string(text),
    }
}

fn write_map(row: &Row, writer: &mut Writer) {
    writer.object(|w| {
        for (name, value) in row {
            w.key(name);
            value.write(w);
        }
    });
}

fn write_items<T>(items: &[T], write: impl Fn(&T, &mut Writer), writer: &mut Writer) {
    writer.array(|w| {
        for item in items {
            w.item();
            write(item, w);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attr(text: &str) -> Attr {
        Attr::from_dynamo_json(&Json::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn reads_every_type_and_writes_it_as_mre_answers_it() {
        let value = attr(
            r#"{"M": {"z": {"S": "x"}, "n": {"N": "5.0"}, "b": {"BOOL": false}, "u": {"NULL": true},
                "l": {"L": [{"N": "1E-5"}, {"M": {}}]}, "ss": {"SS": ["b", "a"]}, "ns": {"NS": ["2", "10.50"]},
                "B": {"B": "AQI="}, "bs": {"BS": ["Ag==", "AQ=="]}}}"#,
        );
        let mut writer = Writer::default();
        value.write(&mut writer);
        let text = writer.into_text();
        assert_eq!(
            text,
            r#"{"B": "AQI=", "b": false, "bs": ["AQ==", "Ag=="], "l": [1e-05, {}], "n": 5, "ns": [10.5, 2], "ss": ["a", "b"], "u": null, "z": "x"}"#
        );
        assert_eq!(value.to_json().to_text(), text);
    }

    #[test]
    fn refuses_what_is_no_attribute() {
        for text in [r#"{"S": 1}"#, r#"{"Q": "x"}"#, "{}", r#"{"S": "a", "N": "1"}"#, "[]", r#"{"B": "%"}"#] {
            assert_eq!(Attr::from_dynamo_json(&Json::parse(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn truth_is_pythons() {
        for (text, truth) in [
            (r#"{"S": "False"}"#, true),
            (r#"{"S": ""}"#, false),
            (r#"{"N": "0.0"}"#, false),
            (r#"{"N": "-1"}"#, true),
            (r#"{"NULL": true}"#, false),
            (r#"{"L": []}"#, false),
            (r#"{"L": [{"N": "0"}]}"#, true),
            (r#"{"M": {}}"#, false),
            (r#"{"B": ""}"#, true),
            (r#"{"BOOL": false}"#, false),
        ] {
            assert_eq!(attr(text).is_truthy(), truth, "{text}");
        }
    }
}
