//! The work that follows a job's end: it is published, its leftovers are removed if it has no files to show, and a
//! client may forget it.
//!
//! Nothing is removed before every worker of the job is over, and no later generation begins before every call that
//! removes is over: a condition on an `ETag` alone does not tell two renderings of the same bytes apart.

use super::{Job, ObjectKind, State};
use crate::settings::Lifecycle;
use crate::time::EpochMs;
use serde::{Deserialize, Serialize};

/// The record of the work that follows the end of a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aftermath {
    /// Which generation. That of another one counts for nothing.
    pub generation: u32,
    /// `true` if its end was told although the job is still due.
    pub is_told: bool,
    /// `true` if a client forgot it.
    pub is_forgotten: bool,
    /// When what it left is to be removed.
    pub clear_at: Option<EpochMs>,
    /// `true` if that was begun.
    pub is_clearing: bool,
}

impl Job {
    /// The record of the work that follows this generation's end.
    pub fn aftermath(&self) -> Aftermath {
        let own = |after: &&Aftermath| self.state.is_terminal() && after.generation == self.generation;
        let none = Aftermath { generation: self.generation, ..Aftermath::default() };
        self.aftermath.as_ref().filter(own).cloned().unwrap_or(none)
    }

    /// The aftermath of an end at `now` in `state`.
    pub(super) fn aftermath_of(&self, state: State, now: EpochMs, times: &Lifecycle) -> Option<Aftermath> {
        let listed = self.play.as_ref().is_some_and(|play| !play.files.is_empty());
        let leaves = state != State::Ready
            && (listed || self.fan.is_some() || !(self.staged.is_empty() && self.uploads.is_empty()));
        leaves.then(|| Aftermath {
            generation: self.generation,
            is_told: times.tell_ms.is_none(),
            clear_at: Some(now + times.clear_ms),
            ..Aftermath::default()
        })
    }

    /// Returns `true` if a client forgot it.
    pub(super) fn is_forgotten(&self) -> bool {
        self.aftermath().is_forgotten
    }

    /// A client forgets a job that has ended: its record counts as gone. `None` if it is still in work, or was
    /// cancelled less than a minute ago: then the request repeats the one that cancelled it, whose reply may have been
    /// lost.
    #[must_use]
    pub fn forgotten(&self, now: EpochMs, times: &Lifecycle) -> Option<Job> {
        let is_repeated =
            self.state == State::Cancelled && now - self.updated_at < times.retry_after_failed_ms;
        let after = Aftermath { is_forgotten: true, ..self.aftermath() };
        let next = || Job { aftermath: Some(after), ..self.touched(self.updated_at) };
        (self.state.is_terminal() && !is_repeated).then(next)
    }

    /// Returns `true` if the time has come to remove what it left.
    pub(super) fn is_to_be_cleared(&self, now: EpochMs) -> bool {
        let without_files = matches!(self.state, State::Failed | State::Cancelled);
        without_files && self.aftermath().clear_at.is_some_and(|at| at <= now)
    }

    /// Removes the leftovers: store this value, remove them, then store [`Job::cleared`]. From now on nothing of it is
    /// adopted. `None` if there is nothing to remove, or not yet.
    #[must_use]
    pub fn clearing(&self, now: EpochMs, times: &Lifecycle) -> Option<Job> {
        let after = Aftermath { is_clearing: true, ..self.aftermath() };
        let next = || Job {
            aftermath: Some(after),
            quiet_until: Some(now + times.quiet_ms),
            due_at: Some(now + times.resend_ms),
            ..self.touched(self.updated_at)
        };
        self.is_to_be_cleared(now).then(next)
    }

    /// Returns `true` if a call that removes something is over before a later generation begins.
    pub fn may_remove(&self, now: EpochMs, times: &Lifecycle) -> bool {
        self.quiet_until.is_some_and(|until| until - now > times.quiet_ms / 2)
    }

    /// Kinds of files that it may have left.
    pub fn left(&self) -> impl Iterator<Item = ObjectKind> {
        let kinds = [ObjectKind::Image, ObjectKind::Video].into_iter();
        kinds.filter(|kind| self.staged.iter().any(|staged| staged.object == *kind))
    }

    /// The job without leftovers.
    #[must_use]
    pub fn cleared(&self) -> Job {
        let (is_told, after) = (!self.is_untold(), self.aftermath());
        Job {
            staged: Vec::new(),
            uploads: Vec::new(),
            play: None,
            fan: None,
            aftermath: Some(Aftermath { is_told, clear_at: None, is_clearing: false, ..after }),
            due_at: self.due_at.filter(|_| !is_told || !self.untold.is_empty()),
            ..self.touched(self.updated_at)
        }
    }
}
