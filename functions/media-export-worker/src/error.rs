//! The reasons for which an attempt stops before its job is done.

use export_clip::Error as ClipError;
use export_domain::job::{Cause, FanSize, Fenced, Reason};
use export_domain::ports::{Unavailable, WriteError};
use export_domain::time::Millis;
use export_domain::update::Contended;
use tokio::task::JoinError;

/// The next step of a job that is left to its chunks.
#[derive(Debug)]
pub(crate) enum Onward {
    /// It is planned.
    Planned(FanSize),
    /// The execution runs, or is still to be started for `missing` chunks.
    Still { absent: bool, missing: Vec<u32> },
    /// The execution is over, and chunks are missing.
    Again { missing: Vec<u32> },
}

/// An error of an attempt; decides what becomes of the job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    /// The engine's errors, and the worker's that are of the same kind.
    #[error(transparent)]
    Clip(ClipError),
    /// The job is not to be done.
    #[error("gave up: {0}")]
    GivenUp(Cause),
    /// A store refuses what the job needs. `why` is for the log.
    #[error("gave up: {cause}: {why}")]
    Refused {
        /// The failure of the job.
        cause: Cause,
        /// The store's reply.
        why: String,
    },
    /// A service refuses the time of this worker's requests. The text is for the log.
    #[error("{0}")]
    ClockWrong(String),
    /// The clip is left to functions that make its chunks.
    #[error("the clip is left to its chunks")]
    Onward(Onward),
    /// The claim was lost.
    #[error(transparent)]
    Fenced(#[from] Fenced),
}

impl AttemptError {
    /// Another attempt may succeed. The text is for the log.
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self::Clip(ClipError::Passing(why.into()))
    }

    /// A service did not answer. The text is for the log.
    pub(crate) fn unanswered(why: impl Into<String>) -> Self {
        Self::Clip(ClipError::Unanswered(why.into()))
    }
}

impl From<Cause> for AttemptError {
    fn from(cause: Cause) -> Self {
        Self::GivenUp(cause)
    }
}

impl From<Unavailable> for AttemptError {
    fn from(error: Unavailable) -> Self {
        Self::unanswered(error.to_string())
    }
}

impl From<Contended> for AttemptError {
    fn from(contended: Contended) -> Self {
        Unavailable::from(contended).into()
    }
}

impl From<WriteError> for AttemptError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Denied(why) => {
                let takes = "s3:PutObject and s3:GetObject, and s3:ListBucket for what is not there";
                let detail =
                    format!("the storage does not let the service look or write; that takes {takes}");
                Self::Refused { cause: Reason::Denied.because(detail), why }
            }
            WriteError::Key(why) => {
                let cause = Reason::KeyNotUsable.because("the storage's key cannot be used");
                Self::Refused { cause, why }
            }
            WriteError::Clock(why) => Self::ClockWrong(why),
            WriteError::Unavailable(error) => error.into(),
        }
    }
}

impl From<JoinError> for AttemptError {
    fn from(error: JoinError) -> Self {
        Self::Clip(error.into())
    }
}

/// The worker's own errors come back from the engine as they went.
impl From<ClipError> for AttemptError {
    fn from(error: ClipError) -> Self {
        match error {
            ClipError::Outside(error) => match error.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => Self::Clip(ClipError::Outside(other)),
            },
            error => Self::Clip(error),
        }
    }
}

/// An error of the source, the sink or the observer on its way through the engine.
impl From<AttemptError> for ClipError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Clip(error) => error,
            own => Self::Outside(Box::new(own)),
        }
    }
}

/// The one table from what makes a clip impossible to what clients are told.
pub(crate) fn given_up(export_clip::Refusal { kind, detail }: export_clip::Refusal) -> Cause {
    use export_clip::Kind as Engine;
    let reason = match kind {
        Engine::SourceAbsent => Reason::SourceAbsent,
        Engine::BadRecording => Reason::BadRecording,
        Engine::Encrypted => Reason::Encrypted,
        Engine::UnsupportedCodec => Reason::UnsupportedCodec,
        Engine::NoVideo => Reason::NoVideo,
        Engine::ClipTooLarge { longest_ms } => Reason::ClipTooLarge { longest_ms: Millis::new(longest_ms) },
        Engine::PicturesTooLarge => Reason::PicturesTooLarge,
        Engine::NoMedia => Reason::NoMedia,
        Engine::NotPossible => Reason::NotPossible,
        Engine::Denied => Reason::Denied,
    };
    if detail.is_empty() { reason.into() } else { reason.because(detail) }
}

/// The failure of a clip whose chunks are of another program than the one that joins them. A POST starts over.
pub(crate) fn renewed() -> Cause {
    Reason::TimedOut.because("the service was renewed while the clip was made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_worker_comes_back_from_the_engine_as_it_went() {
        let back = |error: AttemptError| AttemptError::from(ClipError::from(error));
        assert!(matches!(back(Fenced.into()), AttemptError::Fenced(_)));
        let denied = Reason::Denied.because("the storage does not let the service write");
        assert!(matches!(back(denied.clone().into()), AttemptError::GivenUp(cause) if cause == denied));
        let passing = AttemptError::passing("the object in the way changed");
        assert!(
            matches!(back(passing), AttemptError::Clip(ClipError::Passing(why)) if why == "the object in the way changed")
        );
    }

    #[test]
    fn what_the_engine_says_no_more_of_is_explained_in_the_usual_words() {
        let absent = given_up(export_clip::Kind::SourceAbsent.into());
        assert_eq!(absent, Cause::from(Reason::SourceAbsent), "the detail is the reason's usual one");
    }
}
