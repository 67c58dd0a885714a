//! Tasks that end with what started them: nothing outlives an invocation.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// A spawned task that is aborted when this is dropped. Its log lines name what those of its maker name, and so does the
/// one that it panicked.
#[derive(Debug)]
pub struct Task<T>(AbortOnDropHandle<T>);

impl<T: Send + 'static> Task<T> {
    /// Starts `work`.
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(work.in_current_span())))
    }
}

impl<T> Task<T> {
    /// Returns `true` if it has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        if let Err(error) = &ended
            && error.is_panic()
        {
            tracing::error!(%error, "a task panicked");
        }
        Poll::Ready(ended)
    }
}
