//! The end of a window, looked at before its turn: what is rendered there seldom depends on what precedes its segment.

use super::{coded, picture_of};
use crate::Source;
use crate::codec::picture::Coded;
use crate::error::Error;
use crate::source::{Media, Segments, Track};
use export_media::cut::{Access, Cutter, Method, Run, Step, can_be_spliced};
use export_media::nal::Picture;
use export_media::repair::settle_times;
use export_media::sample::{Display, Sample};
use export_media::stretch::Bounds;
use export_media::time::Nanos;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The segment with the end of a window, on its way.
pub(crate) struct WindowEnd {
    track: Arc<Track>,
    until: Nanos,
    media: oneshot::Receiver<Media>,
}

impl WindowEnd {
    /// Has the segment fetched that holds what is before `until`; `None` if it is not worth it.
    pub(super) fn fetch<O: Source>(
        segments: &mut Segments<O>,
        track: &Arc<Track>,
        until: Nanos,
    ) -> Result<Option<Self>, Error> {
        let media = segments.fetch_end()?;
        Ok(media.map(|media| Self { track: Arc::clone(track), until, media }))
    }

    /// The tail, if the copy goes on up to it and nothing is wrong with the segment. `None` if there is none, or if the
    /// segment alone does not tell.
    pub(crate) async fn tail(self) -> Option<Run<Coded>> {
        let mut media = self.media.await.ok().filter(|media| !media.damaged)?;
        let pictures = media.samples.iter().map(|sample| picture_of(&self.track, &media, sample).ok()?.ok());
        let pictures: Vec<Picture> = pictures.collect::<Option<_>>()?;
        if !settle_times(&mut media.samples, &pictures).is_empty() {
            return None;
        }
        let display = Display::of(&media.samples, &media.behind);
        let coded = |(sample, picture): (&Sample, Picture)| {
            let sample = (sample, display.behind(sample.pts).filter(|_| display.is_uneven(true)));
            coded(&self.track, &media, sample, picture).map(Coded::access)
        };
        let accesses: Result<Vec<_>, _> = media.samples.iter().zip(pictures).map(coded).collect();
        tail(accesses.ok()?, self.until)
    }
}

/// What is rendered before `until`, by the pictures up to there alone.
fn tail(mut accesses: Vec<Access<Coded>>, until: Nanos) -> Option<Run<Coded>> {
    accesses.truncate(accesses.iter().rposition(|access| access.pts < until)? + 1);
    let mut accesses = accesses.into_iter().skip_while(|access| !can_be_spliced(access));
    let first = accesses.next()?;
    let mut cutter = Cutter::new(first.pts, until, Method::Copy);
    cutter.begin(first, Bounds::default());
    for access in accesses {
        cutter.push(access).ok()?;
    }
    match cutter.end(None).ok()?.pop() {
        Some(Step::Render(run)) => Some(run).filter(|run| run.joins),
        _ => None,
    }
}
