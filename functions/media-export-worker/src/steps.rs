//! The work on one claimed job, step by step: the only place that knows all ports.

use crate::World;
use crate::attempt::Attempt;
use crate::chunks::FanOutSettings;
use crate::error::AttemptError;
use crate::lease::plan_summary;
use crate::recording::JobRecording;
use crate::report::report_fallback;
use crate::upload::{Content, Prepared, Uploads};
use crate::windows::{holes, made_windows, nearest, stored_warnings};
use export_clip::{Error as ClipError, Made, MadePlaylist, NoPlaylist, Observer, Reel, Still, Thumbnail};
use export_domain::job::{Job, Manifest, ObjectKind, PlanSummary, Reason, STILL, Warning};
use export_domain::ports::{ClipStore, Clock, Tenants, Upload};
use export_domain::request::Wanted;
use export_domain::time::Millis;
use export_media::time::Nanos;
use export_orders::format;
use futures_util::FutureExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Kept back from the invocation's time to write down how it ended.
const MARGIN: Duration = Duration::from_secs(15);

impl<W: World> Attempt<'_, W> {
    /// Does what the job asks and commits it. What is left open after that was not published.
    pub(crate) async fn work(&self) -> Result<(), AttemptError> {
        let tenant = self.app.tenants.tenant(&self.job.tenant).await?;
        let tenant = tenant.ok_or_else(|| Reason::Denied.because("the tenant is not known any more"))?;
        if !tenant.allows(&self.job.order.target) {
            return Err(Reason::Denied.because("the storage is not the tenant's any more").into());
        }
        // First, as an end drops the names of what is open.
        self.sweep_up().await;
        self.sweep_up_chunks().await;
        if self.adopted().await? {
            return Ok(());
        }
        let recording = JobRecording::new(Arc::clone(&self.app.objects), &tenant, &self.job, self.app.plays);
        let recording = Arc::new(recording);
        if let Some(fan) = self.job.fan() {
            return self.join(&recording, fan).boxed().await;
        }
        match self.cut(&recording, false).await {
            Err(AttemptError::Clip(ClipError::Unexplained(why))) => {
                tracing::warn!(why, "retrying an unexplained failure once");
                self.throw_away().await;
                self.cut(&recording, true).await
            }
            done => done,
        }
    }

    /// Makes the files from the recording; `again` for the second time in this attempt.
    async fn cut(&self, recording: &Arc<JobRecording<W::Objects>>, again: bool) -> Result<(), AttemptError> {
        match self.job.order.wanted {
            Wanted::Thumbnail => Box::pin(self.still(recording)).await,
            Wanted::Media | Wanted::Stamped | Wanted::Reel | Wanted::Unknown => {
                Box::pin(self.media(recording, again)).await
            }
        }
    }

    /// Throws away the uploads of earlier claims, as the job's item has them. What is not on record or cannot be thrown
    /// away now, the bucket's lifecycle rule throws away later.
    async fn sweep_up(&self) {
        let (target, key) = (&self.job.order.target, self.job.order.key(ObjectKind::Video));
        for id in self.job.abandoned(self.job.fence) {
            let upload = Upload { id: id.to_owned(), key: key.clone() };
            if let Err(error) = self.app.objects.abort(target, &upload).await {
                tracing::warn!(%error, "failed to abort an earlier upload");
            }
        }
    }

    /// Commits what an earlier attempt published but could not commit. `true` if that ends the job.
    async fn adopted(&self) -> Result<bool, AttemptError> {
        if self.job.image.is_none()
            && let Some(image) = self.adopt(ObjectKind::Image).await?
        {
            self.commit_image(image, PlanSummary::default()).await?;
        }
        if self.job.order.wanted != Wanted::Thumbnail
            && let Some(video) = self.adopt(ObjectKind::Video).await?
        {
            self.commit_video(video, PlanSummary::default()).await?;
        }
        Ok(!self.lease.is_running().await)
    }

    /// The picture of a thumbnail-only job, or of a clip whose planner could not make it.
    pub(crate) async fn still(&self, recording: &Arc<JobRecording<W::Objects>>) -> Result<(), AttemptError> {
        let still = Still { selection: recording.selection(&self.job, self.app.clock.now()) };
        let image = still.make(Arc::clone(recording), &self.app.ffmpeg).await?;
        self.publish_image(image).await
    }

    /// A clip, and its first frame as soon as that is known.
    async fn media(
        &self,
        recording: &Arc<JobRecording<W::Objects>>,
        again: bool,
    ) -> Result<(), AttemptError> {
        let began = Instant::now();
        let reel = Reel {
            windows: recording.windows(&self.job, self.app.clock.now()),
            container: format(self.job.order.target.container),
            left: self.left().saturating_sub(MARGIN),
            last_try: again,
            gauge: Arc::clone(&self.lease.gauge),
            fan_out: self.app.fan_out.as_ref().map(FanOutSettings::wanted),
        };
        let (store, place) = (Arc::clone(&self.app.objects), self.place(ObjectKind::Video));
        let sink = Uploads { store, place, open: self.open.clone() };
        let watch = ClipWatch { attempt: self, recording };
        let made = match reel.make(Arc::clone(recording), &self.app.ffmpeg, &sink, &watch).await {
            Err(ClipError::FanOut(plan)) => return Err(self.fan_out(&plan).boxed().await?),
            made => made?,
        };
        let fell_back = made.plan.fell_back;
        self.publish_clip(made, began).await?;
        if let Some(unfit) = fell_back {
            report_fallback(&self.app.metrics, self.app.clock.now(), unfit);
        }
        Ok(())
    }

    pub(crate) async fn publish_clip(
        &self,
        made: Made<Prepared>,
        began: Instant,
    ) -> Result<(), AttemptError> {
        let Made { written: prepared, length, lack_ms, plan, warnings, bytes_read, open_ms, parts, .. } =
            made;
        let lack_ms = Millis::new(lack_ms).clamp(Millis::ZERO, self.job.order.duration_ms);
        let manifest = Manifest {
            holes: holes(&self.job.order, &parts),
            windows: made_windows(&self.job.order, &parts),
            ..manifest(&prepared, length, lack_ms, stored_warnings(warnings))
        };
        self.lease.completed();
        let video = self.publish(ObjectKind::Video, &prepared, manifest).await?;
        self.open.take().await;
        let plan = PlanSummary {
            bytes_read,
            bytes_written: prepared.bytes,
            open_ms,
            total_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..plan_summary(plan)
        };
        self.commit_video(video, plan).await?;
        if matches!(prepared.content, Content::Parts(..)) {
            self.sweep_up().await;
        }
        Ok(())
    }

    async fn publish_image(&self, image: Thumbnail) -> Result<(), AttemptError> {
        let Thumbnail { jpeg, bytes_read, warnings } = image;
        let bytes = u64::try_from(jpeg.len()).unwrap_or_default();
        let plan = PlanSummary {
            kind: STILL.to_owned(),
            reason: "the first picture of the window".to_owned(),
            frames_encoded: 1,
            bytes_read,
            bytes_written: bytes,
            ..PlanSummary::default()
        };
        let prepared = Prepared::whole(jpeg.into());
        let manifest = manifest(&prepared, Nanos::ZERO, Millis::ZERO, stored_warnings(warnings));
        let image = self.publish(ObjectKind::Image, &prepared, manifest).await?;
        self.commit_image(image, plan).await
    }

    async fn commit_image(&self, image: Manifest, plan: PlanSummary) -> Result<(), AttemptError> {
        let with_image =
            |job: &Job, fence, now, times: &_| job.with_image(fence, image.clone(), plan.clone(), now, times);
        self.lease.write(with_image).await
    }

    /// The chunks go first: once the job has ended, no worker looks for them.
    async fn commit_video(&self, video: Manifest, plan: PlanSummary) -> Result<(), AttemptError> {
        Box::pin(self.remove_chunks()).await?;
        let with_video =
            |job: &Job, fence, now, times: &_| job.with_video(fence, video.clone(), plan.clone(), now, times);
        self.lease.write(with_video).await
    }
}

/// Publishes what a clip gives while it is made: the first picture, and its playlist.
pub(crate) struct ClipWatch<'a, 'b, W: World> {
    pub(crate) attempt: &'a Attempt<'b, W>,
    pub(crate) recording: &'a JobRecording<W::Objects>,
}

impl<W: World> Observer for ClipWatch<'_, '_, W> {
    async fn wants_first_frame(&self) -> bool {
        self.attempt.lease.job().await.image.is_none()
    }

    async fn first_frame(&self, frame: Thumbnail) -> Result<(), export_clip::Error> {
        Ok(self.attempt.publish_image(frame).await?)
    }

    fn wants_playlist(&self) -> bool {
        self.attempt.app.plays
    }

    async fn whole_segments(&self) {
        if self.attempt.job.order.reel.is_some() {
            return;
        }
        Box::pin(self.attempt.announce_whole_segments()).await;
    }

    async fn playlist(&self, made: Result<MadePlaylist, NoPlaylist>) {
        Box::pin(self.attempt.publish_playlist(self.recording, made)).await;
    }
}

fn manifest(prepared: &Prepared, length: Nanos, lack_ms: Millis, warnings: Vec<Warning>) -> Manifest {
    let parts = match &prepared.content {
        Content::Whole(_) => 0,
        Content::Parts(_, parts) => u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let duration_ms = nearest(length);
    Manifest {
        bytes: prepared.bytes,
        sha256: prepared.sha256.clone(),
        parts,
        duration_ms,
        lack_ms,
        warnings,
        holes: Vec::new(),
        windows: Vec::new(),
    }
}
