//! The plan of a clip that is not made: the planner's own decisions about the window, without an encoder and a file.
//!
//! A short window is planned from all of its pictures, as the making does it. Of a longer one the beginning and the end
//! are planned, and the pictures in between are counted by their rhythm.

use crate::Source;
use crate::budget::Budget;
use crate::clip::Clip;
use crate::codec::encode::FirstFrame;
use crate::error::Error;
use crate::fanning::{FannedClip, Fanning};
use crate::ffmpeg::Ffmpeg;
use crate::forecast::Forecast;
use crate::machine::Machine;
use crate::making::Way;
use crate::plan::Plan;
use crate::planner::{Largest, Planner, WindowPlace};
use crate::recording::Recording;
use crate::stats::Stats;
use export_media::time::Nanos;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The longest window that is planned from all of its pictures.
const WHOLE: Nanos = Nanos::new(30_000_000_000);
/// The beginning and the end of a longer one: more than a head may have.
const END: Nanos = Nanos::new(15_000_000_000);
/// The time that any clip takes.
const ALWAYS: Duration = Duration::from_millis(400);
/// The time that each run of rendered pictures takes for its processes and its check.
const EACH_RUN: Duration = Duration::from_millis(300);
/// Bytes that are read in a millisecond.
const BYTES_A_MS: u64 = 50_000;

/// A clip as it would be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The way in which it would be made. Nothing is rendered yet, so its times are zero.
    pub plan: Plan,
    /// Frames to encode before the first copied one; all of them if none is copied.
    pub frames_head: u64,
    /// Frames to encode behind copied ones.
    pub frames_tail: u64,
    /// When pictures of the window are shown that a copy can start with, on the presentation's clock: the first 1000.
    pub key_pictures: Vec<Nanos>,
    /// The part of the window that no recorded frame covers, in milliseconds.
    pub lack_ms: i64,
    /// Bytes that making it reads, about.
    pub bytes_read: u64,
    /// Bytes that its file has, about.
    pub bytes_written: u64,
    /// The time that making it takes, about.
    pub takes: Duration,
    /// The chunks that it would be made in, about; `None` if it would be made as a whole.
    pub chunks: Option<u32>,
    /// `false` if only the beginning and the end of the window were read: the counts are then estimates.
    pub exact: bool,
    /// Time zero of the presentation, since the Unix epoch; `None` for a recording without a clock.
    pub availability_start: Option<Nanos>,
    /// The start of the first Period on the presentation's clock.
    pub first_period: Nanos,
}

/// A window, planned.
struct WindowPlan {
    plan: Plan,
    forecast: Forecast,
    lack_ms: i64,
    /// The clip's beginning, if it is to be made in chunks.
    fanned: Option<FannedClip>,
}

impl WindowPlan {
    /// An end of a window with no picture in it.
    fn of_nothing() -> Self {
        let (plan, forecast) = (Stats::new(None).plan(), Forecast::default());
        Self { plan, forecast, lack_ms: END.to_millis_floor(), fanned: None }
    }
}

impl Clip {
    /// Plans the clip as a worker on `machine` would make it. Nothing is decoded, encoded or written.
    ///
    /// # Errors
    /// [`Error`], as making it would end.
    pub async fn foresee<S: Source>(&self, source: Arc<S>, machine: Machine) -> Result<Foreseen, Error> {
        let until = Instant::now() + self.left;
        let recording = Recording::open(source, &self.selection).await?;
        recording.check_live_edge(&[]).await?;
        let budget = Budget::on(machine, until, recording.recorded());
        let length = recording.window.end - recording.window.start;
        let is_short = length <= WHOLE;
        let planned = match &recording.track {
            None => of_audio(&recording)?,
            Some(_) if is_short => self.planned(&recording, &budget).await?,
            Some(_) => self.planned_by_its_ends(&recording, &budget).await?,
        };
        let planned = planned.ok_or_else(|| recording.no_picture())?;
        let WindowPlan { plan, forecast, lack_ms, fanned } = planned;
        let chunks = fanned.as_ref().map(|found| found.chunks_of(length)).transpose()?;
        let in_chunks = fanned.zip(chunks).map(|(found, count)| found.takes(count));
        let (all, rendered) = (forecast.all(), forecast.head.and(forecast.tail));
        let audio = recording.audio_bytes();
        let bytes_read = recording.reader.bytes().max(all.bytes).saturating_add(audio);
        Ok(Foreseen {
            frames_head: forecast.head.frames,
            frames_tail: forecast.tail.frames,
            takes: ALWAYS
                .saturating_add(Duration::from_millis(bytes_read / BYTES_A_MS))
                .saturating_add(EACH_RUN.saturating_mul(rendered.runs))
                .saturating_add(in_chunks.unwrap_or(rendered.takes)),
            chunks,
            bytes_written: all.bytes.saturating_add(audio),
            key_pictures: forecast.keys,
            plan,
            lack_ms,
            bytes_read,
            exact: is_short,
            availability_start: recording.availability_start(),
            first_period: recording.first_period(),
        })
    }

    /// Plans a window from all of its pictures; `None` if there are none.
    async fn planned<S: Source>(
        &self,
        recording: &Recording<S>,
        budget: &Budget,
    ) -> Result<Option<WindowPlan>, Error> {
        let (largest, endless) = (Largest::default(), budget.without_end());
        let fanning = self.fan_out.map(Fanning::new);
        let mut way = Way::first(budget, &largest).unless_in_chunks(fanning.as_ref());
        let mut fanned = None;
        loop {
            let planned = self.planned_in(recording, &way).await;
            if let Some(found) = fanning.as_ref().and_then(Fanning::take) {
                fanned = Some(found);
                way = way.in_chunks(&endless);
                continue;
            }
            match planned {
                Err(error) => way = way.after(error)?,
                Ok(planned) => return Ok(planned.map(|planned| WindowPlan { fanned, ..planned })),
            }
        }
    }

    async fn planned_in<S: Source>(
        &self,
        recording: &Recording<S>,
        way: &Way<'_>,
    ) -> Result<Option<WindowPlan>, Error> {
        // A plan starts no process.
        let ffmpeg = Ffmpeg::at("", Duration::ZERO);
        let input = way.input(self.selection.codec, self.container, &ffmpeg);
        let stats = Arc::new(Stats::new(way.unfit.clone()));
        let (mut video, mut forecast) = (recording.pictures(), Forecast::default());
        let ((first, _jpeg), (pending, _ready)) = (FirstFrame::new(false), mpsc::channel(1));
        let place = WindowPlace { number: 0, window: recording.window, shift: Nanos::ZERO };
        let planner = Planner::new(&input, place, pending, first, Arc::clone(&stats));
        let mut planner = planner.foreseeing(&mut forecast);
        planner.plan(place, &mut video).await?;
        drop(planner);
        let is_empty = forecast.all().frames == 0;
        let (plan, lack_ms) = (stats.plan(), video.lack_ms());
        Ok((!is_empty).then_some(WindowPlan { plan, forecast, lack_ms, fanned: None }))
    }

    /// Plans the beginning and the end of a window.
    async fn planned_by_its_ends<S: Source>(
        &self,
        recording: &Recording<S>,
        budget: &Budget,
    ) -> Result<Option<WindowPlan>, Error> {
        let (start, end) = (recording.window.start, recording.window.end);
        let head = self.planned(&recording.within(start, start + END), budget).await?;
        let tail = self.planned(&recording.within(end - END, end), budget).await?;
        if head.is_none() && tail.is_none() {
            return self.planned(recording, budget).await;
        }
        let [head, tail] = [head, tail].map(|part| part.unwrap_or_else(WindowPlan::of_nothing));
        let between = recording.listed_in(start + END, end - END);
        let ends_lack = Nanos::from_millis(head.lack_ms.saturating_add(tail.lack_ms));
        let ends = END + END - ends_lack;
        let both = head.forecast.all().and(tail.forecast.all());
        let all = both.and(both.over(between, ends));
        let lack_ms = head.lack_ms.saturating_add(tail.lack_ms)
            + (end - start - END - END - between).max(Nanos::ZERO).to_millis_floor();
        let keys = head.forecast.keys.iter().chain(&tail.forecast.keys).copied().collect();
        let fanned = head.fanned.or(tail.fanned);
        let headless = head.forecast.all().frames == 0;
        let whole = if head.plan.kind == "reencode" {
            Some(head.plan)
        } else if tail.plan.fell_back.is_some() || (headless && tail.plan.kind == "reencode") {
            Some(tail.plan)
        } else {
            None
        };
        if let Some(plan) = whole {
            let forecast = Forecast { head: all, keys, ..Forecast::default() };
            let plan = Plan { frames_encoded: all.frames, frames_copied: 0, ..plan };
            return Ok(Some(WindowPlan { plan, forecast, lack_ms, fanned }));
        }
        let (head, tail) = (head.forecast.head, tail.forecast.tail);
        let copied = all.without(head).without(tail);
        let stats = Stats::new(None);
        stats.copied_pictures(usize::try_from(copied.frames).unwrap_or(usize::MAX));
        let encoded = head.frames.saturating_add(tail.frames);
        stats.encoded_pictures(usize::try_from(encoded).unwrap_or(usize::MAX), Duration::ZERO);
        let forecast = Forecast { head, tail, copied, keys };
        Ok(Some(WindowPlan { plan: stats.plan(), forecast, lack_ms, fanned }))
    }
}

/// The plan of a clip without a picture; `None` if there is no audio either.
fn of_audio<S: Source>(recording: &Recording<S>) -> Result<Option<WindowPlan>, Error> {
    let window = recording.window;
    let listed = recording.listed_in(window.start, window.end);
    if listed <= Nanos::ZERO || recording.audio_bytes() == 0 {
        return Err(recording.nothing(recording.no_media("no audio is recorded in the window")).into());
    }
    let stats = Stats::new(None);
    stats.has_only_audio();
    let lack_ms = (window.end - window.start - listed).to_millis_floor();
    Ok(Some(WindowPlan { plan: stats.plan(), forecast: Forecast::default(), lack_ms, fanned: None }))
}
