//! Attribute lists (RFC 8216, 4.2).

use crate::mpd::MpdError;

/// The most attributes of a tag.
const MAX_ATTRIBUTES: usize = 64;

/// The attributes of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AttributeList<'a>(Vec<(&'a str, &'a str)>);

impl<'a> AttributeList<'a> {
    /// Reads `NAME=value,NAME="a value, with commas"`. What has no `=` is left out.
    pub(super) fn read(mut text: &'a str) -> Result<Self, MpdError> {
        let mut found = Vec::new();
        while !text.is_empty() {
            let Some((name, rest)) = text.split_once('=') else { break };
            let (value, rest) = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let (value, rest) =
                        quoted.split_once('"').ok_or(MpdError::BadValue("a quoted attribute"))?;
                    (value, rest.split_once(',').map_or("", |(_, rest)| rest))
                }
                None => rest.split_once(',').unwrap_or((rest, "")),
            };
            if found.len() == MAX_ATTRIBUTES {
                return Err(MpdError::TooMany("attributes"));
            }
            found.push((name.trim(), value.trim()));
            text = rest;
        }
        Ok(Self(found))
    }

    /// The value of the first attribute of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// The value as a whole number; zero if there is none, or it is not one.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}
