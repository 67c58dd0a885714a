//! The environment, read once. All problems are reported together, so that one failed start names them all.

use std::collections::HashMap;
use std::str::FromStr;

/// The faults of the environment, one line a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the configuration: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// A reader of environment variables that remembers what was wrong.
#[derive(Debug, Default)]
pub struct Env {
    variables: HashMap<String, String>,
    problems: Vec<String>,
}

impl Env {
    /// The process's environment.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars().collect(), problems: Vec::new() }
    }

    /// A given environment.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), problems: Vec::new() }
    }

    /// A variable that must be set.
    pub fn required(&mut self, name: &str) -> String {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is not set"));
        }
        value.unwrap_or_default()
    }

    /// A variable that may be unset or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A variable with a default; one that does not parse is a problem.
    pub fn parsed<T: FromStr>(&mut self, name: &str, default: T) -> T {
        match self.optional(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.problem(name, "is not valid");
                default
            }
        }
    }

    /// A switch: `on` or `off`.
    pub fn switch(&mut self, name: &str, default: bool) -> bool {
        match self.optional(name).as_deref() {
            None => default,
            Some("on") => true,
            Some("off") => false,
            Some(_) => {
                self.problem(name, "must be on or off");
                default
            }
        }
    }

    /// Notes a problem that the caller found.
    pub fn problem(&mut self, name: &str, why: &str) {
        self.problems.push(format!("{name} {why}"));
    }

    /// The end of reading.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was met.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let pairs = [("LEASE_MS", "soon"), ("LENIENT_JSON", "maybe"), ("EMPTY", "")];
        let mut env = Env::of(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(env.required("TABLE"), "");
        assert_eq!(env.required("EMPTY"), "");
        assert_eq!(env.parsed("LEASE_MS", 5), 5);
        assert!(env.switch("LENIENT_JSON", true));
        let text = env.finish().unwrap_err().to_string();
        assert_eq!(
            text,
            "failed to read the configuration: TABLE is not set; EMPTY is not set; LEASE_MS is not valid; \
             LENIENT_JSON must be on or off"
        );
    }

    #[test]
    fn what_is_set_is_read() {
        let mut env = Env::of([("N".to_owned(), "7".to_owned()), ("S".to_owned(), "off".to_owned())]);
        assert_eq!((env.parsed("N", 0), env.switch("S", true), env.optional("X")), (7, false, None));
        assert_eq!(env.finish(), Ok(()));
    }
}
