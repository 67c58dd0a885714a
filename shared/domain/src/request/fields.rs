//! Typed access to an object's members, with errors that name the field.

use super::FieldError;
use crate::json::{RequestJson, has_at_most};

/// The members of one object.
pub(super) struct Fields<'a> {
    prefix: &'static str,
    members: &'a [(String, RequestJson)],
}

impl<'a> Fields<'a> {
    /// Refuses a known key that is given twice: the two may differ.
    pub(super) fn new(
        prefix: &'static str,
        members: &'a [(String, RequestJson)],
        known: &[&str],
    ) -> Result<Self, FieldError> {
        let twice = known.iter().find(|name| members.iter().filter(|(key, _)| key == *name).count() > 1);
        match twice {
            Some(name) => Err(FieldError::new(format!("{prefix}{name}"), "is given twice")),
            None => Ok(Self { prefix, members }),
        }
    }

    /// A member; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a RequestJson> {
        let found = self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        found.filter(|value| **value != RequestJson::Null)
    }

    /// A text of at most `most` characters.
    pub(super) fn text(&self, name: &str, most: usize) -> Result<Option<&'a str>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(RequestJson::Text(text)) if has_at_most(text, most) => Ok(Some(text)),
            Some(RequestJson::Text(_)) => Err(self.error(name, "is too long")),
            Some(_) => Err(self.error(name, "must be a string")),
        }
    }

    pub(super) fn required_text(&self, name: &str, most: usize) -> Result<&'a str, FieldError> {
        self.text(name, most)?.ok_or_else(|| self.error(name, "is required"))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(RequestJson::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.error(name, "must be true or false")),
        }
    }

    pub(super) fn required_integer(&self, name: &str, least: i64, most: i64) -> Result<i64, FieldError> {
        let value = self.get(name).ok_or_else(|| self.error(name, "is required"))?;
        let number = value.as_integer().ok_or_else(|| self.error(name, "must be an integer"))?;
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(self.error(name, &format!("must be from {least} to {most}")))
        }
    }

    fn error(&self, name: &str, why: &str) -> FieldError {
        FieldError::new(format!("{}{name}", self.prefix), why)
    }
}
