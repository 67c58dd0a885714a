//! The members of a body's objects, each read by its rule, and the faults that are found.

use super::super::{Fault, MOST_FAULTS};
use crate::ids::LivePath;
use crate::json::{RequestJson, has_at_most};
use crate::time::Millis;

/// Faults, of which the first ones are kept.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(Fault::at(pointer, detail));
        }
    }

    pub(super) fn add(&mut self, fault: Fault) {
        if !self.is_full() {
            self.0.push(fault);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() == MOST_FAULTS
    }
}

/// The members of one object and the pointer to it.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    pub(super) pointer: &'a str,
    pub(super) members: &'a [(String, RequestJson)],
}

impl<'a> Members<'a> {
    /// Notes members that are not known or given twice.
    pub(super) fn new(
        pointer: &'a str,
        value: &'a RequestJson,
        known: &[&str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let Some(members) = value.as_object() else {
            faults.push(pointer, "must be a JSON object");
            return None;
        };
        for (at, (name, _)) in members.iter().enumerate() {
            if faults.is_full() {
                break;
            }
            let shown: String = name.chars().take(64).collect();
            let place = format!("{pointer}/{}", shown.replace('~', "~0").replace('/', "~1"));
            if !known.contains(&name.as_str()) {
                faults.push(place, "is no member of this object");
            } else if members[..at].iter().any(|(other, _)| other == name) {
                faults.push(place, "is given twice");
            }
        }
        Some(Self { pointer, members })
    }

    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// A member; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a RequestJson> {
        let found = self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        found.filter(|value| **value != RequestJson::Null)
    }

    /// A text of 1 to `most` characters.
    pub(super) fn text(&self, name: &str, most: usize, faults: &mut Faults) -> Option<&'a str> {
        match self.get(name)? {
            RequestJson::Text(text) if text.is_empty() => faults.push(self.place(name), "is empty"),
            RequestJson::Text(text) if has_at_most(text, most) => return Some(text),
            RequestJson::Text(_) => faults.push(self.place(name), "is too long"),
            _ => faults.push(self.place(name), "must be a string"),
        }
        None
    }

    /// An integer of `least..=most`.
    pub(super) fn integer(&self, name: &str, least: i64, most: i64, faults: &mut Faults) -> Option<i64> {
        let number = self.get(name)?.as_integer();
        let found = number.filter(|number| (least..=most).contains(number));
        if found.is_none() {
            faults.push(self.place(name), format!("must be an integer from {least} to {most}"));
        }
        found
    }

    /// A length of `least..=most`, as an integer of milliseconds.
    pub(super) fn length(
        &self,
        name: &str,
        least: Millis,
        most: Millis,
        faults: &mut Faults,
    ) -> Option<Millis> {
        self.integer(name, least.get(), most.get(), faults).map(Millis::new)
    }

    pub(super) fn boolean(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        if let RequestJson::Bool(value) = self.get(name)? {
            return Some(*value);
        }
        faults.push(self.place(name), "must be true or false");
        None
    }

    /// One of the words in front of the values.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.get(name)?.as_text();
        let found = words.iter().find(|(word, _)| Some(*word) == text).map(|(_, value)| *value);
        if found.is_none() {
            let named: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            faults.push(self.place(name), format!("must be one of {}", named.join(", ")));
        }
        found
    }

    pub(super) fn live_path(&self, faults: &mut Faults) -> Option<LivePath> {
        let text = self.text("live_path", 512, faults)?;
        match LivePath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                faults.push(self.place("live_path"), error.to_string());
                None
            }
        }
    }
}
