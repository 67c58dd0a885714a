//! The service's address and the session: flags and `MEX_*` before the profile, the profile before the defaults.

mod env_file;
mod profile;
mod secret;

pub use env_file::EnvFile;
pub use profile::{ConfigFile, ServiceProfile, config_path};
pub use secret::{Secret, SessionSource};

use crate::error::{CliError, Exit};
use crate::world;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The choices of the command line; `MEX_*` variables count as such.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Service")]
pub struct ServiceArgs {
    /// Address of the service
    #[arg(long, global = true, value_name = "URL", env = "MEX_URL", hide_env_values = true)]
    pub url: Option<String>,
    /// Profile of the configuration
    #[arg(long, global = true, value_name = "NAME", env = "MEX_PROFILE", hide_env_values = true)]
    pub profile: Option<String>,
    /// Environment file of a local stack, as .local/env
    #[arg(long = "env", global = true, value_name = "FILE", env = "MEX_ENV", hide_env_values = true)]
    pub env_file: Option<PathBuf>,
    /// Read the session from stdin (else from `MEX_SESSION` or the profile)
    #[arg(long, global = true)]
    pub session_stdin: bool,
}

/// Everything that requests need to know.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Address of the service, without a `/` at its end.
    pub url: String,
    /// The session; `None` if none is known.
    pub session: Option<Secret>,
    /// The container of clips that the profile asks for.
    pub container: Option<String>,
    /// Bucket and region that the profile delivers to.
    pub target: Option<(String, String)>,
    /// The local stack that was found by itself, to be mentioned.
    pub found: Option<PathBuf>,
    /// Variables of the local stack.
    pub stack: EnvFile,
}

impl Settings {
    /// Reads flags, environment, configuration and the local stack's file.
    ///
    /// # Errors
    /// [`CliError`] that names the source at fault; [`Exit::Usage`] if no address is known.
    pub fn resolve(choice: &ServiceArgs) -> Result<Self, CliError> {
        let profile = Self::profile(choice)?;
        let (stack, found) = Self::stack(choice, profile.as_ref())?;
        let profile = profile.unwrap_or_default();
        let url = choice.url.clone().or_else(|| profile.url.clone());
        let Some(url) = url.or_else(|| stack.get("API_URL")) else {
            let help = "give --url or MEX_URL, make a profile with `mex config set`, or start the local stack with `make up`";
            return Err(CliError::usage("no service is known").help(help));
        };
        let session = session(choice, &profile, &stack)?;
        let target = profile.bucket.zip(profile.region);
        Ok(Self { url: address(&url)?, session, container: profile.container, target, found, stack })
    }

    /// The profile that is named, else the default one unless the flags say where to go.
    fn profile(choice: &ServiceArgs) -> Result<Option<ServiceProfile>, CliError> {
        let file = match config_path() {
            Ok(path) => ConfigFile::read(&path)?,
            Err(error) if choice.profile.is_some() => return Err(error),
            Err(_) => ConfigFile::default(),
        };
        let is_told = choice.url.is_some() || choice.env_file.is_some();
        match choice.profile.as_ref().or(file.default.as_ref().filter(|_| !is_told)) {
            Some(name) => file.profile(name).map(|profile| Some(profile.clone())),
            None => Ok(None),
        }
    }

    /// The local stack's variables: of the file that is named, or of the one that a folder above has.
    fn stack(
        choice: &ServiceArgs,
        profile: Option<&ServiceProfile>,
    ) -> Result<(EnvFile, Option<PathBuf>), CliError> {
        let named = choice.env_file.as_ref().or(profile.and_then(|profile| profile.env.as_ref()));
        if let Some(path) = named {
            return Ok((EnvFile::read(path)?, None));
        }
        let found = (choice.url.is_none() && profile.is_none()).then(nearest).flatten();
        let stack = found.as_deref().map(EnvFile::read).transpose()?.unwrap_or_default();
        Ok((stack, found))
    }
}

/// `.local/env` of the working folder or of the nearest one above it.
fn nearest() -> Option<PathBuf> {
    let folder = std::env::current_dir().ok()?;
    folder.ancestors().map(|folder| folder.join(".local/env")).find(|path| path.is_file())
}

fn session(
    choice: &ServiceArgs,
    profile: &ServiceProfile,
    stack: &EnvFile,
) -> Result<Option<Secret>, CliError> {
    if choice.session_stdin {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| CliError::file("the session cannot be read from stdin", &error))?;
        return Secret::parse(&text, "stdin").map(Some);
    }
    if let Some(text) = world::variable("MEX_SESSION") {
        return Secret::parse(&text, "MEX_SESSION").map(Some);
    }
    match (&profile.session, stack.get("DEMO_SESSION_ID")) {
        (Some(source), _) => source.open().map(Some),
        (None, Some(text)) => Secret::parse(&text, "DEMO_SESSION_ID").map(Some),
        (None, None) => Ok(None),
    }
}

/// An address of HTTP, without what would make other routes of it.
///
/// # Errors
/// [`CliError`] that says what is wrong with it.
pub fn address(url: &str) -> Result<String, CliError> {
    let wrong = |why: &str| {
        let help = "an address looks like https://abc.execute-api.eu-west-1.amazonaws.com";
        Err(CliError::usage(format!("the address {url:?} {why}")).help(help))
    };
    let Some((scheme, rest)) = url.split_once("://") else { return wrong("has no https:// in front") };
    let host = rest.split('/').next().unwrap_or_default();
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return wrong("would send the session in the clear: it needs https"),
        _ => return wrong("is not one of HTTP"),
    }
    if host.is_empty() || rest.contains(['?', '#', '@', ' ']) {
        return wrong("is more than a host and a path");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

/// Reads a small file whole.
fn text_of(path: &Path, what: &str) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::Usage, format!("{what} {} cannot be read", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_on_this_machine() {
        for (given, kept) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example/v1", "https://a.example/v1"),
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("http://localhost:80", "http://localhost:80"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(address(given).unwrap(), kept);
        }
        for given in [
            "a.example",
            "http://a.example",
            "ftp://a.example",
            "https://",
            "https://u@a.example",
            "https://a?b",
        ] {
            assert_eq!(address(given).unwrap_err().exit(), Exit::Usage, "{given}");
        }
    }
}
