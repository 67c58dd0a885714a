//! The work on one claimed job, step by step: the only place that knows all ports.

use crate::audio::AudioTrack;
use crate::budget::Budget;
use crate::clip::{self, Progress};
use crate::error::{Unfit, WorkError};
use crate::lease::Lease;
use crate::notes::Notes;
use crate::planner::{Asked, Largest};
use crate::publish::{adopt, publish};
use crate::recording::Recording;
use crate::source::{Reader, Track};
use crate::still::{by_ranges, first_picture, to_jpeg};
use crate::upload::{Content, OpenUpload, Place, Prepared, Uploader};
use crate::{App, alone};
use bytes::Bytes;
use export_domain::ids::hex;
use export_domain::job::{Cause, Job, Manifest, ObjectKind, PlanSummary, Reason, Warning, WarningCode};
use export_domain::ports::{
    ClipLine, ClipStore, Clock, DeadLetters, EventBus, JobQueue, JobStore, Origin, SourceStore, Tenants,
    WriteError,
};
use export_domain::request::Wanted;
use export_domain::storage::Container;
use export_domain::tenant::Tenant;
use export_media::picture::PictureFormat;
use export_media::time::Nanos;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// Kept back from the invocation's time to write down how it ended.
const MARGIN: Duration = Duration::from_secs(15);

/// How a clip is made.
struct Way<'a> {
    budget: &'a Budget,
    /// Why it cannot be copied.
    unfit: Option<String>,
    largest: &'a Largest,
    /// Whether the clip may be given up for one of larger pictures.
    may_grow: bool,
}

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
    /// Does what the job asks and commits it. Whatever is left in `open` was not published.
    pub(crate) async fn work(
        &self,
        lease: &Lease<'_, J, C>,
        left: Duration,
        open: &OpenUpload,
    ) -> Result<(), WorkError> {
        let job = lease.job().await;
        let tenant = self.tenants.tenant(&job.tenant).await?;
        let tenant = tenant.ok_or_else(|| Reason::Denied.because("the tenant is not known any more"))?;
        if !tenant.allows(&job.order.target) {
            return Err(Reason::Denied.because("the storage is not the tenant's any more").into());
        }
        if self.adopted(lease, &job).await? {
            return Ok(());
        }
        if job.attempts > 1 || job.generation > 1 || job.unanswered_since.is_some() {
            self.sweep_up(&job).await;
        }
        match self.cut(lease, &job, &tenant, left, open, false).await {
            Err(WorkError::Unexplained(why)) => {
                tracing::warn!(why, "retrying an unexplained failure once");
                self.throw_away(&job, open).await;
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
        let source = Recording::open(Arc::clone(&self.objects), tenant, job, self.clock.now_ms()).await?;
        match job.order.wanted {
            Wanted::Thumbnail => self.still(lease, job, &source).await,
            Wanted::Media => self.media(lease, job, source, left, open, again).await,
        }
    }

    /// Throws away uploads that nobody will end: of workers that died, whose claims are over, and of requests whose reply
    /// was lost. What cannot be thrown away now, the bucket's lifecycle rule throws away later.
    async fn sweep_up(&self, job: &Job) {
        if job.order.wanted == Wanted::Thumbnail {
            return;
        }
        let (target, key) = (&job.order.target, job.order.key(ObjectKind::Video));
        let swept = async {
            for upload in self.objects.uploads(target, &key).await? {
                self.objects.abort(target, &upload).await?;
            }
            Ok::<_, WriteError>(())
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "failed to abort earlier uploads");
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
    async fn still(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
    ) -> Result<(), WorkError> {
        let Some(track) = &source.track else {
            source.check_begun()?;
            return Err(source.nothing(Reason::NoVideo.because("the manifest lists no picture")).into());
        };
        source.check_still_edge(track, &job.order).await?;
        let (format, raw) =
            self.picture(source, track).await?.ok_or_else(|| no_picture(source.reader.notes()))?;
        self.publish_image(lease, job, &source.reader, &format, &raw).await
    }

    /// The first picture of the window.
    async fn picture(
        &self,
        source: &Recording<O>,
        track: &Track,
    ) -> Result<Option<(PictureFormat, Vec<u8>)>, WorkError> {
        let (window, reader) = (source.window, &source.reader);
        if let Some(part) = source.video.first()
            && let Some(found) = by_ranges(&self.ffmpeg, reader, track, part).await?
        {
            return Ok(Some(found));
        }
        let mut feed = source.pictures();
        first_picture(&self.ffmpeg, &mut feed, window).await
    }

    async fn media(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: Recording<O>,
        left: Duration,
        open: &OpenUpload,
        again: bool,
    ) -> Result<(), WorkError> {
        let audio = source.sound(&self.ffmpeg, &job.order).await?;
        if let Err(waiting) = source.check_live_edge(&audio, &job.order).await {
            if let Some(track) = &source.track {
                self.image_while_waiting(lease, job, &source, track).await?;
            }
            return Err(waiting);
        }
        if source.track.is_none() {
            return self.sound(lease, job, &source, audio, open).await;
        }
        let budget = Budget::new(left.saturating_sub(MARGIN), source.recorded(), self.ffmpeg.memory());
        let largest = Largest::default();
        let way = Way { budget: &budget, unfit: None, largest: &largest, may_grow: true };
        let copied = self.clip(lease, job, &source, audio, &way, open).await;
        let copied = copied.map_err(|error| match error {
            WorkError::Unexplained(why) if again => Unfit::Encoder.because(&why),
            other => other,
        });
        match copied {
            Err(WorkError::Unfit(unfit, why)) => {
                tracing::warn!(why, code = unfit.code(), "rendering a clip that could not be copied");
                let way = Way { unfit: Some(why), ..way };
                self.render_all(lease, job, &source, way, open).await?;
                self.report_fallback(unfit);
                Ok(())
            }
            done => done,
        }
    }

    /// Renders a clip that could not be copied, and once more if larger pictures turn up than it was begun with.
    async fn render_all(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
        way: Way<'_>,
        open: &OpenUpload,
    ) -> Result<(), WorkError> {
        self.throw_away(job, open).await;
        let sound = source.sound(&self.ffmpeg, &job.order).await?;
        match self.clip(lease, job, source, sound, &way, open).await {
            Err(WorkError::Unfit(Unfit::FormatChange, why)) => {
                tracing::warn!(why, "rendering a clip again");
                self.throw_away(job, open).await;
                let way = Way { may_grow: false, ..way };
                let sound = source.sound(&self.ffmpeg, &job.order).await?;
                self.clip(lease, job, source, sound, &way, open).await
            }
            done => done,
        }
    }

    /// The picture may be there long before the window's end is. Its failure is no failure of the clip.
    async fn image_while_waiting(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
        track: &Track,
    ) -> Result<(), WorkError> {
        if job.image.is_some() || !source.has_begun(track).await? {
            return Ok(());
        }
        match self.picture(source, track).await {
            Ok(Some((format, raw))) => self.publish_image(lease, job, &source.reader, &format, &raw).await,
            Ok(None) => Ok(()),
            Err(WorkError::Fenced(lost)) => Err(lost.into()),
            Err(error) => {
                tracing::warn!(%error, "failed to make the thumbnail of a waiting job");
                Ok(())
            }
        }
    }

    /// A clip with a picture.
    async fn clip(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
        audio: Vec<AudioTrack<O>>,
        way: &Way<'_>,
        open: &OpenUpload,
    ) -> Result<(), WorkError> {
        let (window, reader) = (source.window, &source.reader);
        let work = clip::Job {
            asked: Asked {
                ffmpeg: &self.ffmpeg,
                window,
                export_type: job.order.export_type,
                container: job.order.target.container,
                budget: way.budget,
                render_all: way.unfit.is_some(),
                largest: way.largest,
                may_grow: way.may_grow,
            },
            feed: source.pictures(),
            audio,
            uploader: self.uploader(lease, job, open),
        };
        let progress = Reporter { app: self, lease, job, reader };
        let made = clip::make(work, &progress).await?.ok_or_else(|| no_picture(reader.notes()))?;
        if made.work.left_out() > 0 {
            let detail = format!("{} pictures are damaged, and no decoder gives them", made.work.left_out());
            reader.notes().warn(WarningCode::PicturesLeftOut, detail);
        }
        for lost in made.work.lost() {
            reader.notes().warn(WarningCode::MetadataLeftOut, format!("the encoded pictures have no {lost}"));
        }
        let (copied, encoded) = (made.work.copied(), made.work.encoded());
        let (kind, reason) = match (&way.unfit, copied, encoded) {
            (Some(why), ..) => ("reencode", why.as_str()),
            (None, _, 0) => ("copy", "the window starts and ends between pictures that need no other"),
            (None, 0, _) if made.work.converts() => {
                ("reencode", "another codec than the recorded one is asked for")
            }
            (None, 0, _) => {
                ("reencode", "the window holds no picture to start a copy with: no IDR, CRA or BLA")
            }
            (None, ..) => ("smart", "only what the window's ends cut off is encoded"),
        };
        let plan = PlanSummary {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            fell_back: way.unfit.is_some(),
            frames_encoded: encoded,
            frames_copied: copied,
            render_ms: made.work.render_ms(),
            check_ms: made.work.check_ms(),
            ..PlanSummary::default()
        };
        self.publish_clip(lease, job, source, &made.prepared, made.length, made.lack_ms, plan, open).await
    }

    /// A clip of a recording without a picture.
    async fn sound(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
        audio: Vec<AudioTrack<O>>,
        open: &OpenUpload,
    ) -> Result<(), WorkError> {
        let uploader = self.uploader(lease, job, open);
        let container = job.order.target.container;
        let sound = alone::make(&self.ffmpeg, source.window, container, audio, uploader).await?;
        let none = || match source.sound_left_out() {
            Some(detail) => Reason::UnsupportedCodec.because(detail),
            None => source.nothing(Reason::NoMedia.because("no sound is recorded in the window")),
        };
        let sound = sound.ok_or_else(none)?;
        let plan = PlanSummary {
            kind: "copy".to_owned(),
            reason: "sound only".to_owned(),
            ..PlanSummary::default()
        };
        self.publish_clip(lease, job, source, &sound.prepared, sound.length, sound.lack_ms, plan, open).await
    }

    fn uploader(&self, lease: &Lease<'_, J, C>, job: &Job, open: &OpenUpload) -> Uploader<O> {
        let place = place(job, ObjectKind::Video, lease.fence());
        let headed = job.order.target.container == Container::Mp4;
        Uploader::new(Arc::clone(&self.objects), place, open.clone(), headed)
    }

    #[expect(clippy::too_many_arguments, reason = "what was made, from where to where")]
    async fn publish_clip(
        &self,
        lease: &Lease<'_, J, C>,
        job: &Job,
        source: &Recording<O>,
        prepared: &Prepared,
        length: Nanos,
        lack_ms: i64,
        plan: PlanSummary,
        open: &OpenUpload,
    ) -> Result<(), WorkError> {
        let place = place(job, ObjectKind::Video, lease.fence());
        let lack_ms = lack_ms.clamp(0, job.order.duration_ms);
        let manifest = manifest(prepared, length, lack_ms, source.reader.notes().warnings());
        let video =
            publish(self.objects.as_ref(), lease, ObjectKind::Video, &place, prepared, manifest).await?;
        open.take().await;
        let plan = PlanSummary {
            bytes_read: source.reader.bytes(),
            bytes_written: prepared.bytes,
            open_ms: source.open_ms,
            total_ms: source.age_ms(),
            ..plan
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
        reader: &Reader<O>,
        format: &PictureFormat,
        raw: &[u8],
    ) -> Result<(), WorkError> {
        if lease.job().await.image.is_some() {
            return Ok(());
        }
        let image = to_jpeg(&self.ffmpeg, format, raw).await?;
        let bytes = u64::try_from(image.len()).unwrap_or_default();
        let plan = PlanSummary {
            kind: "still".to_owned(),
            reason: "the first picture of the window".to_owned(),
            frames_encoded: 1,
            bytes_read: reader.bytes(),
            bytes_written: bytes,
            ..PlanSummary::default()
        };
        let prepared = whole(image, bytes);
        let place = place(job, ObjectKind::Image, lease.fence());
        let manifest = manifest(&prepared, Nanos::ZERO, 0, reader.notes().warnings());
        let image =
            publish(self.objects.as_ref(), lease, ObjectKind::Image, &place, &prepared, manifest).await?;
        commit_image(lease, image, plan).await
    }
}

fn no_picture(notes: &Notes) -> Cause {
    let what = "no picture that can be decoded lies in the window";
    let warnings = notes.warnings();
    let left_out = |warning: &&Warning| {
        matches!(warning.code, WarningCode::SegmentsLeftOut | WarningCode::PicturesLeftOut)
    };
    match warnings.iter().find(left_out) {
        Some(warning) => Reason::NoMedia.because(format!("{what}; {}", warning.detail)),
        None => Reason::NoMedia.because(what),
    }
}

/// Publishes the first picture and notes the progress.
struct Reporter<'a, A, L, O> {
    app: &'a A,
    lease: &'a L,
    job: &'a Job,
    reader: &'a Reader<O>,
}

impl<J, Q, T, O, D, B, C> Progress for Reporter<'_, App<J, Q, T, O, D, B, C>, Lease<'_, J, C>, O>
where
    J: JobStore + ClipLine,
    Q: JobQueue,
    T: Tenants,
    O: SourceStore + ClipStore + 'static,
    D: DeadLetters,
    B: EventBus,
    C: Clock,
{
    async fn first_picture(&self, format: &PictureFormat, raw: &[u8]) -> Result<(), WorkError> {
        self.app.publish_image(self.lease, self.job, self.reader, format, raw).await
    }

    fn made(&self, length: Nanos) {
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

fn whole(content: Bytes, bytes: u64) -> Prepared {
    Prepared { bytes, sha256: hex(&Sha256::digest(&content)), content: Content::Whole(content) }
}

fn manifest(prepared: &Prepared, length: Nanos, lack_ms: i64, warnings: Vec<Warning>) -> Manifest {
    let parts = match &prepared.content {
        Content::Whole(_) => 0,
        Content::Parts(_, parts) => u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let duration_ms = (length + Nanos::new(500_000)).to_millis_floor();
    Manifest { bytes: prepared.bytes, sha256: prepared.sha256.clone(), parts, duration_ms, lack_ms, warnings }
}
