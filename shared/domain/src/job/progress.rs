//! The progress of a job in work: which step it is at, and how much of its clip is made.

use super::{Fenced, Job, PlanSummary, State};
use crate::time::{EpochMs, Millis};
use serde::{Deserialize, Serialize};

/// The step that a job in work is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for a worker.
    Queued,
    /// It waits for its recording.
    Waiting,
    /// A worker reads the recording, and nothing is made yet.
    Reading,
    /// Pictures or audio are copied.
    Copying,
    /// Pictures are encoded; others may be copied at the same time.
    Encoding,
    /// Encoded pictures are played beside the copied ones.
    Checking,
    /// The clip is complete and becomes visible.
    Publishing,
    /// One that only a newer version of the service knows.
    #[serde(other)]
    Unknown,
}

/// A worker's report on a clip that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The step that it is at.
    pub phase: Phase,
    /// The length of the clip that it has made.
    pub made_ms: Millis,
    /// The way in which it makes the clip, once that is chosen.
    pub plan: Option<PlanSummary>,
}

/// The progress on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Fence of the claim that the phase and the live edge are of.
    pub fence: u64,
    /// The step that the work was at.
    pub phase: Phase,
    /// The length of the clip that was made: the most of all attempts.
    pub made_ms: Millis,
    /// The live edge of the recording that the job waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_edge_ms: Option<EpochMs>,
}

impl Job {
    /// The step that it is at; `None` if it has ended, or only a newer version of the service knows.
    pub fn phase(&self) -> Option<Phase> {
        match self.state {
            State::Queued => Some(Phase::Queued),
            State::WaitingSource => Some(Phase::Waiting),
            State::Running => {
                Some(self.current().map_or_else(|| self.first_phase(), |progress| progress.phase))
            }
            State::Fanned => Some(Phase::Encoding),
            State::Ready | State::Failed | State::Cancelled | State::Unknown => None,
        }
    }

    /// The part of the clip that is made, in per cent: 100 once its files are there, and never less than before.
    pub fn percent(&self) -> i64 {
        // Without progress on record, an earlier version has added what it waited for.
        let made_ms = self.progress.as_ref().map_or(self.done_ms, |progress| progress.made_ms);
        let made_ms = made_ms.max(self.fanned_ms());
        match self.state {
            State::Ready => 100,
            _ if self.order.duration_ms <= Millis::ZERO => 0,
            _ => ((made_ms * 100).get() / self.order.duration_ms.get()).clamp(0, 99),
        }
    }

    /// A claimed job's step before its worker has reported any.
    fn first_phase(&self) -> Phase {
        if self.fan().is_some() { Phase::Encoding } else { Phase::Reading }
    }

    /// The part of the window that is made, or was there while the job waited for its recording.
    pub fn made_ms(&self) -> Millis {
        self.done_ms.max(self.fanned_ms())
    }

    /// The live edge of the recording that it waits for; `None` if it waits for none, or
    /// the recording tells no edge.
    pub fn live_edge_ms(&self) -> Option<EpochMs> {
        self.current().filter(|_| self.state == State::WaitingSource)?.live_edge_ms
    }

    /// The progress of the claim in force.
    fn current(&self) -> Option<&Progress> {
        self.progress.as_ref().filter(|progress| progress.fence == self.fence)
    }

    /// The job with the `report` of the claim with `fence`; as it is if that claim is no longer in force.
    #[must_use]
    pub fn reported(&self, fence: u64, report: &Report) -> Job {
        if self.held(fence).is_err() {
            return self.clone();
        }
        let made_ms = report.made_ms.clamp(Millis::ZERO, self.order.duration_ms.max(Millis::ZERO));
        let before = self.progress.as_ref().map_or(Millis::ZERO, |progress| progress.made_ms);
        let progress =
            Progress { fence, phase: report.phase, made_ms: made_ms.max(before), live_edge_ms: None };
        Job {
            done_ms: self.done_ms.max(made_ms),
            progress: Some(progress),
            plan: report.plan.clone().or_else(|| self.plan.clone()),
            ..self.clone()
        }
    }

    /// Returns `true` if the `report` of the claim with `fence` says more than is on record.
    pub fn is_news(&self, fence: u64, report: &Report) -> bool {
        let next = self.reported(fence, report);
        let made = |job: &Job| job.progress.as_ref().map_or(Millis::ZERO, |progress| progress.made_ms);
        next.phase() != self.phase() || next.plan != self.plan || made(&next) > made(self)
    }

    /// Stores the `report` of the claim with `fence`, which is not renewed by that.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn progressed(&self, fence: u64, report: &Report, now: EpochMs) -> Result<Job, Fenced> {
        self.held(fence)?;
        Ok(self.reported(fence, report).touched(now))
    }

    /// The job, which waits for a recording whose live edge is at `live_edge_ms`.
    #[must_use]
    pub fn at_live_edge(self, live_edge_ms: Option<EpochMs>) -> Job {
        let made_ms = self.progress.as_ref().map_or(Millis::ZERO, |progress| progress.made_ms);
        let progress = Progress { fence: self.fence, phase: Phase::Waiting, made_ms, live_edge_ms };
        Job { progress: Some(progress), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, job, manifest, ms, report};
    use super::super::{Claim, STILL};
    use super::*;
    use crate::settings::Lifecycle;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const T0: EpochMs = at(1_000_000);

    fn claimed(job: &Job, now: EpochMs) -> Job {
        match job.claim(job.generation, "me", now, &Lifecycle::default()) {
            Claim::Granted(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    fn plan(kind: &str) -> PlanSummary {
        PlanSummary { kind: kind.to_owned(), ..PlanSummary::default() }
    }

    #[test]
    fn a_job_in_work_is_at_the_step_that_its_own_worker_reported_last() {
        let first = claimed(&job(), T0);
        assert_eq!((job().phase(), first.phase()), (Some(Phase::Queued), Some(Phase::Reading)));
        let encodes = first.progressed(1, &report(Phase::Encoding, 4500), T0).unwrap();
        assert_eq!((encodes.phase(), encodes.percent()), (Some(Phase::Encoding), 50));
        assert_eq!(encodes.lease_until, first.lease_until, "the claim is not renewed");
        let second = claimed(&encodes, T0 + ms(61_000));
        assert_eq!((second.phase(), second.percent()), (Some(Phase::Reading), 50));
        assert_eq!(second.reported(1, &report(Phase::Checking, 9000)), second, "its claim was lost");
        assert_eq!(second.progressed(1, &report(Phase::Checking, 9000), T0), Err(Fenced));
        let ready = second.with_video(2, manifest(0), plan("copy"), T0, &Lifecycle::default()).unwrap();
        assert_eq!((ready.phase(), ready.percent()), (None, 100));
    }

    #[test]
    fn the_plan_that_was_chosen_is_the_jobs_and_the_pictures_is_not() {
        let times = Lifecycle::default();
        let chosen = Report { plan: Some(plan("reencode")), ..report(Phase::Encoding, 0) };
        let running = claimed(&job(), T0);
        let pictured = running.with_image(1, manifest(0), plan(STILL), T0, &times).unwrap();
        assert_eq!(pictured.plan, None);
        let chosen = pictured.progressed(1, &chosen, T0).unwrap();
        assert_eq!(chosen.plan, Some(plan("reencode")));
        let later = chosen.progressed(1, &report(Phase::Encoding, 1), T0).unwrap();
        assert_eq!(later.plan, chosen.plan);
        let adopted = later.with_video(1, manifest(0), PlanSummary::default(), T0, &times).unwrap();
        assert_eq!(adopted.plan, chosen.plan);
    }

    #[test]
    fn a_job_that_waits_for_its_recording_has_made_nothing_by_that() {
        let times = Lifecycle::default();
        let waits = claimed(&job(), T0).waiting(1, T0 + ms(9000), ms(8000), T0, &times).unwrap();
        let waits = waits.at_live_edge(Some(at(908_000)));
        assert_eq!((waits.percent(), waits.phase()), (0, Some(Phase::Waiting)));
        assert_eq!((waits.live_edge_ms(), waits.done_ms), (Some(at(908_000)), ms(8000)));
        assert_eq!(claimed(&waits, T0 + ms(9000)).live_edge_ms(), None);
        let earlier = Job { progress: None, ..waits };
        assert_eq!(
            (earlier.percent(), earlier.live_edge_ms()),
            (88, None),
            "as an earlier version stores it"
        );
    }

    #[test]
    fn only_what_is_not_on_record_is_news() {
        let running = claimed(&job(), T0);
        assert!(!running.is_news(1, &report(Phase::Reading, 0)));
        let told = running.progressed(1, &report(Phase::Encoding, 100), T0).unwrap();
        for (fence, news, is_news) in [
            (1, report(Phase::Encoding, 100), false),
            (1, report(Phase::Encoding, 99), false),
            (1, report(Phase::Encoding, 101), true),
            (1, report(Phase::Checking, 100), true),
            (1, Report { plan: Some(plan("smart")), ..report(Phase::Encoding, 100) }, true),
            (2, report(Phase::Checking, 101), false),
        ] {
            assert_eq!(told.is_news(fence, &news), is_news, "{news:?}");
        }
    }

    proptest! {
        #[test]
        fn the_percentage_of_a_generation_never_falls(steps in vec((0..6, 0..20_000i64), 1..30)) {
            let (mut job, mut now, times) = (job(), T0, Lifecycle::default());
            let mut percent = 0;
            for (step, made) in steps {
                now = now + ms(40_000);
                let fence = job.fence;
                let next = match step {
                    0 => match job.claim(1, "me", now, &times) {
                        Claim::Granted(next) => Some(*next),
                        _ => None,
                    },
                    1 | 2 => job.progressed(fence, &report(Phase::Copying, made), now).ok(),
                    3 => job.released(fence, now, &times).ok(),
                    4 => job.renewed(fence, now, &times).ok(),
                    _ => job.waiting(fence, now + ms(30_000), ms(made), now, &times).ok(),
                };
                job = next.unwrap_or(job);
                prop_assert!((percent..100).contains(&job.percent()), "{} after {percent}", job.percent());
                percent = job.percent();
            }
        }
    }
}
