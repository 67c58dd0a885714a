//! The window of a job by whole segments of its recording, as that is now: what is played until the clip's ends are made.

use crate::App;
use crate::handler::{NoLinks, none};
use crate::play::ShownPlaylist;
use bytes::Bytes;
use export_clip::{
    Asked, Error as ClipError, NoSegments, ReadFailure, Refusal, Selection, Source, VideoCodec,
    whole_segments,
};
use export_domain::intake::Rejection;
use export_domain::job::Job;
use export_domain::ports::{Clock, JobStore, RecordingError, Sessions, SourceStore, Tenants, Unavailable};
use export_domain::request::ExportType;
use export_domain::target::Bucket;
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use std::sync::Arc;

/// Seconds until a window that has not begun is looked at again.
const AGAIN_S: u64 = 2;

/// The recordings of a tenant, as the clip engine reads them.
#[derive(Debug)]
struct PlayedRecordings<O> {
    objects: Arc<O>,
    bucket: Bucket,
}

impl<O: SourceStore + 'static> Source for PlayedRecordings<O> {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        let read = self.objects.read(&self.bucket, path, range, most).await;
        read.map(|read| read.bytes).map_err(|error| match error {
            RecordingError::NotFound => ReadFailure::NotFound,
            RecordingError::TooLarge => ReadFailure::TooLarge,
            other => ReadFailure::Outside(Box::new(other)),
        })
    }
}

impl<J, L, S, T, C> App<J, L, S, T, C>
where
    J: JobStore,
    L: SourceStore + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// The segments that there are of the job's window.
    pub(crate) async fn whole(&self, tenant: &Tenant, job: &Job) -> Result<ShownPlaylist, NoLinks> {
        let now = self.intake.clock.now();
        let source = PlayedRecordings { objects: Arc::clone(&self.links), bucket: tenant.source() };
        let found = whole_segments(Arc::new(source), &selection(tenant, job, now)).await;
        let found = found.map_err(|error| match error {
            NoSegments::Refused(why) => none(&why.to_string()),
            NoSegments::Failed(error) => failed(error, now),
        })?;
        let tracks = || found.playlist.tracks();
        if tracks().all(|track| !track.segments.is_empty()) {
            return Ok(ShownPlaylist { ends: found.ends(), playlist: found.playlist });
        }
        // Players refuse a track without a segment.
        Err(if found.grows { NoLinks::NotReady(AGAIN_S) } else { none("nothing is recorded in the window") })
    }
}

fn failed(error: ClipError, now: EpochMs) -> NoLinks {
    match error {
        ClipError::GivenUp(Refusal { kind, detail }) if detail.is_empty() => none(&kind.to_string()),
        ClipError::GivenUp(refusal) => none(&refusal.to_string()),
        ClipError::Waiting { wake_at, .. } => {
            NoLinks::NotReady(u64::from((EpochMs::new(wake_at) - now).to_secs_ceil()).max(AGAIN_S))
        }
        ClipError::Outside(error) => match error.downcast::<RecordingError>().map(|error| *error) {
            Ok(RecordingError::Denied | RecordingError::Key(_)) => NoLinks::Moved,
            Ok(error) => unavailable(error.to_string()),
            Err(error) => unavailable(error.to_string()),
        },
        other => unavailable(other.to_string()),
    }
}

fn unavailable(why: String) -> NoLinks {
    Rejection::Unavailable(Unavailable("a recording", why)).into()
}

/// The window that a job is about, as its worker cuts it.
fn selection(tenant: &Tenant, job: &Job, now: EpochMs) -> Selection {
    let order = &job.order;
    let window = Asked {
        start_pos_ms: order.start_pos_ms.get(),
        start_time_ms: Some(order.start_time_ms.get()),
        duration_ms: order.duration_ms.get(),
        wall_end_ms: order.window_end().get(),
        still: false,
    };
    let codec = match order.export_type {
        ExportType::AsRecorded | ExportType::Unknown => None,
        ExportType::H264 => Some(VideoCodec::H264),
        ExportType::H265 => Some(VideoCodec::Hevc),
    };
    let manifest = tenant.manifest_key(&order.live_path);
    Selection { manifest, window, codec, now_ms: now.get(), asked_at_ms: job.queued_at.get() }
}
