//! A clip with a picture: copies what can be copied, renders the rest, copies the sound.
//!
//! Two halves work side by side. One reads the recording and decides, picture by picture, what is copied and what is
//! rendered; runs are rendered as tasks of their own. The other takes both in the clip's order and writes the file.

use crate::assemble::{Assembly, Block, ParameterSets, Picture, VideoSpec};
use crate::audio::AudioTrack;
use crate::budget::Budget;
use crate::decode::{CodedSource, Prepared, decode_all};
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::join::{Join, check, spliced};
use crate::render::{First, Order, Rendered, render};
use crate::still::Latest;
use crate::task::Task;
use crate::upload::{Prepared as PreparedClip, Uploader};
use crate::video::{Coded, Item, Setup, VideoFeed};
use crate::window::Window;
use bytes::Bytes;
use export_domain::ports::{ClipStore, SourceStore};
use export_domain::request::ExportType;
use export_domain::storage::Container;
use export_media::cut::{Access, Cutter, Method, Run, Step};
use export_media::entries::{SampleEntries, free_parameter_id};
use export_media::ffmpeg::{Encoding, Purpose};
use export_media::fmp4::Codec;
use export_media::nal::{RandomAccess, VideoCodec, in_band, is_interlaced, parameter_sets, unit_type};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::time::Nanos;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The re-encode may take this many times the source's bits a second, in tenths.
const BITRATE_TENTHS: u64 = 14;
/// Length of the pieces that a clip is rendered in.
const PIECE: Nanos = Nanos::new(10_000_000_000);
/// KiB of copied pictures that may wait for what is rendered before them.
const WAITING_KIB: u32 = 48 << 10;
/// Pictures that an encoder of whole clips may show later than it codes them.
const CLIP_REORDER: usize = 2;

/// What the clip's maker needs.
pub(crate) struct Job<'a, O> {
    pub(crate) ffmpeg: &'a Ffmpeg,
    pub(crate) window: Window,
    pub(crate) export_type: ExportType,
    pub(crate) container: Container,
    pub(crate) budget: &'a Budget,
    pub(crate) feed: VideoFeed<O>,
    pub(crate) audio: Vec<AudioTrack<O>>,
    pub(crate) uploader: Uploader<O>,
    /// Whether to render what could be copied.
    pub(crate) render_all: bool,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) prepared: PreparedClip,
    /// Length of the clip.
    pub(crate) length: Nanos,
    pub(crate) lack_ms: i64,
    pub(crate) work: Arc<Work>,
}

/// What it took.
#[derive(Debug, Default)]
pub(crate) struct Work {
    copied: AtomicU64,
    encoded: AtomicU64,
    render_ms: AtomicU64,
    check_ms: AtomicU64,
}

impl Work {
    /// Frames that are as recorded.
    pub(crate) fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Frames that went through an encoder.
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Milliseconds of rendering, all runs added up.
    pub(crate) fn render_ms(&self) -> u64 {
        self.render_ms.load(Ordering::Relaxed)
    }

    /// Milliseconds of checking joins, all added up.
    pub(crate) fn check_ms(&self) -> u64 {
        self.check_ms.load(Ordering::Relaxed)
    }
}

/// What happens while the clip is made.
pub(crate) trait Progress: Sync {
    /// The first picture of the clip.
    fn first_picture(
        &self,
        format: &PictureFormat,
        raw: &[u8],
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// So much of the clip is made.
    fn made(&self, length: Nanos);
}

/// Makes the clip; `None` if no picture lies in the window.
///
/// # Errors
/// [`WorkError::Unfit`] if it cannot be made by copying, or a check failed; the same job can then be rendered.
pub(crate) async fn make<O: SourceStore + ClipStore + 'static>(
    job: Job<'_, O>,
    progress: &impl Progress,
) -> Result<Option<Made>, WorkError> {
    let Job { ffmpeg, window, export_type, container, budget, mut feed, audio, uploader, render_all } = job;
    let (first, first_picture) = oneshot::channel();
    let (pending, ready) = mpsc::channel(64);
    let work = Arc::new(Work::default());
    let mut planner = Planner {
        ffmpeg,
        export_type,
        container,
        budget,
        window,
        render_all,
        several: feed.is_several(),
        clip: None,
        setup: None,
        starts: true,
        first: Some(first),
        picture: None,
        turns: Arc::new(Semaphore::new(budget.cores())),
        room: Arc::new(Semaphore::new(usize::try_from(WAITING_KIB).unwrap_or(1))),
        pending,
        work: Arc::clone(&work),
    };
    let planning = async {
        planner.plan(&mut feed).await?;
        let picture = planner.picture.take();
        drop(planner);
        match picture {
            Some(task) => task.await.map_err(|e| WorkError::Passing(format!("failed to decode: {e}")))?,
            None => Ok(()),
        }
    };
    let picturing = async {
        // Without a picture there is none to show.
        let Ok((format, raw)) = first_picture.await else { return Ok(()) };
        progress.first_picture(&format, &raw).await
    };
    let writing = write(ready, audio, container, ffmpeg, uploader, budget, progress);
    let ((), (), written) = tokio::try_join!(planning, picturing, writing)?;
    let Some((prepared, length)) = written else { return Ok(None) };
    Ok(Some(Made { prepared, length, lack_ms: feed.lack_ms(), work }))
}

/// A part of the clip in its turn.
struct Pending {
    pictures: Waiting,
    /// The recording may have a hole before them.
    starts: bool,
    /// Everything is rendered: the time it takes grows with the clip.
    paced: bool,
    spec: VideoSpec,
    /// Given back once the pictures are taken.
    _room: Option<OwnedSemaphorePermit>,
}

impl Pending {
    async fn block(self) -> Result<Block, WorkError> {
        let pictures = match self.pictures {
            Waiting::Ready(pictures) => pictures,
            Waiting::Rendering(task) => {
                task.await.map_err(|e| WorkError::Passing(format!("failed to render: {e}")))??
            }
        };
        Ok(Block { pictures, starts: self.starts })
    }
}

enum Waiting {
    Ready(Vec<Picture>),
    Rendering(Task<Result<Vec<Picture>, WorkError>>),
}

/// Decides what is copied and what is rendered.
struct Planner<'a> {
    ffmpeg: &'a Ffmpeg,
    export_type: ExportType,
    container: Container,
    budget: &'a Budget,
    window: Window,
    render_all: bool,
    /// The window is made of several Periods.
    several: bool,
    /// What the clip looks like: as its first stretch.
    clip: Option<Arc<Setup>>,
    setup: Option<Arc<Setup>>,
    /// Nothing of the stretch has been passed on.
    starts: bool,
    first: Option<First>,
    /// Decodes the first picture, if that is copied.
    picture: Option<Task<Result<(), WorkError>>>,
    /// Runs that may be rendered at a time.
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    pending: mpsc::Sender<Pending>,
    work: Arc<Work>,
}

impl Planner<'_> {
    async fn plan(&mut self, feed: &mut VideoFeed<impl SourceStore + 'static>) -> Result<(), WorkError> {
        let mut cutter = None;
        loop {
            let item = feed.next().await?;
            if let Some(Item::Sample(coded)) = item {
                if let Some(cutter) = &mut cutter {
                    self.examine(&coded)?;
                    let steps = Cutter::push(cutter, access(coded))?;
                    self.take(steps).await?;
                }
                continue;
            }
            if let Some(cutter) = &mut cutter {
                let steps = Cutter::end(cutter, feed.take_cut())?;
                self.take(steps).await?;
            }
            let Some(Item::Start(setup, coded)) = item else { return Ok(()) };
            let starts = self.begin(setup)?;
            self.examine(&coded)?;
            let method = if self.renders() { Method::Render(PIECE) } else { Method::Copy };
            let cutter = match cutter.take().filter(|_| !starts) {
                Some(going_on) => cutter.insert(going_on),
                None => cutter.insert(Cutter::new(self.window.start, self.window.end, method)),
            };
            cutter.begin(access(coded), feed.period_end());
        }
    }

    /// Whether everything is rendered.
    fn renders(&self) -> bool {
        let recorded = self.clip.as_ref().map(|clip| clip.config.codec);
        self.render_all || recorded.is_some_and(|codec| target_codec(self.export_type, codec) != codec)
    }

    /// Frames that are only flagged as interlaced can be copied; no encoder here makes single ones of fields.
    fn examine(&self, coded: &Coded) -> Result<(), WorkError> {
        let Some(setup) = self.setup.as_ref().filter(|setup| setup.sps.interlaced && !self.renders()) else {
            return Ok(());
        };
        let Coded { data, config, .. } = coded;
        if is_interlaced(&setup.sps, data, config.nal_length_size)? { Err(interlaced()) } else { Ok(()) }
    }

    /// A stretch begins. Whether the clip does: it looks like the first stretch that gives it a picture.
    fn begin(&mut self, setup: Arc<Setup>) -> Result<bool, WorkError> {
        let starts = self.first.is_some();
        let clip = self.clip.take().filter(|_| !starts).unwrap_or_else(|| Arc::clone(&setup));
        self.clip = Some(Arc::clone(&clip));
        if self.renders() {
            if starts {
                self.budget.check_before(&setup, target_codec(self.export_type, setup.config.codec))?;
            }
        } else if setup.format.interlaced && setup.config.codec == VideoCodec::Hevc {
            return Err(interlaced());
        } else if (setup.config.codec, setup.format, setup.timescale)
            != (clip.config.codec, clip.format, clip.timescale)
        {
            return Err(WorkError::Unfit("the format of the pictures changes".to_owned()));
        } else if setup.rhythm.reorder > clip.rhythm.reorder {
            return Err(WorkError::Unfit("the order of the pictures changes".to_owned()));
        }
        self.setup = Some(setup);
        self.starts = true;
        Ok(starts)
    }

    async fn take(&mut self, steps: Vec<Step<Coded>>) -> Result<(), WorkError> {
        let (Some(setup), Some(clip)) = (self.setup.clone(), self.clip.clone()) else { return Ok(()) };
        for step in steps {
            match step {
                Step::Copy { splice, pictures } => self.copy(&setup, &clip, splice, pictures).await?,
                Step::Render(run) => self.render(&setup, &clip, run).await?,
            }
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        setup: &Arc<Setup>,
        clip: &Setup,
        splice: bool,
        pictures: Vec<Access<Coded>>,
    ) -> Result<(), WorkError> {
        if let (Some(first), Some(access)) = (self.first.take(), pictures.first()) {
            let picture = still(self.ffmpeg.clone(), Arc::clone(setup), access.item.clone(), first);
            self.picture = Some(Task::spawn(picture));
        }
        let count = |n: usize| u64::try_from(n).unwrap_or(0);
        self.work.copied.fetch_add(count(pictures.len()), Ordering::Relaxed);
        let bytes: usize = pictures.iter().map(|access| access.item.data.len()).sum();
        let kib = u32::try_from(bytes >> 10).unwrap_or(WAITING_KIB).clamp(1, WAITING_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| over())?;
        let picture = |(n, access): (usize, Access<Coded>)| {
            Ok(Picture {
                pts: access.pts,
                duration: access.duration,
                sync: !matches!(
                    access.picture.random_access,
                    RandomAccess::None | RandomAccess::RecoveryPoint
                ),
                data: spliced(&access.item, splice && n == 0)?,
                config: access.item.config,
            })
        };
        let pictures = pictures.into_iter().enumerate().map(picture).collect::<Result<_, WorkError>>()?;
        self.send(Waiting::Ready(pictures), clip, Some(room)).await
    }

    async fn render(&mut self, setup: &Arc<Setup>, clip: &Setup, run: Run<Coded>) -> Result<(), WorkError> {
        let joins = !self.renders();
        let encoding = self.encoding(setup, clip, &run)?;
        let (setup, first) = (Arc::clone(setup), self.first.take());
        let order = Order { setup, format: clip.format, encoding, run, first };
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| over())?;
        let (ffmpeg, work, container) = (self.ffmpeg.clone(), Arc::clone(&self.work), self.container);
        let task = Task::spawn(async move {
            let pictures = if joins {
                render_join(&ffmpeg, order, container, &work).await.map_err(|error| match error {
                    WorkError::Passing(why) => WorkError::Unfit(why),
                    other => other,
                })
            } else {
                render_piece(&ffmpeg, order, &work).await.map(pictures_of)
            };
            drop(turn);
            pictures
        });
        self.send(Waiting::Rendering(task), clip, None).await
    }

    fn encoding(&self, setup: &Setup, clip: &Setup, run: &Run<Coded>) -> Result<Encoding, WorkError> {
        let codec = target_codec(self.export_type, clip.config.codec);
        let purpose = if self.renders() {
            Purpose::Clip { reordered: self.reordered(clip) }
        } else {
            Purpose::Join {
                parameter_id: unused_id(setup, run)?,
                profile_idc: setup.sps.profile_idc,
                max_ref_frames: setup.sps.max_ref_frames,
            }
        };
        Ok(Encoding {
            codec,
            recorded: clip.config.codec,
            timescale: clip.timescale,
            frame_ticks: clip.frame_ticks,
            max_bitrate: clip.bandwidth * BITRATE_TENTHS / 10,
            purpose,
            threads: if self.renders() { self.budget.threads_for_pieces_of(PIECE) } else { 0 },
        })
    }

    /// Pictures of the clip that may be decoded before one that is shown earlier.
    fn reordered(&self, clip: &Setup) -> usize {
        match (self.renders(), clip.rhythm.is_even()) {
            (false, _) => clip.rhythm.reorder,
            (true, true) => CLIP_REORDER,
            // How long pictures wait could not be told in advance.
            (true, false) => 0,
        }
    }

    async fn send(
        &mut self,
        pictures: Waiting,
        clip: &Setup,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(), WorkError> {
        let (width, height) = clip.format.display_size();
        let delay = clip.delay(self.reordered(clip));
        let sets = match (self.renders(), self.several) {
            (true, _) => ParameterSets::Alike,
            (false, true) => ParameterSets::InBand,
            (false, false) => ParameterSets::OneEntry,
        };
        let spec = VideoSpec { width, height, timescale: clip.timescale, delay, sets };
        let (starts, paced) = (std::mem::take(&mut self.starts), self.renders());
        self.pending.send(Pending { pictures, starts, paced, spec, _room: room }).await.map_err(|_| over())
    }
}

fn interlaced() -> WorkError {
    WorkError::Unfit("the recording is interlaced".to_owned())
}

/// Decodes a picture that needs no other.
async fn still(ffmpeg: Ffmpeg, setup: Arc<Setup>, picture: Coded, first: First) -> Result<(), WorkError> {
    let format = setup.format;
    let mut taker = Latest::default();
    decode_all(&ffmpeg, &mut Prepared::new(setup, [picture]), &mut taker).await?;
    if let Some(raw) = taker.take() {
        // Whoever waited for it is gone only when the whole work is being dropped.
        let _ = first.send((format, raw));
    }
    Ok(())
}

/// The other half has ended, and says itself why.
fn over() -> WorkError {
    WorkError::Passing("the clip's writer has ended".to_owned())
}

fn access(coded: Coded) -> Access<Coded> {
    Access { pts: coded.pts, duration: coded.duration, picture: coded.picture, item: coded }
}

/// The codec that `export_type` means for a recording in `recorded`.
fn target_codec(export_type: ExportType, recorded: VideoCodec) -> VideoCodec {
    match export_type {
        ExportType::AsRecorded => recorded,
        ExportType::H264 => VideoCodec::H264,
        ExportType::H265 => VideoCodec::Hevc,
    }
}

/// Renders a run beside copied pictures, and checks how it joins them.
async fn render_join(
    ffmpeg: &Ffmpeg,
    order: Order,
    container: Container,
    work: &Work,
) -> Result<Vec<Picture>, WorkError> {
    let (format, after) = (order.format, order.run.after.clone());
    let before = order.run.feed.first().filter(|_| order.run.joins).map(|access| access.item.clone());
    let rendered = render_piece(ffmpeg, order, work).await?;
    let began = Instant::now();
    let recorded = before.as_ref().or(after.first().map(|access| &access.item)).map(|coded| &coded.config);
    let recorded = recorded.filter(|_| container == Container::Mp4);
    let together = recorded.is_some_and(|recorded| share_entry(recorded, &rendered.config));
    let join = Join { before: before.as_ref(), rendered: &rendered, after: &after, together };
    check(ffmpeg, &format, &join).await?;
    work.check_ms.fetch_add(millis(began.elapsed()), Ordering::Relaxed);
    match recorded.filter(|recorded| !together && recorded.codec == VideoCodec::H264) {
        Some(recorded) => in_entry_of(recorded, rendered),
        None => Ok(pictures_of(rendered)),
    }
}

/// Pictures under the recording's sample entry, with their parameter sets in band: players do not follow a second H.264
/// entry that uses the same ids.
fn in_entry_of(recorded: &Arc<DecoderConfig>, rendered: Rendered) -> Result<Vec<Picture>, WorkError> {
    if recorded.entry.fourcc != *b"avc3" || recorded.nal_length_size != 4 {
        return Err(WorkError::Unfit("the parameter sets do not fit into one sample entry".to_owned()));
    }
    let within = |picture: Picture| {
        let DecoderConfig { codec, nal_length_size, sets, .. } = &*picture.config;
        let sets = if picture.sync { &sets[..] } else { &[] };
        let data = in_band(*codec, &picture.data, *nal_length_size, sets)?.into();
        Ok(Picture { data, config: Arc::clone(recorded), ..picture })
    };
    pictures_of(rendered).into_iter().map(within).collect()
}

/// An id that no H.264 parameter set uses, neither in the sample entry nor in the random access pictures of `run`.
fn unused_id(setup: &Setup, run: &Run<Coded>) -> Result<Option<u32>, WorkError> {
    let mut in_band = Vec::new();
    for access in run.feed.iter().chain(&run.after).filter(|access| access.picture.parameter_sets) {
        let config = &access.item.config;
        for set in parameter_sets(config.codec, &access.item.data, config.nal_length_size)? {
            in_band.push(Bytes::copy_from_slice(set));
        }
    }
    let (sps, pps) = in_band.into_iter().partition(|set| unit_type(VideoCodec::H264, set) == Some(7));
    let in_band = Codec::H264 { nal_length_size: 4, sps, pps };
    Ok(free_parameter_id(&[&setup.config.entry.codec, &in_band]))
}

async fn render_piece(ffmpeg: &Ffmpeg, order: Order, work: &Work) -> Result<Rendered, WorkError> {
    let began = Instant::now();
    let rendered = render(ffmpeg, order).await?;
    work.render_ms.fetch_add(millis(began.elapsed()), Ordering::Relaxed);
    work.encoded.fetch_add(u64::try_from(rendered.pictures.len()).unwrap_or(0), Ordering::Relaxed);
    Ok(rendered)
}

/// Whether the two configurations can be one sample entry.
fn share_entry(one: &DecoderConfig, other: &DecoderConfig) -> bool {
    let mut entries = SampleEntries::default();
    entries.add(&one.entry) == entries.add(&other.entry)
}

fn pictures_of(rendered: Rendered) -> Vec<Picture> {
    let config = rendered.config;
    let picture = |picture: crate::render::Encoded| Picture {
        pts: picture.pts,
        duration: picture.duration,
        sync: picture.sync,
        data: picture.data,
        config: Arc::clone(&config),
    };
    rendered.pictures.into_iter().map(picture).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Writes the file as its parts become ready; `None` if there are none.
async fn write<O: SourceStore + ClipStore + 'static>(
    mut ready: mpsc::Receiver<Pending>,
    audio: Vec<AudioTrack<O>>,
    container: Container,
    ffmpeg: &Ffmpeg,
    uploader: Uploader<O>,
    budget: &Budget,
    progress: &impl Progress,
) -> Result<Option<(PreparedClip, Nanos)>, WorkError> {
    let Some(first) = ready.recv().await else { return Ok(None) };
    let spec = first.spec.clone();
    let mut assembly =
        Assembly::begin(container, spec, audio, first.block().await?, ffmpeg, uploader).await?;
    while let Some(next) = ready.recv().await {
        let paced = next.paced;
        assembly.add(next.block().await?).await?;
        let length = assembly.length();
        progress.made(length);
        if paced {
            budget.check_while(length)?;
        }
    }
    let length = assembly.length();
    Ok(Some((assembly.finish().await?, length)))
}
