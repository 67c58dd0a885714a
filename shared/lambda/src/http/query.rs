//! The parameters of a query, decoded once as a form is.

use super::Request;
use percent_encoding::percent_decode;

impl Request {
    /// The names and values of the query's parameters, as bytes, without empty items.
    pub fn parameters(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let items = self.query.split('&').filter(|item| !item.is_empty());
        items.map(|item| {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            (decoded(name), decoded(value))
        })
    }

    /// The first value of a parameter as text; what is not UTF-8 in it is replaced.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let value = self.parameters().find(|(other, _)| other == name.as_bytes())?.1;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// The first parameter's name that is not among `known`.
    pub fn unknown_parameter(&self, known: &[&str]) -> Option<String> {
        let mut names = self.parameters().map(|(name, _)| String::from_utf8_lossy(&name).into_owned());
        names.find(|name| !known.contains(&name.as_str()))
    }
}

/// A `+` is a space, a `%` without two hex digits is itself.
fn decoded(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}
