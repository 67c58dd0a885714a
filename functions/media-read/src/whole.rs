//! The window of a job by whole segments of its recording, as that is now: what is played until the clip's ends are made.

use crate::App;
use crate::handler::{NoLinks, none};
use crate::play::ShownPlaylist;
use export_clip::{Error as ClipError, NoSegments, Refusal, whole_segments};
use export_domain::intake::Rejection;
use export_domain::job::Job;
use export_domain::ports::{Clock, JobStore, RecordingError, Sessions, SourceStore, Tenants, Unavailable};
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_orders::{Recordings, selection};
use std::sync::Arc;

/// Seconds until a window that has not begun is looked at again.
const AGAIN_S: u64 = 2;

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
        let source = Arc::new(Recordings::new(Arc::clone(&self.links), tenant));
        let found = whole_segments(source, &selection(&job.order, tenant, now, job.queued_at)).await;
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
