//! What a clip will take, added up from the planner's steps.

use crate::codec::picture::Coded;
use export_media::cut::{Access, Step, can_be_spliced};
use export_media::time::Nanos;
use std::time::Duration;

/// Key pictures that are kept.
const MOST_KEYS: usize = 1000;

/// Some pictures of a clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Their number.
    pub(crate) frames: u64,
    /// Bytes that they are recorded in.
    pub(crate) bytes: u64,
    /// Runs that are rendered for them.
    pub(crate) runs: u32,
    /// The time that rendering them takes.
    pub(crate) takes: Duration,
}

impl Portion {
    fn of<'a>(pictures: impl IntoIterator<Item = &'a Access<Coded>>) -> Self {
        pictures.into_iter().fold(Self::default(), |sum, access| Self {
            frames: sum.frames + 1,
            bytes: sum.bytes.saturating_add(u64::try_from(access.bytes).unwrap_or(u64::MAX)),
            ..sum
        })
    }

    /// These and others.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_add(other.frames),
            bytes: self.bytes.saturating_add(other.bytes),
            runs: self.runs.saturating_add(other.runs),
            takes: self.takes.saturating_add(other.takes),
        }
    }

    /// These without others of them.
    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(other.frames),
            bytes: self.bytes.saturating_sub(other.bytes),
            runs: self.runs.saturating_sub(other.runs),
            takes: self.takes.saturating_sub(other.takes),
        }
    }

    /// As many as `length` has if these are those of `own`.
    pub(crate) fn over(self, length: Nanos, own: Nanos) -> Self {
        let (length, own) = (length.get().max(0), own.get().max(1));
        let part =
            |count: u64| u64::try_from(i128::from(count).saturating_mul(length) / own).unwrap_or(u64::MAX);
        let nanos = part(u64::try_from(self.takes.as_nanos()).unwrap_or(u64::MAX));
        Self {
            frames: part(self.frames),
            bytes: part(self.bytes),
            runs: u32::try_from(part(self.runs.into())).unwrap_or(u32::MAX),
            takes: Duration::from_nanos(nanos),
        }
    }
}

/// The pictures of a clip by what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct Forecast {
    /// Rendered before the first copied one; all that are rendered if none is copied.
    pub(crate) head: Portion,
    /// Rendered behind copied ones.
    pub(crate) tail: Portion,
    /// Copied.
    pub(crate) copied: Portion,
    /// When those are shown that a copy can start with.
    pub(crate) keys: Vec<Nanos>,
}

impl Forecast {
    /// Adds a step, whose rendering takes so long for each picture; the number of its pictures.
    pub(crate) fn add(&mut self, step: &Step<Coded>, each: Duration) -> usize {
        let (pictures, rendered): (Vec<&Access<Coded>>, bool) = match step {
            Step::Copy { pictures, .. } => (pictures.iter().collect(), false),
            Step::Render(run) => (run.shown().collect(), true),
        };
        let room = MOST_KEYS.saturating_sub(self.keys.len());
        self.keys.extend(
            pictures.iter().filter(|access| can_be_spliced(**access)).map(|access| access.pts).take(room),
        );
        let portion = Portion::of(pictures.iter().copied());
        if rendered {
            let frames = u32::try_from(portion.frames).unwrap_or(u32::MAX);
            let portion = Portion { runs: 1, takes: each.saturating_mul(frames), ..portion };
            let part = if self.copied.frames == 0 { &mut self.head } else { &mut self.tail };
            *part = part.and(portion);
        } else {
            self.copied = self.copied.and(portion);
        }
        pictures.len()
    }

    /// All pictures.
    pub(crate) fn all(&self) -> Portion {
        self.head.and(self.copied).and(self.tail)
    }
}
