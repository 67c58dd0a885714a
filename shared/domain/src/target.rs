//! The places of a job: where its recording is read from, and where its files are written to.

use crate::storage::Container;
use serde::{Deserialize, Serialize};

/// A bucket that is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// AWS account that must own it; empty means unchecked.
    pub owner: String,
    /// The common prefix of the keys of the tenant's recordings: empty, or with a `/` at its end.
    pub prefix: String,
}

/// The destination of one job's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Bucket.
    pub bucket: String,
    /// Region; empty means the function's own.
    #[serde(default)]
    pub region: String,
    /// Key prefix, without leading or trailing `/`.
    #[serde(default)]
    pub root: String,
    /// AWS account that must own the bucket; empty means unchecked.
    #[serde(default)]
    pub owner: String,
    /// The clip's container.
    pub container: Container,
}

impl Target {
    /// The object's key for a path of the reply (`/export/…` or one without `export/` in front).
    pub fn key(&self, path: &str) -> String {
        let path = path.trim_start_matches('/');
        let prefix = if path.starts_with("export/") { "" } else { "export/" };
        let root = if self.root.is_empty() { String::new() } else { format!("{}/", self.root) };
        format!("{root}{prefix}{path}")
    }
}
