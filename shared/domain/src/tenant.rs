//! Tenants: where their recordings lie and where their clips may go.

use crate::batch::request::TargetName;
use crate::ids::{LivePath, TenantId};
use crate::job::Counted;
use crate::request::ExportRequest;
use crate::storage::{Container, trim_root};
use crate::target::{Bucket, Target};
use serde::{Deserialize, Serialize};

/// A place that a tenant's clips may be written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedTarget {
    /// Bucket.
    pub bucket: String,
    /// Region of the bucket; empty means the function's own.
    #[serde(default)]
    pub region: String,
    /// Key prefix, without leading or trailing `/`.
    #[serde(default)]
    pub root: String,
    /// AWS account that must own the bucket; empty means unchecked.
    #[serde(default)]
    pub owner: String,
}

/// One row of the tenants table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant's name.
    pub id: TenantId,
    /// Bucket of the recordings.
    pub source_bucket: String,
    /// AWS account that must own the bucket of the recordings; empty means unchecked.
    pub source_owner: String,
    /// Key prefix of the recordings; `LivePath` is resolved under it.
    pub source_prefix: String,
    /// The targets that clips may go to.
    pub targets: Vec<AllowedTarget>,
    /// Index into `targets` for requests that name none.
    pub default_target: usize,
    /// Most jobs that may be unfinished concurrently, of those whose window has begun.
    pub max_active: u32,
    /// Most jobs that may wait for their window to begin.
    pub max_scheduled: u32,
    /// The programs of Media Replay Engine whose events and replays it may name; `*` stands for all of them.
    pub mre_programs: Vec<String>,
}

impl Tenant {
    /// Most unfinished jobs of a kind.
    pub fn most(&self, counted: Counted) -> u32 {
        match counted {
            Counted::Active => self.max_active,
            Counted::Scheduled => self.max_scheduled,
        }
    }

    /// Returns `true` if it may name events and replays of that program. Media Replay Engine's tables know no tenants.
    pub fn may_name_program(&self, program: &str) -> bool {
        self.mre_programs.iter().any(|known| known == "*" || known == program)
    }

    /// The bucket of the recordings.
    pub fn source(&self) -> Bucket {
        let (name, owner) = (self.source_bucket.clone(), self.source_owner.clone());
        Bucket { name, owner, prefix: self.prefix() }
    }

    /// Returns `true` if links to recordings may be lent. A link cannot be bound to a bucket's owner: a bucket other than
    /// `own`, the stack's, counts only if the row names its owner.
    pub fn may_lend_recordings(&self, own: &str) -> bool {
        self.source_bucket == own || !self.source_owner.is_empty()
    }

    /// The common prefix of the keys of recordings.
    fn prefix(&self) -> String {
        match self.source_prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        }
    }

    /// The key of a recording's manifest in [`Tenant::source_bucket`].
    pub fn manifest_key(&self, path: &LivePath) -> String {
        format!("{}{path}", self.prefix())
    }

    /// Chooses the target: the first `storage_info` entry on the allow-list; without `storage_info` the deprecated
    /// pair if it is on the list, else the tenant's default, both in the container that the request names or in
    /// MPEG-TS. `None` means access denied.
    pub fn resolve_target(&self, request: &ExportRequest) -> Option<Target> {
        if let Some(entries) = &request.storage {
            return entries.iter().find_map(|entry| {
                self.allowed(&entry.bucket, &entry.region, &entry.root).map(|t| t.with(entry.container))
            });
        }
        let deprecated = request.deprecated_target.as_ref();
        let allowed = deprecated.and_then(|(region, bucket)| self.allowed(bucket, region, ""));
        let container = request.container.unwrap_or(Container::Ts);
        allowed.or_else(|| self.targets.get(self.default_target)).map(|t| t.with(container))
    }

    /// The target of that name, else the tenant's own, with `container`. `None` means access denied.
    pub fn target_named(&self, name: Option<&TargetName>, container: Container) -> Option<Target> {
        let found = match name {
            Some(name) => self.allowed(&name.bucket, &name.region, &name.root),
            None => self.targets.get(self.default_target),
        };
        found.map(|target| target.with(container))
    }

    /// Most unfinished jobs of a kind up to which batches add to them: four fifths, so that others find a place.
    pub fn batch_share(&self, counted: Counted) -> u32 {
        let most = self.most(counted);
        (most - most.div_ceil(5)).max(1).min(most)
    }

    /// Returns `true` if a stored target is still on the allow-list; the worker asks again before it writes.
    pub fn allows(&self, target: &Target) -> bool {
        self.allowed(&target.bucket, &target.region, &target.root).is_some_and(|t| t.owner == target.owner)
    }

    fn allowed(&self, bucket: &str, region: &str, root: &str) -> Option<&AllowedTarget> {
        self.targets.iter().find(|t| t.bucket == bucket && t.region == region && trim_root(&t.root) == root)
    }
}

impl AllowedTarget {
    fn with(&self, container: Container) -> Target {
        Target {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            root: trim_root(&self.root),
            owner: self.owner.clone(),
            container,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(root: &str) -> Target {
        let allowed = AllowedTarget {
            bucket: "b".to_owned(),
            region: String::new(),
            root: root.to_owned(),
            owner: String::new(),
        };
        allowed.with(Container::Ts)
    }

    #[test]
    fn keys_carry_the_export_prefix_once_behind_the_root() {
        assert_eq!(target("").key("/export/D/test.ts"), "export/D/test.ts");
        assert_eq!(target("").key("/D/stem.jpg"), "export/D/stem.jpg");
        assert_eq!(target("/a/b/").key("/D/stem.jpg"), "a/b/export/D/stem.jpg");
    }
}
