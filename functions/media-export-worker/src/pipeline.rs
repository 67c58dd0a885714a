//! The work on one claimed job, step by step: the only place that knows all ports.

use crate::App;
use crate::engine::{self, Recordings, Uploads, container, selection};
use crate::error::WorkError;
use crate::lease::Lease;
use crate::publish::{adopt, publish};
use crate::upload::{Content, OpenUpload, Place, Prepared};
use export_clip::{Clip, Made, Observer, Selection, Still, Thumbnail};
use export_domain::job::{Job, Manifest, ObjectKind, PlanSummary, Reason, Warning};
use export_domain::ports::{
    ClipLine, ClipStore, Clock, DeadLetters, EventBus, JobQueue, JobStore, Origin, SourceStore, Tenants,
    Upload,
};
use export_domain::request::Wanted;
use export_domain::tenant::Tenant;
use export_media::time::Nanos;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Kept back from the invocation's time to write down how it ended.
const MARGIN: Duration = Duration::from_secs(15);

impl<J, Q, T, O, D, B, C> App<J, Q, T, O, D, B, C>
where
    J: JobStore + ClipLine,
    Q: JobQueue,
    T: Tenants,
    O: SourceStore + ClipStore + 'static,
    D: DeadLetters,
    B: EventBus,
    C: Clock,
{
    /// Does what the job asks and commits it. What the lease has open after that was not published.
    pub(crate) async fn work(&self, lease: &Lease<'_, J, C>, left: Duration) -> Result<(), WorkError> {
        let (job, open) = (lease.job().await, lease.open());
        let tenant = self.tenants.tenant(&job.tenant).await?;
        let tenant = tenant.ok_or_else(|| Reason::Denied.because("the tenant is not known any more"))?;
        if !tenant.allows(&job.order.target) {
            return Err(Reason::Denied.because("the storage is not the tenant's any more").into());
        }
        if self.adopted(lease, &job).await? {
            return Ok(());
        }
        self.sweep_up(&job).await;
        match self.cut(lease, &job, &tenant, left, open, false).await {
            Err(WorkError::Unexplained(why)) => {
                tracing::warn!(why, "retrying an unexplained failure once");
                open.throw_away(self.objects.as_ref(), &job.order.target).await;
                self.cut(lease, &job, &tenant, left, open, true).await
            }
            done => done,
        }
    }

    /// Makes the files from the recording; `again` for the second time in this attempt.
    async fn cut(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        tenant: &Tenant,
        left: Duration,
        open: &OpenUpload,
        again: bool,
    ) -> Result<(), WorkError> {
        match job.order.wanted {
            Wanted::Thumbnail => Box::pin(self.still(lease, job, tenant)).await,
            Wanted::Media => Box::pin(self.media(lease, job, tenant, left, open, again)).await,
        }
    }

    /// Throws away the uploads of earlier claims, as the job's item has them. What is not on record or cannot be thrown
    /// away now, the bucket's lifecycle rule throws away later.
    async fn sweep_up(&self, job: &Job) {
        let (target, key) = (&job.order.target, job.order.key(ObjectKind::Video));
        for id in job.abandoned(job.fence) {
            let upload = Upload { id: id.to_owned(), key: key.clone() };
            if let Err(error) = self.objects.abort(target, &upload).await {
                tracing::warn!(%error, "failed to abort an earlier upload");
            }
        }
    }

    /// Commits what an earlier attempt published but could not commit. `true` if that ends the job.
    async fn adopted(&self, lease: &Lease<'_, J, C>, job: &Job) -> Result<bool, WorkError> {
        if job.image.is_none() {
            let place = place(job, ObjectKind::Image, lease.fence());
            if let Some(image) = adopt(self.objects.as_ref(), lease, ObjectKind::Image, &place).await? {
                commit_image(lease, image, PlanSummary::default()).await?;
            }
        }
        if job.order.wanted == Wanted::Media {
            let place = place(job, ObjectKind::Video, lease.fence());
            if let Some(video) = adopt(self.objects.as_ref(), lease, ObjectKind::Video, &place).await? {
                commit_video(lease, video, PlanSummary::default()).await?;
            }
        }
        Ok(!lease.is_running().await)
    }

    /// A thumbnail-only job.
    async fn still(&self, lease: &Lease<'_, J, C>, job: &Job, tenant: &Tenant) -> Result<(), WorkError> {
        let still = Still { selection: self.selection(job, tenant) };
        let image = still.make(self.recordings(tenant), &self.ffmpeg).await?;
        self.publish_image(lease, job, image).await
    }

    /// A clip, and its first frame as soon as that is known.
    async fn media(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        tenant: &Tenant,
        left: Duration,
        open: &OpenUpload,
        again: bool,
    ) -> Result<(), WorkError> {
        let began = Instant::now();
        let clip = Clip {
            selection: self.selection(job, tenant),
            container: container(job.order.target.container),
            left: left.saturating_sub(MARGIN),
            last_try: again,
        };
        let place = place(job, ObjectKind::Video, lease.fence());
        let sink = Uploads { store: Arc::clone(&self.objects), place, open: open.clone() };
        let reporter = Reporter { app: self, lease, job };
        let made = clip.make(self.recordings(tenant), &self.ffmpeg, &sink, &reporter).await?;
        let fell_back = made.plan.fell_back;
        self.publish_clip(lease, job, &sink.place, made, open, began).await?;
        if let Some(unfit) = fell_back {
            self.report_fallback(unfit);
        }
        Ok(())
    }

    fn selection(&self, job: &Job, tenant: &Tenant) -> Selection {
        selection(job, tenant.manifest_key(&job.order.live_path), self.clock.now_ms())
    }

    fn recordings(&self, tenant: &Tenant) -> Arc<Recordings<O>> {
        Arc::new(Recordings::of(Arc::clone(&self.objects), tenant))
    }

    async fn publish_clip(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        place: &Place,
        made: Made<Prepared>,
        open: &OpenUpload,
        began: Instant,
    ) -> Result<(), WorkError> {
        let Made { written: prepared, length, lack_ms, plan, warnings, bytes_read, open_ms } = made;
        let lack_ms = lack_ms.clamp(0, job.order.duration_ms);
        let manifest = manifest(&prepared, length, lack_ms, engine::warnings(warnings));
        let video =
            publish(self.objects.as_ref(), lease, ObjectKind::Video, place, &prepared, manifest).await?;
        open.take().await;
        let plan = PlanSummary {
            kind: plan.kind.to_owned(),
            reason: plan.reason,
            fell_back: plan.fell_back.is_some(),
            frames_encoded: plan.frames_encoded,
            frames_copied: plan.frames_copied,
            bytes_read,
            bytes_written: prepared.bytes,
            open_ms,
            render_ms: plan.render_ms,
            check_ms: plan.check_ms,
            total_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        commit_video(lease, video, plan).await?;
        if matches!(prepared.content, Content::Parts(..)) {
            self.sweep_up(job).await;
        }
        Ok(())
    }

    async fn publish_image(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        image: Thumbnail,
    ) -> Result<(), WorkError> {
        let Thumbnail { jpeg, bytes_read, warnings } = image;
        let bytes = u64::try_from(jpeg.len()).unwrap_or_default();
        let plan = PlanSummary {
            kind: "still".to_owned(),
            reason: "the first picture of the window".to_owned(),
            frames_encoded: 1,
            bytes_read,
            bytes_written: bytes,
            ..PlanSummary::default()
        };
        let prepared = Prepared::whole(jpeg.into());
        let place = place(job, ObjectKind::Image, lease.fence());
        let manifest = manifest(&prepared, Nanos::ZERO, 0, engine::warnings(warnings));
        let image =
            publish(self.objects.as_ref(), lease, ObjectKind::Image, &place, &prepared, manifest).await?;
        commit_image(lease, image, plan).await
    }
}

/// Publishes the first picture and notes the progress.
struct Reporter<'a, A, L> {
    app: &'a A,
    lease: &'a L,
    job: &'a Job,
}

impl<J, Q, T, O, D, B, C> Observer for Reporter<'_, App<J, Q, T, O, D, B, C>, Lease<'_, J, C>>
where
    J: JobStore + ClipLine,
    Q: JobQueue,
    T: Tenants,
    O: SourceStore + ClipStore + 'static,
    D: DeadLetters,
    B: EventBus,
    C: Clock,
{
    async fn wants_first_frame(&self) -> bool {
        self.lease.job().await.image.is_none()
    }

    async fn first_frame(&self, frame: Thumbnail) -> Result<(), export_clip::Error> {
        Ok(self.app.publish_image(self.lease, self.job, frame).await?)
    }

    fn progress(&self, length: Nanos) {
        self.lease.progress(length.to_millis_floor());
    }
}

async fn commit_image<J: JobStore, C: Clock>(
    lease: &Lease<'_, J, C>,
    image: Manifest,
    plan: PlanSummary,
) -> Result<(), WorkError> {
    lease.write(|job, fence, now, times| job.with_image(fence, image.clone(), plan.clone(), now, times)).await
}

async fn commit_video<J: JobStore, C: Clock>(
    lease: &Lease<'_, J, C>,
    video: Manifest,
    plan: PlanSummary,
) -> Result<(), WorkError> {
    lease.write(|job, fence, now, times| job.with_video(fence, video.clone(), plan.clone(), now, times)).await
}

fn place(job: &Job, object: ObjectKind, fence: u64) -> Place {
    Place {
        target: job.order.target.clone(),
        key: job.order.key(object),
        content_type: match object {
            ObjectKind::Image => "image/jpeg",
            ObjectKind::Video | ObjectKind::Unknown => job.order.target.container.content_type(),
        },
        origin: Origin { job_id: job.job_id.clone(), generation: job.generation, fence },
    }
}

fn manifest(prepared: &Prepared, length: Nanos, lack_ms: i64, warnings: Vec<Warning>) -> Manifest {
    let parts = match &prepared.content {
        Content::Whole(_) => 0,
        Content::Parts(_, parts) => u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let duration_ms = (length + Nanos::new(500_000)).to_millis_floor();
    Manifest { bytes: prepared.bytes, sha256: prepared.sha256.clone(), parts, duration_ms, lack_ms, warnings }
}
