//! The choice to make a clip that is encoded as a whole in chunks, and the look that these have in common.

mod look;

pub(crate) use self::look::ReadyLook;

use crate::budget::Budget;
use crate::chunked::ChunkLook;
use crate::codec::picture::Setup;
use crate::error::{Error, Refusal};
use crate::machine::Machine;
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use export_media::weight::{Load, Share};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// When a clip that is encoded as a whole is made in chunks, and in which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOut {
    /// Also made in chunks is what is estimated to take longer than this; `None`: only what does not fit into the time.
    pub above: Option<Duration>,
    /// Chunks that may be made at the same time, at least 1.
    pub at_once: u32,
    /// The shortest chunk: shorter ones cost more than they save.
    pub least: Duration,
    /// The longest that making a chunk may be estimated to take.
    pub chunk_work: Duration,
    /// The machine that chunks are made on.
    pub machine: Machine,
    /// The most chunks of a clip: what needs more is refused as too large.
    pub most: u32,
}

/// The part that a planner makes of a clip.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClipPart<'a> {
    /// All of it.
    Whole,
    /// All of it, unless it is to be made in chunks.
    Open(&'a Fanning),
    /// A chunk, which looks like this.
    Chunk(&'a ReadyLook),
}

impl ClipPart<'_> {
    /// The look that is not this part's to choose.
    pub(crate) fn look(&self) -> Option<&ReadyLook> {
        match self {
            Self::Chunk(look) => Some(look),
            Self::Whole | Self::Open(_) => None,
        }
    }

    /// Judges whether a clip that looks like `clip` can be rendered here.
    ///
    /// # Errors
    /// [`Kind::ClipTooLarge`](crate::Kind::ClipTooLarge); any error if it is made in chunks.
    pub(crate) fn check_before(
        &self,
        budget: &Budget,
        (clip, codec): (&Setup, VideoCodec),
        load: &Load<'_>,
        share: Share,
    ) -> Result<(), Error> {
        match self {
            Self::Chunk(_) => Ok(()),
            Self::Whole => Ok(budget.check_before(clip, codec, share).map_err(Refusal::from)?),
            Self::Open(fanning) => fanning.check_before(budget, (clip, codec), load, share),
        }
    }
}

/// A clip whose making may turn out to be better done in chunks.
#[derive(Debug)]
pub(crate) struct Fanning {
    wanted: FanOut,
    found: Mutex<Option<FannedClip>>,
}

/// The beginning of a clip that is made in chunks.
#[derive(Debug, Clone)]
pub(crate) struct FannedClip {
    pub(crate) wanted: FanOut,
    pub(crate) look: ChunkLook,
    /// Recorded media of the window.
    pub(crate) recorded: Nanos,
    /// The time that one machine takes for all of it.
    pub(crate) work: Duration,
}

impl Fanning {
    pub(crate) fn new(wanted: FanOut) -> Self {
        Self { wanted, found: Mutex::default() }
    }

    /// The clip's beginning, if it turned out to be made in chunks.
    pub(crate) fn take(&self) -> Option<FannedClip> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn check_before(
        &self,
        budget: &Budget,
        (clip, codec): (&Setup, VideoCodec),
        load: &Load<'_>,
        share: Share,
    ) -> Result<(), Error> {
        let FanOut { above, machine, .. } = self.wanted;
        let estimate = budget.estimate(clip, codec, share);
        let fits = budget.check_before(clip, codec, share).is_ok();
        if fits && above.is_none_or(|above| estimate <= above) {
            return Ok(());
        }
        let there = budget.moved_to(machine);
        let share = there.share(load)?;
        let found = FannedClip {
            wanted: self.wanted,
            look: look::of(clip, codec, share, there.threads_for(share.at_once)),
            recorded: budget.wanted(),
            work: there.estimate(clip, codec, share),
        };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Err(Error::Passing("the clip is made in chunks".to_owned()))
    }
}
