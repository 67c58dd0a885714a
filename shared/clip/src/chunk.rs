//! One chunk of a plan: the pictures of its part of the window, encoded.

mod join;
mod object;
mod seam;

pub use self::join::ChunkJoin;

use self::object::{Ending, ObjectWriter};
use crate::budget::Budget;
use crate::chunked::{ChunkFault, ChunkPlan};
use crate::codec::encode::FirstFrame;
use crate::error::Error;
use crate::fanning::{ClipPart, ReadyLook};
use crate::ffmpeg::Ffmpeg;
use crate::gauge::Gauge;
use crate::plan::Plan;
use crate::planner::{Largest, PlanInput, Planner, WindowPlace};
use crate::recording::Recording;
use crate::{ClipWriter, Sink, Source};
use export_media::ffmpeg::FileFormat;
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Parts of a chunk that may wait to be written.
const WAITING: usize = 4;

/// A chunk to make.
#[derive(Debug, Clone)]
pub struct Chunk<'a> {
    /// The plan.
    pub plan: &'a ChunkPlan,
    /// Which of its chunks.
    pub n: u32,
    /// Tells its progress, which is that of the chunk alone.
    pub gauge: Arc<Gauge>,
}

/// A chunk that was made.
#[derive(Debug)]
pub struct MadeChunk<W> {
    /// The sink's description of the object.
    pub written: W,
    /// Pictures of the chunk: none, if nothing is recorded there or a picture from before stays on display.
    pub pictures: u64,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// In which way it was made; its counts are those of the chunk.
    pub plan: Plan,
}

/// The input of a chunk's planner, and of the writer of all of them.
fn input<'a>(
    ffmpeg: &'a Ffmpeg,
    (codec, container): (Option<VideoCodec>, FileFormat),
    (budget, largest): (&'a Budget, &'a Largest),
    look: &'a ReadyLook,
) -> PlanInput<'a> {
    let part = ClipPart::Chunk(look);
    PlanInput { ffmpeg, codec, container, budget, render_all: true, largest, may_grow: false, part }
}

impl Chunk<'_> {
    /// Makes the chunk: an object of its own, which only [`ChunkJoin`](crate::ChunkJoin) reads. The same inputs give
    /// the same bytes wherever the encoder does.
    ///
    /// # Errors
    /// [`Error`] as of a clip, and [`ChunkFault::Stale`] if the plan is of another program or another ffmpeg.
    pub async fn make<S: Source, K: Sink>(
        &self,
        source: Arc<S>,
        ffmpeg: &Ffmpeg,
        sink: &K,
    ) -> Result<MadeChunk<<K::Writer as ClipWriter>::Written>, Error> {
        let Self { plan, n, gauge } = self;
        let look = plan.look()?;
        let (from, until) =
            plan.part(*n).ok_or_else(|| ChunkFault::Stale.because(format!("the plan has no chunk {n}")))?;
        plan.check_program(ffmpeg, &look).await?;
        let selection = plan.selection()?;
        let recording = Recording::open_as_listed(source, &selection, plan.lists()).await?;
        plan.check_window(&recording.window)?;
        let stats = gauge.begin(plan.unfit());
        // Its time is its caller's: what a chunk takes was estimated when it was planned.
        let budget = Budget::new(Instant::now(), until - from, ffmpeg.memory());
        let largest = Largest::default();
        let input = input(ffmpeg, (selection.codec, plan.container()?), (&budget, &largest), &look);
        let mut object = ObjectWriter::new(sink.begin(false).await?, plan.digest(), *n, from)?;
        let mut video = recording.pictures().part(from, until);
        let ((first, _jpeg), (pending, mut ready)) = (FirstFrame::new(false), mpsc::channel(WAITING));
        let place = WindowPlace { number: 0, window: recording.window.part(from, until), shift: Nanos::ZERO };
        let planning = async {
            let mut planner = Planner::new(&input, place, pending, first, Arc::clone(&stats));
            planner.plan(place, &mut video).await?;
            planner.finish().await
        };
        let writing = async {
            while let Some(next) = ready.recv().await {
                let run = next.run.clone();
                let block = next.block().await?;
                let last = block.pictures.iter().map(|picture| picture.pts).max();
                object.add(block).await?;
                stats.written(last.map_or(Nanos::ZERO, |last| last - from), run.as_ref());
            }
            Ok(object)
        };
        let ((), object) = tokio::try_join!(Box::pin(planning), writing)?;
        let (ends, notes) = (video.ends(), recording.reader.notes());
        let ending = Ending {
            goes_on_before: ends.goes_on_before,
            goes_on_behind: ends.goes_on_behind,
            bare: video.bare(),
            left_out: stats.left_out(),
            lost: stats.lost().into_iter().map(str::to_owned).collect(),
            warnings: notes.warnings(),
        };
        let (written, pictures) = object.finish(ending).await?;
        Ok(MadeChunk { written, pictures, bytes_read: recording.reader.bytes(), plan: stats.plan() })
    }
}
