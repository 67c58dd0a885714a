//! JSON values that keep what Python keeps: the order of members and every digit of a number.

mod reader;

use crate::writer::Writer;

pub(super) use reader::JsonReader;

/// A JSON value. Numbers are held as the text Python would write after reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number token.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; names are unique, in order of first appearance.
    Object(Vec<(String, Json)>),
}

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON at byte {at}")]
pub struct JsonError {
    /// Offset of the first byte that does not fit.
    pub at: usize,
}

impl Json {
    /// Reads one value that fills the whole text.
    ///
    /// # Errors
    /// When the text is not JSON or nested more than 100 levels deep. `NaN` and the infinities, which Python writes
    /// and reads, are taken as `null`, and so are floats beyond the double range.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut reader = JsonReader::new(text);
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }

    /// The member `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number token, if it is a number.
    pub fn as_number(&self) -> Option<&str> {
        match self {
            Self::Number(token) => Some(token),
            _ => None,
        }
    }

    /// The items of an array; none for every other value.
    pub fn items(&self) -> &[Json] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    /// The members of an object; none for every other value.
    pub fn members(&self) -> &[(String, Json)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// Takes the member `name` out of an object.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(key, _)| key == name)?;
        Some(members.remove(at).1)
    }

    /// Sets a member: in place if the name exists, else at the end.
    pub fn set(&mut self, name: &str, value: Json) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    /// Writes the value.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.raw("null"),
            Self::Bool(value) => writer.bool(*value),
            Self::Number(token) => writer.raw(token),
            Self::String(text) => writer.string(text),
            Self::Array(items) => writer.array(|w| {
                for item in items {
                    w.item();
                    item.write(w);
                }
            }),
            Self::Object(members) => writer.object(|w| {
                for (name, value) in members {
                    w.key(name);
                    value.write(w);
                }
            }),
        }
    }

    /// The value as text.
    pub fn to_text(&self) -> String {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.into_text()
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
