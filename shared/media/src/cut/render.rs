//! A part of the clip that is decoded and encoded anew.

use super::{Access, starts};
use crate::time::Nanos;

/// Pictures to decode, and which of them to encode: all that are shown from `from` to before `until`.
///
/// It holds everything that rendering depends on, so that runs can be rendered in any order and anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<T> {
    /// In decode order, the first one a random access picture; without pictures that nothing refers to and that are
    /// not encoded.
    pub feed: Vec<Access<T>>,
    /// The first picture to encode is at or after this.
    pub from: Nanos,
    /// No picture from here on is encoded.
    pub until: Nanos,
    /// The copied pictures behind the run: the first ones in decode order, for a check of the join. They are in `feed`
    /// too.
    pub after: Vec<Access<T>>,
    /// Copied pictures stand before the run.
    pub joins: bool,
}

impl<T: Clone> Run<T> {
    /// A run up to the random access picture at `next`, which is copied; behind it in `run` stand its leading
    /// pictures, and behind those `second`, if the stretch goes on. `None` if nothing is shown before it.
    pub(super) fn up_to(
        mut run: Vec<Access<T>>,
        next: usize,
        from: Nanos,
        second: Option<&Access<T>>,
    ) -> Option<Self> {
        let first = run.get(next)?.clone();
        let until = first.pts;
        if !run.iter().any(|access| shown(access, from, until)) {
            return None;
        }
        run.extend(second.cloned());
        let after = std::iter::once(first).chain(second.cloned()).collect();
        Some(Self { feed: needed(run, from), from, until, after, joins: false })
    }

    /// The pictures of `[from, until)` out of `run`, which is in decode order and starts with a random access picture.
    /// `None` if it shows none of them.
    pub fn whole(mut run: Vec<Access<T>>, from: Nanos, until: Nanos) -> Option<Self> {
        let last = run.iter().rposition(|access| shown(access, from, until))?;
        run.truncate(last + 1);
        Some(Self { feed: needed(run, from), from, until, after: Vec::new(), joins: false })
    }

    /// The pictures to encode, in decode order.
    pub fn shown(&self) -> impl Iterator<Item = &Access<T>> {
        self.feed.iter().filter(|access| shown(access, self.from, self.until))
    }

    /// A run behind copied pictures; `held` has everything that it can refer to.
    pub(super) fn tail(held: Vec<Access<T>>, from: Nanos, until: Nanos) -> Option<Self> {
        let start = held.iter().rposition(|access| starts(access) && access.pts <= from)?;
        let first = held.get(start)?.pts;
        let run = held.into_iter().skip(start).filter(|access| access.pts >= first).collect();
        Self::whole(run, from, until).map(|run| Self { joins: true, ..run })
    }
}

fn shown<T>(access: &Access<T>, from: Nanos, until: Nanos) -> bool {
    access.pts >= from && access.pts < until
}

/// Leaves out what is neither shown nor referred to: pictures of the highest temporal layer that say so.
fn needed<T>(feed: Vec<Access<T>>, from: Nanos) -> Vec<Access<T>> {
    let highest = feed.iter().map(|access| access.picture.temporal_id).max().unwrap_or(0);
    let idle = |access: &Access<T>| !access.picture.reference && access.picture.temporal_id == highest;
    feed.into_iter().filter(|access| starts(access) || access.pts >= from || !idle(access)).collect()
}
