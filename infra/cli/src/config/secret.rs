//! A session, and the places that it may come from.

use super::text_of;
use crate::error::{CliError, Exit};
use export_domain::ids::SessionId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A session. Only requests get its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A session from `source`, which an error names; white space around it counts for nothing.
    ///
    /// # Errors
    /// [`Exit::SignedOut`] if no session looks like that.
    pub fn parse(text: &str, source: &str) -> Result<Self, CliError> {
        let text = text.trim();
        if SessionId::parse(text).is_some() {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("{source} holds no session: one has 16 to 256 visible characters");
        Err(CliError::new(Exit::SignedOut, message).help("`make session` prints a new one"))
    }

    /// The text, for the header of a request.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The source of a profile's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SessionSource {
    /// The first line that a command of the shell prints.
    Command(String),
    /// A file that only its owner may read.
    File(PathBuf),
}

impl SessionSource {
    /// The file's path.
    pub fn file(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(path.display().to_string()),
            Self::Command(_) => None,
        }
    }

    /// The command.
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Command(command) => Some(command.clone()),
            Self::File(_) => None,
        }
    }

    /// Gets the session.
    ///
    /// # Errors
    /// [`CliError`] that names the source.
    pub fn open(&self) -> Result<Secret, CliError> {
        match self {
            Self::File(path) => {
                private(path)?;
                Secret::parse(&text_of(path, "the session file")?, &path.display().to_string())
            }
            Self::Command(command) => Secret::parse(&output_of(command)?, &format!("`{command}`")),
        }
    }
}

fn private(path: &Path) -> Result<(), CliError> {
    let metadata = std::fs::metadata(path).map_err(|error| {
        CliError::usage(format!("the session file {} cannot be read", path.display())).because(error)
    })?;
    let of_others = metadata.permissions().mode() & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    let message = format!("the session file {} can be read by other users", path.display());
    Err(CliError::usage(message).help(format!("chmod 600 {}", path.display())))
}

fn output_of(command: &str) -> Result<String, CliError> {
    let failed =
        |why: String| CliError::usage(format!("the session's command `{command}` failed")).because(why);
    let output = Command::new("sh").args(["-c", command]).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_not_shown() {
        let secret = Secret::parse(" 0123456789abcdef\n", "here").unwrap();
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("0123456789abcdef", "Secret(***)"));
        let error = Secret::parse("short", "MEX_SESSION").unwrap_err();
        assert!(
            error.to_string().contains("MEX_SESSION holds no session")
                && !error.to_string().contains("short")
        );
    }

    #[test]
    fn a_commands_first_line_is_the_session() {
        let source = SessionSource::Command("echo 0123456789abcdef; echo more".to_owned());
        assert_eq!(source.open().unwrap().reveal(), "0123456789abcdef");
        let error = SessionSource::Command("exit 3".to_owned()).open().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
    }
}
