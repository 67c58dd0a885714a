//! Why work on a job stops before it is done.

use export_clip::Unfit;
use export_domain::job::{Cause, Fenced, Reason};
use export_domain::ports::{Unavailable, WriteError};
use tokio::task::JoinError;

/// Decides what becomes of the job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// It cannot succeed.
    #[error("gave up: {0}")]
    GivenUp(Cause),
    /// The recording has not grown far enough.
    #[error("the recording ends before the window")]
    Waiting {
        /// When to look again, milliseconds since the epoch.
        wake_at: i64,
        /// Milliseconds of the window that are there.
        available_ms: i64,
    },
    /// A service did not answer: neither the job nor its recording has a part in it. The text is for the log.
    #[error("{0}")]
    Unanswered(String),
    /// A service refuses the time of this worker's requests. The text is for the log.
    #[error("{0}")]
    ClockWrong(String),
    /// ffmpeg was killed, the time is up, something came in between: another attempt may succeed. The text is for the log.
    #[error("{0}")]
    Passing(String),
    /// Something is missing from what was made, and nobody complained: lost on its way, or always so. Once more tells.
    /// The text is for people.
    #[error("{0}")]
    Unexplained(String),
    /// What is made in this way, of this recording, is refused or not as it should be, and would be so again. The text
    /// is for people.
    #[error("cannot be made in this way: {1}")]
    Unfit(Unfit, String),
    /// The claim was lost.
    #[error(transparent)]
    Fenced(#[from] Fenced),
}

impl From<Cause> for WorkError {
    fn from(cause: Cause) -> Self {
        WorkError::GivenUp(cause)
    }
}

impl From<Unavailable> for WorkError {
    fn from(error: Unavailable) -> Self {
        WorkError::Unanswered(error.to_string())
    }
}

impl From<WriteError> for WorkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Denied(why) => {
                tracing::warn!(why, "the target refused the write");
                let takes = "s3:PutObject and s3:GetObject, and s3:ListBucket for what is not there";
                let detail =
                    format!("the storage does not let the service look or write; that takes {takes}");
                Reason::Denied.because(detail).into()
            }
            WriteError::Key(why) => {
                tracing::warn!(why, "the key of the target cannot be used");
                Reason::KeyNotUsable.because("the storage's key cannot be used").into()
            }
            WriteError::Clock(why) => WorkError::ClockWrong(why),
            WriteError::Unavailable(error) => error.into(),
        }
    }
}

impl From<JoinError> for WorkError {
    fn from(error: JoinError) -> Self {
        export_clip::Error::from(error).into()
    }
}

/// The engine's errors as the job's.
impl From<export_clip::Error> for WorkError {
    fn from(error: export_clip::Error) -> Self {
        use export_clip::Error;
        match error {
            Error::GivenUp(cause) => Self::GivenUp(given_up(cause)),
            Error::Waiting { wake_at, available_ms } => Self::Waiting { wake_at, available_ms },
            Error::Unanswered(why) => Self::Unanswered(why),
            Error::Passing(why) => Self::Passing(why),
            Error::Unexplained(why) => Self::Unexplained(why),
            Error::Unfit(unfit, why) => Self::Unfit(unfit, why),
            Error::Outside(error) => match error.downcast::<WorkError>() {
                Ok(own) => *own,
                Err(other) => Self::Unexplained(other.to_string()),
            },
        }
    }
}

/// An error of the sink or the observer on its way through the engine.
impl From<WorkError> for export_clip::Error {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Unanswered(why) => Self::Unanswered(why),
            WorkError::Passing(why) => Self::Passing(why),
            WorkError::Unexplained(why) => Self::Unexplained(why),
            WorkError::Unfit(unfit, why) => Self::Unfit(unfit, why),
            own @ (WorkError::GivenUp(_)
            | WorkError::Waiting { .. }
            | WorkError::ClockWrong(_)
            | WorkError::Fenced(_)) => Self::Outside(Box::new(own)),
        }
    }
}

/// The one table from what makes a clip impossible to what clients are told.
fn given_up(export_clip::Cause { reason, detail }: export_clip::Cause) -> Cause {
    use export_clip::Reason as Engine;
    let reason = match reason {
        Engine::SourceAbsent => Reason::SourceAbsent,
        Engine::BadRecording => Reason::BadRecording,
        Engine::Encrypted => Reason::Encrypted,
        Engine::UnsupportedCodec => Reason::UnsupportedCodec,
        Engine::NoVideo => Reason::NoVideo,
        Engine::ClipTooLarge { longest_ms } => Reason::ClipTooLarge { longest_ms },
        Engine::PicturesTooLarge => Reason::PicturesTooLarge,
        Engine::NoMedia => Reason::NoMedia,
        Engine::NotPossible => Reason::NotPossible,
        Engine::Denied => Reason::Denied,
    };
    if detail.is_empty() { reason.into() } else { reason.because(detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_worker_comes_back_from_the_engine_as_it_went() {
        let back = |error: WorkError| WorkError::from(export_clip::Error::from(error));
        assert!(matches!(back(Fenced.into()), WorkError::Fenced(_)));
        let denied = Reason::Denied.because("the storage does not let the service write");
        assert!(matches!(back(denied.clone().into()), WorkError::GivenUp(cause) if cause == denied));
        let passing = WorkError::Passing("the object in the way changed".to_owned());
        assert!(matches!(back(passing), WorkError::Passing(why) if why == "the object in the way changed"));
    }

    #[test]
    fn what_the_engine_says_no_more_of_is_explained_in_the_usual_words() {
        let absent = WorkError::from(export_clip::Error::from(export_clip::Cause::from(
            export_clip::Reason::SourceAbsent,
        )));
        assert!(
            matches!(absent, WorkError::GivenUp(cause) if cause == Cause::from(Reason::SourceAbsent)),
            "the detail is the reason's usual one"
        );
    }
}
