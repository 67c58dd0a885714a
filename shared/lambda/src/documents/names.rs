//! Names of events, programs and replays: decoded once, from the path or the query.

use crate::http::Request;

/// Longest name in characters; MRE stores up to 150.
const MAX_CHARS: usize = 256;

/// A parameter that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct Refused {
    /// Its name.
    pub parameter: &'static str,
    /// The fault, for people.
    pub reason: &'static str,
}

impl Refused {
    pub(super) fn new(parameter: &'static str, reason: &'static str) -> Self {
        Self { parameter, reason }
    }
}

impl Request {
    /// The name in the path's placeholder `parameter`, else in the query.
    ///
    /// # Errors
    /// When it is missing, repeated, longer than 256 characters, or no UTF-8.
    pub fn name(&self, parameter: &'static str) -> Result<String, Refused> {
        let in_path = self.path_parameters.get(parameter);
        let name = match in_path {
            Some(value) if value.contains(char::REPLACEMENT_CHARACTER) => {
                return Err(Refused::new(parameter, "must be UTF-8"));
            }
            Some(value) => decoded(value, &self.path),
            None => self.query(parameter)?.ok_or(Refused::new(parameter, "is missing"))?,
        };
        if name.is_empty() {
            return Err(Refused::new(parameter, "must not be empty"));
        }
        if name.chars().count() > MAX_CHARS {
            return Err(Refused::new(parameter, "must have at most 256 characters"));
        }
        Ok(name)
    }

    /// A parameter of the query.
    ///
    /// # Errors
    /// When it is repeated or no UTF-8.
    pub fn query(&self, parameter: &'static str) -> Result<Option<String>, Refused> {
        let mut values = self.parameters().filter(|(name, _)| name == parameter.as_bytes());
        let Some((_, value)) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refused::new(parameter, "is given more than once"));
        }
        String::from_utf8(value).map(Some).map_err(|_| Refused::new(parameter, "must be UTF-8"))
    }
}

/// The gateway has decoded everything but `%25`. A value that is not in the path as it stands was decoded further.
fn decoded(value: &str, raw_path: &str) -> String {
    if raw_path.split('/').any(|segment| segment == value) {
        value.replace("%25", "%")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_query(query: &str) -> Result<String, Refused> {
        Request { query: query.to_owned(), ..Request::default() }.name("event")
    }

    fn in_path(value: &str, raw_path: &str) -> Result<String, Refused> {
        let parameters = [("event".to_owned(), value.to_owned())].into();
        Request { path_parameters: parameters, path: raw_path.to_owned(), ..Request::default() }.name("event")
    }

    #[test]
    fn the_query_is_decoded_once() {
        for (query, name) in [
            ("event=a%20b+c", "a b c"),
            ("x=1&event=%25%34%31&y", "%41"),
            ("event=a%2Fb%3Fc%23d%26e%3Df%2B%22'", "a/b?c#d&e=f+\"'"),
            ("event=%F0%9F%8E%BE%E2%80%A8", "🎾\u{2028}"),
            ("%65vent=é", "é"),
            ("event=100%&b", "100%"),
            ("event=%+1%2", "% 1%2"),
            ("event=a=b", "a=b"),
            ("event=a%00%0Ab", "a\0\nb"),
        ] {
            assert_eq!(in_query(query).as_deref(), Ok(name), "{query}");
        }
    }

    #[test]
    fn the_path_is_decoded_by_the_gateway_but_for_the_percent_sign() {
        for (value, raw_path, name) in [
            ("a b 🎾", "/event/a b 🎾/x", "a b 🎾"),
            ("100%25", "/event/100%25/x", "100%"),
            ("%2541", "/event/%2541/x", "%41"),
            // A gateway that decodes parameters fully.
            ("100%", "/event/100%25/x", "100%"),
            ("%41", "/event/%2541/x", "%41"),
            ("a+b", "/event/a+b/x", "a+b"),
        ] {
            assert_eq!(in_path(value, raw_path).as_deref(), Ok(name), "{value}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_by_its_parameter() {
        let long = format!("event={}", "é".repeat(257));
        for (query, reason) in [
            ("", "is missing"),
            ("events=x", "is missing"),
            ("event", "must not be empty"),
            ("event=", "must not be empty"),
            ("event=a&event=b", "is given more than once"),
            ("event=%FF", "must be UTF-8"),
            ("event=%ED%A0%80", "must be UTF-8"),
            (&long, "must have at most 256 characters"),
        ] {
            assert_eq!(in_query(query), Err(Refused::new("event", reason)), "{query}");
        }
        assert_eq!(in_path("a\u{fffd}", "/"), Err(Refused::new("event", "must be UTF-8")));
        assert!(in_query(&format!("event={}", "é".repeat(256))).is_ok());
    }
}
