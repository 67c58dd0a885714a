//! A claimed job: every write is conditional on the claim, and a lost claim stops the work.

use crate::error::AttemptError;
use crate::upload::OpenUpload;
use crate::{App, World};
use export_clip::{ClipPhase, Gauge, Plan, Underway};
use export_domain::job::{Fenced, Job, Phase, PlanSummary, Report, State};
use export_domain::ports::Clock;
use export_domain::settings::Lifecycle;
use export_domain::time::{EpochMs, Millis};
use export_domain::update::{Change, update};
use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// Writes that may meet another one (the lease's own renewal) before the worker gives up.
const WRITE_TRIES: u32 = 8;

/// The job as it was written last, and the claim's fence.
#[derive(Debug)]
pub(crate) struct Lease<'a, W: World> {
    app: &'a App<W>,
    fence: u64,
    job: Mutex<Job>,
    open: OpenUpload,
    /// The progress of the clip; every write stores it.
    pub(crate) gauge: Arc<Gauge>,
    /// `true` once the clip is complete.
    complete: AtomicBool,
    /// `true` if this worker wrote down that the job has ended.
    ended: AtomicBool,
}

impl<'a, W: World> Lease<'a, W> {
    /// The claim of `job`, which has been written. Renewals note the upload that is `open`.
    pub(crate) fn new(app: &'a App<W>, job: Job, open: OpenUpload) -> Self {
        Self {
            app,
            fence: job.fence,
            job: Mutex::new(job),
            open,
            gauge: Arc::default(),
            complete: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn fence(&self) -> u64 {
        self.fence
    }

    /// The job as it was seen last.
    pub(crate) async fn job(&self) -> Job {
        self.job.lock().await.clone()
    }

    /// The clip is complete, and becomes visible next.
    pub(crate) fn completed(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    /// The report on the clip as it is now.
    fn report(&self) -> Report {
        let report = progress(self.gauge.read());
        let phase = if self.complete.load(Ordering::Relaxed) { Phase::Publishing } else { report.phase };
        Report { phase, ..report }
    }

    /// Writes what `change` makes of the job, as often as other writers of the same claim get in between.
    pub(crate) async fn write(
        &self,
        change: impl Fn(&Job, u64, EpochMs, &Lifecycle) -> Result<Job, Fenced>,
    ) -> Result<(), AttemptError> {
        let mut job = self.job.lock().await;
        let report = self.report();
        let found = Some(job.clone());
        *job = update(&self.app.jobs, found, WRITE_TRIES, |found| {
            let next = found.ok_or(Fenced).and_then(|found| {
                let reported = found.reported(self.fence, &report);
                let next = change(&reported, self.fence, self.app.clock.now(), &self.app.times)?;
                Ok(Change::write(Some(&found), next.clone(), next))
            });
            ready(next.map_err(AttemptError::from))
        })
        .await?;
        self.ended.fetch_or(job.state.is_terminal(), Ordering::Relaxed);
        Ok(())
    }

    /// Renews the claim, so that the job seen last is the job as it is.
    pub(crate) async fn confirm(&self) -> Result<(), AttemptError> {
        self.write(Job::renewed).await
    }

    /// Renews the claim and notes the upload that is open, if that is not on record: the next claim throws it away.
    async fn renew(&self) -> Result<(), AttemptError> {
        let Some(upload) = self.open.current() else { return self.confirm().await };
        self.write(|job, fence, now, times| {
            if job.uploads.iter().any(|begun| begun.id == upload.id) {
                return job.renewed(fence, now, times);
            }
            job.with_upload(fence, &upload.id, now, times)
        })
        .await
    }

    /// Stores the progress, if there is any since the last write.
    async fn tell(&self) -> Result<(), AttemptError> {
        let report = self.report();
        if !self.job().await.is_news(self.fence, &report) {
            return Ok(());
        }
        self.write(|job, fence, now, _| job.progressed(fence, &report, now)).await
    }

    /// Renews until the claim is lost, and as soon as an upload is begun; never returns otherwise. An end that this
    /// worker wrote down is no lost claim. A table that does not answer for a whole lease means that the claim may be
    /// someone else's by now. Between two renewals the progress is stored.
    pub(crate) async fn keep(&self) -> AttemptError {
        let Lifecycle { renew_ms, progress_ms, .. } = self.app.times;
        let (mut renewed_at, mut left) = (self.app.clock.now(), renew_ms);
        loop {
            let pause = left.min(progress_ms).max(Millis::new(1));
            tokio::select! {
                biased;
                () = self.open.begun() => left = Millis::ZERO,
                () = self.app.clock.sleep(pause) => left = left - pause,
            }
            let renews = left <= Millis::ZERO;
            if renews {
                left = renew_ms;
            }
            let written = if renews { self.renew().await } else { self.tell().await };
            match written {
                Ok(()) if renews => renewed_at = self.app.clock.now(),
                Ok(()) => {}
                Err(AttemptError::Fenced(_)) if self.ended.load(Ordering::Relaxed) => return pending().await,
                Err(AttemptError::Fenced(lost)) => return lost.into(),
                Err(error) if self.app.clock.now() - renewed_at >= self.app.times.lease_ms => {
                    return error;
                }
                Err(error) => {
                    tracing::warn!(%error, renews, "failed to renew a claim or to store the progress");
                }
            }
        }
    }

    /// Returns `true` if the job is still meant to be worked on.
    pub(crate) async fn is_running(&self) -> bool {
        self.job.lock().await.state == State::Running
    }
}

/// The engine's word on a clip under way as a report.
fn progress(underway: Underway) -> Report {
    let phase = match underway.phase {
        ClipPhase::Reading => Phase::Reading,
        ClipPhase::Copying => Phase::Copying,
        ClipPhase::Encoding => Phase::Encoding,
        ClipPhase::Checking => Phase::Checking,
    };
    Report {
        phase,
        made_ms: Millis::new(underway.made.to_millis_floor()),
        plan: underway.plan.map(plan_summary),
    }
}

/// The engine's plan as it is stored, without what the worker adds.
pub(crate) fn plan_summary(plan: Plan) -> PlanSummary {
    PlanSummary {
        kind: plan.kind.to_owned(),
        reason: plan.reason,
        fell_back: plan.fell_back.is_some(),
        frames_encoded: plan.frames_encoded,
        frames_copied: plan.frames_copied,
        render_ms: plan.render_ms,
        check_ms: plan.check_ms,
        ..PlanSummary::default()
    }
}
