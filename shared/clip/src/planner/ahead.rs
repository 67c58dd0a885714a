//! The tail of a clip, rendered before its turn: while the pictures between the window's ends are still on their way.

use super::{Stretch, encoding_beside, over, render_beside};
use crate::codec::encode::EncodeRequest;
use crate::codec::picture::Coded;
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::stats::Stats;
use crate::task::Task;
use crate::video::WindowEnd;
use crate::write::assembly::ClipSample;
use export_media::cut::{Access, Run};
use export_media::ffmpeg::FileFormat;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// A tail that is being rendered. It is thrown away if another one turns out to be wanted.
pub(super) struct TailAhead {
    /// The run, as soon as it is known.
    told: Option<oneshot::Receiver<Run<Coded>>>,
    run: Option<Run<Coded>>,
    pictures: Task<Result<Vec<ClipSample>, Error>>,
    /// Counted apart, as it may be of no use.
    stats: Arc<Stats>,
}

/// The means to render it.
pub(super) struct TailMeans {
    pub(super) ffmpeg: Ffmpeg,
    pub(super) container: FileFormat,
    pub(super) stretch: Stretch,
    /// Runs that may be rendered side by side.
    pub(super) turns: Arc<Semaphore>,
}

impl TailAhead {
    /// Renders the tail at `end`, if that has one.
    pub(super) fn begin(end: WindowEnd, means: TailMeans) -> Self {
        let (tells, told) = oneshot::channel();
        let stats = Arc::new(Stats::default());
        let apart = Arc::clone(&stats);
        let pictures = Task::spawn(async move {
            let Some(run) = end.tail().await else { return Ok(Vec::new()) };
            // The planner may have ended.
            let _ = tells.send(run.clone());
            let _turn = means.turns.acquire().await.map_err(|_| over())?;
            let Stretch { clip, setup, .. } = means.stretch;
            let encoding = encoding_beside(&setup, &clip, &run, false)?;
            let (format, look, gauge) = (clip.format, Arc::clone(&clip.config), apart.begin_run());
            let request = EncodeRequest { setup, format, look, encoding, run, first: None, gauge };
            render_beside(&means.ffmpeg, request, &clip, means.container, &apart).await
        });
        Self { told: Some(told), run: None, pictures, stats }
    }

    /// Returns `true` if `run` is what it renders.
    pub(super) async fn renders(&mut self, run: &Run<Coded>) -> bool {
        if let Some(told) = self.told.take() {
            self.run = told.await.ok();
        }
        self.run.as_ref().is_some_and(|own| is_same(own, run))
    }

    /// The pictures; what they cost is added to `stats`.
    pub(super) fn counted_in(self, stats: Arc<Stats>) -> Task<Result<Vec<ClipSample>, Error>> {
        Task::spawn(async move {
            let pictures = self.pictures.await??;
            stats.add(&self.stats);
            Ok(pictures)
        })
    }
}

/// Returns `true` if the two come out alike.
fn is_same(one: &Run<Coded>, other: &Run<Coded>) -> bool {
    let bounds = |run: &Run<Coded>| (run.from, run.until, run.joins, run.feed.len(), run.after.len());
    let alike = |(a, b): (&Access<Coded>, &Access<Coded>)| {
        (a.pts, a.duration, a.picture) == (b.pts, b.duration, b.picture) && a.item.is_same(&b.item)
    };
    let mut pairs = one.feed.iter().zip(&other.feed).chain(one.after.iter().zip(&other.after));
    bounds(one) == bounds(other) && pairs.all(alike)
}
