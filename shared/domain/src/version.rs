//! The release and the commit that a program was built from.

use serde::Serialize;
use std::fmt;

/// The origin of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Version))]
pub struct BuildVersion {
    /// The release, by Semantic Versioning.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+"))]
    pub version: &'static str,
    /// The commit, twelve hexadecimal digits, with `-dirty` behind them if files had changed since. Absent if the
    /// program was not built for a deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{12}(-dirty)?$"))]
    pub commit: Option<&'static str>,
}

impl BuildVersion {
    /// This program's own, as its compilation was told: `EXPORT_COMMIT` is the commit, unknown if unset or empty.
    pub const OWN: Self =
        Self { version: env!("CARGO_PKG_VERSION"), commit: known(option_env!("EXPORT_COMMIT")) };

    /// The strong entity tag of its representation (RFC 9110, section 8.8.3).
    pub fn etag(&self) -> String {
        let commit = self.commit.map(|commit| format!("+{commit}")).unwrap_or_default();
        format!("\"{}{commit}\"", self.version)
    }
}

/// The release, and the commit behind it in parentheses if it is known.
impl fmt::Display for BuildVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit {
            Some(commit) => write!(f, "{} ({commit})", self.version),
            None => f.write_str(self.version),
        }
    }
}

const fn known(commit: Option<&'static str>) -> Option<&'static str> {
    match commit {
        Some(commit) if !commit.is_empty() => Some(commit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_shown_with_its_commit_if_that_is_known() {
        let released = BuildVersion { version: "1.2.3", commit: known(Some("0123456789ab")) };
        assert_eq!(
            (released.to_string().as_str(), released.etag().as_str()),
            ("1.2.3 (0123456789ab)", "\"1.2.3+0123456789ab\"")
        );
        let unknown = BuildVersion { commit: known(Some("")), ..released };
        assert_eq!((unknown.to_string().as_str(), unknown.etag().as_str()), ("1.2.3", "\"1.2.3\""));
        assert_eq!(serde_json::to_value(unknown).unwrap(), serde_json::json!({ "version": "1.2.3" }));
    }
}
