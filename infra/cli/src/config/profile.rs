//! The configuration file with its profiles.

use super::secret::SessionSource;
use super::text_of;
use crate::error::CliError;
use crate::world;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A service and how to ask it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceProfile {
    /// Address of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The container of clips: `mp4` or `ts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The bucket that clips go to, with `region`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The environment file of a local stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<PathBuf>,
    /// The source of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionSource>,
}

/// The configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The profile that is used if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The profiles by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", rename = "profile")]
    pub profiles: BTreeMap<String, ServiceProfile>,
}

impl ConfigFile {
    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    /// [`CliError`] that names the file and the line at fault.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(&text_of(path, "the configuration")?).map_err(|error| {
            CliError::usage(format!("the configuration {} is not valid", path.display())).because(error)
        })
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// A profile by its name.
    ///
    /// # Errors
    /// [`CliError`] that lists the names there are.
    pub fn profile(&self, name: &str) -> Result<&ServiceProfile, CliError> {
        self.profiles.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let help = if names.is_empty() {
                "there are none yet: `mex config set`".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            };
            CliError::usage(format!("there is no profile {name:?}")).help(help)
        })
    }
}

/// The place of the configuration file.
///
/// # Errors
/// [`CliError`] if no folder of the user's is known.
pub fn config_path() -> Result<PathBuf, CliError> {
    let base = world::variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| world::variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("mex/config.toml"))
        .ok_or_else(|| CliError::usage("neither HOME nor XDG_CONFIG_HOME says where the configuration is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        default = "acme"
        [profile.acme]
        url = "https://a.example"
        container = "mp4"
        session = { command = "pass show mex" }
        [profile.local]
        env = "/checkout/.local/env"
    "#;

    #[test]
    fn profiles_are_read_and_written() {
        let file = ConfigFile::parse(TEXT).unwrap();
        let acme = file.profile(file.default.as_deref().unwrap()).unwrap();
        assert_eq!(acme.session, Some(SessionSource::Command("pass show mex".to_owned())));
        let help = file.profile("b").unwrap_err().to_string();
        assert!(help.ends_with("help: there are acme, local"), "{help}");
        let again = ConfigFile::parse(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(again, file);
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        let error = ConfigFile::parse("[profile.a]\nuri = \"x\"").unwrap_err();
        assert!(error.to_string().contains("line 2") && error.to_string().contains("uri"), "{error}");
    }
}
