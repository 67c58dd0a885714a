//! Completion events: a listener of the event bus learns of every job that ended.
//!
//! An ended job stays due until its event is on the bus, so none is missing; one may come twice.

use crate::ids::BatchId;
use crate::job::{Job, ObjectKind, State};
use crate::ports::{EventBus, JobStore, Notification, Unavailable};
use crate::resource::{Resource, resource};
use crate::trace::CorrelationId;
use serde::Serialize;

mod batch;

pub use batch::batch_notification;

/// The events' source.
pub const SOURCE: &str = "media-export";

/// An event's detail; its schema is `events/completion/completion.schema.json`.
#[derive(Debug, Serialize)]
struct CompletionDetail<'a> {
    version: &'static str,
    /// The same in every repetition.
    id: String,
    tenant: &'a str,
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<&'a str>,
    job: Resource<'a>,
}

/// Puts the events of a job's ends on `bus` that have not been told, and notes that.
///
/// # Errors
/// [`Unavailable`] if the bus did not take it or that could not be noted; the sweeper does it again.
pub async fn tell(job: &Job, bus: &impl EventBus, jobs: &impl JobStore) -> Result<(), Unavailable> {
    let Some(told) = job.told() else { return Ok(()) };
    for ended in job.ends_to_tell() {
        bus.put(&notification(&ended)).await?;
    }
    // A conflict: somebody else told it, or the job has moved on and still knows what is to be told.
    jobs.write(Some(job.rev), &told).await.map(|_| ())
}

/// The event of a job that ended.
pub fn notification(job: &Job) -> Notification {
    let ready = job.state == State::Ready;
    let key = |kind, there: bool| (ready && there).then(|| job.order.key(kind));
    let detail = CompletionDetail {
        version: "1",
        id: format!("{}-{}", job.job_id, job.generation),
        tenant: job.tenant.as_str(),
        bucket: &job.order.target.bucket,
        image_key: key(ObjectKind::Image, job.image.is_some()),
        video_key: key(ObjectKind::Video, job.video.is_some()),
        correlation_id: job.correlation_id.as_ref().map(CorrelationId::as_str),
        batch_id: job.batch_id.as_ref().map(BatchId::as_str),
        job: resource(job),
    };
    Notification {
        source: SOURCE,
        detail_type: if ready { "Media Export Ready" } else { "Media Export Failed" },
        detail: serde_json::to_string(&detail).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::testing::{at, job, manifest};
    use crate::job::{Claim, PlanSummary, Reason};
    use crate::settings::Lifecycle;
    use serde_json::Value;

    fn running() -> Job {
        match job().claim(1, "me", at(0), &Lifecycle::default()) {
            Claim::Granted(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    fn detail(job: &Job) -> Value {
        serde_json::from_str(&notification(job).detail).unwrap()
    }

    #[test]
    fn a_clip_that_is_there_is_told_of_with_its_keys() {
        let times = Lifecycle::default();
        let image = running().with_image(1, manifest(0), PlanSummary::default(), at(1), &times).unwrap();
        let ready = image.with_video(1, manifest(40), PlanSummary::default(), at(2), &times).unwrap();
        let told = detail(&ready);
        assert_eq!(notification(&ready).detail_type, "Media Export Ready");
        assert_eq!(told["video_key"], Value::from(ready.order.key(ObjectKind::Video)));
        assert_eq!(told["image_key"], Value::from(ready.order.key(ObjectKind::Image)));
        assert_eq!((&told["job"]["state"], &told["job"]["lack_ms"]), (&"READY".into(), &40.into()));
    }

    #[test]
    fn a_job_without_files_is_told_of_with_its_reason_and_without_keys() {
        let times = Lifecycle::default();
        let image = running().with_image(1, manifest(0), PlanSummary::default(), at(1), &times).unwrap();
        let cause = Reason::NoMedia.because("the window is in a hole");
        let failed = image.given_up(1, cause, at(2), &times).unwrap();
        let told = detail(&failed);
        assert_eq!(told["job"]["detail"], "the window is in a hole");
        assert_eq!(notification(&failed).detail_type, "Media Export Failed");
        assert_eq!(told["job"]["error"], "no media in window");
        assert!(told.get("image_key").is_none() && told.get("video_key").is_none());
    }

    #[test]
    fn an_event_names_the_request_if_it_had_a_name() {
        let failed = running().given_up(1, Reason::NoMedia, at(2), &Lifecycle::default()).unwrap();
        assert_eq!(detail(&failed).get("correlation_id"), None);
        let named = Job { correlation_id: CorrelationId::parse("order 7"), ..failed };
        assert_eq!(detail(&named)["correlation_id"], "order 7");
    }

    #[test]
    fn each_generation_has_an_event_of_its_own() {
        let times = Lifecycle::default();
        let failed = running().given_up(1, Reason::NoMedia, at(2), &times).unwrap();
        let again = Job { generation: 2, ..failed.clone() };
        assert_ne!(detail(&failed)["id"], detail(&again)["id"]);
    }
}
