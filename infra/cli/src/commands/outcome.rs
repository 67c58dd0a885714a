//! The use that is made of jobs' outcomes.

use crate::args::SendingArgs;
use crate::download::FileKind;
use std::path::Path;

/// The use of jobs' outcomes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JobDelivery<'a> {
    /// The place of the files; without it they are not fetched.
    pub output: Option<&'a Path>,
    /// Which file, if not what the job makes.
    pub which: Option<FileKind>,
    /// Files that are there are replaced.
    pub force: bool,
    /// A missing part is no failure.
    pub allows_lack: bool,
    /// The jobs are not of this run.
    pub is_foreign: bool,
}

impl<'a> From<&'a SendingArgs> for JobDelivery<'a> {
    fn from(sending: &'a SendingArgs) -> Self {
        Self {
            output: sending.output.as_deref(),
            force: sending.force,
            allows_lack: sending.allow_lack,
            ..Self::default()
        }
    }
}
