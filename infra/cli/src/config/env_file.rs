//! The environment file of a local stack: `KEY=value` lines as a shell reads them.

use super::text_of;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::Path;

/// The variables of a local stack; none without one.
#[derive(Clone, Default)]
pub struct EnvFile(BTreeMap<String, String>);

impl std::fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EnvFile({})", self.0.len())
    }
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let text = text_of(path, "the environment file");
        Ok(Self::parse(&text.map_err(|error| error.help("`make up` starts the local stack and writes it"))?))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), unquoted(value))).collect())
    }

    /// A variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

/// A value without the single quotes that a shell needs.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        Some(inner) => inner.replace(r#"'"'"'"#, "'"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let file = EnvFile::parse("# a\nAPI_URL=http://127.0.0.1:1\nA='b c'\"'\"'d'\nB='x '\nC=\nnothing\n");
        let get = |name: &str| file.get(name);
        assert_eq!(get("API_URL").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(EnvFile::parse("A='b'\"'\"'c'").get("A").as_deref(), Some("b'c"));
        assert_eq!((get("B").as_deref(), get("C"), get("nothing")), (Some("x "), None, None));
    }
}
