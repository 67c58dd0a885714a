//! The clip engine's ports on the worker's: recordings in S3, and a job's order as a selection.

use crate::error::AttemptError;
use crate::upload::{OpenUpload, Place, Prepared, Uploader};
use bytes::Bytes;
use export_clip::{
    Asked, ClipPhase, ClipWriter, Plan, ReadFailure, Selection, Sink, Source, Underway, VideoCodec,
};
use export_domain::job::{Hole, Job, Phase, PlanSummary, Reason, Report, Warning, WarningCode};
use export_domain::ports::{ClipStore, RecordingError, SourceStore};
use export_domain::request::{ExportType, Wanted};
use export_domain::storage::Container;
use export_domain::target::Bucket;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use std::sync::Arc;

/// The recording that a job is about, among those of its tenant.
pub(crate) struct JobRecording<O> {
    objects: Arc<O>,
    bucket: Bucket,
    manifest: String,
}

impl<O> JobRecording<O> {
    pub(crate) fn new(objects: Arc<O>, tenant: &Tenant, job: &Job) -> Self {
        Self { objects, bucket: tenant.source(), manifest: tenant.manifest_key(&job.order.live_path) }
    }

    /// The part of it that `job` wants.
    pub(crate) fn selection(&self, job: &Job, now: EpochMs) -> Selection {
        let order = &job.order;
        let window = Asked {
            start_pos_ms: order.start_pos_ms.get(),
            start_time_ms: Some(order.start_time_ms.get()),
            duration_ms: order.duration_ms.get(),
            wall_end_ms: order.window_end().get(),
            still: order.wanted == Wanted::Thumbnail,
        };
        let codec = match order.export_type {
            ExportType::AsRecorded | ExportType::Unknown => None,
            ExportType::H264 => Some(VideoCodec::H264),
            ExportType::H265 => Some(VideoCodec::Hevc),
        };
        Selection {
            manifest: self.manifest.clone(),
            window,
            codec,
            now_ms: now.get(),
            asked_at_ms: job.queued_at.get(),
        }
    }
}

impl<O: SourceStore + 'static> Source for JobRecording<O> {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        self.objects.read(&self.bucket, path, range, most).await.map_err(|error| match error {
            RecordingError::NotFound => ReadFailure::NotFound,
            RecordingError::Denied => ReadFailure::Denied(
                "the recording may not be read; that takes s3:GetObject, and s3:ListBucket for what is not there"
                    .to_owned(),
            ),
            RecordingError::Key(why) => {
                let cause = Reason::KeyNotUsable.because("the recording's key cannot be used");
                ReadFailure::Outside(AttemptError::Refused { cause, why }.into())
            }
            RecordingError::Clock(why) => ReadFailure::Outside(AttemptError::ClockWrong(why).into()),
            RecordingError::TooLarge => ReadFailure::TooLarge,
            RecordingError::Unavailable(error) => ReadFailure::Unavailable(error.to_string()),
        })
    }
}

/// Uploads of one clip, of which at most one is open.
pub(crate) struct Uploads<O> {
    pub(crate) store: Arc<O>,
    pub(crate) place: Place,
    pub(crate) open: OpenUpload,
}

impl<O: ClipStore + 'static> Sink for Uploads<O> {
    type Writer = Uploader<O>;

    async fn begin(&self, headed: bool) -> Result<Uploader<O>, export_clip::Error> {
        self.open.throw_away(self.store.as_ref(), &self.place.target).await;
        Ok(Uploader::new(Arc::clone(&self.store), self.place.clone(), self.open.clone(), headed))
    }
}

impl<O: ClipStore + 'static> ClipWriter for Uploader<O> {
    type Written = Prepared;

    async fn append(&mut self, data: &[u8]) -> Result<(), export_clip::Error> {
        Ok(Self::append(self, data).await?)
    }

    async fn finish(self, head: Option<Bytes>) -> Result<Prepared, export_clip::Error> {
        Ok(Self::finish(self, head).await?)
    }
}

/// The engine's word for a container.
pub(crate) fn container(container: Container) -> export_clip::Container {
    match container {
        Container::Ts | Container::Unknown => export_clip::Container::Ts,
        Container::Mp4 => export_clip::Container::Mp4,
    }
}

/// The engine's word on a clip under way as a report.
pub(crate) fn report(underway: Underway) -> Report {
    let phase = match underway.phase {
        ClipPhase::Reading => Phase::Reading,
        ClipPhase::Copying => Phase::Copying,
        ClipPhase::Encoding => Phase::Encoding,
        ClipPhase::Checking => Phase::Checking,
    };
    Report { phase, made_ms: Millis::new(underway.made.to_millis_floor()), plan: underway.plan.map(plan) }
}

/// The engine's plan as it is stored, without what the worker adds.
pub(crate) fn plan(plan: Plan) -> PlanSummary {
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

/// A hole as it is stored.
pub(crate) fn hole(hole: export_clip::Uncovered) -> Hole {
    Hole { at_ms: Millis::new(hole.at_ms), length_ms: Millis::new(hole.length_ms) }
}

/// The engine's warnings as they are stored.
pub(crate) fn warnings(warnings: Vec<export_clip::Warning>) -> Vec<Warning> {
    use export_clip::WarningCode as Engine;
    let stored = |warning: export_clip::Warning| {
        let code = match warning.code {
            Engine::SegmentsLeftOut => WarningCode::SegmentsLeftOut,
            Engine::PicturesLeftOut => WarningCode::PicturesLeftOut,
            Engine::PicturesDamaged => WarningCode::PicturesDamaged,
            Engine::PicturesScaled => WarningCode::PicturesScaled,
            Engine::PicturesConverted => WarningCode::PicturesConverted,
            Engine::MetadataLeftOut => WarningCode::MetadataLeftOut,
            Engine::AudioLeftOut => WarningCode::AudioLeftOut,
            Engine::AudioEncoded => WarningCode::AudioEncoded,
            Engine::TracksMatchedByPosition => WarningCode::TracksMatchedByPosition,
            Engine::RatesCorrected => WarningCode::RatesCorrected,
            Engine::StartTimeDiffers => WarningCode::StartTimeDiffers,
        };
        Warning { code, count: warning.count, detail: warning.detail.into() }
    };
    warnings.into_iter().map(stored).collect()
}
