//! The reports of a job for operators: one log line and its metrics for every claim and every attempt.

use crate::{App, World};
use export_clip::Unfit;
use export_clip::cage::{self, CagePolicy};
use export_domain::job::{Job, PlanSummary, Reason, State, Warning};
use export_domain::ports::Clock;
use export_domain::time::EpochMs;
use export_lambda::metrics::{BY_PLAN, BY_REASON, Metric, Metrics};
use std::io;

/// Finds out which parts of ffmpeg's cage the platform refuses, and tells operators by [`Metric::Uncaged`]. `now` is
/// the time.
///
/// # Errors
/// The platform refuses a part, and the policy is [`CagePolicy::Required`]; or nothing could be found out.
pub fn check_cage(policy: CagePolicy, metrics: &Metrics, now: EpochMs) -> io::Result<()> {
    let missing = cage::check()?;
    metrics.emit(now, &[], &[(Metric::Uncaged, u64::from(!missing.is_empty()))]);
    policy.judge(&missing)
}

impl<W: World> App<W> {
    /// `found` was claimed and became `claimed`, or had nothing left to be claimed with.
    pub(crate) fn report_claim(&self, found: &Job, claimed: &Job, granted: bool) {
        tracing::info!(
            tenant = %claimed.tenant, generation = claimed.generation,
            fence = claimed.fence, attempt = claimed.attempts, granted, "claimed a job"
        );
        let now = self.clock.now();
        let mut values = Vec::new();
        if found.state == State::Running {
            values.push((Metric::Takeovers, 1));
        }
        if granted && found.started_at.is_none() {
            values.push((Metric::QueueTime, (now - found.queued_at).count()));
        }
        values.extend(ending(claimed, now));
        self.metrics.emit(now, &[], &values);
    }

    /// An attempt left `job` like this.
    pub(crate) fn report_attempt(&self, job: &Job, fence: u64) {
        let (plan, now) = (job.plan.clone().unwrap_or_default(), self.clock.now());
        tracing::info!(
            tenant = %job.tenant, job.state = ?job.state, generation = job.generation,
            fence, took_ms = (now - job.started_at.unwrap_or_default()).get(),
            plan = plan.kind, reason = plan.reason, frames_encoded = plan.frames_encoded,
            frames_copied = plan.frames_copied, open_ms = plan.open_ms, render_ms = plan.render_ms,
            check_ms = plan.check_ms, total_ms = plan.total_ms, bytes_read = plan.bytes_read,
            bytes_written = plan.bytes_written, lack_ms = job.video.as_ref().map_or(0, |video| video.lack_ms.get()),
            warnings = warnings(job), "an attempt ended"
        );
        if job.state == State::Ready {
            report_warnings(&self.metrics, now, &job.warnings());
        }
        let reason = job.failure.as_ref().map(|failure| (BY_REASON, failure.reason.code()));
        self.metrics.emit(now, reason.as_slice(), &ending(job, now));
        // An earlier attempt's clip has the plan that was chosen, and no cost.
        if job.video.is_some() && plan.bytes_written > 0 {
            self.metrics.emit(now, &[(BY_PLAN, &plan.kind)], &making(&plan));
        }
    }
}

/// A clip that was to be copied has been rendered.
pub(crate) fn report_fallback(metrics: &Metrics, now: EpochMs, unfit: Unfit) {
    let dimensions = [(BY_PLAN, "reencode"), (BY_REASON, unfit.code())];
    metrics.emit(now, &dimensions, &[(Metric::Fallbacks, 1)]);
}

/// A job is ready with `warnings`.
fn report_warnings(metrics: &Metrics, now: EpochMs, warnings: &[&Warning]) {
    for warning in warnings {
        metrics.emit(now, &[(BY_REASON, warning.code.name())], &[(Metric::Warnings, 1)]);
    }
}

/// A job's warnings in one line: `pictures_left_out x3, rates_corrected x1`.
fn warnings(job: &Job) -> String {
    let line = |warning: &Warning| format!("{} x{}", warning.code.name(), warning.count);
    job.warnings().into_iter().map(line).collect::<Vec<_>>().join(", ")
}

/// The metrics of a job's end; none if it goes on.
fn ending(job: &Job, now: EpochMs) -> Vec<(Metric, u64)> {
    match (job.state, job.failure.as_ref().map(|failure| &failure.reason)) {
        (State::Ready, _) => {
            let since = job.queued_at.max(job.order.window_end());
            vec![(Metric::Ready, 1), (Metric::JobTime, (now - since).count())]
        }
        (State::Failed, Some(Reason::TimedOut)) => vec![(Metric::TimedOut, 1)],
        (State::Failed, _) if !job.is_looked_for() => vec![(Metric::Failed, 1)],
        _ => Vec::new(),
    }
}

/// The metrics of how a clip was made.
fn making(plan: &PlanSummary) -> [(Metric, u64); 8] {
    [
        (Metric::Clips, 1),
        (Metric::FramesEncoded, plan.frames_encoded),
        (Metric::FramesCopied, plan.frames_copied),
        (Metric::BytesRead, plan.bytes_read),
        (Metric::BytesWritten, plan.bytes_written),
        (Metric::RenderTime, plan.render_ms),
        (Metric::CheckTime, plan.check_ms),
        (Metric::TotalTime, plan.total_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_domain::job::{Detail, WarningCode};
    use serde_json::Value;
    use std::sync::{Arc, Mutex};

    #[test]
    fn operators_count_clips_with_a_warning_by_its_code() {
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let codes = [WarningCode::StartTimeDiffers, WarningCode::RatesCorrected];
        let warnings = codes.map(|code| Warning { code, count: 3, detail: Detail::default() });
        report_warnings(&Metrics::to("test", lines.clone()), EpochMs::ZERO, &warnings.each_ref());
        let lines = lines.lock().unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line["Reason"].as_str(), &line["Warnings"])).collect();
        let one = Value::from(1);
        assert_eq!(told, [(Some("start_time_differs"), &one), (Some("rates_corrected"), &one)]);
    }

    #[test]
    fn operators_count_clips_that_could_not_be_copied_by_what_stood_in_the_way() {
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        report_fallback(&Metrics::to("test", lines.clone()), EpochMs::ZERO, Unfit::ParameterSets);
        let lines = lines.lock().unwrap();
        let told = |name: &str| lines.iter().find_map(|line| line.get(name)).cloned().unwrap_or_default();
        assert_eq!((told("PlanKind"), told("Reason")), ("reencode".into(), "parameter_sets".into()));
        assert_eq!(told("Fallbacks"), 1);
    }
}
