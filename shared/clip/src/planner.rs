//! Reads the recording and decides, picture by picture, what is copied and what is rendered. Runs are rendered as tasks
//! of their own, a few side by side; everything goes to the writer in the clip's order.

mod ahead;

use self::ahead::{TailAhead, TailMeans};
use crate::Source;
use crate::budget::Budget;
use crate::codec::decode::{CodedSource, Footage};
use crate::codec::encode::{EncodeRequest, FirstFrame};
use crate::codec::join::{copied, render_alone, render_join, unused_id};
use crate::codec::picture::{Coded, Item, Setup};
use crate::error::Refusal;
use crate::error::{Error, Unfit};
use crate::fanning::ClipPart;
use crate::ffmpeg::Ffmpeg;
use crate::forecast::Forecast;
use crate::notes::Notes;
use crate::notes::WarningCode;
use crate::stats::{RunGauge, Stats};
use crate::still::still_of;
use crate::task::Task;
use crate::video::{VideoFeed, WindowEnd};
use crate::write::assembly::{Block, ClipSample, VideoSpec};
use export_media::conform::Conformed;
use export_media::cut::{Access, Cutter, Method, Run, Step};
use export_media::entries::SharedEntry;
use export_media::ffmpeg::FileFormat;
use export_media::ffmpeg::{Encoding, Purpose};
use export_media::nal::{VideoCodec, is_interlaced};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::sample::peak_bitrate;
use export_media::time::Nanos;
use export_media::weight::{Load, Share};
use export_media::window::Window;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The re-encode may take this many times the recorded bits a second, in tenths.
const BITRATE_TENTHS: u64 = 14;
/// Length of the pieces that a clip is rendered in.
const PIECE: Nanos = Nanos::new(10_000_000_000);
/// KiB of copied pictures that may wait for what is rendered before them.
const WAITING_KIB: u32 = 48 << 10;
/// Pixels of a head, where nothing but a late key picture keeps it from its end: 80 s of 1080p25.
const HEAD_PIXELS: u64 = 4_000_000_000;
/// Pictures that an encoder of whole clips may show later than it codes them.
const CLIP_REORDER: usize = 2;

/// The input of a plan: the clip that is wanted, and the means to make it.
#[derive(Debug, Clone)]
pub(crate) struct PlanInput<'a> {
    pub(crate) ffmpeg: &'a Ffmpeg,
    /// The codec that is asked for; `None` keeps the recorded one.
    pub(crate) codec: Option<VideoCodec>,
    pub(crate) container: FileFormat,
    pub(crate) budget: &'a Budget,
    /// `true` to render what could be copied.
    pub(crate) render_all: bool,
    pub(crate) largest: &'a Largest,
    /// `true` if pictures that turn out to be larger than the clip may end it, to be made anew in their size.
    pub(crate) may_grow: bool,
    /// The part of the clip that is made.
    pub(crate) part: ClipPart<'a>,
}

/// Pictures that may be decoded before one that is shown earlier, in a clip that is rendered as a whole.
pub(crate) fn reordered(share: Share) -> usize {
    if share.frugal { 0 } else { CLIP_REORDER }
}

/// The most bits a second of a clip whose recording has so many.
pub(crate) fn bitrate_of(recorded: u64) -> u64 {
    recorded.saturating_mul(BITRATE_TENTHS) / 10
}

/// The largest pictures that were met in a window, over all tries to make its clip. If there are pictures of several
/// sizes, the clip has theirs: nothing loses detail, and a short advertisement in a low resolution does not decide what
/// the programme looks like.
#[derive(Debug, Default)]
pub(crate) struct Largest(Mutex<Option<(PictureFormat, Arc<DecoderConfig>)>>);

impl Largest {
    fn meet(&self, format: &PictureFormat, config: &Arc<DecoderConfig>) {
        let mut largest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if largest.as_ref().is_none_or(|(largest, _)| format.pixels() > largest.pixels()) {
            *largest = Some((*format, Arc::clone(config)));
        }
    }

    fn look(&self) -> Option<(PictureFormat, Arc<DecoderConfig>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PlanInput<'_> {
    /// Returns `true` if a clip that starts with such pictures is rendered as a whole.
    fn renders(&self, setup: &Setup) -> bool {
        let recorded = setup.config.codec;
        self.render_all || self.codec.unwrap_or(recorded) != recorded
    }

    /// The look of a clip that starts with such pictures.
    fn clip(&self, setup: &Arc<Setup>) -> Arc<Setup> {
        if let Some(look) = self.part.look() {
            return look.clip(setup);
        }
        match self.largest.look().filter(|_| self.renders(setup)) {
            Some((format, config)) => Arc::new(Setup { config, format, ..Setup::clone(setup) }),
            None => Arc::clone(setup),
        }
    }
}

/// A window of the clip in its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowPlace {
    /// Its number in the clip.
    pub(crate) number: usize,
    pub(crate) window: Window,
    /// Added to the recording's clock, so that the windows follow one another.
    pub(crate) shift: Nanos,
}

/// A part of the clip in its turn.
pub(crate) struct PendingBlock {
    pictures: Waiting,
    pub(crate) place: WindowPlace,
    /// The recording may have a hole before them.
    starts: bool,
    /// Everything is rendered: the time it takes grows with the clip.
    pub(crate) paced: bool,
    pub(crate) spec: VideoSpec,
    /// The progress of its encoder, if they go through one.
    pub(crate) run: Option<RunGauge>,
    /// Given back once the pictures are taken.
    _room: Option<OwnedSemaphorePermit>,
}

impl PendingBlock {
    /// A part of the window at `place` that is rendered already.
    pub(crate) fn ready(place: WindowPlace, block: Block, spec: VideoSpec) -> Self {
        let Block { pictures, starts } = block;
        Self { pictures: Waiting::Ready(pictures), place, starts, paced: false, spec, run: None, _room: None }
    }

    /// The pictures, once they are there.
    pub(crate) async fn block(self) -> Result<Block, Error> {
        let mut pictures = match self.pictures {
            Waiting::Ready(pictures) => pictures,
            Waiting::Rendering(task) => task.await??,
        };
        for picture in &mut pictures {
            picture.pts = picture.pts + self.place.shift;
        }
        Ok(Block { pictures, starts: self.starts })
    }
}

enum Waiting {
    Ready(Vec<ClipSample>),
    Rendering(Task<Result<Vec<ClipSample>, Error>>),
}

/// The stretch of the recording that is being planned.
#[derive(Debug, Clone)]
struct Stretch {
    /// The look of the clip: that of its first stretch.
    clip: Arc<Setup>,
    /// The look of this one.
    setup: Arc<Setup>,
    /// `true` until a part of it has been passed on.
    starts: bool,
    /// The number of the window that gave the clip its look.
    like: usize,
}

/// Decides what is copied and what is rendered.
pub(crate) struct Planner<'a> {
    input: &'a PlanInput<'a>,
    /// The window that is being planned.
    place: WindowPlace,
    /// `None` before the first one begins.
    stretch: Option<Stretch>,
    /// The end of the stretch, if it is rendered before its turn.
    tail: Option<TailAhead>,
    first: Option<FirstFrame>,
    /// Makes a JPEG of the first picture, if that is copied.
    picture: Option<Task<Result<(), Error>>>,
    /// The share of each encoder; or the reason why none fits.
    share: Result<Share, Refusal>,
    /// Runs that may be rendered side by side.
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    pending: mpsc::Sender<PendingBlock>,
    stats: Arc<Stats>,
    /// The highest bits a second of what was rendered so far. It never falls, so that encoders choose the same level.
    bitrate: u64,
    /// Takes the steps of a clip that is not to be made.
    forecast: Option<&'a mut Forecast>,
}

impl<'a> Planner<'a> {
    /// For one clip, which begins with the window at `place`. Its parts go to `pending` and its first picture goes to
    /// `first`.
    pub(crate) fn new(
        input: &'a PlanInput<'a>,
        place: WindowPlace,
        pending: mpsc::Sender<PendingBlock>,
        first: FirstFrame,
        stats: Arc<Stats>,
    ) -> Self {
        Self {
            input,
            place,
            stretch: None,
            tail: None,
            first: Some(first),
            picture: None,
            share: Ok(Share { at_once: 1, frugal: false }),
            turns: Arc::new(Semaphore::new(1)),
            room: Arc::new(Semaphore::new(usize::try_from(WAITING_KIB).unwrap_or(1))),
            pending,
            stats,
            bitrate: 0,
            forecast: None,
        }
    }

    /// Makes nothing: the steps go to `forecast`.
    pub(crate) fn foreseeing(self, forecast: &'a mut Forecast) -> Self {
        Self { forecast: Some(forecast), ..self }
    }

    /// Plans everything that `feed` has of the window at `place`.
    pub(crate) async fn plan(
        &mut self,
        place: WindowPlace,
        feed: &mut VideoFeed<impl Source>,
    ) -> Result<(), Error> {
        self.place = place;
        self.steps(feed).await?;
        // Another one was made in its stead, or none.
        self.tail = None;
        Ok(())
    }

    /// The clip has no other window.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        let picture = self.picture.take();
        // The writer ends with what it is given.
        drop(self);
        match picture {
            Some(task) => task.await?,
            None => Ok(()),
        }
    }

    async fn steps(&mut self, feed: &mut VideoFeed<impl Source>) -> Result<(), Error> {
        let mut cutter: Option<Cutter<Coded>> = None;
        loop {
            let item = feed.next().await?;
            if let Some(Item::Sample(coded)) = item {
                if let Some(cutter) = &mut cutter {
                    self.examine(&coded)?;
                    if coded.shown {
                        cutter.show_from(coded.pts);
                    }
                    let steps = cutter.push(coded.access())?;
                    self.take(steps).await?;
                }
                continue;
            }
            if let Some(cutter) = &mut cutter {
                let steps = cutter.end(feed.take_cut())?;
                self.take(steps).await?;
            }
            let Some(Item::Start(setup, coded)) = item else { return Ok(()) };
            let bounds = setup.bounds;
            self.meet(&setup, feed).await;
            let starts = self.begin(&setup, feed.notes())?;
            self.tail = feed.take_end().and_then(|end| self.render_ahead(end));
            self.examine(&coded)?;
            let method = if self.renders() { Method::Render(PIECE) } else { Method::Copy };
            let cutter = match cutter.take().filter(|_| !starts) {
                Some(going_on) => cutter.insert(going_on),
                None => cutter.insert(self.cutter(method)),
            };
            cutter.begin(coded.access(), bounds);
        }
    }

    fn cutter(&self, method: Method) -> Cutter<Coded> {
        let pixels = self.stretch.as_ref().map_or(0, |stretch| stretch.setup.format.pixels());
        let longest = usize::try_from(HEAD_PIXELS / pixels.max(1)).unwrap_or(usize::MAX);
        let Window { start, end, .. } = self.place.window;
        Cutter::new(start, end, method).with_heads_of(longest)
    }

    /// Returns `true` if everything is rendered.
    fn renders(&self) -> bool {
        self.input.render_all
            || self.stretch.as_ref().is_some_and(|stretch| self.input.renders(&stretch.clip))
    }

    /// Frames that are only flagged as interlaced can be copied; no encoder here makes single ones of fields.
    fn examine(&self, coded: &Coded) -> Result<(), Error> {
        let setup = self.stretch.as_ref().map(|stretch| &stretch.setup);
        let Some(setup) = setup.filter(|setup| setup.sps.interlaced && !self.renders()) else {
            return Ok(());
        };
        let Coded { data, config, .. } = coded;
        // A picture whose slice header is cut off says nothing about the others.
        let fields = is_interlaced(&setup.sps, data, config.nal_length_size).unwrap_or(false);
        if fields { Err(interlaced()) } else { Ok(()) }
    }

    /// Takes note of how large the pictures of a stretch are, and at the clip's start those of all Periods.
    async fn meet(&mut self, setup: &Setup, feed: &VideoFeed<impl Source>) {
        if self.stretch.as_ref().is_some_and(|stretch| stretch.like != self.place.number) {
            return;
        }
        self.input.largest.meet(&setup.format, &setup.config);
        let open = self.stretch.is_none() && self.input.part.look().is_none();
        if open && self.input.renders(setup) {
            for (format, config) in feed.looks().await {
                self.input.largest.meet(&format, &config);
            }
        }
    }

    /// A stretch begins. Whether the clip does: it goes on like the first stretch that gives it a picture, and if it is
    /// rendered it looks like the largest.
    fn begin(&mut self, setup: &Arc<Setup>, notes: &Notes) -> Result<bool, Error> {
        let starts = self.first.is_some();
        let (clip, like) = match self.stretch.take().filter(|_| !starts) {
            Some(before) => (before.clip, before.like),
            None => (self.input.clip(setup), self.place.number),
        };
        self.stretch =
            Some(Stretch { clip: Arc::clone(&clip), setup: Arc::clone(setup), starts: true, like });
        let may_grow = self.input.may_grow && like == self.place.number;
        if self.input.codec.unwrap_or(clip.config.codec) != clip.config.codec {
            self.stats.converted();
        }
        if starts {
            self.share = match self.input.part.look() {
                Some(look) => Ok(look.share),
                None => self.input.budget.share(&self.load(setup, &clip)),
            };
            let at_once = self.share.as_ref().map_or(1, |share| share.at_once);
            self.turns = Arc::new(Semaphore::new(at_once));
        }
        if self.renders() {
            let (own, wanted) = (&setup.format, &clip.format);
            if starts {
                let codec = self.input.codec.unwrap_or(clip.config.codec);
                let share = self.share.clone()?;
                let load = self.load(setup, &clip);
                self.input.part.check_before(self.input.budget, (&clip, codec), &load, share)?;
            } else if may_grow && own.pixels() > wanted.pixels() {
                return Err(Unfit::FormatChange.because("the pictures become larger"));
            }
            let conformed = Conformed::new(own, wanted);
            if let Some(detail) = conformed.scaled(own, wanted) {
                notes.warn(WarningCode::PicturesScaled, detail);
            }
            if setup.sps.field_pictures {
                let detail = "fields that are pictures of their own are shown as frames of half the height";
                notes.warn(WarningCode::PicturesConverted, detail);
            }
            if let Some(changes) = conformed.changes() {
                let detail = format!("pictures that look otherwise than the clip are {changes}");
                notes.warn(WarningCode::PicturesConverted, detail);
            }
        } else if setup.sps.interlaced && setup.config.codec == VideoCodec::Hevc {
            return Err(interlaced());
        } else if (setup.config.codec, of_fields(setup.format, &clip), setup.timescale)
            != (clip.config.codec, clip.format, clip.timescale)
        {
            return Err(Unfit::FormatChange.because("the format of the pictures changes"));
        }
        Ok(starts)
    }

    /// The work of the encoders of the clip that begins with these pictures.
    fn load<'b>(&self, setup: &'b Setup, clip: &'b Setup) -> Load<'b> {
        let renders = self.renders();
        Load {
            sps: &setup.sps,
            recorded: &setup.format,
            clip: &clip.format,
            codec: self.input.codec.unwrap_or(clip.config.codec),
            reordered: if renders { CLIP_REORDER } else { 0 },
            // The head and the tail are rendered side by side.
            renders: if renders { self.input.budget.pieces_of(PIECE) } else { 2 },
        }
    }

    async fn take(&mut self, steps: Vec<Step<Coded>>) -> Result<(), Error> {
        let Some(Stretch { clip, setup, .. }) = self.stretch.clone() else { return Ok(()) };
        for step in steps {
            if self.forecast.is_some() {
                self.foresee(&setup, &clip, &step)?;
                continue;
            }
            match step {
                Step::Copy { splice, pictures } => self.copy(&setup, &clip, splice, pictures).await?,
                Step::Render(run) => self.render(&setup, &clip, run).await?,
            }
        }
        Ok(())
    }

    /// Takes a step without making it: what would keep it from being begun is found, and its pictures are counted.
    fn foresee(&mut self, setup: &Setup, clip: &Setup, step: &Step<Coded>) -> Result<(), Error> {
        // The clip has begun.
        self.first = None;
        let mut each = Duration::ZERO;
        match step {
            Step::Copy { splice, pictures } => {
                for (n, access) in pictures.iter().enumerate() {
                    copied(access, *splice && n == 0)?;
                }
            }
            Step::Render(run) => {
                let share = self.share.clone()?;
                let codec = self.encoding(setup, clip, run, share)?.codec;
                let nanos = self.input.budget.cost_of_a_picture(clip, codec, share);
                each = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            }
        }
        let count = self.forecast.as_mut().map_or(0, |forecast| forecast.add(step, each));
        match step {
            Step::Copy { .. } => self.stats.copied_pictures(count),
            Step::Render(_) => self.stats.encoded_pictures(count, Duration::ZERO),
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        setup: &Arc<Setup>,
        clip: &Setup,
        splice: bool,
        pictures: Vec<Access<Coded>>,
    ) -> Result<(), Error> {
        if let (Some(first), Some(access)) = (self.first.take(), pictures.first())
            && first.is_wanted()
        {
            let picture = show(self.input.ffmpeg.clone(), Arc::clone(setup), access.item.clone(), first);
            self.picture = Some(Task::spawn(picture));
        }
        self.stats.copied_pictures(pictures.len());
        let bytes: usize = pictures.iter().map(|access| access.item.data.len()).sum();
        let kib = u32::try_from(bytes >> 10).unwrap_or(WAITING_KIB).clamp(1, WAITING_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| over())?;
        let picture = |(n, access)| copied(access, splice && n == 0);
        let pictures = pictures.iter().enumerate().map(picture).collect::<Result<_, Error>>()?;
        self.send(Waiting::Ready(pictures), clip, None, Some(room)).await
    }

    /// Renders the end of the stretch at once, if that can be done beside a head.
    fn render_ahead(&self, end: WindowEnd) -> Option<TailAhead> {
        let fits = self.share.as_ref().is_ok_and(|share| share.at_once > 1);
        let stretch = self.stretch.clone().filter(|_| fits && !self.renders())?;
        let means = TailMeans {
            ffmpeg: self.input.ffmpeg.clone(),
            container: self.input.container,
            stretch,
            turns: Arc::clone(&self.turns),
        };
        Some(TailAhead::begin(end, means))
    }

    async fn render(&mut self, setup: &Arc<Setup>, clip: &Arc<Setup>, run: Run<Coded>) -> Result<(), Error> {
        if let Some(tail) = self.tail.as_mut().filter(|_| run.joins)
            && tail.renders(&run).await
            && let Some(tail) = self.tail.take()
        {
            let (gauge, task) = (self.stats.begin_run(), tail.counted_in(Arc::clone(&self.stats)));
            return self.send(Waiting::Rendering(task), clip, Some(gauge), None).await;
        }
        let joins = !self.renders();
        let share = self.share.clone()?;
        let encoding = self.encoding(setup, clip, &run, share)?;
        let (setup, first, gauge) = (Arc::clone(setup), self.first.take(), self.stats.begin_run());
        let order = EncodeRequest {
            setup,
            format: clip.format,
            look: Arc::clone(&clip.config),
            encoding,
            run,
            first,
            gauge: gauge.clone(),
        };
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| over())?;
        let (ffmpeg, stats, container) =
            (self.input.ffmpeg.clone(), Arc::clone(&self.stats), self.input.container);
        let like = Arc::clone(clip);
        let task = Task::spawn(async move {
            let pictures = if joins {
                render_beside(&ffmpeg, order, &like, container, &stats).await
            } else {
                render_alone(&ffmpeg, order, &stats).await
            };
            drop(turn);
            pictures
        });
        self.send(Waiting::Rendering(task), clip, Some(gauge), None).await
    }

    fn encoding(
        &mut self,
        setup: &Setup,
        clip: &Setup,
        run: &Run<Coded>,
        share: Share,
    ) -> Result<Encoding, Error> {
        if !self.renders() {
            return encoding_beside(setup, clip, run, share.frugal);
        }
        if let Some(look) = self.input.part.look() {
            return Ok(look.encoding(self.reordered(clip)));
        }
        let size = |coded: &Coded| u64::try_from(coded.data.len()).unwrap_or(u64::MAX);
        let recorded = run.feed.iter().map(|access| (size(&access.item), access.duration));
        self.bitrate = self.bitrate.max(peak_bitrate(recorded));
        let codec = self.input.codec.unwrap_or(clip.config.codec);
        Ok(Encoding {
            codec,
            recorded: clip.config.codec,
            timescale: clip.timescale,
            frame_ticks: clip.frame_ticks,
            max_bitrate: bitrate_of(self.bitrate),
            purpose: Purpose::Clip { reordered: self.reordered(clip) },
            threads: self.input.budget.threads_for(share.at_once),
            frugal: share.frugal,
        })
    }

    /// Pictures of the clip that may be decoded before one that is shown earlier.
    fn reordered(&self, clip: &Setup) -> usize {
        match &self.share {
            Ok(share) if self.renders() => reordered(*share),
            _ if self.renders() => CLIP_REORDER,
            _ => clip.rhythm.reorder,
        }
    }

    async fn send(
        &mut self,
        pictures: Waiting,
        clip: &Setup,
        run: Option<RunGauge>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let (width, height) = clip.format.display_size();
        let delay = clip.delay(self.reordered(clip));
        let entry = if self.renders() { SharedEntry::default() } else { clip.entry.clone() };
        let matrix = clip.format.matrix;
        let spec = VideoSpec { width, height, matrix, timescale: clip.timescale, delay, entry };
        let starts = self.stretch.as_mut().is_some_and(|stretch| std::mem::take(&mut stretch.starts));
        let (paced, place) = (self.renders(), self.place);
        self.pending
            .send(PendingBlock { pictures, place, starts, paced, spec, run, _room: room })
            .await
            .map_err(|_| over())
    }
}

/// How a run beside copied pictures is encoded.
fn encoding_beside(setup: &Setup, clip: &Setup, run: &Run<Coded>, frugal: bool) -> Result<Encoding, Error> {
    let codec = clip.config.codec;
    let purpose = Purpose::Join {
        parameter_id: unused_id(setup, run)?,
        profile_idc: setup.sps.profile_idc,
        alone: !run.joins && run.after.is_empty(),
    };
    Ok(Encoding {
        codec,
        recorded: codec,
        timescale: clip.timescale,
        frame_ticks: clip.frame_ticks,
        max_bitrate: 0,
        purpose,
        threads: 0,
        frugal,
    })
}

/// Renders a run beside copied pictures. What fails there may not fail where nothing is copied.
async fn render_beside(
    ffmpeg: &Ffmpeg,
    request: EncodeRequest,
    clip: &Setup,
    container: FileFormat,
    stats: &Stats,
) -> Result<Vec<ClipSample>, Error> {
    render_join(ffmpeg, request, clip, container, stats).await.map_err(|error| match error {
        Error::Passing(why) | Error::Unanswered(why) | Error::Unexplained(why) => {
            Error::Unfit(Unfit::Encoder, why)
        }
        other => other,
    })
}

/// The format with the clip's order of fields: pictures that are copied tell their own.
fn of_fields(format: PictureFormat, clip: &Setup) -> PictureFormat {
    PictureFormat { bottom_first: clip.format.bottom_first, ..format }
}

fn interlaced() -> Error {
    Unfit::Interlaced.because("the recording is interlaced")
}

/// Makes the JPEG of a picture that needs no other.
async fn show(ffmpeg: Ffmpeg, setup: Arc<Setup>, picture: Coded, mut first: FirstFrame) -> Result<(), Error> {
    let footage = Footage::new(Arc::clone(&setup), [picture]);
    match still_of(&ffmpeg, &setup, &footage, 0).await {
        Ok(tracks) => {
            tracks.stills.iter().for_each(|jpeg| first.give(jpeg));
            Ok(())
        }
        // A clip can do without its picture.
        Err(Error::GivenUp(refused)) => {
            tracing::warn!(%refused, "failed to make a picture of the first frame");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The other half has ended, and says itself why.
fn over() -> Error {
    Error::Passing("the clip's writer has ended".to_owned())
}
