//! One worker's work on one claimed job, from the claim to the record of how it ended.

use crate::error::{AttemptError, given_up, renewed};
use crate::lease::Lease;
use crate::upload::OpenUpload;
use crate::{App, World};
use export_clip::Error as ClipError;
use export_domain::job::{Cause, Fenced, Job, Reason};
use export_domain::message::MAX_DELAY_S;
use export_domain::ports::{Clock, JobQueue};
use export_domain::request::Wanted;
use export_domain::settings::Lifecycle;
use export_domain::time::{EpochMs, Millis};
use export_lambda::batch::Disposition;
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::time::Instant;

/// Time to write down how an attempt ended.
const FAREWELL: Duration = Duration::from_secs(10);

/// A claimed job in work.
pub(crate) struct Attempt<'a, W: World> {
    pub(crate) app: &'a App<W>,
    pub(crate) lease: Lease<'a, W>,
    /// The job as it was claimed; [`Lease::job`] has what was written since.
    pub(crate) job: Job,
    /// The upload that is open: all that is left of it in the end was not published.
    pub(crate) open: OpenUpload,
    /// When the invocation ends.
    until: Instant,
}

impl<'a, W: World> Attempt<'a, W> {
    /// Takes over a job whose claim has been written.
    pub(crate) fn new(app: &'a App<W>, job: Job, until: Instant) -> Self {
        let open = OpenUpload::default();
        Self { app, lease: Lease::new(app, job.clone(), open.clone()), job, open, until }
    }

    /// Works until done, until the claim is lost, or until the time is up.
    pub(crate) async fn run(&self) -> Disposition {
        let left = self.left();
        let soft = left.saturating_sub(FAREWELL.min(left / 4)).min(self.until_deadline());
        // In this order, not by chance: after a pause the time decides first, and a simulation's seed everything.
        let worked = tokio::select! {
            biased;
            () = tokio::time::sleep(soft) => Err(time_is_up(self.job.order.wanted)),
            lost = self.lease.keep() => Err(lost),
            worked = self.work() => worked,
        };
        let ended = match worked {
            Ok(()) => Ok(()),
            Err(error) => self.write_down(error).await,
        };
        self.throw_away().await;
        match ended {
            Ok(()) => {
                let job = self.lease.job().await;
                self.app.report_attempt(&job, self.lease.fence());
                self.app.tell(&job).await;
                Disposition::Acknowledge
            }
            // A lost claim is somebody else's job now; anything else is healed by the sweeper after the lease.
            Err(error) => {
                tracing::warn!(%error, "an attempt was interrupted");
                Disposition::Acknowledge
            }
        }
    }

    /// The time that the invocation has left.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Aborts the upload that is open.
    pub(crate) async fn throw_away(&self) {
        self.open.throw_away(self.app.objects.as_ref(), &self.job.order.target).await;
    }

    /// Past its deadline a job has failed for every reader: nothing may be committed any more.
    fn until_deadline(&self) -> Duration {
        let deadline = self.job.deadline_at.unwrap_or(EpochMs::MAX);
        (deadline - self.app.clock.now()).into()
    }

    /// Records in the job how the attempt ended.
    async fn write_down(&self, error: AttemptError) -> Result<(), AttemptError> {
        match error {
            AttemptError::Fenced(lost) => Err(lost.into()),
            AttemptError::GivenUp(cause) => {
                tracing::info!(reason = %cause.reason, detail = %cause.detail, "the job failed");
                self.fail(&cause).await
            }
            AttemptError::Refused { cause, why } => {
                tracing::warn!(why, reason = %cause.reason, detail = %cause.detail, "the job failed");
                self.fail(&cause).await
            }
            AttemptError::ClockWrong(why) => {
                tracing::warn!(why, reason = %Reason::ClockWrong, "an attempt met a service that refuses its clock");
                self.try_later(Job::put_off_for_clock).await
            }
            AttemptError::Onward(onward) => self.go_on(onward).boxed().await,
            AttemptError::Clip(error) => self.write_down_clip(error).await,
        }
    }

    async fn write_down_clip(&self, error: ClipError) -> Result<(), AttemptError> {
        match error {
            ClipError::GivenUp(cause) => {
                let cause = given_up(cause);
                tracing::info!(reason = %cause.reason, detail = %cause.detail, "the job failed");
                self.fail(&cause).await
            }
            ClipError::Waiting { wake_at, available_ms, live_edge_ms } => {
                let (wake_at, available) = (EpochMs::new(wake_at), Millis::new(available_ms));
                let waiting = |job: &Job, fence, now, times: &_| {
                    let waits = job.waiting(fence, wake_at, available, now, times)?;
                    Ok(waits.at_live_edge(live_edge_ms.map(EpochMs::new)))
                };
                self.try_later(waiting).await
            }
            ClipError::Unanswered(why) => {
                tracing::warn!(why, "an attempt failed: a service does not answer; the job will be retried");
                self.try_later(Job::put_off).await
            }
            ClipError::Passing(why) => {
                tracing::warn!(why, "an attempt failed with a transient error; the job will be retried");
                self.try_later(Job::released).await
            }
            // All ways have been tried, and what was not explained came twice.
            ClipError::Unexplained(why) | ClipError::Unfit(_, why) => self.not_possible(&why).await,
            // The functions were replaced, and their chunks are of no use to the new ones: a client may ask again.
            ClipError::Chunk(..) => self.fail(&renewed()).await,
            error @ ClipError::FanOut(_) => self.not_possible(&error.to_string()).await,
            ClipError::Outside(error) => self.not_possible(&error.to_string()).await,
        }
    }

    async fn not_possible(&self, why: &str) -> Result<(), AttemptError> {
        let cause = Reason::NotPossible.because(why);
        tracing::warn!(reason = %cause.reason, detail = %cause.detail, "the job failed");
        self.fail(&cause).await
    }

    pub(crate) async fn fail(&self, cause: &Cause) -> Result<(), AttemptError> {
        self.lease.write(|job, fence, now, times| job.given_up(fence, cause.clone(), now, times)).await
    }

    /// Writes a job that goes on later, and sends its message.
    async fn try_later(
        &self,
        change: impl Fn(&Job, u64, EpochMs, &Lifecycle) -> Result<Job, Fenced>,
    ) -> Result<(), AttemptError> {
        self.lease.write(change).await?;
        self.wake_later().await;
        Ok(())
    }

    /// A message that could not be sent is no failure, and one that would come too early is not sent: the sweeper sees
    /// to the job.
    async fn wake_later(&self) {
        let (job, now) = (self.lease.job().await, self.app.clock.now());
        if job.sleep_s(now) > MAX_DELAY_S {
            return;
        }
        if let Err(error) = self.app.queue.send_for(&job, now).await {
            tracing::warn!(%error, "failed to send a wake-up message; the sweeper resends it");
        }
    }
}

/// A still takes a part of a second: if a whole invocation does not do, a service does not answer.
fn time_is_up(wanted: Wanted) -> AttemptError {
    let why = "the time is up";
    match wanted {
        Wanted::Media | Wanted::Stamped | Wanted::Reel | Wanted::Unknown => AttemptError::passing(why),
        Wanted::Thumbnail => AttemptError::unanswered(why),
    }
}
